/* page.h -- what the pictures share: paper, text, axes, legends, regions. Lengths are in pixels at the natural size. */
#ifndef DIFFUSE_PAGE_H
#define DIFFUSE_PAGE_H

#include "diffuse/draw.h"

enum {
    DF_SERIES = 6,     /* colours before they repeat */
    DF_BANDS = 10,     /* colours of shading, from faint to full */
    DF_EDGE = 16,      /* around everything */
    DF_CAPTION = 24,   /* above a panel */
    DF_TICK_LABEL = 22 /* below it */
};

/* ---- draw/svg.c ---- */

typedef struct df_range {
    double low, high;
} df_range;

double df_span(df_range r);
bool df_contains(df_range r, double value);
df_range df_widened(df_range r, double wanted); /* to at least this span, around the same middle */

/* Lines are drawn through the middle of pixels, which keeps them sharp. */
int df_to_pixel(double length);

/* What stands above the panels. An entry of the legend shows a line as it is drawn, or a dot. */
typedef struct df_entry {
    const char *name;
    size_t series;
    int style; /* of the line, or DF_DOT */
} df_entry;

enum { DF_DOT = -1 };

typedef struct df_head {
    const char *title; /* NULL: none */
    const df_entry *entries;
    size_t count;
} df_head;

/* Opens the document and writes its head, which is as high as df_head_height says. */
void df_add_head(df_text *svg, const df_head *head, int width, int height);
int df_head_height(const df_head *head, int width);
df_status df_add_end(df_text *svg, df_error *error);

/* Text that may hold anything, cut to fit a width. */
void df_add_text(df_text *svg, const char *text, int width);
int df_text_width(const char *text);

/* A panel's caption and beside it, in grey, an aside that is not cut; NULL: none. */
void df_add_caption(df_text *svg, const char *caption, const char *aside, int width);

/* ---- draw/axes.c ---- */

enum { DF_TICKS = 24, DF_LABEL = 32 };

/* Values along `length` pixels, by their logarithm to base 10 where `log` says so. */
typedef struct df_axis {
    df_range range; /* of the values or their logarithms */
    bool log;
    int length;
    size_t count;   /* of the ticks */
    double tick[DF_TICKS]; /* in pixels from the low end */
    char label[DF_TICKS][DF_LABEL];
} df_axis;

/* The least of 1, 2 and 5 times a power of ten that is at least `least`, which is positive. */
double df_round_step(double least);

/* Ticks at all multiples of the step within the range. */
void df_axis_ticks(df_axis *axis, double step);

/* Ticks at round values, at least so many pixels apart. */
void df_axis_round_ticks(df_axis *axis, int apart);

/* From the low end. */
double df_axis_place(const df_axis *axis, double value);

/* Pixels that the longest label takes. */
int df_axis_label_width(const df_axis *axis);

/* The lines of a panel and its frame; the labels below and left of it. */
void df_add_grid(df_text *svg, const df_axis *x, const df_axis *y);
void df_add_x_labels(df_text *svg, const df_axis *x, int height);
void df_add_y_labels(df_text *svg, const df_axis *y);

/* A number as people write it, with a real minus sign; how many letters that is. */
int df_number_label(char out[DF_LABEL], double value);

int df_axis_label_letters(const df_axis *axis); /* of the longest */

/* ---- draw/limits.c: the axes that all panels of a figure share ---- */

int df_ascending(const void *a, const void *b); /* doubles, for qsort */
df_status df_find_limits(df_range *x, df_range *y, const df_figure *figure, df_arena *arena,
                         df_error *error) DF_MUST_CHECK;

/* ---- draw/region.c ---- */

/* Values at the nodes of a grid on the picture: node (i, j) is at left + i across, bottom - j up, in pixels. */
typedef struct df_nodes {
    size_t columns, rows;
    const double *values; /* (rows, columns) */
    double left, bottom, across, up;
    unsigned char *seen;  /* (rows, columns): scratch */
} df_nodes;

/* The region where the values, linear between nodes, are at least `level`, as the path data of closed curves. */
void df_add_region(df_text *svg, const df_nodes *nodes, double level);

/* ---- draw/shade.c, draw/arrows.c: what can lie under points ---- */

/* A panel: pixels and units. */
typedef struct df_canvas {
    df_axis x, y;
    double scale; /* pixels per unit */
    int width, height;
} df_canvas;

/* The colours of all panels: band k < bands begins at low + k step. */
typedef struct df_shading {
    const df_canvas *canvas;
    bool density;    /* of points; else the fields' log densities */
    bool faint;      /* there are arrows to be seen over it */
    double low, step;
    size_t bands;    /* 0: there is nothing to shade */
    double blur;     /* standard deviation, in units, of what each point counts as */
    df_nodes nodes;  /* of the density of points */
    double *values, *scratch;
} df_shading;

df_status df_shading_init(df_shading *shading, const df_canvas *canvas, const df_figure *figure, df_arena *arena,
                          df_error *error) DF_MUST_CHECK;
df_status df_add_shading(df_text *svg, df_shading *shading, const df_panel *panel, df_arena *arena,
                         df_error *error) DF_MUST_CHECK;
void df_add_scale(df_text *svg, const df_shading *shading, int left, int top); /* of the colours */

/* The median length of a field's scores. */
df_status df_typical_score(double *typical, const df_field *field, df_arena *arena,
                           df_error *error) DF_MUST_CHECK;

df_status df_add_arrows(df_text *svg, const df_canvas *canvas, const df_field *field, df_arena *arena,
                        df_error *error) DF_MUST_CHECK;

#endif
