/* test_iddpm.c -- Improved DDPM (2102.09672) with the exact denoiser: what its schedule, variances and t are worth. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

static df_mixture roll;
static df_denoiser exact;
static void *scratch;

static void open_roll(void)
{
    roll = open_scaled("swissroll");
    exact = df_denoiser_of_mixture(&roll);
    scratch = exact.scratch(exact.self, &arena, &error);
}

static df_schedule schedule_of(int kind, size_t steps)
{
    df_schedule schedule;
    const df_schedule_config config = {.beta_schedule = kind, .timesteps = steps, .shift = 1, .beta_start = 1e-4,
                                       .beta_end = 0.02};
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    return schedule;
}

static const df_level *levels_down(const df_schedule *schedule)
{
    df_level *levels = reserve(schedule->steps + 1, sizeof *levels);
    for (size_t i = 0; i <= schedule->steps; i++) levels[i] = schedule->levels[schedule->steps - i];
    return levels;
}

static const void *variance_type(const char *name)
{
    const df_sampler *ddpm = df_find_sampler("ddpm", NULL);
    char line[60];
    void *options = reserve(1, DF_SAMPLER_OPTIONS);
    df_settings values = {.table = ddpm->options, .values = options}, *list[] = {&values, NULL};
    df_settings_defaults(&values);
    snprintf(line, sizeof line, "variance-type=%s", name);
    CHECK(df_settings_apply(list, line, &arena, &error) == DF_OK);
    return options;
}

/* ---- the bound, in bits a point ---- */

static estimate bound_in_bits(int kind, size_t steps, const char *variance, size_t n)
{
    const df_schedule schedule = schedule_of(kind, steps);
    const df_bound bound = {.denoiser = &exact, .sampler = df_find_sampler("ddpm", NULL),
                            .options = variance_type(variance), .levels = levels_down(&schedule), .steps = steps,
                            .seed = 3};
    double prior, *terms = reserve(steps, sizeof *terms), *total = reserve(n, sizeof *total);
    CHECK(df_bound_terms(&bound, &prior, terms, total, draw(&roll, 4, n), n, &arena, &error) == DF_OK);
    for (size_t r = 0; r < n; r++) total[r] /= log(2);
    return estimate_of(total, n);
}

/* With the best variances v a step costs 1/2 E sum ln(v / btilde), and the decoder 1/2 E sum ln(2 pi e v): the least
 * bound that any network of this kind can have, without the noise of the bound itself. */
static double floor_in_bits(int kind, size_t steps, size_t n)
{
    const df_schedule schedule = schedule_of(kind, steps);
    const df_level last = schedule.levels[steps];
    double x[DF_ROWS * 2], eps[DF_ROWS * 2], log_variance[DF_ROWS * 2];
    double sum = square(last.alpha) + square(last.sigma) - log(square(last.sigma)) - 1; /* two columns of variance 1 */
    for (size_t t = 1; t <= steps; t++) {
        const df_level level = schedule.levels[t], to = schedule.levels[t - 1];
        const double small = df_step_between(level, to).small, *x0 = draw(&roll, t, n);
        for (size_t done = 0; done < n; done += DF_ROWS) {
            df_normal_rows(eps, DF_ROWS, 2, (df_place){.seed = t, .index = done, .purpose = DF_FOR_NOISE});
            df_add_noise(x, level, x0 + 2 * done, eps, DF_ROWS * 2);
            const df_question question = {.n = DF_ROWS, .x = x, .level = &level, .to = &to};
            const df_answer answer = {.log_variance = log_variance};
            exact.answer(exact.self, &question, &answer, scratch);
            for (size_t i = 0; i < DF_ROWS * 2; i++)
                sum += 0.5 * (log_variance[i] + (t == 1 ? log(2 * DF_PI) + 1 : -log(small))) / (double)n;
        }
    }
    return sum / log(2);
}

static void test_floors(void)
{
    static const struct { size_t steps; double linear, cosine; } table[] = {
        {10, 2.80, 2.30}, {20, 2.30, 1.86}, {40, 1.83, 1.61}, {100, 1.56, 1.48}};
    const double entropy = 1.391;
    double before = 9;
    for (size_t i = 0; i < 4; i++) {
        const double linear = floor_in_bits(DF_BETA_LINEAR, table[i].steps, 1024),
                     cosine = floor_in_bits(DF_BETA_COSINE, table[i].steps, 1024);
        CHECK_NEAR(linear, table[i].linear, 0.05);
        CHECK_NEAR(cosine, table[i].cosine, 0.05);
        CHECK(cosine < linear && cosine < before && cosine > entropy);
        before = cosine;
    }
    check_estimate(bound_in_bits(DF_BETA_COSINE, 20, "learned", 2000), floor_in_bits(DF_BETA_COSINE, 20, 1024), 0.02);
    check_estimate(bound_in_bits(DF_BETA_COSINE, 40, "fixed-large", 2000), 2.05, 0.02);
}

/* ---- samples ---- */

enum { N = 4000 };

typedef struct quality {
    double ks, sw2;
} quality;

