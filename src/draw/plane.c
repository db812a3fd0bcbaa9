/* plane.c -- panels of the plane on shared axes: points, how dense they lie, and fields of density and score. */
#include "page.h"

#include <math.h>
#include <stdio.h>

enum {
    LAYERS = 4,       /* paths per panel */
    WIDEST_ROW = 960, /* all panels of a row together, */
    WIDEST_PANEL = 480,
    NARROWEST_PANEL = 140, /* unless there are very many */
    TICKS_APART = 36, /* at least, */
    TICKS_MOST = 8,   /* and about this many */
    SCALE = 84        /* room for the scale of colours */
};

/* ---- layout ---- */

/* What all panels share, and where they are. */
typedef struct layout {
    df_canvas canvas;
    df_shading shading;
    int left, top, across, down; /* of the first panel; from one to the next */
} layout;

static int panel_width(size_t columns)
{
    if (columns * NARROWEST_PANEL >= WIDEST_ROW) return NARROWEST_PANEL;
    const int share = WIDEST_ROW / (int)columns;
    return share < WIDEST_PANEL ? share : WIDEST_PANEL;
}

/* One step for both axes, so that the grid is of squares. */
static void lay_out(layout *l, size_t columns)
{
    df_canvas *c = &l->canvas;
    c->width = c->x.length = panel_width(columns);
    c->scale = c->width / df_span(c->x.range);
    c->height = c->y.length = (int)(df_span(c->y.range) * c->scale + 0.5);
    const int apart = c->width / TICKS_MOST > TICKS_APART ? c->width / TICKS_MOST : TICKS_APART;
    double step = df_round_step(apart / c->scale);
    df_axis_ticks(&c->x, step);
    if (df_axis_label_width(&c->x) > apart) step = df_round_step(df_axis_label_width(&c->x) / c->scale);
    df_axis_ticks(&c->x, step);
    df_axis_ticks(&c->y, step);
    l->left = DF_EDGE + df_axis_label_width(&c->y) + 8;
    l->across = c->width + (columns > 3 ? 12 : 24);
    l->down = c->height + DF_CAPTION + 8;
}

/* ---- points ---- */

/* Many points are small ones, so that about an eighth of the panel would be covered if none overlapped. */
static double dot_width(const df_canvas *c, size_t count)
{
    const double width = sqrt(0.12 * c->width * c->height / (double)count);
    return width < 1.2 ? 1.2 : width > 4 ? 4 : width;
}

static bool is_inside(const df_canvas *c, const double point[2])
{
    return df_contains(c->x.range, point[0]) && df_contains(c->y.range, point[1]);
}

static size_t count_outside(const df_canvas *c, const df_panel *panel)
{
    size_t outside = 0;
    for (size_t i = 0; i < panel->count; i++) outside += !is_inside(c, panel->points + 2 * i);
    return outside;
}

static size_t series_of(const df_panel *panel, size_t i)
{
    return (panel->kinds ? panel->kinds[i] : panel->series) % DF_SERIES;
}

static void add_point(df_text *svg, const df_canvas *c, const double point[2])
{
    const int x = (int)((point[0] - c->x.range.low) * c->scale * 10 + 0.5);
    const int y = (int)((c->y.range.high - point[1]) * c->scale * 10 + 0.5);
    df_text_add(svg, "M%d.%d %d.%dh0", x / 10, x % 10, y / 10, y % 10);
}

/* Every fourth point of one series. A path is painted at once, so that its dots do not darken one another where they
 * overlap. Several paths do: that is how density shows. */
static void add_layer(df_text *svg, const df_canvas *c, const df_panel *panel, size_t series, size_t layer)
{
    bool begun = false;
    for (size_t i = layer; i < panel->count; i += LAYERS) {
        const double *point = panel->points + 2 * i;
        if (series_of(panel, i) != series || !is_inside(c, point)) continue;
        if (!begun) df_text_add(svg, "<path class=\"dots s%zu\" d=\"", series);
        begun = true;
        add_point(svg, c, point);
    }
    if (begun) df_text_add(svg, "\"/>\n");
}

