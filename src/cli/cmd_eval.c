/* cmd_eval.c -- `diffuse eval`: every measure beside the value that true points of the same number would give. */
#include "cli.h"

#include "diffuse/json.h"
#include "diffuse/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { W2_POINTS = 1000, SCORE_POINTS = 512, EPS_POINTS = 4096 };

enum { NLL, ENTROPY, KL, EPS_LOSS, SCORE_KL_BOUND, W2, SLICED_W2, ENERGY, THICKNESS, OFF_SHAPE, KS, MEASURES };

/* What can be measured. The names are the keys of --json. */
static const struct measure {
    const char *name, *floor, *error, *gate, *about;
} measures[MEASURES] = {
    [NLL] = {"nll", NULL, "nll_error", NULL, "-ln p_model of true points, nats"},
    [ENTROPY] = {"entropy", NULL, "entropy_error", NULL, "-ln p of the same points, nats: no model's nll is less"},
    [KL] = {"kl", NULL, "kl_error", "max-kl", "KL(truth || model), nats: the paired mean of nll - entropy"},
    [EPS_LOSS] = {"eps_loss", "eps_loss_floor", "eps_loss_excess_error", NULL,
                  "mean squared error of eps over the schedule; +-: of value - floor"},
    [SCORE_KL_BOUND] = {"score_kl_bound", NULL, "score_kl_bound_error", NULL,
                        "bound on the KL of the reverse SDE, nats; kl is of the ODE and may exceed it"},
    [W2] = {"w2", "w2_floor", "w2_floor_spread", "max-w2", "2-Wasserstein distance, exact, of the first points"},
    [SLICED_W2] = {"sliced_w2", "sliced_w2_floor", "sliced_w2_floor_spread", "max-sliced-w2",
                   "sliced 2-Wasserstein distance"},
    [ENERGY] = {"energy", "energy_floor", "energy_floor_spread", "max-energy",
                "energy distance, of at most the first 10,000 points"},
    [THICKNESS] = {"thickness", "thickness_floor", "thickness_floor_spread", NULL,
                   "median distance from the curve / 0.6745 s"},
    [OFF_SHAPE] = {"off_shape", "off_shape_floor", "off_shape_floor_spread", "max-off-shape",
                   "share of points farther than 4 s"},
    [KS] = {"ks", "ks_floor", "ks_floor_spread", "max-ks", "Kolmogorov distance along the curve"}};

typedef struct options {
    const char *against, *sampler, *profile;
    double noise, most[MEASURES];
    uint64_t points, likelihood_points, seed;
    bool json;
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
    GATE("max-kl", KL, "kl"),
    GATE("max-w2", W2, "w2"),
    GATE("max-sliced-w2", SLICED_W2, "sliced_w2"),
    GATE("max-energy", ENERGY, "energy"),
    GATE("max-ks", KS, "ks"),
    GATE("max-off-shape", OFF_SHAPE, "off_shape"),
    {0}};
#undef AT

/* NaN: not available. */
typedef struct result {
    double value, floor, error; /* error: of the value, or the floor's spread */
    uint64_t n;
} result;

enum { PARTS_MOST = 1024 };

typedef struct evaluation {
    options own;
    output_options out;
    df_grid_config grid;
    df_schedule_config schedule;
    df_settings own_settings, output, grid_settings, schedule_settings;
    sampler_choice choice;
    const char *parts[PARTS_MOST], *target; /* what was typed; its name in messages and the report */
    size_t part_count;
    bool is_subject;
    df_subject subject;
    double least, most; /* cut-offs of the ODE, in sigma/alpha */
    df_reference reference;
    double *x; /* (n, dim): the points that are judged, in the data's units */
    size_t n;
    result results[MEASURES];
} evaluation;

/* ---- the target: a subject that is sampled, or a file of points ---- */

static bool names_subject(const char *name)
{
    const size_t size = strlen(name);
    return strncmp(name, "exact:", 6) == 0 || strncmp(name, "ideal:", 6) == 0 ||
           (size > 12 && strcmp(name + size - 12, ".safetensors") == 0) ||
               (strcmp(name, "-") != 0 && df_safetensors_begins(name));
}

