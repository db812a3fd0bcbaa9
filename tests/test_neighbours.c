/* test_neighbours.c -- the quick mean over a training set against the mean over every row of it. */
#include "check.h"

#include "diffuse/denoiser.h"
#include "diffuse/random.h"

#include <stdlib.h>

static df_arena arena;
static df_error error;

/* Rows on a curve, thin and of uneven density, with ties; the first `dim` coordinates of it. */
static double *make_rows(size_t count, size_t dim)
{
    double *x = df_alloc(&arena, count * dim, sizeof *x, &error);
    if (!x) abort();
    for (size_t r = 0; r < count; r++) {
        double z[2], u[2];
        df_normals(z, (df_place){.seed = 5, .index = r, .purpose = DF_FOR_POINTS}, 0);
        df_uniforms(u, (df_place){.seed = 5, .index = r, .purpose = DF_FOR_POINTS}, 1);
        const double t = 12 * u[0] * u[0];
        const double point[3] = {0.1 * t * cos(t) + 0.03 * z[0], floor(40 * t * sin(t)) / 400, 0.05 * z[1]};
        for (size_t i = 0; i < dim; i++) x[r * dim + i] = point[i];
    }
    return x;
}

static df_mixture all_of(double *rows, size_t count, size_t dim)
{
    df_mixture all = {.dim = dim, .count = count, .nodes = rows};
    all.log_weights = df_alloc(&arena, count, sizeof(double), &error);
    if (!all.log_weights) abort();
    return all;
}

/* A noised row of the set. */
static void draw(double *x, const double *x0, size_t dim, df_level level, size_t index)
{
    double eps[4];
    df_normals(eps, (df_place){.seed = 8, .index = index, .purpose = DF_FOR_NOISE}, 0);
    df_normals(eps + 2, (df_place){.seed = 8, .index = index, .purpose = DF_FOR_NOISE}, 1);
    df_add_noise(x, level, x0, eps, dim);
}

/* Root mean square of the error of alpha / sigma shift, which is what enters the target; and the mean of the shift,
 * which is 0 for the right answer (E E[x0 | x] = E x0), over its standard error. */
typedef struct miss {
    double error, mean;
} miss;

static miss measure(size_t count, size_t dim, double ratio)
{
    enum { DRAWS = 300 };
    df_neighbours neighbours;
    double *rows = make_rows(count, dim), sum = 0, squares = 0, errors = 0;
    const df_mixture all = all_of(rows, count, dim);
    const df_level level = df_level_from_ratio(ratio);
    CHECK(df_neighbours_init(&neighbours, &arena, rows, count, dim, &error) == DF_OK);
    for (size_t k = 0; k < DRAWS; k++) {
        const double *x0 = rows + k * 7919 % count * dim;
        double x[3], shift[3], mean[3];
        draw(x, x0, dim, level, k);
        CHECK(df_neighbours_shift(shift, &neighbours, level, x, x0));
        df_mixture_posterior(&(df_posterior){.mean = mean}, &all, level.alpha, level.sigma, x);
        for (size_t i = 0; i < dim; i++) {
            const double wrong = (shift[i] - (mean[i] - x0[i])) * level.alpha / level.sigma;
            errors += wrong * wrong / DRAWS;
        }
        sum += shift[0] / DRAWS;
        squares += shift[0] * shift[0] / DRAWS;
    }
    return (miss){sqrt(errors), sum / sqrt((squares + 1e-30) / DRAWS)};
}

static void check_means(void)
{
    static const size_t counts[] = {1, 2, 63, 64, 65, 129, 5000};
    static const double ratios[] = {0.003, 0.03, 0.1, 0.3, 1, 10};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t dim = 1; dim <= 3; dim++)
            for (size_t r = 0; r < sizeof ratios / sizeof *ratios; r++) {
                const miss m = measure(counts[c], dim, ratios[r]);
                CHECK_BETWEEN(0, m.error, counts[c] <= DF_NODES ? 1e-4 : 0.04);
                CHECK_BETWEEN(-4.5, m.mean, 4.5);
            }
}

/* Without signal every row is as likely as any other; far from all rows there is no answer. */
static void check_ends(void)
{
    enum { COUNT = 1000 };
    double *rows = make_rows(COUNT, 2), mean[2] = {0}, shift[2];
    df_neighbours neighbours;
    CHECK(df_neighbours_init(&neighbours, &arena, rows, COUNT, 2, &error) == DF_OK);
    for (size_t k = 0; k < 2 * COUNT; k++) mean[k % 2] += rows[k] / COUNT;
    CHECK(df_neighbours_shift(shift, &neighbours, (df_level){0, 1}, (double[2]){0.4, -1.2}, rows));
    for (size_t i = 0; i < 2; i++) CHECK_NEAR(rows[i] + shift[i], mean[i], 1e-5);
    CHECK(!df_neighbours_shift(shift, &neighbours, df_level_from_ratio(0.01), (double[2]){90, 90}, rows));
}

/* The kernel's numbers do not depend on the instruction set. */
static void check_sets(void)
{
    enum { COUNT = 3000, DIM = 2 };
    double *rows = make_rows(COUNT, DIM);
    df_neighbours neighbours;
    CHECK(df_neighbours_init(&neighbours, &arena, rows, COUNT, DIM, &error) == DF_OK);
    for (const char *const *set = df_kernels_names(); *set; set++)
        for (size_t k = 0; k < 500; k++) {
            const df_level level = df_level_from_ratio(0.005 * exp((double)k / 70));
            double x[DIM], shift[DIM] = {0}, want[DIM] = {0};
            draw(x, rows + k * DIM, DIM, level, k);
            neighbours.kernels = df_kernels_named(*set);
            const bool found = df_neighbours_shift(shift, &neighbours, level, x, rows + k * DIM);
            neighbours.kernels = df_kernels_named("scalar");
            CHECK(df_neighbours_shift(want, &neighbours, level, x, rows + k * DIM) == found);
            for (size_t i = 0; i < DIM; i++) CHECK_NEAR(shift[i], want[i], 0);
        }
}

int main(void)
{
    check_means();
    check_ends();
    check_sets();
    df_arena_free(&arena);
    return CHECK_DONE();
}
