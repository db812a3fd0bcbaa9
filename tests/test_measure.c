/* test_measure.c -- distances between point sets against brute force, closed forms and published floors. */
#include "check.h"

#include "diffuse/math.h"
#include "diffuse/measure.h"
#include "diffuse/random.h"

#include <stdlib.h>

static df_arena arena;
static df_error error;

static double measure(df_distance *distance, df_pair pair)
{
    double value = (double)NAN;
    CHECK(distance(&value, &arena, &pair, &error) == DF_OK);
    return value;
}

static double *numbers(size_t count)
{
    double *a = df_alloc(&arena, count, sizeof *a, &error);
    if (!a) abort();
    return a;
}

static double *normals(size_t n, size_t dim, uint64_t seed)
{
    double *x = numbers(n * dim);
    df_normal_rows(x, n, dim, (df_place){.seed = seed, .purpose = DF_FOR_POINTS});
    return x;
}

/* The points x + t, where t has the length `length` and is no multiple of an axis. */
static double *moved(const double *x, size_t n, size_t dim, double length)
{
    double *y = numbers(n * dim), t2 = 0;
    for (size_t d = 0; d < dim; d++) t2 += (double)((d + 1) * (d + 1));
    for (size_t i = 0; i < n * dim; i++) y[i] = x[i] + length * (double)(i % dim + 1) / sqrt(t2);
    return y;
}

static double *repeated(const double *x, size_t n, size_t dim, size_t times)
{
    double *y = numbers(n * times * dim);
    for (size_t i = 0; i < n * times; i++) memcpy(y + i * dim, x + i / times * dim, dim * sizeof *y);
    return y;
}

static double distance_squared(const double *a, const double *b, size_t dim)
{
    double r2 = 0;
    for (size_t d = 0; d < dim; d++) r2 += (a[d] - b[d]) * (a[d] - b[d]);
    return r2;
}

/* ---- exact W2 ---- */

/* The least sum over all ways to give rows `row` .. n - 1 the columns that are not in `used`. */
static double least_sum(const df_pair *pair, size_t row, unsigned used)
{
    if (row == pair->n) return 0;
    double least = HUGE_VAL;
    for (size_t j = 0; j < pair->m; j++) {
        if (used >> j & 1) continue;
        const double here = distance_squared(pair->x + row * pair->dim, pair->y + j * pair->dim, pair->dim);
        least = fmin(least, here + least_sum(pair, row + 1, used | 1u << j));
    }
    return least;
}

static void test_w2_is_least_over_all_permutations(void)
{
    for (size_t n = 1; n <= 7; n++)
        for (size_t dim = 1; dim <= 3; dim++)
            for (uint64_t seed = 0; seed < 20; seed++) {
                const df_pair pair = {.dim = dim, .n = n, .m = n, .x = normals(n, dim, seed),
                                      .y = moved(normals(n, dim, 100 + seed), n, dim, 1.385)};
                const double want = sqrt(least_sum(&pair, 0, 0) / (double)n);
                CHECK_NEAR(measure(df_w2_exact, pair), want, 1e-14 * (1 + want));
            }
}

