/* layer 3: denoiser.h -- D(x; level) = E[x0 | x]: the one thing that samplers, guides and measures see. */
#ifndef DIFFUSE_DENOISER_H
#define DIFFUSE_DENOISER_H

#include "diffuse/mixture.h"
#include "diffuse/nn.h"
#include "diffuse/process.h"

DF_BEGIN

/* Rows that are worked on at once; a question asks about at most so many. */
enum { DF_ROWS = 64 };

/* What is asked about n rows x = alpha x0 + sigma eps. What is not asked about is NULL. */
typedef struct df_question {
    size_t n;
    const double *x;       /* (n, dim) */
    const df_level *level; /* one for all rows, or one a row */
    bool level_each;
    const double *x_dot;   /* (n, dim): a direction, for the tangent */
    const df_level *to;    /* the less noisy level of a step back, for its variance */
} df_question;

/* Where the answers go, each (n, dim); NULL: not wanted. One prediction, read three ways:
 *   x0 = D,   eps = (x - alpha D) / sigma,   x0_dot = the derivative of D along x_dot.
 * eps is answered as well as x0 because dividing by sigma or alpha loses what a network that predicts it knows. */
typedef struct df_answer {
    double *x0, *eps, *x0_dot;
    double *log_variance; /* of each coordinate of x_to given x; only where knows_variance */
} df_answer;

/* A denoiser never changes while it answers; each caller lends scratch of its own. */
typedef struct df_denoiser {
    size_t dim;
    df_level least, most; /* the noise it knows: levels outside are refused before a run */
    bool independent;     /* noise was drawn independently of the data: score and SDE sampling need it */
    bool knows_variance;  /* can answer log_variance */
    const void *self;
    void *(*scratch)(const void *self, df_arena *arena, df_error *error);
    void (*answer)(const void *self, const df_question *question, const df_answer *answer, void *scratch);
} df_denoiser;

/* ---- denoiser/network.c ---- */

/* What the network was trained to output, at a level with alpha^2 + sigma^2 = 1:
 *   v         = alpha eps - sigma x0       Salimans & Ho, 2202.00512
 *   score     = -eps / sigma               Song & Ermon, 1907.05600
 *   velocity  = eps - x0                   Lipman et al., 2210.02747, from data to noise */
typedef enum df_prediction {
    DF_PREDICT_EPS, DF_PREDICT_X0, DF_PREDICT_V, DF_PREDICT_SCORE, DF_PREDICT_VELOCITY
} df_prediction;

/* How the network is told the level: ln(sigma/alpha)/4, clamped to +-10; or the step of its schedule, with
 * ln(sigma/alpha) linear between steps, so that any level has a label. */
typedef enum df_label { DF_LABEL_LOG_RATIO, DF_LABEL_STEP } df_label;

typedef struct df_network_denoiser {
    const df_network *network;
    df_weights weights;
    df_prediction prediction;
    df_label label;
    const df_schedule *schedule;
    bool coupled;        /* noise and data were not drawn independently */
    const void *options; /* of the objective that trained it */
} df_network_denoiser;

df_real df_level_label(df_label label, const df_schedule *schedule, df_level level);

/* Wraps a trained network; `from` must outlive the result. A level with alpha^2 + sigma^2 = c^2 is answered
 * by the network at x / c: scaling x changes nothing about x0. Where the network has 2 dim outputs, the second half
 * says where the variance of a step back lies between the two that DDPM proposes. */
df_denoiser df_denoiser_of_network(const df_network_denoiser *from);

/* ---- denoiser/convert.c: one prediction, read every way; at levels with alpha^2 + sigma^2 = 1 ---- */

/* The target that a network of this kind of prediction learns. */
void df_prediction_target(double *target, df_prediction prediction, df_level level, const double *x0,
                          const double *eps, size_t count);

/* |error of x0| / |error of the prediction|; infinite for eps and score where there is no signal. */
double df_prediction_gain(df_prediction prediction, df_level level);

/* |error of eps| / |error of the prediction|; finite wherever there is noise. */
double df_prediction_eps_gain(df_prediction prediction, df_level level);