static df_status sample_subject(evaluation *e, df_arena *arena, df_error *error)
{
    df_level *levels;
    const df_subject *s = &e->subject;
    DF_TRY(make_grid(&levels, &e->grid_settings, &e->grid, e->choice.sampler, 50, &s->schedule, arena, error));
    df_sampling sampling = {.denoiser = &s->denoiser, .sampler = e->choice.sampler, .options = e->choice.options,
                            .levels = levels,
                            .steps = e->grid.steps, .seed = e->own.seed};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    e->n = e->own.points;
    DF_NEW(arena, e->x, e->n * s->dim, error);
    df_sampling_start(&sampling, 0, e->n, e->x);
    DF_TRY(df_sampling_run(&sampling, 0, e->n, e->x, error));
    df_transform_undo(&s->transform, e->x, e->n);
    return DF_OK;
}

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
static df_status read_samples(evaluation *e, df_arena *arena, df_error *error)
{
    for (size_t i = 0; i < e->part_count; i++) DF_TRY(append_file(e, e->parts[i], arena, error));
    if (e->n < 3)
        return df_fail(error, DF_INPUT, "%s has %zu points; at least 3 are needed to measure anything",
                       e->target, e->n);
    return DF_OK;
}

/* What the report calls it: the file, or the first of several. */
static df_status name_target(evaluation *e, df_arena *arena, df_error *error)
{
    while (e->part_count < PARTS_MOST && e->parts[e->part_count]) e->part_count++;
    e->target = e->parts[0];
    if (e->part_count == 1) return DF_OK;
    for (size_t i = 0; i < e->part_count; i++)
        if (names_subject(e->parts[i]))
            return df_fail(error, DF_USAGE, "%s is a model; only files of points can be judged together", e->parts[i]);
    df_text name = {0};
    df_text_add(&name, "%s and %zu more", e->parts[0], e->part_count - 1);
    e->target = name.failed ? NULL : df_copy_text(arena, name.bytes, error);
    df_text_free(&name);
    return e->target ? DF_OK : DF_LIMIT;
}

static df_status load_target(evaluation *e, df_arena *arena, df_error *error)
{
    e->is_subject = names_subject(e->target);
    if (df_find_shape(e->target))
        return df_fail(error, DF_USAGE, "%s is a shape, neither a model nor points\n  try exact:%s", e->target,
                       e->target);
    if (e->is_subject) {
        DF_TRY(load_subject(&e->subject, e->target, &e->schedule_settings, arena, error));
        e->least = ODE_LEAST;
        e->most = ODE_MOST;
        fit_cut_offs(&e->least, &e->most, &e->subject.denoiser);
        return DF_OK;
    }
    static const char *const of_models[] = {"points", "likelihood-points", "sampler", "profile", NULL};
    char purpose[128];
    snprintf(purpose, sizeof purpose, "models, and %.80s is a file of points", e->target);
    DF_TRY(refuse_idle(&e->own_settings, of_models, purpose, error));
    DF_TRY(refuse_all(&e->grid_settings, purpose, error));
    DF_TRY(refuse_all(&e->choice.settings, purpose, error));
    return refuse_all(&e->schedule_settings, purpose, error);
}

/* ---- the truth ---- */

enum { LEAST_TRUTH = 4 };

static bool has_density(const df_reference *reference)
{
    return reference->has_density && reference->mixture.s > 0;
}

static bool has_common_scale(const df_transform *t)
{
    for (size_t i = 1; i < t->dim; i++)
        if (t->scale[i] != t->scale[0]) return false;
    return true;
}

