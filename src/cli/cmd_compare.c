/* cmd_compare.c -- `diffuse compare`: models, samplers and step counts in one table, all from the same starts. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *samplers, *steps, *against;
    uint64_t points, seed, seeds, fine_steps;
} options;

enum { SUBJECTS_MOST = 8, SAMPLERS_MOST = 16, COUNTS_MOST = 16, SEEDS_MOST = 100, MEASURES = 5 };

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "samplers", .kind = DF_WORD, AT(samplers), .value = "ddpm,ddim", .shown = "LIST",
     .help = "names with commas between, each perhaps with options of its own, such as ddim:eta=0.5"},
    {.name = "steps", .kind = DF_WORD, AT(steps), .value = "5,10,20,50", .shown = "LIST", .help = "numbers of steps, with commas between"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "5000", .low = 10, .high = 1e6, .shown = "N", .help = "samples of each"},
    {.name = "against", .kind = DF_WORD, AT(against), .shown = "TRUTH", .help = "a shape or a file of points; without it, the shape that was learned"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0, .high = 9007199254740992.0, .shown = "S", .help = "decides the starts"},
    {.name = "seeds", .kind = DF_COUNT, AT(seeds), .value = "1", .low = 1, .high = SEEDS_MOST, .shown = "K", .help = "repeat with K seeds: median, worst and spread"},
    {.name = "fine-steps", .kind = DF_COUNT, AT(fine_steps), .value = "400", .low = 10, .high = 100000, .shown = "N",
     .help = "steps of the fine solution, DDIM without noise, that displacement is measured from"},
    {0}};
#undef AT

/* One way to sample: a name, its options, and what to call it. */
typedef struct contender {
    char label[80];
    sampler_choice choice;
} contender;

typedef struct job {
    options own;
    output_options out;
    df_grid_config grid;
    df_schedule_config schedule;
    df_settings own_settings, output, schedule_settings, grid_settings;
    contender contenders[SAMPLERS_MOST];
    size_t contender_count;
    uint64_t counts[COUNTS_MOST];
    size_t count_count;
    df_subject subjects[SUBJECTS_MOST];
    size_t subject_count;
    df_reference reference;
    df_output file; /* of -o */
} job;

static const char *const measures[MEASURES] = {"thickness", "off_shape", "ks", "sliced_w2", "displacement"};

/* ---- what was typed ---- */

static df_status add_contender(job *j, const char *text, size_t size, df_arena *arena, df_error *error)
{
    if (j->contender_count == SAMPLERS_MOST) return df_fail(error, DF_LIMIT, "--samplers: more than %d", SAMPLERS_MOST);
    contender *c = &j->contenders[j->contender_count++];
    snprintf(c->label, sizeof c->label, "%.*s", (int)size, text);
    char name[80];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(c->label, ":"), c->label);
    const char *const as_typed[] = {"--sampler", name};
    DF_TRY(choose_sampler(&c->choice, (words){as_typed, 2}, NULL, error));
    df_settings_defaults(&c->choice.settings);
    df_settings *const list[] = {&c->choice.settings, NULL};
    for (char *option = strchr(c->label, ':'); option; option = strchr(option + 1, ':')) {
        char word[80];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(option + 1, ":"), option + 1);
        DF_TRY(df_settings_apply(list, word, arena, error));
    }
    return DF_OK;
}

static df_status parse_contenders(job *j, df_arena *arena, df_error *error)
{
    for (const char *at = j->own.samplers; *at; at += *at == ',') {
        const size_t size = strcspn(at, ",");
        DF_TRY(add_contender(j, at, size, arena, error));
        at += size;
    }
    return j->contender_count ? DF_OK : df_fail(error, DF_USAGE, "--samplers names none");
}

static df_status parse_counts(job *j, df_error *error)
{
    for (const char *at = j->own.steps; *at; at += *at == ',') {
        char word[32];
        const size_t size = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)size, at);
        if (j->count_count == COUNTS_MOST) return df_fail(error, DF_LIMIT, "--steps: more than %d numbers", COUNTS_MOST);
        if (!df_parse_count(word, &j->counts[j->count_count]) || j->counts[j->count_count] < 1 || j->counts[j->count_count] > 100000)
            return df_fail(error, DF_USAGE, "--steps: '%s' is not a number of steps", word);
        j->count_count++;
        at += size;
    }
    return j->count_count ? DF_OK : df_fail(error, DF_USAGE, "--steps names none");
}

static const char *learned_shape(const df_subject *s)
{
    if (strncmp(s->name, "exact:", 6) == 0) return s->name + 6;
    return s->is_model && df_find_shape(s->model.config.data) ? s->model.config.data : NULL;
}

