/* check.h -- the whole test harness: a test program fails when a check fails, on NaN, and when nothing ran. */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdio.h>
#include <string.h>

static int checks_passed, checks_failed;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (condition) {                                                        \
            checks_passed++;                                                    \
        } else {                                                                \
            checks_failed++;                                                    \
            fprintf(stderr, "FAIL %s:%d: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                       \
    } while (0)

/* |got - want| <= tolerance, written so that NaN fails. */
#define CHECK_NEAR(got, want, tolerance)                                                              \
    do {                                                                                              \
        const double got_ = (got), want_ = (want), tolerance_ = (tolerance);                          \
        if (fabs(got_ - want_) <= tolerance_) {                                                       \
            checks_passed++;                                                                          \
        } else {                                                                                      \
            checks_failed++;                                                                          \
            fprintf(stderr, "FAIL %s:%d: %s is %.12g, want %.12g +- %g\n", __FILE__, __LINE__, #got,  \
                    got_, want_, tolerance_);                                                         \
        }                                                                                             \
    } while (0)

/* low <= got <= high, written so that NaN fails. */
#define CHECK_BETWEEN(low, got, high)                                                                   \
    do {                                                                                                \
        const double got_ = (got), low_ = (low), high_ = (high);                                        \
        if (low_ <= got_ && got_ <= high_) {                                                            \
            checks_passed++;                                                                            \
        } else {                                                                                        \
            checks_failed++;                                                                            \
            fprintf(stderr, "FAIL %s:%d: %s is %.12g, want %g to %g\n", __FILE__, __LINE__, #got, got_, \
                    low_, high_);                                                                       \
        }                                                                                               \
    } while (0)

#define CHECK_TEXT(got, want)                                                                          \
    do {                                                                                               \
        const char *got_ = (got), *want_ = (want);                                                     \
        if (got_ && strcmp(got_, want_) == 0) {                                                        \
            checks_passed++;                                                                           \
        } else {                                                                                       \
            checks_failed++;                                                                           \
            fprintf(stderr, "FAIL %s:%d: %s is \"%s\", want \"%s\"\n", __FILE__, __LINE__, #got,       \
                    got_ ? got_ : "(null)", want_);                                                    \
        }                                                                                              \
    } while (0)

/* References that are better than double need a long double that is: not so on every machine, nor under valgrind. */
static inline int has_wide_reference(void)
{
    volatile long double one = 1, little = 1e-18L;
    const int wide = one + little != one;
    if (!wide) fprintf(stderr, "skipped: long double is no wider than double here\n");
    return wide;
}

/* The last line of main: what the summary counts, and the verdict. */
#define CHECK_DONE()                                                                                 \
    (printf("%d passed, %d failed\n", checks_passed, checks_failed), checks_failed || !checks_passed)

#endif
