/* merge.c -- `diffuse compare --merge`: the tables of many comparisons in one. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct row {
    const char *text;
    size_t place;
} row;

typedef struct joined {
    const char *header, *from; /* and the file that it was first seen in */
    row *rows;
    size_t count;
} joined;

static size_t commas(const char *line)
{
    size_t count = 0;
    while ((line = strchr(line, ','))) line++, count++;
    return count;
}

/* The line at *at, which ends with a NUL from now on; *at becomes the next. */
static char *take_line(char **at)
{
    char *line = *at, *end = line + strcspn(line, "\n");
    *at = *end ? end + 1 : end;
    *end = 0;
    return line;
}

static df_status check_header(joined *j, const char *header, const char *path, df_error *error)
{
    static const char start[] = "model,sampler,steps,calls,";
    if (strncmp(header, start, strlen(start)) != 0)
        return df_fail(error, DF_INPUT, "%s:1: this is not a table that `diffuse compare -o` wrote", path);
    if (!j->header) j->header = header, j->from = path;
    if (strcmp(header, j->header) == 0) return DF_OK;
    return df_fail(error, DF_INPUT, "%s:1: its columns are not those of %s\n  one of them was made with --seeds", path,
                   j->from);
}

static df_status add_table(joined *j, char *bytes, const char *path, df_error *error)
{
    DF_TRY(check_header(j, take_line(&bytes), path, error));
    for (size_t line = 2; *bytes; line++) {
        const char *text = take_line(&bytes);
        if (commas(text) != commas(j->header))
            return df_fail(error, DF_INPUT, "%s:%zu: found %zu fields and expected %zu, as in line 1", path, line,
                           commas(text) + 1, commas(j->header) + 1);
        j->rows[j->count] = (row){text, j->count};
        j->count++;
    }
    return DF_OK;
}

static df_status read_tables(joined *j, const char *const *paths, size_t count, df_arena *arena, df_error *error)
{
    char **bytes;
    size_t lines = 0;
    DF_NEW(arena, bytes, count, error);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        DF_TRY(df_read_file(arena, paths[i], 1 << 24, &bytes[i], &size, error));
        if (memchr(bytes[i], 0, size)) return df_fail(error, DF_INPUT, "%s: a NUL byte; this is no table", paths[i]);
        for (const char *at = bytes[i]; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) lines++;
    }
    DF_NEW(arena, j->rows, lines, error);
    for (size_t i = 0; i < count; i++) DF_TRY(add_table(j, bytes[i], paths[i], error));
    return DF_OK;
}

static int by_place(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static int by_text(const void *a, const void *b)
{
    const int order = strcmp(((const row *)a)->text, ((const row *)b)->text);
    return order ? order : by_place(a, b);
}

/* Keeps the first of equal rows. */
static void drop_repeats(joined *j)
{
    size_t kept = 0;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): they were read */
    qsort(j->rows, j->count, sizeof *j->rows, by_text);
    for (size_t i = 0; i < j->count; i++)
        if (!kept || strcmp(j->rows[i].text, j->rows[kept - 1].text) != 0) j->rows[kept++] = j->rows[i];
    j->count = kept;
    qsort(j->rows, j->count, sizeof *j->rows, by_place);
}

static bool is_floor(const char *text)
{
    return strncmp(strchr(text, ','), ",floor,", 7) == 0;
}

static df_status write_joined(const joined *j, const output_options *to, df_error *error)
{
    df_output out;
    DF_TRY(df_output_open(&out, output_path(to), to->overwrite, error));
    df_output_print(&out, "%s\n", j->header);
    for (int floors = 0; floors <= 1; floors++) /* they come last */
        for (size_t i = 0; i < j->count; i++)
            if (is_floor(j->rows[i].text) == floors) df_output_print(&out, "%s\n", j->rows[i].text);
    return df_output_close(&out, error);
}

df_status merge(const char *const *paths, const output_options *to, df_arena *arena, df_error *error)
{
    joined j = {0};
    size_t count = 0;
    while (paths[count]) count++;
    DF_TRY(read_tables(&j, paths, count, arena, error));
    drop_repeats(&j);
    DF_TRY(write_joined(&j, to, error));
    say(to, "%s of %s\n", plural(j.count, "row"), plural(count, "table"));
    return DF_OK;
}
