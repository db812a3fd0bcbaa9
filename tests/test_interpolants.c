/* test_interpolants.c -- flow matching and stochastic interpolants with the exact denoiser: 2210.02747, 2401.08740. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

enum { N = 4000, FEW = 700 };

static df_mixture roll;
static df_denoiser exact;
static df_schedule schedule;

static void open_roll(void)
{
    roll = open_scaled("swissroll");
    exact = df_denoiser_of_mixture(&roll);
    const df_schedule_config config = {.beta_schedule = DF_BETA_FLOW, .timesteps = 1000, .shift = 1};
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
}

static double *sample(const char *name, const char *settings, int spacing, size_t steps, size_t n)
{
    static _Alignas(max_align_t) char options[DF_SAMPLER_OPTIONS];
    const df_sampler *sampler = df_find_sampler(name, NULL);
    df_settings values = {.table = sampler->options, .values = options}, *list[] = {&values, NULL};
    df_settings_defaults(&values);
    CHECK(df_settings_apply(list, settings, &arena, &error) == DF_OK);
    df_level *levels = reserve(steps + 1, sizeof *levels);
    const df_grid_config grid = {.steps = steps, .spacing = spacing, .sigma_min = 0.005, .sigma_max = 50, .rho = 7};
    CHECK(df_grid_init(levels, &grid, &schedule, &error) == DF_OK);
    df_sampling s = {.denoiser = &exact, .sampler = sampler, .options = options, .levels = levels, .steps = steps};
    CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
    double *x = reserve(2 * n, sizeof *x);
    df_sampling_start(&s, 0, n, x);
    CHECK(df_sampling_run(&s, 0, n, x, &error) == DF_OK);
    return x;
}

static double energy(const double *x, const double *truth, size_t n)
{
    double value = (double)NAN;
    const df_pair pair = {.dim = 2, .n = n, .m = n, .x = x, .y = truth};
    CHECK(df_energy_distance(&value, &arena, &pair, &error) == DF_OK);
    return value;
}

/* median |r| / (0.6745 s) */
static double thickness(const double *x, size_t n)
{
    df_curve_fit fit = {.thickness = (double)NAN};
    CHECK(df_curve_compare(&fit, &arena, roll.nodes, roll.count, roll.s, x, n, NULL, &error) == DF_OK);
    return fit.thickness;
}

