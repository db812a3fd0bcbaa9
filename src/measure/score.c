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

/* What a thread needs. */
typedef struct bench {
    void *scratch, *truth_scratch;
    double *y, *x0, *exact, *eps; /* (DF_ROWS, dim) */
} bench;

typedef struct work {
    const df_denoiser *denoiser, *truth;
    const df_schedule *schedule;
    const double *x; /* (n, dim) */
    size_t n, dim;
    uint64_t seed;
    const double *sigma; /* (DF_SCORE_LEVELS) */
    double *share;       /* (DF_SCORE_LEVELS, n): |D - D*|^2 / sigma^2 of each point at each level */
    double *model, *exact; /* (n): |eps - guess|^2 of the denoiser and of the truth */
    bench *benches;
} work;

static df_status bench_init(bench *b, const work *w, df_arena *arena, df_error *error)
{
    const size_t size = DF_ROWS * w->dim;
    DF_NEW(arena, b->y, size, error);
    DF_NEW(arena, b->x0, size, error);
    DF_NEW(arena, b->exact, size, error);
    DF_NEW(arena, b->eps, size, error);
    b->scratch = w->denoiser->scratch(w->denoiser->self, arena, error);
    if (!b->scratch) return DF_LIMIT;
    b->truth_scratch = w->truth->scratch(w->truth->self, arena, error);
    return b->truth_scratch ? DF_OK : DF_LIMIT;
}

static df_status open_benches(work *w, df_team *team, df_arena *arena, df_error *error)
{
    DF_NEW(arena, w->benches, df_team_count(team), error);
    for (size_t k = 0; k < df_team_count(team); k++) DF_TRY(bench_init(&w->benches[k], w, arena, error));
    return DF_OK;
}

static size_t rows_from(const work *w, size_t first)
{
    return w->n - first < DF_ROWS ? w->n - first : DF_ROWS;
}

/* y = x + q eps for the rows from `first` on, the same noise at every level. */
static void noise_rows(const work *w, const bench *b, size_t first, double q)
{
    const size_t n = rows_from(w, first);
    df_normal_rows(b->eps, n, w->dim, (df_place){.seed = w->seed, .index = first, .purpose = DF_FOR_MEASURE});
    df_add_noise(b->y, (df_level){1, q}, w->x + first * w->dim, b->eps, n * w->dim);
}

static void ask(const df_denoiser *d, double *x0, const double *y, size_t n, double q, void *scratch)
{
    const df_level level = {1, q};
    const df_question question = {.n = n, .x = y, .level = &level};
    const df_answer answer = {.x0 = x0};
    d->answer(d->self, &question, &answer, scratch);
}

