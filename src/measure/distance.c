/* distance.c -- what all distances share: the check of their points, and their floors. */
#include "diffuse/measure.h"

#include <math.h>

static df_status check_points(const char *name, const double *x, size_t n, size_t dim, df_error *error)
{
    if (n < 1)
        return df_fail(error, DF_INPUT, "the %s set has no points; a distance needs some in each", name);
    for (size_t i = 0; i < n * dim; i++)
        if (!(fabs(x[i]) < 1e100))
            return df_fail(error, DF_INPUT, "coordinate %zu of point %zu of the %s set is %g; a distance "
                           "needs numbers between -1e100 and 1e100", i % dim + 1, i / dim + 1, name, x[i]);
    return DF_OK;
}

df_status df_pair_check(const df_pair *pair, df_error *error)
{
    if (pair->dim < 1) return df_fail(error, DF_INPUT, "points of 0 dimensions have no distance");
    DF_TRY(check_points("first", pair->x, pair->n, pair->dim, error));
    return check_points("second", pair->y, pair->m, pair->dim, error);
}

/* The distance of one fresh pair of samples. */
static df_status between_samples(double *value, df_arena *arena, df_distance *distance, const df_truth *truth,
                                 uint64_t first, size_t n, size_t m, df_error *error)
{
    double *both;
    DF_NEW(arena, both, (n + m) * truth->dim, error);
    truth->points(truth->self, first, n + m, both);
    const df_pair pair = {.dim = truth->dim, .n = n, .m = m, .x = both, .y = both + n * truth->dim};
    return distance(value, arena, &pair, error);
}

df_status df_floor_measure(df_floor *bottom, df_distance *distance, const df_truth *truth, uint64_t first,
                           size_t n, size_t m, df_error *error)
{
    double values[DF_FLOOR_PAIRS], standard_error;
    for (size_t k = 0; k < DF_FLOOR_PAIRS; k++) {
        df_arena arena = {0};
        const uint64_t start = first + k * ((uint64_t)n + m);
        const df_status status = between_samples(&values[k], &arena, distance, truth, start, n, m, error);
        df_arena_free(&arena);
        if (status != DF_OK) return status;
    }
    df_mean_error(&bottom->mean, &standard_error, values, DF_FLOOR_PAIRS);
    bottom->spread = standard_error * sqrt(DF_FLOOR_PAIRS);
    return DF_OK;
}
