/* kernels.c -- compiled once per instruction set, with -DDF_SET=name and the flags of that set. */
#include "diffuse/kernels.h"

#include <math.h>
#include <string.h>

/* ---- the four operations that differ between instruction sets ---- */

#if !defined(DF_DOUBLE) && defined(__AVX512F__)

#include <immintrin.h>
typedef __m512 vector;
enum { LANES = 16, TILE_VECTORS = 4 };
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define BROADCAST(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define LOAD_PART(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define STORE_PART(p, n, v) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)

typedef __m128 quad;
#define QUAD_LOAD(p) _mm_loadu_ps(p)
#define QUAD_STORE(p, v) _mm_storeu_ps(p, v)
#define ZIP_LOW(a, b) _mm_unpacklo_ps(a, b)
#define ZIP_HIGH(a, b) _mm_unpackhi_ps(a, b)

#elif !defined(DF_DOUBLE) && defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
typedef __m256 vector;
enum { LANES = 8, TILE_VECTORS = 2 };
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define BROADCAST(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
static const int32_t lane_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#define PART(n) _mm256_loadu_si256((const __m256i *)(lane_mask + 8 - (n)))
#define LOAD_PART(p, n) _mm256_maskload_ps(p, PART(n))
#define STORE_PART(p, n, v) _mm256_maskstore_ps(p, PART(n), v)

typedef __m128 quad;
#define QUAD_LOAD(p) _mm_loadu_ps(p)
#define QUAD_STORE(p, v) _mm_storeu_ps(p, v)
#define ZIP_LOW(a, b) _mm_unpacklo_ps(a, b)
#define ZIP_HIGH(a, b) _mm_unpackhi_ps(a, b)

#elif !defined(DF_DOUBLE) && defined(__ARM_NEON) && defined(__aarch64__)

#include <arm_neon.h>
typedef float32x4_t vector;
enum { LANES = 4, TILE_VECTORS = 4 };
#define LOAD(p) vld1q_f32(p)
#define STORE(p, v) vst1q_f32(p, v)
#define BROADCAST(x) vdupq_n_f32(x)
#define FMA(a, b, c) vfmaq_f32(c, a, b)
typedef vector quad;
#define QUAD_LOAD(p) LOAD(p)
#define QUAD_STORE(p, v) STORE(p, v)
#define ZIP_LOW(a, b) vzip1q_f32(a, b)
#define ZIP_HIGH(a, b) vzip2q_f32(a, b)
#define LOAD_PART(p, n) load_part(p, n)
#define STORE_PART(p, n, v) store_part(p, n, v)

static inline vector load_part(const float *p, size_t n)
{
    float lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) lane[i] = p[i];
    return vld1q_f32(lane);
}

static inline void store_part(float *p, size_t n, vector v)
{
    float lane[LANES];
    vst1q_f32(lane, v);
    for (size_t i = 0; i < n; i++) p[i] = lane[i];
}

#else

typedef df_real vector;
enum { LANES = 1, TILE_VECTORS = 4 };
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define BROADCAST(x) (x)
#define FMA(a, b, c) df_real_fused(a, b, c)
#define LOAD_PART(p, n) (*(p)) /* never less than the one lane */
#define STORE_PART(p, n, v) (*(p) = (v))

#endif

/* Sums stay in registers only if their loops disappear; clang does not heed the pragma of gcc. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 24")
#endif

enum { TILE_ROWS = 6, WIDTH = TILE_VECTORS * LANES, DEPTH = 128 };

/* What a tile needs to know of the matrices in kernels.h. */
typedef struct operands {
    df_real *c;
    const df_real *start, *a, *b;
    size_t c_row, start_row, a_row, a_column, b_row;
} operands;

/* A tile of `rows` x `vectors` sums stays in registers while the reduction index runs. Its last vector holds
 * `rest` columns. */
static inline __attribute__((always_inline)) void tile(const operands *of, size_t i0, size_t k, size_t rest,
                                                       size_t rows, size_t vectors)
{
    const df_real *start = of->start ? of->start + i0 * of->start_row : NULL;
    const df_real *a = of->a + i0 * of->a_row, *b = of->b;
    df_real *c = of->c + i0 * of->c_row;
    const size_t a_row = of->a_row, a_column = of->a_column, b_row = of->b_row;
    vector sum[TILE_ROWS][TILE_VECTORS];
    UNROLLED for (size_t i = 0; i < rows; i++)
        UNROLLED for (size_t j = 0; j < vectors; j++) {
            const df_real *from = start + i * of->start_row + j * LANES;
            sum[i][j] = !start ? BROADCAST(0) : j + 1 < vectors || rest == LANES ? LOAD(from) : LOAD_PART(from, rest);
        }
    for (size_t p = 0; p < k; p++, a += a_column, b += b_row) {
        vector right[TILE_VECTORS];
        UNROLLED for (size_t j = 0; j < vectors; j++) right[j] = LOAD(b + j * LANES);
        UNROLLED for (size_t i = 0; i < rows; i++) {
            const vector left = BROADCAST(a[i * a_row]);
            UNROLLED for (size_t j = 0; j < vectors; j++) sum[i][j] = FMA(left, right[j], sum[i][j]);
        }
    }
    UNROLLED for (size_t i = 0; i < rows; i++, c += of->c_row)
        UNROLLED for (size_t j = 0; j < vectors; j++)
            if (j + 1 < vectors || rest == LANES) STORE(c + j * LANES, sum[i][j]);
            else STORE_PART(c + j * LANES, rest, sum[i][j]);
}

/* A panel of m rows that is `vectors` wide, in tiles of nearly equal height. */
static inline __attribute__((always_inline)) void panel(const operands *of, size_t m, size_t k, size_t rest,
                                                        size_t vectors)
{
    size_t i = 0;
    for (size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS; tiles > 0; tiles--) {
        const size_t rows = (m - i) / tiles;
        switch (rows) {
        case 1: tile(of, i, k, rest, 1, vectors); break;
        case 2: tile(of, i, k, rest, 2, vectors); break;
        case 3: tile(of, i, k, rest, 3, vectors); break;
        case 4: tile(of, i, k, rest, 4, vectors); break;
        case 5: tile(of, i, k, rest, 5, vectors); break;
        default: tile(of, i, k, rest, TILE_ROWS, vectors); break;
        }
        i += rows;
    }
}

/* `columns` columns of k rows of b, close together, with zeros behind them up to whole vectors. */
static void pack(df_real *restrict to, const df_real *restrict b, size_t b_row, size_t k, size_t columns)
{
    const size_t whole = columns / LANES * LANES, rest = columns - whole;
    for (size_t p = 0; p < k; p++, b += b_row) {
        for (size_t j = 0; j < whole; j += LANES, to += LANES) STORE(to, LOAD(b + j));
        if (rest == 0) continue;
        STORE(to, LOAD_PART(b + whole, rest));
        to += LANES;
    }
}

/* The last columns, fewer than a full panel: a packed copy of b may be read beyond them. */
static void edge(operands of, size_t m, size_t n, size_t k)
{
    df_real packed[DEPTH * WIDTH];
    const df_real *const b = of.b;
    const size_t b_row = of.b_row, vectors = (n + LANES - 1) / LANES, rest = n - (vectors - 1) * LANES;
    of.b = packed;
    of.b_row = vectors * LANES;
    size_t p = 0;
    do {
        const size_t terms = k - p < DEPTH ? k - p : DEPTH;
        pack(packed, b + p * b_row, b_row, terms, n);
        switch (vectors) {
        case 1: panel(&of, m, terms, rest, 1); break;
        case 2: panel(&of, m, terms, rest, 2); break;
        case 3: panel(&of, m, terms, rest, TILE_VECTORS - 1); break;
        default: panel(&of, m, terms, rest, TILE_VECTORS); break;
        }
        of.a += terms * of.a_column;
        of.start = of.c;
        of.start_row = of.c_row;
        p += terms;
    } while (p < k);
}

static void gemm(df_real *c, size_t c_row, const df_real *start, size_t start_row, const df_real *a, size_t a_row,
                 size_t a_column, const df_real *b, size_t b_row, size_t m, size_t n, size_t k)
{
    operands of = {.c = c, .start = start, .a = a, .b = b, .c_row = c_row, .start_row = start_row, .a_row = a_row,
                   .a_column = a_column, .b_row = b_row};
    for (; n >= WIDTH; n -= WIDTH) {
        panel(&of, m, k, LANES, TILE_VECTORS);
        of.c += WIDTH;
        if (start) of.start += WIDTH;
        of.b += WIDTH;
    }
    if (n > 0) edge(of, m, n, k);
}

static size_t peak(df_real *sum, df_real a, df_real b, size_t rounds)
{
    enum { CHAINS = TILE_ROWS * TILE_VECTORS };
    const vector left = BROADCAST(a), right = BROADCAST(b);
    vector chain[CHAINS];
    UNROLLED for (size_t i = 0; i < CHAINS; i++) chain[i] = LOAD(sum + i * LANES);
    for (; rounds > 0; rounds--)
        UNROLLED for (size_t i = 0; i < CHAINS; i++) chain[i] = FMA(left, right, chain[i]);
    UNROLLED for (size_t i = 0; i < CHAINS; i++) STORE(sum + i * LANES, chain[i]);
    return CHAINS * LANES;
}

#ifdef DF_DOUBLE
#define SQRT(x) sqrt(x)
#else
#define SQRT(x) sqrtf(x)
#endif

/* ---- plain loops that the compiler vectorises ---- */

/* SiLU: z s with s the logistic function; slope s + z s (1 - s). */
static inline df_real silu_of(df_real z, df_real *slope)
{
    const df_real s = df_real_sigmoid(z);
    *slope = s + z * s * (1 - s);
    return z * s;
}

/* GELU: z P with P the normal distribution function; slope P + z P'. */
static inline df_real gelu_of(df_real z, df_real *slope)
{
    df_real density;
    const df_real tail = df_real_normal_tail(df_real_abs(z), &density);
    const df_real probability = z > 0 ? 1 - tail : tail;
    *slope = probability + z * density;
    return z * probability;
}

#define ACTIVATE(phi)                                                              \
    if (!from)                                                                     \
        for (size_t i = 0; i < n; i++) h[i] = phi(z[i], &z[i]);                    \
    else if (from == h)                                                            \
        for (size_t i = 0; i < n; i++) h[i] += phi(z[i], &z[i]);                   \
    else                                                                           \
        for (size_t i = 0; i < n; i++) h[i] = from[i] + phi(z[i], &z[i])

static void silu(df_real *restrict h, df_real *restrict z, const df_real *restrict from, size_t n)
{
    ACTIVATE(silu_of);
}

static void gelu(df_real *restrict h, df_real *restrict z, const df_real *restrict from, size_t n)
{
    ACTIVATE(gelu_of);
}

/* s (1 - s) (2 + z (1 - 2 s)) */
static void silu_bend(df_real *restrict z, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const df_real s = df_real_sigmoid(z[i]);
        z[i] = s * (1 - s) * (2 + z[i] * (1 - 2 * s));
    }
}

