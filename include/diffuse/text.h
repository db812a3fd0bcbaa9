/* layer 1: text.h -- growing strings, numbers as text, and the nearest known name. */
#ifndef DIFFUSE_TEXT_H
#define DIFFUSE_TEXT_H

#include "diffuse/arena.h"

DF_BEGIN

/* A string that grows. Start from `df_text t = {0}`; free with df_text_free. `bytes` is NUL-terminated
 * once anything was added. Running out of memory sets `failed` and makes all later additions do nothing:
 * check once, at the end. */
typedef struct df_text {
    char *bytes;
    size_t size, room;
    bool failed;
} df_text;

void df_text_add(df_text *text, const char *format, ...) DF_PRINTF(2, 3);
void df_text_add_bytes(df_text *text, const void *bytes, size_t size);
void df_text_free(df_text *text);

/* Frees a part that was put into `whole`: one that is incomplete makes the whole so. */
void df_text_free_part(df_text *part, df_text *whole);

/* Frees a text and returns it as a string that lives as long as the arena; NULL when memory is exhausted, or was. */
char *df_text_keep(df_text *text, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* Plain decimal numbers only: no blanks, hex, inf or nan. False when `text` is not exactly one such number
 * or when it does not fit a double. */
bool df_parse_double(const char *text, double *value);

/* Writes x with nine significant digits, which give every float back, as printf's %.9g does. Returns the size. */
enum { DF_NUMBER_ROOM = 24 };
size_t df_format_double(char out[DF_NUMBER_ROOM], double x);

/* As df_parse_double, with counts as people write them: 1e6, 10k, 2M, 3G. A whole number of at most 2^53. */
bool df_parse_count(const char *text, uint64_t *value);

/* A whole number of 64 bits, decimal digits only. */
bool df_parse_uint64(const char *text, uint64_t *value);

/* The name in the NULL-terminated list that is most like `text`, or NULL when none is near. */
const char *df_nearest_name(const char *text, const char *const *names);

/* Without control characters, which could move a cursor, and of valid UTF-8. */
bool df_is_printable(const char *text);

/* Copies `text` with all that is not printable replaced by '?', cut to fit. */
void df_printable(char *out, size_t room, const char *text);

/* The same in place, sparing the ends of lines. */
void df_make_printable(char *text);

DF_END
#endif
