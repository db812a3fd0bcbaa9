/* test_grad.c -- every derivative against central differences of what it is the derivative of. */
#include "check.h"
#include "diffuse/paper.h"
#include "diffuse/random.h"

#include <stdlib.h>

/* Errors are relative to the largest derivative of their kind. The largest seen are 5e-11 in double and
 * 2.6e-4 in float, where the differences are noisy and not the answers. */
#ifdef DF_DOUBLE
static const double OFFSET = 0x1p-11, TOLERANCE = 1e-9, ROUNDING = 1e-13;
#else
static const double OFFSET = 0x1p-6, TOLERANCE = 1e-3, ROUNDING = 2e-5;
#endif

static df_arena arena;
static df_error error;

static void *reserve(size_t count, size_t size)
{
    void *memory = df_alloc(&arena, count, size, &error);
    if (!memory) abort();
    return memory;
}

static double normal(uint64_t seed, uint64_t index)
{
    double z[2];
    df_normals(z, (df_place){.seed = seed, .index = index, .purpose = DF_FOR_MEASURE}, 0);
    return z[0];
}

static df_real *normal_array(size_t n, uint64_t seed)
{
    df_real *x = reserve(n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (df_real)normal(seed, i);
    return x;
}

static double *normal_doubles(size_t n, uint64_t seed)
{
    double *x = reserve(n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = normal(seed, i);
    return x;
}

static df_real *copy_of(const df_real *x, size_t n)
{
    df_real *copy = reserve(n, sizeof *copy);
    memcpy(copy, x, n * sizeof *x);
    return copy;
}

static bool same(const df_real *a, const df_real *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

static double dot(const df_real *a, const df_real *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* The larger of two errors; NaN is the largest, and stays. */
static double worse(double worst, double error_here)
{
    return isnan(worst) || error_here <= worst ? worst : error_here;
}

static double largest(const df_real *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = worse(most, fabs((double)x[i]));
    return most;
}

static double largest_difference(const df_real *a, const df_real *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = worse(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* f'(0) with an error of order OFFSET^4. */
static double difference(double (*f)(void *self, double offset), void *self)
{
    const double near = f(self, OFFSET) - f(self, -OFFSET), far = f(self, 2 * OFFSET) - f(self, -2 * OFFSET);
    return (8 * near - far) / (12 * OFFSET);
}

/* A number that depends on an array, and the element of the array that moves. */
typedef struct slope_question {
    double (*value)(void *self);
    void *self;
    df_real *moved;
} slope_question;

static double value_at(void *self, double offset)
{
    const slope_question *question = self;
    const df_real kept = *question->moved;
    *question->moved = (df_real)((double)kept + offset);
    const double value = question->value(question->self);
    *question->moved = kept;
    return value;
}

/* Every element of a gradient, which must not vanish. */
static void check_gradient(const df_real *gradient, df_real *x, size_t n, double (*value)(void *self),
                           void *self)
{
    df_real *want = reserve(n, sizeof *want);
    for (size_t i = 0; i < n; i++) {
        slope_question question = {value, self, &x[i]};
        want[i] = (df_real)difference(value_at, &question);
    }
    const double most = largest(want, n);
    CHECK(most > 1e-3);
    CHECK_NEAR(largest_difference(gradient, want, n) / most, 0, TOLERANCE);
}

/* <d_y, J x_dot> = <J^T d_y, x_dot> */
static void check_inner_products(const df_real *d_y, const df_real *y_dot, size_t outputs, const df_real *d_x,
                                 const df_real *x_dot, size_t inputs)
{
    const double scale = sqrt(dot(d_y, d_y, outputs) * dot(y_dot, y_dot, outputs));
    CHECK(scale > 1e-3);
    CHECK_NEAR(dot(d_y, y_dot, outputs) / scale, dot(d_x, x_dot, inputs) / scale, ROUNDING);
}

/* ---- activations ---- */

typedef struct activation_rig {
    void (*activation)(df_real *h, df_real *z, const df_real *from, size_t n);
    df_real z;
} activation_rig;

static double activation_value(void *self)
{
    const activation_rig *rig = self;
    df_real h, slope = rig->z;
    rig->activation(&h, &slope, NULL, 1);
    return (double)h;
}

static void check_activation(activation_rig rig, double (*formula)(double z))
{
    double worst_value = 0, worst_slope = 0;
    for (double z = -9.385; z < 10; z += 0.04731) {
        rig.z = (df_real)z;
        df_real h, slope = rig.z;
        rig.activation(&h, &slope, NULL, 1);
        slope_question question = {activation_value, &rig, &rig.z};
        worst_value = worse(worst_value, fabs((double)h - formula((double)rig.z)));
        worst_slope = worse(worst_slope, fabs((double)slope - difference(value_at, &question)));
    }
    CHECK_NEAR(worst_value, 0, ROUNDING);
    CHECK_NEAR(worst_slope, 0, TOLERANCE);
}

static double silu_formula(double z)
{
    return z / (1 + exp(-z));
}

static double gelu_formula(double z)
{
    return z * erfc(-z * sqrt(0.5)) / 2;
}

/* phi'' by differences of phi'. */
static double slope_value(void *self)
{
    const activation_rig *rig = self;
    df_real h, slope = rig->z;
    rig->activation(&h, &slope, NULL, 1);
    return (double)slope;
}

static void check_bend(activation_rig rig, void (*bend)(df_real *z, size_t n))
{
    double worst = 0;
    for (double z = -9.385; z < 10; z += 0.04731) {
        df_real bent = rig.z = (df_real)z;
        bend(&bent, 1);
        slope_question question = {slope_value, &rig, &rig.z};
        worst = worse(worst, fabs((double)bent - difference(value_at, &question)));
    }
    CHECK_NEAR(worst, 0, TOLERANCE);
}

static void test_activations(void)
{
    check_bend((activation_rig){.activation = df_kernels_get()->silu}, df_kernels_get()->silu_bend);
    check_bend((activation_rig){.activation = df_kernels_get()->gelu}, df_kernels_get()->gelu_bend);

    check_activation((activation_rig){.activation = df_kernels_get()->silu}, silu_formula);
    check_activation((activation_rig){.activation = df_kernels_get()->gelu}, gelu_formula);
}

/* ---- the linear layer ---- */

typedef struct linear_rig {
    df_linear layer;
    df_real *weight, *transposed, *bias, *x, *y, *d_y;
    size_t n;
} linear_rig;

static double linear_value(void *self)
{
    linear_rig *rig = self;
    df_kernels_get()->transpose(rig->transposed, rig->layer.outputs, rig->weight, rig->layer.inputs, rig->layer.outputs,
                                rig->layer.inputs);
    df_linear_forward(rig->y, rig->x, &rig->layer, rig->n, df_kernels_get());
    return dot(rig->d_y, rig->y, rig->n * rig->layer.outputs);
}

static void check_linear(size_t inputs, size_t outputs, size_t n)
{
    linear_rig rig = {.weight = normal_array(outputs * inputs, 1),
                      .bias = normal_array(outputs, 2),
                      .n = n,
                      .transposed = normal_array(inputs * outputs, 3),
                      .x = normal_array(n * inputs, 4),
                      .y = normal_array(n * outputs, 5),
                      .d_y = normal_array(n * outputs, 6)};
    rig.layer = (df_linear){inputs, outputs, rig.weight, rig.transposed, rig.bias};
    linear_value(&rig);

    df_real *d_x = normal_array(n * inputs, 7); /* overwritten */
    df_real *d_weight = normal_array(outputs * inputs, 10), *d_bias = normal_array(outputs, 11);
    df_linear_backward(d_x, NULL, rig.d_y, &rig.layer, n, df_kernels_get());
    for (size_t first = 0, count; first < outputs; first += count) { /* in parts */
        count = outputs - first < 2 ? 1 : 2;
        df_linear_gradient(d_weight, d_bias, false, rig.d_y, rig.x, &rig.layer, first, count, n, df_kernels_get());
    }
    check_gradient(d_x, rig.x, n * inputs, linear_value, &rig);
    check_gradient(d_weight, rig.weight, outputs * inputs, linear_value, &rig);
    check_gradient(d_bias, rig.bias, outputs, linear_value, &rig);

    df_real *x_dot = normal_array(n * inputs, 8), *y_dot = normal_array(n * outputs, 9);
    df_linear_tangent(y_dot, x_dot, &rig.layer, n, df_kernels_get());
    check_inner_products(rig.d_y, y_dot, n * outputs, d_x, x_dot, n * inputs);

    df_real *twice = copy_of(d_weight, outputs * inputs), *twice_bias = copy_of(d_bias, outputs);
    df_linear_gradient(twice, twice_bias, true, rig.d_y, rig.x, &rig.layer, 0, outputs, n, df_kernels_get());
    for (size_t i = 0; i < outputs * inputs; i++) twice[i] /= 2;
    for (size_t o = 0; o < outputs; o++) twice_bias[o] /= 2;
    CHECK_NEAR(largest_difference(twice, d_weight, outputs * inputs), 0,
               ROUNDING * largest(d_weight, outputs * inputs));
    CHECK_NEAR(largest_difference(twice_bias, d_bias, outputs), 0, ROUNDING * largest(d_bias, outputs));
}

static void test_linear(void)
{
    check_linear(1, 1, 1);
    check_linear(7, 5, 6);
    check_linear(17, 19, 9);
}

/* ---- embeddings ---- */

enum { EMBEDDED = 3, APART = 2 }; /* rows; and how much further apart they are than long */

typedef struct embedding_rig {
    df_embedding embedding;
    df_real *x, *y, *d_y;
    size_t x_row, y_row;
} embedding_rig;

static double embedding_value(void *self)
{
    embedding_rig *rig = self;
    double sum = 0;
    df_embedding_forward(rig->y, rig->y_row, rig->x, rig->x_row, &rig->embedding, EMBEDDED, df_kernels_get());
    for (size_t r = 0; r < EMBEDDED; r++)
        sum += dot(rig->d_y + r * rig->y_row, rig->y + r * rig->y_row, df_embedding_width(&rig->embedding));
    return sum;
}

/* The numbers of strided rows, one row after the other. */
static df_real *packed(const df_real *x, size_t row, size_t width)
{
    df_real *out = reserve(EMBEDDED * width, sizeof *out);
    for (size_t r = 0; r < EMBEDDED; r++) memcpy(out + r * width, x + r * row, width * sizeof *x);
    return out;
}

/* What lies between the rows must have stayed. */
static void check_gaps(const df_real *got, const df_real *before, size_t row, size_t width)
{
    for (size_t r = 0; r < EMBEDDED; r++)
        CHECK(same(got + r * row + width, before + r * row + width, row - width));
}

static void check_embedding(df_embedding e)
{
    e.frequencies = normal_array(e.waves * e.inputs, 1);
    const size_t width = df_embedding_width(&e), x_row = e.inputs + APART, y_row = width + APART;
    CHECK(width == (e.raw ? e.inputs : 0) + 2 * e.waves);
    embedding_rig rig = {e,
                         normal_array(EMBEDDED * x_row, 2),
                         normal_array(EMBEDDED * y_row, 3),
                         normal_array(EMBEDDED * y_row, 4),
                         x_row,
                         y_row};
    const df_real *y_before = copy_of(rig.y, EMBEDDED * y_row);
    embedding_value(&rig);
    check_gaps(rig.y, y_before, y_row, width);

    const df_real *before = normal_array(EMBEDDED * x_row, 5);
    df_real *d_x = copy_of(before, EMBEDDED * x_row); /* added to */
    df_embedding_backward(d_x, x_row, rig.d_y, rig.y, y_row, &e, EMBEDDED);
    check_gaps(d_x, before, x_row, e.inputs);
    for (size_t i = 0; i < EMBEDDED * x_row; i++) d_x[i] -= before[i];
    const df_real *zero = reserve(EMBEDDED * x_row, sizeof *zero);
    CHECK(largest(zero, EMBEDDED * x_row) == 0);
    check_gradient(d_x, rig.x, EMBEDDED * x_row, embedding_value, &rig);

    df_real *x_dot = normal_array(EMBEDDED * x_row, 6), *y_dot = copy_of(y_before, EMBEDDED * y_row);
    embedding_value(&rig);
    df_embedding_tangent(y_dot, x_dot, x_row, rig.y, y_row, &e, EMBEDDED);
    check_gaps(y_dot, y_before, y_row, width);
    check_inner_products(packed(rig.d_y, y_row, width), packed(y_dot, y_row, width), EMBEDDED * width,
                         packed(d_x, x_row, e.inputs), packed(x_dot, x_row, e.inputs), EMBEDDED * e.inputs);
}

static void test_embeddings(void)
{
    check_embedding((df_embedding){.inputs = 2, .waves = 5, .raw = true});
    check_embedding((df_embedding){.inputs = 2, .waves = 0, .raw = true});
    check_embedding((df_embedding){.inputs = 1, .waves = 7, .raw = false});
    check_embedding((df_embedding){.inputs = 3, .waves = 131, .raw = true}); /* more than two chunks */
}

/* ---- the network ---- */

typedef struct network_rig {
    df_network network;
    df_real *parameters;
    df_weights weights;
    df_pass pass;
    size_t n;
    df_real *x, *labels, *d_output;
    const df_real *x_start, *x_dot; /* for moves along x_dot */
} network_rig;

static network_rig network_rig_new(df_network_config config, size_t n)
{
    network_rig rig = {.n = n,
                       .x = normal_array(n * config.dim, 21),
                       .labels = normal_array(n, 22),
                       .d_output = normal_array(n * config.dim, 23),
                       .x_dot = normal_array(n * config.dim, 24)};
    rig.x_start = copy_of(rig.x, n * config.dim);
    CHECK(df_network_init(&rig.network, &config, 2385, &arena, &error) == DF_OK);
    CHECK(df_pass_init(&rig.pass, &rig.network, n, &arena, &error) == DF_OK);
    rig.parameters = reserve(rig.network.parameter_count, sizeof *rig.parameters);
    df_network_start(&rig.network, rig.parameters, 2385);
    for (size_t i = 0; i < rig.network.parameter_count; i++)
        rig.parameters[i] *= 2; /* signals do not fade on their way */
    rig.weights = (df_weights){rig.parameters, reserve(rig.network.parameter_count, sizeof *rig.parameters)};
    df_weights_refresh(&rig.network, &rig.weights);
    return rig;
}

static void forward(network_rig *rig)
{
    df_network_forward(&rig->network, &rig->weights, &rig->pass, rig->x, rig->labels, false, rig->n);
}

static double network_value(void *self)
{
    network_rig *rig = self;
    df_weights_refresh(&rig->network, &rig->weights);
    forward(rig);
    return dot(rig->d_output, rig->pass.output, rig->n * rig->network.config.dim);
}

static double network_value_along(void *self, double offset)
{
    network_rig *rig = self;
    for (size_t i = 0; i < rig->n * rig->network.config.dim; i++)
        rig->x[i] = (df_real)((double)rig->x_start[i] + offset * (double)rig->x_dot[i]);
    return network_value(rig);
}

/* Each number of the output is differenced along x_dot on its own. */
static void check_network_tangent(network_rig rig, const df_real *output_dot)
{
    const size_t size = rig.n * rig.network.config.dim;
    df_real *want = reserve(size, sizeof *want);
    rig.d_output = reserve(size, sizeof *rig.d_output);
    for (size_t i = 0; i < size; i++) {
        rig.d_output[i] = 1;
        want[i] = (df_real)difference(network_value_along, &rig);
        rig.d_output[i] = 0;
    }
    memcpy(rig.x, rig.x_start, size * sizeof *rig.x);
    const double most = largest(want, size);
    CHECK(most > 1e-3);
    CHECK_NEAR(largest_difference(output_dot, want, size) / most, 0, TOLERANCE);
}

static void check_every_tensor_has_a_gradient(const df_network *network, const df_real *gradient)
{
    for (size_t t = 0; t < network->tensor_count; t++) {
        const df_tensor *tensor = &network->tensors[t];
        CHECK(largest(gradient + tensor->offset, tensor->rows * (tensor->columns ? tensor->columns : 1)) >
              1e-6);
    }
}

/* Asking for one gradient alone gives the bits of asking for both; that of the parameters is added to. */
static void check_parts_of_backward(network_rig *rig, const df_real *gradient, const df_real *d_x)
{
    const size_t count = rig->network.parameter_count, size = rig->n * rig->network.config.dim;
    df_real *alone = reserve(count, sizeof *alone), *d_x_alone = normal_array(size, 31);
    df_real *in_parts = normal_array(count, 35);
    forward(rig);
    df_network_backward(&rig->network, &rig->weights, &rig->pass, rig->d_output, alone, NULL, rig->n);
    CHECK(same(alone, gradient, count));
    forward(rig);
    df_network_backward(&rig->network, &rig->weights, &rig->pass, rig->d_output, NULL, d_x_alone, rig->n);
    CHECK(same(d_x_alone, d_x, size));
    for (size_t part = 0; part < 3; part++)
        df_network_gradient(&rig->network, &rig->pass, rig->d_output, in_parts, false, rig->n, part, 3);
    CHECK(same(in_parts, gradient, count));
    forward(rig);
    df_network_backward(&rig->network, &rig->weights, &rig->pass, rig->d_output, alone, NULL, rig->n);
    for (size_t i = 0; i < count; i++) alone[i] /= 2;
    CHECK_NEAR(largest_difference(alone, gradient, count), 0, ROUNDING * largest(gradient, count));
}

/* What depends on the output by d_output and on its tangent by the same numbers backwards. */
static double tangent_value(void *self)
{
    network_rig *rig = self;
    const size_t size = rig->n * rig->network.config.dim;
    df_real *output_dot = reserve(size, sizeof *output_dot);
    double value = network_value(rig);
    df_network_tangent(&rig->network, &rig->weights, &rig->pass, rig->x_dot, output_dot, rig->n);
    for (size_t i = 0; i < size; i++) value += (double)rig->d_output[size - 1 - i] * (double)output_dot[i];
    return value;
}

static void check_tangent_backward(network_rig *rig)
{
    const size_t count = rig->network.parameter_count, size = rig->n * rig->network.config.dim;
    df_real *gradient = reserve(count, sizeof *gradient), *twice = reserve(count, sizeof *twice);
    df_real *d_output_dot = reserve(size, sizeof *d_output_dot);
    for (size_t i = 0; i < size; i++) d_output_dot[i] = rig->d_output[size - 1 - i];
    CHECK(df_pass_keep_tangents(&rig->pass, &rig->network, rig->n, &arena, &error) == DF_OK);
    tangent_value(rig);
    for (size_t time = 0; time < 2; time++)
        df_network_tangent_backward(&rig->network, &rig->weights, &rig->pass, rig->d_output, d_output_dot,
                                    time ? twice : gradient, rig->n);
    CHECK(same(twice, gradient, count));
    check_gradient(gradient, rig->parameters, count, tangent_value, rig);
}

static void check_network(df_network_config config)
{
    const int failed = checks_failed;
    network_rig rig = network_rig_new(config, 3);
    const size_t count = rig.network.parameter_count, size = rig.n * config.dim;
    df_real *gradient = reserve(count, sizeof *gradient), *d_x = normal_array(size, 32);
    df_real *output_dot = normal_array(size, 33);
    forward(&rig);
    df_network_tangent(&rig.network, &rig.weights, &rig.pass, rig.x_dot, output_dot, rig.n);
    df_network_backward(&rig.network, &rig.weights, &rig.pass, rig.d_output, gradient, d_x, rig.n);
    check_parts_of_backward(&rig, gradient, d_x);
    check_every_tensor_has_a_gradient(&rig.network, gradient);
    check_inner_products(rig.d_output, output_dot, size, d_x, rig.x_dot, size);
    check_gradient(gradient, rig.parameters, count, network_value, &rig);
    check_gradient(d_x, rig.x, size, network_value, &rig);
    check_network_tangent(rig, output_dot);
    check_tangent_backward(&rig);
    if (checks_failed > failed)
        fprintf(stderr,
                "  in a network of %zu columns, hidden %d, layers %d, activation %d, block %d, points %d, "
                "level %d\n",
                config.dim, (int)config.hidden, (int)config.layers, config.activation, config.block,
                config.point_features, config.level_features);
}

/* Every combination of the parts; the sizes take turns. */
static void test_networks(void)
{
    static const uint64_t sizes[] = {5, 8, 17};
    size_t made = 0;
    for (int block = DF_PLAIN; block <= DF_RESIDUAL; block++)
        for (int activation = DF_SILU; activation <= DF_GELU; activation++)
            for (int points = DF_POINTS_RAW; points <= DF_POINTS_SINUSOIDAL; points++)
                for (int level = DF_LEVEL_RAW; level <= DF_LEVEL_SINUSOIDAL; level++)
                    for (uint64_t layers = 1; layers <= 3; layers++, made++)
                        check_network((df_network_config){.dim = 1 + (made / 3 + made / 9) % 3,
                                                          .hidden = sizes[(made + made / 9) % 3],
                                                          .layers = layers,
                                                          .activation = activation,
                                                          .block = block,
                                                          .point_features = points,
                                                          .point_waves = 3,
                                                          .point_scale = 0.885,
                                                          .level_features = level,
                                                          .level_waves = 2,
                                                          .level_scale = 0.731,
                                                          .random_output = true});
}

/* ---- blocks of rows ---- */

static const df_network_config blocks_config = {.dim = 2,
                                                .hidden = 17,
                                                .layers = 2,
                                                .activation = DF_SILU,
                                                .block = DF_RESIDUAL,
                                                .point_features = DF_POINTS_FOURIER,
                                                .point_waves = 5,
                                                .point_scale = 1.385,
                                                .level_features = DF_LEVEL_HARMONIC,
                                                .level_waves = 3,
                                                .level_scale = 0.885,
                                                .random_output = true};

/* Forward and backward over all rows, at most `block` at a time, one after the other. */
static void pass_in_blocks(network_rig *rig, size_t block, df_real *output, df_real *gradient, df_real *d_x)
{
    const size_t dim = rig->network.config.dim;
    for (size_t done = 0; done < rig->n; done += block) {
        const size_t n = rig->n - done < block ? rig->n - done : block;
        df_network_forward(&rig->network, &rig->weights, &rig->pass, rig->x + done * dim, rig->labels + done,
                           false, n);
        memcpy(output + done * dim, rig->pass.output, n * dim * sizeof *output);
        df_network_backward(&rig->network, &rig->weights, &rig->pass, rig->d_output + done * dim, gradient,
                            d_x + done * dim, n);
    }
}

static void test_blocks_of_rows(void)
{
    enum { ROWS = 130 };
    static const size_t sizes[] = {1, 2, 3, 7, 64, 100, 129};
    network_rig rig = network_rig_new(blocks_config, ROWS);
    const size_t count = rig.network.parameter_count, size = ROWS * blocks_config.dim;
    df_real *want = normal_array(size, 41), *want_gradient = reserve(count, sizeof *want),
            *want_d_x = normal_array(size, 42);
    pass_in_blocks(&rig, ROWS, want, want_gradient, want_d_x);
    CHECK(largest(want_gradient, count) > 1e-3);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        df_real *got = normal_array(size, 43), *gradient = reserve(count, sizeof *got),
                *d_x = normal_array(size, 44);
        pass_in_blocks(&rig, sizes[s], got, gradient, d_x);
        CHECK(same(got, want, size));
        CHECK(same(gradient, want_gradient, count));
        CHECK(same(d_x, want_d_x, size));
    }
}

/* Rows that went their ways as views of one pass, and then one gradient for all of them. */
static void test_views_of_a_pass(void)
{
    enum { ROWS = 130 };
    network_rig rig = network_rig_new(blocks_config, ROWS);
    const size_t count = rig.network.parameter_count, dim = blocks_config.dim, size = ROWS * dim;
    df_real *want = normal_array(size, 45), *d_x = normal_array(size, 46);
    df_real *want_gradient = reserve(count, sizeof *want), *gradient = reserve(count, sizeof *want);
    pass_in_blocks(&rig, ROWS, want, want_gradient, d_x);
    for (size_t first = 0, n; first < ROWS; first += n) {
        n = ROWS - first < 37 ? ROWS - first : 37;
        const df_pass view = df_pass_from(&rig.pass, &rig.network, first);
        df_network_forward(&rig.network, &rig.weights, &view, rig.x + first * dim, rig.labels + first, false, n);
        df_network_backward(&rig.network, &rig.weights, &view, rig.d_output + first * dim, NULL, NULL, n);
    }
    CHECK(same(rig.pass.output, want, size));
    df_network_gradient(&rig.network, &rig.pass, rig.d_output, gradient, true, ROWS, 0, 1);
    CHECK(same(gradient, want_gradient, count));
}

static void test_output_alone(void)
{
    for (int block = DF_PLAIN; block <= DF_RESIDUAL; block++) {
        df_network_config config = blocks_config;
        config.block = block;
        network_rig rig = network_rig_new(config, 11);
        const size_t size = rig.n * config.dim;
        forward(&rig);
        const df_real *want = copy_of(rig.pass.output, size);
        memset(rig.pass.output, 0, size * sizeof *want);
        rig.pass.layer = 0;
        forward(&rig);
        CHECK(same(rig.pass.output, want, size));
    }
}

static void test_shared_label(void)
{
    network_rig rig = network_rig_new(blocks_config, 11);
    const size_t size = rig.n * blocks_config.dim;
    for (size_t r = 1; r < rig.n; r++) rig.labels[r] = rig.labels[0];
    forward(&rig);
    const df_real *want = copy_of(rig.pass.output, size);
    df_real *label = copy_of(rig.labels, 1);
    for (size_t r = 0; r < rig.n; r++) rig.labels[r] = (df_real)NAN;
    forward(&rig); /* so that no row of the pass still holds the right label */
    CHECK(!same(rig.pass.output, want, size));
    df_network_forward(&rig.network, &rig.weights, &rig.pass, rig.x, label, true, rig.n);
    CHECK(same(rig.pass.output, want, size));
}

/* ---- the loss of a training step ---- */

static df_schedule schedule_of(uint64_t steps)
{
    df_schedule schedule;
    const df_schedule_config config = {.beta_schedule = DF_BETA_COSINE, .timesteps = steps, .shift = 0.731};
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    return schedule;
}

typedef struct loss_rig {
    network_rig network;
    df_learning learning;
    uint64_t step;
} loss_rig;

static double loss_value(void *self)
{
    loss_rig *rig = self;
    df_weights_refresh(&rig->network.network, &rig->network.weights);
    return df_learning_step(&rig->learning, &rig->network.weights, rig->step, NULL);
}

static void *objective_options(const df_objective *objective, const char *assignments)
{
    df_settings settings = {
        .title = objective->name, .table = objective->options, .values = reserve(1, objective->options_size)};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    return settings.values;
}

static void check_loss(const char *method, df_prediction prediction, const char *options)
{
    enum { ROWS = 23, BATCH = DF_ROWS + 7 };
    const df_schedule schedule = schedule_of(20);
    const df_objective *objective = df_find_objective(method, NULL);
    const void *values = objective_options(objective, options);
    df_network_config config = blocks_config;
    config.hidden = 5;
    config.outputs_each = objective->outputs_each;
    loss_rig rig = {.network = network_rig_new(config, 1), .step = 3};
    rig.learning = (df_learning){.network = &rig.network.network,
                                 .objective = objective,
                                 .options = values,
                                 .prediction = prediction,
                                 .label = DF_LABEL_LOG_RATIO,
                                 .schedule = &schedule,
                                 .rows = ROWS,
                                 .data = normal_doubles(ROWS * config.dim, 51),
                                 .seed = 2385,
                                 .batch = BATCH};
    CHECK(df_learning_init(&rig.learning, &arena, &error) == DF_OK);
    const size_t count = rig.network.network.parameter_count;
    df_real *gradient = reserve(count, sizeof *gradient);
    const double loss = df_learning_step(&rig.learning, &rig.network.weights, rig.step, gradient);
    CHECK(loss != 0 && loss == loss_value(&rig));
    const int failed = checks_failed;
    check_gradient(gradient, rig.network.parameters, count, loss_value, &rig);
    if (checks_failed > failed) fprintf(stderr, "  with %s, prediction %d and %s\n", method, (int)prediction, options);
}

static void test_losses(void)
{
    for (df_prediction prediction = DF_PREDICT_EPS; prediction <= DF_PREDICT_VELOCITY; prediction++) {
        check_loss("ddpm", prediction, "loss=simple");
        check_loss("ddpm", prediction, "loss=vlb");
        check_loss("iddpm", prediction, "loss=vlb");
        check_loss("ssm", prediction, "estimator=ssm slices=2 projection=gaussian");
        check_loss("ssm", prediction, "estimator=ssm-vr");
        check_loss("ssm", prediction, "estimator=exact");
    }
}

/* ---- the tangent of a denoiser ---- */

enum { ASKED = 9 };

typedef struct denoiser_rig {
    df_denoiser denoiser;
    void *scratch;
    double *x, *x_dot, *x_moved;
    const df_level *level;
    bool level_each;
    size_t watched; /* the number of the answer that is differenced */
} denoiser_rig;

static void ask(const denoiser_rig *rig, const double *x, const double *x_dot, df_answer answer)
{
    const df_question question = {.n = ASKED, .x = x, .level = rig->level, .level_each = rig->level_each,
                                   .x_dot = x_dot};
    rig->denoiser.answer(rig->denoiser.self, &question, &answer, rig->scratch);
}

/* Points and directions as large as their level makes them, so that one offset suits all. */
static void choose_levels(denoiser_rig *rig, const df_level *level, bool each)
{
    rig->level = level;
    rig->level_each = each;
    for (size_t i = 0; i < ASKED * 2; i++) {
        const df_level of_row = level[each ? i / 2 : 0];
        const double size = hypot(of_row.alpha, of_row.sigma);
        rig->x[i] = size * normal(61, i);
        rig->x_dot[i] = size * normal(62, i);
    }
}

static double x0_along(void *self, double offset)
{
    denoiser_rig *rig = self;
    double x0[ASKED * 2];
    for (size_t i = 0; i < ASKED * 2; i++) rig->x_moved[i] = rig->x[i] + offset * rig->x_dot[i];
    ask(rig, rig->x_moved, NULL, (df_answer){.x0 = x0});
    return x0[rig->watched];
}

static double largest_double(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = worse(most, fabs(x[i]));
    return most;
}

/* Rows have scales of their own when their levels differ, so each number is judged by the largest. */
static void check_near_all(const double *got, const double *want, size_t n, double tolerance)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) worst = worse(worst, fabs(got[i] - want[i]));
    CHECK(largest_double(want, n) > 1e-3);
    CHECK_NEAR(worst / largest_double(want, n), 0, tolerance);
}

static void check_x0_dot(denoiser_rig *rig)
{
    double x0_dot[ASKED * 2], want[ASKED * 2];
    ask(rig, rig->x, rig->x_dot, (df_answer){.x0_dot = x0_dot});
    for (rig->watched = 0; rig->watched < ASKED * 2; rig->watched++)
        want[rig->watched] = difference(x0_along, rig);
    check_near_all(x0_dot, want, ASKED * 2, TOLERANCE);
}

/* The same question with x, x_dot, alpha and sigma multiplied by c has the same answers. */
static void check_rescaled(const denoiser_rig *rig, double c, double tolerance)
{
    double x[ASKED * 2], x_dot[ASKED * 2];
    df_level level[ASKED];
    double x0[ASKED * 2], eps[ASKED * 2], dots[ASKED * 2], want_x0[ASKED * 2], want_eps[ASKED * 2],
        want_dots[ASKED * 2];
    for (size_t i = 0; i < ASKED * 2; i++) {
        x[i] = c * rig->x[i];
        x_dot[i] = c * rig->x_dot[i];
    }
    for (size_t r = 0; r < (rig->level_each ? ASKED : 1); r++)
        level[r] = (df_level){c * rig->level[r].alpha, c * rig->level[r].sigma};
    denoiser_rig rescaled = *rig;
    rescaled.level = level;
    ask(rig, rig->x, rig->x_dot, (df_answer){.x0 = want_x0, .eps = want_eps, .x0_dot = want_dots});
    ask(&rescaled, x, x_dot, (df_answer){.x0 = x0, .eps = eps, .x0_dot = dots});
    check_near_all(x0, want_x0, ASKED * 2, tolerance);
    check_near_all(eps, want_eps, ASKED * 2, tolerance);
    check_near_all(dots, want_dots, ASKED * 2, tolerance);
}

/* x = alpha x0 + sigma eps, whatever the norm of the level. */
static void check_reading(const denoiser_rig *rig)
{
    double x0[ASKED * 2], eps[ASKED * 2], x[ASKED * 2];
    ask(rig, rig->x, NULL, (df_answer){.x0 = x0, .eps = eps});
    for (size_t i = 0; i < ASKED * 2; i++) {
        const df_level level = rig->level[rig->level_each ? i / 2 : 0];
        x[i] = level.alpha * x0[i] + level.sigma * eps[i];
    }
    check_near_all(x, rig->x, ASKED * 2, 1e-13);
}

/* One level a row gives the bits of that level for all rows, row by row. */
static void check_levels_of_rows(const denoiser_rig *rig)
{
    double x0[ASKED * 2], dots[ASKED * 2], want_x0[ASKED * 2], want_dots[ASKED * 2];
    ask(rig, rig->x, rig->x_dot, (df_answer){.x0 = x0, .x0_dot = dots});
    for (size_t r = 0; r < ASKED; r++) {
        denoiser_rig shared = *rig;
        shared.level = rig->level + r;
        shared.level_each = false;
        ask(&shared, rig->x, rig->x_dot, (df_answer){.x0 = want_x0, .x0_dot = want_dots});
        CHECK(memcmp(x0 + 2 * r, want_x0 + 2 * r, 2 * sizeof *x0) == 0);
        CHECK(memcmp(dots + 2 * r, want_dots + 2 * r, 2 * sizeof *dots) == 0);
    }
}

/* From almost clean to almost noise, some with alpha^2 + sigma^2 far from 1. */
static const df_level levels[ASKED] = {
    {0.98, 0.19899748742132},
    {0.8, 0.6},
    {0.6, 0.8},
    {0.28, 0.96},
    {1, 2.385},
    {1, 0.0731},
    {0.3, 0.1},
    {2.2, 3.1},
    {0.05, 0.04},
};

static void check_denoiser(df_prediction prediction, df_label label)
{
    const df_schedule schedule = schedule_of(20);
    network_rig network = network_rig_new(blocks_config, 1);
    const df_network_denoiser from = {.network = &network.network, .weights = network.weights,
                                      .prediction = prediction, .label = label, .schedule = &schedule};
    denoiser_rig rig = {.denoiser = df_denoiser_of_network(&from),
                        .x = reserve(ASKED * 2, sizeof(double)),
                        .x_dot = reserve(ASKED * 2, sizeof(double)),
                        .x_moved = reserve(ASKED * 2, sizeof(double))};
    rig.scratch = rig.denoiser.scratch(&from, &arena, &error);
    CHECK(rig.denoiser.dim == 2 && rig.scratch);
    const int failed = checks_failed;
    for (size_t l = 0; l < ASKED; l++) {
        choose_levels(&rig, levels + l, false);
        check_x0_dot(&rig);
        check_reading(&rig);
        check_rescaled(&rig, 4, 0); /* a power of 2 changes no digit */
        check_rescaled(&rig, 0.385, ROUNDING);
        check_rescaled(&rig, 1 / hypot(levels[l].alpha, levels[l].sigma), ROUNDING);
    }
    choose_levels(&rig, levels, true);
    check_x0_dot(&rig);
    check_reading(&rig);
    check_rescaled(&rig, 4, 0);
    check_rescaled(&rig, 0.385, ROUNDING);
    check_levels_of_rows(&rig);
    if (checks_failed > failed)
        fprintf(stderr, "  with prediction %d and label %d\n", (int)prediction, (int)label);
}

static void test_denoisers(void)
{
    for (df_prediction prediction = DF_PREDICT_EPS; prediction <= DF_PREDICT_VELOCITY; prediction++) {
        check_denoiser(prediction, DF_LABEL_LOG_RATIO);
        check_denoiser(prediction, DF_LABEL_STEP);
    }
}

int main(void)
{
    test_activations();
    test_linear();
    test_embeddings();
    test_networks();
    test_blocks_of_rows();
    test_views_of_a_pass();
    test_output_alone();
    test_shared_label();
    test_losses();
    test_denoisers();
    df_arena_free(&arena);
    return CHECK_DONE();
}
