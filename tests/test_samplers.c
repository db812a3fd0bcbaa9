/* test_samplers.c -- samplers against closed forms: identities, moments, orders, and the driver. */
#include "check.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

#include <stdlib.h>

enum { DIM = 2 };
static df_arena arena;
static df_error error;

static double square(double a)
{
    return a * a;
}

static double ratio(df_level level)
{
    return level.sigma / level.alpha;
}

static double uniform(uint64_t index)
{
    double u[2];
    df_uniforms(u, (df_place){.seed = 2385, .index = index}, 0);
    return u[0];
}

static double largest_gap(const double *a, const double *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= most)) most = fabs(a[i] - b[i]);
    return most;
}

/* ---- the exact denoiser of Gaussian data, N(m, s^2 I) ---- */

typedef struct gaussian {
    double m[DIM], s;
    double poison, answer; /* a row whose first coordinate is `poison` gets this `answer` */
} gaussian;

static const gaussian data = {.m = {0.385, -1.2}, .s = 0.7, .poison = HUGE_VAL};

static double variance_at(const gaussian *g, df_level level)
{
    return square(level.alpha * g->s) + square(level.sigma);
}

static void answer(const void *self, const df_question *question, const df_answer *out, void *scratch)
{
    const gaussian *g = self;
    const df_level level = *question->level;
    (void)scratch;
    for (size_t i = 0; i < question->n * DIM; i++) {
        const double m = g->m[i % DIM], off = (question->x[i] - level.alpha * m) / variance_at(g, level);
        out->x0[i] = m + level.alpha * square(g->s) * off;
        out->eps[i] = level.sigma * off;
        if (question->x[i - i % DIM] == g->poison) out->x0[i] = out->eps[i] = g->answer;
        if (!out->log_variance) continue;
        const df_step_back back = df_step_between(level, *question->to);
        const double left = square(g->s * level.sigma) / variance_at(g, level);
        out->log_variance[i] = df_log(back.small + square(back.of_x0) * left);
    }
}

static void *no_scratch(const void *self, df_arena *memory, df_error *e)
{
    (void)self;
    return df_alloc(memory, 0, 1, e);
}

static df_denoiser denoiser_of(const gaussian *g)
{
    return (df_denoiser){.dim = DIM,
                         .least = df_level_from_ratio(1e-6),
                         .most = {0, 1},
                         .independent = true,
                         .knows_variance = true,
                         .self = g,
                         .scratch = no_scratch,
                         .answer = answer};
}

/* ---- running a sampler ---- */

typedef struct run {
    df_denoiser denoiser;
    _Alignas(max_align_t) char options[DF_SAMPLER_OPTIONS];
    df_sampling sampling;
} run;

static void apply(const df_option *table, void *values, const char *assignments)
{
    df_settings settings = {.table = table, .values = values};
    df_settings *const list[] = {&settings, NULL};
    if (!table) return;
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
}

/* `r` must stay where it is while it is used. */
static void prepare(run *r, const char *sampler, const char *assignments, const gaussian *g,
                    const df_level *levels, size_t steps)
{
    *r = (run){.denoiser = denoiser_of(g)};
    r->sampling = (df_sampling){.denoiser = &r->denoiser,
                                .sampler = df_find_sampler(sampler, NULL),
                                .options = r->options,
                                .levels = levels,
                                .steps = steps,
                                .seed = 77};
    apply(r->sampling.sampler->options, r->options, assignments);
    CHECK(df_sampling_init(&r->sampling, &arena, &error) == DF_OK);
}

/* Calls `hook` from now on. */
static void watch(run *r, void (*hook)(df_walk *walk, size_t step, void *self), void *self)
{
    r->sampling.hook = hook;
    r->sampling.hook_self = self;
    CHECK(df_sampling_init(&r->sampling, &arena, &error) == DF_OK);
}

static void sample(run *r, uint64_t first, size_t n, double *x)
{
    df_sampling_start(&r->sampling, first, n, x);
    CHECK(df_sampling_run(&r->sampling, first, n, x, &error) == DF_OK);
}

static df_schedule schedule_from(const char *assignments)
{
    df_schedule_config config;
    df_schedule schedule = {0};
    apply(df_schedule_options, &config, assignments);
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    return schedule;
}

