/* cmd_eval.c -- `diffuse eval`: every measure beside the value that true points of the same number would give. */
#include "evaluate.h"

#include "diffuse/file.h"
#include "diffuse/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct options {
    const char *against, *sampler, *profile;
    double noise, most[MEASURES];
    uint64_t points, likelihood_points, seed;
    bool json, partial, merge;
} options;

#define AT(member) .offset = offsetof(options, member)
#define GATE(option, measure, what)                                                                                \
    {.name = option, .kind = DF_NUMBER, AT(most[measure]), .low = 0, .high = 1e9, .shown = "X", \
     .help = "exit with 1 when " what " is above X"}
static const df_option table[] = {
    {.name = "against", .kind = DF_WORD, AT(against), .shown = "TRUTH", .also = "ref reference",
     .help = "a shape or a file of points; for a model that learned a shape, that shape"},
    {.name = "noise", .kind = DF_NUMBER, AT(noise), .value = "-1", .low = -1, .high = 10, .shown = "S",
     .help = "noise of the shape; -1: its own, or that the model learned"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "10000", .low = 3, .high = 1e6,
     .shown = "N", .help = "samples to make from a model"},
    {.name = "likelihood-points", .kind = DF_COUNT, AT(likelihood_points), .value = "0", .low = 0, .high = 1e6,
     .shown = "N",
     .help = "true points whose likelihood is computed; 0: 2,000, or 10,000 when --max-kl is a gate"},
    {.name = "sampler", .kind = DF_WORD, AT(sampler), .value = "ddim", .shown = "NAME", .help = "how samples are made"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S", .help = "decides every random number"},
    {.name = "json", .kind = DF_FLAG, AT(json), .help = "print JSON, for programs; its keys only ever grow"},
    {.name = "profile", .kind = DF_WORD, AT(profile), .shown = "FILE",
     .help = "write the score error by level to FILE, to see where a model is wrong"},
    {.name = "partial", .kind = DF_FLAG, AT(partial),
     .help = "only write to -o what takes long, for --merge: the samples and likelihoods of --shard or --range"},
    {.name = "merge", .kind = DF_FLAG, AT(merge), .not_with = "partial",
     .help = "judge the PARTs of a MODEL that --partial wrote with the same options, in any order"},
    GATE("max-kl", KL, "kl"),
    GATE("max-w2", W2, "w2"),
    GATE("max-sliced-w2", SLICED_W2, "sliced_w2"),
    GATE("max-energy", ENERGY, "energy"),
    GATE("max-ks", KS, "ks"),
    GATE("max-off-shape", OFF_SHAPE, "off_shape"),
    {0}};
#undef AT

enum { PARTS_MOST = 1024 };

typedef struct request {
    options own;
    output_options out;
    slice_options typed_slice;
    df_grid_config grid;
    df_schedule_config schedule;
    df_settings own_settings, slices, output, grid_settings, schedule_settings;
    sampler_choice choice;
    const char *parts[PARTS_MOST]; /* what was typed */
    size_t part_count;
    evaluation e;
} request;

/* ---- the target: a subject that is sampled, or a file of points ---- */

/* The points of one more file, behind those there are. */
static df_status append_file(evaluation *e, const char *path, df_arena *arena, df_error *error)
{
    df_data data;
    double *all;
    DF_TRY(df_data_load(&data, arena, path, NULL, 2, -1, 0, error));
    if (data.dim != e->reference.dim)
        return df_fail(error, DF_INPUT, "%s has %zu columns, %s has %zu", path, data.dim, e->reference.name,
                       e->reference.dim);
    DF_NEW(arena, all, (e->n + data.rows) * data.dim, error);
    if (e->n) memcpy(all, e->x, e->n * data.dim * sizeof *all);
    memcpy(all + e->n * data.dim, data.x, data.rows * data.dim * sizeof *all);
    e->x = all;
    e->n += data.rows;
    return DF_OK;
}

/* Several files are parts of one sample, in the order given. */
static df_status read_samples(request *q, df_arena *arena, df_error *error)
{
    evaluation *e = &q->e;
    for (size_t i = 0; i < q->part_count; i++) DF_TRY(append_file(e, q->parts[i], arena, error));
    if (e->n < 3)
        return df_fail(error, DF_INPUT, "%s has %zu points; at least 3 are needed to measure anything",
                       e->target, e->n);
    return DF_OK;
}

/* What the report calls it: the file, or the first of several. */
static df_status name_target(request *q, df_arena *arena, df_error *error)
{
    while (q->part_count < PARTS_MOST && q->parts[q->part_count]) q->part_count++;
    q->e.target = q->parts[0];
    if (q->part_count == 1 || q->own.merge) return DF_OK;
    for (size_t i = 0; i < q->part_count; i++)
        if (names_subject(q->parts[i]))
            return df_fail(error, DF_USAGE, "%s is a model; only files of points can be judged together", q->parts[i]);
    df_text name = {0};
    df_text_add(&name, "%s and %zu more", q->parts[0], q->part_count - 1);
    q->e.target = df_text_keep(&name, arena, error);
    return q->e.target ? DF_OK : DF_LIMIT;
}

static df_status load_target(request *q, df_arena *arena, df_error *error)
{
    const char *target = q->e.target;
    if (df_find_shape(target))
        return df_fail(error, DF_USAGE, "%s is a shape, neither a model nor points\n  try exact:%s", target, target);
    if (names_subject(target)) return evaluation_subject(&q->e, &q->schedule_settings, arena, error);
    static const char *const of_models[] = {"points",  "likelihood-points", "sampler", "profile",
                                            "partial", "merge",             NULL};
    char purpose[128];
    snprintf(purpose, sizeof purpose, "models, and %.80s is a file of points", target);
    DF_TRY(refuse_idle(&q->own_settings, of_models, purpose, error));
    DF_TRY(refuse_all(&q->grid_settings, purpose, error));
    DF_TRY(refuse_all(&q->choice.settings, purpose, error));
    return refuse_all(&q->schedule_settings, purpose, error);
}

/* ---- the truth ---- */

static df_status choose_reference(request *q, df_arena *arena, df_error *error)
{
    evaluation *e = &q->e;
    static const char *const of_shapes[] = {"noise", NULL};
    DF_TRY(evaluation_reference(e, q->own.against, q->own.noise, arena, error));
    if (!e->reference.shape)
        DF_TRY(refuse_idle(&q->own_settings, of_shapes, "shapes, and the truth is a file", error));
    if (q->own.profile && !has_density(&e->reference))
        return df_fail(error, DF_USAGE, "--profile needs a truth whose density is known, and that of %s is not",
                       e->reference.name);
    if (q->own.profile && !has_common_scale(&e->subject.transform))
        return df_fail(error, DF_INPUT,
                       "%s was scaled column by column, so it has no --profile by a common sigma", e->target);
    return DF_OK;
}

static bool is_gated(const request *q, int measure)
{
    return measures[measure].gate && df_settings_given(&q->own_settings, measures[measure].gate);
}

/* 2,000 points have a standard error of about 0.004 on a good model; a gate wants a sharper answer. */
static size_t likelihood_points(const request *q)
{
    return q->own.likelihood_points ? q->own.likelihood_points : is_gated(q, KL) ? 10000 : 2000;
}

static df_status write_profile(const request *q, df_error *error)
{
    static const char *const names[] = {"sigma", "score_error"};
    const df_score_report *score = &q->e.score;
    df_table_writer writer;
    df_status status = DF_OK;
    DF_TRY(df_table_open(&writer, q->own.profile, q->out.overwrite, 2, names, DF_SCORE_LEVELS, error));
    for (size_t k = 0; k < DF_SCORE_LEVELS && status == DF_OK; k++) {
        const double values[] = {score->sigma[k] * q->e.subject.transform.scale[0], score->error[k]};
        status = df_table_write(&writer, values, 1, error);
    }
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

/* ---- the points ---- */

/* All that decides the samples and their likelihoods. */
static void describe_work(df_text *out, const request *q)
{
    const df_model *model = &q->e.subject.model;
    const size_t size = model->network.parameter_count * sizeof *model->average;
    const uint32_t weights = q->e.subject.is_model ? df_crc32c(0, model->average, size) : 0;
    df_text_add(out, "{\"model\":");
    df_json_add_string(out, q->e.target);
    df_text_add(out, ",\"weights\":\"%08x\",\"against\":", (unsigned)weights);
    df_json_add_string(out, q->e.reference.name);
    df_text_add(out, ",\"noise\":");
    df_json_add_number(out, q->own.noise);
    df_text_add(out, ",\"points\":%zu,\"likelihood-points\":%zu,\"seed\":%llu,\"sampler\":", q->e.n,
                evaluation_likelihood_points(&q->e), (unsigned long long)q->e.seed);
    df_json_add_string(out, q->choice.sampler->name);
    df_settings_json(out, &q->choice.settings);
    df_settings_json(out, &q->grid_settings);
    df_settings_json(out, &q->schedule_settings);
    df_text_add(out, "}");
}

static df_status sample(request *q, size_t first, size_t end, df_arena *arena, df_error *error)
{
    df_level *levels;
    return evaluation_sample(&q->e, first, end, &levels, &q->choice, &q->grid_settings, &q->grid, NULL, NULL, arena,
                             error);
}

static df_status with_work(request *q, const char *work, df_arena *arena, df_error *error)
{
    slice rows;
    if (q->own.merge) return partial_merge(&q->e, q->parts + 1, q->part_count - 1, work, arena, error);
    DF_TRY(choose_slice(&rows, &q->typed_slice, q->e.n, &q->out, error));
    DF_TRY(sample(q, (size_t)rows.first, (size_t)rows.end, arena, error));
    return partial_write(&q->e, (size_t)rows.first, (size_t)rows.end, work, &q->out, arena, error);
}

/* Makes or reads the points, or with --partial makes and writes some of them. */
static df_status get_points(request *q, df_arena *arena, df_error *error)
{
    if (!q->e.is_subject) return read_samples(q, arena, error);
    q->e.n = q->own.points;
    if (!q->own.partial && !q->own.merge) return sample(q, 0, q->e.n, arena, error);
    df_text work = {0};
    describe_work(&work, q);
    const df_status status = work.failed ? df_fail(error, DF_LIMIT, "out of memory")
                                         : with_work(q, work.bytes, arena, error);
    df_text_free(&work);
    return status;
}

/* ---- the report ---- */

/* A bound on what is not available is not met. */
static bool fails(const request *q, int measure)
{
    return is_gated(q, measure) && !(q->e.results[measure].value <= q->own.most[measure]);
}

static void add_number(df_text *out, double value)
{
    if (isnan(value)) df_text_add(out, " %11s", "-");
    else df_text_add(out, " %11.5f", value);
}

static void add_ratio(df_text *out, const result *r)
{
    const double ratio = result_ratio(r);
    if (isnan(ratio)) df_text_add(out, " %7s", "");
    else df_text_add(out, " %7.2f", ratio);
}

static void add_text(df_text *out, const request *q)
{
    const evaluation *e = &q->e;
    df_text_add(out, "%s against %s\n%-15s %11s %11s %11s %7s %8s\n", e->target, e->reference.name, "measure",
                "value", "floor", "+-",
                "ratio", "n");
    for (int m = 0; m < MEASURES; m++) {
        const result *r = &e->results[m];
        df_text_add(out, "%-15s", measures[m].name);
        add_number(out, r->value);
        add_number(out, r->floor);
        add_number(out, r->error);
        add_ratio(out, r);
        if (isnan(r->value)) df_text_add(out, " %8s  not available here: %s", "-", measures[m].about);
        else df_text_add(out, " %8llu  %s", (unsigned long long)r->n, measures[m].about);
        df_text_add(out, "%s\n", fails(q, m) ? "  <- fails its bound" : "");
    }
    df_text_add(out, "floor: what as many true points give (nll: their entropy); +-: its spread, or the standard\n"
                     "error of the value; ratio: value / floor\n");
    if (e->is_subject)
        df_text_add(out,
                    "nll, kl: by the ODE from sigma/alpha = %g, whose law stands for the data's, to %g, where it is\n"
                    "Gaussian\n", e->least, e->most);
}

static void add_pair(df_text *out, const char *name, double value)
{
    if (!name) return;
    df_text_add(out, ",\"%s\":", name);
    df_json_add_number(out, value);
}

static void add_json(df_text *out, const evaluation *e)
{
    df_text_add(out, "{\"schema\":1,\"target\":");
    df_json_add_string(out, e->target);
    df_text_add(out, ",\"against\":");
    df_json_add_string(out, e->reference.name);
    for (int m = 0; m < MEASURES; m++) {
        add_pair(out, measures[m].name, e->results[m].value);
        add_pair(out, measures[m].floor, e->results[m].floor);
        add_pair(out, measures[m].error, e->results[m].error);
    }
    add_pair(out, "ode_least", e->is_subject ? e->least : MISSING);
    add_pair(out, "ode_most", e->is_subject ? e->most : MISSING);
    df_text_add(out, ",\"n\":%zu,\"seed\":%llu,\"units\":\"nats a point, in the data's units\"}\n", e->n,
                (unsigned long long)e->seed);
}

static df_status write_report(const request *q, df_error *error)
{
    df_output file;
    df_text report = {0};
    if (q->own.json) add_json(&report, &q->e);
    else add_text(&report, q);
    df_status status = report.failed ? df_fail(error, DF_LIMIT, "out of memory")
                                     : df_output_open(&file, output_path(&q->out), q->out.overwrite, error);
    if (status == DF_OK) {
        df_output_add(&file, report.bytes, report.size);
        status = df_output_close(&file, error);
    }
    df_text_free(&report);
    return status;
}

/* Every bound that is not met, a line each. */
static df_status verdict(const request *q, df_error *error)
{
    df_text said = {0};
    for (int m = 0; m < MEASURES; m++) {
        if (!fails(q, m)) continue;
        const double value = q->e.results[m].value;
        df_text_add(&said, said.size ? "\n  " : "");
        if (isnan(value))
            df_text_add(&said, "%s is not available here, so that --%s cannot be met", measures[m].name,
                        measures[m].gate);
        else df_text_add(&said, "%s is %g, above --%s %g", measures[m].name, value, measures[m].gate, q->own.most[m]);
    }
    const df_status status = said.failed ? df_fail(error, DF_LIMIT, "out of memory")
                             : said.size ? df_fail(error, DF_NO, "%s", said.bytes) : DF_OK;
    df_text_free(&said);
    return status;
}

/* Before the work: what would stop its result from being written. */
static df_status check_outputs(const request *q, df_error *error)
{
    if (q->own.profile && strcmp(q->own.profile, output_path(&q->out)) == 0)
        return df_fail(error, DF_USAGE, "the report and --profile would both go to %s", q->own.profile);
    DF_TRY(df_output_check(output_path(&q->out), q->out.overwrite, error));
    return q->own.profile ? df_output_check(q->own.profile, q->out.overwrite, error) : DF_OK;
}

/* A part is judged when it is merged. */
static df_status check_parts(const request *q, df_error *error)
{
    static const char *const of_judging[] = {"json", "profile", "max-kl", "max-w2", "max-sliced-w2", "max-energy",
                                             "max-ks", "max-off-shape", NULL};
    if (q->own.merge && q->part_count < 2)
        return df_fail(error, DF_USAGE, "--merge: no parts are named\n  diffuse eval %s --merge part-*.safetensors",
                       q->e.target);
    if (!q->own.partial) return refuse_all(&q->slices, "--partial", error);
    if (!q->out.output)
        return df_fail(error, DF_USAGE, "-o is missing: where the part goes\n  add -o part-0.safetensors");
    return refuse_idle(&q->own_settings, of_judging, "judging, and --partial leaves that to --merge", error);
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static request q;
    DF_TRY(choose_sampler(&q.choice, typed, "ddim", error));
    q.own_settings = (df_settings){.table = table, .values = &q.own};
    q.slices = (df_settings){.table = slice_table, .values = &q.typed_slice};
    q.output = (df_settings){.table = work_table, .values = &q.out};
    q.grid_settings = (df_settings){.table = grid_table, .values = &q.grid};
    q.schedule_settings = (df_settings){.table = df_schedule_options, .values = &q.schedule};
    df_settings *const list[] = {&q.own_settings, &q.slices, &q.grid_settings, &q.choice.settings,
                                 &q.schedule_settings, &q.output, NULL};
    for (df_settings *const *settings = list; *settings; settings++) df_settings_defaults(*settings);
    DF_TRY(parse_words(list, typed, q.parts, 1, PARTS_MOST, "MODEL|POINTS", arena, error));
    DF_TRY(name_target(&q, arena, error));
    DF_TRY(check_parts(&q, error));
    if (q.own.likelihood_points == 1)
        return df_fail(error, DF_USAGE, "--likelihood-points: 1 has no error bar; 2 at least");
    q.e.seed = q.own.seed;
    q.e.likelihood_points = likelihood_points(&q);
    DF_TRY(check_outputs(&q, error));
    DF_TRY(df_team_start(&q.e.team, arena, q.out.threads, error));
    DF_TRY(load_target(&q, arena, error));
    DF_TRY(choose_reference(&q, arena, error));
    DF_TRY(get_points(&q, arena, error));
    if (q.own.partial) return DF_OK;
    DF_TRY(evaluate(&q.e, arena, error));
    if (q.own.profile) DF_TRY(write_profile(&q, error));
    DF_TRY(write_report(&q, error));
    return verdict(&q, error);
}

static void notes(df_text *out)
{
    df_text_add(out, "Measures, which are the keys of --json; what is not available is - or null:\n");
    for (size_t m = 0; m < MEASURES; m++) {
        const struct measure *it = &measures[m];
        df_text_add(out, "  %-15s %s\n", it->name, it->about);
        df_text_add(out, "  %-15s %s%s%s\n", "", it->floor ? it->floor : "", it->floor ? ", " : "", it->error);
    }
    df_text_add(out, "  with schema, target, against, n (points judged), seed, units, ode_least and ode_most\n"
                     "  (sigma/alpha)\n"
                     "A file as truth lends at most half of its rows to a comparison, as its floor compares\n"
                     "two halves.\n");
}

static const section sections[] = {{"Options", table}, {"Parts, with --partial", slice_table}, {"Steps", grid_table},
                                   {"Schedule (of exact: and ideal:)", df_schedule_options},
                                   {"Threads and output", work_table}, {0}};

const command command_eval = {
    .name = "eval", .about = "judge a model or points against the truth, each measure beside its floor",
    .usage = "MODEL|POINTS [POINTS ...|PART ...] [options]",
    .examples = "  diffuse eval roll.safetensors\n  diffuse eval samples.csv --against swissroll\n"
                "  diffuse eval part.*.csv --against swissroll\n"
                "  diffuse eval roll.safetensors --json --max-kl 0.05\n"
                "  diffuse eval roll.safetensors --partial --shard 0/4 -o part-0.safetensors\n"
                "  diffuse eval roll.safetensors --merge part-*.safetensors\n",
    .sections = sections, .notes = notes, .run = run};
