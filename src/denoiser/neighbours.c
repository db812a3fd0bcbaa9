/* neighbours.c -- the mean of x0 over a whole training set, at the price of the points near x.
 *
 * Xu, Tong, Jaakkola, "Stable Target Field for Reduced Variance Score Estimation in Diffusion Models". arXiv:2302.00670
 *
 * The usual target of training is the one x0 that a noised point was made of. Its mean over all x0 that could have
 * made the same point is the same lesson with less noise:
 *   E[x0 | x] = sum_i W_i x_i,    W = softmax_i(-|x - alpha x_i|^2 / (2 sigma^2))                          (Eq. 6)
 *
 * Differs from the paper: the reference batch is not a few rows drawn for each step but all of them, so that the
 * target is what the ideal denoiser of ideal.c answers and has no noise left that the data could remove. What makes
 * that cheap is a tree. Rows are sorted by halving the longest side of their box again and again, so that a run of
 * them is a small region. The root stands for all rows by the means of DF_NODES equal runs, its two halves by as many
 * means each, and so on. Seen from x, crowds that are far do not count, and one whose runs are small against
 * sigma / alpha stands for its rows.
 */
#include "diffuse/denoiser.h"

#include <math.h>
#include <string.h>

/* Runs are small when none of their rows is farther from their mean than so many sigma / alpha. */
static const double FINE = 1;
/* Crowds farther from x than so many sigma do not count; the weight there is below e^-8. */
static const double FAR = 4;

/* ---- the order ---- */