static df_status check_reference(const evaluation *e, df_error *error)
{
    const df_reference *r = &e->reference;
    static const char *const of_shapes[] = {"noise", NULL};
    if (e->is_subject && e->subject.dim != r->dim)
        return df_fail(error, DF_INPUT, "%s works on %zu columns, %s has %zu", e->target, e->subject.dim,
                       r->name, r->dim);
    if (df_reference_most(r) < LEAST_TRUTH)
        return df_fail(error, DF_INPUT,
                       "%s has %zu points; a truth needs at least %d, to be compared with itself", r->name,
                       r->data.rows, LEAST_TRUTH);
    if (!r->shape) DF_TRY(refuse_idle(&e->own_settings, of_shapes, "shapes, and the truth is a file", error));
    if (e->own.profile && !has_density(r))
        return df_fail(error, DF_USAGE, "--profile needs a truth whose density is known, and that of %s is not",
                       r->name);
    if (e->own.profile && !has_common_scale(&e->subject.transform))
        return df_fail(error, DF_INPUT,
                       "%s was scaled column by column, so it has no --profile by a common sigma", e->target);
    return DF_OK;
}

/* What a model is compared with unless --against says so: the shape it learned. */
static df_status choose_reference(evaluation *e, df_arena *arena, df_error *error)
{
    double noise = -1;
    const char *learned = e->is_subject ? learned_shape(&noise, &e->subject) : NULL,
        *name = e->own.against ? e->own.against : learned;
    if (!name)
        return df_fail(error, DF_USAGE,
                       "say what %s should be compared with: --against swissroll, or --against points.csv", e->target);
    if (e->own.noise >= 0 || !learned || strcmp(name, learned) != 0) noise = e->own.noise;
    DF_TRY(df_reference_load(&e->reference, arena, name, noise, e->own.seed, error));
    return check_reference(e, error);
}

/* ---- distances ---- */

/* Two true samples of the same size must fit into the truth, so that there is a floor. */
static size_t points_compared(const evaluation *e)
{
    const size_t most = df_reference_most(&e->reference) / 2;
    return e->n < most ? e->n : most;
}

static df_status measure_distance(evaluation *e, int measure, df_distance *distance, size_t most,
                                  df_arena *arena, df_error *error)
{
    const size_t all = points_compared(e), n = all < most ? all : most, dim = e->reference.dim;
    const df_truth truth = df_reference_truth(&e->reference);
    result *r = &e->results[measure];
    df_floor bottom;
    double *y;
    DF_NEW(arena, y, n * dim, error);
    df_reference_points(&e->reference, 0, n, y);
    const df_pair pair = {.dim = dim, .n = n, .m = n, .x = e->x, .y = y};
    DF_TRY(distance(&r->value, arena, &pair, error));
    DF_TRY(df_floor_measure(&bottom, distance, &truth, n, n, n, error));
    r->floor = bottom.mean;
    r->error = bottom.spread;
    r->n = n;
    return DF_OK;
}

static df_status measure_distances(evaluation *e, df_arena *arena, df_error *error)
{
    DF_TRY(measure_distance(e, W2, df_w2_exact, W2_POINTS, arena, error));
    DF_TRY(measure_distance(e, SLICED_W2, df_sliced_w2, SIZE_MAX, arena, error));
    return measure_distance(e, ENERGY, df_energy_distance, DF_ENERGY_MOST, arena, error);
}

/* ---- along the curve ---- */

enum { CURVE_MEASURES = 3 };

static df_status compare_curve(double values[CURVE_MEASURES], const df_reference *ref, const double *x, size_t n,
                               df_error *error)
{
    df_arena arena = {0};
    df_curve_fit fit = {0};
    const df_status status = df_curve_compare(&fit, &arena, ref->curve, ref->curve_nodes, ref->mixture.s, x, n, error);
    values[0] = fit.thickness;
    values[1] = fit.off_shape;
    values[2] = fit.ks;
    df_arena_free(&arena);
    return status;
}