/* Every step of the schedule, from the noisiest down, as DDPM walks them. */
static const df_level *all_levels(const df_schedule *schedule)
{
    df_level *levels = df_alloc(&arena, schedule->steps + 1, sizeof *levels, &error);
    if (!levels) exit(1);
    for (size_t i = 0; i <= schedule->steps; i++) levels[i] = schedule->levels[schedule->steps - i];
    return levels;
}

/* sigma / alpha from `most` to `least` in equal factors. */
static const df_level *even_levels(double most, double least, size_t steps)
{
    df_level *levels = df_alloc(&arena, steps + 1, sizeof *levels, &error);
    if (!levels) exit(1);
    for (size_t i = 0; i <= steps; i++)
        levels[i] = df_level_from_ratio(most * pow(least / most, (double)i / (double)steps));
    return levels;
}

/* One step of a sampler from a given x, not its last so that it adds noise, and what it used. */
typedef struct single {
    double x[DIM], x0[DIM], eps[DIM], z[DIM], to[DIM];
} single;

static single one_step(const char *sampler, const char *assignments, df_level from, df_level to,
                       uint64_t index)
{
    const df_level levels[3] = {from, to, {1, 0}};
    single s;
    run r;
    prepare(&r, sampler, assignments, &data, levels, 2);
    df_walk *walk = r.sampling.walks;
    df_normal_rows(s.x, 1, DIM, (df_place){.seed = 5, .index = index});
    memcpy(s.to, s.x, sizeof s.x);
    walk->x = s.to;
    walk->n = 1;
    r.sampling.sampler->step(walk, 0);
    memcpy(s.x0, walk->x0, sizeof s.x0);
    memcpy(s.eps, walk->eps, sizeof s.eps);
    memcpy(s.z, walk->z, sizeof s.z);
    return s;
}

/* ---- DDPM ---- */

/* The mean is Eq. 7 with x0, and Eq. 11 with eps. */
static void test_two_means(void)
{
    const df_schedule schedule = schedule_from("beta-schedule=linear shift=1");
    for (size_t t = 2; t <= schedule.steps; t += 37) {
        const df_level level = schedule.levels[t], before = schedule.levels[t - 1];
        const double a = square(level.alpha / before.alpha), beta = 1 - a;
        const double variance = square(before.sigma / level.sigma) * beta;
        const single small = one_step("ddpm", "variance-type=fixed-small", level, before, t);
        const single large = one_step("ddpm", "variance-type=fixed-large", level, before, t);
        for (int i = 0; i < DIM; i++) {
            const double mean = (small.x[i] - beta / level.sigma * small.eps[i]) / sqrt(a);
            CHECK_NEAR(small.to[i] - sqrt(variance) * small.z[i], mean, 1e-12);
            CHECK_NEAR(large.to[i] - sqrt(beta) * large.z[i], mean, 1e-12);
        }
    }
}

/* What the vlb weight makes of a wrong guess, against the divergence of the two posteriors, whose means are
 * Eq. 7 with the true and the guessed x0 and whose variance is beta_t. */
static void test_bound(void)
{
    const df_objective *objective = df_find_objective("ddpm", NULL);
    const df_schedule schedule = schedule_from("beta-schedule=linear shift=1");
    _Alignas(max_align_t) char vlb[DF_OBJECTIVE_OPTIONS], simple[DF_OBJECTIVE_OPTIONS];
    apply(objective->options, vlb, "loss=vlb");
    apply(objective->options, simple, "loss=simple");
    for (size_t t = 1; t <= schedule.steps; t += 27) {
        const df_level level = schedule.levels[t], before = schedule.levels[t - 1];
        const double x0 = 2.385 * uniform(t), eps = 3 * uniform(t + 5000) - 1,
                     wrong = uniform(t + 9000) - 0.5;
        const double x = level.alpha * x0 + level.sigma * eps;
        const double beta = square(level.sigma) - square(level.alpha / before.alpha * before.sigma);
        const double x0_gap = -level.sigma / level.alpha * wrong;
        const double divergence = square(before.alpha * beta / square(level.sigma) * x0_gap) / (2 * beta);
        for (df_prediction kind = DF_PREDICT_EPS; kind <= DF_PREDICT_VELOCITY; kind++) {
            df_example example = {.options = vlb,
                                  .prediction = kind,
                                  .level = level,
                                  .before = before,
                                  .dim = 1,
                                  .x0 = &x0,
                                  .eps = &eps};
            double target, guess;
            const double x0_guess = x0 + x0_gap, eps_guess = eps + wrong;
            CHECK_NEAR(level.alpha * x0_guess + level.sigma * eps_guess, x, 1e-13);
            const double weight = objective->target(&example, &target);
            df_prediction_target(&guess, kind, level, &x0_guess, &eps_guess, 1);
            CHECK_NEAR(weight * square(guess - target) / divergence, 1, 1e-10);
            example.options = simple;
            CHECK(objective->target(&example, &target) ==
                  (kind == DF_PREDICT_SCORE ? square(level.sigma) : 1));
        }
    }
}

