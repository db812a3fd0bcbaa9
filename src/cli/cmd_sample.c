/* cmd_sample.c -- `diffuse sample`: from a model to points, in constant memory. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 50 };

typedef struct options {
    uint64_t points, seed, frames;
    const char *sampler;
    bool trajectory, print_steps;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "1000", .low = 1, .high = 1e15,
     .shown = "N", .also = "samples num-samples n-samples",
     .help = "how many"},
    {.name = "sampler", .kind = DF_WORD, AT(sampler), .value = "ddim", .shown = "NAME",
     .also = "sampling-method scheduler solver",
     .help = "`diffuse list samplers` has them all"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S", .help = "decides every random number"},
    {.name = "trajectory", .kind = DF_FLAG, AT(trajectory), .also = "traj",
     .help = "write the way of every point, with columns frame,t,i before the points"},
    {.name = "frames", .kind = DF_COUNT, AT(frames), .value = "51", .low = 2, .high = 10000, .shown = "K",
     .help = "frames of a trajectory; more of them than steps mean more steps, unless --steps is given"},
    {.name = "print-steps", .kind = DF_FLAG, AT(print_steps),
     .help = "show the levels that would be visited, and stop"},
    {0}};
#undef AT

typedef struct request {
    options own;
    slice_options typed_slice;
    slice chosen;
    output_options out;
    df_grid_config grid;
    sampler_choice choice;
    df_settings grid_settings;
    df_schedule_config schedule;
    df_subject subject;
    df_team *team;
    df_sampling sampling;
} request;

static df_status print_steps(const request *q, df_error *error)
{
    const df_schedule *schedule = &q->subject.schedule;
    df_output out;
    DF_TRY(df_output_open(&out, q->out.output ? q->out.output : "-", q->out.overwrite, error));
    df_output_print(&out, "step,t,alpha,sigma,sigma_over_alpha\n");
    for (size_t i = 0; i <= q->sampling.steps; i++) {
        const df_level l = q->sampling.levels[i];
        df_output_print(&out, "%zu,%.9g,%.9g,%.9g,", i, df_schedule_step(schedule, l), l.alpha, l.sigma);
        if (l.alpha > 0) df_output_print(&out, "%.9g", l.sigma / l.alpha); /* pure noise: left empty */
        df_output_add(&out, "\n", 1);
    }
    return df_output_close(&out, error);
}

/* ---- trajectories: frame by frame, so they are kept whole ---- */

static df_status write_film(df_table_writer *writer, const film *f, const request *q, double *row, df_error *error)
{
    for (size_t frame = 0; frame < f->frames; frame++) {
        const df_level level = q->sampling.levels[film_step(f, frame)];
        double *x = f->x + frame * f->points * f->dim;
        df_transform_undo(&q->subject.transform, x, f->points);
        for (uint64_t i = 0; i < f->points; i++) {
            row[0] = (double)frame;
            row[1] = df_schedule_step(&q->subject.schedule, level) / (double)q->subject.schedule.steps;
            row[2] = (double)i;
            /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a film has frames */
            memcpy(row + 3, x + i * f->dim, f->dim * sizeof *x);
            DF_TRY(df_table_write(writer, row, 1, error));
        }
    }
    return DF_OK;
}

/* ---- points: chunk by chunk ---- */

enum { NUMBERS = 1 << 15 }; /* of a chunk: blocks enough to keep many threads busy */

static size_t chunk_rows(size_t dim)
{
    return dim < NUMBERS / DF_ROWS ? NUMBERS / dim : DF_ROWS;
}

static df_status write_samples(df_table_writer *writer, request *q, double *x, df_error *error)
{
    const size_t most = chunk_rows(q->subject.dim);
    const uint64_t end = q->chosen.end;
    for (uint64_t first = q->chosen.first; first < end; first += most) {
        const size_t n = end - first < most ? (size_t)(end - first) : most;
        df_sampling_start(&q->sampling, first, n, x);
        DF_TRY(df_sampling_run(&q->sampling, first, n, x, error));
        df_transform_undo(&q->subject.transform, x, n);
        DF_TRY(df_table_write(writer, x, n, error));
    }
    return DF_OK;
}

