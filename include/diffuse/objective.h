/* layer 4: objective.h -- what a network is asked to learn, and one step of learning it. */
#ifndef DIFFUSE_OBJECTIVE_H
#define DIFFUSE_OBJECTIVE_H

#include "diffuse/denoiser.h"
#include "diffuse/option.h"
#include "diffuse/threads.h"

DF_BEGIN

typedef struct df_learning df_learning;

/* One noised point of a minibatch. */
typedef struct df_example {
    const void *options;       /* the objective's own struct */
    df_prediction prediction;
    double t;                  /* the step of the schedule, 1 to T, also between steps */
    df_level level, before;    /* of step t and of step t - 1 */
    size_t dim;
    const double *x0, *eps;    /* (dim) */
} df_example;

/* Most papers need `target` alone: the core draws examples, asks the network, and goes back through it. What is not
 * needed is NULL or 0. All of it is const; what a method learns or remembers lives in the parameters and the state.
 * target, time and couple are called by several threads, each with a block of its own. */
typedef struct df_objective {
    const char *name, *about;
    const df_option *options;
    size_t options_size; /* at most DF_OBJECTIVE_OPTIONS */
    const char *settings; /* "name=value ...": defaults of `train` that this method replaces */

    /* Sets target:(dim) and returns the weight of |network - target|^2. */
    double (*target)(const df_example *example, double *target);
    /* The target is linear in x0 and eps, so that their means given x may stand for them. */
    bool linear;

    /* The step t in [1, T] that the uniform u stands for; *weight, 1 before, multiplies the example's loss.
     * NULL: a whole step, each as likely. */
    double (*time)(const df_learning *learning, double u, double *weight);

    /* The scaled data are divided by this as well; NULL: by 1. */
    double (*unit)(const void *options);
    /* Pairs anew the n <= DF_ROWS examples x0 and eps of a block, of which x is not yet made. */
    void (*couple)(df_learning *learning, size_t n);
    /* The path of a model whose ODE pairs each point with the noise it comes from; NULL: none. */
    const char *(*pairs_from)(const void *options);
    /* With these options noise and data are not independent. */
    bool (*coupled)(const void *options);

    /* ---- for methods that ask their network otherwise ---- */

    size_t outputs_each;  /* outputs of the network for each column; 0: one */
    bool brings_network;  /* there is no MLP: parameters are all extras, and `denoiser` answers */
    /* Adds parameters of its own with df_network_add_extra. */
    void (*extend)(df_network *network, const void *options, const df_schedule *schedule);
    /* Sets them (0 before): offsets are those of the tensors 2 linears, 2 linears + 1, ... of learning->network. */
    void (*start)(const df_learning *learning, df_real *parameters);
    /* How many numbers it remembers between steps, in learning->state (0 at first), stored in checkpoints. */
    size_t (*state_size)(const df_network *network, const void *options, const df_schedule *schedule);
    bool keeps_state; /* a finished model holds it, too */
    bool tangents; /* `block` goes back through tangents: learning->pass keeps them */
    /* How many numbers `block` needs to work in, learning->room. */
    size_t (*room)(const df_network *network, const df_schedule *schedule);
    /* Instead of the weighted squared error: the summed loss of n prepared examples. Adds `share` times its gradient
     * to d_parameters, unless NULL. */
    double (*block)(df_learning *learning, const df_weights *weights, size_t n, double share, df_real *d_parameters);
    /* Called after each step's parameters have been updated; may move them, or the state. */
    void (*after)(df_learning *learning, df_real *parameters, uint64_t step);
    /* Sets the levels 1 to T of a learned schedule, alpha^2 + sigma^2 = 1 and noise growing, from the parameters.
     * Called whenever a model is made ready for use; while training, `block` follows the raw parameters by itself. */
    void (*reschedule)(df_schedule *schedule, const df_network *network, const df_real *parameters,
                       const void *options);
    /* Another average of the parameters at step `step`, from the state: `width` is the standard deviation of the
     * times averaged, relative to the training. Of `learning` it needs network, options, state. NULL: none. */
    df_status (*average)(df_real *average, const df_learning *learning, uint64_t step, double width, df_arena *arena,
                         df_error *error);
    /* The denoiser of what was learned; `from` outlives it. */
    df_denoiser (*denoiser)(const df_network_denoiser *from);
} df_objective;

enum { DF_OBJECTIVE_OPTIONS = 256 };

/* ---- core/learn.c: the training step ---- */

struct df_learning {
    const df_network *network;
    const df_objective *objective;
    const void *options;
    df_prediction prediction;
    df_label label;
    const df_schedule *schedule;
    const double *data;  /* (rows, dim), scaled */
    const double *noise; /* (rows, dim): the noise that belongs to each row; NULL: drawn */
    size_t rows;
    uint64_t seed;
    uint64_t batch;
    df_team *team;
    /* Whose answer a step is taught, neither for that of the sample itself. Only for linear targets. */
    const df_neighbours *neighbours;
    const df_denoiser *teacher;
    /* reserved by df_learning_init */
    double *losses;      /* of the blocks that are worked on together */
    df_real *state;      /* (objective->state_size) */
    double *room;        /* (objective->room) */
    df_pass pass;
    df_real *x, *d_output, *labels;
    /* The block at hand: noised points as the network sees them are in x:(n, dim). */
    double *x0, *eps, *target; /* (n, dim) */
    double *t, *weights;       /* (n) */
    df_level *levels;          /* (n) */
    uint64_t step, first;      /* its first example is number `first` of this step's minibatch */
    void **scratches;          /* of the teacher, one a thread */
    void *scratch;             /* that of the block at hand */
};

df_status df_learning_init(df_learning *learning, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* The mean loss of minibatch number `step` (from 1), a sum over dimensions; d_parameters, unless NULL, becomes its
 * gradient. Example j of step s draws from index (s - 1) batch + j, whatever else happens: its row, its t
 * (stratified: u in ((j + u)/batch)), its noise. */
double df_learning_step(df_learning *learning, const df_weights *weights, uint64_t step, df_real *d_parameters);

/* The mean loss over rows of data:(rows, dim), each with a level and a noise of its own that never change:
 * comparable between steps. */
double df_learning_evaluate(df_learning *learning, const df_weights *weights, const double *data, size_t rows);

/* What the exact denoiser's loss is on the same rows, levels and noise: no network can be expected to do better.
 * DF_USAGE when the objective is not a squared error. */
df_status df_learning_floor(double *loss, df_learning *learning, const df_denoiser *exact, const double *data,
                            size_t rows, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* The weighted squared error of n prepared examples, and its gradient times `share` as in df_objective.block: what is
 * done without one. Losses of single examples go to losses:(n), unless NULL. */
double df_learning_block(df_learning *learning, const df_weights *weights, size_t n, double share,
                         df_real *d_parameters, double *losses);

/* A time anywhere between the first step and the last. */
double df_time_between_steps(const df_learning *learning, double u, double *weight);

/* The time at which the level is this one, or the first or last step where that is beyond them. */
double df_time_of_level(const df_learning *learning, df_level level);

DF_END
#endif
