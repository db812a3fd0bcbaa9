/* table.c -- tables of numbers as files: which columns, which format, and rows counted as promised. */
#include "diffuse/table.h"

#include "diffuse/conditions.h"
#include "diffuse/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SHOWN = 20, SHOWN = 64 };

bool df_table_is_npy(const char *path)
{
    const size_t size = strlen(path);
    return size >= 4 && strcmp(path + size - 4, ".npy") == 0;
}

/* Choosing columns. */

static char *default_name(df_arena *arena, size_t column, df_error *error)
{
    char name[32];
    if (column < 3) snprintf(name, sizeof name, "%c", "xyz"[column]);
    else snprintf(name, sizeof name, "c%zu", column + 1);
    return df_copy_text(arena, name, error);
}

/* The list ends with NULL for df_nearest_name. Names are copied: the file's bytes may go before the table. */
static df_status copy_names(char ***copies, df_arena *arena, size_t count, char *const *names,
                            df_error *error)
{
    DF_NEW(arena, *copies, count + 1, error);
    for (size_t c = 0; c < count; c++) {
        (*copies)[c] = names ? df_copy_text(arena, names[c], error) : default_name(arena, c, error);
        if (!(*copies)[c]) return DF_LIMIT;
    }
    return DF_OK;
}

static void list_names(char *list, size_t room, char *const *names, size_t count)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t c = 0; c < count; c++) {
        char name[SHOWN];
        df_printable(name, sizeof name, names[c]);
        const bool cut = c == NAMES_SHOWN || room - used < 2 * SHOWN;
        used += (size_t)snprintf(list + used, room - used, "%s%s", c ? ", " : "", cut ? "..." : name);
        if (cut) break;
    }
}

static df_status unknown_column(df_error *error, const char *path, const char *choice, char *const *names,
                                size_t count)
{
    char shown[SHOWN], list[640], hint[2 * SHOWN] = "";
    df_printable(shown, sizeof shown, choice);
    list_names(list, sizeof list, names, count);
    const char *nearest = df_nearest_name(choice, (const char *const *)names);
    if (nearest) snprintf(hint, sizeof hint, "; did you mean '%s'?", nearest);
    return df_fail(error, DF_USAGE, "%s: there is no column '%s'%s\n  its columns are %s", path, shown, hint,
                   list);
}

static bool find_column(const char *choice, char *const *names, size_t count, size_t *column)
{
    for (*column = 0; *column < count; ++*column)
        if (strcmp(choice, names[*column]) == 0) return true;
    uint64_t number;
    if (!df_parse_uint64(choice, &number) || number < 1 || number > count) return false;
    *column = (size_t)number - 1;
    return true;
}

static df_status add_column(df_table *table, size_t *from, const char *choice, char *const *names,
                            size_t count, df_error *error)
{
    size_t column;
    if (!find_column(choice, names, count, &column))
        return unknown_column(error, table->path, choice, names, count);
    for (size_t c = 0; c < table->columns; c++)
        if (from[c] == column)
            return df_fail(error, DF_USAGE, "column '%.99s' is chosen twice; name it once", names[column]);
    table->names[table->columns] = names[column];
    from[table->columns++] = column;
    return DF_OK;
}

df_status df_table_choose(df_table *table, df_arena *arena, size_t **from, size_t file_columns,
                          char *const *names, const char *columns, df_error *error)
{
    table->named = names != NULL;
    char **all;
    DF_TRY(copy_names(&all, arena, file_columns, names, error));
    DF_NEW(arena, *from, file_columns, error);
    if (!columns) {
        for (size_t c = 0; c < file_columns; c++) (*from)[c] = c;
        table->columns = file_columns;
        table->names = all;
        return DF_OK;
    }
    DF_NEW(arena, table->names, file_columns + 1, error);
    table->columns = 0;
    char *rest = df_copy_text(arena, columns, error);
    if (!rest) return DF_LIMIT;
    while (rest) {
        char *comma = strchr(rest, ',');
        if (comma) *comma = '\0';
        DF_TRY(add_column(table, *from, rest, all, file_columns, error));
        rest = comma ? comma + 1 : NULL;
    }
    return DF_OK;
}

