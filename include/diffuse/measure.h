/* layer 5: measure.h -- how far points are from the shape they should have. */
#ifndef DIFFUSE_MEASURE_H
#define DIFFUSE_MEASURE_H

#include "diffuse/sampler.h"
#include "diffuse/shape.h"

DF_BEGIN

/* ---- measure/curve.c ---- */

enum { DF_STRETCHES = 20 };

/* Points against a curve in the plane, drawn uniformly in its parameter u and blurred with standard deviation s.
 * Each point is taken to the nearest place u* of the curve, at distance r. */
typedef struct df_curve_fit {
    double thickness;  /* median r / (0.6745 s): 1 for true points, below for too thin */
    double off_shape;  /* share of points with r > 4 s: 0 for true points */
    double ks;         /* Kolmogorov distance of u* to uniform */
    double stretch_least, stretch_most; /* share of the emptiest and fullest of 20 equal stretches of u, times 20 */
} df_curve_fit;

/* nodes:(count, 2) places of the curve at u = (k + 1/2)/count, less than s apart; where neighbours are more than 2 s
 * apart the curve goes on elsewhere. x:(n, 2). */
df_status df_curve_compare(df_curve_fit *fit, df_arena *arena, const double *nodes, size_t count, double s,
                           const double *x, size_t n, df_team *team, df_error *error) DF_MUST_CHECK;

/* ---- measure/likelihood.c ---- */

/* ln N(y; 0, variance I), y:(dim). */
double df_log_gaussian(const double *y, size_t dim, double variance);

/* log_density:(n), in nats, of x:(n, dim) under the denoiser of `flow`, which goes from a small sigma / alpha up to
 * one where nothing is left of unit-variance data; see likelihood.c. The flow needs no df_flow_init. */
df_status df_log_likelihood(double *log_density, const df_flow *flow, const double *x, size_t n, df_team *team,
                            df_arena *arena, df_error *error) DF_MUST_CHECK;

/* log_density:(n) of x:(n, dim) at (alpha, sigma) = (1, sigma), in closed form. */
void df_log_densities(double *log_density, const df_mixture *mixture, double sigma, const double *x, size_t n,
                      df_team *team);

/* ---- measure/score.c ---- */

enum { DF_SCORE_LEVELS = 64 };

/* An upper bound on KL(truth || law of the reverse SDE), in nats, and its parts; see score.c. */
typedef struct df_score_report {
    double prior, integral, cut_off, bound, bound_error; /* error: one standard error */
    /* per level, evenly in ln: E |D - D*|^2 / sigma^2, alpha = 1 */
    double sigma[DF_SCORE_LEVELS], error[DF_SCORE_LEVELS];
} df_score_report;

/* x:(n, dim) true points in the denoiser's units, in which `truth` and `mixture` are the exact answer; levels from
 * sigma / alpha = least to most. */
df_status df_score_kl(df_score_report *report, const df_denoiser *denoiser, const df_denoiser *truth,
                      const df_mixture *mixture,
                      const double *x, size_t n, double least, double most, uint64_t seed, df_team *team,
                      df_arena *arena, df_error *error) DF_MUST_CHECK;

/* E |eps - guess|^2 over the steps of a schedule, and what the exact denoiser gets on the same rows: the
 * noise that cannot be told from the data. */
typedef struct df_eps_report {
    double loss, floor, excess, excess_error; /* excess: loss - floor, paired */
} df_eps_report;

/* x:(n, dim) true points in the denoiser's units; the more, the more steps are visited. */
df_status df_eps_loss(df_eps_report *report, const df_denoiser *denoiser, const df_denoiser *truth,
                      const df_schedule *schedule,
                      const double *x, size_t n, uint64_t seed, df_team *team, df_arena *arena,
                      df_error *error) DF_MUST_CHECK;

/* ---- distances between two sets of points ---- */

/* x:(n, dim) and y:(m, dim). */
typedef struct df_pair {
    size_t dim, n, m;
    const double *x, *y;
} df_pair;

/* The memory a distance needs comes out of the arena and stays there. */
typedef df_status df_distance(double *value, df_arena *arena, const df_pair *pair, df_error *error);

