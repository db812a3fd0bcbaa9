/* kernels.c -- compiled once per instruction set, with -DDF_SET=name and the flags of that set. */
#include "diffuse/kernels.h"

#include <math.h>
#include <string.h>

/* ---- the four operations that differ between instruction sets ---- */

#if !defined(DF_DOUBLE) && defined(__AVX512F__)

#include <immintrin.h>
typedef __m512 vector;
enum { LANES = 16, TILE_ROWS = 8, TILE_VECTORS = 3 };
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define BROADCAST(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)

#elif !defined(DF_DOUBLE) && defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
typedef __m256 vector;
enum { LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2 };
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define BROADCAST(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)

#elif !defined(DF_DOUBLE) && defined(__ARM_NEON) && defined(__aarch64__)

#include <arm_neon.h>
typedef float32x4_t vector;
enum { LANES = 4, TILE_ROWS = 8, TILE_VECTORS = 2 };
#define LOAD(p) vld1q_f32(p)
#define STORE(p, v) vst1q_f32(p, v)
#define BROADCAST(x) vdupq_n_f32(x)
#define FMA(a, b, c) vfmaq_f32(c, a, b)

#else

typedef df_real vector;
enum { LANES = 1, TILE_ROWS = 4, TILE_VECTORS = 4 };
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define BROADCAST(x) (x)
#define FMA(a, b, c) fused(a, b, c)

#ifdef DF_DOUBLE
static inline double fused(double a, double b, double c)
{
    return fma(a, b, c);
}
#else
/* a b + c rounded once, without hardware for it. The product of two floats is exact in double. The sum is
 * rounded to odd: when it is inexact and its last bit is even, it moves to the odd neighbour on the side of
 * the exact value. Rounding that to float cannot land on a false tie. (Boldo and Melquiond, "Emulation of a
 * FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd", IEEE Trans. Computers, 2008.) */
static inline float fused(float a, float b, float c)
{
    const double product = (double)a * (double)b, addend = (double)c;
    double sum = product + addend;
    const double part = sum - product;
    const double rest = (product - (sum - part)) + (addend - part);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    const uint64_t inexact = (rest < 0) | (rest > 0), even = ~bits & 1;
    const uint64_t toward_zero = (rest < 0) == (sum > 0);
    bits += (inexact & even) * (UINT64_C(1) - 2 * toward_zero);
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}
#endif
#endif

/* A tile of `rows` x `vectors` accumulators stays in registers while the reduction index runs. */
static inline __attribute__((always_inline)) void tile(df_real *c, size_t c_row, const df_real *a, size_t a_row,
                                                       size_t a_column, const df_real *b, size_t b_row, size_t k,
                                                       size_t rows, size_t vectors)
{
    vector sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < vectors; j++) sum[i][j] = LOAD(c + i * c_row + j * LANES);
    for (size_t p = 0; p < k; p++) {
        vector right[TILE_VECTORS];
#pragma GCC unroll 4
        for (size_t j = 0; j < vectors; j++) right[j] = LOAD(b + p * b_row + j * LANES);
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            const vector left = BROADCAST(a[i * a_row + p * a_column]);
#pragma GCC unroll 4
            for (size_t j = 0; j < vectors; j++) sum[i][j] = FMA(left, right[j], sum[i][j]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < vectors; j++) STORE(c + i * c_row + j * LANES, sum[i][j]);
}

/* All rows of a panel that is `vectors` wide. */
static inline __attribute__((always_inline)) void panel(df_real *c, size_t c_row, const df_real *a, size_t a_row,
                                                        size_t a_column, const df_real *b, size_t b_row, size_t m,
                                                        size_t k, size_t vectors)
{
    size_t i = 0;
    for (; i + TILE_ROWS <= m; i += TILE_ROWS)
        tile(c + i * c_row, c_row, a + i * a_row, a_row, a_column, b, b_row, k, TILE_ROWS, vectors);
    for (; i + 2 <= m; i += 2) tile(c + i * c_row, c_row, a + i * a_row, a_row, a_column, b, b_row, k, 2, vectors);
    for (; i < m; i++) tile(c + i * c_row, c_row, a + i * a_row, a_row, a_column, b, b_row, k, 1, vectors);
}

