/* test_score_sde.c -- SDEs forwards and backwards with the exact denoiser: closed forms, identities, figures. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

static const double NOISE = 0.05;
static df_mixture mixture; /* of the roll */
static df_denoiser exact;

static void open_roll(void)
{
    df_cloud cloud;
    CHECK(df_cloud_open(&cloud, &arena, df_find_shape("swissroll"), NOISE, &error) == DF_OK);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 320, &error) == DF_OK); /* less than 0.05 apart */
    exact = df_denoiser_of_mixture(&mixture);
}

/* ---- the forward SDEs ---- */

enum { VE, VP, SUB_VP, SDES };
static const char *const schedules[SDES] = {
    "beta-schedule=geometric sigma-start=0.01 sigma-end=10", "beta-schedule=linear", "beta-schedule=sub-vp"};

static df_schedule schedule_of(int sde)
{
    df_schedule_config config;
    df_schedule schedule = {0};
    df_settings settings = {.table = df_schedule_options, .values = &config};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, "shift=1 timesteps=10000", &arena, &error) == DF_OK);
    CHECK(df_settings_apply(list, schedules[sde], &arena, &error) == DF_OK);
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    return schedule;
}

/* The mean and the variance of 10,000 Euler-Maruyama steps from a point (Eq. 9, 11, 12): those of a step are linear in
 * those before, so that no chance is needed. sigma / alpha after each is that of the schedule. */
static void test_forward(void)
{
    enum { STEPS = 10000 };
    double variance_of_vp[STEPS + 1] = {0};
    for (int sde = VP; sde <= SUB_VP; sde++) {
        const df_schedule schedule = schedule_of(sde);
        double mean = 1, variance = 0, sum = 0, worst = 0;
        for (size_t t = 1; t <= STEPS; t++) {
            const double beta = 0.1 + ((double)t - 0.5) / STEPS * (20 - 0.1), step = beta / STEPS;
            const double g2 = sde == VP ? beta : beta * (1 - exp(-2 * (sum + step / 2)));
            mean *= 1 - step / 2;
            variance = square(1 - step / 2) * variance + g2 / STEPS;
            sum += step;
            if (sde == VP) variance_of_vp[t] = variance;
            else CHECK(variance <= variance_of_vp[t]);
            const df_level level = schedule.levels[t];
            const double off = fabs(log(sqrt(variance) / mean * level.alpha / level.sigma));
            if (t >= 100 && !(off <= worst)) worst = off;
        }
        printf("%s: 10,000 Euler-Maruyama steps have its sigma / alpha up to %.2g\n", schedules[sde], worst);
        CHECK_BETWEEN(0, worst, 0.01);
    }
    const df_schedule schedule = schedule_of(VE);
    const double smin = 0.01, smax = 10;
    double variance = smin * smin;
    for (size_t t = 1; t < STEPS; t++) {
        const double sigma = smin * pow(smax / smin, ((double)t - 0.5) / (STEPS - 1));
        variance += square(sigma) * 2 * log(smax / smin) / (STEPS - 1);
        CHECK_NEAR(sqrt(variance) / schedule.levels[t + 1].sigma * schedule.levels[t + 1].alpha, 1, 1e-3);
    }
}

/* ---- walks ---- */

typedef struct options {
    _Alignas(max_align_t) char bytes[DF_SAMPLER_OPTIONS];
} options;

static df_sampling prepare(options *o, const char *name, const char *assignments, const df_level *levels, size_t steps)
{
    const df_sampler *sampler = df_find_sampler(name, NULL);
    df_settings settings = {.table = sampler->options, .values = o};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    return (df_sampling){.denoiser = &exact, .sampler = sampler, .options = o, .levels = levels, .steps = steps,
                         .seed = 1};
}

/* n points from the same starts as always; returns calls of the denoiser for each. */
static double walk(double *x, size_t n, const char *name, const char *assignments, const df_level *levels, size_t steps)
{
    options o;
    df_sampling s = prepare(&o, name, assignments, levels, steps);
    CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
    df_sampling_start(&s, 0, n, x);
    CHECK(df_sampling_run(&s, 0, n, x, &error) == DF_OK);
    return (double)df_sampling_calls(&s) / (double)n;
}

/* `steps` noisy levels, sigma / alpha from `most` to `least` in equal factors, then clean data. */
static df_level *geometric(double most, double least, size_t steps)
{
    df_level *levels = reserve(steps + 1, sizeof *levels);
    for (size_t i = 0; i < steps; i++)
        levels[i] = df_level_from_ratio(most * pow(least / most, (double)i / (double)(steps - 1)));
    levels[steps] = (df_level){1, 0};
    return levels;
}

static double largest_gap(const double *a, const double *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= most)) most = fabs(a[i] - b[i]);
    return most;
}

