/* test_together.c -- every sampler on models of every method, whatever they predict: it runs, or says why not.
 *
 * What may not go together is stated here and not read from the samplers: eps and score have no meaning where there is
 * no signal, and some walks cannot begin there; what adds noise needs a model whose noise was independent of its data;
 * a learned variance must be learned.
 */
#include "check.h"

#include "diffuse/model.h"

#include <stdlib.h>

enum { LINES_MOST = 32, LINE = 120, STEPS = 5, ROWS = 8 };

static df_error error;
static int ran, refused;

/* The defaults, and every other value of every choice and flag of a table. */
static size_t list_settings(char lines[LINES_MOST][LINE], const df_option *table)
{
    size_t count = 1;
    lines[0][0] = 0;
    for (const df_option *o = table; o && o->name; o++) {
        if (o->kind == DF_FLAG && count < LINES_MOST) snprintf(lines[count++], LINE, "%s=yes", o->name);
        for (const char *const *c = o->choices; o->kind == DF_CHOICE && *c && count < LINES_MOST; c++)
            if (!o->value || strcmp(*c, o->value) != 0) snprintf(lines[count++], LINE, "%s=%s", o->name, *c);
    }
    CHECK(count < LINES_MOST);
    return count;
}

/* ---- models ---- */

static const char small[] = "data=moons points=64 scale=common holdout=0 timesteps=100 hidden=4 layers=1 point-waves=1 "
                            "level-waves=1 batch-size=8 train-steps=4 warmup=0";

static df_status learn(df_model *model, const df_objective *objective, const char *options, const char *more,
                       df_arena *arena)
{
    df_model_settings settings;
    df_training training;
    df_data data;
    *model = (df_model){.objective = objective};
    df_model_list_settings(&settings, model);
    DF_TRY(df_model_default_settings(&settings, objective, arena, &error));
    DF_TRY(df_settings_apply(settings.list, small, arena, &error));
    DF_TRY(df_settings_apply(settings.list, options, arena, &error));
    DF_TRY(df_settings_apply(settings.list, more, arena, &error));
    CHECK(df_data_load(&data, arena, "moons", NULL, 64, -1, 0, &error) == DF_OK);
    model->dim = data.dim;
    model->names = data.names;
    DF_TRY(df_transform_fit(&model->transform, arena, &data, model->config.scaling, &error));
    DF_TRY(df_model_build(model, arena, &error));
    DF_TRY(df_training_init(&training, model, &data, NULL, arena, &error));
    while (model->step < 4) DF_TRY(df_training_step(&training, &error));
    df_model_refresh(model);
    return DF_OK;
}

/* ---- one model and one sampler ---- */

static bool adds_noise(const df_sampler *sampler, const char *options)
{
    return !(sampler->order > 0) || strstr(options, "eta=1") || strstr(options, "sigma-hat=yes");
}

/* Why the pair must be refused: a word of the message; NULL: it must run. */
static const char *obstacle(const df_denoiser *denoiser, const df_sampler *sampler, const char *options,
                            const void *values)
{
    const bool learned = sampler->needs_variance && sampler->needs_variance(values);
    if (!denoiser->independent && adds_noise(sampler, options)) return "coupled";
    if (learned && !denoiser->knows_variance) return "variance";
    if (strcmp(options, "factor=start") == 0) return "observed"; /* for which there is nothing here to observe */
    return NULL;
}

/* As `sample` lays it, within what the model knows; where it ends in pure noise, from there. */
static df_grid_config grid_of(const df_schedule *schedule)
{
    const df_level least = schedule->levels[1], most = schedule->levels[schedule->steps];
    if (!(most.alpha > 0)) return (df_grid_config){.steps = STEPS, .spacing = DF_SPACING_TRAILING};
    return (df_grid_config){.steps = STEPS, .spacing = DF_SPACING_KARRAS, .rho = 7,
                            .sigma_min = fmax(least.sigma / least.alpha, 0.01),
                            .sigma_max = fmin(most.sigma / most.alpha, 20)};
}