/* One wrong guess, measured as x0, eps and v. */
static void test_losses_agree(void)
{
    for (uint64_t i = 0; i < 100; i++) {
        const df_level level = df_level_from_ratio(exp(-7 + 12 * uniform(i)));
        const double x0 = 2.385, eps = -0.75, wrong = 1 + uniform(i + 500);
        const double x = level.alpha * x0 + level.sigma * eps;
        double v, x0_guess, eps_guess;
        df_prediction_target(&v, DF_PREDICT_V, level, &x0, &eps, 1);
        const double v_guess = v + wrong;
        df_prediction_read(&x0_guess, &eps_guess, DF_PREDICT_V, level, &x, &v_guess, 1);
        const double x0_loss = square(x0_guess - x0), snr = 1 / square(ratio(level));
        CHECK_NEAR(square(ratio(level)) * square(eps_guess - eps) / x0_loss, 1, 1e-10);
        CHECK_NEAR(square(level.sigma) * square(wrong) / x0_loss, 1, 1e-10);
        CHECK_NEAR(square(wrong) / ((snr + 1) * x0_loss), 1, 1e-10);
    }
}

/* The bound stays finite where nothing of the data is left. */
static void test_bound_at_pure_noise(void)
{
    const df_objective *objective = df_find_objective("ddpm", NULL);
    const df_schedule schedule = schedule_from("zero-terminal-snr=yes");
    _Alignas(max_align_t) char options[DF_OBJECTIVE_OPTIONS];
    apply(objective->options, options, "loss=vlb");
    const double x0 = 2.385, eps = -0.75, a = schedule.levels[999].alpha;
    for (df_prediction kind = DF_PREDICT_X0; kind <= DF_PREDICT_V; kind++) {
        const df_example example = {.options = options,
                                    .prediction = kind,
                                    .level = {0, 1},
                                    .before = schedule.levels[999],
                                    .dim = 1,
                                    .x0 = &x0,
                                    .eps = &eps};
        double target;
        CHECK_NEAR(objective->target(&example, &target), square(a) / 2, 1e-15);
        CHECK(fabs(target) == 2.385);
    }
}

/* ---- DDIM ---- */

enum { ROWS = 70, STEPS = 200 };

static double path[STEPS + 1][ROWS * DIM];

static void record(df_walk *walk, size_t step, void *self)
{
    (void)self;
    memcpy(path[step] + walk->first * DIM, walk->x, walk->n * DIM * sizeof *walk->x);
}

static void compare(df_walk *walk, size_t step, void *self)
{
    double *most = self;
    *most = fmax(*most, largest_gap(path[step] + walk->first * DIM, walk->x, walk->n * DIM));
}

/* Two samplers with the same noise: the largest distance between their ways, at any step. */
static double distance(const char *ddpm, const char *ddim, const df_level *levels, size_t steps)
{
    double x[ROWS * DIM], most = 0;
    run r;
    prepare(&r, "ddpm", ddpm, &data, levels, steps);
    watch(&r, record, NULL);
    sample(&r, 0, ROWS, x);
    prepare(&r, "ddim", ddim, &data, levels, steps);
    watch(&r, compare, &most);
    sample(&r, 0, ROWS, x);
    return most;
}

