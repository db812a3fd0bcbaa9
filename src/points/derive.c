/* derive.c -- mixtures made of a mixture: one class, a conditional law, another scale; and points drawn from it. */
#include "diffuse/math.h"
#include "diffuse/mixture.h"
#include "diffuse/random.h"

#include <math.h>

static df_status reserve(df_mixture *out, df_arena *arena, const df_mixture *like, size_t count, size_t dim,
                         df_error *error)
{
    *out = (df_mixture){.dim = dim, .count = count, .s = like->s};
    DF_NEW(arena, out->nodes, count * dim, error);
    DF_NEW(arena, out->log_weights, count, error);
    if (like->labels) DF_NEW(arena, out->labels, count, error);
    return DF_OK;
}

static void copy_node(df_mixture *out, size_t to, const df_mixture *from, size_t k)
{
    for (size_t i = 0; i < out->dim; i++) out->nodes[to * out->dim + i] = from->nodes[k * out->dim + i];
    out->log_weights[to] = from->log_weights[k];
    if (out->labels) out->labels[to] = from->labels[k];
}

static void normalise(df_mixture *mixture)
{
    double largest = mixture->log_weights[0], sum = 0;
    for (size_t k = 1; k < mixture->count; k++) largest = fmax(largest, mixture->log_weights[k]);
    for (size_t k = 0; k < mixture->count; k++) sum += df_exp(mixture->log_weights[k] - largest);
    const double total = largest + df_log(sum);
    for (size_t k = 0; k < mixture->count; k++) mixture->log_weights[k] -= total;
}

df_status df_mixture_of_class(df_mixture *out, df_arena *arena, const df_mixture *mixture, int label, df_error *error)
{
    size_t count = 0;
    for (size_t k = 0; mixture->labels && k < mixture->count; k++) count += mixture->labels[k] == label;
    if (count == 0) return df_fail(error, DF_USAGE, "no part of the distribution has class %d", label);
    DF_TRY(reserve(out, arena, mixture, count, mixture->dim, error));
    for (size_t k = 0, to = 0; k < mixture->count; k++)
        if (mixture->labels[k] == label) copy_node(out, to++, mixture, k);
    normalise(out);
    return DF_OK;
}

/* The nodes keep their other coordinates, and their weights are multiplied by N(value; node_k, s^2). */
df_status df_mixture_given(df_mixture *out, df_arena *arena, const df_mixture *mixture, size_t column, double value,
                           df_error *error)
{
    const size_t dim = mixture->dim;
    if (dim < 2 || column >= dim)
        return df_fail(error, DF_USAGE,
                       "coordinate %zu of %zu cannot be given: it must be one, and not the only one", column + 1, dim);
    if (!(mixture->s > 0) || !(fabs(value) < HUGE_VAL))
        return df_fail(error, DF_USAGE,
                       "no law follows from coordinate %zu being %g with noise %g: both must be finite, and the\n"
                       "  noise above 0",
                       column + 1, value, mixture->s);
    DF_TRY(reserve(out, arena, mixture, mixture->count, dim - 1, error));
    for (size_t k = 0; k < mixture->count; k++) {
        const double *node = mixture->nodes + k * dim;
        const double z = (value - node[column]) / mixture->s;
        out->log_weights[k] = mixture->log_weights[k] - 0.5 * z * z;
        if (out->labels) out->labels[k] = mixture->labels[k];
        for (size_t i = 0; i + 1 < dim; i++) out->nodes[k * (dim - 1) + i] = node[i < column ? i : i + 1];
    }
    normalise(out);
    return DF_OK;
}

df_status df_mixture_scaled(df_mixture *out, df_arena *arena, const df_mixture *mixture, const double *mean,
                            double scale, df_error *error)
{
    const size_t dim = mixture->dim;
    if (!(scale > 0 && scale < HUGE_VAL))
        return df_fail(error, DF_USAGE, "a scale of %g makes no sense: it must be above 0", scale);
    DF_TRY(reserve(out, arena, mixture, mixture->count, dim, error));
    for (size_t k = 0; k < mixture->count; k++) {
        copy_node(out, k, mixture, k);
        for (size_t i = k * dim; i < (k + 1) * dim; i++) out->nodes[i] = (out->nodes[i] - mean[i % dim]) / scale;
    }
    out->s = mixture->s / scale;
    return DF_OK;
}

/* The first node up to which the weights sum to more than u. */
static size_t pick(const double *reached, size_t count, double u)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (reached[middle] > u) high = middle;
        else low = middle + 1;
    }
    return low;
}

df_status df_mixture_points(double *x, int *labels, const df_mixture *mixture, uint64_t seed, uint64_t first, size_t n,
                            df_arena *arena, df_error *error)
{
    enum { NODE, NOISE };
    const size_t dim = mixture->dim;
    double *reached, sum = 0;
    DF_NEW(arena, reached, mixture->count, error);
    for (size_t k = 0; k < mixture->count; k++) reached[k] = sum += df_exp(mixture->log_weights[k]);
    df_normal_rows(x, n, dim, (df_place){.seed = seed, .index = first, .step = NOISE, .purpose = DF_FOR_MEASURE});
    for (size_t r = 0; r < n; r++) {
        double u[2];
        df_uniforms(u, (df_place){.seed = seed, .index = first + r, .step = NODE, .purpose = DF_FOR_MEASURE}, 0);
        const size_t k = pick(reached, mixture->count, u[0] * sum);
        for (size_t i = 0; i < dim; i++) x[r * dim + i] = mixture->nodes[k * dim + i] + mixture->s * x[r * dim + i];
        if (labels) labels[r] = mixture->labels ? mixture->labels[k] : 0;
    }
    return DF_OK;
}
