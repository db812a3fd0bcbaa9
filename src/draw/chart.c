/* chart.c -- curves over one quantity: graphs side by side or one below the other, with the same x. */
#include "page.h"

#include "diffuse/math.h"

#include <stdio.h>
#include <string.h>

enum { WIDEST = 640, WIDEST_ROW = 960, GAP = 28, X_APART = 56, Y_APART = 34, AIR = 6 };

/* Where everything goes. */
typedef struct layout {
    df_axis x, *y;     /* y:(rows, columns) */
    int *left, *top;   /* of each column; of each row */
    int width, height; /* of the picture */
} layout;

static bool is_there(const df_graph *graph)
{
    return graph->caption != NULL;
}

/* ---- ranges ---- */

static bool has_place(double value, bool log)
{
    return fabs(value) <= 1e100 && (!log || value >= 1e-100);
}

static void include(df_range *range, double value, bool log)
{
    if (!has_place(value, log)) return;
    const double at = log ? df_log(value) / df_log(10) : value;
    if (at < range->low) range->low = at;
    if (at > range->high) range->high = at;
}

/* With some air at both ends, in pixels; where there is one value or none, with something around it. */
static df_range aired(df_range range, bool log, int length, int air)
{
    if (range.low > range.high) range = log ? (df_range){-1, 0} : (df_range){0, 1};
    const double size = fabs(range.low) > fabs(range.high) ? fabs(range.low) : fabs(range.high);
    double span = df_span(range);
    if (span <= 1e-9 * size || span <= 1e-100) span = log ? 0.5 : size > 1e-100 ? size / 2 : 1;
    return df_widened(range, span * length / (length - 2.0 * air));
}

static df_range range_of_x(const df_chart *chart)
{
    df_range range = {HUGE_VAL, -HUGE_VAL};
    for (size_t g = 0; g < chart->rows * chart->columns; g++)
        for (size_t l = 0; l < chart->graphs[g].count; l++) {
            const df_line *line = &chart->graphs[g].lines[l];
            for (size_t k = 0; k < line->count && (line->style != DF_LINE_FLOOR || line->count > 1); k++)
                include(&range, line->x[k], chart->log_x);
        }
    return range;
}

static df_range range_of_y(const df_graph *graph)
{
    df_range range = {HUGE_VAL, -HUGE_VAL};
    for (size_t l = 0; l < graph->count; l++) {
        const df_line *line = &graph->lines[l];
        for (size_t k = 0; k < line->count; k++) {
            include(&range, line->y[k], graph->log_y);
            if (!line->low) continue;
            include(&range, line->low[k], graph->log_y);
            include(&range, line->high[k], graph->log_y);
        }
    }
    return range;
}

/* ---- layout ---- */

static int graph_width(const df_chart *chart)
{
    const int share = (WIDEST_ROW - (int)chart->columns * 2 * GAP) / (int)chart->columns;
    return share < 160 ? 160 : share > WIDEST ? WIDEST : share;
}

static double graph_height(const df_chart *chart, const df_graph *graph)
{
    return graph->height > 0 ? graph->height : chart->columns > 1 ? 0.75 : 0.45;
}

static void set_y(df_axis *y, const df_chart *chart, const df_graph *graph, int width)
{
    y->log = graph->log_y;
    y->length = (int)(graph_height(chart, graph) * width + 0.5);
    y->range = aired(range_of_y(graph), y->log, y->length, AIR);
    df_axis_round_ticks(y, Y_APART);
}

static void place_columns(layout *l, const df_chart *chart)
{
    int at = DF_EDGE;
    for (size_t c = 0; c < chart->columns; c++) {
        int labels = 0;
        for (size_t r = 0; r < chart->rows; r++) {
            const int own = df_axis_label_width(&l->y[r * chart->columns + c]);
            if (own > labels) labels = own;
        }
        l->left[c] = at + labels + 8;
        at = l->left[c] + l->x.length + GAP;
    }
    l->width = at - GAP + DF_EDGE;
}

