/* learn.c -- one training step: draw a minibatch, noise it, ask the network, go back through it. */
#include "diffuse/objective.h"

#include "diffuse/conditions.h"
#include "diffuse/random.h"

#include <math.h>
#include <string.h>

/* Blocks of a minibatch that are worked on together, each by whichever thread is free: a few, shared out evenly. */
static size_t blocks_together(const df_learning *l)
{
    enum { FEW = 4 };
    const size_t threads = df_team_count(l->team), even = (FEW + threads - 1) / threads * threads;
    const uint64_t all = (l->batch + DF_ROWS - 1) / DF_ROWS;
    return all < even ? (size_t)all : even;
}

df_status df_learning_init(df_learning *l, df_arena *arena, df_error *error)
{
    const size_t blocks = blocks_together(l), rows = blocks * DF_ROWS, size = rows * l->network->config.dim;
    DF_TRY(df_check_arithmetic(error));
    if (!l->objective->brings_network) {
        DF_TRY(df_pass_init(&l->pass, l->network, rows, arena, error));
        if (l->objective->tangents) DF_TRY(df_pass_keep_tangents(&l->pass, l->network, rows, arena, error));
        DF_NEW(arena, l->d_output, rows * l->network->outputs, error);
    }
    if (l->objective->state_size && !l->state)
        DF_NEW(arena, l->state, l->objective->state_size(l->network, l->options, l->schedule), error);
    DF_NEW(arena, l->losses, blocks, error);
    if (l->objective->room) DF_NEW(arena, l->room, l->objective->room(l->network, l->schedule), error);
    DF_NEW(arena, l->x, size, error);
    DF_NEW(arena, l->labels, rows, error);
    DF_NEW(arena, l->x0, size, error);
    DF_NEW(arena, l->eps, size, error);
    DF_NEW(arena, l->target, size, error);
    DF_NEW(arena, l->t, rows, error);
    DF_NEW(arena, l->levels, rows, error);
    DF_NEW(arena, l->weights, rows, error);
    DF_NEW(arena, l->scratches, df_team_count(l->team), error);
    for (size_t i = 0; l->teacher && i < df_team_count(l->team); i++) {
        l->scratches[i] = l->teacher->scratch(l->teacher->self, arena, error);
        if (!l->scratches[i]) return DF_LIMIT;
    }
    return DF_OK;
}

/* Row r of the block, whose x0, eps, t and weight are known: x_t, label, target. */
static void prepare_row(df_learning *l, size_t r)
{
    const size_t dim = l->network->config.dim;
    const double *x0 = l->x0 + r * dim, *eps = l->eps + r * dim, t = l->t[r];
    const df_level level = l->levels[r] = df_schedule_level(l->schedule, t);
    for (size_t i = 0; i < dim; i++) l->x[r * dim + i] = (df_real)(level.alpha * x0[i] + level.sigma * eps[i]);
    l->labels[r] = df_level_label(l->label, l->schedule, level);
    if (!l->objective->target) return;
    const df_example example = {.options = l->options, .prediction = l->prediction, .t = t, .level = level,
                                .before = df_schedule_level(l->schedule, t - 1), .dim = dim, .x0 = x0, .eps = eps};
    l->weights[r] *= l->objective->target(&example, l->target + r * dim);
}

/* The block that begins `first` rows further on. */
static df_learning block_from(const df_learning *l, size_t first)
{
    const size_t dim = l->network->config.dim;
    df_learning block = *l;
    block.first += first;
    if (!l->objective->brings_network) {
        block.pass = df_pass_from(&l->pass, l->network, first);
        block.d_output += first * l->network->outputs;
    }
    block.x += first * dim;
    block.labels += first;
    block.x0 += first * dim;
    block.eps += first * dim;
    block.target += first * dim;
    block.t += first;
    block.weights += first;
    block.levels += first;
    return block;
}

/* The weighted squared error of n prepared examples; d_output becomes its gradient times `share`. */
static double squared_error(df_learning *l, const df_weights *weights, size_t n, double share, double *losses)
{
    const size_t dim = l->network->config.dim, outputs = l->network->outputs;
    double loss = 0;
    df_network_forward(l->network, weights, &l->pass, l->x, l->labels, false, n);
    for (size_t r = 0; r < n; r++) {
        double sum = 0;
        for (size_t i = 0; i < dim; i++) {
            const double miss = (double)l->pass.output[r * outputs + i] - l->target[r * dim + i];
            sum += l->weights[r] * miss * miss;
            l->d_output[r * outputs + i] = (df_real)(share * 2 * l->weights[r] * miss);
        }
        for (size_t i = dim; i < outputs; i++) l->d_output[r * outputs + i] = 0;
        if (losses) losses[r] = sum;
        loss += sum;
    }
    return loss;
}

