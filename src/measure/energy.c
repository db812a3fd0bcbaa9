/* energy.c -- the energy distance: how much farther apart points of two sets are than points of one.
 *
 *     2 E|X - Y| - E|X - X'| - E|Y - Y'|
 *
 * Szekely, Rizzo, "Energy statistics: A class of statistics based on distances", Journal of Statistical
 * Planning and Inference 143, 2013. A point is never paired with itself, so that the expectation is 0 for two
 * samples of one distribution. */
#include "diffuse/measure.h"

#include "diffuse/math.h"

enum { LANES = 64 };

static double square(double a)
{
    return a * a;
}

/* Points by columns, one for each coordinate, filled up with zeros to whole blocks of LANES. */
typedef struct columns {
    size_t dim, stride;
    double *x; /* (dim, stride) */
} columns;

static df_status open_columns(columns *c, df_arena *arena, const double *x, size_t n, size_t dim,
                              df_error *error)
{
    *c = (columns){.dim = dim, .stride = (n + LANES - 1) / LANES * LANES};
    DF_NEW(arena, c->x, dim * c->stride, error);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) c->x[d * c->stride + i] = x[i * dim + d];
    return DF_OK;
}

/* The squared distances of a point to those of the block that begins at `start`. */
static void square_distances(double r2[LANES], const double *point, const columns *c, size_t start)
{
    for (size_t j = 0; j < LANES; j++) r2[j] = 0;
    for (size_t d = 0; d < c->dim; d++)
        for (size_t j = 0; j < LANES; j++) r2[j] += square(point[d] - c->x[d * c->stride + start + j]);
}

/* Adds the distances of a point to the first `count` points. */
static void add_distances(double lane[LANES], const double *point, const columns *c, size_t count)
{
    double r2[LANES];
    for (size_t start = 0; start < count; start += LANES) {
        const size_t block = count - start < LANES ? count - start : LANES;
        square_distances(r2, point, c, start);
        for (size_t j = 0; j < block; j++) lane[j] += sqrt(r2[j]);
    }
}

static double mean_between(const double *x, size_t n, const columns *y, size_t m)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) add_distances(lane, x + i * y->dim, y, m);
    return df_fold_lanes(lane) / ((double)n * (double)m);
}

/* Every pair once: a point with those before it. */
static double mean_within(const double *x, size_t n, const columns *same)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) add_distances(lane, x + i * same->dim, same, i);
    return df_fold_lanes(lane) / (0.5 * (double)n * (double)(n - 1));
}

df_status df_energy_distance(double *energy, df_arena *arena, const df_pair *pair, df_error *error)
{
    DF_TRY(df_pair_check(pair, error));
    if (pair->n < 2 || pair->m < 2)
        return df_fail(error, DF_INPUT, "the energy distance needs at least 2 points in each set, not %zu "
                       "and %zu", pair->n, pair->m);
    const size_t n = pair->n < DF_ENERGY_MOST ? pair->n : DF_ENERGY_MOST;
    const size_t m = pair->m < DF_ENERGY_MOST ? pair->m : DF_ENERGY_MOST;
    columns x, y;
    DF_TRY(open_columns(&x, arena, pair->x, n, pair->dim, error));
    DF_TRY(open_columns(&y, arena, pair->y, m, pair->dim, error));
    *energy = 2 * mean_between(pair->x, n, &y, m) - mean_within(pair->x, n, &x) - mean_within(pair->y, m, &y);
    return DF_OK;
}
