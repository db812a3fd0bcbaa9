/* layer 1: json.h -- the little JSON that model files and reports need, strict and bounded. */
#ifndef DIFFUSE_JSON_H
#define DIFFUSE_JSON_H

#include "diffuse/arena.h"
#include "diffuse/text.h"

DF_BEGIN

typedef enum df_json_kind { DF_JSON_NULL, DF_JSON_FALSE, DF_JSON_TRUE, DF_JSON_NUMBER, DF_JSON_STRING,
                            DF_JSON_ARRAY, DF_JSON_OBJECT } df_json_kind;

/* A value in a parsed tree; all memory is the arena's. */
typedef struct df_json {
    df_json_kind kind;
    const char *text;      /* strings unescaped, numbers as written; NUL-terminated, no NUL inside */
    const char *name;      /* the member's name when inside an object */
    struct df_json *child; /* first element or member */
    struct df_json *next;  /* next sibling */
    size_t count;          /* elements or members */
    size_t offset;         /* byte offset in the source, for messages */
} df_json;

/* Parses exactly one JSON value of `size` bytes with nothing but white space around it. Refuses (DF_INPUT)
 * invalid UTF-8, duplicate member names, nesting deeper than 8, strings over 64 KiB or with a NUL, and
 * anything that is not RFC 8259. Messages give the byte offset. */
df_status df_json_parse(df_json **value, df_arena *arena, const char *bytes, size_t size,
                        df_error *error) DF_MUST_CHECK;

/* The member of an object, or NULL. */
const df_json *df_json_member(const df_json *object, const char *name);

/* Appends a quoted string, every control character escaped, and <, so that JSON within HTML cannot end its script.
 * What is not UTF-8 becomes U+FFFD, so that every reader accepts it. */
void df_json_add_string(df_text *out, const char *text);

/* Appends a number that reads back as the same double (%.17g, shortened where %.15g or %.16g suffice).
 * JSON has no NaN and no infinity: they become null. */
void df_json_add_number(df_text *out, double value);

DF_END
#endif