static void test_ddim_is_ddpm(void)
{
    const df_schedule linear = schedule_from("beta-schedule=linear timesteps=200 shift=1"),
                      cosine = schedule_from("timesteps=200");
    const df_level *ways[] = {all_levels(&linear), all_levels(&cosine), even_levels(20, 0.01, 13)};
    const size_t steps[] = {200, 200, 13};
    for (size_t w = 0; w < 3; w++) {
        CHECK_NEAR(distance("variance-type=fixed-small", "eta=1", ways[w], steps[w]), 0, 1e-12);
        CHECK_NEAR(distance("variance-type=fixed-large", "sigma-hat=yes", ways[w], steps[w]), 0, 1e-12);
        CHECK(distance("variance-type=fixed-small", "eta=0.9", ways[w], steps[w]) > 1e-3);
        CHECK(distance("variance-type=fixed-large", "eta=1", ways[w], steps[w]) > 1e-3);
    }
}

/* eta = 0 is y' = y + (q' - q) eps with y = x / alpha, q = sigma / alpha, downwards and upwards. */
static void test_euler_form(void)
{
    for (uint64_t i = 0; i < 100; i++) {
        const df_level from = df_level_from_ratio(exp(-6 + 9 * uniform(i))),
                       to = df_level_from_ratio(exp(-6 + 9 * uniform(i + 500)));
        const single s = one_step("ddim", "eta=0", from, to, i);
        for (int j = 0; j < DIM; j++) {
            const double y = s.x[j] / from.alpha + (ratio(to) - ratio(from)) * s.eps[j];
            CHECK_NEAR(s.to[j], to.alpha * y, 1e-12);
        }
    }
}

/* Eq. 12 and 16, for any eta. */
static void test_eta(void)
{
    const df_level from = df_level_from_ratio(2.385), to = df_level_from_ratio(0.77);
    const single s = one_step("ddim", "eta=0.385", from, to, 3);
    const double k = 0.385 * to.sigma / from.sigma * sqrt(1 - square(from.alpha / to.alpha));
    for (int j = 0; j < DIM; j++)
        CHECK_NEAR(s.to[j], to.alpha * s.x0[j] + sqrt(square(to.sigma) - k * k) * s.eps[j] + k * s.z[j],
                   1e-14);
}

/* Clean data goes up with the noise that the denoiser sees at the level above. */
static void test_first_step_up(void)
{
    const df_level clean = {1, 0}, up = df_level_from_ratio(0.0385);
    const single s = one_step("ddim", "eta=0", clean, up, 3);
    for (int j = 0; j < DIM; j++) {
        const double eps = up.sigma * (s.x[j] - up.alpha * data.m[j]) / variance_at(&data, up);
        CHECK_NEAR(s.to[j], up.alpha * s.x[j] + up.sigma * eps, 1e-14);
    }
}

/* The last step of every walk ends at the denoiser's answer, without noise. */
static void test_last_step(void)
{
    static const char *const cases[][2] = {{"ddpm", "variance-type=fixed-small"},
                                           {"ddpm", "variance-type=fixed-large"},
                                           {"ddim", "eta=0"},
                                           {"ddim", "eta=1"},
                                           {"ddim", "sigma-hat=yes"}};
    const df_level levels[2] = {df_level_from_ratio(0.385), {1, 0}};
    for (size_t i = 0; i < 5; i++) {
        double x[DIM], start[DIM];
        run r;
        prepare(&r, cases[i][0], cases[i][1], &data, levels, 1);
        df_sampling_start(&r.sampling, 0, 1, start);
        sample(&r, 0, 1, x);
        for (int j = 0; j < DIM; j++) {
            const double off = (start[j] - levels[0].alpha * data.m[j]) / variance_at(&data, levels[0]);
            CHECK_NEAR(x[j], data.m[j] + levels[0].alpha * square(data.s) * off, 1e-14);
        }
    }
}

/* ---- moments: every step is x' = a x + b + c z, so the law of the end is known exactly ---- */

typedef struct law {
    double mean[DIM], variance;
} law;

typedef struct variant {
    const char *sampler, *assignments;
    double eta; /* of the mean */
    bool large; /* noise of variance beta_t */
} variant;

static const variant variants[] = {{"ddpm", "variance-type=fixed-small", 1, false},
                                   {"ddpm", "variance-type=fixed-large", 1, true},
                                   {"ddim", "eta=0", 0, false},
                                   {"ddim", "eta=0.385", 0.385, false},
                                   {"ddim", "eta=1", 1, false},
                                   {"ddim", "sigma-hat=yes", 1, true}};
