/* cmd_compare.c -- `diffuse compare`: models, samplers and step counts in one table, all from the same starts. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *samplers, *steps, *etas, *against;
    uint64_t points, seed, seeds, fine_steps;
    bool merge;
} options;

enum { SUBJECTS_MOST = 8, SAMPLERS_MOST = 16, COUNTS_MOST = 16, SEEDS_MOST = 100, MEASURES = 5 };

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "samplers", .kind = DF_WORD, AT(samplers), .value = "ddpm,ddim", .shown = "LIST",
     .help = "names with commas between, each perhaps with options of its own, such as ddim:eta=0.5"},
    {.name = "steps", .kind = DF_WORD, AT(steps), .value = "5,10,20,50", .shown = "LIST",
     .help = "numbers of steps, with commas between"},
    {.name = "eta", .kind = DF_WORD, AT(etas), .shown = "LIST",
     .help = "values of eta, with commas between, for the samplers that have it"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "5000", .low = 10, .high = 1e6,
     .shown = "N", .help = "samples of each"},
    {.name = "against", .kind = DF_WORD, AT(against), .shown = "TRUTH",
     .help = "a shape or a file of points; without it, the shape that was learned"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S", .help = "decides the starts"},
    {.name = "seeds", .kind = DF_COUNT, AT(seeds), .value = "1", .low = 1, .high = SEEDS_MOST, .shown = "K",
     .help = "repeat with K seeds: median, least and most"},
    {.name = "fine-steps", .kind = DF_COUNT, AT(fine_steps), .value = "400", .low = 10, .high = 100000, .shown = "N",
     .help = "steps of the fine solution, by UniPC, that displacement is measured from"},
    {0}};
static const df_option merge_table[] = {
    {.name = "merge", .kind = DF_FLAG, AT(merge),
     .help = "the operands are FILEs of earlier comparisons: join them, a row that is in many of them once"},
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
    df_settings own_settings, merging, output, schedule_settings, grid_settings;
    contender contenders[SAMPLERS_MOST];
    size_t contender_count;
    uint64_t counts[COUNTS_MOST];
    size_t count_count;
    df_subject subjects[SUBJECTS_MOST];
    size_t subject_count;
    df_reference reference;
    df_team *team;
    df_text file; /* for -o */
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
    return df_settings_check(list, error);
}

static bool has_option(const char *sampler, const char *name)
{
    const df_sampler *s = df_find_sampler(sampler, NULL);
    for (const df_option *o = s ? s->options : NULL; o && o->name; o++)
        if (strcmp(o->name, name) == 0) return true;
    return false;
}

/* A sampler that has eta takes part once with each value of --eta, unless its name brings options of its own. */
static df_status add_with_etas(job *j, const char *name, bool *used, df_arena *arena, df_error *error)
{
    if (!j->own.etas || !has_option(name, "eta")) return add_contender(j, name, strlen(name), arena, error);
    *used = true;
    for (const char *at = j->own.etas; *at; at += *at == ',') {
        char label[80];
        const size_t size = strcspn(at, ",");
        snprintf(label, sizeof label, "%.40s:eta=%.*s", name, (int)(size < 24 ? size : 24), at);
        DF_TRY(add_contender(j, label, strlen(label), arena, error));
        at += size;
    }
    return DF_OK;
}

static df_status parse_contenders(job *j, df_arena *arena, df_error *error)
{
    bool used = false;
    for (const char *at = j->own.samplers; *at; at += *at == ',') {
        char name[80];
        const size_t size = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(size < 79 ? size : 79), at);
        DF_TRY(add_with_etas(j, name, &used, arena, error));
        at += size;
    }
    if (j->own.etas && !used)
        return df_fail(error, DF_USAGE, "--eta is for samplers that have it, and none of --samplers does");
    return j->contender_count ? DF_OK : df_fail(error, DF_USAGE, "--samplers names none");
}