/* x0 and eps (each may be NULL) of a prediction. */
void df_prediction_read(double *x0, double *eps, df_prediction prediction, df_level level, const double *x,
                        const double *predicted, size_t count);

/* A step back from x at `level` to the less noisy `to`, of which x0 is known to be D:
 *   x_to ~ N(of_x0 D + of_x x, variance),  variance = small: the posterior's; large: the noise between the two levels.
 * Ho et al., 2006.11239, eq. 7; for any two levels. At to = (1, 0) small is 0. */
typedef struct df_step_back {
    double of_x0, of_x, small, large;
} df_step_back;

df_step_back df_step_between(df_level level, df_level to);

/* ln S = f ln large + (1 - f) ln small, f = (1 + output) / 2, not held to 0 to 1. Nichol & Dhariwal, 2102.09672,
 * eq. 15, as their code maps it. Towards clean data half the large variance stands for the small one. */
double df_learned_log_variance(df_step_back back, double output);

/* ---- denoiser/ode.c: the probability-flow ODE ---- */

/* A walk along the ODE from sigma / alpha = `from` to `to`, either way, in `steps` steps of equal ln(sigma/alpha). */
typedef struct df_flow {
    const df_denoiser *denoiser;
    double from, to;
    size_t steps;
    /* reserved by df_flow_init */
    double *at, *x0, *direction, *x0_dot, *sum, *divergence;
    void *scratch;
} df_flow;

df_status df_flow_init(df_flow *flow, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* Moves y = x / alpha:(n, dim), n <= DF_ROWS. log_ratio:(n), unless NULL, becomes ln p(y before) - ln p(y
 * after), the integral of the divergence. Error of order 4 in the step. */
void df_flow_run(df_flow *flow, double *y, double *log_ratio, size_t n);

/* ---- denoiser/oracle.c: the exact denoiser of a mixture ---- */

/* Knows every level; at sigma = 0 its eps is 0. `mixture` must outlive the result. */
df_denoiser df_denoiser_of_mixture(const df_mixture *mixture);

/* ---- denoiser/ideal.c: the exact denoiser of a training set ---- */

enum { DF_IDEAL_ROWS = 10000 };

/* The mixture that is nothing but these rows:(count, dim), equally likely; for df_denoiser_of_mixture. DF_LIMIT above
 * DF_IDEAL_ROWS, because each answer looks at every row. */
df_status df_ideal_mixture(df_mixture *mixture, df_arena *arena, const double *rows, size_t count, size_t dim,
                           df_error *error) DF_MUST_CHECK;

/* ---- denoiser/neighbours.c: nearly the same, of any number of rows in few dimensions, for training targets ---- */

enum { DF_NEIGHBOURS_DIM = 3 };

/* Part of a point set, as DF_NODES means of runs of its rows. */
typedef struct df_crowd {
    df_real *nodes;                                              /* (dim + 1, DF_NODES): means, and rows in each run */
    df_real least[DF_NEIGHBOURS_DIM], most[DF_NEIGHBOURS_DIM];   /* the box of its rows */
    double radius;                                               /* of the largest run, around its mean */
} df_crowd;

/* A binary tree: the halves of crowd k are 2k + 1 and 2k + 2, down to crowds whose runs are single rows. */
typedef struct df_neighbours {
    size_t dim, count, leaves;
    df_crowd *crowds; /* (2 leaves - 1) */
    const df_kernels *kernels;
} df_neighbours;

/* Of rows:(count, dim), dim <= DF_NEIGHBOURS_DIM, which are copied. */
df_status df_neighbours_init(df_neighbours *neighbours, df_arena *arena, const double *rows, size_t count, size_t dim,
                             df_error *error) DF_MUST_CHECK;

/* shift:(dim) = E[x0 | x] - x0, where x0 is any point that is likely to have made x. False when no row is near. */
bool df_neighbours_shift(double *shift, const df_neighbours *neighbours, df_level level, const double *x,
                         const double *x0);

DF_END
#endif
