/* model.c -- configuration, schedule, network and weights, put together. */
#include "diffuse/model.h"

enum { PARAMETERS_MOST = 1 << 24 };

void df_model_list_settings(df_model_settings *s, df_model *model)
{
    static const df_option none[] = {{0}};
    const df_objective *objective = model->objective;
    s->config = (df_settings){.title = "Training", .table = df_config_options, .values = &model->config};
    s->schedule = (df_settings){.title = "Schedule", .table = df_schedule_options, .values = &model->config.schedule};
    s->network = (df_settings){.title = "Network", .table = df_network_options, .values = &model->config.network};
    s->objective = (df_settings){.title = objective->name, .table = objective->options ? objective->options : none,
                                 .values = model->objective_options};
    s->list[0] = &s->config;
    s->list[1] = &s->schedule;
    s->list[2] = &s->network;
    s->list[3] = &s->objective;
    s->list[4] = NULL;
}

df_status df_model_default_settings(df_model_settings *s, const df_objective *objective, df_arena *arena,
                                    df_error *error)
{
    for (df_settings *const *one = s->list; *one; one++) df_settings_defaults(*one);
    if (!objective->settings) return DF_OK;
    DF_TRY(df_settings_apply(s->list, objective->settings, arena, error));
    for (df_settings *const *one = s->list; *one; one++) (*one)->given = 0; /* only what is typed counts as given */
    return DF_OK;
}

/* Refuses combinations that cannot be trained or sampled, before anything is allocated for them. */
static df_status check(const df_model *model, df_error *error)
{
    const df_config *c = &model->config;
    if (c->schedule.zero_terminal_snr && (c->prediction == DF_PREDICT_EPS || c->prediction == DF_PREDICT_SCORE))
        return df_fail(error, DF_USAGE,
                       "--zero-terminal-snr cannot go with --prediction-type %s: pure noise says nothing "
                       "about x0\n  try --prediction-type v",
                       c->prediction == DF_PREDICT_EPS ? "eps" : "score");
    const df_network_config *n = &c->network;
    if (n->point_features == DF_POINTS_SINUSOIDAL && n->point_waves == 0)
        return df_fail(error, DF_USAGE,
                       "--point-features sinusoidal with --point-waves 0 hides the points from the network");
    if (n->level_features == DF_LEVEL_SINUSOIDAL && n->level_waves == 0)
        return df_fail(error, DF_USAGE,
                       "--level-features sinusoidal with --level-waves 0 hides the level from the network");
    const uint64_t inputs = 2 * (model->dim * c->network.point_waves + c->network.level_waves) + model->dim + 1;
    if (inputs * c->network.hidden + c->network.layers * c->network.hidden * c->network.hidden > PARAMETERS_MOST)
        return df_fail(error, DF_LIMIT, "--hidden %llu with --layers %llu is more than %d weights",
                       (unsigned long long)c->network.hidden, (unsigned long long)c->network.layers, PARAMETERS_MOST);
    return DF_OK;
}

df_status df_model_plan(df_model *model, df_arena *arena, df_error *error)
{
    DF_TRY(check(model, error));
    DF_TRY(df_schedule_init(&model->schedule, &model->config.schedule, arena, error));
    model->config.network.dim = model->dim;
    model->config.network.outputs_each = model->objective->outputs_each;
    model->config.network.absent = model->objective->brings_network;
    DF_TRY(df_network_init(&model->network, &model->config.network, model->config.seed, arena, error));
    const df_objective *objective = model->objective;
    if (objective->extend) objective->extend(&model->network, model->objective_options, &model->schedule);
    if (objective->state_size)
        model->state_size = objective->state_size(&model->network, model->objective_options, &model->schedule);
    return DF_OK;
}

df_status df_model_reserve(df_model *model, df_arena *arena, df_error *error)
{
    const df_objective *objective = model->objective;
    const size_t count = model->network.parameter_count;
    if (count > PARAMETERS_MOST)
        return df_fail(error, DF_LIMIT, "method %s would have %zu weights here, more than %d", objective->name, count,
                       PARAMETERS_MOST);
    if (objective->state_size) DF_NEW(arena, model->state, model->state_size, error);
    DF_NEW(arena, model->average, count, error);
    DF_NEW(arena, model->raw, count, error);
    model->denoiser = (df_network_denoiser){
        .network = &model->network, .prediction = (df_prediction)model->config.prediction,
        .label = (df_label)model->config.label, .schedule = &model->schedule, .options = model->objective_options,
        .coupled = objective->coupled && objective->coupled(model->objective_options),
        .weights = {.parameters = model->average}};
    DF_NEW(arena, model->denoiser.weights.transposed, count, error);
    return DF_OK;
}

df_status df_model_build(df_model *model, df_arena *arena, df_error *error)
{
    DF_TRY(df_model_plan(model, arena, error));
    return df_model_reserve(model, arena, error);
}

void df_model_refresh(df_model *model)
{
    const df_objective *objective = model->objective;
    df_weights_refresh(&model->network, &model->denoiser.weights);
    if (objective->reschedule)
        objective->reschedule(&model->schedule, &model->network, model->average, model->objective_options);
}

df_denoiser df_model_denoiser(const df_model *model)
{
    const df_objective *objective = model->objective;
    return (objective->denoiser ? objective->denoiser : df_denoiser_of_network)(&model->denoiser);
}