/* Eq. 47 is the posterior that DDPM steps back with, in other units. */
static void test_ancestral_is_ddpm(void)
{
    double ve[128], ddpm[128], fine[128], coarse[128];
    const df_level *levels = geometric(15, 0.02, 12);
    walk(ve, 64, "pc", "sde=ve predictor=ancestral corrector-steps=0", levels, 12);
    walk(ddpm, 64, "ddpm", "", levels, 12);
    CHECK_BETWEEN(0, largest_gap(ve, ddpm, 128), 1e-9);
    /* and to first order in the step all predictors of an SDE are one */
    levels = geometric(2, 1.99, 2);
    for (int sde = VP; sde <= SUB_VP; sde++) {
        const char *name = sde == VP ? "vp" : "sub-vp";
        char line[100];
        snprintf(line, sizeof line, "sde=%s predictor=reverse-diffusion corrector-steps=0", name);
        walk(fine, 64, "pc", line, levels, 1);
        snprintf(line, sizeof line, "sde=%s predictor=euler-maruyama corrector-steps=0", name);
        walk(coarse, 64, "pc", line, levels, 1);
        CHECK_BETWEEN(0, largest_gap(fine, coarse, 128), 1e-4);
        snprintf(line, sizeof line, "sde=%s predictor=ancestral corrector-steps=0", name);
        walk(coarse, 64, "pc", line, levels, 1);
        CHECK_BETWEEN(0, largest_gap(fine, coarse, 128), 2e-3);
    }
}

/* VE has no level that is all noise, and says so. */
static void test_pure_noise(void)
{
    const df_level levels[] = {{0, 1}, {0.6, 0.8}, {1, 0}};
    double x[20];
    options o;
    df_sampling s = prepare(&o, "pc", "sde=ve", levels, 2);
    CHECK(df_sampling_init(&s, &arena, &error) == DF_USAGE && strstr(error.message, "pure noise"));
    walk(x, 10, "pc", "sde=sub-vp", levels, 2);
    walk(x, 10, "rk45", "", levels, 2);
}

/* No row's steps depend on another's, and calls are counted by row. */
static void test_rows(void)
{
    enum { N = 70 };
    double all[2 * N], some[2 * N], calls = 0;
    const df_level *levels = geometric(20, 0.01, 2);
    options o;
    df_sampling s = prepare(&o, "rk45", "", levels, 2);
    const double mean = walk(all, N, "rk45", "", levels, 2);
    CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
    for (size_t r = 0; r < N; r++) {
        const uint64_t before = df_sampling_calls(&s);
        df_sampling_start(&s, r, 1, some + 2 * r);
        CHECK(df_sampling_run(&s, r, 1, some + 2 * r, &error) == DF_OK);
        CHECK((df_sampling_calls(&s) - before) % 6 == 2); /* both ends, and six more a step */
        calls += (double)(df_sampling_calls(&s) - before) / N;
    }
    CHECK(memcmp(all, some, sizeof all) == 0);
    CHECK_NEAR(calls, mean, 1e-9);
}

/* ---- the law of the samples ---- */

static df_curve_fit fit_of(const double *x, size_t n)
{
    df_curve_fit fit = {0};
    CHECK(df_curve_compare(&fit, &arena, mixture.nodes, mixture.count, NOISE, x, n, NULL, &error) == DF_OK);
    return fit;
}

/* The ODE and every solver of the reverse SDEs, in a thousand steps. Over six seeds: thickness 0.94 to 1.07, ks at
 * most 0.072, distance at most 0.137. */
static void test_equal_marginals(void)
{
    enum { N = 600, STEPS = 1000 };
    static const char *const ways[][2] = {
        {"rk45", ""},
        {"pc", "sde=vp predictor=euler-maruyama corrector-steps=0"},
        {"pc", "sde=ve predictor=reverse-diffusion corrector-steps=0"},
        {"pc", "sde=ve predictor=ancestral corrector-steps=0"},
        {"pc", "sde=sub-vp predictor=euler-maruyama corrector-steps=0"}};
    static double x[2 * N], truth[2 * N];
    CHECK(df_mixture_points(truth, NULL, &mixture, 7, 0, N, &arena, &error) == DF_OK);
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        const size_t steps = k == 0 ? 2 : STEPS;
        double distance = 0;
        walk(x, N, ways[k][0], ways[k][1], geometric(20, 0.01, steps), steps);
        const df_pair pair = {.dim = 2, .n = N, .m = N, .x = x, .y = truth};
        const df_curve_fit fit = fit_of(x, N);
        CHECK(df_sliced_w2(&distance, &arena, &pair, &error) == DF_OK);
        printf("%s %s, %zu steps: thickness %.3f, ks %.4f, sliced W2 %.4f\n", ways[k][0], ways[k][1], steps,
               fit.thickness, fit.ks, distance);
        CHECK_BETWEEN(0.9, fit.thickness, 1.1);
        CHECK_BETWEEN(0, fit.ks, 0.08);
        CHECK_BETWEEN(0, distance, 0.17); /* two true samples of 600: 0.1 */
    }
}