/* P' (2 - z^2) */
static void gelu_bend(df_real *restrict z, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        df_real density;
        df_real_normal_tail(df_real_abs(z[i]), &density);
        z[i] = density * (2 - z[i] * z[i]);
    }
}

static void multiply(df_real *restrict y, const df_real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

/* Phases of waves first .. first + count - 1 of one row x. */
static inline __attribute__((always_inline)) void phases(df_real *restrict phase, const df_real *restrict frequencies,
                                                         const df_real *restrict x, size_t count, size_t inputs)
{
    for (size_t k = 0; k < count; k++) {
        df_real sum = 0;
        for (size_t i = 0; i < inputs; i++) sum += frequencies[k * inputs + i] * x[i];
        phase[k] = sum;
    }
}

/* The phases of as many rows as fit are worked on together. */
static void waves(df_real *restrict y, size_t y_row, const df_real *restrict x, size_t x_row,
                  const df_real *restrict frequencies, size_t waves, size_t inputs, size_t n)
{
    enum { ROOM = 512 };
    df_real phase[ROOM], sine[ROOM], cosine[ROOM];
    for (size_t w = 0, count; w < waves; w += count) {
        const df_real *const from = frequencies + w * inputs;
        count = waves - w < ROOM ? waves - w : ROOM;
        for (size_t r = 0, rows; r < n; r += rows) {
            rows = n - r < ROOM / count ? n - r : ROOM / count;
            for (size_t q = 0; q < rows; q++) {
                const df_real *const at = x + (r + q) * x_row;
                if (inputs == 1) phases(phase + q * count, from, at, count, 1);
                else if (inputs == 2) phases(phase + q * count, from, at, count, 2);
                else phases(phase + q * count, from, at, count, inputs);
            }
            for (size_t k = 0; k < rows * count; k++) df_real_sincos(phase[k], &sine[k], &cosine[k]);
            for (size_t q = 0; q < rows; q++) {
                memcpy(y + (r + q) * y_row + w, sine + q * count, count * sizeof *y);
                memcpy(y + (r + q) * y_row + waves + w, cosine + q * count, count * sizeof *y);
            }
        }
    }
}

#ifdef ZIP_LOW
static inline void transpose_four(float *to, size_t to_row, const float *from, size_t from_row)
{
    const quad a = QUAD_LOAD(from), b = QUAD_LOAD(from + from_row);
    const quad c = QUAD_LOAD(from + 2 * from_row), d = QUAD_LOAD(from + 3 * from_row);
    const quad ac = ZIP_LOW(a, c), bd = ZIP_LOW(b, d), ac2 = ZIP_HIGH(a, c), bd2 = ZIP_HIGH(b, d);
    QUAD_STORE(to, ZIP_LOW(ac, bd));
    QUAD_STORE(to + to_row, ZIP_HIGH(ac, bd));
    QUAD_STORE(to + 2 * to_row, ZIP_LOW(ac2, bd2));
    QUAD_STORE(to + 3 * to_row, ZIP_HIGH(ac2, bd2));
}
#else
static inline void transpose_four(df_real *to, size_t to_row, const df_real *from, size_t from_row)
{
    for (size_t j = 0; j < 4; j++)
        for (size_t i = 0; i < 4; i++) to[j * to_row + i] = from[i * from_row + j];
}
#endif

/* Sixteen rows at a time, which fill lines of the cache on the other side. */
static void transpose(df_real *restrict to, size_t to_row, const df_real *restrict from, size_t from_row, size_t rows,
                      size_t columns)
{
    enum { SIDE = 16 };
    const size_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
    for (size_t row = 0; row < whole_rows; row += SIDE)
        for (size_t j = 0; j < whole_columns; j += 4)
            for (size_t i = row; i < whole_rows && i < row + SIDE; i += 4)
                transpose_four(to + j * to_row + i, to_row, from + i * from_row + j, from_row);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = i < whole_rows ? whole_columns : 0; j < columns; j++)
            to[j * to_row + i] = from[i * from_row + j];
}

