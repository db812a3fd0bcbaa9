/* shade.c -- a density in the plane as bands of colour: of points, or the logarithm of one that a field holds. */
#include "page.h"

#include "diffuse/math.h"

#include <stdio.h>

#define DEPTH 10.0 /* a log density is shown down to this many nats below its greatest value */

enum { NODES_LEAST = 80, NODES_MOST = 160, FIELD_NODES_MOST = 240, /* of the longer side */
       WIDE = 12, HIGHEST = 240 /* the scale of colours */ };

/* ---- the density of points ---- */

/* Bandwidths that suit smooth densities would hide the thin curves that this program is about. */
static double blur_of(const df_figure *figure, double width)
{
    size_t least = 0;
    for (size_t p = 0; p < figure->rows * figure->columns; p++) {
        const size_t count = figure->panels[p].count;
        if (count && (!least || count < least)) least = count;
    }
    return 0.055 * width * df_exp(-df_log((double)least + 1) / 6);
}

static df_status reserve(df_shading *s, df_arena *arena, df_error *error)
{
    const df_canvas *c = s->canvas;
    size_t columns = (size_t)c->width / 3;
    if (columns < NODES_LEAST) columns = NODES_LEAST;
    if (columns > NODES_MOST) columns = NODES_MOST;
    const double apart = (double)c->width / (double)(columns - 1);
    const size_t rows = (size_t)(c->height / apart + 0.5) + 1;
    DF_NEW(arena, s->values, columns * rows, error);
    DF_NEW(arena, s->scratch, columns * rows, error);
    DF_NEW(arena, s->nodes.seen, columns * rows, error);
    s->nodes.columns = columns;
    s->nodes.rows = rows;
    s->nodes.values = s->values;
    s->nodes.bottom = c->height;
    s->nodes.across = apart;
    s->nodes.up = (double)c->height / (double)(rows - 1);
    return DF_OK;
}

/* Each point is shared by the four nodes around it. */
static void share_points(df_shading *s, const df_panel *panel)
{
    const df_canvas *c = s->canvas;
    const size_t columns = s->nodes.columns, rows = s->nodes.rows;
    for (size_t k = 0; k < columns * rows; k++) s->values[k] = 0;
    for (size_t r = 0; r < panel->count; r++) {
        const double x = (panel->points[2 * r] - c->x.range.low) * c->scale / s->nodes.across;
        const double y = (panel->points[2 * r + 1] - c->y.range.low) * c->scale / s->nodes.up;
        if (!(x >= 0 && y >= 0 && x < (double)(columns - 1) && y < (double)(rows - 1))) continue;
        const size_t i = (size_t)x, j = (size_t)y;
        const double right = x - (double)i, over = y - (double)j;
        double *low = s->values + j * columns + i, *high = low + columns;
        low[0] += (1 - right) * (1 - over);
        low[1] += right * (1 - over);
        high[0] += (1 - right) * over;
        high[1] += right * over;
    }
}

/* to[k] = sum_d w(d) from[k + d], along `count` values `stride` apart. */
static void blur_line(double *to, const double *from, size_t count, size_t stride, const double *weight, size_t reach)
{
    for (size_t k = 0; k < count; k++) {
        double sum = weight[0] * from[k * stride];
        for (size_t d = 1; d <= reach; d++) {
            if (k >= d) sum += weight[d] * from[(k - d) * stride];
            if (k + d < count) sum += weight[d] * from[(k + d) * stride];
        }
        to[k * stride] = sum;
    }
}

/* By a Gaussian in nodes, first along the rows and then along the columns, and times `scale`. */
static void blur(df_shading *s, double deviation, double scale)
{
    enum { REACH = 24 };
    double weight[REACH + 1], sum = 0;
    const size_t columns = s->nodes.columns, rows = s->nodes.rows;
    deviation = df_clamp(deviation, 0.8, REACH / 3.0);
    for (size_t d = 0; d <= REACH; d++) {
        const double part = (double)d / deviation;
        weight[d] = df_exp(-part * part / 2);
        sum += d ? 2 * weight[d] : weight[d];
    }
    for (size_t d = 0; d <= REACH; d++) weight[d] /= sum;
    for (size_t j = 0; j < rows; j++)
        blur_line(s->scratch + j * columns, s->values + j * columns, columns, 1, weight, REACH);
    for (size_t i = 0; i < columns; i++) blur_line(s->values + i, s->scratch + i, rows, columns, weight, REACH);
    for (size_t k = 0; k < columns * rows; k++) s->values[k] *= scale;
}

/* Per square unit. */
static void find_density(df_shading *s, const df_panel *panel)
{
    const df_canvas *c = s->canvas;
    const double of_node = c->scale * c->scale / (s->nodes.across * s->nodes.up);
    share_points(s, panel);
    blur(s, s->blur * c->scale / s->nodes.across, of_node / (double)panel->count);
}