/* A corrector mends a coarse predictor; with as many calls the predictor alone does as well. Over six seeds: ks of P
 * 0.051 to 0.064, of PC 0.031 to 0.047, of P with twice the steps 0.020 to 0.034. */
static void test_corrector(void)
{
    enum { N = 10000 };
    static double x[2 * N];
    const char *const ve = "sde=ve predictor=reverse-diffusion snr=0.16";
    char line[100];
    df_curve_fit fit[3];
    for (int k = 0; k < 3; k++) {
        const size_t steps = k == 2 ? 40 : 20;
        snprintf(line, sizeof line, "%s corrector-steps=%d", ve, k == 1);
        const double calls = walk(x, N, "pc", line, geometric(10, 0.02, steps), steps);
        fit[k] = fit_of(x, N);
        printf("%s, %g calls: thickness %.3f, ks %.4f\n", k == 1 ? "PC" : "P", calls, fit[k].thickness, fit[k].ks);
        CHECK(calls == (k == 0 ? 20 : 40));
    }
    CHECK(fit[1].ks < fit[0].ks);
    CHECK_NEAR(fit[0].thickness, 1.17, 0.06);
    CHECK_NEAR(fit[1].thickness, 1.04, 0.06);
}

/* ---- likelihood and ODE ---- */

/* Mean error of ln p by the ODE in 50 steps, and what is lost by beginning at a higher noise. */
static void test_likelihood(void)
{
    enum { N = 300 };
    static const double least[] = {0.005, 0.02, 0.05}, lost[] = {0, 0.006, 0.099}, spread[] = {0.001, 0.004, 0.01};
    double *x = draw(&mixture, 3, N), got[N];
    for (size_t k = 0; k < 3; k++) {
        double error_mean = 0, bias = 0;
        df_flow flow = {.denoiser = &exact, .from = least[k], .to = 50, .steps = 50};
        CHECK(df_flow_init(&flow, &arena, &error) == DF_OK);
        CHECK(df_log_likelihood(got, &flow, x, N, NULL, &arena, &error) == DF_OK);
        for (size_t r = 0; r < N; r++) {
            const double truth = df_mixture_log_density(&mixture, 1, 0, x + 2 * r);
            const double noised = df_mixture_log_density(&mixture, 1, least[k], x + 2 * r);
            error_mean += fabs(got[r] - noised) / N;
            bias += (truth - got[r]) / N;
        }
        printf("likelihood from sigma %g: off by %.2g nats on average, bias %.4f\n", least[k], error_mean, bias);
        CHECK_BETWEEN(0, error_mean, 3e-4);
        CHECK_NEAR(bias, lost[k], spread[k]);
    }
}

/* Calls and error against a solution by small steps, as the tolerance shrinks. */
static void test_tolerance(void)
{
    enum { N = 200 };
    static const char *const settings[] = {"rtol=1e-3 atol=1e-3", "rtol=1e-4 atol=1e-4", "rtol=1e-5 atol=1e-5",
                                           "rtol=1e-6 atol=1e-6", "rtol=1e-7 atol=1e-7"};
    const df_level *levels = geometric(20, 0.01, 2);
    double fine[2 * N], x[2 * N], gap[N], calls = 0, miss = HUGE_VAL;
    const df_sampling start = {.denoiser = &exact, .levels = levels, .seed = 1};
    df_flow flow = {.denoiser = &exact, .from = 20, .to = 0.01, .steps = 1000};
    CHECK(df_flow_init(&flow, &arena, &error) == DF_OK);
    df_sampling_start(&start, 0, N, fine);
    for (size_t i = 0; i < 2 * N; i++) fine[i] /= levels[0].alpha;
    for (size_t r = 0; r < N; r += 50) df_flow_run(&flow, fine + 2 * r, NULL, 50);
    for (size_t i = 0; i < 2 * N; i++) fine[i] *= levels[1].alpha;
    for (size_t k = 0; k < 5; k++) {
        const double before = calls, before_miss = miss;
        calls = walk(x, N, "rk45", settings[k], levels, 1);
        for (size_t r = 0; r < N; r++) gap[r] = hypot(x[2 * r] - fine[2 * r], x[2 * r + 1] - fine[2 * r + 1]);
        miss = median(gap, N);
        printf("rk45 %s: %.1f calls a point, median error %.2g\n", settings[k], calls, miss);
        CHECK(calls > before && miss < before_miss);
    }
    CHECK_BETWEEN(0, miss, 1e-6);
}

int main(void)
{
    open_roll();
    test_forward();
    test_ancestral_is_ddpm();
    test_pure_noise();
    test_rows();
    test_likelihood();
    test_tolerance();
    test_equal_marginals();
    test_corrector();
    df_arena_free(&arena);
    return CHECK_DONE();
}
