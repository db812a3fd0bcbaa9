/* fuzz_table.h -- what the two readers of points promise: finite numbers, and the same ones when a column is chosen. */
#ifndef FUZZ_TABLE_H
#define FUZZ_TABLE_H

#include "diffuse/table.h"

#include "fuzz.h"

#include <math.h>

static df_status parse_copy(df_table *table, df_arena *arena, const char *path, const char *bytes, size_t size,
                            const char *columns)
{
    df_error error = {0};
    char *copy = malloc(size + 1);
    MUST(copy);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    const df_status status = df_table_parse(table, arena, path, copy, size, columns, &error);
    free(copy);
    MUST(status == DF_OK || (status == error.status && error.message[0]));
    return status;
}

static void try_table(const char *path, const char *bytes, size_t size)
{
    df_arena arena = {0};
    df_table all, last;
    if (parse_copy(&all, &arena, path, bytes, size, NULL) == DF_OK) {
        MUST(all.columns > 0 && all.rows > 0);
        for (size_t i = 0; i < all.rows * all.columns; i++) MUST(isfinite(all.values[i]));
        for (size_t r = 1; r < all.rows; r++) MUST(all.lines[r - 1] < all.lines[r]);
        char number[32];
        snprintf(number, sizeof number, "%zu", all.columns);
        const df_status status = parse_copy(&last, &arena, path, bytes, size, number);
        if (status == DF_OK) { /* not so when another column has that number for its name, and no numbers in it */
            MUST(last.columns == 1 && last.rows == all.rows);
            size_t c = 0;
            while (strcmp(all.names[c], last.names[0]) != 0) MUST(++c < all.columns);
            for (size_t r = 0; r < all.rows; r++) MUST(last.values[r] == all.values[r * all.columns + c]);
        }
    } else {
        (void)parse_copy(&last, &arena, path, bytes, size, "1,y");
    }
    df_arena_free(&arena);
}

#endif