/* A field's own grid, at most so fine as is seen. */
static df_status lay_nodes(df_nodes *n, const df_canvas *c, const df_field *f, df_arena *arena, df_error *error)
{
    const size_t more = f->columns > f->rows ? f->columns : f->rows;
    const size_t stride = (more - 1) / FIELD_NODES_MOST + 1;
    const size_t columns = (f->columns - 1) / stride + 1, rows = (f->rows - 1) / stride + 1;
    double *values;
    DF_NEW(arena, values, columns * rows, error);
    DF_NEW(arena, n->seen, columns * rows, error);
    for (size_t j = 0; j < rows; j++)
        for (size_t i = 0; i < columns; i++)
            values[j * columns + i] = f->log_density[j * stride * f->columns + i * stride];
    const double dx = (f->right - f->left) / (double)(f->columns - 1);
    const double dy = (f->top - f->bottom) / (double)(f->rows - 1);
    n->columns = columns;
    n->rows = rows;
    n->values = values;
    n->left = (f->left - c->x.range.low) * c->scale;
    n->bottom = (c->y.range.high - f->bottom) * c->scale;
    n->across = (double)stride * dx * c->scale;
    n->up = (double)stride * dy * c->scale;
    return DF_OK;
}

static size_t colour(const df_shading *s, size_t band)
{
    return s->bands < 2 ? DF_BANDS - 1 : band * (DF_BANDS - 1) / (s->bands - 1);
}

static void add_bands(df_text *svg, const df_shading *s, const df_nodes *nodes)
{
    df_text_add(svg, "<svg width=\"%d\" height=\"%d\">\n", s->canvas->width, s->canvas->height);
    for (size_t k = 0; k < s->bands; k++) {
        df_text_add(svg, "<path class=\"%c%zu\" d=\"", s->faint ? 'f' : 'b', colour(s, k));
        df_add_region(svg, nodes, s->low + (double)k * s->step);
        df_text_add(svg, "\"/>\n");
    }
    df_text_add(svg, "</svg>\n");
}

df_status df_add_shading(df_text *svg, df_shading *s, const df_panel *panel, df_arena *arena, df_error *error)
{
    if (s->density && panel->count) {
        find_density(s, panel);
        add_bands(svg, s, &s->nodes);
    } else if (!s->density && panel->field && panel->field->log_density) {
        df_nodes nodes = {0};
        DF_TRY(lay_nodes(&nodes, s->canvas, panel->field, arena, error));
        add_bands(svg, s, &nodes);
    }
    return DF_OK;
}

/* ---- bands ---- */

static void include(double *most, const double *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (values[k] > *most && values[k] < HUGE_VAL) *most = values[k];
}

static double greatest(df_shading *s, const df_figure *figure)
{
    double most = -HUGE_VAL;
    for (size_t p = 0; p < figure->rows * figure->columns; p++) {
        const df_panel *panel = &figure->panels[p];
        const df_field *f = panel->field;
        if (s->density && panel->count) {
            find_density(s, panel);
            include(&most, s->values, s->nodes.columns * s->nodes.rows);
        } else if (!s->density && f && f->log_density) {
            include(&most, f->log_density, f->rows * f->columns);
            s->faint |= f->score != NULL;
        }
    }
    return most;
}

/* Bands have equal widths. Those of a density begin a little above 0, those of its logarithm DEPTH below the most. */
static void set_bands(df_shading *s, double most)
{
    const double depth = s->density ? most : DEPTH;
    if (!(most > -HUGE_VAL) || !(depth > 0)) return;
    s->step = df_round_step(depth / DF_BANDS);
    s->low = s->density ? s->step / 2 : ceil((most - depth) / s->step) * s->step;
    while (s->bands < DF_BANDS && s->low + (double)s->bands * s->step < most) s->bands++;
}

df_status df_shading_init(df_shading *s, const df_canvas *canvas, const df_figure *figure, df_arena *arena,
                          df_error *error)
{
    *s = (df_shading){.canvas = canvas, .density = figure->density};
    if (s->density) {
        DF_TRY(reserve(s, arena, error));
        s->blur = blur_of(figure, df_span(canvas->x.range));
    }
    set_bands(s, greatest(s, figure));
    return DF_OK;
}

void df_add_scale(df_text *svg, const df_shading *s, int left, int top)
{
    char label[DF_LABEL];
    const int height = s->canvas->height < HIGHEST ? s->canvas->height : HIGHEST, each = height / (int)s->bands;
    df_text_add(svg, "<g transform=\"translate(%d %d)\">\n<text class=\"aside\" y=\"-8\">%s</text>\n", left, top,
                s->density ? "density" : "log density");
    for (size_t k = 0; k < s->bands; k++) {
        const int y = each * (int)(s->bands - 1 - k);
        df_text_add(svg, "<rect class=\"%c%zu\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", s->faint ? 'f' : 'b',
                    colour(s, k), y, WIDE, each);
        if (each < 12 && k % 2) continue;
        df_number_label(label, s->low + (double)k * s->step);
        df_text_add(svg, "<text class=\"tick\" x=\"%d\" y=\"%d\">%s</text>\n", WIDE + 6, y + each + 4, label);
    }
    df_text_add(svg, "</g>\n");
}
