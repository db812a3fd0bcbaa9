/* score.c -- where along the noise levels a denoiser is wrong, and what that costs in nats.
 *
 *   KL(truth || model) <= KL(p_most || N(0, (1 + most^2) I))                      prior
 *                       + integral over ln q of E |D - D*|^2 / q^2                  score error, q = sigma / alpha
 *                       + E [ln p(x) - ln p(x; q = least)]                          cut-off
 *
 * for the law of the reverse SDE (Song, Durkan, Murray, Ermon, 2101.09258, theorem 1). The ODE's law is another
 * one when the denoiser is not exact, and its KL may be larger (Lu et al., 2206.08265).
 */
#include "diffuse/measure.h"

#include "diffuse/random.h"

#include <math.h>

typedef struct bench {
    const df_denoiser *denoiser, *truth;
    void *scratch, *truth_scratch;
    double *y, *x0, *exact, *eps;
    size_t dim;
} bench;

static df_status bench_init(bench *b, df_arena *arena, df_error *error)
{
    const size_t size = DF_ROWS * b->dim;
    DF_NEW(arena, b->y, size, error);
    DF_NEW(arena, b->x0, size, error);
    DF_NEW(arena, b->exact, size, error);
    DF_NEW(arena, b->eps, size, error);
    b->scratch = b->denoiser->scratch(b->denoiser->self, arena, error);
    if (!b->scratch) return DF_LIMIT;
    b->truth_scratch = b->truth->scratch(b->truth->self, arena, error);
    return b->truth_scratch ? DF_OK : DF_LIMIT;
}

/* y = x + q eps for n rows from row `first`, the same noise at every level. */
static void noise_rows(bench *b, const double *x, size_t first, size_t n, uint64_t seed, double q)
{
    df_normal_rows(b->eps, n, b->dim, (df_place){.seed = seed, .index = first, .purpose = DF_FOR_MEASURE});
    df_add_noise(b->y, (df_level){1, q}, x + first * b->dim, b->eps, n * b->dim);
}

static void ask(const df_denoiser *d, double *x0, const double *y, size_t n, double q, void *scratch)
{
    const df_level level = {1, q};
    const df_question question = {.n = n, .x = y, .level = &level};
    const df_answer answer = {.x0 = x0};
    d->answer(d->self, &question, &answer, scratch);
}

/* E |D - D*|^2 / q^2 at one level; `weight` times each point's own share is added to total:(count). */
static double level_error(bench *b, double *total, double weight, const double *x, size_t count, uint64_t seed,
                          double q)
{
    double sum = 0;
    for (size_t done = 0; done < count; done += DF_ROWS) {
        const size_t n = count - done < DF_ROWS ? count - done : DF_ROWS;
        noise_rows(b, x, done, n, seed, q);
        ask(b->denoiser, b->x0, b->y, n, q, b->scratch);
        ask(b->truth, b->exact, b->y, n, q, b->truth_scratch);
        for (size_t r = 0; r < n; r++) {
            double square = 0;
            for (size_t i = r * b->dim; i < (r + 1) * b->dim; i++)
                square += (b->x0[i] - b->exact[i]) * (b->x0[i] - b->exact[i]);
            sum += square / (q * q);
            total[done + r] += weight * square / (q * q);
        }
    }
    return sum / (double)count;
}

static double prior_term(bench *b, double *total, const df_mixture *mixture, const double *x, size_t count,
                         uint64_t seed, double q)
{
    double sum = 0;
    for (size_t done = 0; done < count; done += DF_ROWS) {
        const size_t n = count - done < DF_ROWS ? count - done : DF_ROWS;
        noise_rows(b, x, done, n, seed, q);
        for (size_t r = 0; r < n; r++) {
            const double *y = b->y + r * b->dim;
            const double term = df_mixture_log_density(mixture, 1, q, y) - df_log_gaussian(y, b->dim, 1 + q * q);
            sum += term;
            total[done + r] += term;
        }
    }
    return sum / (double)count;
}