enum { VARIANTS = sizeof variants / sizeof *variants };
static const variant *const deterministic = &variants[2];

static law propagate(const variant *v, const gaussian *g, const df_level *levels, size_t steps)
{
    law l = {.mean = {0}, .variance = square(levels[0].alpha) + square(levels[0].sigma)};
    for (size_t i = 0; i < steps; i++) {
        const df_level t = levels[i], u = levels[i + 1];
        const double beta = 1 - square(t.alpha / u.alpha), posterior = beta * square(u.sigma / t.sigma);
        const double k2 = square(v->eta) * posterior;
        const double of_x0 = t.alpha * square(g->s) / variance_at(g, t), of_eps = t.sigma / variance_at(g, t);
        const double a = u.alpha * of_x0 + sqrt(square(u.sigma) - k2) * of_eps;
        const double c2 = i + 1 == steps ? 0 : v->large ? beta : k2;
        for (int j = 0; j < DIM; j++) l.mean[j] = u.alpha * g->m[j] + a * (l.mean[j] - t.alpha * g->m[j]);
        l.variance = a * a * l.variance + c2;
    }
    return l;
}

static void moments(double *mean, double *variance, const double *x, size_t n, int j)
{
    double sum = 0, squares = 0;
    for (size_t r = 0; r < n; r++) sum += x[r * DIM + (size_t)j];
    for (size_t r = 0; r < n; r++) squares += square(x[r * DIM + (size_t)j] - sum / (double)n);
    *mean = sum / (double)n;
    *variance = squares / (double)(n - 1);
}

/* Within four standard errors, which chance exceeds once in 16,000 checks; the seed is fixed. */
static void test_moments_of_samples(void)
{
    enum { N = 3000 };
    static double x[N * DIM];
    const df_schedule schedule = schedule_from("timesteps=200");
    const df_level *levels = all_levels(&schedule);
    for (size_t k = 0; k < VARIANTS; k++) {
        const law want = propagate(&variants[k], &data, levels, 200);
        run r;
        prepare(&r, variants[k].sampler, variants[k].assignments, &data, levels, 200);
        sample(&r, 0, N, x);
        for (int j = 0; j < DIM; j++) {
            double mean, variance;
            moments(&mean, &variance, x, N, j);
            CHECK_NEAR(mean, want.mean[j], 4 * sqrt(want.variance / N));
            CHECK_NEAR(variance, want.variance, 4 * want.variance * sqrt(2.0 / N));
        }
    }
}

/* Over all 1000 steps every variant has the mean and the variance of the data. */
static void test_moments_of_data(void)
{
    static const char *const lines[] = {"", "beta-schedule=linear shift=1", "zero-terminal-snr=yes"};
    for (size_t s = 0; s < 3; s++) {
        const df_schedule schedule = schedule_from(lines[s]);
        const df_level *levels = all_levels(&schedule);
        for (size_t k = 0; k < VARIANTS; k++) {
            const law end = propagate(&variants[k], &data, levels, 1000);
            for (int j = 0; j < DIM; j++) CHECK_NEAR(end.mean[j], data.m[j], 0.01);
            CHECK_NEAR(end.variance / square(data.s), 1, 0.02);
        }
    }
}

/* Lin et al.: 20 steps without noise start too near 0 when a trace of the mean is left at step T. */
static void test_zero_terminal_snr_has_no_bias(void)
{
    const gaussian far = {.m = {4, 0}, .s = 1, .poison = HUGE_VAL};
    static const struct {
        const char *assignments;
        int spacing;
        double low, high;
    } cases[] = {{"", DF_SPACING_LEADING, -0.4, -0.15},
                 {"", DF_SPACING_TRAILING, -0.4, -0.15},
                 {"zero-terminal-snr=yes", DF_SPACING_TRAILING, -0.02, 0.02},
                 {"zero-terminal-snr=yes", DF_SPACING_LEADING, -0.2, -0.02}};
    for (size_t i = 0; i < 4; i++) {
        char line[200];
        df_level levels[21];
        snprintf(line, sizeof line, "beta-schedule=scaled-linear beta-start=8.5e-4 beta-end=0.012 shift=1 %s",
                 cases[i].assignments);
        const df_schedule schedule = schedule_from(line);
        CHECK(df_grid_init(levels, &(df_grid_config){.steps = 20, .spacing = cases[i].spacing}, &schedule,
                           &error) == DF_OK);
        const law end = propagate(deterministic, &far, levels, 20);
        CHECK_BETWEEN(cases[i].low, end.mean[0] - 4, cases[i].high);
        run r;
        double x[64 * DIM], mean, variance;
        prepare(&r, "ddim", "eta=0", &far, levels, 20);
        sample(&r, 0, 64, x);
        moments(&mean, &variance, x, 64, 0);
        CHECK_NEAR(mean, end.mean[0], 4 * sqrt(end.variance / 64));
    }
}