static void test_w2_on_a_line_pairs_in_order(void)
{
    enum { N = 300 };
    double *x = normals(N, 1, 1), *y = moved(normals(N, 1, 2), N, 1, 0.7), *scratch = numbers(N), sum = 0;
    const df_pair pair = {.dim = 1, .n = N, .m = N, .x = x, .y = y};
    const double exact = measure(df_w2_exact, pair), sliced = measure(df_sliced_w2, pair);
    df_sort(x, scratch, N);
    df_sort(y, scratch, N);
    for (size_t i = 0; i < N; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
    CHECK_NEAR(exact, sqrt(sum / N), 1e-13);
    CHECK_NEAR(sliced, sqrt(sum / N), 1e-13);
}

static void test_w2_of_a_moved_set(void)
{
    enum { N = 150 };
    for (size_t dim = 1; dim <= 5; dim += 2) {
        const double *x = normals(N, dim, 3), *y = moved(x, N, dim, 2.385);
        CHECK_NEAR(measure(df_w2_exact, (df_pair){dim, N, N, x, y}), 2.385, 1e-13);
        CHECK(measure(df_w2_exact, (df_pair){dim, N, N, x, x}) == 0);
    }
}

static void test_w2_is_symmetric_and_above_sliced(void)
{
    enum { N = 200 };
    const double *x = normals(N, 2, 4), *y = moved(normals(N, 2, 5), N, 2, 0.3);
    const double there = measure(df_w2_exact, (df_pair){2, N, N, x, y});
    const double back = measure(df_w2_exact, (df_pair){2, N, N, y, x});
    const double sliced = measure(df_sliced_w2, (df_pair){2, N, N, x, y});
    CHECK_NEAR(there, back, 1e-13);
    CHECK_BETWEEN(0.3 / sqrt(2.0), sliced, there);
    CHECK_NEAR(sliced, measure(df_sliced_w2, (df_pair){2, N, N, y, x}), 1e-13);
}

/* ---- sliced W2 ---- */

static void test_sliced_w2_of_a_moved_set(void)
{
    enum { N = 130 };
    const double *x = normals(N, 2, 6);
    CHECK_NEAR(measure(df_sliced_w2, (df_pair){2, N, N, x, moved(x, N, 2, 2.385)}), 2.385 / sqrt(2.0), 1e-13);
    CHECK(measure(df_sliced_w2, (df_pair){2, N, N, x, x}) == 0);
    for (size_t dim = 3; dim <= 12; dim += 9) { /* 64 random directions: (t . direction)^2 to about 20 % */
        const double *far = normals(N, dim, 7);
        const double got = measure(df_sliced_w2, (df_pair){dim, N, N, far, moved(far, N, dim, 2.385)});
        CHECK_NEAR(got, 2.385 / sqrt((double)dim), 0.2 * 2.385 / sqrt((double)dim));
    }
}

/* Repeating every point of a set as often as the other repeats its own makes the sizes equal. */
static void test_sliced_w2_of_unequal_sizes(void)
{
    enum { N = 42, M = 15, TIMES_N = 5, TIMES_M = 14 };
    const double *x = normals(N, 3, 8), *y = moved(normals(M, 3, 9), M, 3, 0.4);
    const double *more_x = repeated(x, N, 3, TIMES_N), *more_y = repeated(y, M, 3, TIMES_M);
    const df_pair equal = {3, N * TIMES_N, M * TIMES_M, more_x, more_y};
    CHECK_NEAR(measure(df_sliced_w2, (df_pair){3, N, M, x, y}), measure(df_sliced_w2, equal), 1e-13);
    CHECK_NEAR(measure(df_sliced_w2, (df_pair){3, N, N * 7, x, repeated(x, N, 3, 7)}), 0, 1e-14);

    const double two[] = {0, 3}, three[] = {0, 1.5, 3}; /* by hand: a third of 1.5^2 */
    CHECK_NEAR(measure(df_sliced_w2, (df_pair){1, 2, 3, two, three}), sqrt(2.25 / 3), 1e-15);
}

/* ---- energy distance ---- */

static double mean_distance(const double *x, size_t n, const double *y, size_t m, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) sum += sqrt(distance_squared(x + i * dim, y + j * dim, dim));
    return sum / (double)n / (double)(x == y ? m - 1 : m);
}

