/* cmd_plot.c -- `diffuse plot`: points and trajectories as small static pictures. */
#include "cli.h"

#include "diffuse/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct plot_options {
    const char *title, *columns;
    double limits;
    uint64_t frames;
} plot_options;

#define AT(member) .offset = offsetof(plot_options, member)
static const df_option table[] = {
    {.name = "title", .kind = DF_WORD, AT(title), .shown = "TEXT", .help = "a line above the picture"},
    {.name = "columns", .kind = DF_WORD, AT(columns), .shown = "X,Y", .also = "cols",
     .help = "the columns to draw, by name or number; x,y or else the first two; for a strip frame,t,X,Y"},
    {.name = "limits", .kind = DF_NUMBER, AT(limits), .low = 1e-30, .high = 1e30, .shown = "R",
     .also = "lim range xlim ylim", .help = "both axes go from -R to R; without it as far as the points do"},
    {.name = "frames", .kind = DF_COUNT, AT(frames), .value = "6", .low = 1, .high = 24, .shown = "K",
     .help = "panels for a trajectory, evenly spaced in t"},
    {0}};
#undef AT

/* ---- one file ---- */

typedef struct source {
    df_table table;
    const char *name; /* of the file, without folders and ending */
    size_t x, y;      /* columns */
    size_t frame, t;  /* columns of a trajectory; NONE: a point file */
    double *frames;   /* the numbers of the chosen frames */
    size_t panels;
} source;

#define NONE SIZE_MAX

enum { MOST_IN_A_ROW = 6 };

static size_t find_column(const df_table *points, const char *name)
{
    for (size_t c = 0; c < points->columns; c++)
        if (strcmp(points->names[c], name) == 0) return c;
    return NONE;
}

static bool is_trajectory(const source *s)
{
    return s->frame != NONE;
}

static const double *row(const source *s, size_t r)
{
    return s->table.values + r * s->table.columns;
}

/* The first column from `c` on that is not bookkeeping of a trajectory. */
static size_t next_column(const source *s, size_t c)
{
    for (; is_trajectory(s) && c < s->table.columns; c++) {
        const char *name = s->table.names[c];
        if (strcmp(name, "frame") != 0 && strcmp(name, "t") != 0 && strcmp(name, "i") != 0) break;
    }
    return c;
}

static df_status find_columns(source *s, bool chosen, df_error *error)
{
    const df_table *points = &s->table;
    s->frame = find_column(points, "frame");
    s->t = find_column(points, "t");
    if (s->frame == NONE || s->t == NONE) s->frame = s->t = NONE;

    s->x = find_column(points, "x");
    s->y = find_column(points, "y");
    if (!chosen && s->x != NONE && s->y != NONE) return DF_OK;
    s->x = next_column(s, 0);
    s->y = next_column(s, s->x + 1);
    if (s->y >= points->columns)
        return df_fail(error, DF_INPUT, "%s holds fewer than two columns of points; a picture needs two",
                       points->path);
    return DF_OK;
}

typedef struct frame {
    double number, t;
} frame;

static int by_number(const void *a, const void *b)
{
    const double x = ((const frame *)a)->number, y = ((const frame *)b)->number;
    return (x > y) - (x < y);
}

/* The frames of a trajectory, each once, in order; their count. */
static size_t list_frames(frame *frames, const source *s)
{
    size_t count = 0;
    for (size_t r = 0; r < s->table.rows; r++) frames[r] = (frame){row(s, r)[s->frame], row(s, r)[s->t]};
    qsort(frames, s->table.rows, sizeof *frames, by_number);
    for (size_t r = 0; r < s->table.rows; r++)
        if (r == 0 || frames[r].number != frames[r - 1].number) frames[count++] = frames[r];
    return count;
}

/* The frame of first .. last whose time is nearest to t. */
static size_t nearest_frame(const frame *frames, size_t first, size_t last, double t)
{
    size_t best = first;
    for (size_t k = first; k <= last; k++)
        if (fabs(frames[k].t - t) < fabs(frames[best].t - t)) best = k;
    return best;
}

/* The first, the last, and between them those nearest to evenly spaced times; a single one is the last. */
static df_status choose_frames(source *s, size_t wanted, df_arena *arena, df_error *error)
{
    frame *frames;
    DF_NEW(arena, frames, s->table.rows, error);
    const size_t last = list_frames(frames, s) - 1;
    s->panels = wanted < last + 1 ? wanted : last + 1;
    DF_NEW(arena, s->frames, s->panels, error);
    size_t k = 0;
    for (size_t p = 0; p < s->panels; p++) {
        const double part = s->panels > 1 ? (double)p / (double)(s->panels - 1) : 1;
        const size_t room_after = s->panels - 1 - p;
        k = nearest_frame(frames, k, last - room_after, frames[0].t + part * (frames[last].t - frames[0].t));
        s->frames[p] = frames[k++].number;
    }
    return DF_OK;
}

static df_status base_name(const char **name, const char *path, df_arena *arena, df_error *error)
{
    const char *slash = strrchr(path, '/');
    char *copy = df_copy_text(arena, slash ? slash + 1 : path, error);
    if (!copy) return DF_LIMIT;
    char *dot = strrchr(copy, '.');
    if (dot && dot != copy) *dot = 0;
    *name = copy;
    return DF_OK;
}

static df_status read_source(source *s, const char *path, const plot_options *options, df_arena *arena,
                             df_error *error)
{
    DF_TRY(df_table_read(&s->table, arena, path, options->columns, error));
    if (!s->table.rows) return df_fail(error, DF_INPUT, "%s holds no points", path);
    DF_TRY(find_columns(s, options->columns != NULL, error));
    DF_TRY(base_name(&s->name, path, arena, error));
    s->panels = 1;
    return is_trajectory(s) ? choose_frames(s, options->frames, arena, error) : DF_OK;
}

