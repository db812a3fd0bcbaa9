/* evaluate.h -- a model or points judged against the truth: what `diffuse eval` prints and `diffuse report` shows. */
#ifndef DIFFUSE_EVALUATE_H
#define DIFFUSE_EVALUATE_H

#include "cli.h"

enum { NLL, ENTROPY, KL, EPS_LOSS, SCORE_KL_BOUND, W2, SLICED_W2, ENERGY, THICKNESS, OFF_SHAPE, KS, MEASURES };

/* What can be measured. The names are the keys of --json; a gate is the option that bounds the measure. */
struct measure {
    const char *name, *floor, *error, *gate, *about;
};

extern const struct measure measures[MEASURES];

/* NaN: not available. */
typedef struct result {
    double value, floor, error; /* error: of the value, or the floor's spread */
    uint64_t n;
} result;

typedef struct evaluation {
    const char *target; /* its name in messages and reports */
    bool is_subject;    /* a subject that is sampled, or a file of points */
    df_subject subject;
    df_reference reference;
    double least, most; /* cut-offs of the ODE, in sigma/alpha */
    uint64_t seed;
    df_team *team;
    size_t likelihood_points; /* wanted; a file has no more than it has */
    double *x;          /* (n, dim): the points that are judged, in the data's units */
    size_t n;
    double *density;    /* of the likelihood points, as evaluation_true_density gives it; NULL: evaluate computes it */
    result results[MEASURES];
    df_score_report score; /* of a subject, when results[SCORE_KL_BOUND] is available */
} evaluation;

/* Whether a name is that of a subject and not of a file of points. */
bool names_subject(const char *name);

/* Loads e->target as a subject. */
df_status evaluation_subject(evaluation *e, const df_settings *schedule, df_arena *arena, df_error *error);

/* The truth: `against`, or when that is NULL what the subject learned; `noise` below 0: the shape's own, or learned. */
df_status evaluation_reference(evaluation *e, const char *against, double noise, df_arena *arena, df_error *error);

/* e->x becomes rows first .. end - 1 of e->n that the subject makes. `hook` may be NULL; *levels:(grid->steps + 1). */
df_status evaluation_sample(evaluation *e, size_t first, size_t end, df_level **levels, const sampler_choice *choice,
                            df_settings *grid_given, df_grid_config *grid, void (*hook)(df_walk *, size_t, void *),
                            void *hook_self, df_arena *arena, df_error *error);

/* How many true points have their likelihood computed, and ln p under the subject of first .. end - 1 of them. */
size_t evaluation_likelihood_points(const evaluation *e);
df_status evaluation_true_density(double *log_density, const evaluation *e, size_t first, size_t end, df_arena *arena,
                                  df_error *error);

/* Fills in e->results. */
df_status evaluate(evaluation *e, df_arena *arena, df_error *error);

bool has_density(const df_reference *reference);
bool has_common_scale(const df_transform *transform);

/* ln p of x:(n, dim) under the subject, in nats; points and density in the data's units. */
df_status evaluation_density(double *log_density, const evaluation *e, const double *x, size_t n, df_arena *arena,
                             df_error *error);

/* ---- partial.c: what takes long, made in parts ---- */

/* Writes rows first .. end - 1 of the samples, which are e->x, and as large a share of the likelihoods. `work` says
 * what is computed, so that parts of something else can be refused. */
df_status partial_write(const evaluation *e, size_t first, size_t end, const char *work, const output_options *to,
                        df_arena *arena, df_error *error);

/* e->x and e->density from parts that together are the whole, in any order. */
df_status partial_merge(evaluation *e, const char *const *paths, size_t count, const char *work, df_arena *arena,
                        df_error *error);

/* value / floor, or NaN unless the floor stands clear of 0. */
double result_ratio(const result *r);

#endif
