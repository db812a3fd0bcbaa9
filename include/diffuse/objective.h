/* layer 4: objective.h -- what a network is asked to learn, and one step of learning it. */
#ifndef DIFFUSE_OBJECTIVE_H
#define DIFFUSE_OBJECTIVE_H

#include "diffuse/denoiser.h"
#include "diffuse/option.h"

DF_BEGIN

/* One noised point of a minibatch. */
typedef struct df_example {
    const void *options;       /* the objective's own struct */
    df_prediction prediction;
    df_level level, before;    /* of step t and of step t - 1 */
    size_t dim;
    const double *x0, *eps;    /* (dim) */
} df_example;

typedef struct df_objective {
    const char *name, *about;
    const df_option *options;
    size_t options_size; /* at most DF_OBJECTIVE_OPTIONS */
    /* Sets target:(dim) and returns the weight of |network - target|^2. */
    double (*target)(const df_example *example, double *target);
} df_objective;

enum { DF_OBJECTIVE_OPTIONS = 256 };

/* ---- core/learn.c: the training step ---- */

typedef struct df_learning {
    const df_network *network;
    const df_objective *objective;
    const void *options;
    df_prediction prediction;
    df_label label;
    const df_schedule *schedule;
    const double *data; /* (rows, dim), scaled */
    size_t rows;
    uint64_t seed;
    uint64_t batch;
    /* reserved by df_learning_init */
    df_pass pass;
    df_real *x, *d_output, *labels;
    double *x0, *eps, *target, *weights;
} df_learning;

df_status df_learning_init(df_learning *learning, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* The mean loss of minibatch number `step` (from 1), a sum over dimensions; its gradient is added to
 * d_parameters, unless NULL. Example j of step s draws from index (s - 1) batch + j, whatever else happens:
 * its row, its t (stratified: u in ((j + u)/batch)), its noise. */
double df_learning_step(df_learning *learning, const df_weights *weights, uint64_t step, df_real *d_parameters);

/* The mean loss over rows of data:(rows, dim), each with a level and a noise of its own that never change:
 * comparable between steps. */
double df_learning_evaluate(df_learning *learning, const df_weights *weights, const double *data, size_t rows);

/* What the exact denoiser's loss is on the same rows, levels and noise: no network can be expected to do better. */
df_status df_learning_floor(double *loss, df_learning *learning, const df_denoiser *exact, const double *data,
                            size_t rows, df_arena *arena, df_error *error) DF_MUST_CHECK;

DF_END
#endif
