/* sliced.c -- the sliced 2-Wasserstein distance: point sets seen as lines from many sides.
 *
 *     SW2^2 = mean over directions of  integral over u in (0, 1) of  (F^-1(u) - G^-1(u))^2,
 *
 * where F and G are the distributions of the projected sets. Rabin, Peyre, Delon, Bernot, "Wasserstein
 * Barycenter and its Application to Texture Mixing", SSVM 2011. */
#include "diffuse/measure.h"

#include "diffuse/math.h"
#include "diffuse/random.h"

static double square(double a)
{
    return a * a;
}

/* Number k of DF_SLICES unit vectors: evenly spaced over half the circle in the plane, elsewhere random. */
static void set_direction(double *direction, size_t dim, size_t k)
{
    if (dim == 2) {
        df_sincos(DF_PI * (double)k / DF_SLICES, &direction[1], &direction[0]);
        return;
    }
    df_normal_rows(direction, 1, dim, (df_place){.index = k, .purpose = DF_FOR_MEASURE});
    double length2 = 0;
    for (size_t d = 0; d < dim; d++) length2 += square(direction[d]);
    for (size_t d = 0; d < dim; d++) direction[d] /= sqrt(length2);
}

static void project(double *along, const double *x, size_t n, size_t dim, const double *direction)
{
    for (size_t i = 0; i < n; i++) {
        along[i] = 0;
        for (size_t d = 0; d < dim; d++) along[i] += x[i * dim + d] * direction[d];
    }
}

/* The integral over u, with a:(n) and b:(m) ascending. F^-1 changes at multiples of 1/n and G^-1 at those of
 * 1/m, all of them whole in units of 1/(n m). */
static double line_w2_squared(const double *a, uint64_t n, const double *b, uint64_t m)
{
    double sum = 0;
    for (uint64_t i = 0, j = 0, u = 0; u < n * m;) {
        const uint64_t end_a = (i + 1) * m, end_b = (j + 1) * n, end = end_a < end_b ? end_a : end_b;
        sum += (double)(end - u) * square(a[i] - b[j]);
        if (end == end_a) i++;
        if (end == end_b) j++;
        u = end;
    }
    return sum / ((double)n * (double)m);
}

df_status df_sliced_w2(double *sw2, df_arena *arena, const df_pair *pair, df_error *error)
{
    const size_t n = pair->n, m = pair->m, dim = pair->dim;
    double *direction, *a, *b, *scratch;
    DF_TRY(df_pair_check(pair, error));
    DF_NEW(arena, direction, dim, error);
    DF_NEW(arena, a, n, error);
    DF_NEW(arena, b, m, error);
    DF_NEW(arena, scratch, n > m ? n : m, error);
    double sum = 0;
    for (size_t k = 0; k < DF_SLICES; k++) {
        set_direction(direction, dim, k);
        project(a, pair->x, n, dim, direction);
        project(b, pair->y, m, dim, direction);
        df_sort(a, scratch, n);
        df_sort(b, scratch, m);
        sum += line_w2_squared(a, n, b, m);
    }
    *sw2 = sqrt(sum / DF_SLICES);
    return DF_OK;
}
