/* ideal.c -- the denoiser that a training set asks for, in closed form.
 *
 * Kamb & Ganguli, "An analytic theory of creativity in convolutional diffusion models". arXiv:2412.20292
 *
 * Of all functions this one makes the training loss on n given points smallest, at every level:
 *   D_n(x) = sum_i W_i x_i,    W = softmax_i(-|x - alpha x_i|^2 / (2 sigma^2))               (the ideal score machine)
 * It is the oracle of a mixture whose nodes are the points, with s = 0. Its reverse flow ends on training points
 * only: a network that reached the least possible loss would have memorised its data. That networks make anything
 * new is due to what they cannot learn.
 */
#include "diffuse/denoiser.h"

#include <string.h>

df_status df_ideal_mixture(df_mixture *mixture, df_arena *arena, const double *rows, size_t count, size_t dim,
                           df_error *error)
{
    if (count == 0) return df_fail(error, DF_INPUT, "an ideal denoiser needs at least one point");
    if (count > DF_IDEAL_ROWS)
        return df_fail(error, DF_LIMIT,
                       "an ideal denoiser of %zu points is too slow: each answer looks at all of them\n"
                       "  use at most %d points", count, DF_IDEAL_ROWS);
    *mixture = (df_mixture){.dim = dim, .count = count};
    DF_NEW(arena, mixture->nodes, count * dim, error);
    DF_NEW(arena, mixture->log_weights, count, error);
    memcpy(mixture->nodes, rows, count * dim * sizeof *rows);
    for (size_t k = 0; k < count; k++) mixture->log_weights[k] = -df_log((double)count);
    return DF_OK;
}
