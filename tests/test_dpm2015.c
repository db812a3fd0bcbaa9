/* test_dpm2015.c -- Sohl-Dickstein et al. (1503.03585): floors of the bound, its gradient, posteriors by factors. */
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

static df_schedule schedule_of(const char *kind, size_t steps)
{
    df_schedule schedule;
    df_schedule_config config;
    df_settings values = {.table = df_schedule_options, .values = &config}, *list[] = {&values, NULL};
    char line[120];
    df_settings_defaults(&values);
    snprintf(line, sizeof line, "beta-schedule=%s timesteps=%zu shift=1 sigma-start=%.9g sigma-end=%.9g", kind, steps,
             exp(-3), exp(3));
    CHECK(df_settings_apply(list, line, &arena, &error) == DF_OK);
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    return schedule;
}

static const void *sampler_options(const df_sampler *sampler, const char *line)
{
    void *options = reserve(1, DF_SAMPLER_OPTIONS);
    df_settings values = {.table = sampler->options, .values = options}, *list[] = {&values, NULL};
    df_settings_defaults(&values);
    CHECK(df_settings_apply(list, line, &arena, &error) == DF_OK);
    return options;
}

static double *run(const char *line, size_t steps, size_t n)
{
    const df_sampler *sampler = df_find_sampler("dpm2015", NULL);
    const df_schedule schedule = schedule_of("geometric", steps);
    df_level *levels = reserve(steps + 1, sizeof *levels);
    for (size_t i = 0; i <= steps; i++) levels[i] = schedule.levels[steps - i];
    df_sampling s = {.denoiser = &exact, .sampler = sampler, .options = sampler_options(sampler, line),
                     .levels = levels, .steps = steps};
    double *x = reserve(2 * n, sizeof *x);
    CHECK(df_sampling_init(&s, &arena, &error) == DF_OK);
    df_sampling_start(&s, 0, n, x);
    CHECK(df_sampling_run(&s, 0, n, x, &error) == DF_OK);
    return x;
}

/* Kolmogorov distance of one column to a law. */
static double ks(const double *x, size_t n, size_t column, const df_mixture *law)
{
    double *values = reserve(n, sizeof *values), most = 0;
    for (size_t r = 0; r < n; r++) values[r] = x[2 * r + column];
    df_sort(values, reserve(n, sizeof *values), n);
    for (size_t r = 0; r < n; r++) {
        const double p = df_mixture_cdf(law, 1, 0, values[r]);
        most = fmax(most, fmax(fabs(p - (double)r / (double)n), fabs(p - (double)(r + 1) / (double)n)));
    }
    return most;
}

/* One column of p(x0 | y), y = x0 + sqrt(R) noise: nodes keep what y leaves of their weight, and move towards y. */
static df_mixture posterior(const double y[2], double R, size_t column)
{
    double *nodes = reserve(roll.count, sizeof *nodes), *weights = reserve(roll.count, sizeof *weights), sum = 0;
    const double s2 = square(roll.s);
    for (size_t k = 0; k < roll.count; k++) {
        const double *g = roll.nodes + 2 * k;
        weights[k] = exp(roll.log_weights[k] - (square(y[0] - g[0]) + square(y[1] - g[1])) / (2 * (s2 + R)));
        nodes[k] = g[column] + s2 / (s2 + R) * (y[column] - g[column]);
        sum += weights[k];
    }
    for (size_t k = 0; k < roll.count; k++) weights[k] = fmax(weights[k] / sum, 1e-300);
    return make_mixture(1, roll.count, nodes, weights, sqrt(s2 * R / (s2 + R)));
}

/* ---- sheet 1a: the least bound of Gaussian steps back, in bits a point ---- */

/* A step costs 1/2 E ln(|V| / |btilde I|), the decoder 1/2 E ln((2 pi e)^2 |V|), V the variance of x_(t-1) | x_t: with
 * `full` all of it, else its diagonal. Two columns of variance 1. */
