/* test_parallel.c -- 1, 2, 3 and 7 threads give the same bytes: samplers, trajectories, failures, and every measure. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

#include <time.h>

enum { N = 7 * DF_ROWS + 11, FEW = 2 * DF_ROWS + 5, STEPS = 4 };

static const size_t counts[] = {1, 2, 3, 7};
enum { TEAMS = sizeof counts / sizeof *counts };
static df_team *teams[TEAMS];

static df_mixture roll;
static df_denoiser exact;
static df_level levels[STEPS + 1];

static void start(void)
{
    for (size_t k = 0; k < TEAMS; k++) CHECK(df_team_start(&teams[k], &arena, counts[k], &error) == DF_OK);
    roll = open_shape("swissroll", 0.2);
    exact = df_denoiser_of_mixture(&roll);
    for (size_t i = 0; i < STEPS; i++) levels[i] = df_level_from_ratio(20 * pow(0.01, (double)i / (STEPS - 1)));
    levels[STEPS] = (df_level){1, 0};
}

/* Runs `work` without a team and with each; what it leaves in result:(count) must be the same. */
static void check_same(void (*work)(double *result, df_team *team, const void *of), const void *of, size_t count)
{
    double *alone = reserve(count, sizeof *alone), *together = reserve(count, sizeof *together);
    work(alone, NULL, of);
    for (size_t k = 0; k < TEAMS; k++) {
        memset(together, 0, count * sizeof *together);
        work(together, teams[k], of);
        CHECK(memcmp(alone, together, count * sizeof *alone) == 0);
    }
}

/* ---- sampling ---- */

static void *default_options(const df_sampler *sampler)
{
    df_settings settings = {.table = sampler->options, .values = reserve(1, DF_SAMPLER_OPTIONS)};
    if (sampler->options) df_settings_defaults(&settings);
    return settings.values;
}

/* At the start of a block: lets every thread of the team take some, however busy the machine is. */
static void dawdle(size_t step)
{
    const struct timespec moment = {.tv_nsec = 100000};
    if (step == 0) nanosleep(&moment, NULL);
}

typedef struct film {
    double *x; /* (STEPS + 1, N, 2) */
} film;

static void record(df_walk *walk, size_t step, void *self)
{
    const film *f = self;
    dawdle(step);
    memcpy(f->x + 2 * (step * N + walk->first), walk->x, walk->n * 2 * sizeof *walk->x);
}

/* The way of every point, twice over, and the number of calls. */
static void sample(double *result, df_team *team, const void *of)
{
    const df_sampler *sampler = of;
    film f = {result};
    df_sampling s = {.denoiser = &exact, .sampler = sampler, .options = default_options(sampler), .levels = levels,
                     .steps = STEPS, .seed = 77, .hook = record, .hook_self = &f, .team = team};
    double *x = reserve(2 * N, sizeof *x);
    CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
    for (int again = 0; again < 2; again++) {
        df_sampling_start(&s, 0, N, x);
        CHECK(df_sampling_run(&s, 0, N, x, &error) == DF_OK);
        f.x += 2 * N * (STEPS + 1);
    }
    *f.x = (double)df_sampling_calls(&s);
}

static void test_every_sampler(void)
{
    for (const df_paper *const *paper = df_papers; *paper; paper++)
        for (const df_sampler *const *s = (*paper)->samplers; s && *s; s++) {
            const int failed = checks_failed;
            check_same(sample, *s, 2 * 2 * N * (STEPS + 1) + 1);
            if (checks_failed != failed) fprintf(stderr, "  by sampler %s\n", (*s)->name);
        }
}

/* Rows of several blocks are lost at several steps; what is told is about the first of them. */
static void lose(df_walk *walk, size_t step, void *self)
{
    (void)self;
    dawdle(step);
    const uint64_t lost[][2] = {{70, 3}, {300, 1}, {310, 2}, {N - 1, 1}};
    for (size_t k = 0; k < sizeof lost / sizeof *lost; k++)
        if (step + 1 == lost[k][1] && lost[k][0] >= walk->first && lost[k][0] < walk->first + walk->n)
            walk->x[2 * (lost[k][0] - walk->first)] = (double)NAN;
}

