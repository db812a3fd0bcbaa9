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

/* The pair itself, and DF_FLOOR_PAIRS fresh pairs of samples. */
typedef struct comparison {
    df_distance *distance;
    df_pair pairs[1 + DF_FLOOR_PAIRS];
    double values[1 + DF_FLOOR_PAIRS];
    df_error failures[1 + DF_FLOOR_PAIRS];
} comparison;

static void compare(void *self, size_t thread, size_t k)
{
    (void)thread;
    comparison *c = self;
    df_arena arena = {0};
    c->failures[k].status = c->distance(&c->values[k], &arena, &c->pairs[k], &c->failures[k]);
    df_arena_free(&arena);
}

static df_status draw_pairs(comparison *c, const df_pair *pair, const df_truth *truth, uint64_t first, df_arena *arena,
                            df_error *error)
{
    const size_t n = pair->n, m = pair->m, dim = pair->dim;
    c->pairs[0] = *pair;
    for (size_t k = 0; k < DF_FLOOR_PAIRS; k++) {
        double *both;
        DF_NEW(arena, both, (n + m) * dim, error);
        truth->points(truth->self, first + k * ((uint64_t)n + m), n + m, both);
        c->pairs[1 + k] = (df_pair){.dim = dim, .n = n, .m = m, .x = both, .y = both + n * dim};
    }
    return DF_OK;
}

df_status df_distance_measure(double *value, df_floor *bottom, df_distance *distance, const df_pair *pair,
                              const df_truth *truth, uint64_t first, df_team *team, df_error *error)
{
    comparison c = {.distance = distance};
    df_arena arena = {0};
    double standard_error;
    df_status status = draw_pairs(&c, pair, truth, first, &arena, error);
    if (status == DF_OK) df_team_each(team, 1 + DF_FLOOR_PAIRS, compare, &c);
    df_arena_free(&arena);
    for (size_t k = 0; k <= DF_FLOOR_PAIRS && status == DF_OK; k++)
        if ((status = c.failures[k].status) != DF_OK) *error = c.failures[k];
    if (status != DF_OK) return status;
    *value = c.values[0];
    df_mean_error(&bottom->mean, &standard_error, c.values + 1, DF_FLOOR_PAIRS);
    bottom->spread = standard_error * sqrt(DF_FLOOR_PAIRS);
    return DF_OK;
}
