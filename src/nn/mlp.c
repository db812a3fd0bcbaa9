/* mlp.c -- features of points and level, a stack of hidden layers, a linear output. */
#include "diffuse/nn.h"

#include "diffuse/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const activations[] = {"silu", "gelu", NULL};
static const char *const blocks[] = {"plain", "residual", NULL};
static const char *const point_features[] = {"raw", "fourier", "sinusoidal", NULL};
static const char *const level_features[] = {"raw", "harmonic", "sinusoidal", NULL};

#define AT(member) .offset = offsetof(df_network_config, member)

const df_option df_network_options[] = {
    {.name = "hidden", .kind = DF_COUNT, AT(hidden), .value = "64", .low = 1, .high = 4096, .shown = "N",
     .also = "hidden-size width",
     .help = "units of a hidden layer"},
    {.name = "layers", .kind = DF_COUNT, AT(layers), .value = "3", .low = 1, .high = 64, .shown = "N",
     .also = "hidden-layers depth",
     .help = "hidden layers; residual blocks after the first one"},
    {.name = "activation", .kind = DF_CHOICE, AT(activation), .value = "silu", .choices = activations,
     .help = "non-linearity"},
    {.name = "block", .kind = DF_CHOICE, AT(block), .value = "residual", .choices = blocks,
     .help = "h = phi(Wx + b), or x + phi(Wx + b)"},
    {.name = "point-features", .kind = DF_CHOICE, AT(point_features), .value = "fourier", .choices = point_features,
     .help = "how the points enter, as they are, with waves in random directions, or as waves of each coordinate"},
    {.name = "point-waves", .kind = DF_COUNT, AT(point_waves), .value = "24", .low = 0, .high = 4096,
     .shown = "N", .idle_with = "point-features=raw", .help = "waves of the points"},
    {.name = "point-scale", .kind = DF_NUMBER, AT(point_scale), .value = "1.2", .low = 1e-6, .high = 1e6, .shown = "F",
     .idle_with = "point-features=raw",
     .help = "their frequency, standard deviation (fourier) or largest (sinusoidal)"},
    {.name = "level-features", .kind = DF_CHOICE, AT(level_features), .value = "harmonic", .choices = level_features,
     .help = "how the level enters, as it is, as it is with waves 1, 2, 3, ..., or as sinusoidal waves"},
    {.name = "level-waves", .kind = DF_COUNT, AT(level_waves), .value = "4", .low = 0, .high = 4096,
     .shown = "N", .idle_with = "level-features=raw", .help = "waves of the level"},
    {.name = "level-scale", .kind = DF_NUMBER, AT(level_scale), .value = "1", .low = 1e-6, .high = 1e6,
     .shown = "F", .idle_with = "level-features=raw",
     .help = "their lowest (harmonic) or largest (sinusoidal) frequency"},
    {.name = "random-output", .kind = DF_FLAG, AT(random_output), .help = "start the last layer at random, not at 0"},
    {0}};

/* ---- what the first layer sees ---- */

/* The frequencies of the usual sinusoidal embedding, scale 10000^(-k/(waves-1)) (Vaswani et al., 1706.03762). */
static double sinusoidal(size_t k, size_t waves, double scale)
{
    return scale * df_exp(-df_log(10000.0) * (double)k / (waves > 1 ? (double)waves - 1 : 1));
}

/* Fourier features of the points are one embedding of all coordinates; sinusoidal ones are one a coordinate. */
static df_embedding point_embedding(const df_network *network)
{
    const df_network_config *c = &network->config;
    const bool together = c->point_features != DF_POINTS_SINUSOIDAL;
    return (df_embedding){.inputs = together ? c->dim : 1,
                          .waves = c->point_features == DF_POINTS_RAW ? 0 : c->point_waves,
                          .raw = together, .frequencies = network->frequencies};
}

static size_t level_waves(const df_network_config *c)
{
    return c->level_features == DF_LEVEL_RAW ? 0 : c->level_waves;
}

static df_embedding level_embedding(const df_network *network)
{
    const df_network_config *c = &network->config;
    return (df_embedding){.inputs = 1, .waves = level_waves(c),
                          .raw = c->level_features != DF_LEVEL_SINUSOIDAL,
                          .frequencies = network->frequencies + network->point_frequency_count};
}