static void test_energy_is_its_definition(void)
{
    static const size_t sizes[][2] = {{2, 2}, {2, 131}, {64, 65}, {131, 70}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (size_t dim = 1; dim <= 3; dim++) {
            const size_t n = sizes[k][0], m = sizes[k][1];
            const double *x = normals(n, dim, 10), *y = moved(normals(m, dim, 11), m, dim, 0.5);
            const double want = 2 * mean_distance(x, n, y, m, dim) - mean_distance(x, n, x, n, dim) -
                                mean_distance(y, m, y, m, dim);
            CHECK_NEAR(measure(df_energy_distance, (df_pair){dim, n, m, x, y}), want, 1e-13);
        }
}

/* E|t + sqrt(2) z| for standard normal z in 1, 2 or 3 dimensions:
 * that of t = 0 times 1F1(-1/2; dim/2; -t^2/4). */
static double mean_gap(size_t dim, double t)
{
    const double still[] = {2 / sqrt(DF_PI), sqrt(DF_PI), 4 / sqrt(DF_PI)};
    double term = 1, sum = 1;
    for (int k = 0; k < 60; k++) {
        term *= (k - 0.5) / (0.5 * (double)dim + k) * (-0.25 * t * t) / (k + 1);
        sum += term;
    }
    return still[dim - 1] * sum;
}

static void test_energy_of_two_gaussians(void)
{
    enum { N = 1500 };
    for (size_t dim = 1; dim <= 3; dim++) {
        const double *x = normals(N, dim, 12), *y = moved(normals(N, dim, 13), N, dim, 1.385);
        const double want = 2 * mean_gap(dim, 1.385) - 2 * mean_gap(dim, 0);
        CHECK_NEAR(measure(df_energy_distance, (df_pair){dim, N, N, x, y}), want, 0.1 * want);
    }
}

static void test_energy_uses_the_first_points(void)
{
    enum { MORE = 3 };
    double *x = normals(DF_ENERGY_MOST + MORE, 1, 14);
    const double *y = normals(2, 1, 15);
    const double first = measure(df_energy_distance, (df_pair){1, DF_ENERGY_MOST, 2, x, y});
    for (size_t i = 0; i < MORE; i++) x[DF_ENERGY_MOST + i] = 1e6;
    CHECK(measure(df_energy_distance, (df_pair){1, DF_ENERGY_MOST + MORE, 2, x, y}) == first);
}

/* ---- all of them ---- */

static df_distance *const distances[] = {df_w2_exact, df_sliced_w2, df_energy_distance};
enum { DISTANCES = sizeof distances / sizeof *distances };

static void test_equal_points(void)
{
    enum { N = 90 };
    const double one[] = {0.3, -1.7}, *same = repeated(one, 1, 2, N), *other = moved(same, N, 2, 2.385);
    const double *pairs = repeated(normals(N / 2, 2, 16), N / 2, 2, 2);
    for (size_t k = 0; k < DISTANCES; k++) {
        CHECK(measure(distances[k], (df_pair){2, N, N, same, same}) == 0);
        CHECK_BETWEEN(0.5, measure(distances[k], (df_pair){2, N, N, pairs, other}), 10);
    }
    CHECK_NEAR(measure(df_w2_exact, (df_pair){2, N, N, same, other}), 2.385, 1e-14);
    CHECK_NEAR(measure(df_energy_distance, (df_pair){2, N, N, same, other}), 2 * 2.385, 1e-13);
    CHECK(measure(df_w2_exact, (df_pair){2, N, N, pairs, pairs}) == 0);
}

/* The numbers themselves, to the last bit: every compiler, level and processor has to find them again. */
static void test_same_bits_everywhere(void)
{
    enum { N = 211 };
    const df_pair plane = {2, N, N, normals(N, 2, 17), normals(N, 2, 18)};
    const df_pair space = {3, N, N, normals(N, 3, 17), normals(N, 3, 18)};
    static const double want[][2] = {{0x1.6f0ec8790f7cdp-2, 0x1.3c8a065903619p-1},
                                     {0x1.3aea315338616p-3, 0x1.3b862eab5e47bp-3},
                                     {-0x1.e101660c968p-10, -0x1.3839f06f526p-8}};
    for (size_t k = 0; k < DISTANCES; k++) {
        CHECK(measure(distances[k], plane) == want[k][0]);
        CHECK(measure(distances[k], space) == want[k][1]);
    }
}

static void fails(df_distance *distance, df_pair pair, df_status status, const char *part)
{
    double value;
    CHECK(distance(&value, &arena, &pair, &error) == status);
    CHECK(strstr(error.message, part));
}

static void test_refusals(void)
{
    const size_t many = DF_W2_MOST + 1;
    double *x = numbers(many * 2);
    fails(df_w2_exact, (df_pair){2, 3, 5, x, x}, DF_USAGE, "not 3 and 5 points");
    fails(df_w2_exact, (df_pair){2, many, many, x, x}, DF_LIMIT, "at most 2000 points, not 2001");
    fails(df_energy_distance, (df_pair){2, 2, 1, x, x}, DF_INPUT, "at least 2 points in each set");
    for (size_t k = 0; k < DISTANCES; k++) {
        fails(distances[k], (df_pair){2, 0, 5, x, x}, DF_INPUT, "first set has no points");
        fails(distances[k], (df_pair){2, 5, 0, x, x}, DF_INPUT, "second set has no points");
        fails(distances[k], (df_pair){0, 5, 5, x, x}, DF_INPUT, "0 dimensions");
    }
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e100};
    for (size_t k = 0; k < DISTANCES * sizeof bad / sizeof *bad; k++) {
        x[11] = bad[k / DISTANCES];
        const df_pair pair = {2, 5, 5, x, x + 4};
        fails(distances[k % DISTANCES], pair, DF_INPUT, "coordinate 2 of point 4 of the second set");
    }
}

