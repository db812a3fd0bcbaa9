/* test_vdm.c -- Variational Diffusion Models (2107.00630): gradients of the schedule, and the bound of the exact denoiser. */
#include "exact.h"

#include "diffuse/model.h"
#include "diffuse/random.h"

/* ---- gradients, one example at a time ---- */

enum { ENDS, INSIDE };

typedef struct rig {
    df_network network;
    df_weights weights;
    df_real *parameters;
    df_learning learning;
    df_schedule schedule;
} rig;

static rig make_rig(const char *schedule)
{
    static df_schedule levels;
    const df_objective *vdm = df_find_objective("vdm", NULL);
    rig r = {0};
    df_schedule_config config = {.timesteps = 100, .shift = 1, .beta_start = 1e-4, .beta_end = 0.02,
                                 .sigma_start = 0.0067, .sigma_end = 12.2};
    config.beta_schedule = strcmp(schedule, "cosine") == 0 ? DF_BETA_COSINE : DF_BETA_GEOMETRIC;
    CHECK(df_schedule_init(&levels, &config, &arena, &error) == DF_OK);
    r.schedule = levels;
    const df_network_config network = {.dim = 2, .hidden = 7, .layers = 2, .point_features = DF_POINTS_FOURIER,
                                       .point_waves = 3, .point_scale = 1, .level_features = DF_LEVEL_HARMONIC,
                                       .level_waves = 2, .level_scale = 1, .random_output = true};
    void *options = reserve(1, DF_OBJECTIVE_OPTIONS);
    df_settings values = {.table = vdm->options, .values = options};
    df_settings_defaults(&values);
    CHECK(df_network_init(&r.network, &network, 3, &arena, &error) == DF_OK);
    vdm->extend(&r.network, options, &r.schedule);
    r.parameters = reserve(r.network.parameter_count, sizeof *r.parameters);
    r.weights = (df_weights){.parameters = r.parameters,
                             .transposed = reserve(r.network.parameter_count, sizeof *r.parameters)};
    double *data = reserve(40, sizeof *data);
    df_normal_rows(data, 20, 2, (df_place){.seed = 8});
    r.learning = (df_learning){.objective = vdm, .options = options, .prediction = DF_PREDICT_V, .data = data,
                               .rows = 20, .seed = 5, .batch = 1};
    return r;
}

static void open_rig(rig *r)
{
    r->learning.network = &r->network;
    r->learning.schedule = &r->schedule;
    CHECK(df_learning_init(&r->learning, &arena, &error) == DF_OK);
    df_network_start(&r->network, r->parameters, 6);
    r->learning.objective->start(&r->learning, r->parameters);
}

static double loss_of(rig *r, uint64_t step, df_real *gradient)
{
    df_weights_refresh(&r->network, &r->weights);
    return df_learning_step(&r->learning, &r->weights, step, gradient);
}

/* What the loss has besides the example's own term. */
static double rest(const rig *r)
{
    const df_real *ends = r->parameters + r->network.tensors[2 * r->network.linears].offset;
    const double a2 = 1 / (1 + exp((double)ends[1])), s2 = 1 - a2;
    double sum = log(2 * DF_PI) + (double)ends[0] + 1;
    for (size_t i = 0; i < 2; i++) sum += 0.5 * (a2 * square(r->learning.x0[i]) + s2 - log(s2) - 1);
    return sum;
}

static void check_gradients(const char *schedule, df_prediction prediction)
{
    rig r = make_rig(schedule);
    r.learning.prediction = prediction;
    open_rig(&r);
    const size_t count = r.network.parameter_count, inside = r.network.tensors[2 * r.network.linears + INSIDE].offset;
    const bool sharp = sizeof(df_real) == sizeof(double);
    const double h = sharp ? 1e-5 : 1e-2, tolerance = sharp ? 1e-5 : 0.15;
    for (uint64_t step = 1; step <= 4; step++) {
        df_real *gradient = reserve(count, sizeof *gradient);
        r.learning.state[0] = 1; /* E L^2 */
        loss_of(&r, step, gradient);
        double scale = 1e-6, worst = 0;
        for (size_t i = 0; i < count; i++) {
            const df_real middle = r.parameters[i];
            double value[2];
            for (size_t side = 0; side < 2; side++) {
                r.parameters[i] = (df_real)((double)middle + (side ? h : -h));
                const double loss = loss_of(&r, step, NULL), own = loss - rest(&r);
                value[side] = i >= inside ? own * own : loss;
            }
            r.parameters[i] = middle;
            const double slope = (value[1] - value[0]) / (2 * h);
            scale = fmax(scale, fabs(slope));
            worst = fmax(worst, fabs(slope - (double)gradient[i]));
        }
        CHECK_BETWEEN(0, worst / scale, tolerance);
    }
}