/* The last columns, fewer than a vector: worked on in padded copies. */
static void edge(df_real *c, size_t c_row, const df_real *a, size_t a_row, size_t a_column, const df_real *b,
                 size_t b_row, size_t m, size_t n, size_t k)
{
    enum { CHUNK = 64 };
    df_real right[CHUNK * LANES] = {0}, out[CHUNK * LANES] = {0};
    for (size_t p = 0; p < k; p += CHUNK) {
        const size_t terms = k - p < CHUNK ? k - p : CHUNK;
        for (size_t q = 0; q < terms; q++) memcpy(right + q * LANES, b + (p + q) * b_row, n * sizeof *b);
        for (size_t i = 0; i < m; i += CHUNK) {
            const size_t rows = m - i < CHUNK ? m - i : CHUNK;
            for (size_t r = 0; r < rows; r++) memcpy(out + r * LANES, c + (i + r) * c_row, n * sizeof *c);
            panel(out, LANES, a + i * a_row + p * a_column, a_row, a_column, right, LANES, rows, terms, 1);
            for (size_t r = 0; r < rows; r++) memcpy(c + (i + r) * c_row, out + r * LANES, n * sizeof *c);
        }
    }
}

static void gemm(df_real *c, size_t c_row, const df_real *a, size_t a_row, size_t a_column, const df_real *b,
                 size_t b_row, size_t m, size_t n, size_t k)
{
    const size_t wide = (size_t)TILE_VECTORS * LANES;
    size_t j = 0;
    for (; j + wide <= n; j += wide) panel(c + j, c_row, a, a_row, a_column, b + j, b_row, m, k, TILE_VECTORS);
    for (; j + LANES <= n; j += LANES) panel(c + j, c_row, a, a_row, a_column, b + j, b_row, m, k, 1);
    if (j < n) edge(c + j, c_row, a, a_row, a_column, b + j, b_row, m, n - j, k);
}

#ifdef DF_DOUBLE
#define SQRT(x) sqrt(x)
#else
#define SQRT(x) sqrtf(x)
#endif

/* ---- plain loops that the compiler vectorises ---- */

/* SiLU: z s(z) with s the logistic function; slope s (1 + z (1 - s)). */
static void silu(df_real *restrict h, df_real *restrict slope, const df_real *restrict z, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const df_real s = df_real_sigmoid(z[i]);
        h[i] = z[i] * s;
        slope[i] = s * (1 + z[i] * (1 - s));
    }
}

/* GELU: z P(z) with P the normal distribution function; slope P + z P'. */
static void gelu(df_real *restrict h, df_real *restrict slope, const df_real *restrict z, size_t n)
{
    const df_real root_half = (df_real)0.70710678118654752440, root_two_pi = (df_real)0.39894228040143267794;
    const df_real half = (df_real)0.5;
    for (size_t i = 0; i < n; i++) {
        const df_real probability = half * (1 + df_real_erf(z[i] * root_half));
        const df_real density = root_two_pi * df_real_exp(-half * z[i] * z[i]);
        h[i] = z[i] * probability;
        slope[i] = probability + z[i] * density;
    }
}

static void waves(df_real *restrict sine, df_real *restrict cosine, const df_real *restrict angle, size_t n)
{
    for (size_t i = 0; i < n; i++) df_real_sincos(angle[i], &sine[i], &cosine[i]);
}

static void adam(df_real *restrict parameters, df_real *restrict m, df_real *restrict v,
                 const df_real *restrict gradient, size_t n, df_real beta1, df_real beta2, df_real rate,
                 df_real root_scale, df_real epsilon, df_real decay)
{
    for (size_t i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
        v[i] = beta2 * v[i] + (1 - beta2) * (gradient[i] * gradient[i]);
        const df_real root = SQRT(v[i]) * root_scale + epsilon;
        parameters[i] = parameters[i] * decay - rate * (m[i] / root);
    }
}

static void average(df_real *restrict mean, const df_real *restrict parameters, size_t n, df_real share)
{
    for (size_t i = 0; i < n; i++) mean[i] += share * (parameters[i] - mean[i]);
}