/* ---- floors ---- */

/* Eight Gaussians of standard deviation 1 around places of a circle of radius 5. */
static void eight_gaussians(void *self, uint64_t first, size_t n, double *x)
{
    const df_place place = {.seed = *(uint64_t *)self, .index = first, .purpose = DF_FOR_POINTS};
    df_normal_rows(x, n, 2, place);
    for (size_t i = 0; i < n; i++) {
        double u[2], sine, cosine;
        df_uniforms(u, (df_place){place.seed, first + i, 1, place.purpose}, 0);
        df_sincos(DF_PI / 4 * floor(8 * u[0]), &sine, &cosine);
        x[2 * i] += 5 * cosine;
        x[2 * i + 1] += 5 * sine;
    }
}

static void swiss_roll(void *self, uint64_t first, size_t n, double *x)
{
    df_cloud_points(self, 19, first, n, x, NULL);
}

static df_floor floor_of(df_distance *distance, const df_truth *truth, uint64_t first, size_t n, size_t m)
{
    df_floor bottom = {(double)NAN, (double)NAN};
    double value = (double)NAN, again, *x = numbers((n + m) * truth->dim);
    truth->points(truth->self, 0, n + m, x);
    const df_pair pair = {truth->dim, n, m, x, x + n * truth->dim};
    CHECK(df_distance_measure(&value, &bottom, distance, &pair, truth, first, NULL, &error) == DF_OK);
    CHECK(distance(&again, &arena, &pair, &error) == DF_OK && value == again);
    return bottom;
}

/* Computed elsewhere by other means, with the spread of one pair. */
static void test_known_floors(void)
{
    uint64_t seed = 20;
    const df_truth gaussians = {.dim = 2, .points = eight_gaussians, .self = &seed};
    df_cloud cloud;
    CHECK(df_cloud_open(&cloud, &arena, df_find_shape("swissroll"), 0.05, &error) == DF_OK);
    const df_truth roll = {.dim = 2, .points = swiss_roll, .self = &cloud};

    const df_floor few = floor_of(df_w2_exact, &gaussians, 0, 500, 500);
    const df_floor many = floor_of(df_w2_exact, &gaussians, 0, 1000, 1000);
    const df_floor sliced = floor_of(df_sliced_w2, &roll, 0, 4000, 4000);
    CHECK_NEAR(few.mean, 0.78, 0.22);
    CHECK_NEAR(many.mean, 0.54, 0.05);
    CHECK_NEAR(sliced.mean, 0.038, 0.012);
    CHECK_BETWEEN(0.02, many.spread, 0.15);
}

static void test_floor_of_energy_is_zero(void)
{
    uint64_t seed = 21;
    const df_truth gaussians = {.dim = 2, .points = eight_gaussians, .self = &seed};
    const df_floor bottom = floor_of(df_energy_distance, &gaussians, 0, 700, 300);
    CHECK_BETWEEN(1e-4, bottom.spread, 0.05);
    CHECK_NEAR(bottom.mean, 0, 3 * bottom.spread / sqrt(DF_FLOOR_PAIRS));
}