/* Wherever it starts, gamma rises from end to end in the shape it was given. */
static void test_start(void)
{
    rig r = make_rig("cosine");
    open_rig(&r);
    df_schedule learned = {.steps = 100, .levels = reserve(101, sizeof(df_level))};
    r.learning.objective->reschedule(&learned, &r.network, r.parameters, r.learning.options);
    CHECK_NEAR(2 * df_log_ratio(learned.levels[1]), -10, 1e-4);
    CHECK_NEAR(2 * df_log_ratio(learned.levels[100]), 5, 1e-4);
    bool rises = true;
    double off = 0;
    const double from = 2 * df_log_ratio(r.schedule.levels[1]);
    for (size_t t = 2; t <= 100; t++) {
        rises = rises && df_log_ratio(learned.levels[t]) > df_log_ratio(learned.levels[t - 1]);
        if (t > 15 && t < 80)
            off = fmax(off, fabs((2 * df_log_ratio(learned.levels[t]) + 10) / 15 -
                                 (2 * df_log_ratio(r.schedule.levels[t]) - from) / (5 - from)));
    }
    CHECK(rises);
    CHECK_BETWEEN(0, off, 0.06);
}

/* ---- the bound of the exact denoiser ---- */

enum { KNOTS = 367, POINTS = 1024 }; /* every 0.05 of gamma */
static const double LEAST = -13.3, MOST = 5;

/* Per gamma: E |r|^2 by the posterior's covariance, and the first two moments of |r|^2 itself. */
static double mmse[KNOTS], moment1[KNOTS], moment2[KNOTS], prior;

static double gamma_at(size_t k)
{
    return LEAST + (MOST - LEAST) * (double)k / (KNOTS - 1);
}

static void measure_levels(void)
{
    const df_mixture raw = open_shape("swissroll", 0);
    df_mixture roll;
    double mean[2], covariance[4], x[DF_ROWS * 2], eps_guess[DF_ROWS * 2], x_dot[DF_ROWS * 2], dot[DF_ROWS * 2],
        x0_guess[DF_ROWS * 2];
    df_mixture_moments(mean, covariance, &raw);
    CHECK(df_mixture_scaled(&roll, &arena, &raw, mean, sqrt((covariance[0] + covariance[3]) / 2), &error) == DF_OK);
    const df_denoiser exact = df_denoiser_of_mixture(&roll);
    void *scratch = exact.scratch(exact.self, &arena, &error);
    double *eps = reserve(POINTS * 2, sizeof *eps);
    for (size_t k = 0; k < KNOTS; k++) {
        const df_level level = df_level_from_ratio(exp(gamma_at(k) / 2));
        const double *x0 = draw(&roll, 40 + k % 8, POINTS);
        df_normal_rows(eps, POINTS, 2, (df_place){.seed = 41 + k, .purpose = DF_FOR_NOISE});
        for (size_t done = 0; done < POINTS; done += DF_ROWS) {
            df_add_noise(x, level, x0 + 2 * done, eps + 2 * done, DF_ROWS * 2);
            for (size_t along = 0; along < 2; along++) {
                for (size_t i = 0; i < DF_ROWS * 2; i++) x_dot[i] = i % 2 == along;
                const df_question question = {.n = DF_ROWS, .x = x, .level = &level, .x_dot = x_dot};
                const df_answer answer = {.x0 = x0_guess, .eps = eps_guess, .x0_dot = dot};
                exact.answer(exact.self, &question, &answer, scratch);
                for (size_t r = 0; r < DF_ROWS; r++) mmse[k] += level.alpha * dot[2 * r + along] / POINTS;
            }
            for (size_t r = 0; r < DF_ROWS; r++) {
                const double off = square(eps_guess[2 * r] - eps[2 * (done + r)]) +
                                   square(eps_guess[2 * r + 1] - eps[2 * (done + r) + 1]);
                moment1[k] += off / POINTS;
                moment2[k] += square(off) / POINTS;
            }
        }
    }
    const df_level most = df_level_from_ratio(exp(MOST / 2));
    prior = square(most.alpha) + square(most.sigma) - log(square(most.sigma)) - 1;
}

/* Of a function of gamma, by the trapezium rule. */
static double integral(double (*value)(size_t k))
{
    double sum = 0;
    for (size_t k = 0; k < KNOTS; k++) sum += value(k) * (k == 0 || k == KNOTS - 1 ? 0.5 : 1);
    return sum * (MOST - LEAST) / (KNOTS - 1);
}

