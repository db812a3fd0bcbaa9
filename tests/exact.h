/* exact.h -- what tests of exact answers share: mixtures, points of them, means that may miss a little. */
#ifndef EXACT_H
#define EXACT_H

#include "check.h"

#include "diffuse/math.h"
#include "diffuse/measure.h"

#include <stdlib.h>

static df_arena arena;
static df_error error;

/* A mean of samples may miss by so many of its standard errors; chance does that once in 150,000 checks. */
static const double ERRORS = 4.5;

static inline void *reserve(size_t count, size_t size)
{
    void *memory = df_alloc(&arena, count, size, &error);
    if (!memory) abort();
    return memory;
}

static inline double square(double a)
{
    return a * a;
}

static inline double median(double *values, size_t n)
{
    return df_median(values, reserve(n, sizeof *values), n);
}

/* What is estimated by a mean, and its standard error. */
typedef struct estimate {
    double mean, error;
} estimate;

static inline estimate estimate_of(const double *values, size_t n)
{
    estimate e;
    df_mean_error(&e.mean, &e.error, values, n);
    return e;
}

/* `bias`: what the mean may be off by besides. */
static inline void check_estimate(estimate e, double want, double bias)
{
    CHECK_NEAR(e.mean, want, ERRORS * e.error + bias);
}

/* The class of each node is its number. */
static inline void number_nodes(df_mixture *mixture)
{
    mixture->labels = reserve(mixture->count, sizeof *mixture->labels);
    for (size_t k = 0; k < mixture->count; k++) mixture->labels[k] = (int)k;
}

static inline df_mixture make_mixture(size_t dim, size_t count, const double *nodes, const double *weights,
                                      double s)
{
    df_mixture mixture = {.dim = dim, .count = count, .s = s};
    mixture.nodes = reserve(count * dim, sizeof(double));
    memcpy(mixture.nodes, nodes, count * dim * sizeof(double));
    mixture.log_weights = reserve(count, sizeof(double));
    for (size_t k = 0; k < count; k++) mixture.log_weights[k] = log(weights[k]);
    number_nodes(&mixture);
    return mixture;
}

static inline df_mixture make_gaussian(const double *mean, double s)
{
    return make_mixture(3, 1, mean, (double[]){1}, s);
}

/* On as many nodes as a denoiser needs; `noise` 0: the shape's own. */
static inline df_mixture open_shape(const char *name, double noise)
{
    const df_shape *shape = df_find_shape(name);
    df_cloud cloud;
    df_mixture mixture = {0};
    CHECK(df_cloud_open(&cloud, &arena, shape, noise > 0 ? noise : shape->noise, &error) == DF_OK);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, df_cloud_node_count(&cloud), &error) == DF_OK);
    return mixture;
}

/* The same, brought to mean 0 and a mean variance of 1, as training does. */
static inline df_mixture open_scaled(const char *name)
{
    const df_mixture raw = open_shape(name, 0);
    df_mixture scaled = {0};
    double mean[2], covariance[4];
    df_mixture_moments(mean, covariance, &raw);
    CHECK(df_mixture_scaled(&scaled, &arena, &raw, mean, sqrt((covariance[0] + covariance[3]) / 2), &error) == DF_OK);
    return scaled;
}

static inline double *draw(const df_mixture *mixture, uint64_t seed, size_t n)
{
    double *x = reserve(n * mixture->dim, sizeof *x);
    CHECK(df_mixture_points(x, NULL, mixture, seed, 0, n, &arena, &error) == DF_OK);
    return x;
}

#endif