static df_status parse_counts(job *j, df_error *error)
{
    for (const char *at = j->own.steps; *at; at += *at == ',') {
        char word[32];
        const size_t size = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)size, at);
        if (j->count_count == COUNTS_MOST)
            return df_fail(error, DF_LIMIT, "--steps: more than %d numbers", COUNTS_MOST);
        if (!df_parse_count(word, &j->counts[j->count_count]) || j->counts[j->count_count] < 1 ||
            j->counts[j->count_count] > 100000)
            return df_fail(error, DF_USAGE, "--steps: '%s' is not a number of steps", word);
        j->count_count++;
        at += size;
    }
    return j->count_count ? DF_OK : df_fail(error, DF_USAGE, "--steps names none");
}

/* All subjects are compared with one truth: --against, or the shape that all of them learned. */
static df_status choose_truth(const char **name, double *noise, const job *j, df_error *error)
{
    const df_subject *s = j->subjects;
    *name = j->own.against;
    *noise = -1;
    if (*name) return DF_OK;
    *name = learned_shape(noise, &s[0]);
    if (!*name)
        return df_fail(error, DF_USAGE, "say what %s should be compared with, such as --against swissroll", s[0].name);
    for (size_t i = 1; i < j->subject_count; i++) {
        double other_noise;
        const char *other = learned_shape(&other_noise, &s[i]);
        if (!other || strcmp(other, *name) != 0 || other_noise != *noise)
            return df_fail(error, DF_USAGE, "%s and %s did not learn the same shape\n"
                           "  say what to compare them with, such as --against %s", s[0].name, s[i].name, *name);
    }
    return DF_OK;
}

static df_status check_names(const job *j, const char *const *names, df_error *error)
{
    if (!names[0]) return df_fail(error, DF_USAGE, "MODEL is missing");
    for (size_t i = 0; names[i]; i++) {
        if (i == SUBJECTS_MOST)
            return df_fail(error, DF_USAGE, "'%.100s' is one argument too many; %d models can be compared at once\n"
                           "  join the tables of more with --merge", names[i], SUBJECTS_MOST);
        if (j->out.output && strpbrk(names[i], ",\"\r\n"))
            return df_fail(error, DF_USAGE, "%s cannot stand in a table, which has no quotes\n"
                           "  give the file another name, or drop -o", names[i]);
    }
    return DF_OK;
}

static df_status load_subjects(job *j, const char **names, df_arena *arena, df_error *error)
{
    const char *truth;
    double noise;
    for (; names[j->subject_count]; j->subject_count++)
        DF_TRY(load_subject(&j->subjects[j->subject_count], names[j->subject_count], &j->schedule_settings,
                            arena, error));
    DF_TRY(choose_truth(&truth, &noise, j, error));
    DF_TRY(df_reference_load(&j->reference, arena, truth, noise, j->own.seed, error));
    for (size_t i = 0; i < j->subject_count; i++)
        if (j->subjects[i].dim != j->reference.dim)
            return df_fail(error, DF_INPUT, "%s works on %zu columns, %s has %zu", names[i], j->subjects[i].dim,
                           truth, j->reference.dim);
    return DF_OK;
}

/* The fine solution takes as many of the --fine-steps as the spacing allows. */
static uint64_t fine_steps(const job *j, const df_subject *s)
{
    const uint64_t all = s->schedule.steps;
    return j->grid.spacing != DF_SPACING_KARRAS && j->own.fine_steps > all ? all : j->own.fine_steps;
}

static df_status lay_grid(df_level **levels, job *j, const df_subject *s, const sampler_choice *choice,
                          uint64_t steps, df_arena *arena, df_error *error)
{
    df_grid_config grid = j->grid;
    grid.steps = steps;
    return make_grid(levels, &j->grid_settings, &grid, choice->sampler, steps, &s->schedule, arena, error);
}

static df_status check_row(job *j, const df_subject *s, const contender *c, uint64_t steps, df_arena *arena,
                           df_error *error)
{
    df_level *levels;
    DF_TRY(lay_grid(&levels, j, s, &c->choice, steps, arena, error));
    const df_sampling sampling = {.denoiser = &s->denoiser, .sampler = c->choice.sampler,
                                  .options = c->choice.options, .levels = levels, .steps = steps};
    return df_sampling_check(&sampling, error);
}