/* ---- its panels ---- */

static df_status caption(df_panel *panel, const source *s, double t, bool named, df_arena *arena,
                         df_error *error)
{
    char text[300];
    const bool is_stdin = strcmp(s->name, "-") == 0;
    const int decimals = fabs(t) < 10 ? 2 : 0;
    if (is_trajectory(s))
        snprintf(text, sizeof text, "%.200s%st = %.*f", named ? s->name : "", named ? ", " : "", decimals, t);
    else if (is_stdin) snprintf(text, sizeof text, "%s points", grouped(panel->count));
    else snprintf(text, sizeof text, "%.200s", s->name);
    panel->caption = df_copy_text(arena, text, error);
    return panel->caption ? DF_OK : DF_LIMIT;
}

static bool is_in_panel(const source *s, size_t r, size_t k)
{
    return !is_trajectory(s) || row(s, r)[s->frame] == s->frames[k];
}

/* Frame k of a trajectory, or the whole point file. */
static df_status fill_panel(df_panel *panel, const source *s, size_t k, bool named, df_arena *arena,
                            df_error *error)
{
    for (size_t r = 0; r < s->table.rows; r++) panel->count += is_in_panel(s, r, k);
    double *points, t = 0;
    DF_NEW(arena, points, 2 * panel->count, error);
    panel->points = points;
    for (size_t r = 0; r < s->table.rows; r++) {
        if (!is_in_panel(s, r, k)) continue;
        *points++ = row(s, r)[s->x];
        *points++ = row(s, r)[s->y];
        if (is_trajectory(s)) t = row(s, r)[s->t];
    }
    return caption(panel, s, t, named, arena, error);
}

/* Every file has a row of its own as soon as one is a trajectory; else the files share rows evenly. */
static df_status arrange(df_figure *figure, const source *sources, size_t count, df_arena *arena,
                         df_error *error)
{
    bool any_trajectory = false;
    size_t longest = 1;
    for (size_t f = 0; f < count; f++) {
        any_trajectory |= is_trajectory(&sources[f]);
        if (sources[f].panels > longest) longest = sources[f].panels;
    }
    figure->rows = any_trajectory ? count : (count + MOST_IN_A_ROW - 1) / MOST_IN_A_ROW;
    figure->columns = any_trajectory ? longest : (count + figure->rows - 1) / figure->rows;

    df_panel *panels;
    DF_NEW(arena, panels, figure->rows * figure->columns, error);
    for (size_t f = 0; f < count; f++)
        for (size_t k = 0; k < sources[f].panels; k++) {
            df_panel *panel = &panels[any_trajectory ? f * figure->columns + k : f];
            panel->series = f;
            DF_TRY(fill_panel(panel, &sources[f], k, count > 1 && k == 0, arena, error));
        }
    figure->panels = panels;
    return DF_OK;
}

/* ---- the command ---- */

static df_status write_picture(const char *path, const output_options *to, const df_figure *figure,
                               df_arena *arena, df_error *error)
{
    df_text svg = {0};
    df_output output;
    df_status status = df_draw_scatter(&svg, figure, arena, error);
    if (status == DF_OK) status = df_output_open(&output, path, to->overwrite, error);
    if (status == DF_OK) {
        df_output_add(&output, svg.bytes, svg.size);
        status = df_output_close(&output, error);
    }
    if (status == DF_OK && strcmp(path, "-") != 0)
        say(to, "%s: %zu kB of SVG\n", path, (svg.size + 500) / 1000);
    df_text_free(&svg);
    return status;
}

static df_status check_target(const char *path, const output_options *to, df_error *error)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (!to->output && isatty(STDOUT_FILENO))
        return df_fail(error, DF_USAGE, "a picture is nothing for a terminal\n  add -o picture.svg");
    if (dot && strcmp(dot, ".svg") != 0)
        return df_fail(error, DF_USAGE, "the picture is SVG, and '%.200s' ends in '%.20s'\n"
                       "  let it end in .svg", path, dot);
    return df_output_check(path, to->overwrite, error);
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    plot_options options;
    output_options to;
    df_settings settings = {.table = table, .values = &options};
    df_settings output = {.table = output_table, .values = &to};
    df_settings *const list[] = {&settings, &output, NULL};
    const char **paths;
    source *sources;
    size_t count;
    df_settings_defaults(&settings);
    df_settings_defaults(&output);
    DF_NEW(arena, paths, typed.count, error);
    DF_TRY(df_settings_parse(list, typed.word, typed.count, paths, &count, typed.count, arena, error));
    if (!count) return df_fail(error, DF_USAGE, "FILE is missing");
    const char *path = to.output ? to.output : "-";
    DF_TRY(check_target(path, &to, error));

    DF_NEW(arena, sources, count, error);
    for (size_t f = 0; f < count; f++) DF_TRY(read_source(&sources[f], paths[f], &options, arena, error));
    df_figure figure = {.title = options.title, .limits = options.limits};
    DF_TRY(arrange(&figure, sources, count, arena, error));
    return write_picture(path, &to, &figure, arena, error);
}

static void help(df_text *out, words typed)
{
    (void)typed;
    help_table(out, "options", table);
    help_table(out, NULL, output_table);
}

const command command_plot = {
    .name = "plot",
    .about = "small pictures of points and trajectories, as SVG",
    .usage = "FILE [FILE ...] -o PICTURE.svg [options]",
    .examples = "  diffuse plot samples.csv -o samples.svg\n"
                "  diffuse plot data.csv samples.csv -o both.svg --title \"Data and samples\"\n"
                "  diffuse plot walk.csv --frames 8 -o walk.svg\n",
    .help = help, .run = run};
