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

/* What a thread needs. */
typedef struct bench {
    void *scratch;
    double *x, *x0, *eps, *log_variance; /* (DF_ROWS, dim) */
} bench;

typedef struct work {
    const df_bound *bound;
    const double *x0; /* (n, dim) */
    double *total;    /* (n) */
    size_t n, dim, step;
    double *sums;     /* of the terms of this step, block by block */
    bench *benches;
} work;

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

static void add_block(void *self, size_t thread, size_t block)
{
    const work *w = self;
    const bench *b = &w->benches[thread];
    const df_bound *bound = w->bound;
    const df_denoiser *d = bound->denoiser;
    const df_level level = bound->levels[w->step], *to = &bound->levels[w->step + 1];
    const size_t first = block * DF_ROWS, n = w->n - first < DF_ROWS ? w->n - first : DF_ROWS, dim = w->dim;
    const double *x0 = w->x0 + first * dim;
    const bool learned = kernel_of(bound, w->step).learned;
    const df_question question = {.n = n, .x = b->x, .level = &level, .to = to};
    const df_answer answer = {.x0 = b->x0, .log_variance = learned ? b->log_variance : NULL};
    df_normal_rows(b->eps, n, dim, (df_place){.seed = bound->seed, .index = first, .step = (uint32_t)w->step + 1,
                                              .purpose = DF_FOR_MEASURE});
    df_add_noise(b->x, level, x0, b->eps, n * dim);
    d->answer(d->self, &question, &answer, b->scratch);
    w->sums[block] = 0;
    for (size_t r = 0; r < n; r++) {
        const double term = step_term(bound, w->step, x0 + r * dim, b->x + r * dim, b->x0 + r * dim,
                                      b->log_variance + r * dim, dim);
        w->total[first + r] += term;
        w->sums[block] += term;
    }
}

static df_status bench_init(bench *b, const df_denoiser *denoiser, df_arena *arena, df_error *error)
{
    const size_t size = DF_ROWS * denoiser->dim;
    DF_NEW(arena, b->x, size, error);
    DF_NEW(arena, b->x0, size, error);
    DF_NEW(arena, b->eps, size, error);
    DF_NEW(arena, b->log_variance, size, error);
    b->scratch = denoiser->scratch(denoiser->self, arena, error);
    return b->scratch ? DF_OK : DF_LIMIT;
}

df_status df_bound_terms(const df_bound *bound, double *prior, double *terms, double *total, const double *x0, size_t n,
                         df_arena *arena, df_error *error)
{
    const size_t dim = bound->denoiser->dim, blocks = (n + DF_ROWS - 1) / DF_ROWS, threads = df_team_count(bound->team);
    work w = {.bound = bound, .x0 = x0, .total = total, .n = n, .dim = dim};
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
    DF_NEW(arena, w.sums, blocks, error);
    DF_NEW(arena, w.benches, threads, error);
    for (size_t k = 0; k < threads; k++) DF_TRY(bench_init(&w.benches[k], bound->denoiser, arena, error));
    *prior = 0;
    for (size_t r = 0; r < n; r++) {
        total[r] = prior_kl(x0 + r * dim, bound->levels[0], dim);
        *prior += total[r] / (double)n;
    }
    for (w.step = 0; w.step < bound->steps; w.step++) {
        df_team_each(bound->team, blocks, add_block, &w);
        terms[w.step] = 0;
        for (size_t b = 0; b < blocks; b++) terms[w.step] += w.sums[b] / (double)n;
    }
    return DF_OK;
}
