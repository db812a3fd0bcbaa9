/* evaluate.c -- each measure of a model or of points, and what true points of the same number would give. */
#include "evaluate.h"

#include "diffuse/safetensors.h"

#include <math.h>
#include <string.h>

enum { W2_POINTS = 1000, SCORE_POINTS = 512, EPS_POINTS = 4096 };

const struct measure measures[MEASURES] = {
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

/* ---- the target: a subject that is sampled, or a file of points ---- */

bool names_subject(const char *name)
{
    const size_t size = strlen(name);
    return strncmp(name, "exact:", 6) == 0 || strncmp(name, "ideal:", 6) == 0 ||
           (size > 12 && strcmp(name + size - 12, ".safetensors") == 0) ||
               (strcmp(name, "-") != 0 && df_safetensors_begins(name));
}

df_status evaluation_subject(evaluation *e, const df_settings *schedule, df_arena *arena, df_error *error)
{
    DF_TRY(load_subject(&e->subject, e->target, schedule, arena, error));
    e->is_subject = true;
    e->least = ODE_LEAST;
    e->most = ODE_MOST;
    fit_cut_offs(&e->least, &e->most, &e->subject.denoiser);
    return DF_OK;
}

df_status evaluation_sample(evaluation *e, size_t first, size_t end, df_level **levels, const sampler_choice *choice,
                            df_settings *grid_given, df_grid_config *grid, void (*hook)(df_walk *, size_t, void *),
                            void *hook_self, df_arena *arena, df_error *error)
{
    const df_subject *s = &e->subject;
    const size_t n = end - first;
    DF_TRY(make_grid(levels, grid_given, grid, choice->sampler, 50, &s->schedule, arena, error));
    df_sampling sampling = {.denoiser = &s->denoiser, .sampler = choice->sampler, .options = choice->options,
                            .levels = *levels, .steps = grid->steps, .seed = e->seed, .hook = hook,
                            .hook_self = hook_self, .team = e->team};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    DF_NEW(arena, e->x, n * s->dim, error);
    df_sampling_start(&sampling, first, n, e->x);
    DF_TRY(df_sampling_run(&sampling, first, n, e->x, error));
    df_transform_undo(&s->transform, e->x, n);
    return DF_OK;
}

/* ---- the truth ---- */

enum { LEAST_TRUTH = 4 };

bool has_density(const df_reference *reference)
{
    return reference->has_density && reference->mixture.s > 0;
}

bool has_common_scale(const df_transform *t)
{
    for (size_t i = 1; i < t->dim; i++)
        if (t->scale[i] != t->scale[0]) return false;
    return true;
}

static df_status check_reference(const evaluation *e, df_error *error)
{
    const df_reference *r = &e->reference;
    if (e->is_subject && e->subject.dim != r->dim)
        return df_fail(error, DF_INPUT, "%s works on %zu columns, %s has %zu", e->target, e->subject.dim,
                       r->name, r->dim);
    if (df_reference_most(r) < LEAST_TRUTH)
        return df_fail(error, DF_INPUT,
                       "%s has %zu points; a truth needs at least %d, to be compared with itself", r->name,
                       r->data.rows, LEAST_TRUTH);
    return DF_OK;
}

df_status evaluation_reference(evaluation *e, const char *against, double noise, df_arena *arena, df_error *error)
{
    double learned_noise = -1;
    const char *learned = e->is_subject ? learned_shape(&learned_noise, &e->subject) : NULL,
               *name = against ? against : learned;
    if (!name)
        return df_fail(error, DF_USAGE,
                       "say what %s should be compared with: --against swissroll, or --against points.csv", e->target);
    if (noise < 0 && learned && strcmp(name, learned) == 0) noise = learned_noise;
    DF_TRY(df_reference_load(&e->reference, arena, name, noise, e->seed, error));
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
    DF_TRY(df_distance_measure(&r->value, &bottom, distance, &pair, &truth, n, e->team, error));
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

static df_status compare_curve(double values[CURVE_MEASURES], const evaluation *e, const double *x, df_error *error)
{
    const df_reference *ref = &e->reference;
    df_arena arena = {0};
    df_curve_fit fit = {0};
    const df_status status = df_curve_compare(&fit, &arena, ref->curve, ref->curve_nodes, ref->mixture.s, x, e->n,
                                              e->team, error);
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
        DF_TRY(compare_curve(values[k], e, y, error));
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
    DF_TRY(compare_curve(values, e, e->x, error));
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

df_status evaluation_density(double *log_density, const evaluation *e, const double *x, size_t n, df_arena *arena,
                             df_error *error)
{
    const df_subject *s = &e->subject;
    double *scaled;
    DF_NEW(arena, scaled, n * s->dim, error);
    memcpy(scaled, x, n * s->dim * sizeof *x);
    df_transform_apply(&s->transform, scaled, n);
    const df_flow flow = {.denoiser = &s->denoiser, .from = e->least, .to = e->most, .steps = ODE_STEPS};
    DF_TRY(df_log_likelihood(log_density, &flow, scaled, n, e->team, arena, error));
    for (size_t i = 0; i < n; i++) log_density[i] -= df_log_volume(&s->transform);
    return DF_OK;
}

size_t evaluation_likelihood_points(const evaluation *e)
{
    const size_t most = df_reference_most(&e->reference);
    return e->likelihood_points < most ? e->likelihood_points : most;
}

/* x:(n, dim), the true points whose likelihood is computed. */
static df_status likelihood_points(double **x, size_t *n, const evaluation *e, df_arena *arena, df_error *error)
{
    *n = evaluation_likelihood_points(e);
    DF_NEW(arena, *x, *n * e->reference.dim, error);
    df_reference_points(&e->reference, points_after_distances(e), *n, *x);
    return DF_OK;
}

df_status evaluation_true_density(double *log_density, const evaluation *e, size_t first, size_t end, df_arena *arena,
                                  df_error *error)
{
    double *x;
    size_t n;
    DF_TRY(likelihood_points(&x, &n, e, arena, error));
    return evaluation_density(log_density, e, x + first * e->reference.dim, end - first, arena, error);
}

/* nll, and with a known density the entropy and KL(truth || model), paired: over the same points. */
static df_status measure_likelihood(evaluation *e, df_arena *arena, df_error *error)
{
    double *x, *truth, *gap, mean, se;
    size_t n;
    DF_TRY(likelihood_points(&x, &n, e, arena, error));
    if (!e->density) {
        DF_NEW(arena, e->density, n, error);
        DF_TRY(evaluation_density(e->density, e, x, n, arena, error));
    }
    df_mean_error(&mean, &se, e->density, n);
    e->results[NLL] = (result){-mean, MISSING, se, n};
    if (!has_density(&e->reference)) return DF_OK;
    DF_NEW(arena, truth, n, error);
    DF_NEW(arena, gap, n, error);
    df_log_densities(truth, &e->reference.mixture, 0, x, n, e->team);
    for (size_t i = 0; i < n; i++) gap[i] = truth[i] - e->density[i];
    df_mean_error(&mean, &se, truth, n);
    e->results[NLL].floor = -mean;
    e->results[ENTROPY] = (result){-mean, MISSING, se, n};
    df_mean_error(&mean, &se, gap, n);
    e->results[KL] = (result){mean, 0, se, n};
    return DF_OK;
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
    DF_TRY(df_eps_loss(&eps, &s->denoiser, &truth, &s->schedule, x, EPS_POINTS, e->seed, e->team, arena, error));
    e->results[EPS_LOSS] = (result){eps.loss, eps.floor, eps.excess_error, EPS_POINTS};
    DF_TRY(df_score_kl(&e->score, &s->denoiser, &truth, &mixture, x, SCORE_POINTS, e->least, e->most, e->seed,
                       e->team, arena, error));
    e->results[SCORE_KL_BOUND] = (result){e->score.bound, MISSING, e->score.bound_error, SCORE_POINTS};
    return DF_OK;
}

df_status evaluate(evaluation *e, df_arena *arena, df_error *error)
{
    for (size_t m = 0; m < MEASURES; m++) e->results[m] = (result){MISSING, MISSING, MISSING, 0};
    if (e->is_subject) {
        DF_TRY(measure_likelihood(e, arena, error));
        DF_TRY(measure_score(e, arena, error));
    }
    DF_TRY(measure_distances(e, arena, error));
    return measure_curve(e, arena, error);
}

double result_ratio(const result *r)
{
    const bool stands_clear = !isnan(r->error) && r->floor > 2 * r->error && r->floor > 0;
    return stands_clear ? r->value / r->floor : MISSING;
}
