/* test_ncsn.c -- annealed Langevin dynamics and its loss with the exact denoiser: identities, and figures. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

/* ---- the loss ---- */

/* Whatever is predicted, a score of 0 costs |eps|^2 / 2 at every level: a half for each dimension on average. */
static void test_weights(void)
{
    const df_objective *objective = df_find_objective("ncsn", NULL);
    const double x0[2] = {0.4, -1.3}, eps[2] = {1.1, 0.3}, nothing[2] = {0, 0};
    for (double ratio = 0.01; ratio < 30; ratio *= 1.9)
        for (df_prediction kind = DF_PREDICT_EPS; kind <= DF_PREDICT_VELOCITY; kind++) {
            const df_level level = df_level_from_ratio(ratio);
            const df_example example = {.prediction = kind, .level = level, .dim = 2, .x0 = x0, .eps = eps};
            double target[2], guess[2], x[2], clean[2], loss = 0;
            df_add_noise(x, level, x0, eps, 2);
            for (int i = 0; i < 2; i++) clean[i] = x[i] / level.alpha;
            const double weight = objective->target(&example, target);
            df_prediction_target(guess, kind, level, clean, nothing, 2);
            for (int i = 0; i < 2; i++) loss += weight * square(guess[i] - target[i]);
            CHECK_NEAR(loss / (0.5 * (square(eps[0]) + square(eps[1]))), 1, 1e-11);
        }
}

/* ---- walks ---- */

typedef struct options { /* as src/learn/ncsn.c lays them out, set by name */
    _Alignas(max_align_t) char bytes[DF_SAMPLER_OPTIONS];
} options;

static df_sampling langevin(options *o, const char *assignments, const df_denoiser *denoiser, const df_level *levels,
                            size_t steps, uint64_t seed)
{
    const df_sampler *sampler = df_find_sampler("langevin", NULL);
    df_settings settings = {.table = sampler->options, .values = o};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    df_sampling sampling = {.denoiser = denoiser, .sampler = sampler, .options = o, .levels = levels, .steps = steps,
                            .seed = seed};
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    return sampling;
}

/* sigma / alpha from `most` to `least` in equal factors, then clean data: `count` noisy levels. */
static df_level *geometric(double most, double least, size_t count)
{
    df_level *levels = reserve(count + 1, sizeof *levels);
    for (size_t i = 0; i < count; i++)
        levels[i] = df_level_from_ratio(count > 1 ? most * pow(least / most, (double)i / (double)(count - 1)) : most);
    levels[count] = (df_level){1, 0};
    return levels;
}

/* Algorithm 1, line 6, and the denoising at the end, in the paper's variables. */
static void test_step(void)
{
    const df_mixture mixture = open_shape("swissroll", 0.2);
    const df_denoiser exact = df_denoiser_of_mixture(&mixture);
    const df_level *levels = geometric(3, 0.5, 2);
    options o;
    df_sampling s = langevin(&o, "steps-each=2 step-size=0.3", &exact, levels, 2, 4);
    double x[2], y[2];
    df_sampling_start(&s, 9, 1, x);
    for (int i = 0; i < 2; i++) y[i] = x[i] / levels[0].alpha;
    for (size_t k = 0; k < 4; k++) {
        const double sigma = k < 2 ? 3 : 0.5, a = 0.3 * sigma * sigma;
        double z[2], mean[2];
        df_mixture_posterior(&(df_posterior){.mean = mean}, &mixture, 1, sigma, y);
        df_normal_rows(z, 1, 2, (df_place){.seed = 4, .index = 9, .step = (uint32_t)k, .purpose = DF_FOR_STEP});
        for (int i = 0; i < 2; i++) y[i] += a / 2 * (mean[i] - y[i]) / (sigma * sigma) + sqrt(a) * z[i];
    }
    df_mixture_posterior(&(df_posterior){.mean = y}, &mixture, 1, 0.5, (double[]){y[0], y[1]});
    CHECK(df_sampling_run(&s, 9, 1, x, &error) == DF_OK);
    for (int i = 0; i < 2; i++) CHECK_NEAR(x[i], y[i], 1e-10);
    CHECK(df_sampling_calls(&s) == 5);
}

