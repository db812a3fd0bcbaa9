/* test_nn.c -- the network and its optimiser against their formulas, written out plainly in double. */
#include "check.h"
#include "diffuse/model.h"

#include <stdlib.h>

#ifdef DF_DOUBLE
static const double ROUNDING = 1e-13, SCALAR_ROUNDING = 1e-13;
#else
/* beta as a float is a little off, and 1 - beta relatively more. */
static const double ROUNDING = 2e-6, SCALAR_ROUNDING = 2e-5;
#endif

static df_arena arena;
static df_error error;

static void *reserve(size_t count, size_t size)
{
    void *memory = df_alloc(&arena, count, size, &error);
    if (!memory) abort();
    return memory;
}

/* Numbers between -1 and 1 without a pattern. */
static double scattered(size_t i)
{
    return (double)((uint64_t)(i + 1) * 0x9e3779b97f4a7c15u >> 11) * 0x1p-52 - 1;
}

static df_real *scattered_array(size_t n, size_t first)
{
    df_real *x = reserve(n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (df_real)scattered(first + i);
    return x;
}

static bool same(const df_real *a, const df_real *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

/* The larger of two errors; NaN is the largest, and stays. */
static double worse(double worst, double error_here)
{
    return isnan(worst) || error_here <= worst ? worst : error_here;
}

/* ---- Adam ---- */

enum { COUNT = 77 };

/* Kingma & Ba, algorithm 1; the decay of Loshchilov & Hutter, algorithm 2, times the rate as in PyTorch. */
static void paper_adam(double *p, double *m, double *v, const df_real *g, const df_adam *adam, double step,
                       double rate)
{
    for (size_t i = 0; i < COUNT; i++) {
        const double gradient = 0.385 * (double)g[i];
        m[i] = adam->beta1 * m[i] + (1 - adam->beta1) * gradient;
        v[i] = adam->beta2 * v[i] + (1 - adam->beta2) * gradient * gradient;
        const double m_hat = m[i] / (1 - pow(adam->beta1, step)), v_hat = v[i] / (1 - pow(adam->beta2, step));
        p[i] -= rate * (m_hat / (sqrt(v_hat) + adam->epsilon) + adam->weight_decay * p[i]);
    }
}

/* With the gradient times 0.385, and epsilon as large as some gradients, so that its place in the quotient shows. */
static void check_adam(df_adam adam)
{
    df_real *p = scattered_array(COUNT, 0), *m = reserve(COUNT, sizeof *m), *v = reserve(COUNT, sizeof *v);
    double want_p[COUNT], want_m[COUNT] = {0}, want_v[COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) want_p[i] = (double)p[i];
    for (uint64_t step = 1; step <= 5; step++) {
        const double rate = 0.02385 / (double)step;
        df_real *gradient = scattered_array(COUNT, 1000 * step);
        for (size_t i = 0; i < COUNT; i += 5) gradient[i] *= (df_real)1e-4;
        df_adam_step(&adam, p, m, v, gradient, COUNT, 0.385, step, rate, df_kernels_get());
        paper_adam(want_p, want_m, want_v, gradient, &adam, (double)step, rate);
        double worst_p = 0, worst_m = 0, worst_v = 0;
        for (size_t i = 0; i < COUNT; i++) {
            worst_p = worse(worst_p, fabs((double)p[i] - want_p[i]));
            worst_m = worse(worst_m, fabs((double)m[i] - want_m[i]));
            worst_v = worse(worst_v, fabs((double)v[i] / want_v[i] - 1));
        }
        CHECK_NEAR(worst_p, 0, ROUNDING);
        CHECK_NEAR(worst_m, 0, ROUNDING);
        CHECK_NEAR(worst_v, 0, SCALAR_ROUNDING);
    }
}

static void test_adam(void)
{
    check_adam((df_adam){.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
    check_adam((df_adam){.beta1 = 0.885, .beta2 = 0.9931, .epsilon = 3e-4, .weight_decay = 0.731});
    check_adam((df_adam){.beta1 = 0, .beta2 = 0.5, .epsilon = 0.02});
}

/* Decoupled: weights decay by themselves, and neither moment hears of it. */
static void test_weight_decay(void)
{
    const df_adam plain = {0.9, 0.99, 1e-8, 0}, decaying = {0.9, 0.99, 1e-8, 0.385};
    const double rate = 0.02385;
    const df_real *zero = reserve(COUNT, sizeof *zero), *start = scattered_array(COUNT, 0),
                  *gradient = scattered_array(COUNT, 500);
    df_real *p = scattered_array(COUNT, 0), *m = reserve(COUNT, sizeof *m), *v = reserve(COUNT, sizeof *v);
    df_adam_step(&decaying, p, m, v, zero, COUNT, 1, 1, rate, df_kernels_get());
    CHECK(same(m, zero, COUNT) && same(v, zero, COUNT));
    for (size_t i = 0; i < COUNT; i++)
        CHECK_NEAR((double)p[i], (double)start[i] * (1 - rate * 0.385), ROUNDING);

    df_real *other_m = reserve(COUNT, sizeof *m), *other_v = reserve(COUNT, sizeof *v),
            *other_p = scattered_array(COUNT, 0);
    df_adam_step(&decaying, p, m, v, gradient, COUNT, 1, 1, rate, df_kernels_get());
    df_adam_step(&plain, other_p, other_m, other_v, gradient, COUNT, 1, 1, rate, df_kernels_get());
    CHECK(same(m, other_m, COUNT) && same(v, other_v, COUNT));
    CHECK(!same(m, zero, COUNT) && !same(v, zero, COUNT) && !same(p, other_p, COUNT));
}

static void test_clipping(void)
{
    CHECK(df_clip_scale(3, 0) == 1);
    CHECK(df_clip_scale(3, 3.1) == 1);
    CHECK(df_clip_scale(3, 3) == 1);
    CHECK_NEAR(df_clip_scale(3, 2.385), 2.385 / 3, 1e-15);
}

/* The average follows fast at first: decay 2/11, 3/12, 4/13, ... until that exceeds the decay asked for. */
static void test_average(void)
{
    const double decay = 0.385;
    df_real *average = scattered_array(COUNT, 0);
    double want[COUNT];
    for (size_t i = 0; i < COUNT; i++) want[i] = (double)average[i];
    for (uint64_t step = 1; step <= 9; step++) {
        static const double ramp[] = {2.0 / 11, 3.0 / 12, 4.0 / 13, 5.0 / 14, 6.0 / 15,
                                      7.0 / 16, 8.0 / 17, 9.0 / 18, 10.0 / 19};
        const double kept = ramp[step - 1] < decay ? ramp[step - 1] : decay;
        const df_real *parameters = scattered_array(COUNT, 100 * step);
        df_ema_step(average, parameters, COUNT, step, decay, df_kernels_get());
        double worst = 0;
        for (size_t i = 0; i < COUNT; i++) {
            want[i] = kept * want[i] + (1 - kept) * (double)parameters[i];
            worst = worse(worst, fabs((double)average[i] - want[i]));
        }
        CHECK_NEAR(worst, 0, ROUNDING);
    }
    const df_real *parameters = scattered_array(COUNT, 7);
    df_ema_step(average, parameters, COUNT, 10, 0, df_kernels_get());
    for (size_t i = 0; i < COUNT; i++) CHECK_NEAR((double)average[i], (double)parameters[i], ROUNDING);
}

/* ---- parameters ---- */

static df_network network_of(df_network_config config, uint64_t seed)
{
    df_network network;
    CHECK(df_network_init(&network, &config, seed, &arena, &error) == DF_OK);
    return network;
}

static const df_network_config roll_config = {.dim = 2,
                                              .hidden = 67,
                                              .layers = 3,
                                              .activation = DF_SILU,
                                              .block = DF_RESIDUAL,
                                              .point_features = DF_POINTS_FOURIER,
                                              .point_waves = 11,
                                              .point_scale = 1.385,
                                              .level_features = DF_LEVEL_HARMONIC,
                                              .level_waves = 3,
                                              .level_scale = 0.885};

static const df_network_config waves_config = {.dim = 3,
                                               .hidden = 19,
                                               .layers = 2,
                                               .activation = DF_GELU,
                                               .block = DF_PLAIN,
                                               .point_features = DF_POINTS_SINUSOIDAL,
                                               .point_waves = 5,
                                               .point_scale = 23.85,
                                               .level_features = DF_LEVEL_SINUSOIDAL,
                                               .level_waves = 4,
                                               .level_scale = 0.731,
                                               .random_output = true};

/* Uniform in +-1/sqrt(inputs), the biases too: the ends are nearly reached, and mean and variance are 0 and
 * bound^2 / 3 within four standard errors. A layer's weight and bias follow each other. */
static void check_start_of_layer(const df_network *network, const df_real *parameters, size_t layer)
{
    const df_tensor *weight = &network->tensors[2 * layer];
    const size_t count = weight->rows * weight->columns + weight->rows;
    const double bound = 1 / sqrt((double)weight->columns);
    double sum = 0, squares = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        const double p = (double)parameters[weight->offset + i] / bound;
        sum += p;
        squares += p * p;
        most = worse(most, fabs(p));
    }
    const double n = (double)count;
    CHECK_BETWEEN(1 - 10 / n, most, 1 + 1e-7);
    CHECK_NEAR(sum / n, 0, 4 / sqrt(3 * n));
    CHECK_NEAR(squares / n, 1.0 / 3, 4 * sqrt(4.0 / 45 / n));
}

static bool as_floats(const df_real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((df_real)(float)x[i] != x[i]) return false;
    return true;
}

static void test_start(void)
{
    const df_network network = network_of(roll_config, 0);
    const size_t count = network.parameter_count, last = network.linears - 1,
                 output = network.tensors[2 * last].offset;
    df_real *p = scattered_array(count, 0), *again = scattered_array(count, 9),
            *other = scattered_array(count, 0);
    df_network_start(&network, p, 2385);
    df_network_start(&network, again, 2385);
    df_network_start(&network, other, 2386);
    CHECK(same(p, again, count));
    CHECK(!same(p, other, output));
    CHECK(as_floats(p, count)); /* so that a double build starts from the same numbers */
    for (size_t l = 0; l < last; l++) check_start_of_layer(&network, p, l);
    for (size_t i = output; i < count; i++) CHECK(p[i] == 0);

    df_network_config config = roll_config;
    config.random_output = true;
    const df_network random = network_of(config, 0);
    df_network_start(&random, other, 2385);
    CHECK(same(p, other, output));
    check_start_of_layer(&random, other, last);
}

/* The tensors fill the parameters without gaps, under the names that nn.Sequential gives them. */
static void test_layout(void)
{
    const df_network network = network_of(waves_config, 0);
    static const char *const names[] = {"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"};
    static const size_t rows[] = {19, 19, 19, 19, 3, 3}, columns[] = {38, 0, 19, 0, 19, 0};
    size_t offset = 0;
    CHECK(network.features == 38 && network.linears == 3 && network.tensor_count == 6);
    for (size_t t = 0; t < network.tensor_count; t++) {
        const df_tensor *tensor = &network.tensors[t];
        CHECK_TEXT(tensor->name, names[t]);
        CHECK(tensor->rows == rows[t] && tensor->columns == columns[t] && tensor->offset == offset);
        offset += rows[t] * (columns[t] ? columns[t] : 1);
    }
    CHECK(network.parameter_count == offset);
}

/* 384 -> 128, three residual blocks, 128 -> 2: 49,280 + 3 x 16,512 + 258. */
static void test_tiny_diffusion(void)
{
    const df_preset *tiny = df_presets;
    while (tiny->name && strcmp(tiny->name, "tiny-diffusion") != 0) tiny++;
    CHECK(tiny->name != NULL);
    if (!tiny->name) return;
    df_model model = {.dim = 2, .objective = df_find_objective("ddpm", NULL)};
    df_model_settings settings;
    df_model_list_settings(&settings, &model);
    for (df_settings **s = settings.list; *s; s++) df_settings_defaults(*s);
    CHECK(df_settings_apply(settings.list, tiny->settings, &arena, &error) == DF_OK);
    CHECK(df_model_build(&model, &arena, &error) == DF_OK);
    CHECK(model.network.features == 384);
    CHECK(model.network.linears == 5);
    CHECK(model.network.parameter_count == 99074);
}

/* ---- what the network computes ---- */

static double sinusoidal(size_t k, size_t waves, double scale)
{
    return scale * pow(10000, -(double)k / ((double)waves - 1));
}

static void test_frequencies(void)
{
    const df_network waves = network_of(waves_config, 0);
    CHECK(waves.point_frequency_count == 5 && waves.frequency_count == 9);
    for (size_t k = 0; k < 5; k++) {
        const double want = sinusoidal(k, 5, 23.85);
        CHECK_NEAR((double)waves.frequencies[k] / want, 1, ROUNDING);
    }
    for (size_t k = 0; k < 4; k++)
        CHECK_NEAR((double)waves.frequencies[5 + k] / sinusoidal(k, 4, 0.731), 1, ROUNDING);

    df_network_config config = roll_config;
    config.point_waves = 4000;
    const df_network many = network_of(config, 7);
    double sum = 0, squares = 0;
    CHECK(many.point_frequency_count == 8000 && many.frequency_count == 8003);
    CHECK(as_floats(many.frequencies, 8000));
    for (size_t k = 0; k < 8000; k++) {
        sum += (double)many.frequencies[k] / 1.385;
        squares += (double)many.frequencies[k] / 1.385 * (double)many.frequencies[k] / 1.385;
    }
    CHECK_NEAR(sum / 8000, 0, 4 / sqrt(8000.0));
    CHECK_NEAR(squares / 8000, 1, 4 * sqrt(2 / 8000.0));
    for (size_t k = 0; k < 3; k++)
        CHECK_NEAR((double)many.frequencies[8000 + k], 0.885 * (double)(k + 1), ROUNDING);

    const df_network other = network_of(config, 8);
    CHECK(!same(many.frequencies, other.frequencies, 8000));
    CHECK(same(many.frequencies + 8000, other.frequencies + 8000, 3));
}

enum { ROWS = 7, WIDEST = 128 };

/* x if it is wanted, then sin F x, then cos F x; returns what follows. */
static double *add_waves(double *out, const df_real *x, size_t inputs, bool raw, const df_real *frequencies,
                         size_t waves)
{
    for (size_t i = 0; raw && i < inputs; i++) *out++ = (double)x[i];
    for (size_t w = 0; w < waves; w++) {
        double phase = 0;
        for (size_t i = 0; i < inputs; i++) phase += (double)frequencies[w * inputs + i] * (double)x[i];
        out[w] = sin(phase);
        out[waves + w] = cos(phase);
    }
    return out + 2 * waves;
}

/* The features of one row; returns how many. */
static size_t features_of_row(double *out, const df_network *network, const df_real *x, df_real label)
{
    const df_network_config *c = &network->config;
    const df_real *level_frequencies = network->frequencies + network->point_frequency_count;
    double *end = out;
    switch (c->point_features) {
    case DF_POINTS_RAW: end = add_waves(end, x, c->dim, true, NULL, 0); break;
    case DF_POINTS_FOURIER:
        end = add_waves(end, x, c->dim, true, network->frequencies, c->point_waves);
        break;
    default:
        for (size_t i = 0; i < c->dim; i++)
            end = add_waves(end, x + i, 1, false, network->frequencies, c->point_waves);
    }
    switch (c->level_features) {
    case DF_LEVEL_RAW: end = add_waves(end, &label, 1, true, NULL, 0); break;
    case DF_LEVEL_HARMONIC: end = add_waves(end, &label, 1, true, level_frequencies, c->level_waves); break;
    default: end = add_waves(end, &label, 1, false, level_frequencies, c->level_waves);
    }
    return (size_t)(end - out);
}

static double phi(int activation, double z)
{
    return activation == DF_SILU ? z / (1 + exp(-z)) : z * (1 + erf(z / sqrt(2))) / 2;
}

/* The output of one row from its features, layer by layer. */
static void output_of_row(double *output, const df_network *network, const df_real *parameters,
                          const double *features)
{
    double h[WIDEST], z[WIDEST];
    memcpy(h, features, network->features * sizeof *h);
    for (size_t l = 0; l < network->linears; l++) {
        const df_tensor *weight = &network->tensors[2 * l], *bias = weight + 1;
        const bool last = l + 1 == network->linears,
                   residual = network->config.block == DF_RESIDUAL && l > 0 && !last;
        for (size_t o = 0; o < weight->rows; o++) {
            z[o] = (double)parameters[bias->offset + o];
            for (size_t i = 0; i < weight->columns; i++)
                z[o] += (double)parameters[weight->offset + o * weight->columns + i] * h[i];
        }
        for (size_t o = 0; o < weight->rows; o++)
            h[o] = last ? z[o] : phi(network->config.activation, z[o]) + (residual ? h[o] : 0);
    }
    memcpy(output, h, network->config.dim * sizeof *h);
}

static void check_forward(df_network_config config)
{
    config.random_output = true;
    const df_network network = network_of(config, 3);
    df_pass pass;
    CHECK(df_pass_init(&pass, &network, ROWS, &arena, &error) == DF_OK);
    df_real *parameters = reserve(network.parameter_count, sizeof *parameters);
    df_weights weights = {parameters, reserve(network.parameter_count, sizeof *parameters)};
    df_network_start(&network, parameters, 2385);
    df_weights_refresh(&network, &weights);
    const df_real *x = scattered_array(ROWS * config.dim, 0), *labels = scattered_array(ROWS, 300);
    df_network_forward(&network, &weights, &pass, x, labels, false, ROWS);

    double worst_feature = 0, worst_output = 0;
    for (size_t r = 0; r < ROWS; r++) {
        double features[WIDEST], output[WIDEST];
        CHECK(features_of_row(features, &network, x + r * config.dim, labels[r]) == network.features);
        output_of_row(output, &network, parameters, features);
        for (size_t i = 0; i < network.features; i++)
            worst_feature =
                worse(worst_feature, fabs((double)pass.features[r * network.features + i] - features[i]));
        for (size_t i = 0; i < config.dim; i++)
            worst_output = worse(worst_output, fabs((double)pass.output[r * config.dim + i] - output[i]));
    }
    CHECK_NEAR(worst_feature, 0, ROUNDING);
    CHECK_NEAR(worst_output, 0, ROUNDING);
}

static void test_forward(void)
{
    df_network_config raw = roll_config;
    raw.point_features = DF_POINTS_RAW;
    raw.level_features = DF_LEVEL_RAW;
    raw.block = DF_PLAIN;
    check_forward(roll_config);
    check_forward(waves_config);
    check_forward(raw);
}

int main(void)
{
    test_adam();
    test_weight_decay();
    test_clipping();
    test_average();
    test_start();
    test_layout();
    test_tiny_diffusion();
    test_frequencies();
    test_forward();
    df_arena_free(&arena);
    return CHECK_DONE();
}
