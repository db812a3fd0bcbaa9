/* train.c -- the training loop's body: a step of the objective, of Adam, of the average. */
#include "diffuse/model.h"

#include "diffuse/random.h"
#include "diffuse/shape.h"

#include <math.h>
#include <string.h>

static const double LOSS_MOST = 1e6;

/* The learning rate of step number `step`, from 1: up over the warm-up, then down to (almost) 0. */
static double rate_at(const df_config *c, uint64_t step)
{
    const double now = (double)step, total = (double)c->train_steps;
    if (now < c->warmup) return c->lr * now / c->warmup;
    const double left = total > c->warmup ? (total - now) / (total - c->warmup) : 0;
    if (c->lr_schedule == DF_RATE_CONSTANT) return c->lr;
    if (c->lr_schedule == DF_RATE_LINEAR) return c->lr * left;
    double sine, cosine;
    df_sincos(DF_PI * (1 - left), &sine, &cosine);
    return c->lr * 0.5 * (1 + cosine);
}

static bool is_held_out(const df_config *c, size_t row)
{
    double u[2];
    df_uniforms(u, (df_place){.seed = c->seed, .index = row, .purpose = DF_FOR_SPLIT}, 0);
    return u[0] < c->holdout;
}

/* Copies the rows, scaled, into those to learn from and those held out. */
static df_status split(df_training *t, const df_data *data, df_arena *arena, df_error *error)
{
    const df_config *c = &t->model->config;
    const size_t dim = data->dim;
    double *learn;
    size_t kept = 0, held = 0;
    DF_NEW(arena, learn, data->rows * dim, error);
    if (c->holdout > 0) DF_NEW(arena, t->held_out, data->rows * dim, error);
    for (size_t r = 0; r < data->rows; r++) {
        double *to = c->holdout > 0 && is_held_out(c, r) ? t->held_out + held++ * dim : learn + kept++ * dim;
        memcpy(to, data->x + r * dim, dim * sizeof *to);
    }
    if (kept < 2 || (c->holdout > 0 && held < 1))
        return df_fail(error, DF_INPUT,
                       "%s: %zu points with --holdout %g leave %zu to learn from and %zu held out", data->source,
                       data->rows, c->holdout, kept, held);
    df_transform_apply(&t->model->transform, learn, kept);
    df_transform_apply(&t->model->transform, t->held_out, held);
    t->held_out_rows = held;
    t->learning.data = learn;
    t->learning.rows = kept;
    return DF_OK;
}

/* Noise joined to data by the ODE of another model, from its most noisy level to its least. */
static df_status make_pairs(df_training *t, const char *path, df_arena *arena, df_error *error)
{
    enum { STEPS = 32 };
    df_learning *l = &t->learning;
    df_model *other;
    double *x, *noise;
    const size_t dim = t->model->dim;
    DF_NEW(arena, other, 1, error);
    DF_TRY(df_model_load(other, arena, path, error));
    if (other->dim != dim)
        return df_fail(error, DF_INPUT, "%s makes points of %zu columns, and the data have %zu", path, other->dim, dim);
    DF_NEW(arena, x, l->rows * dim, error);
    DF_NEW(arena, noise, l->rows * dim, error);
    const df_denoiser denoiser = df_model_denoiser(other);
    df_flow flow = {.denoiser = &denoiser, .from = denoiser.most.sigma / denoiser.most.alpha,
                    .to = denoiser.least.sigma / denoiser.least.alpha, .steps = STEPS};
    if (!(denoiser.most.alpha > 0))
        return df_fail(error, DF_INPUT, "%s ends in pure noise, from where its ODE cannot be followed", path);
    DF_TRY(df_flow_init(&flow, arena, error));
    df_normal_rows(noise, l->rows, dim, (df_place){.seed = l->seed, .purpose = DF_FOR_METHOD});
    for (size_t r = 0; r < l->rows; r += DF_ROWS) {
        const size_t n = l->rows - r < DF_ROWS ? l->rows - r : DF_ROWS;
        for (size_t i = r * dim; i < (r + n) * dim; i++) x[i] = noise[i] / denoiser.most.alpha;
        df_flow_run(&flow, x + r * dim, NULL, n);
    }
    df_transform_undo(&other->transform, x, l->rows);
    df_transform_apply(&t->model->transform, x, l->rows);
    l->data = x;
    l->noise = noise;
    return DF_OK;
}