static df_status load_subjects(job *j, const char **names, size_t count, df_arena *arena, df_error *error)
{
    for (size_t i = 0; i < count; i++) DF_TRY(load_subject(&j->subjects[i], names[i], &j->schedule_settings, arena, error));
    j->subject_count = count;
    const char *truth = j->own.against ? j->own.against : learned_shape(&j->subjects[0]);
    if (!truth) return df_fail(error, DF_USAGE, "say what %s should be compared with, such as --against swissroll", names[0]);
    DF_TRY(df_reference_load(&j->reference, arena, truth, -1, j->own.seed + 1, error));
    for (size_t i = 0; i < count; i++)
        if (j->subjects[i].dim != j->reference.dim)
            return df_fail(error, DF_INPUT, "%s works on %zu columns, %s has %zu", names[i], j->subjects[i].dim, truth, j->reference.dim);
    return DF_OK;
}

/* ---- one cell of the table ---- */

/* Samples in the data's units, from the starts of this seed. */
static df_status draw(job *j, const df_subject *s, const sampler_choice *choice, uint64_t steps, uint64_t seed, double *x,
                      uint64_t *calls, df_arena *arena, df_error *error)
{
    df_level *levels;
    df_grid_config grid = j->grid;
    grid.steps = steps;
    DF_TRY(make_grid(&levels, &j->grid_settings, &grid, choice->sampler, steps, &s->schedule, arena, error));
    df_sampling sampling = {.denoiser = &s->denoiser, .sampler = choice->sampler, .options = choice->options, .levels = levels,
                            .steps = steps, .seed = seed};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    df_sampling_start(&sampling, 0, j->own.points, x);
    DF_TRY(df_sampling_run(&sampling, 0, j->own.points, x, error));
    df_transform_undo(&s->transform, x, j->own.points);
    const uint64_t blocks = (j->own.points + DF_ROWS - 1) / DF_ROWS;
    *calls = sampling.walk.calls / blocks;
    return DF_OK;
}

static double median_distance(const double *x, const double *y, size_t n, size_t dim, double *distances, double *scratch)
{
    for (size_t r = 0; r < n; r++) {
        double square = 0;
        for (size_t i = r * dim; i < (r + 1) * dim; i++) square += (x[i] - y[i]) * (x[i] - y[i]);
        distances[r] = sqrt(square);
    }
    return df_median(distances, scratch, n);
}

static df_status measure(double values[MEASURES], job *j, const double *x, const double *fine, df_arena *arena, df_error *error)
{
    const df_reference *ref = &j->reference;
    const size_t n = j->own.points, dim = ref->dim;
    df_curve_fit fit = {.thickness = MISSING, .off_shape = MISSING, .ks = MISSING};
    double *y, *scratch;
    DF_NEW(arena, y, n * dim, error);
    DF_NEW(arena, scratch, 2 * n, error);
    df_reference_points(ref, 0, n, y);
    const df_pair pair = {.dim = dim, .n = n, .m = n, .x = x, .y = y};
    if (ref->curve && ref->mixture.s > 0) DF_TRY(df_curve_compare(&fit, arena, ref->curve, ref->curve_nodes, ref->mixture.s, x, n, error));
    values[0] = fit.thickness;
    values[1] = fit.off_shape;
    values[2] = fit.ks;
    DF_TRY(df_sliced_w2(&values[3], arena, &pair, error));
    values[4] = median_distance(x, fine, n, dim, scratch, scratch + n);
    return DF_OK;
}

/* ---- the table ---- */

/* A measure that is not available leaves its cell empty. */
static void add_to_file(job *j, double value, size_t measure)
{
    df_output_add(&j->file, ",", 1);
    if (!isnan(value)) df_output_print(&j->file, "%.9g", value);
    if (measure + 1 == MEASURES) df_output_add(&j->file, "\n", 1);
}

static df_status print_row(job *j, const df_subject *s, const contender *c, uint64_t steps, uint64_t calls, double values[SEEDS_MOST][MEASURES],
                           df_error *error)
{
    const size_t seeds = j->own.seeds;
    if (j->out.output) df_output_print(&j->file, "%s,%s,%llu,%llu", s->name, c->label, (unsigned long long)steps, (unsigned long long)calls);
    printf("%-22s %-18s %6llu %6llu", s->name, c->label, (unsigned long long)steps, (unsigned long long)calls);
    for (size_t m = 0; m < MEASURES; m++) {
        double sorted[SEEDS_MOST], scratch[SEEDS_MOST];
        for (size_t k = 0; k < seeds; k++) sorted[k] = values[k][m];
        const double median = df_median(sorted, scratch, seeds);
        if (j->out.output) add_to_file(j, median, m);
        if (isnan(median)) printf(" %12s", "-");
        else if (seeds == 1) printf(" %12.4f", median);
        else printf(" %8.4f (%.4f to %.4f)", median, sorted[0], sorted[seeds - 1]);
    }
    printf("\n");
    if (fflush(stdout) != 0) return df_fail(error, DF_IO, "standard output: the table could not be written");
    return DF_OK;
}

