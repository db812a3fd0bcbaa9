/* cmd_eval.c -- `diffuse eval`: every measure beside the value that true points of the same number would give. */
#include "cli.h"

#include "diffuse/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct options {
    const char *against, *sampler, *profile;
    double noise, max_kl, max_w2, max_sliced_w2, max_energy, max_ks, max_off_shape;
    uint64_t points, likelihood_points, seed;
    bool json;
} options;

enum { W2_POINTS = 1000, SCORE_POINTS = 512, EPS_POINTS = 4096, CURVE_MEASURES = 3 };

#define AT(member) .offset = offsetof(options, member)
#define GATE(option, member, what)                                                                                \
    {.name = option, .kind = DF_NUMBER, AT(member), .value = "-1", .low = -1, .high = 1e9, .shown = "X",           \
     .help = "exit with 1 when " what " is above X; -1: any"}
static const df_option table[] = {
    {.name = "against", .kind = DF_WORD, AT(against), .shown = "TRUTH", .also = "ref reference",
     .help = "a shape or a file of points; for a model that learned a shape, that shape"},
    {.name = "noise", .kind = DF_NUMBER, AT(noise), .value = "-1", .low = -1, .high = 10, .shown = "S", .help = "noise of the shape; -1: its own, or that the model learned"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "10000", .low = 3, .high = 1e6, .shown = "N", .help = "samples to make from a model"},
    {.name = "likelihood-points", .kind = DF_COUNT, AT(likelihood_points), .value = "2000", .low = 2, .high = 1e6, .shown = "N",
     .help = "true points whose likelihood is computed; gates want 10,000"},
    {.name = "sampler", .kind = DF_WORD, AT(sampler), .value = "ddim", .shown = "NAME", .help = "how samples are made"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0, .high = 9007199254740992.0, .shown = "S", .help = "decides every random number"},
    {.name = "json", .kind = DF_FLAG, AT(json), .help = "print JSON, for programs; its keys only ever grow"},
    {.name = "profile", .kind = DF_WORD, AT(profile), .shown = "FILE", .help = "write the score error by level to FILE, to see where a model is wrong"},
    GATE("max-kl", max_kl, "kl"),
    GATE("max-w2", max_w2, "w2"),
    GATE("max-sliced-w2", max_sliced_w2, "sliced_w2"),
    GATE("max-energy", max_energy, "energy"),
    GATE("max-ks", max_ks, "ks"),
    GATE("max-off-shape", max_off_shape, "off_shape"),
    {0}};
#undef AT

/* One line of the report. NaN: not available. */
typedef struct row {
    const char *name, *floor_name, *error_name, *about;
    double value, floor, error; /* error: of the value, or the floor's spread */
    uint64_t n;
    double most; /* the gate, negative: none */
} row;

enum { ROWS_MOST = 24 };

typedef struct evaluation {
    options own;
    output_options out;
    df_grid_config grid;
    df_schedule_config schedule;
    df_settings own_settings, output, grid_settings, schedule_settings;
    sampler_choice choice;
    const char *target;
    bool is_subject;
    df_subject subject;
    df_reference reference;
    double *x; /* (n, dim): the points that are judged, in the data's units */
    size_t n;
    row rows[ROWS_MOST];
    size_t count;
} evaluation;

static row *add(evaluation *e, const char *name, const char *about, double value, uint64_t n)
{
    row *r = &e->rows[e->count++];
    *r = (row){.name = name, .about = about, .value = value, .floor = MISSING, .error = MISSING, .n = n, .most = -1};
    return r;
}

/* ---- the target: a subject that is sampled, or a file of points ---- */

static bool names_subject(const char *name)
{
    const size_t size = strlen(name);
    return strncmp(name, "exact:", 6) == 0 || strncmp(name, "ideal:", 6) == 0 ||
           (size > 12 && strcmp(name + size - 12, ".safetensors") == 0);
}

