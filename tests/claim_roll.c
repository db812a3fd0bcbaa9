/* claim_roll.c -- the whole program learns a swiss roll that it did not make: `claim_roll PROGRAM FOLDER`. */
#include "check.h"

#include "diffuse/math.h"
#include "diffuse/measure.h"
#include "diffuse/table.h"

#include <stdlib.h>

/* Another generator: t cos t, t sin t with t uniform on 1.5 pi to 4.5 pi, as it is found in notebooks, with
 * Gaussian noise of 5 % of the coordinates' standard deviation, from a generator of random numbers of its own. */
static const double NOISE = 0.34;
enum { POINTS = 20000, NODES = 4096, SAMPLES = 10000 };

static double uniform(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return ((double)(state >> 12) + 0.5) / 4503599627370496.0;
}

static void place(double *x, double u)
{
    const double t = 1.5 * DF_PI * (1 + 2 * u);
    x[0] = t * cos(t);
    x[1] = t * sin(t);
}

static void true_point(double *x)
{
    place(x, uniform());
    const double length = NOISE * sqrt(-2 * log(uniform())), angle = 2 * DF_PI * uniform();
    x[0] += length * cos(angle);
    x[1] += length * sin(angle);
}

static int write_roll(const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out) return 0;
    fprintf(out, "x;y\n");
    for (int i = 0; i < POINTS; i++) {
        double x[2];
        true_point(x);
        fprintf(out, "%.12f; %.12f\n", x[0], x[1]);
    }
    return fclose(out) == 0;
}

/* Types "PROGRAM before FOLDER/name after". */
static int run(const char *program, const char *before, const char *folder, const char *name, const char *after)
{
    char line[2000];
    snprintf(line, sizeof line, "%s %s %s/%s %s", program, before, folder, name, after);
    return system(line) == 0;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct density {
    double median, mean;
} density;

static density log_density(const df_mixture *truth, const double *x, size_t n)
{
    static double values[SAMPLES];
    density d = {0, 0};
    for (size_t i = 0; i < n; i++) {
        values[i] = df_mixture_log_density(truth, 1, 0, x + 2 * i);
        d.mean += values[i] / (double)n;
    }
    qsort(values, n, sizeof *values, ascending);
    d.median = values[n / 2];
    return d;
}

int main(int count, char **arguments)
{
    if (count != 3) return fprintf(stderr, "usage: claim_roll PROGRAM FOLDER\n"), 2;
    const char *program = arguments[1], *folder = arguments[2];
    char path[1000];
    static double nodes[NODES * 2], truth[SAMPLES * 2], log_weights[NODES];
    for (int k = 0; k < NODES; k++) {
        place(nodes + 2 * k, (k + 0.5) / NODES);
        log_weights[k] = -log(NODES);
    }
    const df_mixture exact = {.dim = 2, .count = NODES, .nodes = nodes, .log_weights = log_weights, .s = NOISE};
    for (int i = 0; i < SAMPLES; i++) true_point(truth + 2 * i);
    const density data = log_density(&exact, truth, SAMPLES);

    snprintf(path, sizeof path, "%s/other.csv", folder);
    CHECK(write_roll(path));
    char to[1100];
    snprintf(to, sizeof to, "-o %s/other.safetensors", folder);
    CHECK(run(program, "train -q -f", folder, "other.csv", to));
    snprintf(to, sizeof to, "-n 10000 --sampler ddim --steps 50 -o %s/ddim.csv", folder);
    CHECK(run(program, "sample -q -f", folder, "other.safetensors", to));
    snprintf(to, sizeof to, "-n 10000 --sampler ddpm -o %s/ddpm.csv", folder);
    CHECK(run(program, "sample -q -f", folder, "other.safetensors", to));

    for (int ddpm = 0; ddpm < 2; ddpm++) {
        df_arena arena = {0};
        df_error error = {0};
        df_table table = {0};
        df_curve_fit fit = {0};
        snprintf(path, sizeof path, "%s/%s.csv", folder, ddpm ? "ddpm" : "ddim");
        CHECK(df_table_read(&table, &arena, path, NULL, &error) == DF_OK && table.rows == SAMPLES &&
              table.columns == 2);
        if (table.rows != SAMPLES || df_curve_compare(&fit, &arena, nodes, NODES, NOISE, table.values,
                                                      table.rows, NULL, &error) != DF_OK) break;
        const density made = log_density(&exact, table.values, SAMPLES);
        printf("%s: thickness %.3f, off %.4f, ks %.4f, stretches %.3f to %.3f, log density median %+.3f mean %+.3f\n",
               ddpm ? "ddpm" : "ddim", fit.thickness, fit.off_shape, fit.ks, fit.stretch_least, fit.stretch_most,
               made.median - data.median, made.mean - data.mean);
        CHECK_BETWEEN(0.9, fit.thickness, 1.1);
        CHECK_BETWEEN(0, fit.off_shape, ddpm ? 0.003 : 0.01);
        CHECK_BETWEEN(0.75, fit.stretch_least, 1);
        CHECK_BETWEEN(1, fit.stretch_most, 1.25);
        CHECK_BETWEEN(0, fit.ks, 0.04);
        CHECK_NEAR(made.median, data.median, 0.05);
        if (ddpm) CHECK_NEAR(made.mean, data.mean, 0.15);
        df_arena_free(&arena);
    }
    return CHECK_DONE();
}