static size_t point_embeddings(const df_network *network)
{
    return network->config.point_features == DF_POINTS_SINUSOIDAL ? network->config.dim : 1;
}

static void choose_frequencies(df_network *network, uint64_t seed)
{
    const df_network_config *c = &network->config;
    df_real *f = network->frequencies;
    if (c->point_features == DF_POINTS_SINUSOIDAL)
        for (size_t k = 0; k < c->point_waves; k++) f[k] = (df_real)sinusoidal(k, c->point_waves, c->point_scale);
    else
        for (size_t k = 0; k < network->point_frequency_count; k++) {
            double z[2];
            df_normals(z, (df_place){.seed = seed, .index = k, .step = 1, .purpose = DF_FOR_WEIGHTS}, 0);
            f[k] = (df_real)(float)(c->point_scale * z[0]);
        }
    f += network->point_frequency_count;
    for (size_t k = 0; k < level_embedding(network).waves; k++)
        f[k] = (df_real)(c->level_features == DF_LEVEL_SINUSOIDAL ? sinusoidal(k, c->level_waves, c->level_scale)
                                                                  : c->level_scale * (double)(k + 1));
}

/* ---- layout ---- */

static size_t layer_inputs(const df_network *network, size_t layer)
{
    return layer == 0 ? network->features : network->config.hidden;
}

static size_t layer_outputs(const df_network *network, size_t layer)
{
    return layer + 1 == network->linears ? network->outputs : network->config.hidden;
}

