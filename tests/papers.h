/* papers.h -- what the claims of papers share: each trains with the program, judges with it, and says what it found. */
#ifndef PAPERS_H
#define PAPERS_H

#include "check.h"

#include "diffuse/file.h"
#include "diffuse/json.h"

#include <stdarg.h>
#include <stdlib.h>

static const char *paper_program, *paper_folder;
static df_arena paper_arena;

/* First line of main: `paper_KEY PROGRAM FOLDER`. */
#define PAPER_START(count, arguments)                                                          \
    do {                                                                                       \
        if ((count) != 3) return fprintf(stderr, "usage: %s PROGRAM FOLDER\n", *(arguments)), 2; \
        paper_program = (arguments)[1];                                                        \
        paper_folder = (arguments)[2];                                                         \
    } while (0)

/* One row of the table of `make papers`; fails with the check. expected and measured are short texts. */
static inline void claim(const char *key, const char *words, const char *expected, const char *measured, int held)
{
    printf("claim\t%s\t%s\t%s\t%s\t%s\n", key, words, expected, measured, held ? "held" : "NOT HELD");
    if (held) checks_passed++;
    else checks_failed++;
}

/* A short text of numbers, in one of a few rotating buffers. */
static inline __attribute__((format(printf, 1, 2))) const char *text(const char *format, ...)
{
    static char buffers[8][120];
    static int next;
    char *out = buffers[next++ % 8];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out, sizeof buffers[0], format, arguments);
    va_end(arguments);
    return out;
}

/* Types one line at a shell in FOLDER, in which $D is the program; counts as a check. */
static inline __attribute__((format(printf, 1, 2))) int type(const char *format, ...)
{
    char line[4000];
    int used = snprintf(line, sizeof line, "D=$(realpath '%s'); cd '%s' && ", paper_program, paper_folder);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    va_end(arguments);
    const int ok = system(line) == 0;
    if (!ok) fprintf(stderr, "FAIL: %s\n", line);
    CHECK(ok);
    return ok;
}

/* A number of FOLDER/report, as `eval --json` writes it; NaN, and a failed check, when it is not there. */
static inline double number(const char *report, const char *name)
{
    char path[1000], *bytes;
    size_t size;
    df_json *json;
    df_error error;
    snprintf(path, sizeof path, "%s/%s", paper_folder, report);
    if (df_read_file(&paper_arena, path, 1000000, &bytes, &size, &error) == DF_OK &&
        df_json_parse(&json, &paper_arena, bytes, size, &error) == DF_OK) {
        const df_json *member = df_json_member(json, name);
        if (member && member->kind == DF_JSON_NUMBER) return strtod(member->text, NULL);
    }
    fprintf(stderr, "FAIL: %s has no number %s\n", path, name);
    checks_failed++;
    return (double)NAN;
}

/* The number in row `row` (the first below the names is 0) of FOLDER/table's column `name`, in the CSV that `compare -o`
 * writes; NaN, and a failed check, when it is not there. */
static inline double cell(const char *table, size_t row, const char *name)
{
    char line[1000], path[1000], *end = line;
    size_t column = 0;
    snprintf(path, sizeof path, "%s/%s", paper_folder, table);
    FILE *file = fopen(path, "r");
    int found = file && fgets(line, sizeof line, file);
    for (char *at = strtok(found ? line : NULL, ",\n"); at && strcmp(at, name) != 0; at = strtok(NULL, ",\n")) column++;
    for (size_t i = 0; found && i <= row; i++) found = fgets(line, sizeof line, file) != NULL;
    char *at = line;
    for (size_t i = 0; found && i < column; i++) found = (at = strchr(at, ',')) != NULL && *++at;
    const double value = found ? strtod(at, &end) : (double)NAN;
    if (file) fclose(file);
    CHECK(found && end != at);
    return value;
}

/* KL(truth || model) in nats of FOLDER/model, by the ODE, from n points. */
static inline double kl_of(const char *model, int n)
{
    type("$D eval %s -q -f -n 100 --likelihood-points %d --json -o kl.json", model, n);
    return number("kl.json", "kl");
}

#endif
