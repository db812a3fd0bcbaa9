/* cmd_ema.c -- `diffuse ema`: another average of a trained model's parameters. */
#include "cli.h"

typedef struct options {
    double width;
} options;

static const df_option table[] = {
    {.name = "width", .letter = 'w', .kind = DF_NUMBER, .offset = offsetof(options, width), .value = "0.075",
     .low = 0.001, .high = 0.28, .shown = "W", .also = "sigma-rel ema-width",
     .help = "standard deviation of the times that are averaged, relative to the training"},
    {0}};

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static df_model model;
    options own;
    output_options out;
    const char *path;
    df_settings own_settings = {.table = table, .values = &own}, output = {.table = output_table, .values = &out};
    df_settings *const list[] = {&own_settings, &output, NULL};
    DF_TRY(parse(list, typed, &path, 1, "MODEL", arena, error));
    if (!out.output) return df_fail(error, DF_USAGE, "-o is missing: where the model goes, such as -o new.safetensors");
    DF_TRY(df_output_check(out.output, out.overwrite, error));
    DF_TRY(df_model_load(&model, arena, path, error));
    if (!model.objective->average || !model.step)
        return df_fail(error, DF_USAGE, "%s has kept no averages to choose from\n  train with --method edm2", path);
    const df_learning learning = {.network = &model.network, .options = model.objective_options,
                                  .state = model.state};
    DF_TRY(model.objective->average(model.average, &learning, model.step, own.width, arena, error));
    DF_TRY(df_model_save(&model, out.output, true, model.m != NULL, error));
    say(&out, "wrote %s: an average of width %g\n", out.output, own.width);
    return DF_OK;
}

static const section sections[] = {{"Options", table}, {"Output", output_table}, {0}};

const command command_ema = {
    .name = "ema", .about = "average a trained model's parameters over another length of its training",
    .usage = "MODEL -o MODEL [options]",
    .examples = "  diffuse train swissroll --method edm2 -o roll.safetensors\n"
                "  diffuse ema roll.safetensors --width 0.15 -o smooth.safetensors\n",
    .sections = sections, .run = run};
