/* learn.c -- one training step: draw a minibatch, noise it, ask the network, go back through it. */
#include "diffuse/objective.h"

#include "diffuse/random.h"

#include <math.h>

df_status df_learning_init(df_learning *l, df_arena *arena, df_error *error)
{
    const size_t size = DF_ROWS * l->network->config.dim;
    DF_TRY(df_pass_init(&l->pass, l->network, DF_ROWS, arena, error));
    DF_NEW(arena, l->x, size, error);
    DF_NEW(arena, l->d_output, size, error);
    DF_NEW(arena, l->labels, DF_ROWS, error);
    DF_NEW(arena, l->x0, size, error);
    DF_NEW(arena, l->eps, size, error);
    DF_NEW(arena, l->target, size, error);
    DF_NEW(arena, l->weights, DF_ROWS, error);
    return DF_OK;
}

/* Row r of the block at step t of the schedule: x_t, label, target and weight. */
static void prepare_row(df_learning *l, size_t r, size_t t)
{
    const size_t dim = l->network->config.dim;
    const df_level level = l->schedule->levels[t];
    const double *x0 = l->x0 + r * dim, *eps = l->eps + r * dim;
    const df_example example = {.options = l->options, .prediction = l->prediction, .level = level,
                                .before = l->schedule->levels[t - 1], .dim = dim, .x0 = x0, .eps = eps};
    for (size_t i = 0; i < dim; i++) l->x[r * dim + i] = (df_real)(level.alpha * x0[i] + level.sigma * eps[i]);
    l->labels[r] = df_level_label(l->label, l->schedule, level);
    l->weights[r] = l->objective->target(&example, l->target + r * dim);
}

/* The weighted squared error of n prepared rows, and its gradient times `share`. */
static double block_loss(df_learning *l, const df_weights *weights, size_t n, double share)
{
    const size_t dim = l->network->config.dim;
    double loss = 0;
    df_network_forward(l->network, weights, &l->pass, l->x, l->labels, false, n);
    for (size_t r = 0; r < n; r++)
        for (size_t i = r * dim; i < (r + 1) * dim; i++) {
            const double miss = (double)l->pass.output[i] - l->target[i];
            loss += l->weights[r] * miss * miss;
            l->d_output[i] = (df_real)(share * 2 * l->weights[r] * miss);
        }
    return loss;
}

/* 0 .. count - 1, from a uniform. */
static size_t pick(double u, size_t count)
{
    const size_t k = (size_t)(u * (double)count);
    return k < count ? k : count - 1;
}

static void draw_row(df_learning *l, uint64_t step, uint64_t j, size_t r)
{
    const size_t dim = l->network->config.dim;
    df_place place = {.seed = l->seed, .index = (step - 1) * l->batch + j, .purpose = DF_FOR_BATCH};
    double u[2];
    df_uniforms(u, place, 0);
    const double *x0 = l->data + pick(u[0], l->rows) * dim;
    for (size_t i = 0; i < dim; i++) l->x0[r * dim + i] = x0[i];
    place.purpose = DF_FOR_LEVEL;
    df_uniforms(u, place, 0);
    prepare_row(l, r, 1 + pick(((double)j + u[0]) / (double)l->batch, l->schedule->steps));
}

double df_learning_step(df_learning *l, const df_weights *weights, uint64_t step, df_real *d_parameters)
{
    double loss = 0;
    for (uint64_t done = 0; done < l->batch; done += DF_ROWS) {
        const size_t n = l->batch - done < DF_ROWS ? l->batch - done : DF_ROWS;
        df_normal_rows(l->eps, n, l->network->config.dim, (df_place){.seed = l->seed,
                       .index = (step - 1) * l->batch + done, .purpose = DF_FOR_NOISE});
        for (size_t r = 0; r < n; r++) draw_row(l, step, done + r, r);
        loss += block_loss(l, weights, n, 1 / (double)l->batch);
        if (d_parameters) df_network_backward(l->network, weights, &l->pass, l->d_output, d_parameters, NULL, n);
    }
    return loss / (double)l->batch;
}

/* The block of evaluation that begins at row `done`: fixed levels and noise. Returns its number of rows. */
static size_t prepare_block(df_learning *l, const double *data, size_t rows, size_t done)
{
    const size_t dim = l->network->config.dim, n = rows - done < DF_ROWS ? rows - done : DF_ROWS;
    df_normal_rows(l->eps, n, dim, (df_place){.seed = l->seed, .index = done, .purpose = DF_FOR_MEASURE});
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < dim; i++) l->x0[r * dim + i] = data[(done + r) * dim + i];
        prepare_row(l, r, 1 + pick(((double)(done + r) + 0.5) / (double)rows, l->schedule->steps));
    }
    return n;
}

double df_learning_evaluate(df_learning *l, const df_weights *weights, const double *data, size_t rows)
{
    double loss = 0;
    for (size_t done = 0; done < rows; done += DF_ROWS)
        loss += block_loss(l, weights, prepare_block(l, data, rows, done), 0);
    return loss / (double)rows;
}

/* The same row, answered exactly. */
static double exact_row_loss(df_learning *l, const df_denoiser *exact, void *scratch, size_t r, size_t t, double *room)
{
    const size_t dim = exact->dim;
    const df_level level = l->schedule->levels[t];
    double *x = room, *x0 = room + dim, *eps = room + 2 * dim, *predicted = room + 3 * dim, loss = 0;
    df_add_noise(x, level, l->x0 + r * dim, l->eps + r * dim, dim);
    const df_question question = {.n = 1, .x = x, .level = &level};
    const df_answer answer = {.x0 = x0, .eps = eps};
    exact->answer(exact->self, &question, &answer, scratch);
    df_prediction_target(predicted, l->prediction, level, x0, eps, dim);
    for (size_t i = 0; i < dim; i++) {
        const double miss = predicted[i] - l->target[r * dim + i];
        loss += l->weights[r] * miss * miss;
    }
    return loss;
}

df_status df_learning_floor(double *loss, df_learning *l, const df_denoiser *exact, const double *data,
                            size_t rows, df_arena *arena, df_error *error)
{
    double *room;
    void *scratch = exact->scratch(exact->self, arena, error);
    if (!scratch) return DF_LIMIT;
    DF_NEW(arena, room, 4 * exact->dim, error);
    *loss = 0;
    for (size_t done = 0; done < rows; done += DF_ROWS) {
        const size_t n = prepare_block(l, data, rows, done);
        for (size_t r = 0; r < n; r++) {
            const size_t t = 1 + pick(((double)(done + r) + 0.5) / (double)rows, l->schedule->steps);
            *loss += exact_row_loss(l, exact, scratch, r, t, room) / (double)rows;
        }
    }
    return DF_OK;
}
