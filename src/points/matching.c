/* matching.c -- pairing two sets one to one at the least total cost: the assignment problem.
 *
 * Rows are matched with columns one after another. Every column has a price, and the matching so far is the
 * cheapest one because each matched row sits where cost - price is least for it. A new row enters along the
 * shortest path of exchanges to a free column, found as by Dijkstra since no exchange costs less than 0.
 * Jonker, Volgenant, "A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems",
 * Computing 38, 1987. Of their ways to start only the first is here: it makes far sets three times faster,
 * and the next one made points of the plane slower. */
#include "diffuse/matching.h"

#include <assert.h>
#include <math.h>

#define NONE SIZE_MAX

df_status df_matching_init(df_matching *a, size_t n, df_arena *arena, df_error *error)
{
    a->n = n;
    DF_NEW(arena, a->cost, n * n, error);
    DF_NEW(arena, a->price, n, error);
    DF_NEW(arena, a->row_of, n, error);
    DF_NEW(arena, a->column_of, n, error);
    DF_NEW(arena, a->length, n, error);
    DF_NEW(arena, a->from, n, error);
    DF_NEW(arena, a->open, n, error);
    return DF_OK;
}

void df_matching_square_costs(df_matching *a, const double *x, const double *y, size_t dim)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < a->n; j++) {
            double sum = 0;
            for (size_t d = 0; d < dim; d++) {
                const double apart = x[i * dim + d] - y[j * dim + d];
                sum += apart * apart;
            }
            a->cost[i * a->n + j] = sum;
        }
}

/* Each column costs its nearest row nothing and is matched with it, if no other column came before. */
static void match_nearest(df_matching *a)
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
static size_t look_from(df_matching *a, size_t row, double here, size_t open_count)
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
static size_t search(df_matching *a, size_t row)
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
static void exchange(df_matching *a, size_t first, size_t column)
{
    for (size_t row = NONE; row != first;) {
        row = a->from[column];
        a->row_of[column] = row;
        const size_t left = a->column_of[row];
        a->column_of[row] = column;
        column = left;
    }
}

void df_matching_solve(df_matching *a)
{
    match_nearest(a);
    for (size_t row = 0; row < a->n; row++)
        if (a->column_of[row] == NONE) exchange(a, row, search(a, row));
}