static double floor_in_bits(const char *kind, size_t steps, bool full, size_t n)
{
    const df_schedule schedule = schedule_of(kind, steps);
    const df_level last = schedule.levels[steps];
    double sum = square(last.alpha) + square(last.sigma) - log(square(last.sigma)) - 1;
    for (size_t t = 1; t <= steps; t++) {
        const df_level level = schedule.levels[t];
        const df_step_back back = df_step_between(level, schedule.levels[t - 1]);
        double *x = draw(&roll, t, n), *eps = reserve(2 * n, sizeof *eps), mean[2], c[4];
        const df_posterior wanted = {.mean = mean, .covariance = c};
        df_normal_rows(eps, n, 2, (df_place){.seed = t, .purpose = DF_FOR_NOISE});
        df_add_noise(x, level, x, eps, 2 * n);
        for (size_t r = 0; r < n; r++) {
            df_mixture_posterior(&wanted, &roll, level.alpha, level.sigma, x + 2 * r);
            const double share = square(back.of_x0), a = back.small + share * c[0], b = back.small + share * c[3];
            const double volume = a * b - (full ? square(share * c[1]) : 0);
            sum += 0.5 * (log(volume) + (t == 1 ? 2 * log(2 * DF_PI) + 2 : -2 * log(back.small))) / (double)n;
        }
    }
    return sum / log(2);
}

static void test_floors(void)
{
    static const struct { size_t steps; double harmonic, geometric; } table[] = {
        {10, 3.14, 2.00}, {20, 2.53, 1.68}, {40, 2.04, 1.54}, {100, 1.73, 1.46}};
    for (size_t i = 0; i < 4; i++) {
        CHECK_NEAR(floor_in_bits("harmonic", table[i].steps, false, 512), table[i].harmonic, 0.05);
        CHECK_NEAR(floor_in_bits("geometric", table[i].steps, false, 512), table[i].geometric, 0.05);
    }
    CHECK_NEAR(floor_in_bits("linear", 40, false, 512), 1.83, 0.05);
    CHECK_NEAR(floor_in_bits("cosine", 40, false, 512), 1.61, 0.05);
    CHECK_NEAR(floor_in_bits("harmonic", 40, true, 512), 1.54, 0.05);
    CHECK_NEAR(floor_in_bits("linear", 40, true, 512), 1.51, 0.05);
    CHECK_NEAR(floor_in_bits("cosine", 40, true, 512), 1.41, 0.05);
    CHECK_NEAR(floor_in_bits("geometric", 40, true, 512), 1.43, 0.05);
}

/* ---- posteriors ---- */

/* Where the steps are small, a constant factor on a broad Gaussian leaves half the variance that it should. */
static void test_constant_factor(void)
{
    enum { N = 4000 };
    double node[] = {0, 0};
    roll = make_mixture(2, 1, node, (double[]){1}, 1);
    const double *x = run("observed=0.5,? denoise-variance=0.01", 160, N);
    double mean[2] = {0}, square_mean[2] = {0};
    for (size_t i = 0; i < 2 * N; i++) {
        mean[i % 2] += x[i] / N;
        square_mean[i % 2] += square(x[i]) / N;
    }
    CHECK_NEAR(mean[0], 0.5, 0.01);
    CHECK_BETWEEN(0.45, (square_mean[0] - square(mean[0])) / 0.01, 0.6);
    CHECK_NEAR(mean[1], 0, 0.08);
    CHECK_NEAR(square_mean[1] - square(mean[1]), 1, 0.1);
    open_roll();
}

static void test_denoising(void)
{
    enum { N = 4000 };
    static const double ys[2][2] = {{0.8, 0.1}, {-0.2, 1}};
    for (size_t k = 0; k < 2; k++) {
        char line[100];
        snprintf(line, sizeof line, "observed=%g,%g denoise-variance=0.25 factor=start", ys[k][0], ys[k][1]);
        const double *x = run(line, 160, N);
        for (size_t column = 0; column < 2; column++) {
            const df_mixture law = posterior(ys[k], 0.25, column);
            CHECK_BETWEEN(0, ks(x, N, column, &law), 0.03);
        }
    }
}