/* Truth whose point i is the number i. */
static void count_up(void *self, uint64_t first, size_t n, double *x)
{
    (void)self;
    for (size_t i = 0; i < n; i++) x[i] = (double)(first + i);
}

static df_status first_number(double *value, df_arena *unused, const df_pair *pair, df_error *failure)
{
    (void)unused;
    (void)failure;
    *value = pair->x[0];
    CHECK(pair->dim == 1 && pair->n == 3 && pair->m == 5);
    CHECK(pair->x[2] == pair->x[0] + 2 && pair->y[0] == pair->x[0] + 3 && pair->y[4] == pair->x[0] + 7);
    return DF_OK;
}

static void test_floor_takes_fresh_points(void)
{
    const df_truth truth = {.dim = 1, .points = count_up};
    const df_floor bottom = floor_of(first_number, &truth, 1000, 3, 5); /* 1000, 1008, ..., 1032 */
    CHECK_NEAR(bottom.mean, 1016, 1e-12);
    CHECK_NEAR(bottom.spread, 8 * sqrt(2.5), 1e-12);
    df_floor unused;
    double value, x[8] = {0};
    const df_pair pair = {1, 3, 5, x, x};
    CHECK(df_distance_measure(&value, &unused, df_w2_exact, &pair, &truth, 0, NULL, &error) == DF_USAGE);
}

/* ---- statistics ---- */

static void test_sort(void)
{
    enum { N = 1500 };
    double *a = normals(N, 1, 22), *scratch = numbers(N), sum = 0;
    for (size_t i = 0; i < N; i += 7) a[i] = df_exp(200 * a[i]) * (i % 2 ? 1 : -1);
    a[3] = HUGE_VAL, a[4] = -HUGE_VAL, a[5] = 0, a[6] = -0.0, a[8] = 5e-324, a[9] = -5e-324, a[10] = a[11];
    for (size_t i = 0; i < N; i++) sum += (double)(df_bits(a[i]) % 1000003);
    df_sort(a, scratch, N);
    size_t ascents = 1;
    for (size_t i = 1; i < N; i++) ascents += a[i - 1] <= a[i];
    for (size_t i = 0; i < N; i++) sum -= (double)(df_bits(a[i]) % 1000003);
    CHECK(ascents == N);
    CHECK(sum == 0); /* the same numbers as before */
    CHECK(a[0] == -HUGE_VAL && a[N - 1] == HUGE_VAL);
    df_sort(a, scratch, 0);
}

static void test_median_and_mean(void)
{
    double scratch[5], mean, standard_error;
    CHECK(df_median((double[]){2.385}, scratch, 1) == 2.385);
    CHECK(df_median((double[]){3, -7}, scratch, 2) == -2);
    CHECK(df_median((double[]){9, -1, 4, 0, 7}, scratch, 5) == 4);
    CHECK(df_median((double[]){9, -1, 4, 0}, scratch, 4) == 2);
    df_mean_error(&mean, &standard_error, (double[]){1, 2, 4, 9}, 4);
    CHECK_NEAR(mean, 4, 1e-15);
    CHECK_NEAR(standard_error, sqrt(38.0 / 3 / 4), 1e-15);
    df_mean_error(&mean, &standard_error, normals(20000, 1, 23), 20000);
    CHECK_NEAR(mean, 0, 4 * standard_error);
    CHECK_NEAR(standard_error, 1 / sqrt(20000.0), 1e-4);
}

int main(void)
{
    test_w2_is_least_over_all_permutations();
    test_w2_on_a_line_pairs_in_order();
    test_w2_of_a_moved_set();
    test_w2_is_symmetric_and_above_sliced();
    test_sliced_w2_of_a_moved_set();
    test_sliced_w2_of_unequal_sizes();
    test_energy_is_its_definition();
    test_energy_of_two_gaussians();
    test_energy_uses_the_first_points();
    test_equal_points();
    test_same_bits_everywhere();
    test_refusals();
    test_known_floors();
    test_floor_of_energy_is_zero();
    test_floor_takes_fresh_points();
    test_sort();
    test_median_and_mean();
    df_arena_free(&arena);
    return CHECK_DONE();
}