static df_status run_row(job *j, const df_subject *s, const contender *c, uint64_t steps, double *const *fine, df_error *error)
{
    static double values[SEEDS_MOST][MEASURES];
    uint64_t calls = 0;
    for (uint64_t k = 0; k < j->own.seeds; k++) {
        df_arena arena = {0};
        double *x = df_alloc(&arena, j->own.points * s->dim, sizeof *x, error);
        df_status status = x ? draw(j, s, &c->choice, steps, j->own.seed + k, x, &calls, &arena, error) : DF_LIMIT;
        if (status == DF_OK) status = measure(values[k], j, x, fine[k], &arena, error);
        df_arena_free(&arena);
        if (status != DF_OK) return status;
    }
    return print_row(j, s, c, steps, calls, values, error);
}

static df_status run_subject(job *j, const df_subject *s, df_arena *arena, df_error *error)
{
    double **fine;
    uint64_t calls;
    contender ddim = {.label = "ddim"};
    DF_TRY(choose_sampler(&ddim.choice, (words){NULL, 0}, "ddim", error));
    df_settings_defaults(&ddim.choice.settings);
    DF_NEW(arena, fine, j->own.seeds, error);
    for (uint64_t k = 0; k < j->own.seeds; k++) {
        DF_NEW(arena, fine[k], j->own.points * s->dim, error);
        DF_TRY(draw(j, s, &ddim.choice, j->own.fine_steps, j->own.seed + k, fine[k], &calls, arena, error));
    }
    for (size_t c = 0; c < j->contender_count; c++)
        for (size_t k = 0; k < j->count_count; k++) DF_TRY(run_row(j, s, &j->contenders[c], j->counts[k], fine, error));
    return DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static job j;
    const char *names[SUBJECTS_MOST];
    size_t count = 0;
    j.own_settings = (df_settings){.table = table, .values = &j.own};
    j.output = (df_settings){.table = output_table, .values = &j.out};
    j.schedule_settings = (df_settings){.table = df_schedule_options, .values = &j.schedule};
    static const df_option *const spacing = grid_table;
    j.grid_settings = (df_settings){.table = spacing + 1, .values = &j.grid}; /* all but --steps, which is a list here */
    df_settings *const list[] = {&j.own_settings, &j.grid_settings, &j.schedule_settings, &j.output, NULL};
    for (df_settings *const *s = list; *s; s++) df_settings_defaults(*s);
    DF_TRY(parse_words(list, typed, names, 1, SUBJECTS_MOST, "MODEL", arena, error));
    while (count < SUBJECTS_MOST && names[count]) count++;
    DF_TRY(parse_contenders(&j, arena, error));
    DF_TRY(parse_counts(&j, error));
    DF_TRY(load_subjects(&j, names, count, arena, error));
    if (j.out.output) {
        DF_TRY(df_output_open(&j.file, j.out.output, j.out.overwrite, error));
        df_output_print(&j.file, "model,sampler,steps,calls,thickness,off_shape,ks,sliced_w2,displacement\n");
    }
    printf("%-22s %-18s %6s %6s", "model", "sampler", "steps", "calls");
    for (size_t m = 0; m < MEASURES; m++) printf(j.own.seeds > 1 ? " %-26s" : " %12s", measures[m]);
    printf("\n");
    df_status status = DF_OK;
    for (size_t i = 0; i < count && status == DF_OK; i++) status = run_subject(&j, &j.subjects[i], arena, error);
    if (status != DF_OK) {
        if (j.out.output) df_output_abandon(&j.file);
        return status;
    }
    if (j.out.output) DF_TRY(df_output_close(&j.file, error));
    say(&j.out, "against %s; displacement: median distance from DDIM in %s steps from the same start\n", j.reference.name,
        grouped(j.own.fine_steps));
    return DF_OK;
}

static void help(df_text *out, words typed)
{
    (void)typed;
    help_table(out, "Options", table);
    help_table(out, "Steps", grid_table + 1);
    help_table(out, "Schedule of exact: and ideal:", df_schedule_options);
    help_table(out, "Output", output_table);
}

const command command_compare = {
    .name = "compare", .about = "models, samplers and step counts in one table", .usage = "MODEL [MODEL ...] [options]",
    .examples = "  diffuse compare roll.safetensors --samplers ddpm,ddim --steps 5,10,20,50\n"
                "  diffuse compare exact:swissroll --samplers ddim,ddim:eta=1 --steps 10,20 --timestep-spacing quad\n",
    .help = help, .run = run};
