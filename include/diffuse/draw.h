/* layer 2: draw.h -- small static pictures: points, densities, fields and curves, as SVG or in a terminal. */
#ifndef DIFFUSE_DRAW_H
#define DIFFUSE_DRAW_H

#include "diffuse/text.h"

DF_BEGIN

/* Each function appends one whole <svg> document, which can also stand inside a page of HTML. It brings its own
 * colours, for light and dark surroundings; all its rules begin with .diffuse, and those of several pictures on a page
 * are the same. The same picture gives the same bytes. Text may hold anything: it is escaped and cut to fit. */

/* ---- draw/plane.c: panels of the plane, all with the same axes and the same scale in x and y ---- */

/* Values on a regular grid, row by row from below; the outermost grid points lie at left, right, bottom and top. */
typedef struct df_field {
    size_t columns, rows;            /* at least 2 of each */
    double left, right, bottom, top;
    const double *log_density;       /* (rows, columns) in nats, drawn as bands; NULL: none */
    const double *score;             /* (rows, columns, 2), drawn as arrows; NULL: none */
} df_field;

/* What stands in one place of a figure: a field, or nothing, and points over it, or none. A panel without a caption
 * is an empty place. */
typedef struct df_panel {
    const char *caption;
    const df_field *field; /* NULL: none */
    const double *points;  /* (count, 2) */
    size_t count;
    size_t series;         /* chooses the colour: equal for panels that belong together */
    const size_t *kinds;   /* (count) the series of each point instead; NULL: all are of `series` */
} df_panel;

typedef struct df_figure {
    const char *title;        /* NULL: none */
    const df_panel *panels;   /* (rows, columns) */
    size_t rows, columns;
    double limits;            /* both axes go from -limits to limits; 0: as far as the points and fields do */
    bool density;             /* shows how dense the points lie, in place of the points and of log densities */
    const char *const *names; /* of the series, for a legend without those that are ""; ends with NULL. NULL: none */
} df_figure;

/* A few points far from all others in their panel are left out; the caption says how many. A coordinate beyond 1e100
 * fails with DF_INPUT unless limits are given. */
df_status df_draw_plane(df_text *svg, const df_figure *figure, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* ---- draw/chart.c: curves over one quantity ---- */

enum df_line_style { DF_LINE_SOLID, DF_LINE_DASHED, DF_LINE_MARKED, DF_LINE_FLOOR };

/* A curve through points with ascending x. Where y is not finite, or not positive on a logarithmic axis, there is a
 * gap. A floor is drawn in grey behind the others, and a single point of it as a line across. */
typedef struct df_line {
    const char *name;         /* in the legend, each once; NULL: not there */
    size_t count, series;     /* the series chooses the colour */
    enum df_line_style style;
    const double *x, *y;      /* (count) */
    const double *low, *high; /* (count) the edges of a band around it; NULL: none */
} df_line;

typedef struct df_graph {
    const char *caption;      /* what y is; a graph without one is an empty place */
    const df_line *lines;
    size_t count;
    bool log_y;
    double height;            /* in widths; 0: what suits its place */
} df_graph;

typedef struct df_chart {
    const char *title, *x_name; /* NULL: none */
    const df_graph *graphs;     /* (rows, columns): x is the same in all, y is of each */
    size_t rows, columns;
    bool log_x;
} df_chart;

df_status df_draw_chart(df_text *svg, const df_chart *chart, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* ---- draw/terminal.c ---- */

/* The points of a figure in braille, its panels side by side and equally scaled in x and y, as lines of text that are
 * at most `width` letters wide and at most `height` lines. Fields and colours are left out. */
df_status df_draw_terminal(df_text *text, const df_figure *figure, size_t width, size_t height, df_arena *arena,
                           df_error *error) DF_MUST_CHECK;

DF_END
#endif
