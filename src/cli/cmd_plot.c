/* cmd_plot.c -- `diffuse plot`: small static pictures of whatever the other commands write. */
#include "plot.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AT(member) .offset = offsetof(plot_options, member)
static const df_option table[] = {
    {.name = "title", .kind = DF_WORD, AT(title), .shown = "TEXT", .help = "a line above the picture"},
    {.name = "columns", .kind = DF_WORD, AT(columns), .shown = "X,Y", .also = "cols",
     .help = "the columns to draw, by name or number; x,y or else the first two; for a strip frame,t,X,Y; "
             "of a log or a comparison, the names of those wanted"},
    {.name = "limits", .kind = DF_NUMBER, AT(limits), .low = 1e-30, .high = 1e30, .shown = "R",
     .also = "lim range xlim ylim", .help = "both axes go from -R to R; without it as far as the points do"},
    {.name = "frames", .kind = DF_COUNT, AT(frames), .value = "0", .low = 0, .high = 1000, .shown = "K",
     .help = "of a trajectory: panels evenly spaced in t, 0: 6; in a player at most so many frames, 0: 100"},
    {.name = "density", .kind = DF_FLAG, AT(density), .not_with = "overlay",
     .help = "show how dense the points lie, in place of the points"},
    {.name = "overlay", .kind = DF_FLAG, AT(overlay),
     .help = "all files in one panel, a colour each; a field goes below points"},
    {.name = "data", .kind = DF_WORD, AT(data), .shown = "DATA",
     .help = "a shape or a file of points, behind those of a player"},
    {.name = "field", .kind = DF_WORD, AT(field), .shown = "FILE",
     .help = "the score that `diffuse field` wrote, as arrows in a player"},
    {0}};
#undef AT

enum { BYTES_MOST = 1 << 30 };

/* ---- what a file holds ---- */

df_status base_name(const char **name, const char *path, df_arena *arena, df_error *error)
{
    const char *slash = strrchr(path, '/');
    char *copy = df_copy_text(arena, slash ? slash + 1 : path, error);
    if (!copy) return DF_LIMIT;
    char *dot = strrchr(copy, '.');
    if (dot && dot != copy) *dot = 0;
    *name = strcmp(path, "-") == 0 ? "standard input" : copy;
    return DF_OK;
}

/* Whether the first line has a column of this name. */
static bool has_column(const char *line, const char *name)
{
    const size_t size = strlen(name), end = strcspn(line, "\r\n");
    for (size_t at = 0; at < end; at += strcspn(line + at, ",;\t\r\n") + 1) {
        at += line[at] == '"';
        if (strncmp(line + at, name, size) == 0 && strchr(",;\t\r\n\"", line[at + size])) return true;
    }
    return false;
}

static plot_kind kind_of(const char *bytes)
{
    if (has_column(bytes, "sampler") && has_column(bytes, "calls")) return PLOT_COMPARISON;
    if (strncmp(bytes, "{\"step\":", 8) == 0) return PLOT_LOG;
    if (has_column(bytes, "step") && has_column(bytes, "loss")) return PLOT_LOG;
    /* with sigma it is of given points, on no grid */
    if (has_column(bytes, "score_x") && !has_column(bytes, "sigma")) return PLOT_FIELD;
    return PLOT_PLANE;
}

static df_status read_source(plot_source *s, const char *path, const plot_options *options, df_arena *arena,
                             df_error *error)
{
    s->path = path;
    DF_TRY(base_name(&s->name, path, arena, error));
    DF_TRY(df_read_file(arena, path, BYTES_MOST, &s->bytes, &s->size, error));
    if (strncmp(s->bytes, "\xef\xbb\xbf", 3) == 0) s->bytes += 3, s->size -= 3; /* a byte order mark */
    s->kind = kind_of(s->bytes);
    if (s->kind == PLOT_FIELD && options->columns) s->kind = PLOT_PLANE;
    return DF_OK;
}

static const char *const kind_names[] = {"points", "a field", "a training log", "a comparison"};

static bool is_plane(plot_kind kind)
{
    return kind == PLOT_PLANE || kind == PLOT_FIELD;
}

static df_status check_kinds(const plot_source *sources, size_t count, const df_settings *given, df_error *error)
{
    static const char *const of_points[] = {"limits", "frames", "density", "overlay", NULL};
    for (size_t f = 1; f < count; f++)
        if (sources[f].kind != sources[0].kind && !(is_plane(sources[f].kind) && is_plane(sources[0].kind)))
            return df_fail(error, DF_USAGE, "%s is %s and %s is %s; they do not go into one picture", sources[0].path,
                           kind_names[sources[0].kind], sources[f].path, kind_names[sources[f].kind]);
    char purpose[300];
    snprintf(purpose, sizeof purpose, "points, and %.200s is %s", sources[0].path, kind_names[sources[0].kind]);
    return is_plane(sources[0].kind) ? DF_OK : refuse_idle(given, of_points, purpose, error);
}

/* ---- pictures ---- */

static df_status draw(df_text *svg, plot_source *sources, size_t count, const plot_options *options, df_arena *arena,
                      df_error *error)
{
    df_figure figure;
    df_chart chart;
    if (is_plane(sources[0].kind)) {
        DF_TRY(plot_plane(&figure, sources, count, options, arena, error));
        return df_draw_plane(svg, &figure, arena, error);
    }
    if (sources[0].kind == PLOT_LOG) DF_TRY(plot_logs(&chart, sources, count, options, arena, error));
    else DF_TRY(plot_comparisons(&chart, sources, count, options, arena, error));
    return df_draw_chart(svg, &chart, arena, error);
}

