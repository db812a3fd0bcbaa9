/* paper_dpm2015.c -- the bounds of trained chains of forty steps: `paper_dpm2015 PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/measure.h"
#include "diffuse/model.h"
#include "diffuse/subject.h"

#include <math.h>

enum { N = 20000 };

/* The bound on -ln p of fresh points of the roll, less their -ln p: what the chain loses, in bits a point. */
typedef struct gap {
    double bits, error;
} gap;

static gap gap_of(const char *options)
{
    static df_subject subject, exact;
    df_schedule_config none = {.timesteps = 2, .beta_schedule = DF_BETA_COSINE, .shift = 1};
    df_reference roll;
    df_error error;
    gap g = {(double)NAN, (double)NAN};
    char file[1000];
    type("$D train swissroll -q -f --method dpm2015 %s -o model.safetensors", options);
    snprintf(file, sizeof file, "%s/model.safetensors", paper_folder);
    CHECK(df_subject_load(&subject, &paper_arena, file, &none, &error) == DF_OK);
    CHECK(df_subject_load(&exact, &paper_arena, "exact:swissroll", &none, &error) == DF_OK);
    CHECK(df_reference_load(&roll, &paper_arena, "swissroll", -1, 5, &error) == DF_OK);

    const size_t steps = subject.schedule.steps;
    const df_sampler *ddpm = df_find_sampler("ddpm", NULL);
    double prior, *x, *terms, *total;
    df_level *levels;
    void *values;
    x = df_alloc(&paper_arena, 2 * N, sizeof *x, &error);
    terms = df_alloc(&paper_arena, steps, sizeof *terms, &error);
    total = df_alloc(&paper_arena, N, sizeof *total, &error);
    levels = df_alloc(&paper_arena, steps + 1, sizeof *levels, &error);
    values = df_alloc(&paper_arena, 1, DF_SAMPLER_OPTIONS, &error);
    CHECK(x && terms && total && levels && values);
    df_settings settings = {.table = ddpm->options, .values = values}, *list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, "variance-type=learned", &paper_arena, &error) == DF_OK);
    for (size_t i = 0; i <= steps; i++) levels[i] = subject.schedule.levels[steps - i];

    df_reference_points(&roll, 0, N, x);
    for (size_t r = 0; r < N; r++) total[r] = df_mixture_log_density(&roll.mixture, 1, 0, x + 2 * r);
    double *truth = df_alloc(&paper_arena, N, sizeof *truth, &error);
    CHECK(truth != NULL);
    memcpy(truth, total, N * sizeof *truth);
    df_transform_apply(&subject.transform, x, N);
    const df_bound bound = {.denoiser = &subject.denoiser, .sampler = ddpm, .options = values, .levels = levels,
                            .steps = steps, .seed = 1};
    CHECK(df_bound_terms(&bound, &prior, terms, total, x, N, &paper_arena, &error) == DF_OK);
    for (size_t r = 0; r < N; r++) total[r] = (total[r] + df_log_volume(&subject.transform) + truth[r]) / log(2);
    df_mean_error(&g.bits, &g.error, total, N);
    return g;
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    const char *key = "dpm2015";
    const gap learned = gap_of(""), linear = gap_of("--betas fixed"),
              harmonic = gap_of("--betas fixed --beta-schedule harmonic");
    claim(key, "bound of 40 learned steps, 64 centres, less the entropy, bits", "0 to 0.35",
          text("%.3f +- %.3f", learned.bits, learned.error),
          learned.bits >= -3 * learned.error && learned.bits <= 0.35);
    claim(key, "learned forward process less the best fixed one, bits", "<= 0.05",
          text("%.3f", learned.bits - linear.bits), learned.bits - linear.bits <= 0.05);
    claim(key, "equal losses of signal less the learned forward process, bits", ">= 0.4",
          text("%.3f", harmonic.bits - learned.bits), harmonic.bits - learned.bits >= 0.4);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
