/* test_kernels.c -- every instruction set gives the bits of the scalar one, and gemm those of plain fma(). */
#include "check.h"
#include "diffuse/kernels.h"
#include "diffuse/random.h"

#include <stdlib.h>

#ifdef DF_DOUBLE
#define FUSED fma
#else
#define FUSED fmaf
#endif

static uint64_t random_bits(uint64_t seed, uint64_t index)
{
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t word[4];
    df_philox(word, counter, key);
    return (uint64_t)word[1] << 32 | word[0];
}

/* Memory of exactly n numbers, so that a sanitizer sees the first one too many. */
static df_real *array(size_t n)
{
    df_real *x = calloc(n ? n : 1, sizeof *x);
    if (!x) abort();
    return x;
}

static df_real *normal_array(size_t n, uint64_t seed)
{
    df_real *x = array(n);
    for (size_t i = 0; i < n; i++) {
        double z[2];
        df_normals(z, (df_place){.seed = seed, .index = i, .purpose = DF_FOR_MEASURE}, 0);
        x[i] = (df_real)z[0];
    }
    return x;
}

static df_real *copy_of(const df_real *x, size_t n)
{
    df_real *copy = array(n);
    memcpy(copy, x, n * sizeof *x);
    return copy;
}

/* Equal bits, but any NaN equals any other: their signs and payloads are not promised. */
static bool same(const df_real *a, const df_real *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0 && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

/* Checks that a property holds for each instruction set, and names those for which it does not. */
#define CHECK_SETS(kernels, condition)                                                                       \
    for (const char *const *set_ = df_kernels_names(); *set_; set_++) {                                      \
        const df_kernels *const kernels = df_kernels_named(*set_);                                           \
        const int failed_ = checks_failed;                                                                   \
        CHECK(condition);                                                                                    \
        if (checks_failed > failed_) fprintf(stderr, "  with the kernels of %s\n", *set_);                   \
    }

/* ---- which sets there are ---- */

static void test_names(void)
{
    CHECK(df_kernels_named("scalar") != NULL);
    CHECK(df_kernels_named("sse9") == NULL);
    CHECK(df_kernels_named("") == NULL);
    CHECK_SETS(kernels, kernels && strcmp(kernels->name, *set_) == 0);

    const char *best = NULL;
    for (const char *const *name = df_kernels_names(); *name; name++) best = *name;
    const char *wanted = getenv("DIFFUSE_SIMD");
    if (!wanted) CHECK_TEXT(df_kernels_get()->name, best);
    else if (df_kernels_named(wanted)) CHECK_TEXT(df_kernels_get()->name, wanted);
}

/* ---- gemm ---- */

typedef struct product {
    size_t m, n, k, c_row, a_row, a_column, b_row;
} product;

static size_t c_size(product p)
{
    return (p.m - 1) * p.c_row + p.n;
}

static void naive_gemm(df_real *c, const df_real *a, const df_real *b, product p)
{
    for (size_t i = 0; i < p.m; i++)
        for (size_t j = 0; j < p.n; j++)
            for (size_t q = 0; q < p.k; q++)
                c[i * p.c_row + j] =
                    FUSED(a[i * p.a_row + q * p.a_column], b[q * p.b_row + j], c[i * p.c_row + j]);
}

static void run_gemm(const df_kernels *kernels, df_real *c, const df_real *a, const df_real *b, product p)
{
    kernels->gemm(c, p.c_row, c, p.c_row, a, p.a_row, p.a_column, b, p.b_row, p.m, p.n, p.k);
}

static void whole(const df_kernels *kernels, df_real *c, const df_real *a, const df_real *b, product p)
{
    run_gemm(kernels, c, a, b, p);
}

static void terms_in_two(const df_kernels *kernels, df_real *c, const df_real *a, const df_real *b, product p)
{
    product first = p, rest = p;
    first.k = p.k / 3;
    rest.k = p.k - first.k;
    run_gemm(kernels, c, a, b, first);
    run_gemm(kernels, c, a + first.k * p.a_column, b + first.k * p.b_row, rest);
}

static void rows_in_blocks(const df_kernels *kernels, df_real *c, const df_real *a, const df_real *b,
                           product p)
{
    for (size_t done = 0, rows = 1; done < p.m; done += rows, rows += 2) {
        product block = p;
        block.m = rows = p.m - done < rows ? p.m - done : rows;
        run_gemm(kernels, c + done * p.c_row, a + done * p.a_row, b, block);
    }
}

static void columns_in_blocks(const df_kernels *kernels, df_real *c, const df_real *a, const df_real *b,
                              product p)
{
    for (size_t done = 0, columns = 1; done < p.n; done += columns, columns += 4) {
        product block = p;
        block.n = columns = p.n - done < columns ? p.n - done : columns;
        run_gemm(kernels, c + done, a, b + done, block);
    }
}

typedef void gemm_way(const df_kernels *kernels, df_real *c, const df_real *a, const df_real *b, product p);

/* The numbers between the rows of c belong to somebody else; comparing all of c shows that they stay. */
static bool equals_naive(const df_kernels *kernels, gemm_way *way, const df_real *start, const df_real *want,
                         const df_real *a, const df_real *b, product p)
{
    df_real *c = copy_of(start, c_size(p));
    way(kernels, c, a, b, p);
    const bool equal = same(c, want, c_size(p));
    free(c);
    return equal;
}

static void check_product(product p, uint64_t seed)
{
    df_real *a = normal_array((p.m - 1) * p.a_row + (p.k - 1) * p.a_column + 1, seed);
    df_real *b = normal_array((p.k - 1) * p.b_row + p.n, seed + 1);
    df_real *start = normal_array(c_size(p), seed + 2), *want = copy_of(start, c_size(p));
    naive_gemm(want, a, b, p);
    const int failed = checks_failed;
    CHECK(!same(start, want, c_size(p)));
    CHECK_SETS(kernels, equals_naive(kernels, whole, start, want, a, b, p));
    CHECK_SETS(kernels, equals_naive(kernels, terms_in_two, start, want, a, b, p));
    CHECK_SETS(kernels, equals_naive(kernels, rows_in_blocks, start, want, a, b, p));
    CHECK_SETS(kernels, equals_naive(kernels, columns_in_blocks, start, want, a, b, p));
    if (checks_failed > failed)
        fprintf(stderr, "  at m %zu, n %zu, k %zu, strides c %zu, a %zu and %zu, b %zu\n", p.m, p.n, p.k,
                p.c_row, p.a_row, p.a_column, p.b_row);
    free(a), free(b), free(start), free(want);
}

/* A product of that shape with rows further apart than they are long by `gap`. */
static product shaped(size_t m, size_t n, size_t k, size_t gap, bool transposed)
{
    return (product){.m = m,
                     .n = n,
                     .k = k,
                     .c_row = n + gap,
                     .b_row = n + 2 * gap,
                     .a_row = transposed ? 1 : k + 3 * gap,
                     .a_column = transposed ? m + gap : 1};
}

static void test_gemm(void)
{
    enum { SHAPES = 120, MOST = 70 };
    for (uint64_t s = 0; s < SHAPES; s++) {
        const uint64_t bits = random_bits(2385, s);
        const size_t m = 1 + bits % MOST, n = 1 + (bits >> 16) % MOST, k = 1 + (bits >> 32) % MOST;
        check_product(shaped(m, n, k, (bits >> 48) % 4, s % 2), 10 * s);
    }
    for (size_t n = 1; n <= MOST; n++) check_product(shaped(3, n, 5, 1, n % 2), 7 * n);
    for (size_t m = 1; m <= MOST; m++) check_product(shaped(m, 19, 3, 0, m % 2), 7 * m);
    check_product(shaped(131, 17, 201, 2, false), 1); /* more terms than a packed copy holds */
    check_product(shaped(131, 17, 201, 0, true), 2);
}

/* From rows of their own, from one row for all, and from zeros. */
static void check_start(product p)
{
    df_real *a = normal_array(p.m * p.k, 1), *b = normal_array(p.k * p.n, 2), *start = normal_array(p.m * p.n, 3);
    df_real *want = array(p.m * p.n), *got = array(p.m * p.n);
    for (size_t way = 0; way < 3; way++) {
        const df_real *from = way == 2 ? NULL : start;
        const size_t from_row = way == 0 ? p.n : 0;
        for (size_t i = 0; i < p.m * p.n; i++) want[i] = from ? from[i / p.n * from_row + i % p.n] : 0;
        naive_gemm(want, a, b, p);
        for (const char *const *set = df_kernels_names(); *set; set++) {
            for (size_t i = 0; i < p.m * p.n; i++) got[i] = (df_real)NAN;
            df_kernels_named(*set)->gemm(got, p.n, from, from_row, a, p.k, 1, b, p.n, p.m, p.n, p.k);
            CHECK(same(got, want, p.m * p.n));
        }
    }
    free(a), free(b), free(start), free(want), free(got);
}

static void test_gemm_starts(void)
{
    check_start(shaped(7, 83, 5, 0, false));
    check_start(shaped(13, 64, 200, 0, false));
    check_start(shaped(1, 3, 300, 0, false)); /* more terms than a packed copy holds */
}

static void test_gemm_without_terms(void)
{
    df_real *start = normal_array(35, 5);
    const product p = {.m = 5, .n = 7, .c_row = 7, .a_row = 1, .a_column = 1, .b_row = 7};
    CHECK_SETS(kernels, equals_naive(kernels, whole, start, start, start, start, p));
    free(start);
}

/* ---- the fused multiply-add ---- */

#ifdef DF_DOUBLE
enum { DIGITS = 53, EXPONENTS = 2046 };
static df_real from_bits(uint64_t bits)
{
    return df_from_bits(bits);
}
#else
enum { DIGITS = 24, EXPONENTS = 254 };
static df_real from_bits(uint64_t bits)
{
    return df_from_bitsf((uint32_t)bits);
}
#endif

/* sign, exponent field and mantissa field of a number */
static df_real assembled(uint64_t sign, uint64_t exponent, uint64_t mantissa)
{
    const uint64_t mask = (UINT64_C(1) << (DIGITS - 1)) - 1, exponent_bits = EXPONENTS + 1;
    return from_bits((sign & 1) * (exponent_bits + 1) << (DIGITS - 1) |
                     exponent % (exponent_bits + 1) << (DIGITS - 1) | (mantissa & mask));
}

/* Numbers whose products and sums are hard to round: any bits at all, few bits, a bit away from a power of
 * two, subnormal ones; exponents close enough together for the addend to meet the product. */
static df_real hard_number(uint64_t seed, uint64_t index)
{
    const uint64_t bits = random_bits(seed, 2 * index), more = random_bits(seed, 2 * index + 1);
    const uint64_t one = EXPONENTS / 2, near_one = one - DIGITS + more % (2 * DIGITS);
    const uint64_t low_bits = (more >> 40) % 4;
    switch ((more >> 32) % 8) {
    case 0: return assembled(bits, more, bits >> 1); /* any */
    case 1: return assembled(bits, 0, bits >> 1);    /* subnormal */
    case 2: return assembled(bits, 0, low_bits);     /* the smallest ones */
    case 3:
        return assembled(bits, one / 2 - DIGITS + more % (2 * DIGITS),
                         bits >> 1);                                       /* with subnormal products */
    case 4: return assembled(bits, near_one, low_bits);                    /* just above 2^e */
    case 5: return assembled(bits, near_one, ~low_bits);                   /* just below 2^e */
    case 6: return assembled(bits, near_one, (bits >> 1) << (DIGITS - 4)); /* few bits */
    default: return assembled(bits, near_one, bits >> 1);
    }
}

/* The addend for which a b + c nearly cancels, or lies nearly half-way between two numbers. */
static df_real hard_addend(df_real a, df_real b, uint64_t seed, uint64_t index)
{
    const uint64_t bits = random_bits(seed, index);
    const df_real ab = a * b;
    const int shift = (int)(bits >> 8) % (2 * DIGITS);
    switch (bits % 4) {
    case 0: return -ab;
    case 1: return ab * (df_real)ldexp(1, shift);
    case 2: return -(df_real)ldexp((double)hard_number(seed, index), shift);
    default: return hard_number(seed, index);
    }
}

static void test_fused(void)
{
    enum { SIDE = 13, ROUNDS = 1500 };
    df_real a[SIDE], b[SIDE], start[SIDE * SIDE], want[SIDE * SIDE];
    const product outer = {
        .m = SIDE, .n = SIDE, .k = 1, .c_row = SIDE, .a_row = 1, .a_column = 1, .b_row = SIDE};
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < SIDE; i++) {
            a[i] = hard_number(1, round * SIDE + i);
            b[i] = hard_number(2, round * SIDE + i);
        }
        for (uint64_t i = 0; i < SIDE * SIDE; i++)
            start[i] = hard_addend(a[i / SIDE], b[i % SIDE], 3, round * SIDE * SIDE + i);
        memcpy(want, start, sizeof want);
        naive_gemm(want, a, b, outer);
        CHECK_SETS(kernels, equals_naive(kernels, whole, start, want, a, b, outer));
    }
}