static double cut_off_term(double *total, const df_mixture *mixture, const double *x, size_t count, double q)
{
    double sum = 0;
    for (size_t r = 0; r < count; r++) {
        const double *at = x + r * mixture->dim;
        const double term = df_mixture_log_density(mixture, 1, 0, at) - df_mixture_log_density(mixture, 1, q, at);
        sum += term;
        total[r] += term;
    }
    return sum / (double)count;
}

df_status df_score_kl(df_score_report *report, const df_denoiser *denoiser, const df_denoiser *truth,
                      const df_mixture *mixture,
                      const double *x, size_t n, double least, double most, uint64_t seed, df_arena *arena,
                      df_error *error)
{
    bench b = {.denoiser = denoiser, .truth = truth, .dim = denoiser->dim};
    double *total; /* each point's share in the whole bound: the terms of one point are not independent */
    DF_TRY(bench_init(&b, arena, error));
    DF_NEW(arena, total, n, error);
    *report = (df_score_report){0};
    const double from = df_log(least), width = (df_log(most) - from) / DF_SCORE_LEVELS;
    for (size_t k = 0; k < DF_SCORE_LEVELS; k++) {
        report->sigma[k] = df_exp(from + width * ((double)k + 0.5));
        report->error[k] = level_error(&b, total, width, x, n, seed, report->sigma[k]);
        report->integral += width * report->error[k];
    }
    report->prior = prior_term(&b, total, mixture, x, n, seed, most);
    report->cut_off = cut_off_term(total, mixture, x, n, least);
    df_mean_error(&report->bound, &report->bound_error, total, n);
    return DF_OK;
}

/* |eps - guess|^2 of n rows that share a level. */
static void add_eps_errors(double *errors, const df_denoiser *d, void *scratch, bench *b, df_level level, size_t n)
{
    const df_question question = {.n = n, .x = b->y, .level = &level};
    const df_answer answer = {.x0 = b->x0, .eps = b->exact};
    d->answer(d->self, &question, &answer, scratch);
    for (size_t r = 0; r < n; r++) {
        errors[r] = 0;
        for (size_t i = r * b->dim; i < (r + 1) * b->dim; i++)
            errors[r] += (b->exact[i] - b->eps[i]) * (b->exact[i] - b->eps[i]);
    }
}

df_status df_eps_loss(df_eps_report *report, const df_denoiser *denoiser, const df_denoiser *truth,
                      const df_schedule *schedule,
                      const double *x, size_t n, uint64_t seed, df_arena *arena, df_error *error)
{
    bench b = {.denoiser = denoiser, .truth = truth, .dim = denoiser->dim};
    double *model, *exact;
    const size_t blocks = (n + DF_ROWS - 1) / DF_ROWS;
    DF_TRY(bench_init(&b, arena, error));
    DF_NEW(arena, model, n, error);
    DF_NEW(arena, exact, n, error);
    for (size_t block = 0, done = 0; done < n; block++, done += DF_ROWS) {
        const size_t rows = n - done < DF_ROWS ? n - done : DF_ROWS;
        /* One level a block, evenly over the steps, as training draws them. */
        const size_t t = 1 + (2 * block + 1) * schedule->steps / (2 * blocks);
        const df_level level = schedule->levels[t < schedule->steps ? t : schedule->steps];
        df_normal_rows(b.eps, rows, b.dim, (df_place){.seed = seed, .index = done, .step = 1,
                                                      .purpose = DF_FOR_MEASURE});
        df_add_noise(b.y, level, x + done * b.dim, b.eps, rows * b.dim);
        add_eps_errors(model + done, denoiser, b.scratch, &b, level, rows);
        add_eps_errors(exact + done, truth, b.truth_scratch, &b, level, rows);
    }
    double ignored;
    df_mean_error(&report->loss, &ignored, model, n);
    df_mean_error(&report->floor, &ignored, exact, n);
    for (size_t r = 0; r < n; r++) model[r] -= exact[r];
    df_mean_error(&report->excess, &report->excess_error, model, n);
    return DF_OK;
}