static void place_rows(layout *l, const df_chart *chart, int head)
{
    int at = head;
    for (size_t r = 0; r < chart->rows; r++) {
        int height = 0;
        for (size_t c = 0; c < chart->columns; c++) {
            const int own = l->y[r * chart->columns + c].length;
            if (own > height) height = own;
        }
        l->top[r] = at + DF_CAPTION;
        at = l->top[r] + height + (chart->columns > 1 ? DF_TICK_LABEL : 0);
    }
    l->height = at + (chart->columns > 1 ? 0 : DF_TICK_LABEL) + (chart->x_name ? DF_TICK_LABEL : DF_EDGE / 2);
}

static df_status lay_out(layout *l, const df_chart *chart, const df_head *head, df_arena *arena, df_error *error)
{
    const size_t count = chart->rows * chart->columns;
    DF_NEW(arena, l->y, count, error);
    DF_NEW(arena, l->left, chart->columns, error);
    DF_NEW(arena, l->top, chart->rows, error);
    l->x.log = chart->log_x;
    l->x.length = graph_width(chart);
    l->x.range = aired(range_of_x(chart), l->x.log, l->x.length, AIR);
    df_axis_round_ticks(&l->x, X_APART);
    for (size_t g = 0; g < count; g++)
        if (is_there(&chart->graphs[g])) set_y(&l->y[g], chart, &chart->graphs[g], l->x.length);
    place_columns(l, chart);
    place_rows(l, chart, df_head_height(head, l->width));
    return DF_OK;
}

/* ---- lines ---- */

static void add_place(df_text *svg, const df_axis *x, const df_axis *y, double at_x, double at_y, const char *after)
{
    df_text_add(svg, "%.1f %.1f%s", df_axis_place(x, at_x), y->length - df_axis_place(y, at_y), after);
}

static bool is_shown(const df_axis *x, const df_axis *y, const df_line *line, size_t k)
{
    return has_place(line->x[k], x->log) && has_place(line->y[k], y->log);
}

static void add_trace(df_text *svg, const df_axis *x, const df_axis *y, const df_line *line, const char *class_name)
{
    bool pen_down = false;
    df_text_add(svg, "<path class=\"%s", class_name);
    if (line->style != DF_LINE_FLOOR) df_text_add(svg, " s%zu", line->series % DF_SERIES);
    df_text_add(svg, "\" d=\"");
    for (size_t k = 0; k < line->count; k++) {
        const bool shown = is_shown(x, y, line, k), last = k + 1 == line->count || !is_shown(x, y, line, k + 1);
        if (shown) {
            df_text_add(svg, pen_down ? "L" : "M");
            add_place(svg, x, y, line->x[k], line->y[k], !pen_down && last ? "h0" : "");
        }
        pen_down = shown;
    }
    df_text_add(svg, "\"/>\n");
}

static void add_marks(df_text *svg, const df_axis *x, const df_axis *y, const df_line *line)
{
    df_text_add(svg, "<path class=\"marks s%zu\" d=\"", line->series % DF_SERIES);
    for (size_t k = 0; k < line->count; k++) {
        if (!is_shown(x, y, line, k)) continue;
        df_text_add(svg, "M");
        add_place(svg, x, y, line->x[k], line->y[k], "h0");
    }
    df_text_add(svg, "\"/>\n");
}

/* There along the upper edge and back along the lower one. */
static void add_around(df_text *svg, const df_axis *x, const df_axis *y, const df_line *line)
{
    bool begun = false;
    df_text_add(svg, "<path class=\"around s%zu\" d=\"", line->series % DF_SERIES);
    for (size_t k = 0; k < 2 * line->count; k++) {
        const size_t i = k < line->count ? k : 2 * line->count - 1 - k;
        const double at = k < line->count ? line->high[i] : line->low[i];
        if (!has_place(line->x[i], x->log) || !has_place(at, y->log)) continue;
        df_text_add(svg, begun ? "L" : "M");
        add_place(svg, x, y, line->x[i], at, "");
        begun = true;
    }
    df_text_add(svg, "\"/>\n");
}

