/* oracle.c -- the exact denoiser: with it, whatever a sampler, guide or likelihood gets wrong is its own.
 *
 *   D(x; level) = E[x0 | x]       eps = (x - alpha D) / sigma       dD/dx x_dot = (alpha / sigma^2) Cov(x0 | x) x_dot
 *   Var(x_to | x) = small + of_x0^2 Cov(x0 | x), coordinate by coordinate         (the step back of denoiser.h)
 *
 * The equations as coded are in src/points/mixture.c.
 */
#include "diffuse/denoiser.h"

/* Three rows: a mean that nobody asked for, a direction, and the mean's derivative along it. */
static void *scratch_new(const void *self, df_arena *arena, df_error *error)
{
    const df_mixture *mixture = self;
    return df_alloc(arena, 3 * mixture->dim, sizeof(double), error);
}

/* Without noise x has no eps in it: its limit is 0, and not 0/0. */
static void read_eps(double *eps, df_level level, const double *x, const double *x0, size_t dim)
{
    if (level.sigma > 0) df_prediction_read(NULL, eps, DF_PREDICT_X0, level, x, x0, dim);
    for (size_t i = 0; level.sigma <= 0 && i < dim; i++) eps[i] = 0;
}

/* Cov(x0 | x) by its columns, sigma^2 / alpha times the derivatives of the mean. */
static void read_log_variance(double *log_variance, const df_mixture *mixture, df_level level, df_level to,
                              const double *x, double *room)
{
    const size_t dim = mixture->dim;
    const df_step_back back = df_step_between(level, to);
    double *along = room + dim, *mean_dot = room + 2 * dim;
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j < dim; j++) along[j] = i == j;
        df_posterior wanted = {.mean = room, .x_dot = along, .mean_dot = mean_dot};
        df_mixture_posterior(&wanted, mixture, level.alpha, level.sigma, x);
        const double covariance = mean_dot[i] * level.sigma * level.sigma / level.alpha;
        log_variance[i] = df_log(back.small + back.of_x0 * back.of_x0 * covariance);
    }
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
        if (answer->log_variance)
            read_log_variance(answer->log_variance + r * dim, mixture, level, *question->to, x, scratch);
    }
}

df_denoiser df_denoiser_of_mixture(const df_mixture *mixture)
{
    return (df_denoiser){.dim = mixture->dim, .least = {1, 0}, .most = {0, 1}, .independent = true,
                         .knows_variance = true, .self = mixture, .scratch = scratch_new, .answer = answer};
}