static quality judge(int kind, size_t timesteps, size_t steps, const char *variance, const double *truth)
{
    const df_schedule schedule = schedule_of(kind, timesteps);
    df_level *levels = reserve(steps + 1, sizeof *levels);
    const df_grid_config grid = {.steps = steps, .spacing = DF_SPACING_LINSPACE};
    CHECK(df_grid_init(levels, &grid, &schedule, &error) == DF_OK);
    df_sampling s = {.denoiser = &exact, .sampler = df_find_sampler("ddpm", NULL), .options = variance_type(variance),
                     .levels = levels, .steps = steps};
    double *x = reserve(2 * N, sizeof *x);
    CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
    df_sampling_start(&s, 0, N, x);
    CHECK(df_sampling_run(&s, 0, N, x, &error) == DF_OK);
    df_curve_fit fit = {0};
    quality q = {0};
    const df_pair pair = {.dim = 2, .n = N, .m = N, .x = x, .y = truth};
    CHECK(df_curve_compare(&fit, &arena, roll.nodes, roll.count, roll.s, x, N, NULL, &error) == DF_OK);
    CHECK(df_sliced_w2(&q.sw2, &arena, &pair, &error) == DF_OK);
    q.ks = fit.ks;
    return q;
}

static void test_samples(void)
{
    const double *truth = draw(&roll, 12, N);
    const quality linear10 = judge(DF_BETA_LINEAR, 10, 10, "fixed-small", truth),
                  cosine10 = judge(DF_BETA_COSINE, 10, 10, "fixed-small", truth),
                  linear20 = judge(DF_BETA_LINEAR, 20, 20, "fixed-small", truth),
                  cosine20 = judge(DF_BETA_COSINE, 20, 20, "fixed-small", truth);
    CHECK_NEAR(linear10.sw2, 0.233, 0.035);
    CHECK_NEAR(cosine10.sw2, 0.116, 0.03);
    CHECK_NEAR(linear20.sw2, 0.093, 0.03);
    CHECK_NEAR(cosine20.sw2, 0.048, 0.025);
    CHECK_NEAR(linear10.ks, 0.250, 0.03);
    CHECK_NEAR(cosine10.ks, 0.113, 0.025);
    CHECK_NEAR(linear20.ks, 0.090, 0.025);
    CHECK_NEAR(cosine20.ks, 0.045, 0.02);

    const quality learned = judge(DF_BETA_COSINE, 10, 10, "learned", truth),
                  large = judge(DF_BETA_COSINE, 10, 10, "fixed-large", truth);
    CHECK_NEAR(learned.ks, 0.016, 0.015);
    CHECK_NEAR(large.ks, 0.040, 0.02);
    CHECK(learned.ks < large.ks && large.ks < cosine10.ks);
}

/* ---- which t: how much quieter the bound's estimate becomes ---- */

static void second_moments(const df_schedule *schedule, double *mean, double *square_mean, size_t n)
{
    double x[DF_ROWS * 2], x0_guess[DF_ROWS * 2], eps[DF_ROWS * 2], log_variance[DF_ROWS * 2];
    for (size_t t = 2; t <= schedule->steps; t++) {
        const df_level level = schedule->levels[t], to = schedule->levels[t - 1];
        const df_step_back back = df_step_between(level, to);
        const double *x0 = draw(&roll, t, n);
        mean[t - 1] = square_mean[t - 1] = 0;
        for (size_t done = 0; done < n; done += DF_ROWS) {
            df_normal_rows(eps, DF_ROWS, 2, (df_place){.seed = t, .index = done, .purpose = DF_FOR_NOISE});
            df_add_noise(x, level, x0 + 2 * done, eps, DF_ROWS * 2);
            const df_question question = {.n = DF_ROWS, .x = x, .level = &level, .to = &to};
            const df_answer answer = {.x0 = x0_guess, .log_variance = log_variance};
            exact.answer(exact.self, &question, &answer, scratch);
            for (size_t r = 0; r < DF_ROWS; r++) {
                double loss = 0;
                for (size_t i = 2 * r; i < 2 * r + 2; i++) {
                    const double miss = back.of_x0 * (x0[2 * done + i] - x0_guess[i]);
                    const double v = exp(log_variance[i]);
                    loss += 0.5 * (log(v / back.small) + (back.small + square(miss)) / v - 1);
                }
                mean[t - 1] += loss / (double)n;
                square_mean[t - 1] += square(loss) / (double)n;
            }
        }
    }
}

/* The variance of one example's T L_t with even t, over that with t drawn by sqrt(E L_t^2); and the share of the bound,
 * without its decoder, that the first twentieth of the steps has. */
static double quieter(int kind, double *share)
{
    enum { T = 200 };
    const df_schedule schedule = schedule_of(kind, T);
    double mean[T], square_mean[T], bound = 0, even = 0, roots = 0, first = 0;
    second_moments(&schedule, mean, square_mean, 512);
    for (size_t t = 1; t < T; t++) {
        bound += mean[t];
        even += T * square_mean[t];
        roots += sqrt(square_mean[t]);
        if (t < T / 20) first += mean[t];
    }
    *share = first / bound;
    return (even - square(bound)) / (square(roots) - square(bound));
}

static void test_importance(void)
{
    double linear, cosine;
    CHECK_NEAR(quieter(DF_BETA_LINEAR, &linear), 14.6, 2.5);
    CHECK_NEAR(quieter(DF_BETA_COSINE, &cosine), 9.7, 1.7);
    CHECK(linear > 0.4 && cosine > 0.3);
}

int main(void)
{
    open_roll();
    test_floors();
    test_samples();
    test_importance();
    df_arena_free(&arena);
    return CHECK_DONE();
}