size_t df_network_add_extra(df_network *network, const char *name, size_t rows, size_t columns)
{
    df_tensor *tensor = &network->tensors[network->tensor_count++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->rows = rows;
    tensor->columns = columns;
    tensor->offset = network->parameter_count;
    network->parameter_count += rows * (columns ? columns : 1);
    return tensor->offset;
}

static void add_tensor(df_network *network, size_t layer, const char *kind, size_t rows, size_t columns)
{
    char name[32]; /* as in nn.Sequential, activations between */
    snprintf(name, sizeof name, "%zu.%s", 2 * layer, kind);
    df_network_add_extra(network, name, rows, columns);
}

df_status df_network_init(df_network *network, const df_network_config *config, uint64_t seed, df_arena *arena,
                          df_error *error)
{
    *network = (df_network){.config = *config, .kernels = df_kernels_get(),
                            .outputs = config->dim * (config->outputs_each ? config->outputs_each : 1)};
    if (config->absent) {
        DF_NEW(arena, network->tensors, DF_EXTRAS, error);
        return DF_OK;
    }
    const df_embedding points = point_embedding(network);
    network->point_frequency_count = points.waves * points.inputs;
    network->frequency_count = network->point_frequency_count + level_waves(config);
    DF_NEW(arena, network->frequencies, network->frequency_count, error);
    choose_frequencies(network, seed);

    const df_embedding level = level_embedding(network);
    network->features = point_embeddings(network) * df_embedding_width(&points) + df_embedding_width(&level);
    network->linears = config->layers + (config->block == DF_RESIDUAL) + 1;
    DF_NEW(arena, network->tensors, 2 * network->linears + DF_EXTRAS, error);
    for (size_t l = 0; l < network->linears; l++) {
        add_tensor(network, l, "weight", layer_outputs(network, l), layer_inputs(network, l));
        add_tensor(network, l, "bias", layer_outputs(network, l), 0);
    }
    return DF_OK;
}

void df_network_start(const df_network *network, df_real *parameters, uint64_t seed)
{
    for (size_t i = 2 * network->linears; i < network->tensor_count; i++) {
        const df_tensor *extra = &network->tensors[i];
        for (size_t j = 0; j < extra->rows * (extra->columns ? extra->columns : 1); j++)
            parameters[extra->offset + j] = 0;
    }
    for (size_t l = 0; l < network->linears; l++) {
        const bool zero = l + 1 == network->linears && !network->config.random_output;
        const double bound = zero ? 0 : 1 / sqrt((double)layer_inputs(network, l));
        const df_tensor *weight = &network->tensors[2 * l], *bias = weight + 1;
        for (size_t i = weight->offset; i < bias->offset + bias->rows; i++) {
            double u[2];
            df_uniforms(u, (df_place){.seed = seed, .index = i, .step = 0, .purpose = DF_FOR_WEIGHTS}, 0);
            parameters[i] = (df_real)(float)(bound * (2 * u[0] - 1));
        }
    }
}

/* ---- use ---- */

/* The first of `rows` rows that belongs to part `part` of `parts`. */
static size_t part_start(size_t rows, size_t part, size_t parts)
{
    return rows * part / parts;
}

size_t df_tensor_part(const df_tensor *tensor, size_t part, size_t parts)
{
    return tensor->offset + part_start(tensor->rows, part, parts) * (tensor->columns ? tensor->columns : 1);
}

void df_weights_refresh_part(const df_network *network, const df_weights *weights, size_t part, size_t parts)
{
    for (size_t l = 0; l < network->linears; l++) {
        const df_tensor *w = &network->tensors[2 * l];
        const size_t first = part_start(w->rows, part, parts), count = part_start(w->rows, part + 1, parts) - first;
        network->kernels->transpose(weights->transposed + w->offset + first, w->rows,
                                    weights->parameters + w->offset + first * w->columns, w->columns, count,
                                    w->columns);
    }
}

void df_weights_refresh(const df_network *network, const df_weights *weights)
{
    df_weights_refresh_part(network, weights, 0, 1);
}

static df_linear linear(const df_network *network, const df_weights *weights, size_t layer)
{
    const df_tensor *w = &network->tensors[2 * layer], *b = w + 1;
    return (df_linear){.inputs = w->columns, .outputs = w->rows, .weight = weights->parameters + w->offset,
                       .transposed = weights->transposed + w->offset, .bias = weights->parameters + b->offset};
}

df_status df_pass_init(df_pass *pass, const df_network *network, size_t rows, df_arena *arena, df_error *error)
{
    const size_t hidden = rows * network->config.hidden, layers = network->linears - 1;
    *pass = (df_pass){.layer = hidden};
    DF_NEW(arena, pass->features, rows * network->features, error);
    DF_NEW(arena, pass->d_features, rows * network->features, error);
    DF_NEW(arena, pass->output, rows * network->outputs, error);
    DF_NEW(arena, pass->h, layers * hidden, error);
    DF_NEW(arena, pass->slope, layers * hidden, error);
    DF_NEW(arena, pass->d_h, hidden, error);
    DF_NEW(arena, pass->work, hidden, error);
    return DF_OK;
}

df_status df_pass_keep_tangents(df_pass *pass, const df_network *network, size_t rows, df_arena *arena,
                                df_error *error)
{
    const size_t hidden = rows * network->config.hidden, layers = network->linears - 1;
    DF_NEW(arena, pass->h_dot, layers * hidden, error);
    DF_NEW(arena, pass->z_dot, layers * hidden, error);
    DF_NEW(arena, pass->d_h_dot, hidden, error);
    DF_NEW(arena, pass->d_z_dot, hidden, error);
    DF_NEW(arena, pass->bend, hidden, error);
    return DF_OK;
}

df_pass df_pass_from(const df_pass *pass, const df_network *network, size_t first)
{
    const size_t hidden = first * network->config.hidden, features = first * network->features;
    df_pass from = {.features = pass->features + features, .layer = pass->layer, .h = pass->h + hidden,
                     .slope = pass->slope + hidden, .output = pass->output + first * network->outputs,
                     .d_h = pass->d_h + hidden, .work = pass->work + hidden,
                     .d_features = pass->d_features + features};
    if (!pass->h_dot) return from;
    from.h_dot = pass->h_dot + hidden;
    from.z_dot = pass->z_dot + hidden;
    from.d_h_dot = pass->d_h_dot + hidden;
    from.d_z_dot = pass->d_z_dot + hidden;
    from.bend = pass->bend + hidden;
    return from;
}

static bool adds_input(const df_network *network, size_t layer)
{
    return layer > 0 && network->config.block == DF_RESIDUAL;
}

static void add(df_real *restrict y, const df_real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void features_forward(const df_network *network, df_real *features, const df_real *x, const df_real *labels,
                             bool shared, size_t n)
{
    const size_t row = network->features, dim = network->config.dim;
    const df_embedding points = point_embedding(network), level = level_embedding(network);
    const size_t width = df_embedding_width(&points), parts = point_embeddings(network);
    for (size_t p = 0; p < parts; p++)
        df_embedding_forward(features + p * width, row, x + p, dim, &points, n, network->kernels);
    df_real *last = features + parts * width;
    df_embedding_forward(last, row, labels, 1, &level, shared ? 1 : n, network->kernels);
    for (size_t r = 1; shared && r < n; r++) memcpy(last + r * row, last, df_embedding_width(&level) * sizeof *last);
}

void df_network_forward(const df_network *network, const df_weights *weights, const df_pass *pass, const df_real *x,
                        const df_real *labels, bool shared, size_t n)
{
    const df_kernels *kernels = network->kernels;
    features_forward(network, pass->features, x, labels, shared, n);
    const df_real *input = pass->features;
    for (size_t l = 0; l + 1 < network->linears; l++) {
        const df_linear layer = linear(network, weights, l);
        df_real *h = pass->h + l * pass->layer, *z = pass->slope + l * pass->layer;
        df_linear_forward(z, input, &layer, n, kernels);
        (network->config.activation == DF_SILU ? kernels->silu : kernels->gelu)(
            h, z, adds_input(network, l) ? input : NULL, n * network->config.hidden);
        input = h;
    }
    const df_linear last = linear(network, weights, network->linears - 1);
    df_linear_forward(pass->output, input, &last, n, kernels);
}

void df_network_gradient(const df_network *network, const df_pass *pass, const df_real *d_output,
                         df_real *d_parameters, bool add, size_t n, size_t part, size_t parts)
{
    for (size_t l = 0; l < network->linears; l++) {
        const df_tensor *w = &network->tensors[2 * l], *b = w + 1;
        const df_linear layer = {.inputs = w->columns, .outputs = w->rows};
        const size_t first = part_start(w->rows, part, parts), count = part_start(w->rows, part + 1, parts) - first;
        df_linear_gradient(d_parameters + w->offset, d_parameters + b->offset, add,
                           l + 1 < network->linears ? pass->slope + l * pass->layer : d_output,
                           l > 0 ? pass->h + (l - 1) * pass->layer : pass->features, &layer, first, count, n,
                           network->kernels);
    }
}

/* d_x:(n, dim) through the embeddings. */
static void features_backward(const df_network *network, const df_pass *pass, df_real *d_x, size_t n)
{
    const size_t row = network->features, dim = network->config.dim;
    const df_embedding points = point_embedding(network);
    memset(d_x, 0, n * dim * sizeof *d_x);
    for (size_t p = 0; p < point_embeddings(network); p++) {
        const size_t offset = p * df_embedding_width(&points);
        df_embedding_backward(d_x + p, dim, pass->d_features + offset, pass->features + offset, row, &points, n);
    }
}

void df_network_backward(const df_network *network, const df_weights *weights, const df_pass *pass,
                         const df_real *d_output, df_real *d_parameters, df_real *d_x, size_t n)
{
    const df_real *d_y = d_output;
    for (size_t l = network->linears - 1; l > 0; l--) {
        const df_linear layer = linear(network, weights, l);
        df_real *d_z = pass->slope + (l - 1) * pass->layer;
        /* d_h so far is the gradient that flows past this layer when it adds its input. */
        const bool past = adds_input(network, l) && l + 1 < network->linears;
        df_linear_backward(pass->d_h, past ? pass->d_h : NULL, d_y, &layer, n, network->kernels);
        network->kernels->multiply(d_z, pass->d_h, n * network->config.hidden);
        d_y = d_z;
    }
    if (d_parameters) df_network_gradient(network, pass, d_output, d_parameters, true, n, 0, 1);
    if (!d_x) return;
    const df_linear first = linear(network, weights, 0);
    df_linear_backward(pass->d_features, NULL, d_y, &first, n, network->kernels);
    features_backward(network, pass, d_x, n);
}

void df_network_label_gradient(const df_network *network, const df_pass *pass, df_real *d_labels, size_t n)
{
    const size_t row = network->features;
    const df_embedding points = point_embedding(network), level = level_embedding(network);
    const size_t offset = point_embeddings(network) * df_embedding_width(&points);
    memset(d_labels, 0, n * sizeof *d_labels);
    df_embedding_backward(d_labels, 1, pass->d_features + offset, pass->features + offset, row, &level, n);
}

void df_network_tangent(const df_network *network, const df_weights *weights, const df_pass *pass, const df_real *x_dot,
                        df_real *output_dot, size_t n)
{
    const size_t size = n * network->config.hidden, dim = network->config.dim, row = network->features;
    const df_kernels *kernels = network->kernels;
    const df_embedding points = point_embedding(network);
    memset(pass->d_features, 0, n * row * sizeof *pass->d_features);
    for (size_t p = 0; p < point_embeddings(network); p++) {
        const size_t offset = p * df_embedding_width(&points);
        df_embedding_tangent(pass->d_features + offset, x_dot + p, dim, pass->features + offset, row, &points, n);
    }
    const df_real *input = pass->d_features;
    for (size_t l = 0; l + 1 < network->linears; l++) {
        const df_linear layer = linear(network, weights, l);
        df_real *h_dot = pass->h_dot ? pass->h_dot + l * pass->layer : l % 2 ? pass->work : pass->d_h;
        df_linear_tangent(h_dot, input, &layer, n, kernels);
        if (pass->z_dot) memcpy(pass->z_dot + l * pass->layer, h_dot, size * sizeof *h_dot);
        kernels->multiply(h_dot, pass->slope + l * pass->layer, size);
        if (adds_input(network, l)) add(h_dot, input, size);
        input = h_dot;
    }
    const df_linear last = linear(network, weights, network->linears - 1);
    df_linear_tangent(output_dot, input, &last, n, kernels);
}

/* h = phi(z), h_dot = phi'(z) z_dot:   d_z = phi' d_h + phi'' z_dot d_h_dot,   d_z_dot = phi' d_h_dot
 * Layer l's d_z and d_z_dot become pass->work and pass->d_z_dot. */
static void activation_backward(const df_network *network, const df_linear *layer, const df_pass *pass,
                                const df_real *input, size_t l, size_t n)
{
    const df_kernels *kernels = network->kernels;
    const size_t size = n * network->config.hidden;
    const df_real *slope = pass->slope + l * pass->layer;
    df_linear_forward(pass->bend, input, layer, n, kernels);
    (network->config.activation == DF_SILU ? kernels->silu_bend : kernels->gelu_bend)(pass->bend, size);
    kernels->multiply(pass->bend, pass->z_dot + l * pass->layer, size);
    kernels->multiply(pass->bend, pass->d_h_dot, size);
    memcpy(pass->work, pass->d_h, size * sizeof *pass->work);
    kernels->multiply(pass->work, slope, size);
    add(pass->work, pass->bend, size);
    memcpy(pass->d_z_dot, pass->d_h_dot, size * sizeof *pass->d_z_dot);
    kernels->multiply(pass->d_z_dot, slope, size);
}

void df_network_tangent_backward(const df_network *network, const df_weights *weights, const df_pass *pass,
                                 const df_real *d_output, const df_real *d_output_dot, df_real *d_parameters, size_t n)
{
    const df_kernels *kernels = network->kernels;
    for (size_t l = network->linears; l-- > 0;) {
        const df_linear layer = linear(network, weights, l);
        const df_tensor *w = &network->tensors[2 * l], *b = w + 1;
        const bool last = l + 1 == network->linears;
        const df_real *input = l > 0 ? pass->h + (l - 1) * pass->layer : pass->features;
        const df_real *input_dot = l > 0 ? pass->h_dot + (l - 1) * pass->layer : pass->d_features;
        if (!last) activation_backward(network, &layer, pass, input, l, n);
        const df_real *d_z = last ? d_output : pass->work, *d_z_dot = last ? d_output_dot : pass->d_z_dot;
        df_linear_gradient(d_parameters + w->offset, d_parameters + b->offset, true, d_z, input, &layer, 0,
                           layer.outputs, n, kernels);
        df_linear_gradient(d_parameters + w->offset, NULL, true, d_z_dot, input_dot, &layer, 0, layer.outputs, n,
                           kernels);
        if (l == 0) return;
        const bool past = !last && adds_input(network, l);
        df_linear_backward(pass->d_h, past ? pass->d_h : NULL, d_z, &layer, n, kernels);
        df_linear_backward(pass->d_h_dot, past ? pass->d_h_dot : NULL, d_z_dot, &layer, n, kernels);
    }
}
