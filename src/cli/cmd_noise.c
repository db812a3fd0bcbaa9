/* cmd_noise.c -- `diffuse noise`: the forward process, x_t = alpha x_0 + sigma eps. */
#include "cli.h"

#include "diffuse/random.h"

#include <string.h>

typedef struct options {
    double t;
    uint64_t frames, seed, points;
    double noise;
    int scaling;
    const char *columns;
} options;

static const char *const scalings[] = {"common", "per-column", "none", NULL};

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "t", .letter = 't', .kind = DF_NUMBER, AT(t), .value = "0.3", .low = 0, .high = 1, .shown = "T",
     .help = "time, 0: clean data, 1: the schedule's last step"},
    {.name = "frames", .kind = DF_COUNT, AT(frames), .value = "0", .low = 0, .high = 10000, .shown = "K",
     .not_with = "t",
     .help = "instead of one t, K of them from 0 to 1, with columns frame,t,i before the points"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "2000", .low = 2, .high = 1e8,
     .shown = "N", .help = "how many, when DATA is a shape"},
    {.name = "noise", .kind = DF_NUMBER, AT(noise), .value = "-1", .low = -1, .high = 10, .shown = "S",
     .help = "noise of a shape; -1: its own"},
    {.name = "scale", .kind = DF_CHOICE, AT(scaling), .value = "common", .choices = scalings,
     .help = "the process runs on centred data of unit scale; the result is in the data's units again"},
    {.name = "columns", .kind = DF_WORD, AT(columns), .shown = "LIST", .help = "columns of a file, by name or number"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S", .help = "decides every random number"},
    {0}};
#undef AT

enum { BLOCK = 64, BLOCKS = 256 };

typedef struct forward {
    df_data data;
    df_transform transform;
    df_schedule schedule;
    df_team *team;
    uint64_t seed;
    df_level level;
    size_t first, n;  /* the rows at work, at most BLOCK BLOCKS */
    double *eps, *x;  /* (n, dim) */
    double *row;      /* (dim + 3) */
} forward;

static df_status prepare(forward *f, const char *source, const options *o, const df_schedule_config *config,
                         df_arena *arena, df_error *error)
{
    DF_TRY(df_data_load(&f->data, arena, source, o->columns, o->points, o->noise, o->seed, error));
    DF_TRY(df_transform_fit(&f->transform, arena, &f->data, o->scaling, error));
    DF_TRY(df_schedule_init(&f->schedule, config, arena, error));
    f->seed = o->seed;
    DF_NEW(arena, f->eps, BLOCK * BLOCKS * f->data.dim, error);
    DF_NEW(arena, f->x, BLOCK * BLOCKS * f->data.dim, error);
    DF_NEW(arena, f->row, f->data.dim + 3, error);
    return DF_OK;
}

/* Every frame uses the same eps, so that each point moves on a smooth path. */
static void move_block(void *self, size_t thread, size_t block)
{
    (void)thread;
    const forward *f = self;
    const size_t dim = f->data.dim, done = block * BLOCK, n = f->n - done < BLOCK ? f->n - done : BLOCK;
    double *x = f->x + done * dim, *eps = f->eps + done * dim;
    memcpy(x, f->data.x + (f->first + done) * dim, n * dim * sizeof *x);
    df_transform_apply(&f->transform, x, n);
    df_normal_rows(eps, n, dim, (df_place){.seed = f->seed, .index = f->first + done, .purpose = DF_FOR_FORWARD});
    df_add_noise(x, f->level, x, eps, n * dim);
    df_transform_undo(&f->transform, x, n);
}

static void choose_level(forward *f, double t)
{
    f->level = df_schedule_level(&f->schedule, t * (double)f->schedule.steps);
}

/* f->x: the next f->n rows from `first` on, before `end`, at f->level. */
static void move_rows(forward *f, size_t first, size_t end)
{
    const size_t left = end - first;
    f->first = first;
    f->n = left < BLOCK * BLOCKS ? left : BLOCK * BLOCKS;
    df_team_each(f->team, (f->n + BLOCK - 1) / BLOCK, move_block, f);
}

