/* plot_plane.c -- points, trajectories and fields as the panels of a figure. */
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One file and what of it is drawn. */
typedef struct part {
    const plot_source *source;
    df_table table;
    size_t x, y, label, frame, t; /* columns, or NONE */
    double *frames;               /* the numbers of the chosen frames of a trajectory */
    size_t panels;
    df_field field;
} part;

#define NONE SIZE_MAX

enum { MOST_IN_A_ROW = 6, LABELS_MOST = 16, PANELS = 6 };

static size_t find_column(const df_table *points, const char *name)
{
    for (size_t c = 0; c < points->columns; c++)
        if (strcmp(points->names[c], name) == 0) return c;
    return NONE;
}

static bool is_trajectory(const part *p)
{
    return p->frame != NONE;
}

static const double *row(const part *p, size_t r)
{
    return p->table.values + r * p->table.columns;
}

/* ---- columns ---- */

/* The first column from `c` on that is not bookkeeping of a trajectory. */
static size_t next_column(const part *p, size_t c)
{
    for (; is_trajectory(p) && c < p->table.columns; c++) {
        const char *name = p->table.names[c];
        if (strcmp(name, "frame") != 0 && strcmp(name, "t") != 0 && strcmp(name, "i") != 0) break;
    }
    return c;
}

static df_status find_columns(part *p, bool chosen, df_error *error)
{
    const df_table *points = &p->table;
    p->label = find_column(points, "label");
    p->frame = find_column(points, "frame");
    p->t = find_column(points, "t");
    if (p->frame == NONE || p->t == NONE) p->frame = p->t = NONE;

    p->x = find_column(points, "x");
    p->y = find_column(points, "y");
    if (!chosen && p->x != NONE && p->y != NONE) return DF_OK;
    p->x = next_column(p, 0);
    p->y = next_column(p, p->x + 1);
    if (p->y >= points->columns)
        return df_fail(error, DF_INPUT, "%s holds fewer than two columns of points; a picture needs two",
                       points->path);
    return DF_OK;
}

/* ---- trajectories ---- */

typedef struct frame {
    double number, t;
} frame;

static int by_number(const void *a, const void *b)
{
    const double x = ((const frame *)a)->number, y = ((const frame *)b)->number;
    return (x > y) - (x < y);
}

