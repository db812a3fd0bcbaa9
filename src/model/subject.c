/* subject.c -- a model file, an exact shape or a memorised point set, all asked in the same way. */
#include "diffuse/subject.h"

#include <math.h>
#include <string.h>

double df_log_volume(const df_transform *transform)
{
    double sum = 0;
    for (size_t i = 0; i < transform->dim; i++) sum += df_log(transform->scale[i]);
    return sum;
}

static df_status load_model(df_subject *s, df_arena *arena, const char *path, df_error *error)
{
    DF_TRY(df_model_load(&s->model, arena, path, error));
    s->is_model = true;
    s->dim = s->model.dim;
    s->names = s->model.names;
    s->transform = s->model.transform;
    s->schedule = s->model.schedule;
    s->denoiser = df_model_denoiser(&s->model);
    return DF_OK;
}

/* The subject of a mixture in the data's units: it is brought to mean 0 and a mean variance of 1. */
static df_status take_mixture(df_subject *s, df_arena *arena, const df_mixture *mixture,
                              const df_schedule_config *schedule, df_error *error)
{
    const size_t dim = s->dim = mixture->dim;
    double *covariance, variance = 0;
    DF_NEW(arena, covariance, dim * dim, error);
    s->transform.dim = dim;
    DF_NEW(arena, s->transform.mean, dim, error);
    DF_NEW(arena, s->transform.scale, dim, error);
    df_mixture_moments(s->transform.mean, covariance, mixture);
    for (size_t i = 0; i < dim; i++) variance += covariance[i * dim + i] / (double)dim;
    if (!(variance > 0)) return df_fail(error, DF_INPUT, "%s: there are no two different points", s->name);
    for (size_t i = 0; i < dim; i++) s->transform.scale[i] = sqrt(variance);
    DF_TRY(df_mixture_scaled(&s->mixture, arena, mixture, s->transform.mean, sqrt(variance), error));
    DF_TRY(df_schedule_init(&s->schedule, schedule, arena, error));
    s->denoiser = df_denoiser_of_mixture(&s->mixture);
    return DF_OK;
}

static df_status load_exact(df_subject *s, df_arena *arena, const char *name, const df_schedule_config *schedule,
                            df_error *error)
{
    static const char *names[] = {"x", "y"};
    const df_shape *shape = df_find_shape(name);
    df_cloud cloud;
    df_mixture mixture;
    if (!shape) {
        const char *near = df_nearest_shape(name);
        return df_fail(error, DF_USAGE, "exact:%.60s: there is no shape of that name%s%s%s", name,
                       near ? "\n  did you mean exact:" : "",
                       near ? near : "", near ? "?" : "; `diffuse list shapes` has them all");
    }
    DF_TRY(df_cloud_open(&cloud, arena, shape, shape->noise, error));
    const df_status status = df_cloud_mixture(&mixture, arena, &cloud, df_cloud_node_count(&cloud), error);
    if (status == DF_NO)
        return df_fail(error, DF_USAGE, "exact:%s: %s", name, shape->speed[0] > 0
                       ? "without noise this shape has no density" :
                       "the density of this shape is not known");
    DF_TRY(status);
    s->names = names;
    return take_mixture(s, arena, &mixture, schedule, error);
}

static df_status load_ideal(df_subject *s, df_arena *arena, const char *path, const df_schedule_config *schedule,
                            df_error *error)
{
    df_data data;
    df_mixture mixture;
    if (df_find_shape(path))
        return df_fail(error, DF_USAGE,
                       "ideal:%s: %s is a shape, and ideal: is for a file of points\n  try exact:%s", path, path, path);
    DF_TRY(df_data_load(&data, arena, path, NULL, 2, -1, 0, error));
    DF_TRY(df_ideal_mixture(&mixture, arena, data.x, data.rows, data.dim, error));
    s->names = data.names;
    return take_mixture(s, arena, &mixture, schedule, error);
}

df_status df_subject_load(df_subject *s, df_arena *arena, const char *name, const df_schedule_config *schedule,
                          df_error *error)
{
    *s = (df_subject){.name = name};
    if (strncmp(name, "exact:", 6) == 0) return load_exact(s, arena, name + 6, schedule, error);
    if (strncmp(name, "ideal:", 6) == 0) return load_ideal(s, arena, name + 6, schedule, error);
    return load_model(s, arena, name, error);
}
