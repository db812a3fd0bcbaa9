/* test_solvers.c -- how fast the solvers of the ODE converge on the roll, with the exact denoiser: all error is theirs.
 *
 * Walks end at the least noisy level of their grid and not at clean data, to which the step would be infinite in
 * ln(sigma/alpha). Errors are medians over starts, from the end that Runge-Kutta of order 4 reaches in 2,048 steps.
 */
#include "exact.h"

#include "diffuse/paper.h"

enum { STARTS = 2 * DF_ROWS, FINE = 2048, STEPS_MOST = 512 };

static const double NOISIEST = 20, CLEANEST = 0.01; /* sigma / alpha, as `diffuse sample` has them */
static df_denoiser oracle;
static double ends[2 * STARTS];

/* ---- walks ---- */

typedef struct setting {
    const char *name, *options;
} setting;

/* Evenly in ln(sigma / alpha), which is rho = infinity, or by Karras et al. */
static void lay(df_level *levels, size_t steps, double rho)
{
    for (size_t i = 0; i <= steps; i++) {
        const double place = (double)i / (double)steps, from = pow(NOISIEST, 1 / rho), to = pow(CLEANEST, 1 / rho);
        levels[i] = df_level_from_ratio(rho < HUGE_VAL ? pow(from + place * (to - from), rho)
                                                       : NOISIEST * pow(CLEANEST / NOISIEST, place));
    }
}

static df_sampling prepare(setting s, const df_level *levels, size_t steps)
{
    void *options = reserve(1, DF_SAMPLER_OPTIONS);
    df_sampling sampling = {.denoiser = &oracle, .sampler = df_find_sampler(s.name, NULL), .options = options,
                            .levels = levels, .steps = steps, .seed = 2};
    df_settings settings = {.table = sampling.sampler->options, .values = options};
    df_settings *const list[] = {&settings, NULL};
    if (settings.table) {
        df_settings_defaults(&settings);
        CHECK(df_settings_apply(list, s.options, &arena, &error) == DF_OK);
    }
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    return sampling;
}

static void walk(double *x, setting s, const df_level *levels, size_t steps)
{
    df_sampling sampling = prepare(s, levels, steps);
    df_sampling_start(&sampling, 0, STARTS, x);
    CHECK(df_sampling_run(&sampling, 0, STARTS, x, &error) == DF_OK);
}

static void follow_flow(void)
{
    const df_level noisy = df_level_from_ratio(NOISIEST), clean = df_level_from_ratio(CLEANEST);
    const df_sampling start = {.denoiser = &oracle, .levels = &noisy, .seed = 2};
    df_flow flow = {.denoiser = &oracle, .from = NOISIEST, .to = CLEANEST, .steps = FINE};
    CHECK(df_flow_init(&flow, &arena, &error) == DF_OK);
    df_sampling_start(&start, 0, STARTS, ends);
    for (size_t i = 0; i < 2 * STARTS; i++) ends[i] /= noisy.alpha;
    for (size_t r = 0; r < STARTS; r += DF_ROWS) df_flow_run(&flow, ends + 2 * r, NULL, DF_ROWS);
    for (size_t i = 0; i < 2 * STARTS; i++) ends[i] *= clean.alpha;
}

static double distance(const double *x, const double *y)
{
    double miss[STARTS];
    for (size_t r = 0; r < STARTS; r++) miss[r] = hypot(x[2 * r] - y[2 * r], x[2 * r + 1] - y[2 * r + 1]);
    return median(miss, STARTS);
}

static double error_of(setting s, size_t steps, double rho)
{
    double x[2 * STARTS];
    df_level levels[STEPS_MOST + 1];
    lay(levels, steps, rho);
    walk(x, s, levels, steps);
    return distance(x, ends);
}

