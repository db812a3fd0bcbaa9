/* layer 1: conditions.h -- what the calling thread must be like, for the same work to give the same bytes. */
#ifndef DIFFUSE_CONDITIONS_H
#define DIFFUSE_CONDITIONS_H

#include "diffuse/status.h"

DF_BEGIN

/* DF_USAGE unless arithmetic is that of IEEE 754 as written: rounded to nearest, with subnormal numbers, no product
 * fused with a sum. Any library that was built with -ffast-math takes the subnormals from the thread that loads it, and
 * a thread hands down what it has to those it starts. Asked before levels, teams, flows, samples and learning. */
df_status df_check_arithmetic(df_error *error) DF_MUST_CHECK;

/* DF_INPUT when the host program has called setlocale, and printf and strtod now speak another dialect of numbers.
 * Asked before a file is read or written. */
df_status df_check_locale(const char *path, df_error *error) DF_MUST_CHECK;

DF_END
#endif
