/* plot.h -- what `diffuse plot` draws: files, and the figure or chart they make together. */
#ifndef DIFFUSE_PLOT_H
#define DIFFUSE_PLOT_H

#include "cli.h"

#include "diffuse/draw.h"

typedef struct plot_options {
    const char *title, *columns;
    double limits;
    uint64_t frames;
    bool density, overlay;
} plot_options;

/* What a file holds, by its header: points or trajectories, and what has columns of its own. */
typedef enum plot_kind { PLOT_PLANE, PLOT_FIELD, PLOT_LOG, PLOT_COMPARISON } plot_kind;

typedef struct plot_source {
    const char *path, *name; /* the name: without folders and ending */
    plot_kind kind;
    char *bytes;
    size_t size;
} plot_source;

df_status plot_plane(df_figure *figure, plot_source *sources, size_t count, const plot_options *options,
                     df_arena *arena, df_error *error);
df_status plot_logs(df_chart *chart, plot_source *sources, size_t count, const plot_options *options, df_arena *arena,
                    df_error *error);
df_status plot_comparisons(df_chart *chart, plot_source *sources, size_t count, const plot_options *options,
                           df_arena *arena, df_error *error);

/* Whether a list with commas between holds a name; every one is in NULL. */
bool is_in_list(const char *list, const char *name);

#endif