/* One step above 1, plus just less than half a step: rounding first to double finds a tie and goes up. */
static void test_fused_rounds_once(void)
{
    const df_real step = (df_real)ldexp(1, 1 - DIGITS), above = 1 + step;
    const df_real a = (1 + step) * (df_real)ldexp(1, -DIGITS), b = 1 - step;
    CHECK_SETS(
        kernels,
        equals_naive(kernels, whole, &above, &above, &a, &b,
                     (product){.m = 1, .n = 1, .k = 1, .c_row = 1, .a_row = 1, .a_column = 1, .b_row = 1}));
}

/* ---- loops over arrays ---- */

static const size_t lengths[] = {0,  1,  2,  3,  4,  5,  7,  8,  9,  13,  15,  16,
                                 17, 23, 31, 32, 33, 47, 63, 64, 65, 127, 129, 1009};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

/* Every size of number that a layer may meet, and now and then one that it should not. */
static df_real *wide_array(size_t n, uint64_t seed)
{
    df_real *x = normal_array(n, seed);
    for (size_t i = 0; i < n; i++) {
        if (i % 3 == 1) x[i] *= 12;
        if (i % 5 == 2) x[i] *= (df_real)1e-6;
        if (i % 11 == 7) x[i] = hard_number(seed, i);
    }
    return x;
}