static void test_the_first_failure_is_told(void)
{
    const df_sampler *ddim = df_find_sampler("ddim", NULL);
    for (size_t k = 0; k < TEAMS; k++) {
        df_sampling s = {.denoiser = &exact, .sampler = ddim, .options = default_options(ddim), .levels = levels,
                         .steps = STEPS, .hook = lose, .team = teams[k]};
        double *x = reserve(2 * N, sizeof *x);
        CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
        for (int again = 0; again < 2; again++) {
            df_sampling_start(&s, 0, N, x);
            CHECK(df_sampling_run(&s, 0, N, x, &error) == DF_DIVERGED);
            CHECK_TEXT(error.message, "sample 70 is no longer finite after step 3 of 4");
        }
        s.hook = NULL;
        CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
        df_sampling_start(&s, 0, N, x);
        CHECK(df_sampling_run(&s, 0, N, x, &error) == DF_OK);
    }
}

/* ---- measures ---- */

static void likelihood(double *result, df_team *team, const void *of)
{
    const df_flow flow = {.denoiser = &exact, .from = 0.01, .to = 50, .steps = 4};
    CHECK(df_log_likelihood(result, &flow, of, N, team, &arena, &error) == DF_OK);
    df_log_densities(result + N, &roll, 0.3, of, N, team);
}

static void bound(double *result, df_team *team, const void *of)
{
    const df_sampler *ddpm = df_find_sampler("ddpm", NULL);
    const df_bound b = {.denoiser = &exact, .sampler = ddpm, .options = default_options(ddpm), .levels = levels,
                        .steps = STEPS, .seed = 5, .team = team};
    CHECK(df_bound_terms(&b, result, result + 1, result + 1 + STEPS, of, N, &arena, &error) == DF_OK);
}

/* Of a denoiser that is not exact, so that there are errors. */
static void score(double *result, df_team *team, const void *of)
{
    const df_mixture other = open_shape("swissroll", 0.25);
    const df_denoiser wrong = df_denoiser_of_mixture(&other);
    df_score_report report;
    CHECK(df_score_kl(&report, &wrong, &exact, &roll, of, FEW, 0.01, 50, 3, team, &arena, &error) == DF_OK);
    CHECK(report.integral > 0);
    memcpy(result, &report, sizeof report);
}

static void eps(double *result, df_team *team, const void *of)
{
    const df_mixture other = open_shape("swissroll", 0.25);
    const df_denoiser wrong = df_denoiser_of_mixture(&other);
    df_schedule schedule = {.steps = STEPS};
    schedule.levels = reserve(STEPS + 1, sizeof *schedule.levels);
    for (size_t i = 0; i <= STEPS; i++) schedule.levels[i] = levels[STEPS - i];
    df_eps_report report;
    CHECK(df_eps_loss(&report, &wrong, &exact, &schedule, of, N, 3, team, &arena, &error) == DF_OK);
    memcpy(result, &report, sizeof report);
}

static void fresh_points(void *self, uint64_t first, size_t n, double *x)
{
    (void)self;
    df_normal_rows(x, n, 2, (df_place){.seed = 6, .index = first});
}

static void distances(double *result, df_team *team, const void *of)
{
    static df_distance *const all[] = {df_w2_exact, df_sliced_w2, df_energy_distance};
    const df_truth truth = {.dim = 2, .points = fresh_points};
    double *y = reserve(2 * FEW, sizeof *y);
    fresh_points(NULL, 0, FEW, y);
    const df_pair pair = {.dim = 2, .n = FEW, .m = FEW, .x = of, .y = y};
    for (size_t k = 0; k < 3; k++, result += 3) {
        df_floor bottom;
        CHECK(df_distance_measure(result, &bottom, all[k], &pair, &truth, FEW, team, &error) == DF_OK);
        result[1] = bottom.mean, result[2] = bottom.spread;
    }
}

static void curve(double *result, df_team *team, const void *of)
{
    df_curve_fit fit;
    CHECK(df_curve_compare(&fit, &arena, roll.nodes, roll.count, roll.s, of, N, team, &error) == DF_OK);
    memcpy(result, &fit, sizeof fit);
}

static void test_measures(void)
{
    const double *x = draw(&roll, 11, N);
    check_same(likelihood, x, 2 * N);
    check_same(bound, x, 1 + STEPS + N);
    check_same(score, x, sizeof(df_score_report) / sizeof(double));
    check_same(eps, x, sizeof(df_eps_report) / sizeof(double));
    check_same(distances, x, 9);
    check_same(curve, x, sizeof(df_curve_fit) / sizeof(double));
}

int main(void)
{
    start();
    test_every_sampler();
    test_the_first_failure_is_told();
    test_measures();
    df_arena_free(&arena);
    return CHECK_DONE();
}