/* From pure noise the first answer is the mean of the data, whatever x is. */
static void test_first_step_from_pure_noise(void)
{
    const df_level noise = {0, 1}, next = df_level_from_ratio(50);
    const single s = one_step("ddim", "eta=0", noise, next, 8);
    const single random = one_step("ddpm", "", noise, next, 8);
    for (int j = 0; j < DIM; j++) {
        CHECK(s.x0[j] == data.m[j] && s.eps[j] == s.x[j]);
        CHECK_NEAR(s.to[j], next.alpha * data.m[j] + next.sigma * s.x[j], 1e-15);
        CHECK_NEAR(random.to[j], next.alpha * data.m[j] + next.sigma * random.z[j], 1e-15);
    }
}

/* ---- orders ---- */

/* For Gaussian data the flow keeps (x - alpha m) / sqrt(alpha^2 s^2 + sigma^2). */
static void flow(double *x, size_t n, df_level from, df_level to)
{
    const double stretch = sqrt(variance_at(&data, to) / variance_at(&data, from));
    for (size_t i = 0; i < n * DIM; i++)
        x[i] = to.alpha * data.m[i % DIM] + stretch * (x[i] - from.alpha * data.m[i % DIM]);
}

static double error_of_flow(const char *sampler, size_t steps)
{
    double x[ROWS * DIM], want[ROWS * DIM];
    const df_level *levels = even_levels(20, 0.01, steps);
    run r;
    prepare(&r, sampler, "", &data, levels, steps);
    df_sampling_start(&r.sampling, 0, ROWS, want);
    flow(want, ROWS, levels[0], levels[steps]);
    sample(&r, 0, ROWS, x);
    return largest_gap(x, want, ROWS * DIM);
}

static double error_of_round_trip(size_t steps)
{
    double start[ROWS * DIM], x[ROWS * DIM];
    df_level down[2 * STEPS + 1], up[2 * STEPS + 1];
    memcpy(down, even_levels(20, 1e-4, steps - 1), steps * sizeof *down);
    down[steps] = (df_level){1, 0};
    for (size_t i = 0; i <= steps; i++) up[i] = down[steps - i];
    run r;
    df_normal_rows(start, ROWS, DIM, (df_place){.seed = 9});
    memcpy(x, start, sizeof x);
    prepare(&r, "ddim", "eta=0", &data, up, steps);
    CHECK(df_sampling_run(&r.sampling, 0, ROWS, x, &error) == DF_OK);
    CHECK(largest_gap(x, start, ROWS * DIM) > 0.1);
    prepare(&r, "ddim", "eta=0", &data, down, steps);
    CHECK(df_sampling_run(&r.sampling, 0, ROWS, x, &error) == DF_OK);
    return largest_gap(x, start, ROWS * DIM);
}

static void test_round_trip(void)
{
    const double coarse = error_of_round_trip(STEPS), fine = error_of_round_trip(2 * STEPS);
    CHECK_BETWEEN(0, fine, 0.05);
    CHECK_NEAR(log2(coarse / fine), 1, 0.1);
}

/* ---- every sampler of every paper ---- */

static void check_order(const df_sampler *sampler)
{
    for (size_t steps = 64; steps <= 128; steps *= 2)
        CHECK_NEAR(log2(error_of_flow(sampler->name, steps) / error_of_flow(sampler->name, 2 * steps)),
                   sampler->order, 0.1);
}

