/* layer 2: mixture.h -- Gaussian mixtures over the nodes of a latent: whatever has an exact answer is one of them. */
#ifndef DIFFUSE_MIXTURE_H
#define DIFFUSE_MIXTURE_H

#include "diffuse/arena.h"

DF_BEGIN

/* A mixture of isotropic Gaussians over the nodes of a low-dimensional latent:
 *     p(x) = sum_k weight_k N(x; node_k, s^2 I).
 * With s = 0 it is the points themselves. */
typedef struct df_mixture {
    size_t dim, count;
    double *nodes;       /* (count, dim) */
    double *log_weights; /* (count), summing to 1 after exp */
    int *labels;         /* (count) class of each node, or NULL */
    double s;            /* standard deviation of every component */
} df_mixture;

/* ---- points/mixture.c: at a level, x = alpha x0 + sigma eps ---- */

/* ln p(x), in nats. A mixture with s = 0 needs sigma > 0. */
double df_mixture_log_density(const df_mixture *mixture, double alpha, double sigma, const double *x);

/* What x tells about x0. NULL: not wanted. */
typedef struct df_posterior {
    double *mean;        /* (dim): D(x) = E[x0 | x]; must be given when one of the next two is wanted */
    double *covariance;  /* (dim, dim): Cov(x0 | x) */
    double *mean_dot;    /* (dim): the derivative of D along x_dot, which is (alpha/sigma^2) Cov(x0 | x) x_dot */
    const double *x_dot; /* (dim) */
    double *classes;     /* (class_count): p(class | x), from the labels */
    size_t class_count;  /* more than the largest label */
} df_posterior;

/* Fills in what is wanted and returns ln p(x). The score is (alpha D(x) - x) / sigma^2. Any alpha and sigma will
 * do: pure noise gives the prior, and without noise only the nearest of bare points counts. */
double df_mixture_posterior(const df_posterior *wanted, const df_mixture *mixture, double alpha, double sigma,
                            const double *x);

/* mean:(dim) and covariance:(dim, dim), or NULL, of the mixture itself. */
void df_mixture_moments(double *mean, double *covariance, const df_mixture *mixture);

/* P(x <= y) of a mixture in one dimension. */
double df_mixture_cdf(const df_mixture *mixture, double alpha, double sigma, double y);

/* ---- points/derive.c: mixtures made of a mixture; what they point to is the arena's ---- */

/* The law of x0 within one class. DF_USAGE when there is no such class. */
df_status df_mixture_of_class(df_mixture *out, df_arena *arena, const df_mixture *mixture, int label,
                              df_error *error) DF_MUST_CHECK;

/* The law of the other coordinates when the one called `column` has this value. Needs s > 0 and two dimensions. */
df_status df_mixture_given(df_mixture *out, df_arena *arena, const df_mixture *mixture, size_t column, double value,
                           df_error *error) DF_MUST_CHECK;

/* The law of (x - mean) / scale, with mean:(dim) and one scale for all coordinates. */
df_status df_mixture_scaled(df_mixture *out, df_arena *arena, const df_mixture *mixture, const double *mean,
                            double scale, df_error *error) DF_MUST_CHECK;

/* x:(n, dim) and labels:(n), or NULL: points first .. first + n - 1 of the endless sequence of `seed`. */
df_status df_mixture_points(double *x, int *labels, const df_mixture *mixture, uint64_t seed, uint64_t first, size_t n,
                            df_arena *arena, df_error *error) DF_MUST_CHECK;

DF_END
#endif