static double squares(const df_real *a, size_t n)
{
    double lane[64] = {0};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 64; j++) lane[j] += (double)a[i + j] * (double)a[i + j];
    for (size_t j = 0; i + j < n; j++) lane[j] += (double)a[i + j] * (double)a[i + j];
    return df_fold_lanes(lane);
}

static void adam(df_real *restrict parameters, df_real *restrict m, df_real *restrict v,
                 const df_real *restrict gradient, size_t n, df_real scale, df_real beta1, df_real beta2, df_real rate,
                 df_real root_scale, df_real epsilon, df_real decay)
{
    for (size_t i = 0; i < n; i++) {
        const df_real g = scale * gradient[i];
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * (g * g);
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

static void gather(df_real *restrict sums, const df_real *restrict nodes, size_t dim, df_real alpha, df_real sharpness,
                   const df_real *restrict x, const df_real *restrict centre)
{
    df_real square[DF_NODES] = {0}, weight[DF_NODES];
    for (size_t i = 0; i < dim; i++)
        for (size_t k = 0; k < DF_NODES; k++) {
            const df_real away = x[i] - alpha * nodes[i * DF_NODES + k];
            square[k] += away * away;
        }
    for (size_t k = 0; k < DF_NODES; k++) {
        const df_real term = sharpness * square[k];
        weight[k] = nodes[dim * DF_NODES + k] * df_real_exp(term < 60 ? -term : -60);
    }
    for (size_t i = 0; i < dim; i++)
        for (size_t k = 0; k < DF_NODES; k++)
            sums[i * DF_NODES + k] += weight[k] * (nodes[i * DF_NODES + k] - centre[i]);
    for (size_t k = 0; k < DF_NODES; k++) sums[dim * DF_NODES + k] += weight[k];
}

#define JOIN(a, b) a##b
#define SET_NAME(set) JOIN(df_kernels_, set)
#define TEXT_OF(set) #set
#define SET_TEXT(set) TEXT_OF(set)

extern const df_kernels SET_NAME(DF_SET);
const df_kernels SET_NAME(DF_SET) = {
    .name = SET_TEXT(DF_SET), .gemm = gemm, .peak = peak, .silu = silu, .gelu = gelu, .silu_bend = silu_bend,
    .gelu_bend = gelu_bend, .multiply = multiply,
    .waves = waves, .transpose = transpose, .squares = squares, .adam = adam, .average = average,
    .terms = terms, .weights = weights, .moment = moment,
    .gather = gather,
};
