/* test_random.c -- the official Philox vectors, frozen streams, and the laws that they follow. */
#include "check.h"
#include "diffuse/math.h"
#include "diffuse/random.h"

#include <stdlib.h>

enum { N = 100000 };

static void test_official_vectors(void)
{
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t got[4];
        df_philox(got, cases[i].counter, cases[i].key);
        CHECK(memcmp(got, cases[i].want, sizeof got) == 0);
    }
}

/* A thousand words of 250 counters and keys: frozen for ever, whatever becomes of numerics. */
static void test_frozen_words(void)
{
    uint64_t hash = 0xcbf29ce484222325u;
    const uint64_t want = 0x5ea1c953bbf0efd9u; /* by another implementation, too */
    for (uint32_t i = 0; i < 250; i++) {
        uint32_t word[4];
        df_philox(word, (uint32_t[4]){i, ~i, i << 16, 7 * i}, (uint32_t[2]){2385, 5832 + i});
        for (size_t k = 0; k < 4; k++) hash = (hash ^ word[k]) * 0x100000001b3u;
    }
    if (hash != want) fprintf(stderr, "the hash of the words is 0x%016llx\n", (unsigned long long)hash);
    CHECK(hash == want);
}

/* Layout 1, written out: key, counter and the words of each uniform. */
static void test_layout(void)
{
    const df_place place = {0x123456789abcdef0, 0xfedcba9876543210, 2385, DF_FOR_STEP};
    const uint32_t counter[4] = {0x76543210, 0xfedcba98, 2385, 0x06000000 | 77};
    const uint32_t key[2] = {0x9abcdef0, 0x12345678};
    uint32_t word[4];
    df_philox(word, counter, key);
    double u[2];
    df_uniforms(u, place, 77);
    CHECK(u[0] == ((double)(((uint64_t)word[1] << 32 | word[0]) >> 12) + 0.5) * 0x1p-52);
    CHECK(u[1] == ((double)(((uint64_t)word[3] << 32 | word[2]) >> 12) + 0.5) * 0x1p-52);
}

/* Each part of a place, and the draw, makes other numbers. */
static void test_every_part_counts(void)
{
    const df_place places[] = {
        {7, 5, 3, DF_FOR_NOISE},          {8, 5, 3, DF_FOR_NOISE}, {7 + (1ull << 32), 5, 3, DF_FOR_NOISE},
        {7, 6, 3, DF_FOR_NOISE},          {7, 5 + (1ull << 32), 3, DF_FOR_NOISE},
        {7, 5, 4, DF_FOR_NOISE},          {7, 5, 3, DF_FOR_START},
    };
    enum { PLACES = sizeof places / sizeof places[0] };
    double u[PLACES + 1][2];
    for (size_t i = 0; i < PLACES; i++) df_uniforms(u[i], places[i], 0);
    df_uniforms(u[PLACES], places[0], 1);
    for (size_t i = 0; i <= PLACES; i++)
        for (size_t j = 0; j < i; j++) CHECK(u[i][0] != u[j][0] && u[i][1] != u[j][1]);
}

static uint64_t hash_of(const double *x, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ df_bits(x[i])) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash;
}

static void check_hash(const double *x, size_t n, const char *of, uint64_t want)
{
    const uint64_t hash = hash_of(x, n);
    if (hash != want) fprintf(stderr, "the hash of %s is 0x%016llx\n", of, (unsigned long long)hash);
    CHECK(hash == want);
}

/* Frozen: a change of these numbers changes every model and every sample that anyone has made. */
static void test_frozen_streams(void)
{
    static double u[2 * N], z[3 * N];
    const df_place place = {2385, 17, 5, DF_FOR_NOISE};
    for (size_t i = 0; i < N; i++) {
        df_place here = place;
        here.index += i;
        df_uniforms(&u[2 * i], here, 1);
    }
    df_normal_rows(z, N, 3, place);
    check_hash(u, 2 * N, "the uniforms", 0x2a1bb17e4f0903a7);
    check_hash(z, 3 * N, "the normals", 0x9539e2ffadf26436);

    double first[2];
    df_normals(first, place, 0);
    CHECK(first[0] == 0.22129785979837527 && first[1] == -0.46732947098658495);
}

