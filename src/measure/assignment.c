/* assignment.c -- the exact 2-Wasserstein distance of two sets of equal size, by optimal assignment.
 *
 *     W2^2 = min over permutations p of  1/n sum_i |x_i - y_p(i)|^2
 */
#include "diffuse/matching.h"
#include "diffuse/math.h"
#include "diffuse/measure.h"

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
    df_matching matching;
    double *paid;
    DF_TRY(df_matching_init(&matching, n, arena, error));
    DF_NEW(arena, paid, n, error);
    df_matching_square_costs(&matching, pair->x, pair->y, pair->dim);
    df_matching_solve(&matching);
    for (size_t row = 0; row < n; row++) paid[row] = matching.cost[row * n + matching.column_of[row]];
    *w2 = sqrt(df_sum(paid, n) / (double)n);
    return DF_OK;
}
