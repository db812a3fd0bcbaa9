/* cmd_data.c -- `diffuse data`: points of a shape. */
#include "cli.h"

#include "diffuse/shape.h"
#include "diffuse/threads.h"

#include <string.h>

typedef struct options {
    uint64_t points, seed;
    double noise;
    bool labels;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "20000", .low = 1, .high = 1e15,
     .shown = "N", .also = "samples n-samples",
     .help = "how many"},
    {.name = "noise", .kind = DF_NUMBER, AT(noise), .value = "-1", .low = -1, .high = 10, .shown = "S",
     .help = "standard deviation of the noise; -1: the shape's own"},
    {.name = "labels", .kind = DF_FLAG, AT(labels), .help = "add a column with the class of each point"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S",
     .also = "random-state", .help = "decides every random number"},
    {0}};

static df_status find_shape(const df_shape **shape, const char *name, df_error *error)
{
    *shape = df_find_shape(name);
    if (*shape) return DF_OK;
    const char *near = df_nearest_shape(name);
    return df_fail(error, DF_USAGE, "there is no shape '%.60s'%s%s%s", name, near ? "\n  did you mean '" : "",
                   near ? near : "", near ? "'?" : "\n  `diffuse list shapes` has them all");
}

enum { BLOCK = 256, CHUNK = 64 * BLOCK };

typedef struct chunk {
    const df_cloud *cloud;
    uint64_t seed, first;
    size_t n;
    double *x;   /* (n, 2) */
    int *labels; /* (n) */
} chunk;

static void make_block(void *self, size_t thread, size_t block)
{
    (void)thread;
    const chunk *c = self;
    const size_t done = block * BLOCK, n = c->n - done < BLOCK ? c->n - done : BLOCK;
    df_cloud_points(c->cloud, c->seed, c->first + done, n, c->x + 2 * done, c->labels + done);
}

static df_status write_points(df_table_writer *writer, const df_cloud *cloud, const options *o, const slice *chosen,
                              df_team *team, df_error *error)
{
    static double x[CHUNK * 2], rows[CHUNK * 3];
    static int labels[CHUNK];
    for (uint64_t first = chosen->first; first < chosen->end; first += CHUNK) {
        const size_t n = chosen->end - first < CHUNK ? (size_t)(chosen->end - first) : CHUNK;
        chunk c = {cloud, o->seed, first, n, x, labels};
        df_team_each(team, (n + BLOCK - 1) / BLOCK, make_block, &c);
        if (!o->labels) {
            DF_TRY(df_table_write(writer, x, n, error));
            continue;
        }
        for (size_t r = 0; r < n; r++) {
            memcpy(rows + 3 * r, x + 2 * r, 2 * sizeof *x);
            rows[3 * r + 2] = labels[r];
        }
        DF_TRY(df_table_write(writer, rows, n, error));
    }
    return DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static const char *const names[] = {"x", "y", "label"};
    options o;
    slice_options typed_slice;
    output_options out;
    df_settings own = {.table = table, .values = &o}, slices = {.table = slice_table, .values = &typed_slice},
                output = {.table = work_table, .values = &out};
    df_settings *const list[] = {&own, &slices, &output, NULL};
    const char *name;
    const df_shape *shape;
    slice chosen;
    df_team *team;
    DF_TRY(parse(list, typed, &name, 1, "SHAPE", arena, error));
    DF_TRY(find_shape(&shape, name, error));
    DF_TRY(choose_slice(&chosen, &typed_slice, o.points, &out, error));
    if (o.labels && shape->classes < 2)
        return df_fail(error, DF_USAGE, "%s has no classes, so --labels has nothing to add", shape->name);

    df_cloud cloud;
    df_table_writer writer;
    DF_TRY(df_team_start(&team, arena, out.threads, error));
    DF_TRY(df_cloud_open(&cloud, arena, shape, o.noise < 0 ? shape->noise : o.noise, error));
    DF_TRY(df_table_open(&writer, out.output ? out.output : "-", out.overwrite, o.labels ? 3 : 2,
                         slice_names(&chosen, names), chosen.end - chosen.first, error));
    const df_status status = write_points(&writer, &cloud, &o, &chosen, team, error);
    if (status != DF_OK) {
        df_table_abandon(&writer);
        return status;
    }
    DF_TRY(df_table_close(&writer, error));
    say(&out, "%s of %s: %s\n", plural(chosen.end - chosen.first, "point"), shape->name, shape->convention);
    if (cloud.noise != shape->noise)
        say(&out, "but with noise of standard deviation %g, in the units of x\n", cloud.noise);
    if (chosen.whole && out.output && strcmp(out.output, "-") != 0)
        say(&out, "next: diffuse train %s -o model.safetensors\n", out.output);
    return DF_OK;
}

static const section sections[] = {{"Options", table}, {"Parts", slice_table}, {"Threads and output", work_table}, {0}};

const command command_data = {
    .name = "data", .about = "make points of a known shape", .usage = "SHAPE [options]",
    .examples = "  diffuse data swissroll -n 20000 --seed 1 -o roll.csv\n  diffuse data tree --labels -o tree.csv\n"
                "  diffuse data moons:sklearn --noise 0.1 -n 500\n",
    .sections = sections, .run = run};