/* Heun's method in y = x / alpha and q = sigma / alpha, two answers a step (Karras et al., 2206.00364, algorithm 1). */
static double error_of_heun(size_t steps, double rho)
{
    double x[2 * STARTS], x0[2 * STARTS], slope[2 * STARTS], y[2 * STARTS];
    df_level levels[STEPS_MOST + 1];
    void *scratch = oracle.scratch(oracle.self, &arena, &error);
    lay(levels, steps, rho);
    const df_sampling start = {.denoiser = &oracle, .levels = levels, .seed = 2};
    df_sampling_start(&start, 0, STARTS, x);
    for (size_t j = 0; j < 2 * STARTS; j++) x[j] /= levels[0].alpha;
    for (size_t i = 0; i < steps; i++) {
        const df_level s = {1, levels[i].sigma / levels[i].alpha}, t = {1, levels[i + 1].sigma / levels[i + 1].alpha};
        const double h = t.sigma - s.sigma;
        oracle.answer(oracle.self, &(df_question){.n = STARTS, .x = x, .level = &s}, &(df_answer){.x0 = x0}, scratch);
        for (size_t j = 0; j < 2 * STARTS; j++) {
            slope[j] = (x[j] - x0[j]) / s.sigma;
            y[j] = x[j] + h * slope[j];
        }
        oracle.answer(oracle.self, &(df_question){.n = STARTS, .x = y, .level = &t}, &(df_answer){.x0 = x0}, scratch);
        for (size_t j = 0; j < 2 * STARTS; j++) x[j] += 0.5 * h * (slope[j] + (y[j] - x0[j]) / t.sigma);
    }
    for (size_t j = 0; j < 2 * STARTS; j++) x[j] *= levels[steps].alpha;
    return distance(x, ends);
}

/* ---- orders ---- */

static const double EVEN = HUGE_VAL, KARRAS = 7;

static void check_order(setting s, double order)
{
    double before = 0;
    printf("%s %s:", s.name, s.options);
    for (size_t steps = 64; steps <= 256; steps *= 2) {
        const double missed = error_of(s, steps, KARRAS);
        printf(" %.2e", missed);
        if (before > 0) printf(" (%.3f)", log2(before / missed));
        if (before > 0) CHECK_NEAR(log2(before / missed), order, 0.1);
        before = missed;
    }
    printf("\n");
}

static void test_orders(void)
{
    for (const df_paper *const *paper = df_papers; *paper; paper++)
        for (const df_sampler *const *s = (*paper)->samplers; s && *s; s++)
            if ((*s)->order > 0 && !(*s)->adaptive) check_order((setting){(*s)->name, ""}, (*s)->order);
    check_order((setting){"dpmpp_2m", "solver-order=1"}, 1);
    check_order((setting){"unipc", "solver-order=1"}, 2); /* UniC on top of DDIM */
    check_order((setting){"unipc", "solver-order=1 disable-corrector=yes"}, 1);
    check_order((setting){"unipc", "disable-corrector=yes"}, 2);
}

/* The known errors were found elsewhere, on other starts and cut-offs. */
static void check_known(const char *name, double missed, double known)
{
    printf("32 steps, %s: %.2e, elsewhere %.1e\n", name, missed, known);
    CHECK_BETWEEN(known / 1.5, missed, known * 1.5);
}

/* One answer a step against Heun's two, at as many steps. */
static void test_against_heun(void)
{
    const setting two_m = {"dpmpp_2m", ""}, unipc = {"unipc", ""};
    const double even[] = {error_of(two_m, 32, EVEN), error_of_heun(32, EVEN)};
    const double karras[] = {error_of(two_m, 32, KARRAS), error_of_heun(32, KARRAS), error_of(unipc, 32, KARRAS)};
    check_known("even, 2M", even[0], 1.3e-3);
    check_known("even, Heun", even[1], 2.0e-3);
    check_known("rho 7, 2M", karras[0], 2.2e-3);
    check_known("rho 7, Heun", karras[1], 1.9e-3);
    check_known("rho 7, UniPC", karras[2], 5.1e-4);
    CHECK(even[0] < 0.75 * even[1]);
    CHECK_BETWEEN(karras[1], karras[0], 1.4 * karras[1]);
    CHECK(karras[2] < 0.5 * karras[1]);

    /* UniPC gets to 1e-3 with fewer answers than Heun does. */
    CHECK(error_of(unipc, 30, KARRAS) < 1e-3 && error_of_heun(30, KARRAS) > 1e-3);

    /* At 8 steps hardly anything lies between the three. */
    const double few[] = {error_of(two_m, 8, KARRAS), error_of(unipc, 8, KARRAS), error_of_heun(8, KARRAS)};
    printf("8 steps, rho 7: 2M %.3f, UniPC %.3f, Heun %.3f\n", few[0], few[1], few[2]);
    for (size_t i = 0; i < 3; i++) CHECK_BETWEEN(few[2] / 1.5, few[i], few[2] * 1.5);
}