/* The same measures of true points, DF_FLOOR_PAIRS times: mean and spread. */
static df_status curve_floors(df_floor floors[CURVE_MEASURES], const evaluation *e, df_arena *arena, df_error *error)
{
    double *y, values[DF_FLOOR_PAIRS][CURVE_MEASURES];
    DF_NEW(arena, y, e->n * 2, error);
    for (size_t k = 0; k < DF_FLOOR_PAIRS; k++) {
        df_reference_points(&e->reference, k * e->n, e->n, y);
        DF_TRY(compare_curve(values[k], &e->reference, y, e->n, error));
    }
    for (size_t m = 0; m < CURVE_MEASURES; m++) {
        double column[DF_FLOOR_PAIRS], standard_error;
        for (size_t k = 0; k < DF_FLOOR_PAIRS; k++) column[k] = values[k][m];
        df_mean_error(&floors[m].mean, &standard_error, column, DF_FLOOR_PAIRS);
        floors[m].spread = standard_error * sqrt(DF_FLOOR_PAIRS);
    }
    return DF_OK;
}

static df_status measure_curve(evaluation *e, df_arena *arena, df_error *error)
{
    static const int measured[CURVE_MEASURES] = {THICKNESS, OFF_SHAPE, KS};
    double values[CURVE_MEASURES];
    df_floor floors[CURVE_MEASURES];
    if (!e->reference.curve || !(e->reference.mixture.s > 0)) return DF_OK;
    DF_TRY(compare_curve(values, &e->reference, e->x, e->n, error));
    DF_TRY(curve_floors(floors, e, arena, error));
    for (size_t m = 0; m < CURVE_MEASURES; m++)
        e->results[measured[m]] = (result){values[m], floors[m].mean, floors[m].spread, e->n};
    return DF_OK;
}

/* ---- likelihood ---- */

/* Distances and their floors use the points before these. */
static uint64_t points_after_distances(const evaluation *e)
{
    return 12 * (uint64_t)e->n + 12 * W2_POINTS;
}

static df_status log_densities(double *model, evaluation *e, const double *x, size_t n, df_arena *arena,
                               df_error *error)
{
    const df_subject *s = &e->subject;
    double *scaled;
    DF_NEW(arena, scaled, n * s->dim, error);
    memcpy(scaled, x, n * s->dim * sizeof *x);
    df_transform_apply(&s->transform, scaled, n);
    df_flow flow = {.denoiser = &s->denoiser, .from = e->least, .to = e->most, .steps = ODE_STEPS};
    DF_TRY(df_flow_init(&flow, arena, error));
    DF_TRY(df_log_likelihood(model, &flow, scaled, n, arena, error));
    for (size_t i = 0; i < n; i++) model[i] -= df_log_volume(&s->transform);
    return DF_OK;
}

/* nll, and with a known density the entropy and KL(truth || model), paired: over the same points. */
static bool is_gated(const evaluation *e, int measure)
{
    return measures[measure].gate && df_settings_given(&e->own_settings, measures[measure].gate);
}

/* 2,000 points have a standard error of about 0.004 on a good model; a gate wants a sharper answer. */
static size_t likelihood_points(const evaluation *e)
{
    const size_t usual = is_gated(e, KL) ? 10000 : 2000, wanted = e->own.likelihood_points
        ? e->own.likelihood_points : usual;
    const size_t most = df_reference_most(&e->reference);
    return wanted < most ? wanted : most;
}

static df_status measure_likelihood(evaluation *e, df_arena *arena, df_error *error)
{
    const size_t n = likelihood_points(e);
    double *x, *model, *truth, *gap, mean, se;
    DF_NEW(arena, x, n * e->reference.dim, error);
    DF_NEW(arena, model, n, error);
    DF_NEW(arena, truth, n, error);
    DF_NEW(arena, gap, n, error);
    df_reference_points(&e->reference, points_after_distances(e), n, x);
    DF_TRY(log_densities(model, e, x, n, arena, error));
    df_mean_error(&mean, &se, model, n);
    e->results[NLL] = (result){-mean, MISSING, se, n};
    if (!has_density(&e->reference)) return DF_OK;
    for (size_t i = 0; i < n; i++) {
        truth[i] = df_mixture_log_density(&e->reference.mixture, 1, 0, x + i * e->reference.dim);
        gap[i] = truth[i] - model[i];
    }
    df_mean_error(&mean, &se, truth, n);
    e->results[NLL].floor = -mean;
    e->results[ENTROPY] = (result){-mean, MISSING, se, n};
    df_mean_error(&mean, &se, gap, n);
    e->results[KL] = (result){mean, 0, se, n};
    return DF_OK;
}

