/* cmd_encode.c -- `diffuse encode`, `decode` and `interpolate`: DDIM without noise, walked both ways. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 500 };

typedef struct tool {
    output_options out;
    df_grid_config grid;
    df_schedule_config schedule;
    df_settings output, grid_settings, schedule_settings;
    df_subject subject;
    df_team *team;
    sampler_choice ddim;
    df_sampling down, up;
} tool;

/* Loads the model and lays the same grid both ways. */
static df_status prepare(tool *t, const char *path, df_arena *arena, df_error *error)
{
    df_level *down, *up;
    DF_TRY(df_output_check(t->out.output ? t->out.output : "-", t->out.overwrite, error));
    DF_TRY(df_team_start(&t->team, arena, t->out.threads, error));
    DF_TRY(choose_sampler(&t->ddim, (words){NULL, 0}, "ddim", error));
    df_settings_defaults(&t->ddim.settings);
    DF_TRY(load_subject(&t->subject, path, &t->schedule_settings, arena, error));
    DF_TRY(make_grid(&down, &t->grid_settings, &t->grid, t->ddim.sampler, STEPS, &t->subject.schedule, arena, error));
    DF_NEW(arena, up, t->grid.steps + 1, error);
    for (size_t i = 0; i <= t->grid.steps; i++) up[i] = down[t->grid.steps - i];
    t->down = (df_sampling){.denoiser = &t->subject.denoiser, .sampler = t->ddim.sampler,
                            .options = t->ddim.options, .levels = down,
                            .steps = t->grid.steps, .team = t->team};
    t->up = t->down;
    t->up.levels = up;
    DF_TRY(df_sampling_init(&t->down, arena, error));
    return df_sampling_init(&t->up, arena, error);
}

static df_status write_rows(const tool *t, const double *values, size_t rows, size_t columns,
                            const char *const *names, df_error *error)
{
    df_table_writer writer;
    DF_TRY(df_table_open(&writer, t->out.output ? t->out.output : "-", t->out.overwrite, columns, names, rows, error));
    const df_status status = df_table_write(&writer, values, rows, error);
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

static df_status run_coder(words typed, bool encode, df_arena *arena, df_error *error)
{
    static tool t;
    const char *operands[2];
    t.output = (df_settings){.table = work_table, .values = &t.out};
    t.grid_settings = (df_settings){.table = grid_table, .values = &t.grid};
    t.schedule_settings = (df_settings){.table = df_schedule_options, .values = &t.schedule};
    df_settings *const list[] = {&t.grid_settings, &t.schedule_settings, &t.output, NULL};
    DF_TRY(parse(list, typed, operands, 2, encode ? "MODEL POINTS" : "MODEL LATENTS", arena, error));
    DF_TRY(prepare(&t, operands[0], arena, error));
    df_table table;
    double *x;
    DF_TRY(df_table_read(&table, arena, operands[1], NULL, error));
    DF_TRY(subject_points(&x, &t.subject, &table, arena, error));
    if (encode) df_transform_apply(&t.subject.transform, x, table.rows);
    DF_TRY(df_sampling_run(encode ? &t.up : &t.down, 0, table.rows, x, error));
    if (!encode) df_transform_undo(&t.subject.transform, x, table.rows);
    DF_TRY(write_rows(&t, x, table.rows, t.subject.dim, t.subject.names, error));
    say(&t.out, "%s %s in %s\n", plural(table.rows, "point"), encode ? "encoded" : "decoded",
        plural(t.grid.steps, "step"));
    return DF_OK;
}

static df_status run_encode(words typed, df_arena *arena, df_error *error)
{
    return run_coder(typed, true, arena, error);
}

static df_status run_decode(words typed, df_arena *arena, df_error *error)
{
    return run_coder(typed, false, arena, error);
}

/* ---- interpolate ---- */

typedef struct options {
    const char *from, *to;
    uint64_t points;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "from", .kind = DF_WORD, AT(from), .shown = "X,Y", .help = "the first point"},
    {.name = "to", .kind = DF_WORD, AT(to), .shown = "X,Y", .help = "the last one"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "20", .low = 2, .high = 1e7,
     .shown = "N", .help = "how many, both ends included"},
    {0}};
#undef AT

static df_status parse_point(double *x, size_t dim, const char *text, const char *option, df_error *error)
{
    if (!text) return df_fail(error, DF_USAGE, "--%s is missing: a point such as 0.5,-1.2", option);
    const char *at = text;
    for (size_t i = 0; i < dim; i++) {
        char word[64];
        const size_t size = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(size < 63 ? size : 63), at);
        const bool last = at[size] == 0;
        if (!df_parse_double(word, &x[i]) || last != (i + 1 == dim))
            return df_fail(error, DF_USAGE, "--%s: '%.80s' is not a point of %zu numbers with commas between",
                           option, text, dim);
        at += size + 1;
    }
    return DF_OK;
}

