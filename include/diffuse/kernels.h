/* layer 1: kernels.h -- the hot loops, compiled once per instruction set and chosen when the program starts. */
#ifndef DIFFUSE_KERNELS_H
#define DIFFUSE_KERNELS_H

#include "diffuse/math.h"
#include "diffuse/status.h"

DF_BEGIN

/* The same bits from every instruction set: each output is one chain of operations in a fixed order, and a
 * vector unit only works on several outputs at once. */
typedef struct df_kernels {
    const char *name; /* "scalar", "avx2", "avx512", "neon" */

    /* c(i, j) = start(i, j) + sum_p a(i, p) b(p, j), p = 0 .. k-1 in order, every term one fused multiply-add.
     * c:(m, n), start:(m, n) and b:(k, n) have contiguous rows c_row, start_row and b_row apart: start may be c, a
     * single row (start_row 0), or NULL for zeros. a(i, p) = a[i a_row + p a_column]. */
    void (*gemm)(df_real *c, size_t c_row, const df_real *start, size_t start_row, const df_real *a, size_t a_row,
                 size_t a_column, const df_real *b, size_t b_row, size_t m, size_t n, size_t k);

    /* What a core can do at most, on registers alone: sum[i] += a b, `rounds` times one fused multiply-add each, in as
     * many sums as a tile of gemm has. Returns how many, at most DF_PEAK_SUMS. */
    size_t (*peak)(df_real *sum, df_real a, df_real b, size_t rounds);

    /* h = from + phi(z), and phi'(z) replaces z. from may be h, or NULL for zeros. */
    void (*silu)(df_real *h, df_real *z, const df_real *from, size_t n);
    void (*gelu)(df_real *h, df_real *z, const df_real *from, size_t n);

    /* phi''(z) replaces z. */
    void (*silu_bend)(df_real *z, size_t n);
    void (*gelu_bend)(df_real *z, size_t n);

    /* y *= x. */
    void (*multiply)(df_real *y, const df_real *x, size_t n);

    /* Row r of y:(n, 2 waves) becomes the sines, then the cosines, of F x with row r of x:(n, inputs) and
     * F:(waves, inputs). Rows of y and of x are y_row and x_row apart. */
    void (*waves)(df_real *y, size_t y_row, const df_real *x, size_t x_row, const df_real *frequencies, size_t waves,
                  size_t inputs, size_t n);

    /* to(j, i) = from(i, j) of from:(rows, columns); rows of both are contiguous, to_row and from_row apart. */
    void (*transpose)(df_real *to, size_t to_row, const df_real *from, size_t from_row, size_t rows, size_t columns);

    /* Sum of squares, in double: 64 lanes, lane = index mod 64, then folded in halves. */
    double (*squares)(const df_real *a, size_t n);

    /* One step of Adam on arrays of n parameters with the gradient times `scale`; see nn.h. */
    void (*adam)(df_real *parameters, df_real *m, df_real *v, const df_real *gradient, size_t n, df_real scale,
                 df_real beta1, df_real beta2, df_real rate, df_real root_scale, df_real epsilon, df_real decay);

    /* average += share (parameters - average). */
    void (*average)(df_real *average, const df_real *parameters, size_t n, df_real share);

    /* The nodes of a mixture, n <= DF_NODES of them; sums are DF_NODES lanes folded in halves.
     * terms: term[k] = log_weights[k] - sharpness |x - alpha node_k|^2 of nodes:(n, dim), and -infinity for k >= n;
     *        returns the largest.
     * weights: weight[k] = exp(term[k] - largest) for all DF_NODES terms, none above largest; those below e^-708
     *        are e^-708. Returns their sum.
     * moment: returns sum_k weight[k] (column[k dim] - centre). */
    double (*terms)(double *term, const double *log_weights, const double *nodes, size_t n, size_t dim,
                    double alpha, double sharpness, const double *x);
    double (*weights)(double *weight, const double *term, double largest);
    double (*moment)(const double *weight, const double *column, size_t n, size_t dim, double centre);

    /* DF_NODES weighted points seen from x: nodes:(dim + 1, DF_NODES) are columns of coordinates and of weights. With
     * w = weight exp(-sharpness |x - alpha node|^2), w is added to the last column of sums:(dim + 1, DF_NODES) and
     * w (node - centre) to the others. Exponents below -60 are -60. */
    void (*gather)(df_real *sums, const df_real *nodes, size_t dim, df_real alpha, df_real sharpness, const df_real *x,
                   const df_real *centre);
} df_kernels;

enum { DF_NODES = 64, DF_PEAK_SUMS = 384 };

/* The set named by the environment variable DIFFUSE_SIMD if this machine can run it, or else the best it can: never
 * NULL, and chosen once. The program refuses other names before it gets here. */
const df_kernels *df_kernels_get(void);

/* The set of that name, or NULL when this build or this machine does not have it. */
const df_kernels *df_kernels_named(const char *name);

/* NULL-terminated names of the sets this machine can run, the best one last. */
const char *const *df_kernels_names(void);

DF_END
#endif
