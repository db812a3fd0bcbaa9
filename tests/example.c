/* example.c -- the library in C: points of a swiss roll from noise, by DDIM with the exact denoiser. */
#include "diffuse/paper.h"
#include "diffuse/subject.h"

#include <stdio.h>

enum { POINTS = 5, STEPS = 20 };

static df_status sample(double x[POINTS * 2], df_arena *arena, df_error *error)
{
    df_schedule_config config;
    df_settings schedule = {.table = df_schedule_options, .values = &config};
    df_settings_defaults(&schedule);

    df_subject roll; /* "exact:SHAPE", or the path of a model */
    DF_TRY(df_subject_load(&roll, arena, "exact:swissroll", &config, error));

    df_level levels[STEPS + 1];
    const df_grid_config grid = {.steps = STEPS, .sigma_min = 0.01, .sigma_max = 20, .rho = 7};
    DF_TRY(df_grid_init(levels, &grid, &roll.schedule, error));

    const df_sampler *ddim = df_find_sampler("ddim", NULL);
    _Alignas(double) char options[DF_SAMPLER_OPTIONS];
    df_settings settings = {.table = ddim->options, .values = options};
    df_settings_defaults(&settings);

    df_sampling sampling = {.denoiser = &roll.denoiser, .sampler = ddim, .options = options, .levels = levels,
                            .steps = STEPS, .seed = 1};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    df_sampling_start(&sampling, 0, POINTS, x);
    DF_TRY(df_sampling_run(&sampling, 0, POINTS, x, error));
    df_transform_undo(&roll.transform, x, POINTS);
    return DF_OK;
}

int main(void)
{
    df_arena arena = {0};
    df_error error;
    double x[POINTS * 2];
    const df_status status = sample(x, &arena, &error);
    if (status == DF_OK)
        for (int i = 0; i < POINTS; i++) printf("%.9g,%.9g\n", x[2 * i], x[2 * i + 1]);
    else
        fprintf(stderr, "%s\n", error.message);
    df_arena_free(&arena);
    return (int)status;
}