double df_learning_block(df_learning *l, const df_weights *weights, size_t n, double share, df_real *d_parameters,
                         double *losses)
{
    const double loss = squared_error(l, weights, n, share, losses);
    if (d_parameters) df_network_backward(l->network, weights, &l->pass, l->d_output, d_parameters, NULL, n);
    return loss;
}

static double block_loss(df_learning *l, const df_weights *weights, size_t n, double share, df_real *d_parameters)
{
    return l->objective->block ? l->objective->block(l, weights, n, share, d_parameters)
                               : df_learning_block(l, weights, n, share, d_parameters, NULL);
}

/* 0 .. count - 1, from a uniform. */
static size_t pick(double u, size_t count)
{
    const size_t k = (size_t)(u * (double)count);
    return k < count ? k : count - 1;
}

double df_time_between_steps(const df_learning *l, double u, double *weight)
{
    (void)weight;
    return 1 + u * ((double)l->schedule->steps - 1);
}

double df_time_of_level(const df_learning *l, df_level level)
{
    return df_clamp(df_schedule_step(l->schedule, level), 1, (double)l->schedule->steps);
}

static void draw_time(df_learning *l, size_t r, double u)
{
    l->weights[r] = 1;
    l->t[r] = l->objective->time ? l->objective->time(l, u, &l->weights[r])
                                 : 1 + (double)pick(u, l->schedule->steps);
}

/* Puts what x_t tells about x0 and eps in the place of those that it was made of. x_t itself stays the same. */
static void average_row(df_learning *l, size_t r)
{
    const df_level level = df_schedule_level(l->schedule, l->t[r]);
    const size_t dim = l->network->config.dim;
    double *x0 = l->x0 + r * dim, *eps = l->eps + r * dim, *x = l->target + r * dim, shift[DF_NEIGHBOURS_DIM];
    df_add_noise(x, level, x0, eps, dim);
    if (l->teacher) {
        const df_question question = {.n = 1, .x = x, .level = &level};
        const df_answer answer = {.x0 = x0, .eps = eps};
        l->teacher->answer(l->teacher->self, &question, &answer, l->scratch);
    } else if (df_neighbours_shift(shift, l->neighbours, level, x, x0)) {
        for (size_t i = 0; i < dim; i++) {
            x0[i] += shift[i];
            eps[i] -= level.alpha / level.sigma * shift[i];
        }
    }
}

static void draw_row(df_learning *l, uint64_t step, uint64_t j, size_t r)
{
    const size_t dim = l->network->config.dim;
    df_place place = {.seed = l->seed, .index = (step - 1) * l->batch + j, .purpose = DF_FOR_BATCH};
    double u[2];
    df_uniforms(u, place, 0);
    const size_t row = pick(u[0], l->rows);
    for (size_t i = 0; i < dim; i++) l->x0[r * dim + i] = l->data[row * dim + i];
    for (size_t i = 0; l->noise && i < dim; i++) l->eps[r * dim + i] = l->noise[row * dim + i];
    place.purpose = DF_FOR_LEVEL;
    df_uniforms(u, place, 0);
    draw_time(l, r, ((double)j + u[0]) / (double)l->batch);
}

static void draw_block(df_learning *l, size_t n)
{
    if (!l->noise)
        df_normal_rows(l->eps, n, l->network->config.dim, (df_place){.seed = l->seed,
                       .index = (l->step - 1) * l->batch + l->first, .purpose = DF_FOR_NOISE});
    for (size_t r = 0; r < n; r++) draw_row(l, l->step, l->first + r, r);
    if (l->objective->couple) l->objective->couple(l, n);
    for (size_t r = 0; r < n && (l->teacher || l->neighbours); r++) average_row(l, r);
    for (size_t r = 0; r < n; r++) prepare_row(l, r);
}

/* The blocks that are worked on together. */
typedef struct chunk {
    df_learning *learning;
    const df_weights *weights;
    df_real *d_parameters;
    bool add; /* to the gradient so far */
    size_t n;
} chunk;

static size_t block_rows(const chunk *c, size_t block)
{
    return c->n - block * DF_ROWS < DF_ROWS ? c->n - block * DF_ROWS : DF_ROWS;
}