static double norm(const double *z, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += z[i] * z[i];
    return sqrt(sum);
}

/* Turns from z1 to z2 by part `w` of their angle, with the length in between. The angle and the length are
 * taken apart: plain spherical interpolation of opposite latents of unequal length leaves every bound. */
static void slerp(double *z, const double *z1, const double *z2, size_t dim, double w)
{
    const double n1 = norm(z1, dim), n2 = norm(z2, dim), length = (1 - w) * n1 + w * n2;
    double dot = 0, sine, s1, s2, cosine;
    for (size_t i = 0; i < dim; i++) dot += z1[i] * z2[i];
    const double c = n1 > 0 && n2 > 0 ? dot / (n1 * n2) : 1;
    const double angle = df_atan2(sqrt(fmax(0, 1 - c * c)), c);
    df_sincos(angle, &sine, &cosine);
    df_sincos((1 - w) * angle, &s1, &cosine);
    df_sincos(w * angle, &s2, &cosine);
    for (size_t i = 0; i < dim; i++)
        z[i] = sine > 1e-6 ? length * (s1 / sine * z1[i] / n1 + s2 / sine * z2[i] / n2) : (1 - w) * z1[i] + w * z2[i];
}

static df_status run_interpolate(words typed, df_arena *arena, df_error *error)
{
    static tool t;
    options o;
    const char *path, **names;
    double *ends, *z, *rows;
    df_settings own = {.table = table, .values = &o};
    t.output = (df_settings){.table = work_table, .values = &t.out};
    t.grid_settings = (df_settings){.table = grid_table, .values = &t.grid};
    t.schedule_settings = (df_settings){.table = df_schedule_options, .values = &t.schedule};
    df_settings *const list[] = {&own, &t.grid_settings, &t.schedule_settings, &t.output, NULL};
    DF_TRY(parse(list, typed, &path, 1, "MODEL", arena, error));
    DF_TRY(prepare(&t, path, arena, error));
    const size_t dim = t.subject.dim, n = o.points;
    DF_NEW(arena, ends, 2 * dim, error);
    DF_NEW(arena, z, n * dim, error);
    DF_NEW(arena, rows, n * (dim + 1), error);
    DF_NEW(arena, names, dim + 1, error);
    DF_TRY(parse_point(ends, dim, o.from, "from", error));
    DF_TRY(parse_point(ends + dim, dim, o.to, "to", error));
    df_transform_apply(&t.subject.transform, ends, 2);
    DF_TRY(df_sampling_run(&t.up, 0, 2, ends, error));
    for (size_t k = 0; k < n; k++) slerp(z + k * dim, ends, ends + dim, dim, (double)k / (double)(n - 1));
    DF_TRY(df_sampling_run(&t.down, 0, n, z, error));
    df_transform_undo(&t.subject.transform, z, n);
    for (size_t k = 0; k < n; k++) {
        rows[k * (dim + 1)] = (double)k / (double)(n - 1);
        memcpy(rows + k * (dim + 1) + 1, z + k * dim, dim * sizeof *z);
    }
    names[0] = "w";
    memcpy(names + 1, t.subject.names, dim * sizeof *names);
    DF_TRY(write_rows(&t, rows, n, dim + 1, names, error));
    say(&t.out, "%s between the two latents\n", plural(n, "point"));
    return DF_OK;
}

#define CODER {"Steps (0: 500 of them)", grid_table}, {"Schedule (of exact: and ideal:)", df_schedule_options}, \
    {"Threads and output", work_table}, {0}
static const section sections_coder[] = {CODER}, sections_interpolate[] = {{"Options", table}, CODER};
#undef CODER

const command command_encode = {
    .name = "encode", .about = "find the noise that DDIM would turn into given points",
    .usage = "MODEL POINTS [options]",
    .examples = "  diffuse encode roll.safetensors roll.csv -o latents.csv\n",
    .sections = sections_coder, .run = run_encode};

const command command_decode = {
    .name = "decode", .about = "turn latents back into points: the inverse of encode",
    .usage = "MODEL LATENTS [options]",
    .examples = "  diffuse decode roll.safetensors latents.csv -o back.csv\n",
    .sections = sections_coder, .run = run_decode};

const command command_interpolate = {
    .name = "interpolate", .about = "walk from one point to another through their latents",
    .usage = "MODEL --from X,Y --to X,Y [options]",
    .examples = "  diffuse interpolate roll.safetensors --from -0.56,1.09 --to 0.16,0.74 -o between.csv\n",
    .sections = sections_interpolate, .run = run_interpolate};
