/* play.c -- trajectory files as the films of a player. */
#include "plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME, TIME, INDEX, X, Y, ROW, FRAMES = 100 };

/* A row of a trajectory, in the order FRAME .. Y. */
static int by_frame_and_index(const void *a, const void *b)
{
    const double *x = a, *y = b;
    const int frame = (x[FRAME] > y[FRAME]) - (x[FRAME] < y[FRAME]);
    return frame ? frame : (x[INDEX] > y[INDEX]) - (x[INDEX] < y[INDEX]);
}

static size_t find_column(const df_table *table, const char *name)
{
    size_t c = 0;
    while (c < table->columns && strcmp(table->names[c], name) != 0) c++;
    return c;
}

/* The first column from `c` on that is a coordinate. */
static size_t next_coordinate(const df_table *table, size_t c)
{
    static const char *const others[] = {"frame", "t", "i", "label"};
    for (size_t k = 0; k < sizeof others / sizeof *others && c < table->columns; k++)
        if (strcmp(table->names[c], others[k]) == 0) return next_coordinate(table, c + 1);
    return c;
}

static df_status find_columns(size_t columns[ROW], const df_table *table, df_error *error)
{
    columns[FRAME] = find_column(table, "frame");
    columns[TIME] = find_column(table, "t");
    columns[INDEX] = find_column(table, "i");
    columns[X] = next_coordinate(table, 0);
    columns[Y] = next_coordinate(table, columns[X] + 1);
    if (columns[FRAME] == table->columns || columns[TIME] == table->columns)
        return df_fail(error, DF_INPUT, "%s is no trajectory: it has no columns frame and t\n"
                       "  `diffuse sample MODEL --trajectory` makes one, or let the picture end in .svg", table->path);
    if (columns[Y] >= table->columns)
        return df_fail(error, DF_INPUT, "%s holds fewer than two columns of points; a picture needs two", table->path);
    return DF_OK;
}

/* Every frame has the points of the first, each with the same number. Without a column i they are numbered as they
 * come. */
static df_status check_frames(const double *rows, const df_film *reel, const df_table *table, df_error *error)
{
    for (size_t r = 0; r < table->rows; r++) {
        const double *row = rows + r * ROW, *first = row - r % reel->points * ROW;
        const bool together = row[FRAME] == first[FRAME] && row[TIME] == first[TIME];
        const bool too_many = row == first && r > 0 && row[FRAME] == row[FRAME - ROW];
        if (!together || too_many || row[INDEX] != rows[r % reel->points * ROW + INDEX])
            return df_fail(error, DF_INPUT,
                           "%s: frame %g does not hold the %zu points of frame %g, at one t\n"
                           "  a player follows every point",
                           table->path, row[FRAME], reel->points, rows[FRAME]);
    }
    if (table->rows % reel->points)
        return df_fail(error, DF_INPUT, "%s: the last frame, %g, is cut short: it lacks some of the %zu points",
                       table->path, rows[(table->rows - 1) * ROW + FRAME], reel->points);
    return DF_OK;
}

static df_status read_film(df_film *reel, const char *path, const char *chosen, df_arena *arena, df_error *error)
{
    df_table table;
    size_t columns[ROW];
    double *rows, *t, *x;
    DF_TRY(df_table_read(&table, arena, path, chosen, error));
    DF_TRY(find_columns(columns, &table, error));
    DF_NEW(arena, rows, table.rows * ROW, error);
    for (size_t r = 0; r < table.rows; r++)
        for (size_t c = 0; c < ROW; c++)
            rows[r * ROW + c] = columns[c] < table.columns ? table.values[r * table.columns + columns[c]] : (double)r;
    qsort(rows, table.rows, ROW * sizeof *rows, by_frame_and_index);
    while (reel->points < table.rows && rows[reel->points * ROW + FRAME] == rows[FRAME]) reel->points++;
    if (columns[INDEX] == table.columns)
        for (size_t r = 0; r < table.rows; r++) rows[r * ROW + INDEX] = (double)(r % reel->points);
    DF_TRY(check_frames(rows, reel, &table, error));

    reel->frames = table.rows / reel->points;
    DF_NEW(arena, t, reel->frames, error);
    DF_NEW(arena, x, 2 * table.rows, error);
    reel->t = t;
    reel->x = x;
    const bool forward = rows[TIME] < rows[(table.rows - 1) * ROW + TIME];
    for (size_t k = 0; k < reel->frames; k++) {
        const double *from = rows + (forward ? reel->frames - 1 - k : k) * reel->points * ROW;
        t[k] = from[TIME];
        for (size_t i = 0; i < reel->points; i++)
            memcpy(x + 2 * (k * reel->points + i), from + i * ROW + X, 2 * sizeof *x);
        if (k && t[k] > t[k - 1])
            return df_fail(error, DF_INPUT, "%s: t goes up and down along the frames; it must go one way", path);
    }
    return DF_OK;
}

static df_status read_ghost(df_player *player, const char *path, df_arena *arena, df_error *error)
{
    df_data data;
    double *points;
    DF_TRY(df_data_load(&data, arena, path, NULL, DF_PLAYER_POINTS, -1, 0, error));
    if (data.dim < 2) return df_fail(error, DF_INPUT, "--data: %s has fewer than two columns", path);
    player->ghost_points = data.rows < DF_PLAYER_POINTS ? data.rows : DF_PLAYER_POINTS;
    DF_NEW(arena, points, 2 * player->ghost_points, error);
    for (size_t i = 0; i < player->ghost_points; i++) memcpy(points + 2 * i, data.x + i * data.dim, 2 * sizeof *points);
    player->ghost = points;
    return DF_OK;
}

static df_status read_field(df_player *player, const char *path, df_arena *arena, df_error *error)
{
    df_table table;
    df_field *field;
    DF_NEW(arena, field, 1, error);
    DF_TRY(df_table_read(&table, arena, path, PLOT_FIELD_COLUMNS, error));
    DF_TRY(plot_field(field, &table, arena, error));
    player->field = field;
    return DF_OK;
}

df_status play(df_text *html, const plot_options *options, const char *const *paths, size_t count, df_arena *arena,
               df_error *error)
{
    df_film *films;
    df_player player = {.title = options->title ? options->title : "From noise to data", .count = count,
                        .frames = options->frames ? options->frames : FRAMES, .limits = options->limits};
    DF_NEW(arena, films, count, error);
    player.films = films;
    for (size_t f = 0; f < count; f++) {
        DF_TRY(read_film(&films[f], paths[f], options->columns, arena, error));
        DF_TRY(base_name(&films[f].caption, paths[f], arena, error));
    }
    if (options->data) DF_TRY(read_ghost(&player, options->data, arena, error));
    if (options->field) DF_TRY(read_field(&player, options->field, arena, error));
    df_html_begin(html, player.title);
    DF_TRY(df_draw_player(html, &player, arena, error));
    df_html_end(html);
    return html->failed ? df_fail(error, DF_LIMIT, "out of memory while drawing") : DF_OK;
}