df_status df_training_exact(df_mixture *exact, const df_model *model, df_arena *arena, df_error *error)
{
    const df_config *c = &model->config;
    const df_shape *shape = df_find_shape(c->data);
    df_cloud cloud;
    df_mixture raw;
    if (!shape || c->scaling == DF_SCALE_PER_COLUMN) return DF_NO;
    DF_TRY(df_cloud_open(&cloud, arena, shape, c->noise < 0 ? shape->noise : c->noise, error));
    if (!(cloud.noise > 0) || !df_cloud_node_count(&cloud)) return DF_NO;
    DF_TRY(df_cloud_mixture(&raw, arena, &cloud, df_cloud_node_count(&cloud), error));
    return df_mixture_scaled(exact, arena, &raw, model->transform.mean, model->transform.scale[0], error);
}

static df_status choose_teacher(df_training *t, df_arena *arena, df_error *error)
{
    const char *name = t->model->config.teacher;
    if (strcmp(name, "exact") != 0)
        return df_fail(error, DF_USAGE, "--teacher: '%.60s' is not known; it can be exact", name);
    const df_status status = df_training_exact(&t->exact, t->model, arena, error);
    if (status == DF_NO)
        return df_fail(error, DF_USAGE, "--teacher exact needs a shape of known density as DATA, and one scale");
    t->teacher = df_denoiser_of_mixture(&t->exact);
    t->learning.teacher = &t->teacher;
    return status;
}

/* Whose answers are taught: a teacher's, the neighbours', or those of the samples themselves. */
static df_status choose_target(df_training *t, size_t dim, df_arena *arena, df_error *error)
{
    const df_config *c = &t->model->config;
    const df_objective *o = t->model->objective;
    const bool linear = o->linear && !t->model->denoiser.coupled;
    const bool can = linear && dim <= DF_NEIGHBOURS_DIM;
    if (!c->teacher && (c->target == DF_TARGET_SAMPLE || (c->target == DF_TARGET_AUTO && !can))) return DF_OK;
    if (!linear)
        return df_fail(error, DF_USAGE, "--method %s teaches single samples; means over them are not what it learns\n"
                       "  drop --%s", o->name, c->teacher ? "teacher" : "target");
    if (c->teacher) return choose_teacher(t, arena, error);
    if (!can)
        return df_fail(error, DF_USAGE, "--target batch is for points of at most %d columns, and these have %zu\n"
                       "  try --target sample", DF_NEIGHBOURS_DIM, dim);
    t->learning.neighbours = &t->neighbours;
    return df_neighbours_init(&t->neighbours, arena, t->learning.data, t->learning.rows, dim, error);
}

/* The gradient's squares are summed piece by piece. */
enum { PIECE = 4096 };

static size_t pieces(const df_model *model)
{
    return (model->network.parameter_count + PIECE - 1) / PIECE;
}

df_status df_training_init(df_training *t, df_model *model, const df_data *data, df_team *team, df_arena *arena,
                           df_error *error)
{
    const df_config *c = &model->config;
    const size_t count = model->network.parameter_count;
    *t = (df_training){.model = model, .team = team};
    t->learning = (df_learning){.network = &model->network, .objective = model->objective,
                                .options = model->objective_options, .prediction = (df_prediction)c->prediction,
                                .label = (df_label)c->label, .schedule = &model->schedule, .seed = c->seed,
                                .batch = c->batch_size, .team = team, .state = model->state};
    DF_TRY(split(t, data, arena, error));
    if (t->held_out && model->denoiser.coupled)
        return df_fail(error, DF_USAGE, "--holdout measures the loss with independent noise, and here it is coupled");
    const char *other = model->objective->pairs_from ? model->objective->pairs_from(model->objective_options) : NULL;
    if (other) DF_TRY(make_pairs(t, other, arena, error));
    DF_TRY(choose_target(t, data->dim, arena, error));
    DF_TRY(df_learning_init(&t->learning, arena, error));
    DF_NEW(arena, t->gradient, count, error);
    DF_NEW(arena, t->squares, pieces(model), error);
    t->weights = (df_weights){.parameters = model->raw};
    DF_NEW(arena, t->weights.transposed, count, error);
    if (!model->m) {
        DF_NEW(arena, model->m, count, error);
        DF_NEW(arena, model->v, count, error);
        df_network_start(&model->network, model->raw, c->seed);
        if (model->objective->start) model->objective->start(&t->learning, model->raw);
        memcpy(model->average, model->raw, count * sizeof *model->raw);
    }
    df_weights_refresh(&model->network, &t->weights);
    return DF_OK;
}