/* One block down to dL/dz of every layer. A method that asks its network otherwise is asked later, block by block. */
static void work_block(void *self, size_t thread, size_t b)
{
    chunk *c = self;
    df_learning block = block_from(c->learning, b * DF_ROWS);
    const size_t n = block_rows(c, b);
    block.scratch = c->learning->scratches[thread];
    draw_block(&block, n);
    if (block.objective->block) return;
    c->learning->losses[b] = squared_error(&block, c->weights, n, 1 / (double)block.batch, NULL);
    if (c->d_parameters)
        df_network_backward(block.network, c->weights, &block.pass, block.d_output, NULL, NULL, n);
}

static void work_gradient(void *self, size_t thread, size_t threads)
{
    const chunk *c = self;
    const df_learning *l = c->learning;
    df_network_gradient(l->network, &l->pass, l->d_output, c->d_parameters, c->add, c->n, thread, threads);
}

/* Returns `loss` plus those of all blocks, one after the other. */
static double chunk_loss(chunk *c, double loss)
{
    df_learning *l = c->learning;
    const size_t blocks = (c->n + DF_ROWS - 1) / DF_ROWS;
    df_team_each(l->team, blocks, work_block, c);
    for (size_t b = 0; b < blocks && l->objective->block; b++) {
        df_learning block = block_from(l, b * DF_ROWS);
        l->losses[b] = l->objective->block(&block, c->weights, block_rows(c, b), 1 / (double)l->batch,
                                           c->d_parameters);
    }
    if (c->d_parameters && !l->objective->block) df_team_run(l->team, work_gradient, c);
    for (size_t b = 0; b < blocks; b++) loss += l->losses[b];
    return loss;
}

/* Sets those gradients to 0 that df_network_gradient will not set. */
static void clear(const df_learning *l, df_real *d_parameters)
{
    const df_network *network = l->network;
    const size_t layers = 2 * network->linears;
    const size_t first = l->objective->block ? 0 : layers < network->tensor_count ? network->tensors[layers].offset
                                                                                  : network->parameter_count;
    memset(d_parameters + first, 0, (network->parameter_count - first) * sizeof *d_parameters);
}

double df_learning_step(df_learning *l, const df_weights *weights, uint64_t step, df_real *d_parameters)
{
    const size_t rows = blocks_together(l) * DF_ROWS;
    double loss = 0;
    l->step = step;
    if (d_parameters) clear(l, d_parameters);
    for (uint64_t done = 0; done < l->batch; done += rows) {
        chunk c = {.learning = l, .weights = weights, .d_parameters = d_parameters, .add = done > 0,
                   .n = l->batch - done < rows ? (size_t)(l->batch - done) : rows};
        l->first = done;
        loss = chunk_loss(&c, loss);
    }
    return loss / (double)l->batch;
}

/* The block of evaluation that begins at row `done`: fixed levels and noise. Returns its number of rows. */
static size_t prepare_block(df_learning *l, const double *data, size_t rows, size_t done)
{
    const size_t dim = l->network->config.dim, n = rows - done < DF_ROWS ? rows - done : DF_ROWS;
    df_normal_rows(l->eps, n, dim, (df_place){.seed = l->seed, .index = done, .purpose = DF_FOR_MEASURE});
    l->step = 0;
    l->first = done;
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < dim; i++) l->x0[r * dim + i] = data[(done + r) * dim + i];
        draw_time(l, r, ((double)(done + r) + 0.5) / (double)rows);
        prepare_row(l, r);
    }
    return n;
}

double df_learning_evaluate(df_learning *l, const df_weights *weights, const double *data, size_t rows)
{
    double loss = 0;
    for (size_t done = 0; done < rows; done += DF_ROWS)
        loss += block_loss(l, weights, prepare_block(l, data, rows, done), 0, NULL);
    return loss / (double)rows;
}

/* The same row, answered exactly. */
static double exact_row_loss(df_learning *l, const df_denoiser *exact, void *scratch, size_t r, double *room)
{
    const size_t dim = exact->dim;
    const df_level level = l->levels[r];
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
    if (l->objective->block)
        return df_fail(error, DF_USAGE, "the loss of method %s is not a squared error, so its floor is not known",
                       l->objective->name);
    void *scratch = exact->scratch(exact->self, arena, error);
    if (!scratch) return DF_LIMIT;
    DF_NEW(arena, room, 4 * exact->dim, error);
    *loss = 0;
    for (size_t done = 0; done < rows; done += DF_ROWS) {
        const size_t n = prepare_block(l, data, rows, done);
        for (size_t r = 0; r < n; r++) *loss += exact_row_loss(l, exact, scratch, r, room) / (double)rows;
    }
    return DF_OK;
}