/* ---- nodes of a mixture: the same, as long as the compiler sees the counts ---- */

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double fold_largest(const double *a)
{
    double lane[DF_NODES / 2];
    for (size_t j = 0; j < 32; j++) lane[j] = larger(a[j], a[j + 32]);
    for (size_t j = 0; j < 16; j++) lane[j] = larger(lane[j], lane[j + 16]);
    for (size_t j = 0; j < 8; j++) lane[j] = larger(lane[j], lane[j + 8]);
    for (size_t j = 0; j < 4; j++) lane[j] = larger(lane[j], lane[j + 4]);
    return larger(larger(lane[0], lane[2]), larger(lane[1], lane[3]));
}

static inline double fold_sum(const double *a)
{
    double lane[DF_NODES / 2];
    for (size_t j = 0; j < 32; j++) lane[j] = a[j] + a[j + 32];
    for (size_t j = 0; j < 16; j++) lane[j] += lane[j + 16];
    for (size_t j = 0; j < 8; j++) lane[j] += lane[j + 8];
    for (size_t j = 0; j < 4; j++) lane[j] += lane[j + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

static inline __attribute__((always_inline)) void fill_terms(double *restrict term, const double *restrict log_weights,
                                                             const double *restrict nodes, size_t n, size_t dim,
                                                             double alpha, double sharpness, const double *restrict x)
{
    for (size_t k = 0; k < n; k++) {
        double square = 0;
        for (size_t i = 0; i < dim; i++) {
            const double d = x[i] - alpha * nodes[k * dim + i];
            square += d * d;
        }
        term[k] = log_weights[k] - sharpness * square;
    }
}

static double terms(double *restrict term, const double *restrict log_weights, const double *restrict nodes, size_t n,
                    size_t dim, double alpha, double sharpness, const double *restrict x)
{
    if (n == DF_NODES && dim == 2) fill_terms(term, log_weights, nodes, DF_NODES, 2, alpha, sharpness, x);
    else fill_terms(term, log_weights, nodes, n, dim, alpha, sharpness, x);
    for (size_t k = n; k < DF_NODES; k++) term[k] = -HUGE_VAL;
    return fold_largest(term);
}

/* df_exp without the far ends of its range, where 2^n must be applied in halves. Two short loops keep a processor
 * busier than a long one. */
static double weights(double *restrict weight, const double *restrict term, double largest)
{
    double rest[DF_NODES];
    for (size_t k = 0; k < DF_NODES; k++) {
        const double below = term[k] - largest, bounded = below < -708 ? -708 : below;
        const double whole = df_nearest(bounded * DF_LOG2_E);
        rest[k] = df_minus_ln2(bounded, whole);
        weight[k] = df_two_to(whole);
    }
    for (size_t k = 0; k < DF_NODES; k++) weight[k] *= 1 + df_expm1_small(rest[k]);
    return fold_sum(weight);
}

static inline __attribute__((always_inline)) void fill_products(double *restrict product, const double *restrict weight,
                                                                const double *restrict column, size_t n, size_t dim,
                                                                double centre)
{
    for (size_t k = 0; k < n; k++) product[k] = weight[k] * (column[k * dim] - centre);
}

static double moment(const double *restrict weight, const double *restrict column, size_t n, size_t dim, double centre)
{
    double lane[DF_NODES];
    if (n == DF_NODES && dim == 2) fill_products(lane, weight, column, DF_NODES, 2, centre);
    else fill_products(lane, weight, column, n, dim, centre);
    for (size_t k = n; k < DF_NODES; k++) lane[k] = 0;
    return fold_sum(lane);
}

#define JOIN(a, b) a##b
#define SET_NAME(set) JOIN(df_kernels_, set)
#define TEXT_OF(set) #set
#define SET_TEXT(set) TEXT_OF(set)

extern const df_kernels SET_NAME(DF_SET);
const df_kernels SET_NAME(DF_SET) = {
    .name = SET_TEXT(DF_SET), .gemm = gemm, .silu = silu, .gelu = gelu, .waves = waves, .adam = adam,
    .average = average,
    .terms = terms, .weights = weights, .moment = moment,
};
