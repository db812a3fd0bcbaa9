/* network.c -- a trained network as a denoiser. */
#include "diffuse/denoiser.h"

#include <math.h>

typedef struct scratch {
    df_pass pass;
    df_real *x, *x_dot, *out_dot, *labels;
    double *scaled, *predicted;
} scratch;

static const double LABEL_MOST = 10;

df_real df_level_label(df_label label, const df_schedule *schedule, df_level level)
{
    if (label == DF_LABEL_STEP) return (df_real)df_schedule_step(schedule, level);
    const double c = df_log_ratio(level);
    return (df_real)(0.25 * (c < -LABEL_MOST ? -LABEL_MOST : c > LABEL_MOST ? LABEL_MOST : c));
}

static void *scratch_new(const void *self, df_arena *arena, df_error *error)
{
    const df_network_denoiser *from = self;
    const size_t size = DF_ROWS * from->network->outputs;
    scratch *s = df_alloc(arena, 1, sizeof *s, error);
    if (!s || df_pass_init(&s->pass, from->network, DF_ROWS, arena, error) != DF_OK) return NULL;
    if (!(s->x = df_alloc(arena, size, sizeof *s->x, error))) return NULL;
    if (!(s->x_dot = df_alloc(arena, size, sizeof *s->x_dot, error))) return NULL;
    if (!(s->out_dot = df_alloc(arena, size, sizeof *s->out_dot, error))) return NULL;
    if (!(s->labels = df_alloc(arena, DF_ROWS, sizeof *s->labels, error))) return NULL;
    if (!(s->scaled = df_alloc(arena, size, sizeof *s->scaled, error))) return NULL;
    if (!(s->predicted = df_alloc(arena, size, sizeof *s->predicted, error))) return NULL;
    return s;
}

static df_level question_level(const df_question *question, size_t row)
{
    return question->level[question->level_each ? row : 0];
}

static double level_norm(df_level level)
{
    return sqrt(level.alpha * level.alpha + level.sigma * level.sigma);
}

/* d x0 / d x along x_dot, from the network's own tangent. */
static double x0_dot(df_prediction prediction, df_level level, double x_dot, double out_dot)
{
    double dot;
    df_prediction_read(&dot, NULL, prediction, level, &x_dot, &out_dot, 1); /* linear in both */
    return dot;
}

static void tangent(const df_network_denoiser *from, const df_question *question, const df_answer *answer, scratch *s)
{
    const size_t dim = from->network->config.dim, outputs = from->network->outputs, n = question->n;
    for (size_t r = 0; r < n; r++)
        for (size_t i = r * dim; i < (r + 1) * dim; i++)
            s->x_dot[i] = (df_real)(question->x_dot[i] / level_norm(question_level(question, r)));
    df_network_tangent(from->network, &from->weights, &s->pass, s->x_dot, s->out_dot, n);
    for (size_t r = 0; r < n; r++) {
        df_level level = question_level(question, r);
        const double c = level_norm(level);
        level.alpha /= c;
        level.sigma /= c;
        for (size_t i = 0; i < dim; i++)
            answer->x0_dot[r * dim + i] = x0_dot(from->prediction, level, question->x_dot[r * dim + i] / c,
                                                 (double)s->out_dot[r * outputs + i]);
    }
}

static void log_variance(const df_network *network, const df_question *question, double *out, const df_real *output)
{
    const size_t dim = network->config.dim;
    for (size_t r = 0; r < question->n; r++) {
        const df_step_back back = df_step_between(question_level(question, r), *question->to);
        for (size_t i = 0; i < dim; i++)
            out[r * dim + i] = df_learned_log_variance(back, (double)output[r * network->outputs + dim + i]);
    }
}

static void answer(const void *self, const df_question *question, const df_answer *answer, void *lent)
{
    const df_network_denoiser *from = self;
    scratch *s = lent;
    const size_t dim = from->network->config.dim, n = question->n;
    for (size_t r = 0; r < n; r++) {
        const df_level level = question_level(question, r);
        const double c = level_norm(level);
        if (r == 0 || question->level_each) s->labels[r] = df_level_label(from->label, from->schedule, level);
        for (size_t i = r * dim; i < (r + 1) * dim; i++) {
            s->scaled[i] = question->x[i] / c;
            s->x[i] = (df_real)s->scaled[i];
        }
    }
    df_pass pass = s->pass;
    if (!answer->x0_dot) pass.layer = 0;
    df_network_forward(from->network, &from->weights, &pass, s->x, s->labels, !question->level_each, n);
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < dim; i++)
            s->predicted[r * dim + i] = (double)s->pass.output[r * from->network->outputs + i];
        const df_level level = question_level(question, r);
        const double c = level_norm(level);
        df_prediction_read(answer->x0 ? answer->x0 + r * dim : NULL, answer->eps ? answer->eps + r * dim : NULL,
                           from->prediction, (df_level){level.alpha / c, level.sigma / c}, s->scaled + r * dim,
                           s->predicted + r * dim, dim);
    }
    if (answer->log_variance) log_variance(from->network, question, answer->log_variance, s->pass.output);
    if (answer->x0_dot) tangent(from, question, answer, s);
}

df_denoiser df_denoiser_of_network(const df_network_denoiser *from)
{
    return (df_denoiser){.dim = from->network->config.dim, .least = from->schedule->levels[1],
                         .most = from->schedule->levels[from->schedule->steps], .independent = !from->coupled,
                         .knows_variance = from->network->outputs > from->network->config.dim, .self = from,
                         .scratch = scratch_new, .answer = answer};
}
