/* test_analytic.c -- the variances of Analytic-DPM on the roll, with the exact denoiser. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

static df_mixture roll;
static df_denoiser oracle;

static void make_schedule(df_schedule *schedule, const char *assignments)
{
    df_schedule_config config;
    df_settings settings = {.table = df_schedule_options, .values = &config};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    CHECK(df_schedule_init(schedule, &config, &arena, &error) == DF_OK);
}

/* Every step, from the noisiest down. */
static const df_level *schedule_levels(const char *assignments, size_t *steps)
{
    df_schedule schedule = {0};
    make_schedule(&schedule, assignments);
    df_level *levels = reserve(schedule.steps + 1, sizeof *levels);
    for (size_t t = 0; t <= schedule.steps; t++) levels[schedule.steps - t] = schedule.levels[t];
    *steps = schedule.steps;
    return levels;
}

static df_sampling prepare(const char *name, const char *assignments, const df_level *levels, size_t steps)
{
    void *options = reserve(1, DF_SAMPLER_OPTIONS);
    df_sampling sampling = {.denoiser = &oracle, .sampler = df_find_sampler(name, NULL), .options = options,
                            .levels = levels, .steps = steps, .seed = 2};
    df_settings settings = {.table = sampling.sampler->options, .values = options};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    return sampling;
}

/* ---- what the pilots find ---- */

enum { POINTS = 2000 };

/* Means over true points at one level: of |eps|^2/d, of tr Cov(x0 | x)/d. */
typedef struct truth {
    estimate length, covariance;
} truth;

static truth truth_at(df_level level, const double *points)
{
    static double length[POINTS], covariance[POINTS];
    for (size_t r = 0; r < POINTS; r++) {
        double eps[2], x[2], mean[2], matrix[4];
        df_normals(eps, (df_place){.seed = 12, .index = r}, 0);
        df_add_noise(x, level, points + 2 * r, eps, 2);
        df_mixture_posterior(&(df_posterior){.mean = mean, .covariance = matrix}, &roll, level.alpha, level.sigma, x);
        covariance[r] = 0.5 * (matrix[0] + matrix[3]);
        length[r] = 0;
        for (size_t i = 0; i < 2; i++) length[r] += 0.5 * square((x[i] - level.alpha * mean[i]) / level.sigma);
    }
    return (truth){estimate_of(length, POINTS), estimate_of(covariance, POINTS)};
}

static void test_pilot(void)
{
    size_t steps;
    const df_level *levels = schedule_levels("beta-schedule=cosine shift=1 timesteps=40", &steps);
    const df_sampling sampling = prepare("analytic_dpm", "", levels, steps);
    const double *points = draw(&roll, 3, POINTS);
    double worst = 0;
    for (size_t i = 0; i < steps; i++) {
        const truth t = truth_at(levels[i], points);
        const double ratio2 = square(levels[i].sigma / levels[i].alpha), found = sampling.walks->pilot[i];
        CHECK(t.length.mean < 1 + ERRORS * t.length.error);
        CHECK_NEAR(ratio2 * (1 - t.length.mean), t.covariance.mean,
                   ERRORS * (ratio2 * t.length.error + t.covariance.error)); /* the paper's identity */
        CHECK_NEAR(found / t.covariance.mean, 1, 0.2);
        if (ratio2 < 1) worst = fmax(worst, fabs(found / t.covariance.mean - 1));
    }
    printf("pilots: C is off by at most %.3f of itself below sigma/alpha 1\n", worst);
    CHECK_BETWEEN(0, worst, 0.1);
}

/* ---- the bound ---- */

/* The part of one point in the bound on -ln p, in bits, with E |x0 - D|^2 given x in place of a sample of it. */
static double bound_of_point(const df_sampling *s, const double *x0, size_t r)
{
    const df_level most = s->levels[0];
    double total = -2 * log(most.sigma);
    for (size_t i = 0; i < 2; i++) total += 0.5 * (square(most.alpha * x0[i]) + square(most.sigma) - 1);
    for (size_t i = 0; i < s->steps; i++) {
        const df_level t = s->levels[i];
        const double *found = s->walks->pilot ? s->walks->pilot + i : NULL;
        const df_kernel k = s->sampler->kernel(s->options, found, t, s->levels[i + 1]);
        double eps[2], x[2], mean[2], c[4];
        df_normals(eps, (df_place){.seed = 17, .index = r, .step = (uint32_t)i}, 0);
        df_add_noise(x, t, x0, eps, 2);
        df_mixture_posterior(&(df_posterior){.mean = mean, .covariance = c}, &roll, t.alpha, t.sigma, x);
        if (i + 1 < s->steps)
            total += log(k.variance / k.posterior) + k.posterior / k.variance - 1 +
                     square(k.of_x0) * (c[0] + c[3]) / (2 * k.variance);
        else if (s->walks->pilot) total += log(2 * DF_PI * k.variance) + (c[0] + c[3]) / (2 * k.variance);
        else total += log(2 * DF_PI) + 0.5 * log(c[0] * c[3]) + 1; /* the best decoder */
    }
    return total / log(2);
}