static df_status write_profile(const evaluation *e, const df_score_report *report, df_error *error)
{
    static const char *const names[] = {"sigma", "score_error"};
    df_table_writer writer;
    df_status status = DF_OK;
    DF_TRY(df_table_open(&writer, e->own.profile, e->out.overwrite, 2, names, DF_SCORE_LEVELS, error));
    for (size_t k = 0; k < DF_SCORE_LEVELS && status == DF_OK; k++) {
        const double values[] = {report->sigma[k] * e->subject.transform.scale[0], report->error[k]};
        status = df_table_write(&writer, values, 1, error);
    }
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

/* The exact denoiser in the subject's own units, and true points there. */
static df_status measure_score(evaluation *e, df_arena *arena, df_error *error)
{
    const df_subject *s = &e->subject;
    if (!has_density(&e->reference) || !has_common_scale(&s->transform)) return DF_OK;
    df_mixture mixture, raw = e->reference.mixture;
    double *x;
    if (e->reference.shape && df_cloud_node_count(&e->reference.cloud))
        DF_TRY(df_cloud_mixture(&raw, arena, &e->reference.cloud, df_cloud_node_count(&e->reference.cloud), error));
    DF_TRY(df_mixture_scaled(&mixture, arena, &raw, s->transform.mean, s->transform.scale[0], error));
    const df_denoiser truth = df_denoiser_of_mixture(&mixture);
    DF_NEW(arena, x, EPS_POINTS * s->dim, error);
    df_reference_points(&e->reference, points_after_distances(e), EPS_POINTS, x);
    df_transform_apply(&s->transform, x, EPS_POINTS);
    df_eps_report eps;
    DF_TRY(df_eps_loss(&eps, &s->denoiser, &truth, &s->schedule, x, EPS_POINTS, e->own.seed, arena, error));
    e->results[EPS_LOSS] = (result){eps.loss, eps.floor, eps.excess_error, EPS_POINTS};
    df_score_report report;
    DF_TRY(df_score_kl(&report, &s->denoiser, &truth, &mixture, x, SCORE_POINTS, e->least, e->most, e->own.seed,
                       arena, error));
    e->results[SCORE_KL_BOUND] = (result){report.bound, MISSING, report.bound_error, SCORE_POINTS};
    return e->own.profile ? write_profile(e, &report, error) : DF_OK;
}

/* ---- the report ---- */

/* A bound on what is not available is not met. */
static bool fails(const evaluation *e, int measure)
{
    return is_gated(e, measure) && !(e->results[measure].value <= e->own.most[measure]);
}

static void add_number(df_text *out, double value)
{
    if (isnan(value)) df_text_add(out, " %11s", "-");
    else df_text_add(out, " %11.5f", value);
}

/* value / floor, where the floor is a number that stands clear of 0. */
static void add_ratio(df_text *out, const result *r)
{
    if (!isnan(r->value) && !isnan(r->error) && r->floor > 2 * r->error && r->floor > 0)
        df_text_add(out, " %7.2f", r->value / r->floor);
    else df_text_add(out, " %7s", "");
}

static void add_text(df_text *out, const evaluation *e)
{
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
        df_text_add(out, "%s\n", fails(e, m) ? "  <- fails its bound" : "");
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
                (unsigned long long)e->own.seed);
}

static df_status write_report(const evaluation *e, df_error *error)
{
    df_output file;
    df_text report = {0};
    if (e->own.json) add_json(&report, e);
    else add_text(&report, e);
    df_status status = report.failed ? df_fail(error, DF_LIMIT, "out of memory")
                                     : df_output_open(&file, output_path(&e->out), e->out.overwrite, error);
    if (status == DF_OK) {
        df_output_add(&file, report.bytes, report.size);
        status = df_output_close(&file, error);
    }
    df_text_free(&report);
    return status;
}

