/* layer 6: subject.h -- whatever can be asked and judged, and the truth that judges it. */
#ifndef DIFFUSE_SUBJECT_H
#define DIFFUSE_SUBJECT_H

#include "diffuse/measure.h"
#include "diffuse/model.h"

DF_BEGIN

/* ---- model/subject.c ---- */

/* A denoiser with everything around it. It works in scaled units, x_scaled = (x - mean) / scale. */
typedef struct df_subject {
    const char *name;
    df_denoiser denoiser;
    df_transform transform;
    size_t dim;
    const char **names;   /* (dim) columns */
    df_schedule schedule; /* what grids and times refer to */
    bool is_model;
    df_model model;       /* of a model file */
    df_mixture mixture;   /* otherwise, scaled: of a shape, or of memorised points */
} df_subject;

/* `name`: a model file; exact:SHAPE, the exact denoiser of a known shape; or ideal:FILE, the closed-form
 * denoiser of a point set. A model has a schedule of its own, the others get `schedule`. The subject must
 * stay where it is. */
df_status df_subject_load(df_subject *subject, df_arena *arena, const char *name, const df_schedule_config *schedule,
                          df_error *error) DF_MUST_CHECK;

/* ln of the volume that scaling divides by: ln p(x) = ln p(x_scaled) - df_log_volume. */
double df_log_volume(const df_transform *transform);

/* ---- model/reference.c ---- */

/* What points should look like: a shape, whose density may be known, or a file of points. */
typedef struct df_reference {
    const char *name;
    size_t dim;
    uint64_t seed;
    const df_shape *shape; /* NULL: a file */
    df_cloud cloud;        /* of a shape */
    df_data data;          /* of a file */
    size_t *order;         /* (data.rows), for dealing its rows */
    bool has_density;
    df_mixture mixture;    /* with a density: in the data's units */
    const double *curve;   /* (curve_nodes, 2) for df_curve_compare; NULL when the shape is no curve */
    size_t curve_nodes;
} df_reference;

/* `name`: a shape, with standard deviation `noise` (negative: its own), or a file. */
df_status df_reference_load(df_reference *reference, df_arena *arena, const char *name, double noise, uint64_t seed,
                            df_error *error) DF_MUST_CHECK;

/* The most points that can be asked for at once: those of a file are as many as it has, those of a shape have
 * no end. */
size_t df_reference_most(const df_reference *reference);

/* x:(n, dim): true points first .. first + n - 1, none of which `diffuse data` or a training ever gives; of a file n
 * different rows in random order, drawn anew for each `first`. */
void df_reference_points(const df_reference *reference, uint64_t first, size_t n, double *x);

/* The same as a source for df_floor_measure; points at the reference. */
df_truth df_reference_truth(df_reference *reference);

DF_END
#endif