static void check_ends_at_the_data(const df_sampler *sampler, const char *assignments)
{
    enum { N = 1000 };
    static double x[N * DIM];
    const df_schedule schedule = schedule_from(assignments);
    run r;
    prepare(&r, sampler->name, "", &data, all_levels(&schedule), schedule.steps);
    sample(&r, 0, N, x);
    for (int j = 0; j < DIM; j++) {
        double mean, variance;
        moments(&mean, &variance, x, N, j);
        CHECK_NEAR(mean, data.m[j], 5 * data.s / sqrt(N));
        CHECK_NEAR(variance / square(data.s), 1, 0.5);
    }
}

/* Split anyhow, beyond any 64 rows and 2^32 samples, the same samples have the same bits. */
static void check_rows_are_independent(const df_sampler *sampler)
{
    enum { N = 150 };
    static const size_t cuts[] = {0, 1, 65, 66, N};
    static double whole[N * DIM], parts[N * DIM];
    const uint64_t first = (1ull << 32) - 77;
    const df_level *levels = even_levels(20, 0.01, 9);
    run r;
    prepare(&r, sampler->name, "", &data, levels, 9);
    sample(&r, first, N, whole);
    for (size_t c = 0; c < 4; c++) sample(&r, first + cuts[c], cuts[c + 1] - cuts[c], parts + cuts[c] * DIM);
    CHECK(memcmp(whole, parts, sizeof whole) == 0);
    sample(&r, first + 1, N, parts);
    CHECK(memcmp(whole, parts, sizeof whole) != 0 &&
          memcmp(whole + DIM, parts, sizeof whole - DIM * sizeof *whole) == 0);
    r.sampling.seed = 78;
    CHECK(df_sampling_init(&r.sampling, &arena, &error) == DF_OK);
    sample(&r, first, N, parts);
    CHECK(whole[0] != parts[0] && whole[DIM] != parts[DIM]);
}

typedef struct calls {
    size_t count, next;
    bool in_order;
    double last[ROWS * DIM];
} calls;

static void count_calls(df_walk *walk, size_t step, void *self)
{
    calls *c = self;
    c->in_order = c->in_order && step == c->next;
    c->next = step == walk->steps ? 0 : step + 1;
    c->count++;
    memcpy(c->last + walk->first * DIM, walk->x, walk->n * DIM * sizeof *walk->x);
}

static void check_hook(const df_sampler *sampler)
{
    double x[ROWS * DIM];
    calls c = {.in_order = true};
    run r;
    prepare(&r, sampler->name, "", &data, even_levels(20, 0.01, 7), 7);
    watch(&r, count_calls, &c);
    sample(&r, 0, ROWS, x);
    CHECK(c.count == 2 * 8 && c.in_order); /* two blocks: 64 rows and 6 */
    CHECK(memcmp(c.last, x, sizeof x) == 0);
    CHECK(df_sampling_calls(&r.sampling) >= ROWS * 7);
}

static void erase(df_walk *walk, size_t step, void *self)
{
    if (step == *(const size_t *)self)
        for (size_t i = 0; i < walk->n * DIM; i++) walk->x[i] = 2.385;
}

/* What the hook writes at the end is the result; what it writes at the start is what the walk starts from. */
static void check_hook_may_write(const df_sampler *sampler)
{
    double x[ROWS * DIM], other[ROWS * DIM];
    size_t when = 7;
    run r;
    prepare(&r, sampler->name, "", &data, even_levels(20, 0.01, 7), 7);
    watch(&r, erase, &when);
    sample(&r, 0, ROWS, x);
    for (size_t i = 0; i < ROWS * DIM; i++) CHECK(x[i] == 2.385);
    when = 0;
    sample(&r, 0, ROWS, x);
    watch(&r, NULL, NULL);
    for (size_t i = 0; i < ROWS * DIM; i++) other[i] = 2.385;
    CHECK(df_sampling_run(&r.sampling, 0, ROWS, other, &error) == DF_OK);
    CHECK(memcmp(x, other, sizeof x) == 0);
}

