/* claim_heads.c -- what a network should predict: `claim_heads PROGRAM FOLDER`.
 *
 * The same network learns the same roll from as many points three times, with eps, x0 and v for its output.
 * Read as x0, an error of eps is multiplied by sigma / alpha, so eps is poor where there is much noise;
 * read as eps, an error of x0 is multiplied by alpha / sigma, so x0 is poor where there is little; v is
 * good everywhere (Luo, 2208.11970; Salimans & Ho, 2202.00512). The score is -eps / sigma and would be a
 * fourth scaling of the same output; the program trains none.
 */
#include "check.h"

#include "diffuse/file.h"
#include "diffuse/json.h"
#include "diffuse/measure.h"
#include "diffuse/table.h"

#include <stdlib.h>

enum { EPS, X0, V, HEADS };
static const char *const names[HEADS] = {"eps", "x0", "v"};

static df_arena arena;
static df_error error;

typedef struct head {
    double kl, kl_error;
    double low, middle, high; /* mean excess loss of eps at sigma / alpha below 0.05, between, and above 5 */
} head;

static double number(const df_json *report, const char *name)
{
    const df_json *member = report ? df_json_member(report, name) : NULL;
    CHECK(member && member->kind == DF_JSON_NUMBER);
    return member && member->kind == DF_JSON_NUMBER ? strtod(member->text, NULL) : (double)NAN;
}

/* Trains and judges; the files are FOLDER/NAME.safetensors, .json and .csv. */
static bool train(const char *program, const char *folder, const char *name)
{
    char line[3000];
    snprintf(line, sizeof line,
             "%s train swissroll -q -f --train-steps 3000 --prediction-type %s -o %s/%s.safetensors && "
             "%s eval %s/%s.safetensors -f -n 100 --likelihood-points 2000 --json --profile %s/%s.csv > "
             "%s/%s.json",
             program, name, folder, name, program, folder, name, folder, name, folder, name);
    return system(line) == 0;
}

/* The mean of the profile's second column where the first is in a range. */
static double mean_between(const df_table *profile, double least, double most)
{
    double sum = 0;
    size_t count = 0;
    for (size_t r = 0; r < profile->rows; r++) {
        const double *row = profile->values + 2 * r;
        if (row[0] < least || row[0] >= most) continue;
        sum += row[1];
        count++;
    }
    CHECK(count > 0);
    return sum / (double)count;
}

static head judge(const char *program, const char *folder, const char *name)
{
    char path[1000], *bytes = NULL;
    size_t size = 0;
    df_json *report = NULL;
    df_table profile = {0};
    CHECK(train(program, folder, name));
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    CHECK(df_read_file(&arena, path, 100000, &bytes, &size, &error) == DF_OK &&
          df_json_parse(&report, &arena, bytes, size, &error) == DF_OK);
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    CHECK(df_table_read(&profile, &arena, path, NULL, &error) == DF_OK && profile.columns == 2);
    const head h = {.kl = number(report, "kl"),
                    .kl_error = number(report, "kl_error"),
                    .low = mean_between(&profile, 0, 0.05),
                    .middle = mean_between(&profile, 0.05, 5),
                    .high = mean_between(&profile, 5, 1e9)};
    printf("%s: KL(truth || model) %.4f +- %.4f nats; excess loss of eps %.2e below sigma 0.05, %.2e above, "
           "%.2e above 5\n",
           name, h.kl, h.kl_error, h.low, h.middle, h.high);
    return h;
}

int main(int count, char **arguments)
{
    if (count != 3) return fprintf(stderr, "usage: claim_heads PROGRAM FOLDER\n"), 2;
    head heads[HEADS];
    for (int k = 0; k < HEADS; k++) heads[k] = judge(arguments[1], arguments[2], names[k]);
    const head eps = heads[EPS], x0 = heads[X0], v = heads[V];

    CHECK(x0.low > 100 * eps.low && x0.low > 100 * v.low);
    CHECK(eps.high > 30 * x0.high && eps.high > 30 * v.high);
    CHECK(v.low < 2 * eps.low && v.high < 4 * x0.high);
    CHECK(v.middle < 2 * eps.middle && v.middle < 2 * x0.middle);
    CHECK(v.kl + 3 * hypot(v.kl_error, eps.kl_error) < eps.kl);
    CHECK(v.kl + 3 * hypot(v.kl_error, x0.kl_error) < x0.kl);
    CHECK(v.kl < 0.02);
    df_arena_free(&arena);
    return CHECK_DONE();
}