static void swap_rows(double *a, double *b, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        const double kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* Rows low .. high - 1 so that none before row k is above it along the axis, and none after it below (Hoare's FIND). */
static void split_rows(double *x, size_t dim, size_t axis, ptrdiff_t low, ptrdiff_t high, ptrdiff_t k)
{
    const ptrdiff_t row = (ptrdiff_t)dim;
    const double *at = x + axis;
    while (high - low > 1) {
        const double pivot = at[(low + high) / 2 * row];
        ptrdiff_t i = low, j = high - 1;
        while (i <= j) {
            while (at[i * row] < pivot) i++;
            while (at[j * row] > pivot) j--;
            if (i > j) break;
            swap_rows(x + i++ * row, x + j-- * row, dim);
        }
        if (k <= j) high = j + 1;
        else if (k >= i) low = i;
        else return;
    }
}

static size_t longest_side(const double *x, size_t rows, size_t dim)
{
    size_t longest = 0;
    double most = -1;
    for (size_t i = 0; i < dim; i++) {
        double low = x[i], high = x[i];
        for (size_t r = 1; r < rows; r++) {
            low = x[r * dim + i] < low ? x[r * dim + i] : low;
            high = x[r * dim + i] > high ? x[r * dim + i] : high;
        }
        if (high - low > most) {
            most = high - low;
            longest = i;
        }
    }
    return longest;
}

/* Where run j of `runs` begins. */
static size_t run_start(size_t j, size_t runs, size_t rows)
{
    return (size_t)((uint64_t)j * rows / runs);
}

static void sort_rows(double *x, size_t rows, size_t dim)
{
    for (size_t runs = 1; runs < rows; runs *= 2)
        for (size_t j = 0; j < runs; j++) {
            const size_t first = run_start(j, runs, rows), end = run_start(j + 1, runs, rows);
            const size_t axis = longest_side(x + first * dim, end - first, dim);
            split_rows(x, dim, axis, (ptrdiff_t)first, (ptrdiff_t)end, (ptrdiff_t)run_start(2 * j + 1, 2 * runs, rows));
        }
}

/* ---- the tree ---- */

/* Node j of a crowd: a run of x:(rows, dim). */
static void fill_node(df_crowd *crowd, const double *x, size_t rows, size_t dim, size_t j)
{
    double mean[DF_NEIGHBOURS_DIM] = {0};
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < dim; i++) {
            const double here = x[r * dim + i];
            crowd->least[i] = here < (double)crowd->least[i] ? (df_real)here : crowd->least[i];
            crowd->most[i] = here > (double)crowd->most[i] ? (df_real)here : crowd->most[i];
            mean[i] += here / (double)rows;
        }
    for (size_t r = 0; r < rows; r++) {
        double square = 0;
        for (size_t i = 0; i < dim; i++) square += (x[r * dim + i] - mean[i]) * (x[r * dim + i] - mean[i]);
        crowd->radius = rows > 1 && square > crowd->radius * crowd->radius ? sqrt(square) : crowd->radius;
    }
    for (size_t i = 0; i < dim; i++) crowd->nodes[i * DF_NODES + j] = (df_real)mean[i];
    crowd->nodes[dim * DF_NODES + j] = (df_real)rows;
}

/* Part `part` of `parts` of all rows. */
static df_status fill_crowd(df_crowd *crowd, df_arena *arena, const double *x, size_t rows, size_t dim, size_t part,
                            size_t parts, df_error *error)
{
    DF_NEW(arena, crowd->nodes, (dim + 1) * DF_NODES, error);
    for (size_t i = 0; i < dim; i++) {
        crowd->least[i] = (df_real)HUGE_VAL;
        crowd->most[i] = -(df_real)HUGE_VAL;
    }
    for (size_t j = 0; j < DF_NODES; j++) {
        const size_t run = part * DF_NODES + j, first = run_start(run, parts * DF_NODES, rows);
        fill_node(crowd, x + first * dim, run_start(run + 1, parts * DF_NODES, rows) - first, dim, j);
    }
    return DF_OK;
}

static df_status fill_tree(df_neighbours *n, df_arena *arena, const double *x, df_error *error)
{
    DF_NEW(arena, n->crowds, 2 * n->leaves - 1, error);
    for (size_t parts = 1; parts <= n->leaves; parts *= 2)
        for (size_t part = 0; part < parts; part++)
            DF_TRY(fill_crowd(&n->crowds[parts - 1 + part], arena, x, n->count, n->dim, part, parts, error));
    return DF_OK;
}

df_status df_neighbours_init(df_neighbours *n, df_arena *arena, const double *rows, size_t count, size_t dim,
                             df_error *error)
{
    df_arena own = {0};
    double *x = df_alloc(&own, count * dim, sizeof *x, error);
    if (!x) return DF_LIMIT;
    memcpy(x, rows, count * dim * sizeof *x);
    sort_rows(x, count, dim);
    *n = (df_neighbours){.dim = dim, .count = count, .leaves = 1, .kernels = df_kernels_get()};
    while (n->leaves * DF_NODES < count) n->leaves *= 2;
    const df_status status = fill_tree(n, arena, x, error);
    df_arena_free(&own);
    return status;
}

/* ---- the mean ---- */

/* A place from which the crowds are seen, and what has been seen so far. */
typedef struct view {
    const df_neighbours *from;
    df_real alpha, sharpness, far, x[DF_NEIGHBOURS_DIM], centre[DF_NEIGHBOURS_DIM];
    double fine;
    df_real sums[(DF_NEIGHBOURS_DIM + 1) * DF_NODES];
} view;

static bool is_far(const view *v, const df_crowd *crowd)
{
    df_real square = 0;
    for (size_t i = 0; i < v->from->dim; i++) {
        const df_real below = v->alpha * crowd->least[i] - v->x[i], above = v->x[i] - v->alpha * crowd->most[i];
        const df_real nearer = below > above ? below : above;
        square += nearer > 0 ? nearer * nearer : 0;
    }
    return square > v->far;
}

static void look(view *v, size_t k)
{
    const df_crowd *crowd = &v->from->crowds[k];
    if (is_far(v, crowd)) return;
    if (crowd->radius > v->fine && k + 1 < v->from->leaves) {
        look(v, 2 * k + 1);
        look(v, 2 * k + 2);
    } else {
        v->from->kernels->gather(v->sums, crowd->nodes, v->from->dim, v->alpha, v->sharpness, v->x, v->centre);
    }
}

static double fold(const df_real *sums)
{
    df_real lane[DF_NODES / 2];
    for (size_t k = 0; k < 32; k++) lane[k] = sums[k] + sums[k + 32];
    for (size_t k = 0; k < 16; k++) lane[k] += lane[k + 16];
    for (size_t k = 0; k < 8; k++) lane[k] += lane[k + 8];
    return (double)((lane[0] + lane[4]) + (lane[1] + lane[5]) + ((lane[2] + lane[6]) + (lane[3] + lane[7])));
}

bool df_neighbours_shift(double *shift, const df_neighbours *n, df_level level, const double *x, const double *x0)
{
    const double variance = level.sigma * level.sigma;
    view v = {.from = n, .alpha = (df_real)level.alpha, .sharpness = (df_real)(0.5 / variance),
              .far = (df_real)(FAR * FAR * variance)};
    v.fine = level.alpha > 0 ? FINE * level.sigma / level.alpha : HUGE_VAL;
    for (size_t i = 0; i < n->dim; i++) {
        v.x[i] = (df_real)x[i];
        v.centre[i] = (df_real)x0[i];
    }
    look(&v, 0);
    const double weight = fold(v.sums + n->dim * DF_NODES);
    for (size_t i = 0; i < n->dim && weight > 0; i++) shift[i] = fold(v.sums + i * DF_NODES) / weight;
    return weight > 0;
}