static double half_mmse(size_t k) { return 0.5 * mmse[k]; }
static double root_second_moment(size_t k) { return sqrt(moment2[k]); }

/* The bound is the entropy. */
static void test_tightness(void)
{
    const double decoder = log(2 * DF_PI) + LEAST + 1, bound = prior + decoder + integral(half_mmse);
    CHECK_NEAR(prior, 0.0067, 1e-4);
    CHECK_NEAR(decoder, -10.462, 1e-3);
    CHECK_NEAR(bound, 0.96409, 0.005);
}

static double between(const double *table, double gamma)
{
    const double at = (gamma - LEAST) / (MOST - LEAST) * (KNOTS - 1);
    const size_t k = at <= 0 ? 0 : at >= KNOTS - 1 ? KNOTS - 2 : (size_t)at;
    return table[k] + (at - (double)k) * (table[k + 1] - table[k]);
}

/* gamma in [0, 1] of t, by a fixed schedule run from end to end. */
static double shape(int kind, double t)
{
    if (kind == 0) return LEAST + t * (MOST - LEAST);
    /* between the times at which each has the end points */
    double low = 0, high = 1;
    if (kind == 1) { /* alpha = cos(pi u/2) */
        low = atan(exp(LEAST / 2)) * 2 / DF_PI;
        high = atan(exp(MOST / 2)) * 2 / DF_PI;
        return 2 * log(tan(DF_PI / 2 * (low + t * (high - low))));
    }
    /* ln alpha = -u^2 (20 - .1)/4 - .1 u/2, so that gamma = ln expm1(-2 ln alpha) */
    const double b = 0.1, c = (20 - 0.1) / 2;
    low = (-b + sqrt(b * b + 4 * c * log1p(exp(LEAST)))) / (2 * c);
    high = (-b + sqrt(b * b + 4 * c * log1p(exp(MOST)))) / (2 * c);
    const double u = low + t * (high - low);
    return log(expm1(b * u + c * u * u));
}

typedef struct quality {
    double mean, variance, between_times;
} quality;

static quality judge(int kind)
{
    enum { TIMES = 20000 };
    double first = 0, second = 0, outer = 0;
    for (size_t i = 0; i < TIMES; i++) {
        const double t = ((double)i + 0.5) / TIMES, step = 0.5 / TIMES;
        const double slope = (shape(kind, t + step) - shape(kind, t - step)) / (2 * step), gamma = shape(kind, t);
        const double mean = 0.5 * slope * between(moment1, gamma);
        first += mean / TIMES;
        outer += square(mean) / TIMES;
        second += square(0.5 * slope) * between(moment2, gamma) / TIMES;
    }
    return (quality){first, second - square(first), outer - square(first)};
}

/* The same integral whatever the schedule; not the same variance. */
static void test_schedules(void)
{
    const double want = integral(half_mmse);
    const quality linear = judge(0), cosine = judge(1), vp = judge(2);
    const double optimum = square(0.5 * integral(root_second_moment)) - square(want);
    CHECK_NEAR(linear.mean, want, 0.1);
    CHECK_NEAR(cosine.mean, want, 0.1);
    CHECK_NEAR(vp.mean, want, 0.1);
    CHECK_NEAR(linear.variance, 236, 25);
    CHECK_NEAR(linear.between_times, 39, 6);
    CHECK_NEAR(optimum, 154, 16);
    CHECK_NEAR(cosine.variance, 8.8e3, 1.2e3);
    CHECK_NEAR(cosine.between_times, 4.3e3, 6e2);
    CHECK_NEAR(vp.variance, 8.5e4, 1.3e4);
}

/* L_T, of T steps, falls towards L_inf. */
static void test_steps(void)
{
    double before = 1e9;
    for (size_t steps = 20; steps <= 640; steps *= 2) {
        double sum = 0;
        for (size_t i = 1; i <= steps; i++) {
            const double t = shape(0, (double)i / (double)steps), s = shape(0, (double)(i - 1) / (double)steps);
            sum += 0.5 * expm1(t - s) * between(mmse, t);
        }
        CHECK(sum < before && sum > integral(half_mmse));
        before = sum;
    }
    CHECK_NEAR(before, integral(half_mmse), 0.25);
}

int main(void)
{
    check_gradients("geometric", DF_PREDICT_V);
    check_gradients("cosine", DF_PREDICT_EPS);
    test_start();
    measure_levels();
    test_tightness();
    test_schedules();
    test_steps();
    df_arena_free(&arena);
    return CHECK_DONE();
}