/* h of z, and what z becomes, from nothing, from an array, and from h itself. */
typedef void activation(df_real *h, df_real *z, const df_real *from, size_t n);

typedef struct activated {
    df_real *h, *z;
} activated;

static activated activate(activation *f, size_t n, size_t way, uint64_t seed)
{
    df_real *other = normal_array(n, seed + 1);
    const activated a = {copy_of(other, n), wide_array(n, seed)};
    f(a.h, a.z, way == 0 ? NULL : way == 1 ? other : a.h, n);
    free(other);
    return a;
}

static void activated_free(activated a)
{
    free(a.h), free(a.z);
}

static bool activation_equals(activation *f, activation *scalar, size_t n, uint64_t seed)
{
    bool equal = true;
    for (size_t way = 0; way < 3; way++) {
        const activated got = activate(f, n, way, seed), want = activate(scalar, n, way, seed);
        equal = equal && same(got.h, want.h, n) && same(got.z, want.z, n);
        activated_free(got), activated_free(want);
    }
    const activated other = activate(f, n, 1, seed), itself = activate(f, n, 2, seed);
    equal = equal && same(other.h, itself.h, n);
    activated_free(other), activated_free(itself);
    return equal;
}

static bool product_equals_scalar(const df_kernels *kernels, size_t n)
{
    df_real *x = wide_array(n, 13), *got = wide_array(n, 14), *want = wide_array(n, 14);
    kernels->multiply(got, x, n);
    for (size_t i = 0; i < n; i++) want[i] *= x[i];
    const bool equal = same(got, want, n);
    free(x), free(got), free(want);
    return equal;
}

