/* assignment.c -- the exact 2-Wasserstein distance of two sets of equal size, by optimal assignment.
 *
 *     W2^2 = min over permutations p of  1/n sum_i |x_i - y_p(i)|^2
 *
 * Rows (the x) are matched with columns (the y) one after another. Every column has a price, and the matching
 * so far is the cheapest one because each matched row sits where cost - price is least for it. A new row
 * enters along the shortest path of exchanges to a free column, found as by Dijkstra since no exchange costs
 * less than 0. Jonker, Volgenant, "A Shortest Augmenting Path Algorithm for Dense and Sparse Linear
 * Assignment Problems", Computing 38, 1987. Of their ways to start only the first is here: it makes far sets
 * three times faster, and the next one made points of the plane slower. */
#include "diffuse/measure.h"

#include "diffuse/math.h"

#include <assert.h>

#define NONE SIZE_MAX

typedef struct matching {
    size_t n;
    double *cost;      /* (n, n): row, column */
    double *price;     /* of each column */
    size_t *row_of;    /* the row matched with each column, or NONE */
    size_t *column_of; /* the column matched with each row, or NONE */

    /* Of one search: */
    double *length; /* of the shortest path known to each column */
    size_t *from;   /* the row before each column on that path */
    size_t *open;   /* the columns whose path may still become shorter, in any order */
} matching;

static double square(double a)
{
    return a * a;
}

static void fill_costs(double *cost, const df_pair *pair)
{
    const size_t dim = pair->dim;
    for (size_t i = 0; i < pair->n; i++)
        for (size_t j = 0; j < pair->m; j++)
            for (size_t d = 0; d < dim; d++)
                cost[i * pair->m + j] += square(pair->x[i * dim + d] - pair->y[j * dim + d]);
}

static df_status open_matching(matching *a, df_arena *arena, const df_pair *pair, df_error *error)
{
    const size_t n = a->n = pair->n;
    DF_NEW(arena, a->cost, n * n, error);
    DF_NEW(arena, a->price, n, error);
    DF_NEW(arena, a->row_of, n, error);
    DF_NEW(arena, a->column_of, n, error);
    DF_NEW(arena, a->length, n, error);
    DF_NEW(arena, a->from, n, error);
    DF_NEW(arena, a->open, n, error);
    fill_costs(a->cost, pair);
    return DF_OK;
}

/* Each column costs its nearest row nothing and is matched with it, if no other column came before. */
static void match_nearest(matching *a)
{
    const size_t n = a->n;
    size_t *nearest = a->from;
    for (size_t j = 0; j < n; j++) {
        a->row_of[j] = a->column_of[j] = NONE;
        a->price[j] = HUGE_VAL;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (a->cost[i * n + j] < a->price[j]) {
                a->price[j] = a->cost[i * n + j];
                nearest[j] = i;
            }
    for (size_t j = 0; j < n; j++)
        if (a->column_of[nearest[j]] == NONE) {
            a->column_of[nearest[j]] = j;
            a->row_of[j] = nearest[j];
        }
}

/* Shortens paths by a last step from `row`. `here` is the length of the path to the row, less cost - price of
 * the column that it leaves. Returns the place in the list of the open column that is nearest. */
static size_t look_from(matching *a, size_t row, double here, size_t open_count)
{
    const double *cost = a->cost + row * a->n;
    size_t nearest = NONE;
    double least = HUGE_VAL;
    for (size_t k = 0; k < open_count; k++) {
        const size_t j = a->open[k];
        const double length = here + (cost[j] - a->price[j]);
        if (length < a->length[j]) {
            a->length[j] = length;
            a->from[j] = row;
        }
        if (a->length[j] < least) {
            least = a->length[j];
            nearest = k;
        }
    }
    assert(nearest != NONE);
    return nearest;
}

/* The free column nearest to `row`. Closed columns lose in price what keeps all matched rows content. */
static size_t search(matching *a, size_t row)
{
    size_t open_count = a->n;
    for (size_t j = 0; j < a->n; j++) {
        a->open[j] = j;
        a->length[j] = HUGE_VAL;
    }
    for (double here = 0;;) {
        const size_t nearest = look_from(a, row, here, open_count);
        const size_t column = a->open[nearest];
        const double length = a->length[column];
        a->open[nearest] = a->open[--open_count];
        a->open[open_count] = column;
        if (a->row_of[column] == NONE) {
            for (size_t k = open_count; k < a->n; k++)
                a->price[a->open[k]] += a->length[a->open[k]] - length;
            return column;
        }
        row = a->row_of[column];
        here = length - (a->cost[row * a->n + column] - a->price[column]);
    }
}

/* Every row on the path moves one column on. */
static void exchange(matching *a, size_t first, size_t column)
{
    for (size_t row = NONE; row != first;) {
        row = a->from[column];
        a->row_of[column] = row;
        const size_t left = a->column_of[row];
        a->column_of[row] = column;
        column = left;
    }
}

df_status df_w2_exact(double *w2, df_arena *arena, const df_pair *pair, df_error *error)
{
    DF_TRY(df_pair_check(pair, error));
    const size_t n = pair->n;
    if (n != pair->m)
        return df_fail(error, DF_USAGE, "exact W2 needs sets of equal size, not %zu and %zu points\n"
                       "sliced W2 and the energy distance take any sizes", n, pair->m);
    if (n > DF_W2_MOST)
        return df_fail(error, DF_LIMIT, "exact W2 takes at most %d points, not %zu\n"
                       "give it the first %d of each set, or use sliced W2", DF_W2_MOST, n, DF_W2_MOST);
    matching a;
    double *paid;
    DF_TRY(open_matching(&a, arena, pair, error));
    DF_NEW(arena, paid, n, error);
    match_nearest(&a);
    for (size_t row = 0; row < n; row++)
        if (a.column_of[row] == NONE) exchange(&a, row, search(&a, row));
    for (size_t row = 0; row < n; row++) paid[row] = a.cost[row * n + a.column_of[row]];
    *w2 = sqrt(df_sum(paid, n) / (double)n);
    return DF_OK;
}
