/* claim_ddim.c -- what DDIM promises of a trained model, asked of the program: `claim_ddim PROGRAM FOLDER`.
 *
 * A walk without noise can be walked backwards, ends near the same place in few steps as in many, turns data
 * into Gaussian latents, and between two latents there is data again (Song et al., 2010.02502, section 5).
 */
#include "check.h"

#include "diffuse/measure.h"
#include "diffuse/table.h"

#include <stdarg.h>
#include <stdlib.h>

enum { POINTS = 2000, LATENTS = 20000, PAIRS = 100, PLACES = 20 };

static df_arena arena;
static df_error error;

static bool run(const char *format, ...) DF_PRINTF(1, 2);

static bool run(const char *format, ...)
{
    char line[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return system(line) == 0;
}

static const double *read_points(const char *folder, const char *name, size_t rows, size_t columns)
{
    static const double nothing[LATENTS * 2];
    char path[1000];
    df_table table = {0};
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    const bool read = df_table_read(&table, &arena, path, NULL, &error) == DF_OK && table.rows == rows &&
                      table.columns == columns;
    CHECK(read);
    return read ? table.values : nothing;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over n points of the squared distance. Means are ruled by the few points between two arms. */
static double median_distance2(const double *a, const double *b, size_t n)
{
    static double values[POINTS];
    for (size_t i = 0; i < n; i++)
        values[i] = (a[2 * i] - b[2 * i]) * (a[2 * i] - b[2 * i]) +
                    (a[2 * i + 1] - b[2 * i + 1]) * (a[2 * i + 1] - b[2 * i + 1]);
    qsort(values, n, sizeof *values, ascending);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* Data encoded and decoded in `steps` steps: the median squared error of a coordinate. */
static double round_trip(const char *program, const char *folder, int steps)
{
    CHECK(run("%s encode %s/ddim.safetensors %s/points.csv -q -f --timestep-spacing trailing --steps %d -o "
              "%s/latents.csv",
              program, folder, folder, steps, folder));
    CHECK(run("%s decode %s/ddim.safetensors %s/latents.csv -q -f --timestep-spacing trailing --steps %d -o "
              "%s/back.csv",
              program, folder, folder, steps, folder));
    return median_distance2(read_points(folder, "points", POINTS, 2), read_points(folder, "back", POINTS, 2),
                            POINTS) /
           2;
}

static void test_round_trip(const char *program, const char *folder)
{
    CHECK(run("%s data swissroll -q -f -n %d --seed 7 -o %s/points.csv", program, POINTS, folder));
    const double coarse = round_trip(program, folder, 50), fine = round_trip(program, folder, 500);
    printf("there and back: %.3g in 50 steps, %.3g in 500, ratio %.1f\n", coarse, fine, coarse / fine);
    CHECK_BETWEEN(40, coarse / fine, 150);
    CHECK_BETWEEN(0, coarse, 1e-3);
}

/* The median distance between the ends of the same starts after 50 and after 1000 steps. */
static double displacement(const char *program, const char *folder, int eta)
{
    static const char *const names[2] = {"few", "many"};
    for (int many = 0; many < 2; many++)
        CHECK(run("%s sample %s/ddim.safetensors -q -f -n %d --seed 5 --timestep-spacing trailing --steps %d "
                  "--eta %d -o %s/%s.csv",
                  program, folder, POINTS, many ? 1000 : 50, eta, folder, names[many]));
    return sqrt(median_distance2(read_points(folder, "few", POINTS, 2),
                                 read_points(folder, "many", POINTS, 2), POINTS));
}

static void test_consistency(const char *program, const char *folder)
{
    const double without_noise = displacement(program, folder, 0),
                 with_noise = displacement(program, folder, 1);
    printf("50 steps against 1000: moved by %.4f with eta 0, %.2f with eta 1\n", without_noise, with_noise);
    CHECK_BETWEEN(0, without_noise, 0.05);
    CHECK(with_noise > 0.5);
}

/* The Kolmogorov distance of |z|^2 to chi-squared with two degrees of freedom, 1 - exp(-|z|^2 / 2). */
static double kolmogorov(const double *z)
{
    static double u[LATENTS];
    double most = 0;
    for (size_t i = 0; i < LATENTS; i++)
        u[i] = 1 - exp(-(z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1]) / 2);
    qsort(u, LATENTS, sizeof *u, ascending);
    for (size_t i = 0; i < LATENTS; i++)
        most = fmax(most, fmax(u[i] - (double)i / LATENTS, (double)(i + 1) / LATENTS - u[i]));
    return most;
}

static double variance(const double *z, size_t column)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < LATENTS; i++) sum += z[2 * i + column];
    for (size_t i = 0; i < LATENTS; i++)
        squares += (z[2 * i + column] - sum / LATENTS) * (z[2 * i + column] - sum / LATENTS);
    return squares / LATENTS;
}