static df_status write_picture(const char *path, const output_options *to, plot_source *sources, size_t count,
                               const plot_options *options, df_arena *arena, df_error *error)
{
    df_text svg = {0};
    df_output output;
    df_status status = draw(&svg, sources, count, options, arena, error);
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

/* As large as the terminal, whose last line is for the prompt. */
static df_status show(plot_source *sources, size_t count, const plot_options *options, df_arena *arena,
                      df_error *error)
{
    size_t width, height;
    df_figure figure;
    df_text text = {0};
    for (size_t f = 0; f < count; f++)
        if (sources[f].kind != PLOT_PLANE)
            return df_fail(error, DF_USAGE, "%s is %s, and a terminal shows points only\n  add -o picture.svg",
                           sources[f].path, kind_names[sources[f].kind]);
    if (options->density)
        return df_fail(error, DF_USAGE, "--density has colours, and a terminal shows points only\n"
                       "  add -o picture.svg");
    terminal_size(&width, &height);
    DF_TRY(plot_plane(&figure, sources, count, options, arena, error));
    if (options->title) {
        char title[256];
        df_printable(title, sizeof title, options->title);
        df_text_add(&text, "%s\n", title);
    }
    df_status status = df_draw_terminal(&text, &figure, width, height - 1 - (options->title != NULL), arena, error);
    if (status == DF_OK) status = print_text(&text, error);
    df_text_free(&text);
    return status;
}

static df_status write_player(const char *path, const output_options *to, const plot_options *options,
                              const char *const *paths, size_t count, df_arena *arena, df_error *error)
{
    df_text html = {0};
    df_status status = play(&html, options, paths, count, arena, error);
    if (status == DF_OK) status = write_page(path, to, &html, error);
    df_text_free(&html);
    return status;
}

/* ---- the command ---- */

static bool is_page(const char *path)
{
    const size_t size = strlen(path);
    return size > 5 && strcmp(path + size - 5, ".html") == 0;
}

static df_status check_target(const char *path, const output_options *to, df_error *error)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (dot && strcmp(dot, ".svg") != 0 && !is_page(path))
        return df_fail(error, DF_USAGE, "a picture is SVG, or for a trajectory HTML, and '%.200s' ends in '%.20s'\n"
                       "  let it end in .svg or .html", path, dot);
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
    plot_source *sources;
    size_t count;
    df_settings_defaults(&settings);
    df_settings_defaults(&output);
    DF_NEW(arena, paths, typed.count, error);
    DF_TRY(df_settings_parse(list, typed.word, typed.count, paths, &count, typed.count, arena, error));
    if (!count) return df_fail(error, DF_USAGE, "FILE is missing");
    const char *path = to.output ? to.output : "-";
    const bool on_terminal = !to.output && isatty(STDOUT_FILENO);
    if (on_terminal) DF_TRY(check_terminal("add -o picture.svg", error));
    else DF_TRY(check_target(path, &to, error));

    static const char *const of_players[] = {"data", "field", NULL}, *const of_svg[] = {"density", "overlay", NULL};
    if (is_page(path)) {
        DF_TRY(refuse_idle(&settings, of_svg, "SVG, and the picture is HTML", error));
        return write_player(path, &to, &options, paths, count, arena, error);
    }
    DF_TRY(refuse_idle(&settings, of_players, "players, whose name ends in .html", error));
    DF_NEW(arena, sources, count, error);
    for (size_t f = 0; f < count; f++) DF_TRY(read_source(&sources[f], paths[f], &options, arena, error));
    DF_TRY(check_kinds(sources, count, &settings, error));
    if (on_terminal) return show(sources, count, &options, arena, error);
    return write_picture(path, &to, sources, count, &options, arena, error);
}

static void notes(df_text *out)
{
    df_text_add(out, "FILE holds points (columns x,y, perhaps label), a trajectory (frame,t,i,x,y), a field, a\n"
                     "training log or a comparison, which its header tells. Without -o, the picture goes to\n"
                     "standard output, and a terminal gets points in braille.\n"
                     "A name that ends in .html makes a player of trajectories: a page for any browser, with play and\n"
                     "pause (space), frames (arrows), speed (+ and -), direction (r), trails (t), density (d), data\n"
                     "(g) and score (f); a click on a point highlights it.\n");
}

static const section sections[] = {{"Options", table}, {"Output", output_table}, {0}};

const command command_plot = {
    .name = "plot",
    .about = "small pictures of points, trajectories, fields, logs and comparisons, as SVG",
    .usage = "FILE [FILE ...] [-o PICTURE.svg] [options]",
    .examples = "  diffuse plot samples.csv\n"
                "  diffuse plot data.csv samples.csv -o both.svg --title \"Data and samples\"\n"
                "  diffuse plot samples.csv --density -o density.svg\n"
                "  diffuse plot walk.csv --frames 8 -o walk.svg\n"
                "  diffuse plot ddpm.csv ddim.csv --data data.csv -o walk.html\n"
                "  diffuse plot field.csv data.csv --overlay -o field.svg\n"
                "  diffuse plot run.csv -o loss.svg\n"
                "  diffuse plot compare.csv -o steps.svg\n",
    .sections = sections, .notes = notes, .run = run};
