/* watch.c -- a model's samples in the terminal while it is trained, drawn over and over in the same place. */
#include "cli.h"

#include "diffuse/draw.h"

#include <stdio.h>

/* From the same starts each time, so that points move as the model learns. */
enum { POINTS = 1000, STEPS = 8 };

struct watch {
    df_model *model;
    df_denoiser denoiser;
    sampler_choice choice;
    df_sampling sampling;
    df_field window; /* 2.5 standard deviations around the mean of the data */
    double *x, *points;
    size_t lines;    /* of the picture on the screen */
    size_t width, height;
};

df_status watch_open(watch **opened, df_model *model, df_arena *arena, df_error *error)
{
    df_grid_config grid;
    df_settings settings = {.table = grid_table, .values = &grid};
    df_level *levels;
    watch *w;
    if (model->dim < 2) return df_fail(error, DF_USAGE, "--watch draws points in two columns, and these have one");
    DF_NEW(arena, w, 1, error);
    DF_NEW(arena, w->x, POINTS * model->dim, error);
    DF_NEW(arena, w->points, POINTS * 2, error);
    w->model = model;
    df_model_refresh(model);
    w->denoiser = df_model_denoiser(model);
    DF_TRY(choose_sampler(&w->choice, (words){NULL, 0}, "ddim", error));
    df_settings_defaults(&w->choice.settings);
    df_settings_defaults(&settings);
    grid.steps = STEPS;
    DF_TRY(make_grid(&levels, &settings, &grid, w->choice.sampler, STEPS, &model->schedule, arena, error));
    w->sampling = (df_sampling){.denoiser = &w->denoiser, .sampler = w->choice.sampler, .options = w->choice.options,
                                .levels = levels, .steps = STEPS, .seed = model->config.seed};
    DF_TRY(df_sampling_init(&w->sampling, arena, error));
    const df_transform *t = &model->transform;
    w->window = (df_field){.left = t->mean[0] - 2.5 * t->scale[0], .right = t->mean[0] + 2.5 * t->scale[0],
                           .bottom = t->mean[1] - 2.5 * t->scale[1], .top = t->mean[1] + 2.5 * t->scale[1]};
    *opened = w;
    return DF_OK;
}

static df_status draw(df_text *text, watch *w, df_arena *arena, df_error *error)
{
    const size_t dim = w->model->dim;
    df_model_refresh(w->model);
    df_sampling_start(&w->sampling, 0, POINTS, w->x);
    DF_TRY(df_sampling_run(&w->sampling, 0, POINTS, w->x, error));
    df_transform_undo(&w->model->transform, w->x, POINTS);
    for (size_t r = 0; r < POINTS; r++)
        for (size_t i = 0; i < 2; i++) w->points[2 * r + i] = w->x[r * dim + i];
    const df_panel panel = {.caption = "samples", .field = &w->window, .points = w->points, .count = POINTS};
    const df_figure figure = {.panels = &panel, .rows = 1, .columns = 1};
    return df_draw_terminal(text, &figure, w->width, w->height, arena, error);
}

/* Back to the first line of the last picture, unless the terminal is no longer what it was. Each line clears what
 * was behind it. The cursor always ends below the picture, and no mode of the terminal changes: there is nothing
 * to restore, however the program ends. */
static void put(watch *w, const df_text *picture)
{
    df_text out = {0};
    df_text_add(&out, "\r");
    if (w->lines) df_text_add(&out, "\033[%zuA", w->lines);
    w->lines = 0;
    for (size_t i = 0; i < picture->size; i++) {
        if (picture->bytes[i] == '\n') {
            df_text_add(&out, "\033[K");
            w->lines++;
        }
        df_text_add_bytes(&out, picture->bytes + i, 1);
    }
    df_text_add(&out, "\033[K");
    if (!out.failed) fwrite(out.bytes, 1, out.size, stderr);
    df_text_free(&out);
}

/* A picture that cannot be drawn now, for the samples are not finite yet, is left out. */
void watch_show(watch *w)
{
    size_t width, height;
    df_arena arena = {0};
    df_text picture = {0};
    df_error ignored;
    terminal_size(&width, &height);
    if (width != w->width || height - 2 != w->height) w->lines = 0;
    w->width = width;
    w->height = height - 2;
    if (draw(&picture, w, &arena, &ignored) == DF_OK) put(w, &picture);
    df_text_free(&picture);
    df_arena_free(&arena);
}
