/* reference.c -- the truth that points are compared with: a shape or a file. */
#include "diffuse/subject.h"

#include "diffuse/random.h"

#include <string.h>

static df_status load_shape(df_reference *r, df_arena *arena, double noise, df_error *error)
{
    r->dim = DF_SHAPE_DIM;
    DF_TRY(df_cloud_open(&r->cloud, arena, r->shape, noise < 0 ? r->shape->noise : noise, error));
    const df_status status = df_cloud_mixture(&r->mixture, arena, &r->cloud, 0, error);
    if (status != DF_OK && status != DF_NO) return status;
    r->has_density = status == DF_OK;
    if (r->has_density && r->shape->latents == 1 && !r->shape->dots) {
        r->curve = r->mixture.nodes;
        r->curve_nodes = r->mixture.count;
    }
    return DF_OK;
}

static df_status load_file(df_reference *r, df_arena *arena, df_error *error)
{
    DF_TRY(df_data_load(&r->data, arena, r->name, NULL, 2, -1, 0, error));
    r->dim = r->data.dim;
    DF_NEW(arena, r->order, r->data.rows, error);
    return DF_OK;
}

df_status df_reference_load(df_reference *r, df_arena *arena, const char *name, double noise, uint64_t seed,
                            df_error *error)
{
    if (strncmp(name, "exact:", 6) == 0 || strncmp(name, "ideal:", 6) == 0)
        return df_fail(error, DF_USAGE, "%s: the truth is a shape or a file of points\n  try %s", name, name + 6);
    *r = (df_reference){.name = name, .seed = seed, .shape = df_find_shape(name)};
    return r->shape ? load_shape(r, arena, noise, error) : load_file(r, arena, error);
}

size_t df_reference_most(const df_reference *r)
{
    return r->shape ? SIZE_MAX : r->data.rows;
}

/* The first n of a shuffled deck (Fisher and Yates). A file may be sorted, so its first rows are no sample of it. */
static void deal(const df_reference *r, uint64_t first, size_t n, double *x)
{
    const size_t rows = r->data.rows, dim = r->dim;
    for (size_t i = 0; i < rows; i++) r->order[i] = i;
    for (size_t i = 0; i < n; i++) {
        double u[2];
        df_uniforms(u, (df_place){.seed = r->seed, .index = first + i, .purpose = DF_FOR_MEASURE}, 0);
        const size_t j = i + (size_t)(u[0] * (double)(rows - i)), drawn = r->order[j];
        r->order[j] = r->order[i];
        r->order[i] = drawn;
        memcpy(x + i * dim, r->data.x + drawn * dim, dim * sizeof *x);
    }
}

/* Points that are compared with their own copies look better than true ones: so these are the points from
 * 2^40 on of the sequence that `diffuse data` and training begin. */
void df_reference_points(const df_reference *r, uint64_t first, size_t n, double *x)
{
    if (r->shape) df_cloud_points(&r->cloud, r->seed, (UINT64_C(1) << 40) + first, n, x, NULL);
    else deal(r, first, n, x);
}

static void points(void *self, uint64_t first, size_t n, double *x)
{
    df_reference_points(self, first, n, x);
}

df_truth df_reference_truth(df_reference *reference)
{
    return (df_truth){.dim = reference->dim, .points = points, .self = reference};
}