/* The yardstick of few-step papers: what Euler's method alone costs on straight lines. */
static void test_euler_steps(const double *truth)
{
    static const struct { size_t steps; double want, within; } table[] = {
        {1, 0.87, 0.05}, {2, 0.16, 0.015}, {4, 0.032, 0.004}, {8, 0.0067, 0.0025}, {16, 0.0019, 0.002}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        CHECK_NEAR(energy(sample("flow", "method=euler", DF_SPACING_FLOW, table[i].steps, N), truth, N), table[i].want,
                   table[i].within);
    CHECK_BETWEEN(-0.002, energy(sample("flow", "method=midpoint", DF_SPACING_FLOW, 8, N), truth, N), 0.002);
}

/* Euler on straight lines is DDIM on the same levels. */
static void test_euler_is_ddim(void)
{
    const double *a = sample("flow", "method=euler", DF_SPACING_FLOW, 20, 200),
                 *b = sample("ddim", "", DF_SPACING_FLOW, 20, 200);
    for (size_t i = 0; i < 400; i++) CHECK_NEAR(a[i], b[i], 1e-12);
}

static double median_distance(const double *a, const double *b, size_t n)
{
    double *apart = reserve(n, sizeof *apart);
    for (size_t r = 0; r < n; r++) apart[r] = hypot(a[2 * r] - b[2 * r], a[2 * r + 1] - b[2 * r + 1]);
    return median(apart, n);
}

/* Twice the steps, a quarter of the error. */
static void test_orders(void)
{
    static const char *const methods[] = {"method=midpoint", "method=heun"};
    enum { ROWS = 200 };
    const double *fine = sample("flow", "method=midpoint", DF_SPACING_FLOW, 1000, ROWS);
    for (size_t m = 0; m < 2; m++) {
        const double coarse = median_distance(sample("flow", methods[m], DF_SPACING_FLOW, 64, ROWS), fine, ROWS),
                     half = median_distance(sample("flow", methods[m], DF_SPACING_FLOW, 128, ROWS), fine, ROWS);
        CHECK_BETWEEN(1.7, log2(coarse / half), 2.5);
    }
}

/* After training the diffusion is free: the marginals stay. The energy distance hardly sees a thick roll, so the
 * thickness is asked for as well; a constant w still adds noise where the roll is thinner than a step of it. */
static void test_diffusions(const double *truth)
{
    static const char *const free_choices[] = {"none", "sigma", "sbdm", "decreasing", "cosine", "sine"};
    for (size_t w = 0; w < 6; w++)
        for (size_t path = 0; path < 2; path++) {
            char line[80];
            snprintf(line, sizeof line, "diffusion=%s path=%s", free_choices[w], path ? "gvp" : "linear");
            const double *x = sample("sit", line, DF_SPACING_FLOW, 200, FEW);
            CHECK_BETWEEN(-0.008, energy(x, truth, FEW), 0.008);
            CHECK_BETWEEN(0.9, thickness(x, FEW), 1.1);
        }
    const double *rough = sample("sit", "diffusion=constant", DF_SPACING_FLOW, 200, FEW),
                 *fine = sample("sit", "diffusion=constant", DF_SPACING_FLOW, 1000, FEW);
    CHECK_BETWEEN(-0.008, energy(rough, truth, FEW), 0.008);
    CHECK(thickness(rough, FEW) > 2 && thickness(fine, FEW) < 0.6 * thickness(rough, FEW));
}

/* What pairs cost: E |x0 - eps|^2, independent and within blocks of 64. */
static void test_coupling(const double *truth)
{
    static _Alignas(max_align_t) char options[DF_OBJECTIVE_OPTIONS];
    const df_objective *objective = df_find_objective("flow-matching", NULL);
    df_settings values = {.table = objective->options, .values = options}, *list[] = {&values, NULL};
    df_settings_defaults(&values);
    CHECK(!objective->coupled(options));
    CHECK(df_settings_apply(list, "coupling=ot", &arena, &error) == DF_OK);
    CHECK(objective->coupled(options));
    df_network network = {.config = {.dim = 2}};
    df_learning l = {.network = &network, .options = options};
    double x0[DF_ROWS * 2], eps[DF_ROWS * 2], apart = 0, coupled = 0, sums[2][2] = {{0}};
    l.x0 = x0;
    l.eps = eps;
    enum { BLOCKS = N / DF_ROWS };
    for (size_t b = 0; b < BLOCKS; b++) {
        memcpy(x0, truth + b * DF_ROWS * 2, sizeof x0);
        df_normal_rows(eps, DF_ROWS, 2, (df_place){.seed = 5, .index = b * DF_ROWS, .purpose = DF_FOR_NOISE});
        for (size_t i = 0; i < DF_ROWS * 2; i++) {
            apart += square(x0[i] - eps[i]) / (DF_ROWS * BLOCKS);
            sums[0][i % 2] += eps[i];
        }
        objective->couple(&l, DF_ROWS);
        for (size_t i = 0; i < DF_ROWS * 2; i++) {
            coupled += square(x0[i] - eps[i]) / (DF_ROWS * BLOCKS);
            sums[1][i % 2] += eps[i];
        }
    }
    CHECK_NEAR(apart, 3.98, 0.12);
    CHECK_NEAR(coupled, 0.411, 0.05 * 0.411);
    for (size_t i = 0; i < 2; i++) CHECK_NEAR(sums[0][i], sums[1][i], 1e-9); /* permuted, not replaced */
}

/* The score of a coupled model is not what its velocity says, so what needs it is refused. */
static void test_refusals(void)
{
    static const char *const refused[] = {"sit", "ddpm"}, *const allowed[] = {"flow", "ddim"};
    df_denoiser coupled = exact;
    coupled.independent = false;
    const df_level levels[] = {df_level_from_ratio(50), {1, 0}};
    df_arena memory = {0};
    for (size_t i = 0; i < 2; i++) {
        static _Alignas(max_align_t) char options[DF_SAMPLER_OPTIONS];
        df_sampling s = {.denoiser = &coupled, .sampler = df_find_sampler(refused[i], NULL), .options = options,
                         .levels = levels, .steps = 1};
        CHECK(df_sampling_init(&s, &memory, &error) == DF_USAGE && strstr(error.message, "were coupled"));
        s.sampler = df_find_sampler(allowed[i], NULL);
        CHECK(df_sampling_init(&s, &memory, &error) == DF_OK);
    }
    df_arena_free(&memory);
}

int main(void)
{
    open_roll();
    const double *truth = draw(&roll, 11, N);
    test_euler_steps(truth);
    test_euler_is_ddim();
    test_orders();
    test_diffusions(truth);
    test_coupling(truth);
    test_refusals();
    df_arena_free(&arena);
    return CHECK_DONE();
}