static df_status sample_subject(evaluation *e, df_arena *arena, df_error *error)
{
    df_level *levels;
    const df_subject *s = &e->subject;
    DF_TRY(make_grid(&levels, &e->grid_settings, &e->grid, e->choice.sampler, 50, &s->schedule, arena, error));
    df_sampling sampling = {.denoiser = &s->denoiser, .sampler = e->choice.sampler, .options = e->choice.options, .levels = levels,
                            .steps = e->grid.steps, .seed = e->own.seed};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    e->n = e->own.points;
    DF_NEW(arena, e->x, e->n * s->dim, error);
    df_sampling_start(&sampling, 0, e->n, e->x);
    DF_TRY(df_sampling_run(&sampling, 0, e->n, e->x, error));
    df_transform_undo(&s->transform, e->x, e->n);
    return DF_OK;
}

static df_status read_samples(evaluation *e, df_arena *arena, df_error *error)
{
    df_data data;
    DF_TRY(df_data_load(&data, arena, e->target, NULL, 2, -1, 0, error));
    if (data.dim != e->reference.dim)
        return df_fail(error, DF_INPUT, "%s has %zu columns, %s has %zu", e->target, data.dim, e->reference.name, e->reference.dim);
    if (data.rows < 3) return df_fail(error, DF_INPUT, "%s has %zu points; at least 3 are needed to measure anything", e->target, data.rows);
    e->x = data.x;
    e->n = data.rows;
    return DF_OK;
}

/* What a model is compared with unless --against says so: the shape it learned. */
static df_status choose_reference(evaluation *e, df_arena *arena, df_error *error)
{
    const char *name = e->own.against;
    double noise = e->own.noise;
    if (!name && e->is_subject && strncmp(e->target, "exact:", 6) == 0) name = e->target + 6;
    if (!name && e->is_subject && e->subject.is_model && df_find_shape(e->subject.model.config.data)) {
        name = e->subject.model.config.data;
        if (noise < 0) noise = e->subject.model.config.noise;
    }
    if (!name)
        return df_fail(error, DF_USAGE, "say what %s should be compared with: --against swissroll, or --against points.csv", e->target);
    DF_TRY(df_reference_load(&e->reference, arena, name, noise, e->own.seed + 1, error));
    if (e->is_subject && e->subject.dim != e->reference.dim)
        return df_fail(error, DF_INPUT, "%s works on %zu columns, %s has %zu", e->target, e->subject.dim, name, e->reference.dim);
    return DF_OK;
}

/* ---- distances ---- */

static df_status measure_distance(evaluation *e, const char *name, const char *floor_name, const char *error_name, const char *about,
                                  df_distance *distance, size_t most, double gate, df_arena *arena, df_error *error)
{
    const size_t n = e->n < most ? e->n : most, dim = e->reference.dim;
    df_truth truth = df_reference_truth(&e->reference);
    df_floor bottom;
    double *y, value;
    DF_NEW(arena, y, n * dim, error);
    df_reference_points(&e->reference, 0, n, y);
    const df_pair pair = {.dim = dim, .n = n, .m = n, .x = e->x, .y = y};
    DF_TRY(distance(&value, arena, &pair, error));
    DF_TRY(df_floor_measure(&bottom, distance, &truth, n, n, n, error));
    row *r = add(e, name, about, value, n);
    r->floor_name = floor_name;
    r->error_name = error_name;
    r->floor = bottom.mean;
    r->error = bottom.spread;
    r->most = gate;
    return DF_OK;
}

