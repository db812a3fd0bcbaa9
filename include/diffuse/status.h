/* layer 1: status.h -- what went wrong, as a code that is also the exit status and a sentence. */
#ifndef DIFFUSE_STATUS_H
#define DIFFUSE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define DF_BEGIN extern "C" {
#define DF_END }
#else
#define DF_BEGIN
#define DF_END
#endif

#if defined(__GNUC__)
#define DF_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define DF_MUST_CHECK __attribute__((warn_unused_result))
#else
#define DF_PRINTF(text, first)
#define DF_MUST_CHECK
#endif

/* Every result of this program rests on IEEE arithmetic done as written; -ffp-contract leaves no such mark, see
 * conditions.h. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error "diffuse promises the same bytes everywhere and cannot be built with -ffast-math, a part of it, or -Ofast"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "diffuse needs every operation rounded to its own type; for x86 of 32 bits add -msse2 -mfpmath=sse"
#endif

DF_BEGIN

/* Exit statuses of the program and return values of every function that can fail. */
typedef enum df_status {
    DF_OK = 0,
    DF_NO = 1,       /* the answer is negative */
    DF_USAGE = 2,    /* the request makes no sense */
    DF_INPUT = 3,    /* a data or model file is wrong */
    DF_IO = 4,       /* the system could not read or write */
    DF_LIMIT = 5,    /* out of memory, or a stated limit is exceeded */
    DF_DIVERGED = 6, /* training produced something that is not a number */
    DF_STOPPED = 7   /* a signal asked to stop; the program ends by that signal, never with 7 */
} df_status;

/* A failed function fills this in before it returns. Messages are sentences without a final newline:
 * what was wrong, the value, what would be right. A second line, if any, says what to try. */
typedef struct df_error {
    df_status status;
    char message[1024];
} df_error;

/* Records the message, without control characters, whatever it quotes, and returns `status`, so that a failing
 * function ends with `return df_fail(...)`. */
df_status df_fail(df_error *error, df_status status, const char *format, ...) DF_PRINTF(3, 4);

/* Returns from the calling function when `call` failed. */
#define DF_TRY(call)                        \
    do {                                    \
        const df_status status_ = (call);   \
        if (status_ != DF_OK) return status_; \
    } while (0)

DF_END
#endif