static void square_part(void *self, size_t thread, size_t threads)
{
    const df_training *t = self;
    const size_t all = pieces(t->model), count = t->model->network.parameter_count;
    for (size_t p = all * thread / threads; p < all * (thread + 1) / threads; p++)
        t->squares[p] = t->model->network.kernels->squares(t->gradient + p * PIECE,
                                                           p + 1 < all ? PIECE : count - p * PIECE);
}

/* Averages and transposes the rows of each tensor that are this thread's. */
static void finish_part(void *self, size_t thread, size_t threads)
{
    const df_training *t = self;
    df_model *model = t->model;
    const df_network *network = &model->network;
    for (size_t i = 0; i < network->tensor_count; i++) {
        const size_t first = df_tensor_part(&network->tensors[i], thread, threads);
        const size_t count = df_tensor_part(&network->tensors[i], thread + 1, threads) - first;
        df_ema_step(model->average + first, model->raw + first, count, model->step + 1, model->config.ema_decay,
                    network->kernels);
    }
    df_weights_refresh_part(network, &t->weights, thread, threads);
}

/* Updates the same rows. */
static void update_part(void *self, size_t thread, size_t threads)
{
    const df_training *t = self;
    df_model *model = t->model;
    const df_config *c = &model->config;
    const df_adam adam = {c->beta1, c->beta2, c->adam_epsilon, c->weight_decay};
    for (size_t i = 0; i < model->network.tensor_count; i++) {
        const size_t first = df_tensor_part(&model->network.tensors[i], thread, threads);
        const size_t count = df_tensor_part(&model->network.tensors[i], thread + 1, threads) - first;
        df_adam_step(&adam, model->raw + first, model->m + first, model->v + first, t->gradient + first, count,
                     df_clip_scale(t->gradient_norm, c->clip), model->step + 1, t->rate, model->network.kernels);
    }
    if (!model->objective->after) finish_part(self, thread, threads);
}

df_status df_training_step(df_training *t, df_error *error)
{
    df_model *model = t->model;
    const df_config *c = &model->config;
    const uint64_t step = model->step + 1;

    t->loss = df_learning_step(&t->learning, &t->weights, step, t->gradient);
    df_team_run(t->team, square_part, t);
    t->gradient_norm = sqrt(df_sum(t->squares, pieces(model)));
    t->rate = rate_at(c, step);
    if (!(t->loss < LOSS_MOST) || !(t->gradient_norm < HUGE_VAL))
        return df_fail(error, DF_DIVERGED,
                       "training diverged at step %llu: loss %g, gradient norm %g, learning rate %g\n"
                       "  try a smaller --lr, such as %g", (unsigned long long)step, t->loss, t->gradient_norm,
                       t->rate, c->lr / 10);
    df_team_run(t->team, update_part, t);
    if (model->objective->after) {
        model->objective->after(&t->learning, model->raw, step);
        df_team_run(t->team, finish_part, t);
    }
    model->step = step;
    model->loss_sum += t->loss;
    return DF_OK;
}

double df_training_mean_loss(df_training *t)
{
    df_model *model = t->model;
    const uint64_t rest = model->step % model->config.log_every;
    const double mean = model->loss_sum / (double)(rest ? rest : model->config.log_every);
    model->loss_sum = 0;
    return mean;
}

double df_training_held_out(df_training *t)
{
    df_model_refresh(t->model);
    return df_learning_evaluate(&t->learning, &t->model->denoiser.weights, t->held_out, t->held_out_rows);
}