/* A known column ends as it is; the law of the other is biased, for it is told to fit from the first step on. */
static void test_inpainting(void)
{
    enum { N = 1000 };
    df_mixture law;
    double most = 0;
    const double *x = run("observed=0.8,?", 100, N);
    for (size_t r = 0; r < N; r++) most = fmax(most, fabs(x[2 * r] - 0.8));
    CHECK(most == 0);
    CHECK(df_mixture_given(&law, &arena, &roll, 0, 0.8, &error) == DF_OK);
    CHECK_BETWEEN(0.05, ks(x, N, 1, &law), 0.6);
}

static void test_refusals(void)
{
    static const char *const bad[] = {"denoise-variance=1", "factor=start", "observed=1", "observed=1,2,3",
                                      "observed=1,x", "observed=1,nan", "observed=1,? denoise-variance=1 factor=start",
                                      "observed=1,2 factor=start"};
    const df_sampler *sampler = df_find_sampler("dpm2015", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(sampler->check(sampler_options(sampler, bad[i]), 2, &error) == DF_USAGE);
    CHECK(sampler->check(sampler_options(sampler, "observed=?,-1e-3"), 2, &error) == DF_OK);
}

/* ---- the network ---- */

typedef struct rig {
    df_network network;
    df_learning learning;
    df_real *parameters;
    df_schedule schedule;
} rig;

static rig *rig_of(const char *betas)
{
    enum { ROWS = 50 };
    rig *g = reserve(1, sizeof *g);
    g->schedule = schedule_of("geometric", 5);
    const df_objective *objective = df_find_objective("dpm2015", NULL);
    void *options = reserve(1, objective->options_size);
    df_settings values = {.table = objective->options, .values = options}, *list[] = {&values, NULL};
    df_settings_defaults(&values);
    CHECK(df_settings_apply(list, betas, &arena, &error) == DF_OK);
    const df_network_config config = {.dim = 2, .hidden = 7, .absent = true};
    CHECK(df_network_init(&g->network, &config, 3, &arena, &error) == DF_OK);
    objective->extend(&g->network, options, &g->schedule);
    const size_t count = g->network.parameter_count;
    g->parameters = reserve(count, sizeof *g->parameters);
    g->learning = (df_learning){.network = &g->network, .objective = objective, .options = options, .rows = ROWS,
                               .schedule = &g->schedule, .data = draw(&roll, 5, ROWS), .seed = 3, .batch = 100};
    return g;
}

static double loss_at(rig *g, const df_tensor *moved, const double *direction, double offset)
{
    const df_weights weights = {.parameters = g->parameters};
    const size_t size = moved->rows * (moved->columns ? moved->columns : 1);
    df_real *kept = reserve(size, sizeof *kept);
    memcpy(kept, g->parameters + moved->offset, size * sizeof *kept);
    for (size_t i = 0; i < size; i++) g->parameters[moved->offset + i] += (df_real)(offset * direction[i]);
    const double loss = df_learning_step(&g->learning, &weights, 2, NULL);
    memcpy(g->parameters + moved->offset, kept, size * sizeof *kept);
    return loss;
}

static void check_gradient(const char *betas)
{
#ifdef DF_DOUBLE
    const double offset = 1e-4, tolerance = 1e-6;
#else
    const double offset = 1e-2, tolerance = 5e-3;
#endif
    rig *g = rig_of(betas);
    const size_t count = g->network.parameter_count;
    df_real *gradient = reserve(count, sizeof *gradient);
    double *direction = reserve(2 * count, sizeof *direction);
    const df_weights weights = {.parameters = g->parameters};
    CHECK(df_learning_init(&g->learning, &arena, &error) == DF_OK);
    g->learning.objective->start(&g->learning, g->parameters);
    df_normal_rows(direction, count, 2, (df_place){.seed = 9, .purpose = DF_FOR_MEASURE});
    for (size_t i = g->network.tensors[2].offset; i < count; i++)
        g->parameters[i] += (df_real)(0.3 * direction[count + i]);
    CHECK(isfinite(df_learning_step(&g->learning, &weights, 2, gradient)));
    for (size_t k = 0; k < g->network.tensor_count; k++) {
        const df_tensor *tensor = &g->network.tensors[k];
        double slope = 0;
        for (size_t i = 0; i < tensor->rows * (tensor->columns ? tensor->columns : 1); i++)
            slope += direction[i] * (double)gradient[tensor->offset + i];
        const double near = loss_at(g, tensor, direction, offset) - loss_at(g, tensor, direction, -offset);
        const double far = loss_at(g, tensor, direction, 2 * offset) - loss_at(g, tensor, direction, -2 * offset);
        const double want = (8 * near - far) / (12 * offset);
        CHECK(fabs(want) > 1e-3);
        CHECK_NEAR(slope / want, 1, tolerance);
    }
}

/* The schedule starts as configured, and the denoiser's derivative and bound are those of the network that learns. */
static void test_network(void)
{
    check_gradient("betas=learned");
    check_gradient("betas=fixed");
    rig *g = rig_of("betas=learned");
    df_schedule learned = schedule_of("geometric", 5);
    CHECK(df_learning_init(&g->learning, &arena, &error) == DF_OK);
    g->learning.objective->start(&g->learning, g->parameters);
    for (size_t t = 2; t <= 5; t++) learned.levels[t] = (df_level){0, 1};
    g->learning.objective->reschedule(&learned, &g->network, g->parameters, g->learning.options);
    for (size_t t = 1; t <= 5; t++) CHECK_NEAR(learned.levels[t].sigma, g->schedule.levels[t].sigma, 1e-5);
    const df_network_denoiser from = {.network = &g->network, .weights = {.parameters = g->parameters},
                                      .schedule = &learned, .options = g->learning.options};
    const df_denoiser denoiser = g->learning.objective->denoiser(&from);
    void *lent = denoiser.scratch(denoiser.self, &arena, &error);
    for (size_t i = g->network.tensors[2].offset; i < g->network.tensors[6].offset; i++)
        g->parameters[i] = (df_real)(0.1 * (double)(i % 7) - 0.3);
    const df_level between = df_schedule_level(&learned, 2.3);
    const double along[2] = {0.6, -0.8}, offset = 1e-4;
    double x0[2], x0_dot[2], sides[2][2];
    for (int side = -1; side <= 1; side++) {
        const double x[2] = {0.3 + side * offset * along[0], 0.4 + side * offset * along[1]};
        const df_question q = {.n = 1, .x = x, .level = &between, .x_dot = along};
        const df_answer a = {.x0 = side ? sides[side > 0] : x0, .x0_dot = side ? NULL : x0_dot};
        denoiser.answer(denoiser.self, &q, &a, lent);
    }
    for (size_t i = 0; i < 2; i++) CHECK_NEAR((sides[1][i] - sides[0][i]) / (2 * offset), x0_dot[i], 1e-6);

    enum { N = 4000 };
    df_level down[6];
    for (size_t i = 0; i <= 5; i++) down[i] = learned.levels[5 - i];
    const df_sampler *ddpm = df_find_sampler("ddpm", NULL);
    const df_bound bound = {.denoiser = &denoiser, .sampler = ddpm, .levels = down, .steps = 5,
                            .options = sampler_options(ddpm, "variance-type=learned")};
    double prior, terms[5], *total = reserve(N, sizeof *total), *x = draw(&roll, 7, N);
    CHECK(df_bound_terms(&bound, &prior, terms, total, x, N, &arena, &error) == DF_OK);
    const df_weights weights = {.parameters = g->parameters};
    const double loss = df_learning_evaluate(&g->learning, &weights, x, N);
    check_estimate(estimate_of(total, N), loss, 0.05 * loss);
}

int main(void)
{
    open_roll();
    test_network();
    test_floors();
    test_constant_factor();
    test_denoising();
    test_inpainting();
    test_refusals();
    df_arena_free(&arena);
    return CHECK_DONE();
}