static void check_divergence_is_reported(const df_sampler *sampler, double bad)
{
    enum { N = 90 };
    double x[N * DIM];
    gaussian g = data;
    run r;
    g.answer = bad;
    prepare(&r, sampler->name, "", &g, even_levels(20, 0.01, 7), 7);
    df_sampling_start(&r.sampling, 1000, N, x);
    g.poison = x[77 * DIM];
    CHECK(df_sampling_run(&r.sampling, 1000, N, x, &error) == DF_DIVERGED);
    CHECK(strstr(error.message, "sample 1077 ") != NULL);
    CHECK(strstr(error.message, "step 1 of 7") != NULL);
}

static void check_coupled_is_refused(const df_sampler *sampler)
{
    const df_level *levels = even_levels(20, 0.01, 7);
    run r;
    prepare(&r, sampler->name, "", &data, levels, 7);
    r.denoiser.independent = false;
    const df_status status = df_sampling_init(&r.sampling, &arena, &error);
    const bool refused = sampler->needs_independent || (sampler->adds_noise && sampler->adds_noise(r.options));
    CHECK(status == (refused ? DF_USAGE : DF_OK));
    CHECK(!refused || strstr(error.message, sampler->name) != NULL);
}

static void check_options_are_needed(const df_sampler *sampler)
{
    run r;
    prepare(&r, sampler->name, "", &data, even_levels(20, 0.01, 7), 7);
    r.sampling.options = NULL;
    const df_status status = df_sampling_check(&r.sampling, &error);
    CHECK(status == (sampler->options ? DF_USAGE : DF_OK));
    CHECK(!sampler->options || strstr(error.message, "has options") != NULL);
}

static void check_foreign_levels_are_refused(const df_sampler *sampler)
{
    const df_level *levels = even_levels(20, 0.01, 7);
    run r;
    prepare(&r, sampler->name, "", &data, levels, 7);
    r.denoiser.most = df_level_from_ratio(19.9);
    CHECK(df_sampling_init(&r.sampling, &arena, &error) == DF_USAGE &&
          strstr(error.message, "level 0 of the grid") != NULL);
    r.denoiser.most = levels[0];
    r.denoiser.least = df_level_from_ratio(0.0101);
    CHECK(df_sampling_init(&r.sampling, &arena, &error) == DF_USAGE &&
          strstr(error.message, "level 7 of the grid") != NULL);
    r.denoiser.least = levels[7];
    CHECK(df_sampling_init(&r.sampling, &arena, &error) == DF_OK);
}

static void test_every_sampler(void)
{
    size_t count = 0;
    for (const df_paper *const *paper = df_papers; *paper; paper++)
        for (const df_sampler *const *sampler = (*paper)->samplers; sampler && *sampler; sampler++, count++) {
            const df_paper *from = NULL;
            const int failed = checks_failed;
            CHECK(df_find_sampler((*sampler)->name, &from) == *sampler && from == *paper);
            CHECK((*sampler)->options_size <= DF_SAMPLER_OPTIONS);
            if ((*sampler)->order > 0 && !(*sampler)->adaptive) check_order(*sampler);
            check_ends_at_the_data(*sampler, "timesteps=200");
            check_ends_at_the_data(*sampler, "timesteps=200 zero-terminal-snr=yes");
            check_ends_at_the_data(
                *sampler, "timesteps=20 beta-schedule=linear shift=1"); /* a start of sigma/alpha above 1e8 */
            check_rows_are_independent(*sampler);
            check_hook(*sampler);
            check_hook_may_write(*sampler);
            check_divergence_is_reported(*sampler, (double)NAN);
            check_divergence_is_reported(*sampler, HUGE_VAL);
            check_coupled_is_refused(*sampler);
            check_options_are_needed(*sampler);
            check_foreign_levels_are_refused(*sampler);
            if (checks_failed != failed) fprintf(stderr, "  by sampler %s\n", (*sampler)->name);
        }
    CHECK(count >= 2);
}

int main(void)
{
    test_two_means();
    test_bound();
    test_losses_agree();
    test_bound_at_pure_noise();
    test_ddim_is_ddpm();
    test_euler_form();
    test_eta();
    test_first_step_up();
    test_last_step();
    test_moments_of_samples();
    test_moments_of_data();
    test_zero_terminal_snr_has_no_bias();
    test_first_step_from_pure_noise();
    test_round_trip();
    test_every_sampler();
    df_arena_free(&arena);
    return CHECK_DONE();
}
