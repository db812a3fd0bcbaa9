/* sample.c -- the driver: each thread takes a block of rows through the whole grid, then the next block. */
#include "diffuse/sampler.h"

#include "diffuse/conditions.h"
#include "diffuse/random.h"

#include <math.h>

void df_walk_denoise(df_walk *walk, df_level level)
{
    df_walk_denoise_to(walk, level, NULL);
}

void df_walk_denoise_to(df_walk *walk, df_level level, const df_level *to)
{
    const df_question question = {.n = walk->n, .x = walk->x, .level = &level, .to = to};
    const df_answer answer = {.x0 = walk->x0, .eps = walk->eps, .log_variance = to ? walk->log_variance : NULL};
    walk->denoiser->answer(walk->denoiser->self, &question, &answer, walk->scratch);
    walk->calls += walk->n;
}

void df_walk_noise(df_walk *walk, size_t step)
{
    df_normal_rows(walk->z, walk->n, walk->dim, (df_place){.seed = walk->seed, .index = walk->first,
                   .step = (uint32_t)step, .purpose = DF_FOR_STEP});
}

/* Clean data is never asked about: a walk ends or begins there. */
static df_status check_levels(const df_sampling *s, df_error *error)
{
    const df_level least = s->denoiser->least, most = s->denoiser->most;
    const double rounding = 1 + 1e-9;
    for (size_t i = 0; i <= s->steps; i++) {
        const df_level level = s->levels[i];
        if (level.sigma <= 0) continue;
        if (level.sigma * most.alpha > most.sigma * level.alpha * rounding ||
            level.sigma * least.alpha * rounding < least.sigma * level.alpha)
            return df_fail(error, DF_USAGE,
                           "level %zu of the grid, sigma/alpha %g, is outside of what the denoiser knows, %g to %g", i,
                           level.sigma / level.alpha, least.sigma / least.alpha, most.sigma / most.alpha);
    }
    return DF_OK;
}

df_status df_sampling_check(const df_sampling *s, df_error *error)
{
    if (s->sampler->options && !s->options)
        return df_fail(error, DF_USAGE, "sampler %s has options, and this sampling none\n"
                       "  fill in their defaults with df_settings_defaults", s->sampler->name);
    const bool noisy = s->sampler->adds_noise && s->sampler->adds_noise(s->options);
    if ((s->sampler->needs_independent || noisy) && !s->denoiser->independent)
        return df_fail(error, DF_USAGE,
                       "sampler %s%s needs a model whose noise and data were independent in training;\n"
                       "  those of this one were coupled", s->sampler->name,
                       s->sampler->needs_independent ? "" : " with noise");
    if (s->sampler->needs_variance && s->sampler->needs_variance(s->options) && !s->denoiser->knows_variance)
        return df_fail(error, DF_USAGE,
                       "the learned variance that is asked for is not in this model\n"
                       "  try one trained with --method iddpm, or another --variance-type");
    if (s->sampler->needs_signal && s->sampler->needs_signal(s->options) && s->levels[0].alpha <= 0)
        return df_fail(error, DF_USAGE,
                       "sampler %s with these options cannot start from pure noise, where sigma/alpha is infinite\n"
                       "  try --timestep-spacing karras",
                       s->sampler->name);
    DF_TRY(df_check_arithmetic(error));
    if (s->sampler->check) DF_TRY(s->sampler->check(s->options, s->denoiser->dim, error));
    return check_levels(s, error);
}

static df_status walk_init(df_walk *walk, const df_sampling *s, df_arena *arena, df_error *error)
{
    const df_denoiser *denoiser = s->denoiser;
    const size_t size = DF_ROWS * denoiser->dim;
    double **memory;
    *walk = (df_walk){.denoiser = denoiser, .levels = s->levels, .steps = s->steps, .options = s->options,
                      .dim = denoiser->dim, .seed = s->seed, .hook = s->hook, .hook_self = s->hook_self};
    DF_NEW(arena, walk->x0, size, error);
    DF_NEW(arena, walk->eps, size, error);
    DF_NEW(arena, walk->z, size, error);
    DF_NEW(arena, walk->log_variance, size, error);
    DF_NEW(arena, memory, DF_SAMPLER_MEMORY, error);
    for (size_t k = 0; k < s->sampler->memory; k++) DF_NEW(arena, memory[k], size, error);
    walk->memory = memory;
    walk->scratch = denoiser->scratch(denoiser->self, arena, error);
    return walk->scratch ? DF_OK : DF_LIMIT;
}

