/* plot.h -- what `diffuse plot` draws: files, and the figure or chart they make together. */
#ifndef DIFFUSE_PLOT_H
#define DIFFUSE_PLOT_H

#include "cli.h"

#include "diffuse/html.h"

typedef struct plot_options {
    const char *title, *columns, *data, *field;
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

/* The field that a table holds, whose columns are these. */
#define PLOT_FIELD_COLUMNS "x,y,log_density,score_x,score_y"
df_status plot_field(df_field *field, const df_table *table, df_arena *arena, df_error *error);

/* A page that plays trajectory files side by side, over options->data and with the score of options->field. */
df_status play(df_text *html, const plot_options *options, const char *const *paths, size_t count, df_arena *arena,
               df_error *error);

/* The name of a file without folders and ending. */
df_status base_name(const char **name, const char *path, df_arena *arena, df_error *error);

/* Whether a list with commas between holds a name; every one is in NULL. */
bool is_in_list(const char *list, const char *name);

#endif