static void check_pair(const df_model *model, const df_sampler *sampler, const char *assignments, df_arena *arena)
{
    _Alignas(max_align_t) char options[DF_SAMPLER_OPTIONS] = {0};
    double x[2 * ROWS];
    df_level levels[STEPS + 1];
    const df_grid_config grid = grid_of(&model->schedule);
    const df_denoiser denoiser = df_model_denoiser(model);
    df_settings settings = {.table = sampler->options, .values = options};
    df_settings *const list[] = {&settings, NULL};
    if (sampler->options) {
        df_settings_defaults(&settings);
        CHECK(df_settings_apply(list, assignments, arena, &error) == DF_OK);
    }
    CHECK(df_grid_init(levels, &grid, &model->schedule, &error) == DF_OK);
    df_sampling sampling = {.denoiser = &denoiser, .sampler = sampler, .options = options, .levels = levels,
                            .steps = STEPS};
    const df_status status = df_sampling_init(&sampling, arena, &error);
    const char *reason = obstacle(&denoiser, sampler, assignments, options);
    if (reason || (status == DF_USAGE && !(levels[0].alpha > 0))) {
        CHECK(status == DF_USAGE && strstr(error.message, reason ? reason : "pure noise") != NULL);
        refused++;
        return;
    }
    CHECK(status == DF_OK);
    if (status != DF_OK) return;
    df_sampling_start(&sampling, 0, ROWS, x);
    CHECK(df_sampling_run(&sampling, 0, ROWS, x, &error) == DF_OK);
    ran++;
}

static void check_samplers(const df_model *model)
{
    for (const df_paper *const *p = df_papers; *p; p++)
        for (const df_sampler *const *s = (*p)->samplers; s && *s; s++) {
            char lines[LINES_MOST][LINE];
            size_t count = list_settings(lines, (*s)->options);
            for (const df_option *o = (*s)->options; o && o->name; o++)
                if (strcmp(o->name, "eta") == 0) snprintf(lines[count++], LINE, "eta=1");
            for (size_t i = 0; i < count; i++) {
                const int failed = checks_failed;
                df_arena arena = {0};
                error.message[0] = 0;
                check_pair(model, *s, lines[i], &arena);
                df_arena_free(&arena);
                if (checks_failed > failed)
                    fprintf(stderr, "  sampler %s %s: %s\n", (*s)->name, lines[i], error.message);
            }
        }
}

/* ---- every method ---- */

/* With one prediction, on the method's own schedule or on one that ends in pure noise. */
static void check_method(const df_objective *objective, const char *options, const char *prediction, bool zero_snr)
{
    char more[LINE];
    df_model model;
    df_arena arena = {0};
    const bool unasked = zero_snr && (!strcmp(prediction, "eps") || !strcmp(prediction, "score"));
    const int failed = checks_failed;
    snprintf(more, sizeof more, "prediction-type=%s%s", prediction,
             zero_snr ? " zero-terminal-snr=yes beta-schedule=cosine" : "");
    error.message[0] = 0;
    const df_status status = learn(&model, objective, options, more, &arena);
    if (status == DF_OK && !unasked) check_samplers(&model);
    else CHECK(status == DF_USAGE && error.message[0]);
    if (unasked) CHECK(strstr(error.message, "--zero-terminal-snr cannot go with --prediction-type") != NULL);
    refused += status != DF_OK;
    if (checks_failed > failed)
        fprintf(stderr, "  method %s %s %s: %s\n", objective->name, options, more, error.message);
    df_arena_free(&arena);
}

int main(void)
{
    static const char *const predictions[] = {"eps", "x0", "v", "score", "velocity"};
    for (const df_paper *const *p = df_papers; *p; p++)
        for (const df_objective *const *o = (*p)->objectives; o && *o; o++) {
            char lines[LINES_MOST][LINE];
            const size_t count = list_settings(lines, (*o)->options);
            const int before = ran;
            for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < 5; k++)
                    for (int zero_snr = 0; zero_snr < 2; zero_snr++)
                        check_method(*o, lines[i], predictions[k], zero_snr);
            CHECK(ran > before);
        }
    printf("%d pairs ran, %d were refused\n", ran, refused);
    CHECK(refused > 100);
    return CHECK_DONE();
}