static df_status write_all(request *q, df_arena *arena, df_error *error)
{
    const size_t dim = q->subject.dim, extra = q->own.trajectory ? 3 : 0;
    film f = {.frames = q->own.frames, .steps = q->sampling.steps, .dim = dim, .points = q->own.points};
    const char **names;
    double *x, *row;
    DF_NEW(arena, names, dim + 3, error);
    DF_NEW(arena, row, dim + 3, error);
    names[0] = "frame", names[1] = "t", names[2] = "i";
    memcpy(names + extra, q->subject.names, dim * sizeof *names);
    if (q->own.trajectory) {
        f.x = df_alloc(arena, f.frames * f.points, dim * sizeof *f.x, error);
        if (!f.x) return DF_LIMIT;
        q->sampling.hook = film_record;
        q->sampling.hook_self = &f;
    }
    DF_NEW(arena, x, (q->own.trajectory ? f.points : chunk_rows(dim)) * dim, error);
    DF_TRY(df_sampling_init(&q->sampling, arena, error));

    df_table_writer writer;
    const char *path = q->out.output ? q->out.output : "-";
    DF_TRY(df_table_open(&writer, path, q->out.overwrite, dim + extra, slice_names(&q->chosen, names),
                         (q->chosen.end - q->chosen.first) * (extra ? f.frames : 1), error));
    df_status status;
    if (q->own.trajectory) {
        df_sampling_start(&q->sampling, 0, f.points, x);
        status = df_sampling_run(&q->sampling, 0, f.points, x, error);
        if (status == DF_OK) status = write_film(&writer, &f, q, row, error);
    } else {
        status = write_samples(&writer, q, x, error);
    }
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

/* A trajectory has at most one frame a step: more frames mean more steps, unless their number was given. */
static void fit_frames(request *q)
{
    if (!q->own.trajectory) return;
    const bool all = q->choice.sampler->all_steps;
    const bool many = q->own.frames > STEPS + 1 || q->choice.sampler->adaptive;
    if (q->grid.steps == 0 && !all && many) q->grid.steps = q->own.frames - 1;
    const uint64_t steps = q->grid.steps ? q->grid.steps : all ? q->subject.schedule.steps : STEPS;
    if (q->own.frames > steps + 1) {
        say(&q->out, "%s steps have %s frames, not %s\n", grouped(steps), grouped(steps + 1), grouped(q->own.frames));
        q->own.frames = steps + 1;
    }
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static request q;
    const char *path;
    DF_TRY(choose_sampler(&q.choice, typed, "ddim", error));
    df_settings own = {.table = table, .values = &q.own}, output = {.table = work_table, .values = &q.out};
    df_settings schedule = {.table = df_schedule_options, .values = &q.schedule};
    df_settings slices = {.table = slice_table, .values = &q.typed_slice};
    q.grid_settings = (df_settings){.table = grid_table, .values = &q.grid};
    df_settings *const list[] = {&own, &slices, &q.grid_settings, &q.choice.settings, &schedule, &output, NULL};
    DF_TRY(parse(list, typed, &path, 1, "MODEL", arena, error));
    if (df_settings_given(&own, "frames") && !q.own.trajectory)
        return df_fail(error, DF_USAGE, "--frames is for --trajectory");
    if (q.own.trajectory) DF_TRY(refuse_all(&slices, "points, and a frame of --trajectory holds all of them", error));
    if (q.own.print_steps) DF_TRY(refuse_all(&slices, "points, and --print-steps makes none", error));
    DF_TRY(choose_slice(&q.chosen, &q.typed_slice, q.own.points, &q.out, error));
    DF_TRY(df_team_start(&q.team, arena, q.out.threads, error));
    DF_TRY(load_subject(&q.subject, path, &schedule, arena, error));
    fit_frames(&q);

    df_level *levels;
    DF_TRY(make_grid(&levels, &q.grid_settings, &q.grid, q.choice.sampler, STEPS, &q.subject.schedule, arena, error));
    q.sampling = (df_sampling){.denoiser = &q.subject.denoiser, .sampler = q.choice.sampler,
                               .options = q.choice.options, .levels = levels,
                               .steps = q.grid.steps, .seed = q.own.seed, .team = q.team};
    if (q.own.print_steps) return print_steps(&q, error);
    DF_TRY(write_all(&q, arena, error));
    say(&q.out, "%s by %s in %s, seed %llu\n", plural(q.chosen.end - q.chosen.first, "point"), q.choice.sampler->name,
        plural(q.grid.steps, "step"), (unsigned long long)q.own.seed);
    if (q.chosen.whole && q.out.output && strcmp(q.out.output, "-") != 0)
        say(&q.out, "next: diffuse plot %s -o %s\n", q.out.output, q.own.trajectory ? "player.html" : "picture.svg");
    return DF_OK;
}

static const section sections[] = {{"Options", table}, {"Parts", slice_table}, {"Steps", grid_table},
                                   {"Schedule (of exact: and ideal:)", df_schedule_options},
                                   {"Threads and output", work_table}, {0}};

const command command_sample = {
    .name = "sample", .about = "make new points with a model, or with an exact denoiser", .usage = "MODEL [options]",
    .examples = "  diffuse sample roll.safetensors -n 10000 -o samples.csv\n"
                "  diffuse sample roll.safetensors -n 10000 --sampler ddim --steps 50 --eta 0 > samples.csv\n"
                "  diffuse sample roll.safetensors -n 500 --trajectory --frames 60 -o path.csv\n"
                "  diffuse sample roll.safetensors --steps 10 --print-steps\n"
                "  diffuse sample exact:swissroll -n 10000 --sampler ddim --steps 20 > s.csv\n"
                "  diffuse sample ideal:points.csv -n 1000 > memorised.csv\n",
    .sections = sections, .samplers = true, .run = run};