static void add_points(df_text *svg, const df_canvas *c, const df_panel *panel)
{
    if (!panel->count) return;
    const int tenths = (int)(dot_width(c, panel->count) * 10 + 0.5);
    df_text_add(svg, "<g stroke-width=\"%d.%d\">\n", tenths / 10, tenths % 10);
    for (size_t layer = 0; layer < LAYERS; layer++)
        for (size_t s = 0; s < DF_SERIES; s++)
            if (panel->kinds || s == panel->series % DF_SERIES) add_layer(svg, c, panel, s, layer);
    df_text_add(svg, "</g>\n");
}

/* ---- the picture ---- */

static void add_caption(df_text *svg, const df_canvas *c, const df_panel *panel)
{
    char aside[40] = "";
    const size_t outside = count_outside(c, panel);
    if (outside) snprintf(aside, sizeof aside, "%zu outside", outside);
    df_add_caption(svg, panel->caption, outside ? aside : NULL, c->width);
}

static df_status add_content(df_text *svg, layout *l, const df_panel *panel, df_arena *arena, df_error *error)
{
    DF_TRY(df_add_shading(svg, &l->shading, panel, arena, error));
    df_add_grid(svg, &l->canvas.x, &l->canvas.y);
    if (panel->field && panel->field->score) DF_TRY(df_add_arrows(svg, &l->canvas, panel->field, arena, error));
    if (!l->shading.density) add_points(svg, &l->canvas, panel);
    return DF_OK;
}

/* Labels stand at the outside only: left of the first panels and below the lowest ones. */
static df_status add_panel(df_text *svg, layout *l, const df_figure *figure, size_t row, size_t column,
                           df_arena *arena, df_error *error)
{
    const df_canvas *c = &l->canvas;
    const df_panel *panel = &figure->panels[row * figure->columns + column];
    const bool lowest = row + 1 == figure->rows || !panel[figure->columns].caption;
    if (!panel->caption) return DF_OK;
    df_text_add(svg, "<g transform=\"translate(%d %d)\">\n", l->left + (int)column * l->across,
                l->top + (int)row * l->down);
    DF_TRY(add_content(svg, l, panel, arena, error));
    df_text_add(svg, "<rect class=\"frame\" x=\".5\" y=\".5\" width=\"%d\" height=\"%d\"/>\n", c->width, c->height);
    if (lowest) df_add_x_labels(svg, &c->x, c->height);
    if (column == 0) df_add_y_labels(svg, &c->y);
    add_caption(svg, c, panel);
    df_text_add(svg, "</g>\n");
    return DF_OK;
}

static df_status list_names(df_head *head, const char *const *names, df_arena *arena, df_error *error)
{
    df_entry *entries;
    size_t count = 0;
    while (names && names[count]) count++;
    DF_NEW(arena, entries, count, error);
    for (size_t k = 0; k < count; k++)
        if (*names[k]) entries[head->count++] = (df_entry){names[k], k, DF_DOT};
    head->entries = entries;
    return DF_OK;
}

df_status df_draw_plane(df_text *svg, const df_figure *figure, df_arena *arena, df_error *error)
{
    layout l = {0};
    df_canvas *c = &l.canvas;
    df_head head = {.title = figure->title};
    DF_TRY(df_find_limits(&c->x.range, &c->y.range, figure, arena, error));
    lay_out(&l, figure->columns);
    DF_TRY(df_shading_init(&l.shading, c, figure, arena, error));
    DF_TRY(list_names(&head, figure->names, arena, error));
    const int gap = l.across - c->width, right = l.left + (int)figure->columns * l.across - gap;
    const int width = right + (l.shading.bands ? gap + SCALE : DF_EDGE);
    l.top = df_head_height(&head, width) + DF_CAPTION;
    df_add_head(svg, &head, width, l.top + (int)(figure->rows - 1) * l.down + c->height + DF_TICK_LABEL + DF_EDGE / 2);
    for (size_t row = 0; row < figure->rows; row++)
        for (size_t column = 0; column < figure->columns; column++)
            DF_TRY(add_panel(svg, &l, figure, row, column, arena, error));
    if (l.shading.bands) df_add_scale(svg, &l.shading, right + gap, l.top);
    return df_add_end(svg, error);
}
