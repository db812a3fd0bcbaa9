/* oracle.c -- the exact denoiser: with it, whatever a sampler, guide or likelihood gets wrong is its own.
 *
 *   D(x; level) = E[x0 | x]       eps = (x - alpha D) / sigma       dD/dx x_dot = (alpha / sigma^2) Cov(x0 | x) x_dot
 *
 * The equations as coded are in src/points/mixture.c.
 */
#include "diffuse/denoiser.h"

/* One row, for when eps or the tangent is asked for and x0 is not. */
static void *scratch_new(const void *self, df_arena *arena, df_error *error)
{
    const df_mixture *mixture = self;
    return df_alloc(arena, mixture->dim, sizeof(double), error);
}

/* Without noise x has no eps in it: its limit is 0, and not 0/0. */
static void read_eps(double *eps, df_level level, const double *x, const double *x0, size_t dim)
{
    if (level.sigma > 0) df_prediction_read(NULL, eps, DF_PREDICT_X0, level, x, x0, dim);
    for (size_t i = 0; level.sigma <= 0 && i < dim; i++) eps[i] = 0;
}

static void answer(const void *self, const df_question *question, const df_answer *answer, void *scratch)
{
    const df_mixture *mixture = self;
    const size_t dim = mixture->dim;
    for (size_t r = 0; r < question->n; r++) {
        const df_level level = question->level[question->level_each ? r : 0];
        const double *x = question->x + r * dim;
        df_posterior wanted = {.mean = answer->x0 ? answer->x0 + r * dim : scratch};
        if (answer->x0_dot) {
            wanted.x_dot = question->x_dot + r * dim;
            wanted.mean_dot = answer->x0_dot + r * dim;
        }
        df_mixture_posterior(&wanted, mixture, level.alpha, level.sigma, x);
        if (answer->eps) read_eps(answer->eps + r * dim, level, x, wanted.mean, dim);
    }
}

df_denoiser df_denoiser_of_mixture(const df_mixture *mixture)
{
    return (df_denoiser){.dim = mixture->dim, .least = {1, 0}, .most = {0, 1}, .independent = true, .self = mixture,
                         .scratch = scratch_new, .answer = answer};
}
