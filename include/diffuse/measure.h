/* layer 5: measure.h -- how far points are from the shape they should have. */
#ifndef DIFFUSE_MEASURE_H
#define DIFFUSE_MEASURE_H

#include "diffuse/shape.h"

DF_BEGIN

/* ---- measure/curve.c ---- */

enum { DF_STRETCHES = 20 };

/* Points against a curve in the plane, drawn uniformly in its parameter u and blurred with standard deviation s.
 * Each point is taken to the nearest place u* of the curve, at distance r. */
typedef struct df_curve_fit {
    double thickness;  /* median r / (0.6745 s): 1 for true points, below for too thin */
    double off_shape;  /* share of points with r > 4 s: 0 for true points */
    double ks;         /* Kolmogorov distance of u* to uniform */
    double stretch_least, stretch_most; /* share of the emptiest and fullest of 20 equal stretches of u, times 20 */
} df_curve_fit;

/* nodes:(count, 2) places of the curve at u = (k + 1/2)/count; x:(n, 2). */
df_status df_curve_compare(df_curve_fit *fit, df_arena *arena, const double *nodes, size_t count, double s, const double *x,
                           size_t n, df_error *error) DF_MUST_CHECK;

DF_END
#endif
