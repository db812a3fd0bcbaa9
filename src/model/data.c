/* data.c -- points by shape or by file, and the transform that brings them to unit scale. */
#include "diffuse/model.h"

#include "diffuse/shape.h"
#include "diffuse/table.h"
#include "diffuse/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void df_transform_apply(const df_transform *transform, double *x, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < transform->dim; i++, x++) *x = (*x - transform->mean[i]) / transform->scale[i];
}

void df_transform_undo(const df_transform *transform, double *x, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < transform->dim; i++, x++)
            *x = (double)(float)(transform->mean[i] + transform->scale[i] * *x);
}

static double column_mean(const df_data *data, size_t column)
{
    double sum = 0;
    for (size_t r = 0; r < data->rows; r++) sum += data->x[r * data->dim + column];
    return sum / (double)data->rows;
}

static double column_variance(const df_data *data, size_t column, double mean)
{
    double sum = 0;
    for (size_t r = 0; r < data->rows; r++) {
        const double d = data->x[r * data->dim + column] - mean;
        sum += d * d;
    }
    return sum / (double)data->rows;
}

df_status df_transform_fit(df_transform *t, df_arena *arena, const df_data *data, int scaling, df_error *error)
{
    t->dim = data->dim;
    DF_NEW(arena, t->mean, data->dim, error);
    DF_NEW(arena, t->scale, data->dim, error);
    double total = 0;
    for (size_t i = 0; i < data->dim; i++) {
        const double mean = column_mean(data, i), variance = column_variance(data, i, mean);
        if (!(variance < HUGE_VAL))
            return df_fail(error, DF_INPUT, "%s: column %s has values too large to square", data->source,
                           data->names[i]);
        if (scaling == DF_SCALE_PER_COLUMN && !(variance > 0))
            return df_fail(error, DF_INPUT, "%s: column %s has the same value in every row, so it has no scale\n"
                           "  leave it out with --columns, or use --scale common", data->source, data->names[i]);
        t->mean[i] = scaling == DF_SCALE_NONE ? 0 : mean;
        t->scale[i] = scaling == DF_SCALE_NONE ? 1 : sqrt(variance);
        total += variance;
    }
    if (scaling == DF_SCALE_COMMON) {
        const double scale = sqrt(total / (double)data->dim);
        if (!(scale > 0))
            return df_fail(error, DF_INPUT, "%s: all %zu points are the same, or next to it, so there is no shape "
                           "to learn", data->source, data->rows);
        for (size_t i = 0; i < data->dim; i++) t->scale[i] = scale;
    }
    return DF_OK;
}

static df_status load_shape(df_data *data, df_arena *arena, const df_shape *shape, uint64_t points, double noise,
                            uint64_t seed, df_error *error)
{
    static const char *names[] = {"x", "y"};
    data->dim = DF_SHAPE_DIM;
    data->rows = points;
    data->names = names;
    df_cloud cloud;
    DF_TRY(df_cloud_open(&cloud, arena, shape, noise < 0 ? shape->noise : noise, error));
    DF_NEW(arena, data->x, data->rows * data->dim, error);
    df_cloud_points(&cloud, seed, 0, points, data->x, NULL);
    return DF_OK;
}

/* Moves the columns that are points to the front of each row, leaving out "label". */
static void drop_labels(df_data *data, df_table *table)
{
    size_t kept = 0;
    for (size_t c = 0; c < table->columns; c++)
        if (strcmp(table->names[c], "label") != 0) {
            for (size_t r = 0; r < table->rows; r++)
                table->values[r * table->columns + kept] = table->values[r * table->columns + c];
            table->names[kept++] = table->names[c];
        }
    for (size_t r = 0; r < table->rows; r++)
        memmove(table->values + r * kept, table->values + r * table->columns, kept * sizeof *table->values);
    data->dim = kept;
}

/* Nine digits give a float back to whoever reads them as a float. What is the nine-digit text of a float becomes that
 * float, and nothing else changes: so points learned from a CSV of this program are the points that it made. */
static double as_made(double x)
{
    const double rounded = (double)(float)x;
    char digits[DF_NUMBER_ROOM];
    double back;
    if (rounded == x || !(fabs(rounded - x) <= 1e-8 * fabs(x))) return x;
    df_format_double(digits, rounded);
    return df_parse_double(digits, &back) && back == x ? rounded : x;
}

static df_status load_file(df_data *data, df_arena *arena, const char *path, const char *columns, df_error *error)
{
    df_table table;
    DF_TRY(df_table_read(&table, arena, path, columns, error));
    DF_TRY(df_table_check_floats(&table, error));
    data->dim = table.columns;
    if (!columns) drop_labels(data, &table);
    if (data->dim == 0) return df_fail(error, DF_INPUT, "%s: there is no column of points besides the labels", path);
    for (size_t c = 0; c < data->dim; c++)
        if (df_csv_needs_quotes(table.names[c]))
            return df_fail(error, DF_INPUT,
                           "%s: samples could not be written with the name of column %zu; let it be plain text "
                           "without commas, semicolons, quotes or blanks at its ends, and not a number", path, c + 1);
    for (size_t i = 0; i < table.rows * data->dim; i++) table.values[i] = as_made(table.values[i]);
    data->rows = table.rows;
    data->x = table.values;
    data->names = (const char **)table.names;
    return DF_OK;
}

/* A name that is no shape and no file either may be a shape misspelt. */
static df_status load_named_file(df_data *data, df_arena *arena, const char *path, const char *columns, df_error *error)
{
    const df_status status = load_file(data, arena, path, columns, error);
    const char *near = status == DF_IO && !strpbrk(path, "./") ? df_nearest_shape(path) : NULL;
    const size_t used = strlen(error->message);
    if (near) snprintf(error->message + used, sizeof error->message - used, "\n  did you mean the shape %s?", near);
    return status;
}

df_status df_data_load(df_data *data, df_arena *arena, const char *source, const char *columns, uint64_t points,
                       double noise, uint64_t seed, df_error *error)
{
    const df_shape *shape = df_find_shape(source);
    data->source = source;
    DF_TRY(shape ? load_shape(data, arena, shape, points, noise, seed, error)
                 : load_named_file(data, arena, source, columns, error));
    data->crc = df_crc32c(0, data->x, data->rows * data->dim * sizeof *data->x);
    return DF_OK;
}