static df_status fly_pilots(df_sampling *s, df_arena *arena, df_error *error)
{
    double *pilot, *x;
    DF_NEW(arena, pilot, s->steps + 1, error);
    DF_NEW(arena, x, DF_PILOT_ROWS * s->denoiser->dim, error);
    df_normal_rows(x, DF_PILOT_ROWS, s->denoiser->dim, (df_place){.seed = s->seed, .purpose = DF_FOR_PILOT});
    s->sampler->pilot(pilot, s->walks, x);
    s->walks[0].calls = 0;
    for (size_t k = 0; k < df_team_count(s->team); k++) s->walks[k].pilot = pilot;
    return DF_OK;
}

df_status df_sampling_init(df_sampling *s, df_arena *arena, df_error *error)
{
    DF_TRY(df_sampling_check(s, error));
    DF_NEW(arena, s->walks, df_team_count(s->team), error);
    for (size_t k = 0; k < df_team_count(s->team); k++) DF_TRY(walk_init(&s->walks[k], s, arena, error));
    return s->sampler->pilot ? fly_pilots(s, arena, error) : DF_OK;
}

void df_sampling_start(const df_sampling *s, uint64_t first, size_t n, double *x)
{
    const df_level level = s->levels[0];
    const double spread = sqrt(level.alpha * level.alpha + level.sigma * level.sigma);
    df_normal_rows(x, n, s->denoiser->dim, (df_place){.seed = s->seed, .index = first, .purpose = DF_FOR_START});
    for (size_t i = 0; i < n * s->denoiser->dim; i++) x[i] *= spread;
}

/* The number of the first row with a coordinate that is not finite, or n. */
static size_t lost_row(const df_walk *walk)
{
    for (size_t i = 0; i < walk->n * walk->dim; i++)
        if (!(fabs(walk->x[i]) < HUGE_VAL)) return i / walk->dim;
    return walk->n;
}

typedef struct run {
    const df_sampling *sampling;
    uint64_t first;
    size_t n;
    double *x;
} run;

/* A thread that has lost a row goes no further: the blocks it would take come after that one. */
static void run_block(void *self, size_t thread, size_t block)
{
    const run *r = self;
    df_walk *walk = &r->sampling->walks[thread];
    const size_t done = block * DF_ROWS;
    if (walk->lost_at) return;
    walk->n = r->n - done < DF_ROWS ? r->n - done : DF_ROWS;
    walk->first = r->first + done;
    walk->x = r->x + done * walk->dim;
    if (walk->hook) walk->hook(walk, 0, walk->hook_self);
    for (size_t i = 0; i < walk->steps && !walk->lost_at; i++) {
        r->sampling->sampler->step(walk, i);
        if (lost_row(walk) < walk->n) walk->lost_at = i + 1;
        else if (walk->hook) walk->hook(walk, i + 1, walk->hook_self);
    }
}

df_status df_sampling_run(df_sampling *s, uint64_t first, size_t n, double *x, df_error *error)
{
    run r = {s, first, n, x};
    const df_walk *lost = NULL;
    for (size_t k = 0; k < df_team_count(s->team); k++) s->walks[k].lost_at = 0;
    df_team_each(s->team, (n + DF_ROWS - 1) / DF_ROWS, run_block, &r);
    for (size_t k = 0; k < df_team_count(s->team); k++)
        if (s->walks[k].lost_at && (!lost || s->walks[k].first < lost->first)) lost = &s->walks[k];
    if (!lost) return DF_OK;
    return df_fail(error, DF_DIVERGED, "sample %llu is no longer finite after step %zu of %zu",
                   (unsigned long long)lost->first + lost_row(lost), lost->lost_at, lost->steps);
}

uint64_t df_sampling_calls(const df_sampling *s)
{
    uint64_t calls = 0;
    for (size_t k = 0; k < df_team_count(s->team); k++) calls += s->walks[k].calls;
    return calls;
}