static void test_latents(const char *program, const char *folder)
{
    CHECK(run("%s data swissroll -q -f -n %d --seed 7 -o %s/data.csv", program, LATENTS, folder));
    CHECK(run(
        "%s encode %s/ddim.safetensors %s/data.csv -q -f --timestep-spacing trailing --steps 500 -o %s/z.csv",
        program, folder, folder, folder));
    const double *z = read_points(folder, "z", LATENTS, 2);
    const double distance = kolmogorov(z), first = variance(z, 0), second = variance(z, 1);
    printf("latents: Kolmogorov distance %.4f, variances %.3f and %.3f\n", distance, first, second);
    CHECK_BETWEEN(0, distance, 0.02);
    CHECK_BETWEEN(0.95, first, 1.05);
    CHECK_BETWEEN(0.95, second, 1.05);
}

static void test_interpolation(const char *program, const char *folder)
{
    static double between[PAIRS * PLACES * 2], ends[PAIRS * 2 * 2];
    const double *points = read_points(folder, "points", POINTS, 2);
    for (size_t p = 0; p < PAIRS; p++) {
        const double *pair = points + 4 * p;
        CHECK(run("%s interpolate %s/ddim.safetensors -q -f --from %.9g,%.9g --to %.9g,%.9g -n %d -o "
                  "%s/between.csv",
                  program, folder, pair[0], pair[1], pair[2], pair[3], PLACES, folder));
        const double *rows = read_points(folder, "between", PLACES, 3);
        for (size_t k = 0; k < PLACES; k++) {
            CHECK_NEAR(rows[3 * k], (double)k / (PLACES - 1), 1e-8);
            memcpy(between + 2 * (p * PLACES + k), rows + 3 * k + 1, 2 * sizeof *rows);
        }
        memcpy(ends + 4 * p, rows + 1, 2 * sizeof *rows);
        memcpy(ends + 4 * p + 2, rows + 3 * (PLACES - 1) + 1, 2 * sizeof *rows);
    }
    const df_shape *shape = df_find_shape("swissroll");
    df_cloud cloud;
    df_mixture roll;
    df_curve_fit fit;
    const bool compared = df_cloud_open(&cloud, &arena, shape, shape->noise, &error) == DF_OK &&
                          df_cloud_mixture(&roll, &arena, &cloud, 4096, &error) == DF_OK &&
                          df_curve_compare(&fit, &arena, roll.nodes, roll.count, roll.s, between,
                                           PAIRS * PLACES, NULL, &error) == DF_OK;
    CHECK(compared);
    if (!compared) return;
    const double miss = sqrt(median_distance2(ends, points, 2 * PAIRS));
    printf("between latents: off the roll %.4f, thickness %.3f; ends missed by %.4f\n", fit.off_shape,
           fit.thickness, miss);
    CHECK_BETWEEN(0, fit.off_shape, 0.01);
    CHECK_BETWEEN(0, miss, 0.02);
}

int main(int count, char **arguments)
{
    if (count != 3) return fprintf(stderr, "usage: claim_ddim PROGRAM FOLDER\n"), 2;
    const char *program = arguments[1], *folder = arguments[2];
    CHECK(run("%s train swissroll -q -f -o %s/ddim.safetensors", program, folder));
    test_round_trip(program, folder);
    test_consistency(program, folder);
    test_latents(program, folder);
    test_interpolation(program, folder);
    df_arena_free(&arena);
    return CHECK_DONE();
}