/* Reading. */

df_status df_table_parse(df_table *table, df_arena *arena, const char *path, char *bytes, size_t size,
                         const char *columns, df_error *error)
{
    *table = (df_table){.path = strcmp(path, "-") == 0 ? "standard input" : path};
    DF_TRY(df_check_locale(table->path, error));
    return df_table_is_npy(path) ? df_npy_parse(table, arena, bytes, size, columns, error)
                        : df_csv_parse(table, arena, bytes, size, columns, error);
}

df_status df_table_read(df_table *table, df_arena *arena, const char *path, const char *columns,
                        df_error *error)
{
    const size_t most = UINT32_MAX;
    df_arena file = {0};
    char *bytes;
    size_t size;
    df_status status = df_read_file(&file, path, most, &bytes, &size, error);
    if (status == DF_OK) status = df_table_parse(table, arena, path, bytes, size, columns, error);
    df_arena_free(&file);
    return status;
}

df_status df_table_check_floats(const df_table *table, df_error *error)
{
    const double most = (double)FLT_MAX;
    for (size_t r = 0; r < table->rows; r++)
        for (size_t c = 0; c < table->columns; c++) {
            const double value = table->values[r * table->columns + c];
            if (!(fabs(value) <= most))
                return df_fail(error, DF_INPUT, "%s:%zu: column '%.60s' has %g, and points go from -%.2g to %.2g",
                               table->path, table->lines[r], table->names[c], value, most, most);
        }
    return DF_OK;
}

/* Writing. */

df_status df_table_open(df_table_writer *writer, const char *path, bool overwrite, size_t columns,
                        const char *const *names, uint64_t rows, df_error *error)
{
    *writer = (df_table_writer){.columns = columns, .npy = df_table_is_npy(path), .rows_promised = rows};
    DF_TRY(df_output_open(&writer->output, path, overwrite, error));
    if (writer->npy) {
        df_npy_write_header(&writer->output, rows, columns);
        return DF_OK;
    }
    if (!names) return DF_OK;
    const df_status status = df_csv_write_header(&writer->output, columns, names, error);
    if (status != DF_OK) df_table_abandon(writer);
    return status;
}

static df_status check_finite(df_table_writer *writer, const double *row, df_error *error)
{
    for (size_t c = 0; c < writer->columns; c++) {
        if (fabs(row[c]) <= DBL_MAX) continue;
        const bool whole = writer->output.partial;
        const char *path = strcmp(writer->output.path, "-") == 0 ? "standard output" : writer->output.path;
        df_table_abandon(writer);
        return df_fail(error, DF_DIVERGED, "row %llu, column %zu of %s would be %g%s",
                       (unsigned long long)writer->rows_written + 1, c + 1, path, row[c],
                       whole ? "; nothing was saved" : "");
    }
    return DF_OK;
}

df_status df_table_write(df_table_writer *writer, const double *values, size_t rows, df_error *error)
{
    for (size_t r = 0; r < rows; r++) {
        const double *row = values + r * writer->columns;
        DF_TRY(check_finite(writer, row, error));
        if (writer->npy) df_npy_write_row(&writer->output, row, writer->columns);
        else df_csv_write_row(&writer->output, row, writer->columns);
        writer->rows_written++;
    }
    if (writer->output.failure.status != DF_OK) *error = writer->output.failure;
    return writer->output.failure.status;
}

df_status df_table_close(df_table_writer *writer, df_error *error)
{
    const bool failed = writer->output.failure.status != DF_OK;
    if (!failed && writer->rows_written != writer->rows_promised) {
        df_table_abandon(writer);
        return df_fail(error, DF_IO, "%s was to have %llu rows and got %llu; nothing was saved",
                       writer->output.path, (unsigned long long)writer->rows_promised,
                       (unsigned long long)writer->rows_written);
    }
    return df_output_close(&writer->output, error);
}

void df_table_abandon(df_table_writer *writer)
{
    df_output_abandon(&writer->output);
}
