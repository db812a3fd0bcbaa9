/* test_ssm.c -- sliced score matching (1905.07088): the least J, and that every estimator is one of the same J. */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

static df_mixture roll;

static void open_roll(void)
{
    roll = open_scaled("swissroll");
}

/* ---- the exact score of x0 + sigma eps ---- */

static void check_least(double sigma, double want)
{
    enum { N = 8000 };
    double *x = draw(&roll, 3, N), *eps = reserve(2 * N, sizeof *eps), mean[2], c[4];
    double *least = reserve(N, sizeof *least), *gap = reserve(N, sizeof *gap);
    const df_posterior wanted = {.mean = mean, .covariance = c};
    df_normal_rows(eps, N, 2, (df_place){.seed = 4, .purpose = DF_FOR_NOISE});
    df_add_noise(x, (df_level){1, sigma}, x, eps, 2 * N);
    for (size_t r = 0; r < N; r++) {
        const double s2 = square(sigma);
        df_mixture_posterior(&wanted, &roll, 1, sigma, x + 2 * r);
        const double length = (square(mean[0] - x[2 * r]) + square(mean[1] - x[2 * r + 1])) / square(s2);
        const double divergence = ((c[0] + c[3]) / s2 - 2) / s2;
        least[r] = -0.5 * length;
        gap[r] = divergence + length; /* J of the exact score less -1/2 E |s*|^2 */
    }
    check_estimate(estimate_of(least, N), want, 0.015 * fabs(want));
    check_estimate(estimate_of(gap, N), 0, 0);
}

/* ---- a network ---- */

typedef struct rig {
    df_network network;
    df_weights weights;
    df_schedule schedule;
} rig;

static rig *rig_new(void)
{
    rig *g = reserve(1, sizeof *g);
    df_network_config config = {0};
    df_settings values = {.table = df_network_options, .values = &config};
    df_settings_defaults(&values);
    config.dim = 2;
    config.hidden = 16;
    config.random_output = true;
    CHECK(df_network_init(&g->network, &config, 3, &arena, &error) == DF_OK);
    df_real *parameters = reserve(g->network.parameter_count, sizeof *parameters);
    df_network_start(&g->network, parameters, 3);
    g->weights = (df_weights){parameters, reserve(g->network.parameter_count, sizeof *parameters)};
    df_weights_refresh(&g->network, &g->weights);
    g->schedule = (df_schedule){1, reserve(2, sizeof(df_level))};
    g->schedule.levels[0] = (df_level){1, 0};
    g->schedule.levels[1] = df_level_from_ratio(0.2);
    return g;
}

static double loss_of(const rig *g, const char *line)
{
    enum { ROWS = 100 };
    const df_objective *objective = df_find_objective("ssm", NULL);
    void *options = reserve(1, objective->options_size);
    df_settings values = {.table = objective->options, .values = options}, *list[] = {&values, NULL};
    df_settings_defaults(&values);
    CHECK(df_settings_apply(list, line, &arena, &error) == DF_OK);
    df_learning l = {.network = &g->network, .objective = objective, .options = options, .rows = ROWS, .batch = 200,
                     .prediction = DF_PREDICT_EPS, .schedule = &g->schedule, .data = draw(&roll, 5, ROWS), .seed = 3};
    CHECK(df_learning_init(&l, &arena, &error) == DF_OK);
    return df_learning_step(&l, &g->weights, 2, NULL);
}

/* Slices are right on average, and J's two sliced forms differ by what they do with |s|^2 alone. */
static void test_estimators(void)
{
    const rig *g = rig_new();
    const double exact = loss_of(g, "estimator=exact");
    CHECK(fabs(exact) > 0.01);
    CHECK_NEAR(loss_of(g, "estimator=ssm-vr slices=1000"), exact, 0.01 * fabs(exact) + 1e-4);
    CHECK_NEAR(loss_of(g, "estimator=ssm-vr slices=1000 projection=gaussian"), exact, 0.02 * fabs(exact) + 1e-3);
    CHECK_NEAR(loss_of(g, "estimator=ssm slices=1000"), exact, 0.02 * fabs(exact) + 1e-3);
    CHECK_NEAR(loss_of(g, "estimator=ssm slices=1000 projection=gaussian"), exact, 0.02 * fabs(exact) + 1e-3);
    CHECK(fabs(loss_of(g, "estimator=ssm-vr") - exact) > 1e-6);
}

/* v.Jv for all signs v: its mean is the trace, its variance (J12 + J21)^2 and nothing of the diagonal. */
static void test_signs(void)
{
    const rig *g = rig_new();
    static const df_real signs[8] = {1, 1, 1, -1, -1, 1, -1, -1}, axes[8] = {1, 0, 0, 1, 1, 0, 0, 1};
    df_real x[8], label = -1, dot[8];
    df_pass pass;
    double mean = 0, variance = 0;
    for (size_t i = 0; i < 8; i++) x[i] = i % 2 ? (df_real)0.4 : (df_real)-0.3;
    CHECK(df_pass_init(&pass, &g->network, 4, &arena, &error) == DF_OK);
    df_network_forward(&g->network, &g->weights, &pass, x, &label, true, 4);
    df_network_tangent(&g->network, &g->weights, &pass, axes, dot, 4);
    const double trace = (double)dot[0] + (double)dot[3], across = (double)dot[1] + (double)dot[2];
    df_network_tangent(&g->network, &g->weights, &pass, signs, dot, 4);
    for (size_t r = 0; r < 4; r++) {
        double slice = 0;
        for (size_t i = 2 * r; i < 2 * r + 2; i++) slice += (double)signs[i] * (double)dot[i];
        mean += slice / 4;
        variance += square(slice - trace) / 4;
    }
    CHECK_NEAR(mean, trace, 1e-5 * (fabs(trace) + fabs(across)));
    CHECK_NEAR(variance, square(across), 1e-4 * square(across));
}

int main(void)
{
    open_roll();
    check_least(0.1, -41.3);
    check_least(0.2, -10.2);
    check_least(0.3, -3.52);
    check_least(0.5, -1.19);
    test_estimators();
    test_signs();
    df_arena_free(&arena);
    return CHECK_DONE();
}