/* Every bound that is not met, a line each. */
static df_status verdict(const evaluation *e, df_error *error)
{
    df_text said = {0};
    for (int m = 0; m < MEASURES; m++) {
        if (!fails(e, m)) continue;
        const double value = e->results[m].value;
        df_text_add(&said, said.size ? "\n  " : "");
        if (isnan(value))
            df_text_add(&said, "%s is not available here, so that --%s cannot be met", measures[m].name,
                        measures[m].gate);
        else df_text_add(&said, "%s is %g, above --%s %g", measures[m].name, value, measures[m].gate, e->own.most[m]);
    }
    const df_status status = said.size ? df_fail(error, DF_NO, "%s", said.bytes) : DF_OK;
    df_text_free(&said);
    return status;
}

/* Before the work: what would stop its result from being written. */
static df_status check_outputs(const evaluation *e, df_error *error)
{
    if (e->own.profile && strcmp(e->own.profile, output_path(&e->out)) == 0)
        return df_fail(error, DF_USAGE, "the report and --profile would both go to %s", e->own.profile);
    DF_TRY(df_output_check(output_path(&e->out), e->out.overwrite, error));
    return e->own.profile ? df_output_check(e->own.profile, e->out.overwrite, error) : DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static evaluation e;
    DF_TRY(choose_sampler(&e.choice, typed, "ddim", error));
    e.own_settings = (df_settings){.table = table, .values = &e.own};
    e.output = (df_settings){.table = output_table, .values = &e.out};
    e.grid_settings = (df_settings){.table = grid_table, .values = &e.grid};
    e.schedule_settings = (df_settings){.table = df_schedule_options, .values = &e.schedule};
    df_settings *const list[] = {&e.own_settings, &e.grid_settings, &e.choice.settings, &e.schedule_settings,
                                 &e.output, NULL};
    for (df_settings *const *settings = list; *settings; settings++) df_settings_defaults(*settings);
    DF_TRY(parse_words(list, typed, e.parts, 1, PARTS_MOST, "MODEL|POINTS", arena, error));
    DF_TRY(name_target(&e, arena, error));
    for (size_t m = 0; m < MEASURES; m++) e.results[m] = (result){MISSING, MISSING, MISSING, 0};
    if (e.own.likelihood_points == 1)
        return df_fail(error, DF_USAGE, "--likelihood-points: 1 has no error bar; 2 at least");
    DF_TRY(check_outputs(&e, error));
    DF_TRY(load_target(&e, arena, error));
    DF_TRY(choose_reference(&e, arena, error));
    DF_TRY(e.is_subject ? sample_subject(&e, arena, error) : read_samples(&e, arena, error));
    if (e.is_subject) {
        DF_TRY(measure_likelihood(&e, arena, error));
        DF_TRY(measure_score(&e, arena, error));
    }
    DF_TRY(measure_distances(&e, arena, error));
    DF_TRY(measure_curve(&e, arena, error));
    DF_TRY(write_report(&e, error));
    return verdict(&e, error);
}

static void help(df_text *out, words typed)
{
    (void)typed;
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
    help_table(out, "Options", table);
    help_table(out, "Steps", grid_table);
    help_table(out, "Schedule (of exact: and ideal:)", df_schedule_options);
    help_table(out, "Output", output_table);
}

const command command_eval = {
    .name = "eval", .about = "judge a model or points against the truth, each measure beside its floor",
    .usage = "MODEL|POINTS [POINTS ...] [options]",
    .examples = "  diffuse eval roll.safetensors\n  diffuse eval samples.csv --against swissroll\n"
                "  diffuse eval part.*.csv --against swissroll\n"
                "  diffuse eval roll.safetensors --json --max-kl 0.05\n",
    .help = help, .run = run};