static double square_distance(const double *a, const double *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static void compare_at_level(void *self, size_t thread, size_t level)
{
    const work *w = self;
    const bench *b = &w->benches[thread];
    const double q = w->sigma[level];
    for (size_t first = 0; first < w->n; first += DF_ROWS) {
        const size_t n = rows_from(w, first);
        noise_rows(w, b, first, q);
        ask(w->denoiser, b->x0, b->y, n, q, b->scratch);
        ask(w->truth, b->exact, b->y, n, q, b->truth_scratch);
        for (size_t r = 0; r < n; r++)
            w->share[level * w->n + first + r] =
                square_distance(b->x0 + r * w->dim, b->exact + r * w->dim, w->dim) / (q * q);
    }
}

static double prior_term(const work *w, double *total, const df_mixture *mixture, double q)
{
    const bench *b = w->benches;
    double sum = 0;
    for (size_t first = 0; first < w->n; first += DF_ROWS) {
        noise_rows(w, b, first, q);
        for (size_t r = 0; r < rows_from(w, first); r++) {
            const double *y = b->y + r * w->dim;
            const double term = df_mixture_log_density(mixture, 1, q, y) - df_log_gaussian(y, w->dim, 1 + q * q);
            sum += term;
            total[first + r] += term;
        }
    }
    return sum / (double)w->n;
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
                      const double *x, size_t n, double least, double most, uint64_t seed, df_team *team,
                      df_arena *arena, df_error *error)
{
    work w = {.denoiser = denoiser, .truth = truth, .x = x, .n = n, .dim = denoiser->dim, .seed = seed,
              .sigma = report->sigma};
    double *total; /* each point's share in the whole bound: the terms of one point are not independent */
    DF_TRY(open_benches(&w, team, arena, error));
    DF_NEW(arena, w.share, DF_SCORE_LEVELS * n, error);
    DF_NEW(arena, total, n, error);
    *report = (df_score_report){0};
    const double from = df_log(least), width = (df_log(most) - from) / DF_SCORE_LEVELS;
    for (size_t k = 0; k < DF_SCORE_LEVELS; k++) report->sigma[k] = df_exp(from + width * ((double)k + 0.5));
    df_team_each(team, DF_SCORE_LEVELS, compare_at_level, &w);
    for (size_t k = 0; k < DF_SCORE_LEVELS; k++) {
        for (size_t r = 0; r < n; r++) {
            report->error[k] += w.share[k * n + r];
            total[r] += width * w.share[k * n + r];
        }
        report->error[k] /= (double)n;
        report->integral += width * report->error[k];
    }
    report->prior = prior_term(&w, total, mixture, most);
    report->cut_off = cut_off_term(total, mixture, x, n, least);
    df_mean_error(&report->bound, &report->bound_error, total, n);
    return DF_OK;
}

/* |eps - guess|^2 of n rows that share a level. */
static void add_eps_errors(double *errors, const df_denoiser *d, void *scratch, const bench *b, df_level level,
                           size_t n)
{
    const df_question question = {.n = n, .x = b->y, .level = &level};
    const df_answer answer = {.x0 = b->x0, .eps = b->exact};
    d->answer(d->self, &question, &answer, scratch);
    for (size_t r = 0; r < n; r++) errors[r] = square_distance(b->exact + r * d->dim, b->eps + r * d->dim, d->dim);
}

/* One level a block, evenly over the steps, as training draws them. */
static void guess_block(void *self, size_t thread, size_t block)
{
    const work *w = self;
    const bench *b = &w->benches[thread];
    const size_t first = block * DF_ROWS, n = rows_from(w, first), steps = w->schedule->steps;
    const size_t blocks = (w->n + DF_ROWS - 1) / DF_ROWS, t = 1 + (2 * block + 1) * steps / (2 * blocks);
    const df_level level = w->schedule->levels[t < steps ? t : steps];
    df_normal_rows(b->eps, n, w->dim, (df_place){.seed = w->seed, .index = first, .step = 1,
                                                 .purpose = DF_FOR_MEASURE});
    df_add_noise(b->y, level, w->x + first * w->dim, b->eps, n * w->dim);
    add_eps_errors(w->model + first, w->denoiser, b->scratch, b, level, n);
    add_eps_errors(w->exact + first, w->truth, b->truth_scratch, b, level, n);
}

df_status df_eps_loss(df_eps_report *report, const df_denoiser *denoiser, const df_denoiser *truth,
                      const df_schedule *schedule,
                      const double *x, size_t n, uint64_t seed, df_team *team, df_arena *arena, df_error *error)
{
    work w = {.denoiser = denoiser, .truth = truth, .schedule = schedule, .x = x, .n = n, .dim = denoiser->dim,
              .seed = seed};
    double ignored;
    DF_TRY(open_benches(&w, team, arena, error));
    DF_NEW(arena, w.model, n, error);
    DF_NEW(arena, w.exact, n, error);
    df_team_each(team, (n + DF_ROWS - 1) / DF_ROWS, guess_block, &w);
    df_mean_error(&report->loss, &ignored, w.model, n);
    df_mean_error(&report->floor, &ignored, w.exact, n);
    for (size_t r = 0; r < n; r++) w.model[r] -= w.exact[r];
    df_mean_error(&report->excess, &report->excess_error, w.model, n);
    return DF_OK;
}
