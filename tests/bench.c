/* bench.c -- does one piece of work over and over and prints "TIME AMOUNT": microseconds each time, and how
 * many useful operations, bytes or kilobytes of memory it was. tests/bench.sh makes a table of it. */
#include "diffuse/model.h"
#include "diffuse/sampler.h"
#include "diffuse/shape.h"
#include "diffuse/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "bench name                                of the vector unit in use\n"
    "bench CLOCK peak\n"
    "bench CLOCK train NETWORK BATCH THREADS   a step of training\n"
    "bench CLOCK sample NETWORK POINTS THREADS a denoiser call\n"
    "bench CLOCK write|read FILE.csv POINTS    a point set\n"
    "bench CLOCK run PROGRAM [ARGUMENTS]       once; what it prints is dropped\n"
    "CLOCK is cpu, the processor's time, or wall. NETWORK is tiny, wide or default.\n";

static const struct network {
    const char *name, *preset, *settings;
} networks[] = {
    {"tiny", "tiny-diffusion-fixed", ""}, /* 99,074 parameters */
    {"wide", NULL, "hidden=128 layers=4 target=sample"},
    {"default", NULL, ""},
};

static df_arena arena;
static df_error error;

static void stop(const char *text)
{
    fprintf(stderr, "bench: %s\n", text);
    exit(1);
}

#define MUST(call)                                     \
    do {                                               \
        if ((call) != DF_OK) stop(error.message);      \
    } while (0)

/* ---- time ---- */

static bool by_the_wall;