/* Of every row, before any is printed. */
static df_status check_rows(job *j, df_arena *arena, df_error *error)
{
    for (size_t i = 0; i < j->subject_count; i++)
        for (size_t c = 0; c < j->contender_count; c++)
            for (size_t k = 0; k < j->count_count; k++) {
                df_error why;
                const df_status status = check_row(j, &j->subjects[i], &j->contenders[c], j->counts[k], arena, &why);
                if (status != DF_OK)
                    return df_fail(error, status, "%s, %s: %s", j->subjects[i].name, j->contenders[c].label,
                                   why.message);
            }
    return DF_OK;
}

/* ---- one cell of the table ---- */

/* Samples in the data's units, from the starts of this seed. */
static df_status draw(job *j, const df_subject *s, const sampler_choice *choice, uint64_t steps, uint64_t seed,
                      double *x, uint64_t *calls, df_arena *arena, df_error *error)
{
    df_level *levels;
    DF_TRY(lay_grid(&levels, j, s, choice, steps, arena, error));
    df_sampling sampling = {.denoiser = &s->denoiser, .sampler = choice->sampler, .options = choice->options,
                            .levels = levels, .steps = steps, .seed = seed, .team = j->team};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    df_sampling_start(&sampling, 0, j->own.points, x);
    DF_TRY(df_sampling_run(&sampling, 0, j->own.points, x, error));
    df_transform_undo(&s->transform, x, j->own.points);
    *calls = (df_sampling_calls(&sampling) + j->own.points / 2) / j->own.points; /* of the mean point */
    return DF_OK;
}

static double median_distance(const double *x, const double *y, size_t n, size_t dim, double *distances,
                              double *scratch)
{
    for (size_t r = 0; r < n; r++) {
        double square = 0;
        for (size_t i = r * dim; i < (r + 1) * dim; i++) square += (x[i] - y[i]) * (x[i] - y[i]);
        distances[r] = sqrt(square);
    }
    return df_median(distances, scratch, n);
}

/* `fine`: where the same starts go in a fine solution; NULL: there is none. */
static df_status measure(double values[MEASURES], job *j, const double *x, const double *fine, df_arena *arena,
                         df_error *error)
{
    const df_reference *ref = &j->reference;
    const size_t n = j->own.points, dim = ref->dim, most = df_reference_most(ref), m = n < most ? n : most;
    df_curve_fit fit = {.thickness = MISSING, .off_shape = MISSING, .ks = MISSING};
    double *y, *scratch;
    DF_NEW(arena, y, m * dim, error);
    DF_NEW(arena, scratch, 2 * n, error);
    df_reference_points(ref, 0, m, y);
    const df_pair pair = {.dim = dim, .n = n, .m = m, .x = x, .y = y};
    if (ref->curve && ref->mixture.s > 0)
        DF_TRY(df_curve_compare(&fit, arena, ref->curve, ref->curve_nodes, ref->mixture.s, x, n,
                                j->team, error));
    values[0] = fit.thickness;
    values[1] = fit.off_shape;
    values[2] = fit.ks;
    DF_TRY(df_sliced_w2(&values[3], arena, &pair, error));
    values[4] = fine ? median_distance(x, fine, n, dim, scratch, scratch + n) : MISSING;
    return DF_OK;
}

/* ---- the table and the file ---- */

/* -o - puts the file where the table would be. */
static bool has_table(const job *j)
{
    return !j->out.output || strcmp(j->out.output, "-") != 0;
}

static void print_header(job *j)
{
    df_text_add(&j->file, "model,sampler,steps,calls");
    if (has_table(j)) printf("%-22s %-18s %6s %6s", "model", "sampler", "steps", "calls");
    for (size_t m = 0; m < MEASURES; m++) {
        df_text_add(&j->file, ",%s", measures[m]);
        if (j->own.seeds > 1) df_text_add(&j->file, ",%s_least,%s_most", measures[m], measures[m]);
        if (has_table(j)) printf(j->own.seeds > 1 ? " %26s" : " %12s", measures[m]);
    }
    df_text_add(&j->file, "\n");
    if (has_table(j)) printf("\n");
}