static df_status write_frame(df_table_writer *writer, forward *f, uint64_t frame, double t, df_error *error)
{
    const size_t dim = f->data.dim;
    choose_level(f, t);
    for (size_t first = 0; first < f->data.rows; first += f->n) {
        move_rows(f, first, f->data.rows);
        for (size_t r = 0; r < f->n; r++) {
            f->row[0] = (double)frame;
            f->row[1] = t;
            f->row[2] = (double)(first + r);
            memcpy(f->row + 3, f->x + r * dim, dim * sizeof *f->x);
            DF_TRY(df_table_write(writer, f->row, 1, error));
        }
    }
    return DF_OK;
}

static df_status write_frames(df_table_writer *writer, forward *f, uint64_t frames, df_error *error)
{
    for (uint64_t k = 0; k < frames; k++)
        DF_TRY(write_frame(writer, f, k, frames > 1 ? (double)k / (double)(frames - 1) : 0, error));
    return DF_OK;
}

static df_status write_rows(df_table_writer *writer, forward *f, const slice *chosen, double t, df_error *error)
{
    choose_level(f, t);
    for (size_t first = chosen->first; first < chosen->end; first += f->n) {
        move_rows(f, first, chosen->end);
        DF_TRY(df_table_write(writer, f->x, f->n, error));
    }
    return DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    options o;
    slice_options typed_slice;
    slice chosen;
    df_schedule_config config;
    output_options out;
    df_settings own = {.table = table, .values = &o}, schedule = {.table = df_schedule_options, .values = &config},
                slices = {.table = slice_table, .values = &typed_slice}, output = {.table = work_table, .values = &out};
    df_settings *const list[] = {&own, &slices, &schedule, &output, NULL};
    const char *source;
    forward f = {0};
    DF_TRY(parse(list, typed, &source, 1, "DATA", arena, error));
    DF_TRY(check_data_options(source, &own, error));
    DF_TRY(check_schedule_options(&schedule, error));
    if (o.frames) DF_TRY(refuse_all(&slices, "points, and each of the --frames holds all of them", error));
    DF_TRY(df_team_start(&f.team, arena, out.threads, error));
    DF_TRY(prepare(&f, source, &o, &config, arena, error));
    DF_TRY(choose_slice(&chosen, &typed_slice, f.data.rows, &out, error));

    const size_t dim = f.data.dim, extra = o.frames ? 3 : 0;
    const char **names;
    DF_NEW(arena, names, dim + 3, error);
    names[0] = "frame", names[1] = "t", names[2] = "i";
    memcpy(names + extra, f.data.names, dim * sizeof *names);
    df_table_writer writer;
    const uint64_t points = chosen.end - chosen.first, rows = points * (o.frames ? o.frames : 1);
    DF_TRY(df_table_open(&writer, output_path(&out), out.overwrite, dim + extra, slice_names(&chosen, names), rows,
                         error));
    const df_status status = o.frames ? write_frames(&writer, &f, o.frames, error)
                                      : write_rows(&writer, &f, &chosen, o.t, error);
    if (status != DF_OK) {
        df_table_abandon(&writer);
        return status;
    }
    DF_TRY(df_table_close(&writer, error));
    if (o.frames) say(&out, "%s in %s, t from 0 to 1\n", plural(points, "point"), plural(o.frames, "frame"));
    else
        say(&out, "%s at t = %g: alpha %.6g, sigma %.6g\n", plural(points, "point"), o.t, f.level.alpha,
            f.level.sigma);
    return DF_OK;
}

static const section sections[] = {{"Options", table}, {"Parts", slice_table}, {"Schedule", df_schedule_options},
                                   {"Threads and output", work_table}, {0}};

const command command_noise = {
    .name = "noise", .about = "add the noise of the forward process to points", .usage = "DATA [options]",
    .examples = "  diffuse noise roll.csv --t 0.3 -o noised.csv\n"
                "  diffuse noise swissroll --frames 6 -o forward.csv\n", .sections = sections,
    .run = run};