/* Microseconds; by the processor, those of programs that were run too. */
static double now(void)
{
    struct timespec t;
    struct rusage r;
    clock_gettime(by_the_wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &t);
    const double own = (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
    if (by_the_wall) return own;
    getrusage(RUSAGE_CHILDREN, &r);
    return own + (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* Works for a third of a second, not counting a tenth before it, and three times at least. */
static void measure(void (*work)(void), double amount)
{
    enum { LEAST = 3 };
    double start = now(), spent = 0;
    size_t count = 0;
    while (now() - start < 1e5) work();
    for (start = now(); count < LEAST || spent < 3.3e5; spent = now() - start, count++) work();
    printf("%.2f %.0f\n", spent / (double)count, amount);
}

/* ---- the core's peak ---- */

enum { ROUNDS = 20000 };
static df_real sums[DF_PEAK_SUMS];

static void at_peak(void)
{
    df_kernels_get()->peak(sums, 1, 1, ROUNDS);
}

/* ---- training and sampling ---- */

static df_model model;
static df_training training;
static df_sampling sampling;
static double *points;
static size_t point_count;

static void prepare(const char *name, const char *batch, size_t threads)
{
    const struct network *network = networks;
    df_model_settings settings;
    df_data data;
    df_team *team;
    char assignments[256];
    while (network < networks + 3 && strcmp(network->name, name) != 0) network++;
    if (network == networks + 3) stop(usage);
    model.objective = df_find_objective("ddpm", NULL);
    df_model_list_settings(&settings, &model);
    MUST(df_model_default_settings(&settings, model.objective, &arena, &error));
    for (const df_preset *p = df_presets; p->name; p++)
        if (network->preset && strcmp(p->name, network->preset) == 0)
            MUST(df_settings_apply(settings.list, p->settings, &arena, &error));
    snprintf(assignments, sizeof assignments, "data=swissroll train-steps=1000000000 batch-size=%s %s", batch,
             network->settings);
    MUST(df_settings_apply(settings.list, assignments, &arena, &error));
    const df_config *c = &model.config;
    MUST(df_data_load(&data, &arena, c->data, c->columns, c->points, c->noise, c->seed, &error));
    model.dim = data.dim;
    model.names = data.names;
    MUST(df_transform_fit(&model.transform, &arena, &data, c->scaling, &error));
    MUST(df_model_build(&model, &arena, &error));
    MUST(df_team_start(&team, &arena, threads, &error));
    MUST(df_training_init(&training, &model, &data, team, &arena, &error));
    df_model_refresh(&model);
    sampling.team = team;
}

static void train(void)
{
    MUST(df_training_step(&training, &error));
}

/* Forward, gradient of the weights and gradient of the input are two operations each for a parameter and an example;
 * of the first layer nobody needs the gradient of the input. */
static double training_operations(size_t batch)
{
    const df_tensor *first = model.network.tensors;
    const size_t all = model.network.parameter_count, of_first = first->rows * (first->columns + 1);
    return (double)batch * (6 * (double)all - 2 * (double)of_first);
}

static void sample(void)
{
    MUST(df_sampling_run(&sampling, 0, point_count, points, &error));
}

static void prepare_sampling(size_t n)
{
    static df_denoiser denoiser;
    static df_level levels[2]; /* the same: a step leaves the points where they are */
    static char options[DF_SAMPLER_OPTIONS];
    denoiser = df_model_denoiser(&model);
    levels[0] = levels[1] = df_schedule_level(&model.schedule, 10);
    sampling.denoiser = &denoiser;
    sampling.sampler = df_find_sampler("ddim", NULL);
    sampling.options = options;
    sampling.levels = levels;
    sampling.steps = 1;
    MUST(df_sampling_init(&sampling, &arena, &error));
    point_count = n;
    if (!(points = df_alloc(&arena, n * model.dim, sizeof *points, &error))) stop(error.message);
    df_sampling_start(&sampling, 0, n, points);
}

/* ---- point sets as CSV ---- */

static const char *path;

static void write_csv(void)
{
    static const char *const names[] = {"x", "y"};
    df_table_writer writer;
    MUST(df_table_open(&writer, path, true, 2, names, point_count, &error));
    MUST(df_table_write(&writer, points, point_count, &error));
    MUST(df_table_close(&writer, &error));
}

static void read_csv(void)
{
    df_arena own = {0};
    df_table table;
    MUST(df_table_read(&table, &own, path, NULL, &error));
    df_arena_free(&own);
}

static double size_of_csv(size_t n)
{
    df_cloud cloud;
    struct stat about;
    const df_shape *shape = df_find_shape("swissroll");
    MUST(df_cloud_open(&cloud, &arena, shape, shape->noise, &error));
    if (!(points = df_alloc(&arena, n * 2, sizeof *points, &error))) stop(error.message);
    df_cloud_points(&cloud, 0, 0, n, points, NULL);
    point_count = n;
    write_csv();
    return stat(path, &about) == 0 ? (double)about.st_size : 0;
}

/* ---- whole programs ---- */

static void run(char **command)
{
    const double before = now();
    const pid_t child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, 1);
        execv(command[0], command);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) stop("the program failed");
    const double spent = now() - before;
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    printf("%.2f %ld\n", spent, used.ru_maxrss);
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "name") == 0) return puts(df_kernels_get()->name) < 0;
    if (count < 3) stop(usage);
    const char *what = words[2];
    by_the_wall = strcmp(words[1], "wall") == 0;
    if (strcmp(what, "run") == 0 && count > 3) {
        run(words + 3);
    } else if (strcmp(what, "peak") == 0) {
        measure(at_peak, 2.0 * ROUNDS * (double)df_kernels_get()->peak(sums, 0, 0, 1));
    } else if (strcmp(what, "train") == 0 && count == 6) {
        prepare(words[3], words[4], strtoul(words[5], NULL, 10));
        measure(train, training_operations(model.config.batch_size));
    } else if (strcmp(what, "sample") == 0 && count == 6) {
        prepare(words[3], "32", strtoul(words[5], NULL, 10));
        prepare_sampling(strtoul(words[4], NULL, 10));
        measure(sample, 2 * (double)model.network.parameter_count * (double)point_count);
    } else if ((strcmp(what, "write") == 0 || strcmp(what, "read") == 0) && count == 5) {
        path = words[3];
        const double size = size_of_csv(strtoul(words[4], NULL, 10));
        measure(strcmp(what, "write") == 0 ? write_csv : read_csv, size);
    } else {
        stop(usage);
    }
    df_arena_free(&arena);
    return 0;
}
