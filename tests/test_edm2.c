/* test_edm2.c -- averages made afterwards against the same averages tracked, and the gradient of the uncertainty.
 * The file itself is included: widths and exponents have no header. */
#include "../src/learn/edm2.c"

#include "exact.h"

#include "diffuse/random.h"

/* Eq. 123, and the root of its cubic. */
static void test_width(void)
{
    for (double width = 0.001; width <= 0.28; width *= 1.07) {
        const double g = exponent_of(width);
        CHECK_NEAR(sqrt((g + 1) / (square(g + 2) * (g + 3))) / width, 1, 1e-9);
    }
    CHECK_NEAR(exponent_of(0.05), 16.97, 0.01);
    CHECK_NEAR(exponent_of(0.1), 6.94, 0.01);
}

typedef struct run {
    df_network network;
    df_learning learning;
    void *options;
    df_real *parameters;
    df_schedule schedule;
} run;

static void open_run(run *r, const char *assignments)
{
    df_network_config config = {0};
    df_settings network = {.table = df_network_options, .values = &config};
    df_schedule_config levels = {.beta_schedule = DF_BETA_GEOMETRIC, .timesteps = 1000, .sigma_start = 0.002,
                                 .sigma_end = 80, .shift = 1};
    df_settings_defaults(&network);
    config.dim = 2;
    config.hidden = 8;
    config.layers = 1;
    config.random_output = true;
    r->options = reserve(1, DF_OBJECTIVE_OPTIONS);
    df_settings settings = {.table = options_table, .values = r->options};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    CHECK(df_schedule_init(&r->schedule, &levels, &arena, &error) == DF_OK);
    CHECK(df_network_init(&r->network, &config, 3, &arena, &error) == DF_OK);
    add_uncertainty(&r->network, r->options, &r->schedule);
    r->parameters = reserve(r->network.parameter_count, sizeof *r->parameters);
    df_network_start(&r->network, r->parameters, 4);
    r->learning = (df_learning){.network = &r->network, .objective = &objective, .options = r->options,
                                .prediction = DF_PREDICT_V, .label = DF_LABEL_LOG_RATIO, .schedule = &r->schedule,
                                .rows = 64, .batch = 100};
}

static double distance(const df_real *a, const df_real *b, size_t n)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        apart += square((double)a[i] - (double)b[i]);
        size += square((double)b[i]);
    }
    return sqrt(apart / size);
}

/* A random walk, which an average of another width follows elsewhere, and the same average made in two ways. */
static void test_reconstruction(void)
{
    static const char *const kept[] = {"ema-width=0.05 ema-width-2=0.1", "ema-width=0.075 ema-width-2=0.25"};
    static const double other[] = {0.1, 0.075};
    enum { STEPS = 5003 };
    run r[2] = {{.parameters = NULL}};
    df_real *made[2], *wide;
    for (size_t k = 0; k < 2; k++) {
        open_run(&r[k], kept[k]);
        const size_t count = r[k].network.parameter_count;
        r[k].learning.state = reserve(state_size(&r[k].network, r[k].options, NULL), sizeof(df_real));
        made[k] = reserve(count, sizeof(df_real));
        for (uint64_t step = 1; step <= STEPS; step++) {
            for (size_t i = 0; i < count; i++) {
                double z[2];
                df_normals(z, (df_place){.seed = 6, .index = i, .step = (uint32_t)step}, 0);
                r[k].parameters[i] += (df_real)(0.01 * z[0]);
            }
            after(&r[k].learning, r[k].parameters, step);
        }
        CHECK(average(made[k], &r[k].learning, STEPS, 0.075, &arena, &error) == DF_OK);
    }
    const size_t count = r[0].network.parameter_count;
    const df_real *tracked = average_at(&r[1].learning, 0, 0);
    wide = reserve(count, sizeof *wide);
    CHECK(average(wide, &r[0].learning, STEPS, other[0], &arena, &error) == DF_OK);
    printf("average of width 0.075: made %.2e from tracked, of its own run %.2e, of width 0.1 %.2e\n",
           distance(made[0], tracked, count), distance(made[1], tracked, count), distance(wide, tracked, count));
    CHECK_BETWEEN(0, distance(made[0], tracked, count), 0.02);
    CHECK_BETWEEN(0, distance(made[1], tracked, count), 1e-5);
    CHECK_BETWEEN(0, distance(wide, average_at(&r[0].learning, 0, 1), count), 1e-5);
    CHECK(distance(wide, tracked, count) > 5 * distance(made[0], tracked, count));
    CHECK(average(wide, &r[0].learning, STEPS, 0.25, &arena, &error) == DF_OK); /* for which early snapshots count */
    printf("average of width 0.25: made %.2e from tracked\n", distance(wide, average_at(&r[1].learning, 0, 1), count));
    CHECK_BETWEEN(0, distance(wide, average_at(&r[1].learning, 0, 1), count), 0.02);
    CHECK(average(wide, &r[0].learning, STEPS, 0.4, &arena, &error) == DF_USAGE);
}

/* d loss / d u against differences, and that u = ln(loss) is where it is 0. */
static void test_gradient(void)
{
    run r = {.parameters = NULL};
    open_run(&r, "");
    const df_mixture pair = make_mixture(2, 2, (double[]){-1, 0.3, 0.8, -0.6}, (double[]){0.4, 0.6}, 0.1);
    r.learning.data = draw(&pair, 3, 64);
    CHECK(df_learning_init(&r.learning, &arena, &error) == DF_OK);
    const size_t count = r.network.parameter_count, offset = uncertainty_offset(&r.network);
    df_real *gradient = reserve(count, sizeof *gradient);
    df_weights weights = {.parameters = r.parameters, .transposed = reserve(count, sizeof *gradient)};
    for (int k = 0; k < WAVES; k++) r.parameters[offset + (size_t)k] = (df_real)(0.1 * (k % 3 - 1));
    df_weights_refresh(&r.network, &weights);
    df_learning_step(&r.learning, &weights, 1, gradient);
    const size_t places[] = {0, offset - 1, offset, offset + 1, offset + 7, offset + WAVES - 1};
    for (size_t p = 0; p < 6; p++) {
        double side[2];
        const df_real here = r.parameters[places[p]];
        for (int s = 0; s < 2; s++) {
            r.parameters[places[p]] = here + (df_real)(s ? -0.01 : 0.01);
            df_weights_refresh(&r.network, &weights);
            side[s] = df_learning_step(&r.learning, &weights, 1, NULL);
        }
        r.parameters[places[p]] = here;
        CHECK_NEAR((side[0] - side[1]) / 0.02, (double)gradient[places[p]],
                   2e-3 * (0.1 + fabs((double)gradient[places[p]])));
    }
}

int main(void)
{
    test_width();
    test_reconstruction();
    test_gradient();
    df_arena_free(&arena);
    return CHECK_DONE();
}
