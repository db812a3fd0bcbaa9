/* bound.c -- the variational bound on -ln p(x0) of a Gaussian chain, step by step.
 *
 *   -ln p(x0) <= KL(q(x_T|x0) || N(0, I)) + sum_t KL(q(x_(t-1)|x_t, x0) || p(x_(t-1)|x_t)) - E ln p(x0|x_1)
 *                                                                           Ho et al., 2006.11239, eq. 5
 * Both kernels of a step are Gaussian with the same coefficients, one with x0, the other with D(x_t):
 *   KL = 1/2 [dim (ln(S/b) + b/S - 1) + c^2 |x0 - D|^2 / S],  c: coefficient of x0,  b, S: variances of q and p
 * Data are continuous, so the last term is a density. A chain whose last variance is 0 decodes with the variance of
 * the step before, as DDPM's official code does (which does so with beta_t as well; here beta_1 stays).
 */
#include "diffuse/measure.h"

#include "diffuse/random.h"

#include <math.h>

typedef struct bench {
    const df_bound *bound;
    void *scratch;
    double *x, *x0, *eps, *log_variance;
    size_t dim;
} bench;

static df_kernel kernel_of(const df_bound *b, size_t i)
{
    return b->sampler->kernel(b->options, b->pilot ? b->pilot + i : NULL, b->levels[i], b->levels[i + 1]);
}

static double prior_kl(const double *x0, df_level t, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += 0.5 * (t.alpha * t.alpha * x0[i] * x0[i] + t.sigma * t.sigma - 1 - 2 * df_log(t.sigma));
    return sum;
}

/* The variance of the decoder, for a kernel that has none of its own. */
static double last_variance(const df_bound *b, size_t i)
{
    const double variance = kernel_of(b, i).variance;
    return variance > 0 || i == 0 ? variance : kernel_of(b, i - 1).variance;
}

/* The term of step i for one point: x0, its noised x, the denoiser's guess and its log_variance, used if learned. */
static double step_term(const df_bound *b, size_t i, const double *x0, const double *x, const double *guess,
                        const double *log_variance, size_t dim)
{
    const df_kernel k = kernel_of(b, i);
    const bool last = i + 1 == b->steps;
    const double fixed = k.learned ? 0 : last ? last_variance(b, i) : k.variance, q = k.posterior;
    double sum = 0;
    for (size_t d = 0; d < dim; d++) {
        const double p = k.learned ? df_exp(log_variance[d]) : fixed;
        const double miss = last ? x0[d] - k.of_x0 * guess[d] - k.of_x * x[d] : k.of_x0 * (x0[d] - guess[d]);
        sum += last ? df_log(2 * DF_PI * p) + miss * miss / p : df_log(p / q) + q / p - 1 + miss * miss / p;
    }
    return 0.5 * sum;
}

static double block_term(bench *b, double *total, size_t i, const double *x0, size_t first, size_t n)
{
    const df_level level = b->bound->levels[i];
    const df_question question = {.n = n, .x = b->x, .level = &level, .to = &b->bound->levels[i + 1]};
    const bool learned = kernel_of(b->bound, i).learned;
    const df_answer answer = {.x0 = b->x0, .log_variance = learned ? b->log_variance : NULL};
    const df_denoiser *d = b->bound->denoiser;
    double sum = 0;
    df_normal_rows(b->eps, n, b->dim, (df_place){.seed = b->bound->seed, .index = first, .step = (uint32_t)i + 1,
                                                 .purpose = DF_FOR_MEASURE});
    df_add_noise(b->x, level, x0, b->eps, n * b->dim);
    d->answer(d->self, &question, &answer, b->scratch);
    for (size_t r = 0; r < n; r++) {
        const double term = step_term(b->bound, i, x0 + r * b->dim, b->x + r * b->dim, b->x0 + r * b->dim,
                                      b->log_variance + r * b->dim, b->dim);
        total[r] += term;
        sum += term;
    }
    return sum;
}

df_status df_bound_terms(const df_bound *bound, double *prior, double *terms, double *total, const double *x0, size_t n,
                         df_arena *arena, df_error *error)
{
    bench b = {.bound = bound, .dim = bound->denoiser->dim};
    const size_t size = DF_ROWS * b.dim;
    if (!bound->sampler->kernel)
        return df_fail(error, DF_USAGE, "sampler %s has no variational bound; its steps are not Gaussian",
                       bound->sampler->name);
    if (bound->sampler->needs_variance && bound->sampler->needs_variance(bound->options) &&
        !bound->denoiser->knows_variance)
        return df_fail(error, DF_USAGE, "the learned variance that is asked for is not in this model");
    if (bound->steps == 1 && !(kernel_of(bound, 0).variance > 0))
        return df_fail(error, DF_USAGE,
                       "a chain of one step without noise gives no density, so it has no bound\n  try more steps");
    if (bound->steps > 1 && !(kernel_of(bound, 0).posterior > 0))
        return df_fail(error, DF_USAGE, "a chain whose steps add no noise has no variational bound");
    DF_NEW(arena, b.x, size, error);
    DF_NEW(arena, b.x0, size, error);
    DF_NEW(arena, b.eps, size, error);
    DF_NEW(arena, b.log_variance, size, error);
    b.scratch = bound->denoiser->scratch(bound->denoiser->self, arena, error);
    if (!b.scratch) return DF_LIMIT;
    *prior = 0;
    for (size_t r = 0; r < n; r++) {
        total[r] = prior_kl(x0 + r * b.dim, bound->levels[0], b.dim);
        *prior += total[r] / (double)n;
    }
    for (size_t i = 0; i < bound->steps; i++) {
        terms[i] = 0;
        for (size_t done = 0; done < n; done += DF_ROWS)
            terms[i] += block_term(&b, total + done, i, x0 + done * b.dim, done,
                                   n - done < DF_ROWS ? n - done : DF_ROWS) / (double)n;
    }
    return DF_OK;
}
