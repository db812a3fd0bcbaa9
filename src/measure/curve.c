/* curve.c -- thickness and mass along a curve: the two ways in which a sampler errs, told apart. */
#include "diffuse/measure.h"

#include <math.h>
#include <stdlib.h>

static double square(double a)
{
    return a * a;
}

/* The nearest place on the segment from a to b, as a fraction of it; *r2: squared distance. A segment longer than
 * `jump` is no part of the curve. */
static double project(const double *a, const double *b, const double *x, double jump, double *r2)
{
    const double dx = b[0] - a[0], dy = b[1] - a[1], length2 = dx * dx + dy * dy;
    *r2 = HUGE_VAL;
    if (length2 > square(jump)) return 0;
    double part = length2 > 0 ? ((x[0] - a[0]) * dx + (x[1] - a[1]) * dy) / length2 : 0;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    *r2 = square(x[0] - a[0] - part * dx) + square(x[1] - a[1] - part * dy);
    return part;
}

/* u* and r of one point. */
static void nearest(double *u, double *r, const double *nodes, size_t count, double jump, const double *x)
{
    size_t best = 0;
    double least = HUGE_VAL;
    for (size_t k = 0; k < count; k++) {
        const double d2 = square(x[0] - nodes[2 * k]) + square(x[1] - nodes[2 * k + 1]);
        if (d2 < least) {
            least = d2;
            best = k;
        }
    }
    double place = (double)best;
    for (size_t k = best > 0 ? best - 1 : 0; k <= best && k + 1 < count; k++) {
        double r2;
        const double part = project(nodes + 2 * k, nodes + 2 * k + 2, x, jump, &r2);
        if (r2 < least) {
            least = r2;
            place = (double)k + part;
        }
    }
    *u = (place + 0.5) / (double)count;
    *r = sqrt(least);
}

enum { BLOCK = 64 };

typedef struct places {
    const double *nodes, *x;
    size_t count, n;
    double jump, *u, *r;
} places;

static void place_block(void *self, size_t thread, size_t block)
{
    (void)thread;
    const places *p = self;
    for (size_t i = block * BLOCK; i < p->n && i < (block + 1) * BLOCK; i++)
        nearest(&p->u[i], &p->r[i], p->nodes, p->count, p->jump, p->x + 2 * i);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double kolmogorov(const double *sorted, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fmax(sorted[i] - (double)i / (double)n, ((double)i + 1) / (double)n - sorted[i]));
    return most;
}

static void count_stretches(df_curve_fit *fit, const double *u, size_t n)
{
    size_t counts[DF_STRETCHES] = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t k = (size_t)(u[i] * DF_STRETCHES);
        counts[k < DF_STRETCHES ? k : DF_STRETCHES - 1]++;
    }
    fit->stretch_least = HUGE_VAL;
    fit->stretch_most = 0;
    for (size_t k = 0; k < DF_STRETCHES; k++) {
        const double share = (double)counts[k] * DF_STRETCHES / (double)n;
        fit->stretch_least = fmin(fit->stretch_least, share);
        fit->stretch_most = fmax(fit->stretch_most, share);
    }
}

df_status df_curve_compare(df_curve_fit *fit, df_arena *arena, const double *nodes, size_t count, double s,
                           const double *x, size_t n, df_team *team, df_error *error)
{
    static const double normal_quartile = 0.67448975019608171; /* median of |z| */
    double *u, *r;
    if (count < 2 || n < 1)
        return df_fail(error, DF_INPUT, "%zu points cannot be compared with a curve of %zu nodes", n, count);
    DF_NEW(arena, u, n, error);
    DF_NEW(arena, r, n, error);
    places p = {.nodes = nodes, .x = x, .count = count, .n = n, .jump = 2 * s, .u = u, .r = r};
    df_team_each(team, (n + BLOCK - 1) / BLOCK, place_block, &p);
    size_t off = 0;
    for (size_t i = 0; i < n; i++)
        if (!(r[i] <= 4 * s)) off++;
    count_stretches(fit, u, n);
    qsort(u, n, sizeof *u, ascending);
    qsort(r, n, sizeof *r, ascending);
    fit->thickness = (r[(n - 1) / 2] + r[n / 2]) / 2 / (normal_quartile * s);
    fit->off_shape = (double)off / (double)n;
    fit->ks = kolmogorov(u, n);
    return DF_OK;
}