/* The frames of a trajectory, each once, in order; their count. */
static size_t list_frames(frame *frames, const part *p)
{
    size_t count = 0;
    for (size_t r = 0; r < p->table.rows; r++) frames[r] = (frame){row(p, r)[p->frame], row(p, r)[p->t]};
    qsort(frames, p->table.rows, sizeof *frames, by_number);
    for (size_t r = 0; r < p->table.rows; r++)
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
static df_status choose_frames(part *p, size_t wanted, df_arena *arena, df_error *error)
{
    frame *frames;
    DF_NEW(arena, frames, p->table.rows, error);
    const size_t last = list_frames(frames, p) - 1;
    p->panels = wanted < last + 1 ? wanted : last + 1;
    DF_NEW(arena, p->frames, p->panels, error);
    size_t k = 0;
    for (size_t f = 0; f < p->panels; f++) {
        const double share = p->panels > 1 ? (double)f / (double)(p->panels - 1) : 1;
        const size_t room_after = p->panels - 1 - f;
        k = nearest_frame(frames, k, last - room_after, frames[0].t + share * (frames[last].t - frames[0].t));
        p->frames[f] = frames[k++].number;
    }
    return DF_OK;
}

/* ---- fields ---- */

static bool near(double a, double b, double span)
{
    return fabs(a - b) <= 1e-5 * fabs(span);
}

/* Rows of the table are the nodes of a grid, row by row from below. */
static df_status lay_grid(df_field *f, const df_table *t, df_error *error)
{
    const double *first = t->values, *last = t->values + (t->rows - 1) * t->columns;
    *f = (df_field){.columns = 1, .left = first[0], .bottom = first[1], .right = last[0], .top = last[1]};
    while (f->columns < t->rows && t->values[f->columns * t->columns + 1] == f->bottom) f->columns++;
    f->rows = t->rows / f->columns;
    bool regular = f->columns >= 2 && f->rows >= 2 && f->columns * f->rows == t->rows && f->right > f->left &&
                   f->top > f->bottom;
    for (size_t r = 0; regular && r < t->rows; r++) {
        const double *at = t->values + r * t->columns, width = f->right - f->left, height = f->top - f->bottom;
        const double x = f->left + width * (double)(r % f->columns) / (double)(f->columns - 1);
        const double y = f->bottom + height * (double)(r / f->columns) / (double)(f->rows - 1);
        regular = near(at[0], x, width) && near(at[1], y, height);
    }
    if (regular) return DF_OK;
    return df_fail(error, DF_INPUT, "%s: the places are no grid, row by row from below, as `diffuse field` writes it",
                   t->path);
}

df_status plot_field(df_field *field, const df_table *t, df_arena *arena, df_error *error)
{
    double *log_density, *score;
    DF_TRY(lay_grid(field, t, error));
    DF_NEW(arena, log_density, t->rows, error);
    DF_NEW(arena, score, 2 * t->rows, error);
    for (size_t r = 0; r < t->rows; r++) {
        const double *at = t->values + r * t->columns;
        log_density[r] = at[2];
        memcpy(score + 2 * r, at + 3, 2 * sizeof *score);
    }
    field->log_density = log_density;
    field->score = score;
    return DF_OK;
}

static df_status read_field(part *p, df_arena *arena, df_error *error)
{
    DF_TRY(df_table_parse(&p->table, arena, p->source->path, p->source->bytes, p->source->size, PLOT_FIELD_COLUMNS,
                          error));
    p->frame = p->label = NONE;
    return plot_field(&p->field, &p->table, arena, error);
}

static df_status read_part(part *p, const plot_options *options, df_arena *arena, df_error *error)
{
    p->panels = 1;
    if (p->source->kind == PLOT_FIELD) return read_field(p, arena, error);
    DF_TRY(df_table_parse(&p->table, arena, p->source->path, p->source->bytes, p->source->size, options->columns,
                          error));
    DF_TRY(find_columns(p, options->columns != NULL, error));
    return is_trajectory(p) ? choose_frames(p, options->frames ? options->frames : PANELS, arena, error) : DF_OK;
}

/* ---- labels ---- */

/* The labels of all files, ascending. */
typedef struct labels {
    double value[LABELS_MOST + 1];
    size_t count; /* more than LABELS_MOST: too many to tell apart */
} labels;

static size_t label_index(const labels *l, double value)
{
    size_t k = 0;
    while (k < l->count && l->value[k] < value) k++;
    return k;
}

static void add_labels(labels *l, const part *p)
{
    for (size_t r = 0; p->label != NONE && r < p->table.rows && l->count <= LABELS_MOST; r++) {
        const double value = row(p, r)[p->label];
        const size_t k = label_index(l, value);
        if (k < l->count && l->value[k] == value) continue;
        memmove(l->value + k + 1, l->value + k, (l->count - k) * sizeof *l->value);
        l->value[k] = value;
        l->count++;
        if (l->count > LABELS_MOST) break;
    }
}

static df_status name_labels(df_figure *figure, const labels *l, df_arena *arena, df_error *error)
{
    const char **names;
    DF_NEW(arena, names, l->count + 1, error);
    for (size_t k = 0; k < l->count; k++) {
        char text[40];
        snprintf(text, sizeof text, "label %g", l->value[k]);
        names[k] = df_copy_text(arena, text, error);
        if (!names[k]) return DF_LIMIT;
    }
    figure->names = names;
    return DF_OK;
}

/* ---- panels ---- */

static df_status set_caption(df_panel *panel, const part *p, double t, bool named, df_arena *arena, df_error *error)
{
    char text[300];
    const char *name = p->source->name;
    const bool is_stdin = strcmp(p->source->path, "-") == 0;
    const int decimals = fabs(t) < 10 ? 2 : 0;
    if (is_trajectory(p))
        snprintf(text, sizeof text, "%.200s%st = %.*f", named ? name : "", named ? ", " : "", decimals, t);
    else if (is_stdin) snprintf(text, sizeof text, "%s", plural(panel->count, "point"));
    else snprintf(text, sizeof text, "%.200s", name);
    panel->caption = df_copy_text(arena, text, error);
    return panel->caption ? DF_OK : DF_LIMIT;
}

static bool is_in_panel(const part *p, size_t r, size_t k)
{
    return !is_trajectory(p) || row(p, r)[p->frame] == p->frames[k];
}

/* Frame k of a trajectory, or the whole point file. */
static df_status fill_panel(df_panel *panel, const part *p, size_t k, bool named, const labels *l, df_arena *arena,
                            df_error *error)
{
    double *points, t = 0;
    size_t *kinds = NULL;
    if (p->source->kind == PLOT_FIELD) {
        panel->field = &p->field;
        return set_caption(panel, p, 0, true, arena, error);
    }
    for (size_t r = 0; r < p->table.rows; r++) panel->count += is_in_panel(p, r, k);
    DF_NEW(arena, points, 2 * panel->count, error);
    if (l) DF_NEW(arena, kinds, panel->count, error);
    panel->points = points;
    panel->kinds = kinds;
    for (size_t r = 0; r < p->table.rows; r++) {
        if (!is_in_panel(p, r, k)) continue;
        *points++ = row(p, r)[p->x];
        *points++ = row(p, r)[p->y];
        if (kinds) *kinds++ = p->label == NONE ? 0 : label_index(l, row(p, r)[p->label]);
        if (is_trajectory(p)) t = row(p, r)[p->t];
    }
    return set_caption(panel, p, t, named, arena, error);
}

/* Every file has a row of its own as soon as one is a trajectory; else the files share rows evenly. */
static df_status arrange(df_figure *figure, const part *parts, size_t count, df_arena *arena, df_error *error)
{
    bool any_trajectory = false;
    size_t longest = 1;
    labels l = {.count = 0};
    for (size_t f = 0; f < count; f++) {
        any_trajectory |= is_trajectory(&parts[f]);
        if (parts[f].panels > longest) longest = parts[f].panels;
        add_labels(&l, &parts[f]);
    }
    figure->rows = any_trajectory ? count : (count + MOST_IN_A_ROW - 1) / MOST_IN_A_ROW;
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is a file at least */
    figure->columns = any_trajectory ? longest : (count + figure->rows - 1) / figure->rows;
    const bool labelled = !figure->density && l.count > 1 && l.count <= LABELS_MOST;
    if (labelled) DF_TRY(name_labels(figure, &l, arena, error));

    df_panel *panels;
    DF_NEW(arena, panels, figure->rows * figure->columns, error);
    for (size_t f = 0; f < count; f++)
        for (size_t k = 0; k < parts[f].panels; k++) {
            df_panel *panel = &panels[any_trajectory ? f * figure->columns + k : f];
            panel->series = f;
            DF_TRY(fill_panel(panel, &parts[f], k, count > 1 && k == 0, labelled ? &l : NULL, arena, error));
        }
    figure->panels = panels;
    return DF_OK;
}

/* All files in one panel, with a legend of those that are points. Over a field they leave out the colour like its. */
static df_status lay_over(df_figure *figure, const part *parts, size_t count, df_arena *arena, df_error *error)
{
    df_panel *panel;
    const char **names;
    double *points;
    size_t *kinds, rows = 0;
    const char *caption = "";
    DF_NEW(arena, panel, 1, error);
    DF_NEW(arena, names, count + 2, error);
    for (size_t f = 0; f < count; f++) {
        if (is_trajectory(&parts[f]))
            return df_fail(error, DF_USAGE, "--overlay is for points and a field, and %s is a trajectory",
                           parts[f].table.path);
        if (parts[f].source->kind == PLOT_FIELD && panel->field)
            return df_fail(error, DF_USAGE, "--overlay: there can be one field, and %s is the second",
                           parts[f].table.path);
        if (parts[f].source->kind == PLOT_FIELD) {
            panel->field = &parts[f].field;
            caption = parts[f].source->name;
        } else rows += parts[f].table.rows;
    }
    size_t series = 0;
    if (panel->field) names[series++] = "";
    DF_NEW(arena, points, 2 * rows, error);
    DF_NEW(arena, kinds, rows, error);
    *panel = (df_panel){.caption = caption, .field = panel->field, .points = points, .kinds = kinds, .count = rows};
    for (size_t f = 0; f < count; f++) {
        if (parts[f].source->kind == PLOT_FIELD) continue;
        names[series] = parts[f].source->name;
        for (size_t r = 0; r < parts[f].table.rows; r++) {
            *points++ = row(&parts[f], r)[parts[f].x];
            *points++ = row(&parts[f], r)[parts[f].y];
            *kinds++ = series;
        }
        series++;
    }
    figure->rows = figure->columns = 1;
    figure->panels = panel;
    figure->names = names;
    return DF_OK;
}

df_status plot_plane(df_figure *figure, plot_source *sources, size_t count, const plot_options *options,
                     df_arena *arena, df_error *error)
{
    part *parts;
    DF_NEW(arena, parts, count, error);
    *figure = (df_figure){.title = options->title, .limits = options->limits, .density = options->density};
    for (size_t f = 0; f < count; f++) {
        parts[f].source = &sources[f];
        DF_TRY(read_part(&parts[f], options, arena, error));
    }
    if (options->overlay) return lay_over(figure, parts, count, arena, error);
    return arrange(figure, parts, count, arena, error);
}
