/* layer 2: matching.h -- two sets of equal size paired one to one at the least total cost. */
#ifndef DIFFUSE_MATCHING_H
#define DIFFUSE_MATCHING_H

#include "diffuse/arena.h"

DF_BEGIN

/* ---- points/matching.c ---- */

typedef struct df_matching {
    size_t n;
    double *cost;      /* (n, n): row, column; not negative */
    size_t *column_of; /* (n): the answer, the column of each row */
    /* Room to work, (n) each: */
    size_t *row_of;    /* the row matched with each column, or SIZE_MAX */
    double *price;     /* of each column */
    double *length;    /* of the shortest path known to each column */
    size_t *from;      /* the row before each column on that path */
    size_t *open;      /* the columns whose path may still become shorter, in any order */
} df_matching;

/* Reserves everything for n rows and columns. */
df_status df_matching_init(df_matching *matching, size_t n, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* cost(i, j) = |x_i - y_j|^2 of x:(n, dim) and y:(n, dim). */
void df_matching_square_costs(df_matching *matching, const double *x, const double *y, size_t dim);

/* column_of minimises the sum of cost(i, column_of[i]). Its time grows like n^3. */
void df_matching_solve(df_matching *matching);

DF_END
#endif
