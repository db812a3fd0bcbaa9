/* reference.c -- the truth that points are compared with: a shape or a file. */
#include "diffuse/subject.h"

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

df_status df_reference_load(df_reference *r, df_arena *arena, const char *name, double noise, uint64_t seed, df_error *error)
{
    *r = (df_reference){.name = name, .seed = seed, .shape = df_find_shape(name)};
    if (r->shape) return load_shape(r, arena, noise, error);
    DF_TRY(df_data_load(&r->data, arena, name, NULL, 2, -1, 0, error));
    r->dim = r->data.dim;
    return DF_OK;
}

void df_reference_points(const df_reference *r, uint64_t first, size_t n, double *x)
{
    if (r->shape) {
        df_cloud_points(&r->cloud, r->seed, first, n, x, NULL);
        return;
    }
    for (size_t i = 0; i < n; i++) memcpy(x + i * r->dim, r->data.x + (first + i) % r->data.rows * r->dim, r->dim * sizeof *x);
}

static void points(void *self, uint64_t first, size_t n, double *x)
{
    df_reference_points(self, first, n, x);
}

df_truth df_reference_truth(df_reference *reference)
{
    return (df_truth){.dim = reference->dim, .points = points, .self = reference};
}