/* A measure that is not available leaves its cell empty. */
static void add_to_file(job *j, double value)
{
    if (isnan(value)) df_text_add(&j->file, ",");
    else df_text_add(&j->file, ",%.9g", value);
}

/* What all seeds gave for one measure, ascending. */
static void print_cell(job *j, double *values)
{
    const size_t seeds = j->own.seeds;
    double scratch[SEEDS_MOST];
    char cell[64] = "-";
    const double median = df_median(values, scratch, seeds), least = values[0], most = values[seeds - 1];
    add_to_file(j, median);
    if (seeds > 1) {
        add_to_file(j, least);
        add_to_file(j, most);
    }
    if (!has_table(j)) return;
    if (!isnan(median) && seeds > 1) snprintf(cell, sizeof cell, "%.4f (%.4f-%.4f)", median, least, most);
    else if (!isnan(median)) snprintf(cell, sizeof cell, "%.4f", median);
    printf(seeds > 1 ? " %26s" : " %12s", cell);
}

static df_status print_row(job *j, const char *name, const char *label, uint64_t steps, uint64_t calls,
                           double values[SEEDS_MOST][MEASURES], df_error *error)
{
    df_text_add(&j->file, "%s,%s,%llu,%llu", name, label, (unsigned long long)steps, (unsigned long long)calls);
    if (has_table(j)) {
        char shown[1024];
        df_printable(shown, sizeof shown, name);
        printf("%-22s %-18s %6llu %6llu", shown, label, (unsigned long long)steps, (unsigned long long)calls);
    }
    for (size_t m = 0; m < MEASURES; m++) {
        double of_seeds[SEEDS_MOST];
        for (size_t k = 0; k < j->own.seeds; k++) of_seeds[k] = values[k][m];
        print_cell(j, of_seeds);
    }
    df_text_add(&j->file, "\n");
    if (!has_table(j)) return DF_OK;
    printf("\n");
    return check_printed(error);
}

static df_status run_row(job *j, const df_subject *s, const contender *c, uint64_t steps, double *const *fine,
                         df_error *error)
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
    return print_row(j, s->name, c->label, steps, calls, values, error);
}

/* What true points get, other ones for each seed: no sampler can be expected to do better. */
static df_status run_floor(job *j, df_error *error)
{
    static double values[SEEDS_MOST][MEASURES];
    const size_t n = j->own.points;
    if (!j->reference.shape) return DF_OK;
    for (uint64_t k = 0; k < j->own.seeds; k++) {
        df_arena arena = {0};
        double *x = df_alloc(&arena, n * j->reference.dim, sizeof *x, error);
        if (x) df_reference_points(&j->reference, (k + 1) * n, n, x);
        const df_status status = x ? measure(values[k], j, x, NULL, &arena, error) : DF_LIMIT;
        df_arena_free(&arena);
        if (status != DF_OK) return status;
    }
    return print_row(j, j->reference.name, "floor", 0, 0, values, error);
}

static df_status run_subject(job *j, const df_subject *s, df_arena *arena, df_error *error)
{
    double **fine;
    uint64_t calls;
    contender unipc = {.label = "unipc"};
    DF_TRY(choose_sampler(&unipc.choice, (words){NULL, 0}, "unipc", error));
    df_settings_defaults(&unipc.choice.settings);
    DF_NEW(arena, fine, j->own.seeds, error);
    for (uint64_t k = 0; k < j->own.seeds; k++) {
        DF_NEW(arena, fine[k], j->own.points * s->dim, error);
        DF_TRY(draw(j, s, &unipc.choice, fine_steps(j, s), j->own.seed + k, fine[k], &calls, arena, error));
    }
    for (size_t c = 0; c < j->contender_count; c++)
        for (size_t k = 0; k < j->count_count; k++) DF_TRY(run_row(j, s, &j->contenders[c], j->counts[k], fine, error));
    return DF_OK;
}