enum { DF_W2_MOST = 2000, DF_SLICES = 64, DF_ENERGY_MOST = 10000, DF_FLOOR_PAIRS = 5 };

/* ---- measure/assignment.c ---- */

/* W2: the root of the least mean squared distance over all ways to pair the points one to one. Needs n = m of
 * at most DF_W2_MOST, n^2 numbers of memory and a time that grows like n^3. */
df_status df_w2_exact(double *w2, df_arena *arena, const df_pair *pair, df_error *error) DF_MUST_CHECK;

/* ---- measure/sliced.c ---- */

/* The root of the mean squared W2 of the sets projected to DF_SLICES fixed directions, exact for any n and m.
 * Moving a set by t changes it from 0 to |t| / sqrt(dim): exactly in the plane, on average elsewhere. */
df_status df_sliced_w2(double *sw2, df_arena *arena, const df_pair *pair, df_error *error) DF_MUST_CHECK;

/* ---- measure/energy.c ---- */

/* 2 E|X - Y| - E|X - X'| - E|Y - Y'|, without a root, over the pairs of different points (a U-statistic): its
 * expectation for two true samples is 0, so that it can be negative. Of a set of more than DF_ENERGY_MOST
 * points only the first DF_ENERGY_MOST are used. Needs two points in each set. */
df_status df_energy_distance(double *energy, df_arena *arena, const df_pair *pair,
                             df_error *error) DF_MUST_CHECK;

/* ---- measure/distance.c ---- */

/* DF_INPUT unless both sets have points, within 1e100 of 0. Every distance asks this first. */
df_status df_pair_check(const df_pair *pair, df_error *error) DF_MUST_CHECK;

/* A source of true points. Those of one call are independent draws; so are those of calls whose first ..
 * first + n - 1 do not overlap. */
typedef struct df_truth {
    size_t dim;
    void (*points)(void *self, uint64_t first, size_t n, double *x); /* x:(n, dim) */
    void *self;
} df_truth;

/* What a distance gives for two true samples. It is what a perfect sampler gets, and differences below the
 * spread say nothing. */
typedef struct df_floor {
    double mean, spread; /* over DF_FLOOR_PAIRS pairs of samples; spread: one standard deviation */
} df_floor;

/* The distance of a pair, and the floor of samples of as many points: the DF_FLOOR_PAIRS (n + m) points of the truth
 * from `first` on. */
df_status df_distance_measure(double *value, df_floor *bottom, df_distance *distance, const df_pair *pair,
                              const df_truth *truth, uint64_t first, df_team *team, df_error *error) DF_MUST_CHECK;

/* ---- measure/statistics.c ---- */

/* Ascending, -0 before 0, with NaN at the ends. scratch:(n) */
void df_sort(double *a, double *scratch, size_t n);

/* Of n >= 1 numbers, which it sorts. scratch:(n) */
double df_median(double *a, double *scratch, size_t n);

/* The mean of n >= 2 numbers and its standard error, sqrt(sum (a_i - mean)^2 / (n - 1) / n). */
void df_mean_error(double *mean, double *error, const double *a, size_t n);

/* ---- measure/bound.c ---- */

/* A chain of Gaussian steps: a sampler with a kernel, on a grid from noise to clean data. */
typedef struct df_bound {
    const df_denoiser *denoiser;
    const df_sampler *sampler;
    const void *options;
    const df_level *levels; /* (steps + 1) */
    size_t steps;
    const double *pilot;    /* of a df_sampling of the same, df_walk.pilot; NULL for a sampler without */
    uint64_t seed;
    df_team *team;
} df_bound;

/* Nats, for x0:(n, dim) in the denoiser's units. total:(n) is an unbiased estimate of the bound on -ln p of
 * each point, from one noise a step; *prior and terms:(steps) are its parts, means over the points. terms[i]
 * belongs to the step from levels[i]; the last is the decoder's. */
df_status df_bound_terms(const df_bound *bound, double *prior, double *terms, double *total, const double *x0, size_t n,
                         df_arena *arena, df_error *error) DF_MUST_CHECK;

DF_END
#endif
