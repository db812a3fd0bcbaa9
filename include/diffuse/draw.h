/* layer 2: draw.h -- small static pictures of point sets: panels on shared axes, as SVG. */
#ifndef DIFFUSE_DRAW_H
#define DIFFUSE_DRAW_H

#include "diffuse/text.h"

DF_BEGIN

/* One set of points. A panel without a caption is an empty place in the figure. */
typedef struct df_panel {
    const char *caption;
    const double *points; /* (count, 2) */
    size_t count;
    size_t series; /* chooses the colour: equal for panels that belong together */
} df_panel;

typedef struct df_figure {
    const char *title;      /* NULL: none */
    const df_panel *panels; /* (rows, columns) */
    size_t rows, columns;
    double limits; /* both axes go from -limits to limits; 0: as far as the points do */
} df_figure;

/* ---- draw/svg.c ---- */

/* Appends a whole SVG document. All panels have the same axes, and the axes have the same scale. A few points
 * far from all others in their panel are left out; the caption says how many. The same figure gives the same
 * bytes. A coordinate beyond 1e100 fails with DF_INPUT unless limits are given. */
df_status df_draw_scatter(df_text *svg, const df_figure *figure, df_arena *arena,
                          df_error *error) DF_MUST_CHECK;

DF_END
#endif