static void check_bound(size_t steps, double known, double learned)
{
    enum { N = 500 };
    static double analytic[N], gain[N];
    char line[80];
    snprintf(line, sizeof line, "beta-schedule=cosine shift=1 timesteps=%zu", steps);
    const df_level *levels = schedule_levels(line, &steps);
    const df_sampling a = prepare("analytic_dpm", "", levels, steps),
                      large = prepare("ddpm", "variance-type=fixed-large", levels, steps);
    const double *points = draw(&roll, 31, N);
    for (size_t r = 0; r < N; r++) {
        analytic[r] = bound_of_point(&a, points + 2 * r, r);
        gain[r] = bound_of_point(&large, points + 2 * r, r) - analytic[r];
    }
    const estimate bound = estimate_of(analytic, N), less = estimate_of(gain, N);
    printf("bound, T = %zu: %.3f +- %.3f bits, %.3f elsewhere; %.3f +- %.3f below DDPM's larger variance\n", steps,
           bound.mean, bound.error, known, less.mean, less.error);
    CHECK_NEAR(bound.mean, known, 0.06);
    CHECK(bound.mean > learned);
    CHECK(less.mean > ERRORS * less.error && less.mean > 0.05);
}

/* ---- samples ---- */

static df_curve_fit fit_of(const char *name, const char *options, const df_level *levels, size_t steps)
{
    enum { SAMPLES = 6000 };
    static double x[2 * SAMPLES];
    df_curve_fit fit = {0};
    df_sampling sampling = prepare(name, options, levels, steps);
    df_sampling_start(&sampling, 0, SAMPLES, x);
    CHECK(df_sampling_run(&sampling, 0, SAMPLES, x, &error) == DF_OK);
    CHECK(df_curve_compare(&fit, &arena, roll.nodes, roll.count, roll.s, x, SAMPLES, NULL, &error) == DF_OK);
    printf("%s %s, %zu steps: thickness %.3f, off %.4f, ks %.4f\n", name, options, steps, fit.thickness,
           fit.off_shape, fit.ks);
    return fit;
}

static void test_samples(void)
{
    enum { STEPS = 20 };
    df_schedule schedule;
    df_level levels[STEPS + 1];
    make_schedule(&schedule, "beta-schedule=linear shift=1");
    const df_grid_config config = {.steps = STEPS, .spacing = DF_SPACING_QUAD};
    CHECK(df_grid_init(levels, &config, &schedule, &error) == DF_OK);
    const df_curve_fit analytic = fit_of("analytic_dpm", "", levels, STEPS),
                       of_ddim = fit_of("analytic_dpm", "eta=0", levels, STEPS),
                       ddim = fit_of("ddim", "", levels, STEPS), small = fit_of("ddim", "eta=1", levels, STEPS),
                       large = fit_of("ddim", "sigma-hat=yes", levels, STEPS);
    CHECK_NEAR(analytic.thickness, 1.17, 0.07);
    CHECK_NEAR(large.thickness, 1.31, 0.07);
    CHECK(fabs(log(analytic.thickness)) < fmin(fabs(log(large.thickness)), fabs(log(small.thickness))));
    CHECK(analytic.ks < small.ks / 2 && of_ddim.ks < ddim.ks / 2);
}

/* Where nothing of the data is left, C is all of their variance; a chain without noise has no bound. */
static void test_ends(void)
{
    size_t steps;
    const df_level *levels = schedule_levels("zero-terminal-snr=yes timesteps=40", &steps);
    const df_sampling noise = prepare("analytic_dpm", "", levels, steps),
                      none = prepare("analytic_dpm", "eta=0", levels, steps);
    const df_bound bound = {.denoiser = &oracle, .sampler = none.sampler, .options = none.options, .levels = levels,
                            .steps = steps, .pilot = none.walks->pilot};
    double prior, *terms = reserve(steps, sizeof *terms), total;
    CHECK_NEAR(noise.walks->pilot[0], 1, 0.1);
    CHECK(df_bound_terms(&bound, &prior, terms, &total, roll.nodes, 1, &arena, &error) == DF_USAGE &&
          strstr(error.message, "no noise") != NULL);
}

int main(void)
{
    roll = open_shape("swissroll", 0.05);
    oracle = df_denoiser_of_mixture(&roll);
    test_pilot();
    check_bound(40, 1.84, 1.61);
    check_bound(100, 1.58, 1.48);
    test_samples();
    test_ends();
    df_arena_free(&arena);
    return CHECK_DONE();
}