/* A floor that is one number. */
static void add_level(df_text *svg, const df_axis *x, const df_axis *y, double value)
{
    if (!has_place(value, y->log)) return;
    df_text_add(svg, "<path class=\"floor\" d=\"M0 %.1fh%d\"/>\n", y->length - df_axis_place(y, value), x->length);
}

static void add_line(df_text *svg, const df_axis *x, const df_axis *y, const df_line *line)
{
    if (line->style == DF_LINE_FLOOR) {
        if (line->count == 1) add_level(svg, x, y, line->y[0]);
        else add_trace(svg, x, y, line, "floor");
        return;
    }
    if (line->low) add_around(svg, x, y, line);
    add_trace(svg, x, y, line, line->style == DF_LINE_DASHED ? "line dashed" : "line");
    if (line->style == DF_LINE_MARKED) add_marks(svg, x, y, line);
}

static void add_lines(df_text *svg, const df_axis *x, const df_axis *y, const df_graph *graph)
{
    for (size_t l = 0; l < graph->count; l++)
        if (graph->lines[l].style == DF_LINE_FLOOR) add_line(svg, x, y, &graph->lines[l]);
    for (size_t l = 0; l < graph->count; l++)
        if (graph->lines[l].style != DF_LINE_FLOOR) add_line(svg, x, y, &graph->lines[l]);
}

/* ---- the picture ---- */

static bool is_listed(const df_head *head, const char *name)
{
    for (size_t k = 0; k < head->count; k++)
        if (strcmp(head->entries[k].name, name) == 0) return true;
    return false;
}

static df_status list_lines(df_head *head, const df_chart *chart, df_arena *arena, df_error *error)
{
    df_entry *entries;
    size_t most = 0;
    for (size_t g = 0; g < chart->rows * chart->columns; g++) most += chart->graphs[g].count;
    DF_NEW(arena, entries, most, error);
    head->entries = entries;
    for (size_t g = 0; g < chart->rows * chart->columns; g++)
        for (size_t l = 0; l < chart->graphs[g].count; l++) {
            const df_line *line = &chart->graphs[g].lines[l];
            if (line->name && !is_listed(head, line->name))
                entries[head->count++] = (df_entry){line->name, line->series, (int)line->style};
        }
    return DF_OK;
}

/* Graphs one below the other share the labels of the last; in more columns each has its own. */
static void add_graph(df_text *svg, const layout *l, const df_chart *chart, size_t row, size_t column)
{
    const size_t g = row * chart->columns + column;
    const df_graph *graph = &chart->graphs[g];
    const df_axis *y = &l->y[g];
    if (!is_there(graph)) return;
    df_text_add(svg, "<g transform=\"translate(%d %d)\">\n", l->left[column], l->top[row]);
    df_add_grid(svg, &l->x, y);
    df_text_add(svg, "<path class=\"frame\" d=\"M0 %d.5h%d\"/>\n", y->length, l->x.length);
    if (chart->columns > 1 || row + 1 == chart->rows) df_add_x_labels(svg, &l->x, y->length);
    df_add_y_labels(svg, y);
    df_add_caption(svg, graph->caption, NULL, l->x.length);
    add_lines(svg, &l->x, y, graph);
    df_text_add(svg, "</g>\n");
}

df_status df_draw_chart(df_text *svg, const df_chart *chart, df_arena *arena, df_error *error)
{
    layout l = {0};
    df_head head = {.title = chart->title};
    DF_TRY(list_lines(&head, chart, arena, error));
    DF_TRY(lay_out(&l, chart, &head, arena, error));
    df_add_head(svg, &head, l.width, l.height);
    for (size_t row = 0; row < chart->rows; row++)
        for (size_t column = 0; column < chart->columns; column++) add_graph(svg, &l, chart, row, column);
    if (chart->x_name) {
        df_text_add(svg, "<text class=\"aside x\" x=\"%d\" y=\"%d\">", (l.left[0] + l.width - DF_EDGE) / 2,
                    l.height - 10);
        df_add_text(svg, chart->x_name, l.width);
        df_text_add(svg, "</text>\n");
    }
    return df_add_end(svg, error);
}