static bool bend_equals(void (*bend)(df_real *z, size_t n), void (*scalar)(df_real *z, size_t n), size_t n)
{
    df_real *got = wide_array(n, 15), *want = wide_array(n, 15);
    bend(got, n);
    scalar(want, n);
    const bool equal = same(got, want, n);
    free(got), free(want);
    return equal;
}

static void test_functions(void)
{
    const df_kernels *scalar = df_kernels_named("scalar");
    for (size_t l = 0; l < LENGTHS; l++) {
        CHECK_SETS(kernels, activation_equals(kernels->silu, scalar->silu, lengths[l], l));
        CHECK_SETS(kernels, activation_equals(kernels->gelu, scalar->gelu, lengths[l], l));
        CHECK_SETS(kernels, bend_equals(kernels->silu_bend, scalar->silu_bend, lengths[l]));
        CHECK_SETS(kernels, bend_equals(kernels->gelu_bend, scalar->gelu_bend, lengths[l]));
        CHECK_SETS(kernels, product_equals_scalar(kernels, lengths[l]));
    }
}

/* One long array and the same in pieces: no number depends on its neighbours. */
static bool pieces_equal_whole(activation *f)
{
    enum { N = 213 };
    const activated whole = activate(f, N, 0, 9);
    df_real h[N], *z = wide_array(N, 9);
    for (size_t done = 0, n = 1; done < N; done += n, n += 3) {
        n = N - done < n ? N - done : n;
        f(h + done, z + done, NULL, n);
    }
    const bool equal = same(whole.h, h, N) && same(whole.z, z, N);
    activated_free(whole), free(z);
    return equal;
}