static df_status write_file(const job *j, df_error *error)
{
    df_output out;
    if (j->file.failed) return df_fail(error, DF_LIMIT, "out of memory");
    DF_TRY(df_output_open(&out, j->out.output, j->out.overwrite, error));
    df_output_add(&out, j->file.bytes, j->file.size);
    return df_output_close(&out, error);
}

static df_status run_all(job *j, df_arena *arena, df_error *error)
{
    print_header(j);
    for (size_t i = 0; i < j->subject_count; i++) DF_TRY(run_subject(j, &j->subjects[i], arena, error));
    DF_TRY(run_floor(j, error));
    return j->out.output ? write_file(j, error) : DF_OK;
}

static df_status run_merge(const job *j, const char *const *names, df_arena *arena, df_error *error)
{
    static const char purpose[] = "comparing models, and --merge joins what was compared",
        *const idle[] = {"threads", NULL};
    if (!names[0]) return df_fail(error, DF_USAGE, "TABLE is missing");
    DF_TRY(refuse_all(&j->own_settings, purpose, error));
    DF_TRY(refuse_all(&j->grid_settings, purpose, error));
    DF_TRY(refuse_all(&j->schedule_settings, purpose, error));
    DF_TRY(refuse_idle(&j->output, idle, purpose, error));
    return merge(names, &j->out, arena, error);
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static job j;
    const char **names;
    j.own_settings = (df_settings){.table = table, .values = &j.own};
    j.merging = (df_settings){.table = merge_table, .values = &j.own};
    j.output = (df_settings){.table = work_table, .values = &j.out};
    j.schedule_settings = (df_settings){.table = df_schedule_options, .values = &j.schedule};
    static const df_option *const spacing = grid_table;
    /* all but --steps, which is a list here */
    j.grid_settings = (df_settings){.table = spacing + 1, .values = &j.grid};
    df_settings *const list[] = {&j.own_settings, &j.merging, &j.grid_settings, &j.schedule_settings, &j.output, NULL};
    for (df_settings *const *s = list; *s; s++) df_settings_defaults(*s);
    DF_NEW(arena, names, typed.count + 1, error);
    DF_TRY(parse_words(list, typed, names, 0, typed.count, "", arena, error));
    if (j.own.merge) return run_merge(&j, names, arena, error);
    DF_TRY(check_names(&j, names, error));
    DF_TRY(parse_contenders(&j, arena, error));
    DF_TRY(parse_counts(&j, error));
    if (j.out.output) DF_TRY(df_output_check(j.out.output, j.out.overwrite, error));
    DF_TRY(df_team_start(&j.team, arena, j.out.threads, error));
    DF_TRY(load_subjects(&j, names, arena, error));
    DF_TRY(check_rows(&j, arena, error));
    const df_status status = run_all(&j, arena, error);
    df_text_free(&j.file);
    DF_TRY(status);
    say(&j.out, "against %s; displacement: median distance from UniPC in %s steps from the same start\n",
        j.reference.name, grouped(fine_steps(&j, &j.subjects[0])));
    return DF_OK;
}

static void notes(df_text *out)
{
    df_text_add(out, "One row for each model, sampler and number of steps; the last, of a shape, is the floor: what\n"
                     "as many true points get.\n");
}

static const section sections[] = {{"Options", table}, {"Tables", merge_table},
                                   {"Steps", grid_table + 1},
                                   {"Schedule (of exact: and ideal:)", df_schedule_options},
                                   {"Threads and output", work_table}, {0}};

const command command_compare = {
    .name = "compare", .about = "models, samplers and step counts in one table", .usage = "MODEL [MODEL ...] [options]",
    .examples = "  diffuse compare roll.safetensors --samplers ddpm,ddim --steps 5,10,20,50\n"
                "  diffuse compare a.safetensors exact:swissroll --samplers ddim,dpmpp_2m,unipc --steps 5,10,20,40\n"
                "  diffuse compare exact:swissroll --samplers ddim,ddim:eta=1 --steps 10,20 --timestep-spacing quad\n"
                "  diffuse compare --merge first.csv second.csv -o all.csv\n",
    .sections = sections, .notes = notes, .run = run};