/* The share of points nearer to the heavy heap, from anywhere in a square. */
static double heavy_share(const char *assignments, const df_level *levels, size_t steps, uint64_t seed)
{
    enum { N = 2000 };
    const df_mixture heaps = make_mixture(2, 2, (double[]){5, 5, -5, -5}, (double[]){0.8, 0.2}, 1);
    const df_denoiser exact = df_denoiser_of_mixture(&heaps);
    options o;
    df_sampling s = langevin(&o, assignments, &exact, levels, steps, seed);
    double *x = reserve(2 * N, sizeof *x), share = 0;
    for (size_t r = 0; r < N; r++) {
        df_uniforms(x + 2 * r, (df_place){.seed = seed, .index = r, .purpose = DF_FOR_START}, 0);
        for (size_t i = 2 * r; i < 2 * r + 2; i++) x[i] = levels[0].alpha * 16 * (x[i] - 0.5);
    }
    CHECK(df_sampling_run(&s, 0, N, x, &error) == DF_OK);
    for (size_t r = 0; r < N; r++) share += x[2 * r] + x[2 * r + 1] > 0 ? 1.0 / N : 0;
    return share;
}

/* Figure 3: a thousand steps of 0.1 in the data's own density leave each point in its heap; annealed they find it. */
static void test_two_heaps(void)
{
    const double plain = heavy_share("steps-each=1000 step-size=40 no-denoise=yes", geometric(0.05, 0.05, 1), 1, 1);
    const double annealed = heavy_share("steps-each=100 step-size=0.1 no-denoise=yes", geometric(20, 1, 10), 10, 1);
    printf("heavy heap, 0.8 of the points: %.3f by plain Langevin, %.3f annealed\n", plain, annealed);
    CHECK_BETWEEN(0.4, plain, 0.6);
    CHECK_BETWEEN(0.75, annealed, 0.85);
}

/* From 3 to the thickness of the roll, n points. */
static df_curve_fit roll(const char *assignments, size_t n)
{
    df_cloud cloud;
    df_mixture mixture;
    df_curve_fit fit = {0};
    options o;
    CHECK(df_cloud_open(&cloud, &arena, df_find_shape("swissroll"), 0.05, &error) == DF_OK);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 320, &error) == DF_OK); /* less than 0.05 apart */
    const df_denoiser exact = df_denoiser_of_mixture(&mixture);
    df_sampling s = langevin(&o, assignments, &exact, geometric(3, 0.05, 10), 10, 1);
    double *x = reserve(2 * n, sizeof *x);
    df_sampling_start(&s, 0, n, x);
    CHECK(df_sampling_run(&s, 0, n, x, &error) == DF_OK);
    CHECK(df_curve_compare(&fit, &arena, mixture.nodes, mixture.count, 0.05, x, n, NULL, &error) == DF_OK);
    printf("roll, 10 levels, %s, %zu points: thickness %.3f, ks %.4f\n", assignments, n, fit.thickness, fit.ks);
    return fit;
}

/* More steps and longer ones spread the points better along the roll. The last level's noise, as thick as the roll, is
 * in the samples until they are denoised, which goes too far. */
static void test_roll(void)
{
    const df_curve_fit many = roll("steps-each=100 step-size=0.1", 5000);
    const df_curve_fit few = roll("steps-each=20 step-size=0.1", 500);
    const df_curve_fit small = roll("steps-each=100 step-size=0.02", 500);
    const df_curve_fit noisy = roll("steps-each=100 step-size=0.1 no-denoise=yes", 1000);
    CHECK_BETWEEN(0, many.ks, 0.03);
    CHECK_NEAR(many.thickness, 0.73, 0.05);
    CHECK_NEAR(noisy.thickness, 1.45, 0.2);
    CHECK_BETWEEN(0.05, few.ks, 0.2);
    CHECK_BETWEEN(0.05, small.ks, 0.2);
}

int main(void)
{
    test_weights();
    test_step();
    test_two_heaps();
    test_roll();
    df_arena_free(&arena);
    return CHECK_DONE();
}