static void test_functions_of_pieces(void)
{
    CHECK_SETS(kernels, pieces_equal_whole(kernels->silu));
    CHECK_SETS(kernels, pieces_equal_whole(kernels->gelu));
}

/* Each wave is the sine and cosine of its phase, whatever its place; what lies between the rows stays. */
static bool waves_are_right(const df_kernels *kernels, size_t waves, size_t inputs, size_t n)
{
    const size_t x_row = inputs + 1, y_row = 2 * waves + 3;
    df_real *x = normal_array(n * x_row, 15), *f = normal_array(waves * inputs, 16), *got = normal_array(n * y_row, 17);
    df_real *want = copy_of(got, n * y_row);
    kernels->waves(got, y_row, x, x_row, f, waves, inputs, n);
    for (size_t r = 0; r < n; r++)
        for (size_t w = 0; w < waves; w++) {
            df_real phase = 0, *row = want + r * y_row;
            for (size_t i = 0; i < inputs; i++) phase += f[w * inputs + i] * x[r * x_row + i];
            df_real_sincos(phase, &row[w], &row[waves + w]);
        }
    const bool equal = same(got, want, n * y_row);
    free(x), free(f), free(got), free(want);
    return equal;
}

static void test_waves(void)
{
    static const size_t counts[] = {0, 1, 4, 16, 63, 511, 512, 513, 1100};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (size_t inputs = 1; inputs <= 3; inputs++)
            CHECK_SETS(kernels, waves_are_right(kernels, counts[c], inputs, 133));
}

static bool transposes(const df_kernels *kernels, size_t rows, size_t columns)
{
    const size_t from_row = columns + 2, to_row = rows + 1;
    df_real *from = normal_array(rows * from_row, 18), *got = normal_array(columns * to_row, 19);
    df_real *want = copy_of(got, columns * to_row);
    kernels->transpose(got, to_row, from, from_row, rows, columns);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) want[j * to_row + i] = from[i * from_row + j];
    const bool equal = same(got, want, columns * to_row);
    free(from), free(got), free(want);
    return equal;
}

static void test_transpose(void)
{
    for (size_t rows = 1; rows < 40; rows += 3)
        for (size_t columns = 1; columns < 40; columns += 2)
            CHECK_SETS(kernels, transposes(kernels, rows, columns));
    CHECK_SETS(kernels, transposes(kernels, 131, 67));
}

