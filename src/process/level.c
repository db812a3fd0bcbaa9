/* level.c -- signal and noise. */
#include "diffuse/process.h"

#include "diffuse/math.h"

#include <math.h>

df_level df_level_from_ratio(double ratio)
{
    if (!(ratio < 1e150)) return (df_level){0, 1};
    const double alpha = 1 / sqrt(1 + ratio * ratio);
    return (df_level){alpha, ratio * alpha};
}

double df_log_ratio(df_level level)
{
    if (level.sigma <= 0) return -HUGE_VAL;
    if (level.alpha <= 0) return HUGE_VAL;
    return df_log(level.sigma / level.alpha);
}

void df_add_noise(double *x, df_level level, const double *x0, const double *eps, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = level.alpha * x0[i] + level.sigma * eps[i];
}