/* Column 2k and 2k + 1 of a row are its pair number k, whatever the number of rows or columns. */
static void test_rows_are_pairs(void)
{
    enum { ROWS = 131, WIDEST = 5 };
    const df_place place = {2385, 0xffffffff - 70, 5, DF_FOR_START};
    for (size_t dim = 1; dim <= WIDEST; dim++) {
        double z[ROWS * WIDEST + 1];
        z[ROWS * dim] = 2.385;
        df_normal_rows(z, ROWS, dim, place);
        CHECK(z[ROWS * dim] == 2.385);
        bool equal = true;
        for (size_t row = 0; row < ROWS; row++) {
            df_place here = place;
            here.index += row;
            for (size_t column = 0; column < dim; column++) {
                double pair[2];
                df_normals(pair, here, (uint32_t)(column / 2));
                equal = equal && z[row * dim + column] == pair[column % 2];
            }
        }
        CHECK(equal);
    }
}

static void test_splitting_rows_changes_nothing(void)
{
    enum { ROWS = 300, DIM = 3 };
    const df_place place = {99, 1000, 0, DF_FOR_NOISE};
    double whole[ROWS * DIM], parts[ROWS * DIM];
    df_normal_rows(whole, ROWS, DIM, place);
    static const size_t sizes[] = {0, 1, 63, 64, 65, 107};
    size_t row = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        df_place here = place;
        here.index += row;
        df_normal_rows(&parts[row * DIM], sizes[i], DIM, here);
        row += sizes[i];
    }
    CHECK(row == ROWS);
    CHECK(memcmp(whole, parts, sizeof whole) == 0);
}

static void test_uniform_law(void)
{
    double sum = 0, squares = 0, product = 0, least = 1, most = 0;
    for (size_t i = 0; i < N; i++) {
        double u[2];
        df_uniforms(u, (df_place){2385, i, 0, DF_FOR_LEVEL}, 0);
        sum += u[0] - 0.5;
        squares += (u[0] - 0.5) * (u[0] - 0.5);
        product += (u[0] - 0.5) * (u[1] - 0.5);
        least = u[0] < least ? u[0] : least;
        most = u[0] > most ? u[0] : most;
    }
    CHECK(0 < least && least < 1e-4 && 1 - 1e-4 < most && most < 1);
    CHECK_NEAR(sum / N, 0, 4 * 0.289 / sqrt(N));
    CHECK_NEAR(squares / N, 1 / 12.0, 4 * 0.0745 / sqrt(N));
    CHECK_NEAR(product / N, 0, 4 / 12.0 / sqrt(N));
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Bounds are four standard errors; the last, of Kolmogorov and Smirnov, has a chance of one in a thousand. */
static void test_normal_law(void)
{
    static double z[2 * N];
    df_normal_rows(z, N, 2, (df_place){2385, 0, 1, DF_FOR_NOISE});
    double moment[5] = {0}, product = 0, product_of_squares = 0;
    size_t beyond2 = 0, beyond4 = 0;
    for (size_t i = 0; i < N; i++) {
        const double x = z[2 * i], y = z[2 * i + 1];
        product += x * y;
        product_of_squares += (x * x - 1) * (y * y - 1);
    }
    for (size_t i = 0; i < 2 * N; i++) {
        double power = 1;
        for (size_t k = 0; k < 5; k++, power *= z[i]) moment[k] += power / (2 * N);
        beyond2 += fabs(z[i]) > 2;
        beyond4 += fabs(z[i]) > 4;
    }
    const double error = 4 / sqrt(2 * N);
    CHECK_NEAR(moment[1], 0, error);
    CHECK_NEAR(moment[2], 1, error * sqrt(2));
    CHECK_NEAR(moment[3], 0, error * sqrt(15));
    CHECK_NEAR(moment[4], 3, error * sqrt(96));
    CHECK_NEAR(product / N, 0, 4 / sqrt(N));
    CHECK_NEAR(product_of_squares / N, 0, 4 * 2 / sqrt(N));
    CHECK_NEAR((double)beyond2, 2 * N * 0.04550026, 4 * sqrt(2 * N * 0.0434));
    CHECK_NEAR((double)beyond4, 2 * N * 6.334e-5, 4 * sqrt(2 * N * 6.334e-5));

    qsort(z, N, sizeof z[0], by_value);
    double distance = 0;
    for (size_t i = 0; i < N; i++) {
        const double p = 0.5 + 0.5 * df_erf(z[i] / DF_SQRT2);
        const double gap = fmax(p - (double)i / N, (double)(i + 1) / N - p);
        distance = gap > distance ? gap : distance;
    }
    CHECK_BETWEEN(0.1, distance * sqrt(N), 1.95);
}

int main(void)
{
    test_official_vectors();
    test_frozen_words();
    test_layout();
    test_every_part_counts();
    test_frozen_streams();
    test_rows_are_pairs();
    test_splitting_rows_changes_nothing();
    test_uniform_law();
    test_normal_law();
    return CHECK_DONE();
}
