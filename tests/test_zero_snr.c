/* test_zero_snr.c -- the mean of samples of a roll around (4, 0), with the exact denoiser: what the trace of signal at
 * the last level costs. */
#include "exact.h"

#include "diffuse/paper.h"

enum { STEPS = 20, SAMPLES = 8000 };

static df_mixture roll;
static df_denoiser oracle;

static df_schedule schedule_from(const char *assignments)
{
    df_schedule_config config;
    df_schedule schedule = {0};
    df_settings settings = {.table = df_schedule_options, .values = &config};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    return schedule;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t r = 0; r < n; r++) sum += x[2 * r] / (double)n;
    return sum;
}

/* Of samples whose mean has a standard error of 0.011, from the same starts each time; the known figures have as much. */
static void check_bias(const char *assignments, int spacing, double eta, double known, double tolerance)
{
    static double x[2 * SAMPLES];
    df_level levels[STEPS + 1];
    const df_schedule schedule = schedule_from(assignments);
    const df_grid_config config = {.steps = STEPS, .spacing = spacing};
    struct {
        double eta;
        bool sigma_hat;
    } options = {.eta = eta};
    df_sampling sampling = {.denoiser = &oracle, .sampler = df_find_sampler("ddim", NULL), .options = &options,
                            .levels = levels, .steps = STEPS, .seed = 5};
    CHECK(df_grid_init(levels, &config, &schedule, &error) == DF_OK);
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    df_sampling_start(&sampling, 0, SAMPLES, x);
    CHECK(df_sampling_run(&sampling, 0, SAMPLES, x, &error) == DF_OK);
    const double bias = mean_of(x, SAMPLES) - 4;
    printf("%s, %s, eta %g: bias %.3f, %.3f elsewhere\n", assignments, spacing == DF_SPACING_LEADING ? "leading" : "trailing",
           eta, bias, known);
    CHECK_NEAR(bias, known, tolerance);
}

/* From pure noise D is the mean of the data. */
static void test_first_answer(void)
{
    const double x[4] = {2.385, -1, -0.7, 0.077};
    double x0[4], mean[2], covariance[4];
    const df_level noise = {0, 1};
    oracle.answer(oracle.self, &(df_question){.n = 2, .x = x, .level = &noise}, &(df_answer){.x0 = x0},
                  oracle.scratch(oracle.self, &arena, &error));
    df_mixture_moments(mean, covariance, &roll);
    for (size_t i = 0; i < 4; i++) CHECK_NEAR(x0[i], mean[i % 2], 1e-12);
    CHECK_NEAR(mean[0], 4, 0.01);
}

int main(void)
{
    static const char usual[] = "beta-schedule=scaled-linear beta-start=8.5e-4 beta-end=0.012 shift=1",
                      zero[] = "beta-schedule=scaled-linear beta-start=8.5e-4 beta-end=0.012 shift=1 zero-terminal-snr=yes",
                      ddpm[] = "beta-schedule=linear shift=1";
    roll = open_shape("swissroll", 0.1);
    for (size_t k = 0; k < roll.count; k++) roll.nodes[2 * k] += 4;
    oracle = df_denoiser_of_mixture(&roll);
    check_bias(usual, DF_SPACING_LEADING, 0, -0.330, 0.04);
    check_bias(usual, DF_SPACING_TRAILING, 0, -0.226, 0.04);
    check_bias(usual, DF_SPACING_TRAILING, 1, -0.02, 0.04); /* noise on the way hides it */
    check_bias(zero, DF_SPACING_LEADING, 0, -0.074, 0.04);
    check_bias(zero, DF_SPACING_TRAILING, 0, -0.006, 0.02);
    check_bias(ddpm, DF_SPACING_TRAILING, 0, -0.03, 0.03);
    test_first_answer();
    df_arena_free(&arena);
    return CHECK_DONE();
}