static df_status measure_distances(evaluation *e, df_arena *arena, df_error *error)
{
    const options *o = &e->own;
    DF_TRY(measure_distance(e, "w2", "w2_floor", "w2_floor_spread", "2-Wasserstein distance, exact, of the first points", df_w2_exact,
                            W2_POINTS, o->max_w2, arena, error));
    DF_TRY(measure_distance(e, "sliced_w2", "sliced_w2_floor", "sliced_w2_floor_spread", "sliced 2-Wasserstein distance", df_sliced_w2,
                            SIZE_MAX, o->max_sliced_w2, arena, error));
    return measure_distance(e, "energy", "energy_floor", "energy_floor_spread", "energy distance", df_energy_distance, DF_ENERGY_MOST,
                            o->max_energy, arena, error);
}

static df_status compare_curve(double values[CURVE_MEASURES], const df_reference *ref, const double *x, size_t n, df_error *error)
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
    static const struct {
        const char *name, *floor_name, *spread_name, *about;
    } measures[CURVE_MEASURES] = {
        {"thickness", "thickness_floor", "thickness_floor_spread", "median distance from the curve / 0.6745 s"},
        {"off_shape", "off_shape_floor", "off_shape_floor_spread", "share of points farther than 4 s"},
        {"ks", "ks_floor", "ks_floor_spread", "Kolmogorov distance along the curve"}};
    const bool available = e->reference.curve && e->reference.mixture.s > 0;
    double values[CURVE_MEASURES] = {MISSING, MISSING, MISSING};
    df_floor floors[CURVE_MEASURES];
    if (available) {
        DF_TRY(compare_curve(values, &e->reference, e->x, e->n, error));
        DF_TRY(curve_floors(floors, e, arena, error));
    }
    const double gates[CURVE_MEASURES] = {-1, e->own.max_off_shape, e->own.max_ks};
    for (size_t m = 0; m < CURVE_MEASURES; m++) {
        row *r = add(e, measures[m].name, measures[m].about, values[m], e->n);
        r->most = gates[m];
        r->floor_name = measures[m].floor_name;
        r->error_name = measures[m].spread_name;
        if (!available) continue;
        r->floor = floors[m].mean;
        r->error = floors[m].spread;
    }
    return DF_OK;
}

/* ---- likelihood ---- */

static df_status log_densities(double *model, evaluation *e, const double *x, size_t n, df_arena *arena, df_error *error)
{
    const df_subject *s = &e->subject;
    double *scaled;
    DF_NEW(arena, scaled, n * s->dim, error);
    memcpy(scaled, x, n * s->dim * sizeof *x);
    df_transform_apply(&s->transform, scaled, n);
    df_flow flow = {.denoiser = &s->denoiser, .from = ODE_LEAST, .to = ODE_MOST, .steps = ODE_STEPS};
    DF_TRY(df_flow_init(&flow, arena, error));
    DF_TRY(df_log_likelihood(model, &flow, scaled, n, arena, error));
    for (size_t i = 0; i < n; i++) model[i] -= df_log_volume(&s->transform);
    return DF_OK;
}