/* ---- one solver by another ---- */

static void check_same(setting a, setting b, double tolerance)
{
    double x[2 * STARTS], y[2 * STARTS], most = 0;
    df_level levels[STEPS_MOST + 1];
    lay(levels, 20, KARRAS);
    levels[20] = (df_level){1, 0};
    walk(x, a, levels, 20);
    walk(y, b, levels, 20);
    for (size_t j = 0; j < 2 * STARTS; j++) most = fmax(most, fabs(x[j] - y[j]));
    CHECK_NEAR(most, 0, tolerance);
}

static void test_identities(void)
{
    const setting ddim = {"ddim", ""}, two_m = {"dpmpp_2m", ""};
    check_same((setting){"dpmpp_2m", "solver-order=1"}, ddim, 1e-12);
    check_same((setting){"unipc", "solver-order=1 disable-corrector=yes"}, ddim, 1e-12);
    check_same((setting){"unipc", "disable-corrector=yes"}, two_m, 1e-10);
    check_same((setting){"dpmpp_2m_sde", "eta=0"}, two_m, 1e-12);
}

static uint64_t calls_of(const char *name)
{
    double x[2 * DF_ROWS];
    df_level levels[STEPS_MOST + 1];
    lay(levels, 20, KARRAS);
    levels[20] = (df_level){1, 0};
    df_sampling sampling = prepare((setting){name, ""}, levels, 20);
    df_sampling_start(&sampling, 0, DF_ROWS, x);
    CHECK(df_sampling_run(&sampling, 0, DF_ROWS, x, &error) == DF_OK);
    return df_sampling_calls(&sampling);
}

/* As many as DDIM's 20; twice as many for 2S, except before clean data. */
static void test_calls(void)
{
    const uint64_t once = calls_of("ddim");
    CHECK(once > 0 && calls_of("dpmpp_2m") == once && calls_of("dpmpp_2m_sde") == once && calls_of("unipc") == once);
    CHECK(calls_of("dpmpp_2s") * 20 == once * 39);
}

/* ---- samples of few steps ---- */

static df_curve_fit fit_of(setting s, const df_mixture *roll, size_t steps)
{
    enum { SAMPLES = 6000 };
    static double x[2 * SAMPLES];
    df_level levels[STEPS_MOST + 1];
    df_curve_fit fit = {0};
    lay(levels, steps - 1, KARRAS);
    levels[steps] = (df_level){1, 0};
    df_sampling sampling = prepare(s, levels, steps);
    df_sampling_start(&sampling, 0, SAMPLES, x);
    CHECK(df_sampling_run(&sampling, 0, SAMPLES, x, &error) == DF_OK);
    CHECK(df_curve_compare(&fit, &arena, roll->nodes, roll->count, roll->s, x, SAMPLES, NULL, &error) == DF_OK);
    printf("%s %s, %zu steps: thickness %.3f, off %.4f, ks %.4f\n", s.name, s.options, steps, fit.thickness,
           fit.off_shape, fit.ks);
    return fit;
}

static void test_few_steps(const df_mixture *roll)
{
    const df_curve_fit ddim = fit_of((setting){"ddim", ""}, roll, 10),
                       two_m = fit_of((setting){"dpmpp_2m", ""}, roll, 10),
                       unipc = fit_of((setting){"unipc", ""}, roll, 10),
                       ddpm = fit_of((setting){"ddim", "eta=1"}, roll, 20),
                       sde = fit_of((setting){"dpmpp_2m_sde", ""}, roll, 20);
    CHECK(two_m.ks < ddim.ks && fabs(log(two_m.thickness)) < fabs(log(ddim.thickness)));
    CHECK(unipc.ks < ddim.ks);
    CHECK(sde.ks < ddpm.ks && fabs(log(sde.thickness)) < fabs(log(ddpm.thickness)));
}

int main(void)
{
    const df_mixture roll = open_shape("swissroll", 0.05);
    oracle = df_denoiser_of_mixture(&roll);
    follow_flow();
    test_orders();
    test_against_heun();
    test_identities();
    test_calls();
    test_few_steps(&roll);
    df_arena_free(&arena);
    return CHECK_DONE();
}