/* The definition of the order, as slowly as it can be said. */
static double lane_squares(const df_real *a, size_t n, size_t lane, size_t lanes)
{
    if (lanes < 64) return lane_squares(a, n, lane, 2 * lanes) + lane_squares(a, n, lane + lanes, 2 * lanes);
    double sum = 0;
    for (size_t i = lane; i < n; i += 64) sum += (double)a[i] * (double)a[i];
    return sum;
}

static void test_squares(void)
{
    for (size_t l = 0; l < LENGTHS; l++) {
        df_real *a = normal_array(lengths[l], 20);
        CHECK_SETS(kernels, kernels->squares(a, lengths[l]) == lane_squares(a, lengths[l], 0, 1));
        free(a);
    }
}

/* Parameters, moments and gradient of n numbers before or after an update. */
typedef struct optimiser {
    df_real *parameters, *m, *v, *gradient;
} optimiser;

static optimiser optimiser_new(size_t n)
{
    const optimiser o = {normal_array(n, 1), normal_array(n, 2), normal_array(n, 3), wide_array(n, 4)};
    for (size_t i = 0; i < n; i++) o.v[i] *= o.v[i];
    return o;
}

static void optimiser_free(optimiser o)
{
    free(o.parameters), free(o.m), free(o.v), free(o.gradient);
}

static void update(const df_kernels *kernels, optimiser o, size_t n)
{
    kernels->adam(o.parameters, o.m, o.v, o.gradient, n, (df_real)0.731, (df_real)0.885, (df_real)0.9931,
                  (df_real)0.02385, (df_real)1.731, (df_real)1e-7, (df_real)0.9987);
}

static bool adam_equals_scalar(const df_kernels *kernels, size_t n)
{
    optimiser got = optimiser_new(n), want = optimiser_new(n), before = optimiser_new(n);
    update(kernels, got, n);
    update(df_kernels_named("scalar"), want, n);
    const bool equal =
        same(got.parameters, want.parameters, n) && same(got.m, want.m, n) && same(got.v, want.v, n);
    const bool kept = same(got.gradient, before.gradient, n);
    const bool moved = n == 0 || !same(got.parameters, before.parameters, n);
    optimiser_free(got), optimiser_free(want), optimiser_free(before);
    return equal && kept && moved;
}

static bool average_equals_scalar(const df_kernels *kernels, size_t n)
{
    df_real *x = normal_array(n, 11), *got = normal_array(n, 12), *want = normal_array(n, 12);
    kernels->average(got, x, n, (df_real)0.02385);
    df_kernels_named("scalar")->average(want, x, n, (df_real)0.02385);
    const bool equal = same(got, want, n);
    free(x), free(got), free(want);
    return equal;
}

static void test_updates(void)
{
    for (size_t l = 0; l < LENGTHS; l++) {
        CHECK_SETS(kernels, adam_equals_scalar(kernels, lengths[l]));
        CHECK_SETS(kernels, average_equals_scalar(kernels, lengths[l]));
    }
}

/* ---- peak ---- */

static bool counts_rounds(const df_kernels *kernels)
{
    df_real sum[DF_PEAK_SUMS + 1];
    for (size_t i = 0; i <= DF_PEAK_SUMS; i++) sum[i] = (df_real)i;
    const size_t count = kernels->peak(sum, 3, 5, 7);
    for (size_t i = 0; i <= DF_PEAK_SUMS; i++)
        if (sum[i] != (df_real)i + (i < count ? 7 * 3 * 5 : 0)) return false;
    return count > 0 && count <= DF_PEAK_SUMS;
}

static void test_peak(void)
{
    CHECK_SETS(kernels, counts_rounds(kernels));
}

int main(void)
{
    test_names();
    test_peak();
    test_gemm();
    test_gemm_starts();
    test_gemm_without_terms();
    test_fused();
    test_fused_rounds_once();
    test_functions();
    test_functions_of_pieces();
    test_waves();
    test_transpose();
    test_squares();
    test_updates();
    return CHECK_DONE();
}