/* nll, and with a known density the entropy and KL(truth || model), paired: over the same points. */
static df_status measure_likelihood(evaluation *e, df_arena *arena, df_error *error)
{
    const size_t n = e->own.likelihood_points;
    double *x, *model, *truth, *gap, mean, se;
    DF_NEW(arena, x, n * e->reference.dim, error);
    DF_NEW(arena, model, n, error);
    DF_NEW(arena, truth, n, error);
    DF_NEW(arena, gap, n, error);
    /* Beyond the points that distances and floors use. */
    df_reference_points(&e->reference, 12 * e->n + 12 * W2_POINTS, n, x);
    DF_TRY(log_densities(model, e, x, n, arena, error));
    df_mean_error(&mean, &se, model, n);
    row *nll = add(e, "nll", "-ln p_model of true points, nats", -mean, n);
    nll->error_name = "nll_error";
    nll->error = se;
    if (!e->reference.has_density || !(e->reference.mixture.s > 0)) {
        add(e, "entropy", "-ln p of the same points, nats", MISSING, n);
        add(e, "kl", "KL(truth || model), nats", MISSING, n)->most = e->own.max_kl;
        return DF_OK;
    }
    for (size_t i = 0; i < n; i++) {
        truth[i] = df_mixture_log_density(&e->reference.mixture, 1, 0, x + i * e->reference.dim);
        gap[i] = truth[i] - model[i];
    }
    df_mean_error(&mean, &se, truth, n);
    nll->floor = -mean;
    row *entropy = add(e, "entropy", "-ln p of the same points, nats: no model's nll is less", -mean, n);
    entropy->error_name = "entropy_error";
    entropy->error = se;
    df_mean_error(&mean, &se, gap, n);
    row *kl = add(e, "kl", "KL(truth || model), nats", mean, n);
    kl->error_name = "kl_error";
    kl->error = se;
    kl->floor = 0;
    kl->most = e->own.max_kl;
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

static bool has_common_scale(const df_transform *t)
{
    for (size_t i = 1; i < t->dim; i++)
        if (t->scale[i] != t->scale[0]) return false;
    return true;
}

/* The exact denoiser in the subject's own units, and true points there. */
static df_status measure_score(evaluation *e, df_arena *arena, df_error *error)
{
    const df_subject *s = &e->subject;
    if (!e->reference.has_density || !(e->reference.mixture.s > 0) || !has_common_scale(&s->transform)) {
        add(e, "score_kl_bound", "bound on the KL of the reverse SDE, nats", MISSING, 0);
        return DF_OK;
    }
    df_mixture mixture, raw = e->reference.mixture;
    double *x;
    if (e->reference.shape && df_cloud_node_count(&e->reference.cloud))
        DF_TRY(df_cloud_mixture(&raw, arena, &e->reference.cloud, df_cloud_node_count(&e->reference.cloud), error));
    DF_TRY(df_mixture_scaled(&mixture, arena, &raw, s->transform.mean, s->transform.scale[0], error));
    const df_denoiser truth = df_denoiser_of_mixture(&mixture);
    DF_NEW(arena, x, EPS_POINTS * s->dim, error);
    df_reference_points(&e->reference, 12 * e->n + 12 * W2_POINTS, EPS_POINTS, x);
    df_transform_apply(&s->transform, x, EPS_POINTS);
    df_eps_report eps;
    DF_TRY(df_eps_loss(&eps, &s->denoiser, &truth, &s->schedule, x, EPS_POINTS, e->own.seed, arena, error));
    row *loss = add(e, "eps_loss", "mean squared error of eps over the schedule; +-: of value - floor", eps.loss, EPS_POINTS);
    loss->floor_name = "eps_loss_floor";
    loss->floor = eps.floor;
    loss->error_name = "eps_loss_excess_error";
    loss->error = eps.excess_error;
    df_score_report report;
    DF_TRY(df_score_kl(&report, &s->denoiser, &truth, &mixture, x, SCORE_POINTS, ODE_LEAST, ODE_MOST, e->own.seed, arena, error));
    row *r = add(e, "score_kl_bound", "bound on the KL of the reverse SDE, nats; kl is of the ODE and may exceed it", report.bound, SCORE_POINTS);
    r->error_name = "score_kl_bound_error";
    r->error = report.bound_error;
    return e->own.profile ? write_profile(e, &report, error) : DF_OK;
}

/* ---- the report ---- */

/* A bound on what is not available is not met. */
static bool fails(const row *r)
{
    return r->most >= 0 && !(r->value <= r->most);
}

static void print_number(double value)
{
    if (isnan(value)) printf(" %11s", "-");
    else printf(" %11.5f", value);
}

static void print_text(const evaluation *e)
{
    printf("%s against %s\n", e->target, e->reference.name);
    printf("%-15s %11s %11s %11s %8s  %s\n", "measure", "value", "floor", "+-", "n", "");
    for (size_t i = 0; i < e->count; i++) {
        const row *r = &e->rows[i];
        printf("%-15s", r->name);
        if (isnan(r->value)) {
            printf(" %11s %35s %s\n", "-", "", "not available here");
            continue;
        }
        print_number(r->value);
        print_number(r->floor);
        print_number(r->error);
        printf(" %8llu  %s%s\n", (unsigned long long)r->n, r->about, fails(r) ? "  <- above its bound" : "");
    }
    printf("floor: what as many true points give (nll: their entropy); +-: its spread, or the standard error of the value\n");
}

static void json_pair(df_text *out, const char *name, double value)
{
    df_text_add(out, ",\"%s\":", name);
    df_json_add_number(out, value);
}

static df_status print_json(const evaluation *e, df_error *error)
{
    df_text out = {0};
    df_text_add(&out, "{\"schema\":1,\"target\":");
    df_json_add_string(&out, e->target);
    df_text_add(&out, ",\"against\":");
    df_json_add_string(&out, e->reference.name);
    for (size_t i = 0; i < e->count; i++) {
        const row *r = &e->rows[i];
        json_pair(&out, r->name, r->value);
        if (r->floor_name) json_pair(&out, r->floor_name, r->floor);
        if (r->error_name) json_pair(&out, r->error_name, r->error);
    }
    df_text_add(&out, ",\"n\":%zu,\"seed\":%llu,\"units\":\"nats a point, in the data's units\"}\n", e->n, (unsigned long long)e->own.seed);
    const bool failed = out.failed;
    if (!failed) fwrite(out.bytes, 1, out.size, stdout);
    df_text_free(&out);
    return failed ? df_fail(error, DF_LIMIT, "out of memory") : DF_OK;
}

static df_status verdict(const evaluation *e, df_error *error)
{
    for (size_t i = 0; i < e->count; i++)
        if (fails(&e->rows[i]))
            return df_fail(error, DF_NO, "%s is %g, above the bound of %g", e->rows[i].name, e->rows[i].value, e->rows[i].most);
    return DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static evaluation e;
    DF_TRY(choose_sampler(&e.choice, typed, "ddim", error));
    e.own_settings = (df_settings){.table = table, .values = &e.own};
    e.output = (df_settings){.table = output_table, .values = &e.out};
    e.grid_settings = (df_settings){.table = grid_table, .values = &e.grid};
    e.schedule_settings = (df_settings){.table = df_schedule_options, .values = &e.schedule};
    df_settings *const list[] = {&e.own_settings, &e.grid_settings, &e.choice.settings, &e.schedule_settings, &e.output, NULL};
    DF_TRY(parse(list, typed, &e.target, 1, "MODEL", arena, error));
    e.is_subject = names_subject(e.target);
    if (e.is_subject) DF_TRY(load_subject(&e.subject, e.target, &e.schedule_settings, arena, error));
    DF_TRY(choose_reference(&e, arena, error));
    DF_TRY(e.is_subject ? sample_subject(&e, arena, error) : read_samples(&e, arena, error));
    if (e.is_subject) {
        DF_TRY(measure_likelihood(&e, arena, error));
        DF_TRY(measure_score(&e, arena, error));
    }
    DF_TRY(measure_distances(&e, arena, error));
    DF_TRY(measure_curve(&e, arena, error));
    if (e.own.json) DF_TRY(print_json(&e, error));
    else print_text(&e);
    return verdict(&e, error);
}

static void help(df_text *out, words typed)
{
    (void)typed;
    help_table(out, "Options", table);
    help_table(out, "Steps", grid_table);
    help_table(out, "Schedule of exact: and ideal:", df_schedule_options);
    help_table(out, "Output", output_table);
}

const command command_eval = {
    .name = "eval", .about = "judge a model or points against the truth, each measure beside its floor", .usage = "MODEL|POINTS [options]",
    .examples = "  diffuse eval roll.safetensors\n  diffuse eval samples.csv --against swissroll\n"
                "  diffuse eval roll.safetensors --json --max-kl 0.05\n",
    .help = help, .run = run};
