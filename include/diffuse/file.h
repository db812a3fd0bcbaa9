/* layer 1: file.h -- files that appear whole or not at all, and the CRC-32C that tells whether they did. */
#ifndef DIFFUSE_FILE_H
#define DIFFUSE_FILE_H

#include "diffuse/arena.h"

DF_BEGIN

/* The whole of a file in arena memory, with a NUL after the last byte; "-" is standard input. Fails with
 * DF_LIMIT above `most` bytes, before anything that large is allocated. */
df_status df_read_file(df_arena *arena, const char *path, size_t most, char **bytes, size_t *size,
                       df_error *error) DF_MUST_CHECK;

/* Output that is buffered, checked, and renamed into place when it is complete. "-" is standard output;
 * devices and pipes are written directly. */
typedef struct df_output {
    const char *path; /* as given; must outlive the output */
    char *target;     /* what `path` leads to through symbolic links; NULL when writing directly */
    char *partial;    /* the temporary file's name; NULL when writing directly */
    char *buffer;     /* NULL unless open */
    size_t used;
    int descriptor;
    uint64_t written; /* bytes added so far, those in the buffer included */
    df_error failure; /* the first failure; later writes do nothing */
} df_output;

/* Opens a temporary file beside `path`, and removes those that killed programs have left there. Refuses a path
 * that exists, unless `overwrite`. */
df_status df_output_open(df_output *output, const char *path, bool overwrite, df_error *error) DF_MUST_CHECK;

/* True when `path` could be opened for output now; nothing is left behind. For long work: ask before it. */
df_status df_output_check(const char *path, bool overwrite, df_error *error) DF_MUST_CHECK;

void df_output_add(df_output *output, const void *bytes, size_t size);
void df_output_print(df_output *output, const char *format, ...) DF_PRINTF(2, 3);

/* Writes what is buffered, so that a reader of a pipe or log sees it. */
void df_output_flush(df_output *output);

/* Flushes, syncs and renames into place; on any failure removes the temporary file and leaves `path` as
 * it was. Always releases the output. */
df_status df_output_close(df_output *output, df_error *error) DF_MUST_CHECK;

/* Gives up: removes the temporary file. Harmless after close. */
void df_output_abandon(df_output *output);

/* CRC-32C (Castagnoli), continued from `crc`; start from 0. */
uint32_t df_crc32c(uint32_t crc, const void *bytes, size_t size);

DF_END
#endif
