/* layer 2: table.h -- point sets as CSV or NPY files, in and out. */
#ifndef DIFFUSE_TABLE_H
#define DIFFUSE_TABLE_H

#include "diffuse/arena.h"
#include "diffuse/file.h"

DF_BEGIN

/* Numbers in rows and named columns. */
typedef struct df_table {
    size_t rows, columns;
    bool named;       /* the names are the file's own, not invented */
    char **names;     /* one a column; from the header, or "x", "y", "z", "c4", ... */
    double *values;   /* (rows, columns), all finite */
    size_t *lines;    /* the file's line (from 1) of each row, for messages; in an NPY file, the row */
    const char *path; /* the source's name, for messages */
} df_table;

/* The most that is read: beyond these a file is refused with DF_LIMIT. */
enum { DF_TABLE_ROWS = 100000000, DF_TABLE_COLUMNS = 4096 };

/* Reads a CSV, or an NPY file when the name ends in .npy; "-" is standard input. `columns` chooses what to
 * keep, by name or by number from 1: "x,y", "5,2"; NULL keeps all. What is not kept may be anything. */
df_status df_table_read(df_table *table, df_arena *arena, const char *path, const char *columns,
                        df_error *error) DF_MUST_CHECK;

/* The same from memory; `path` names the source in messages and must outlive the table. `bytes` must have a
 * NUL after the last of the `size` bytes, and is taken apart in place. */
df_status df_table_parse(df_table *table, df_arena *arena, const char *path, char *bytes, size_t size,
                         const char *columns, df_error *error) DF_MUST_CHECK;

bool df_table_is_npy(const char *path);

/* Refuses values that no float can hold: points are written as floats. */
df_status df_table_check_floats(const df_table *table, df_error *error) DF_MUST_CHECK;

/* Writes a table row by row, CSV or NPY by the name's ending. */
typedef struct df_table_writer {
    df_output output;
    size_t columns;
    bool npy;
    uint64_t rows_promised, rows_written;
} df_table_writer;

/* `rows` must be known for NPY and is checked on close for both. `names`: one a column; NULL: a CSV without header,
 * which continues another. */
df_status df_table_open(df_table_writer *writer, const char *path, bool overwrite, size_t columns,
                        const char *const *names, uint64_t rows, df_error *error) DF_MUST_CHECK;

/* `values`: (rows, columns). A value that is not finite fails (DF_DIVERGED) and nothing is left behind. */
df_status df_table_write(df_table_writer *writer, const double *values, size_t rows,
                         df_error *error) DF_MUST_CHECK;

df_status df_table_close(df_table_writer *writer, df_error *error) DF_MUST_CHECK;
void df_table_abandon(df_table_writer *writer);

/* What the two formats provide, and what they share. `table->path` is set before a parser is called. */
df_status df_csv_parse(df_table *table, df_arena *arena, char *bytes, size_t size, const char *columns,
                       df_error *error) DF_MUST_CHECK;
df_status df_npy_parse(df_table *table, df_arena *arena, const char *bytes, size_t size, const char *columns,
                       df_error *error) DF_MUST_CHECK;
df_status df_csv_write_header(df_output *output, size_t columns, const char *const *names,
                              df_error *error) DF_MUST_CHECK;
bool df_csv_needs_quotes(const char *name); /* such a column can be read but not written */
void df_csv_write_row(df_output *output, const double *values, size_t columns);
void df_npy_write_header(df_output *output, uint64_t rows, size_t columns);
void df_npy_write_row(df_output *output, const double *values, size_t columns);

/* Sets the table's columns and names to those chosen from the file's, and (*from)[c] to the file's column
 * that becomes column c. `names` are the file's, or NULL for "x", "y", "z", "c4", ... */
df_status df_table_choose(df_table *table, df_arena *arena, size_t **from, size_t file_columns,
                          char *const *names, const char *columns, df_error *error) DF_MUST_CHECK;

DF_END
#endif
