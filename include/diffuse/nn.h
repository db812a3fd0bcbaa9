/* layer 2: nn.h -- the network: linear layers, activations, embeddings; forward, backward and tangent; Adam. */
#ifndef DIFFUSE_NN_H
#define DIFFUSE_NN_H

#include "diffuse/arena.h"
#include "diffuse/kernels.h"
#include "diffuse/option.h"

DF_BEGIN

/* A gradient is named d_x and means dL/dx. A tangent is named x_dot and
 * means the derivative along a given direction. Matrices are row-major; weights are (outputs, inputs) as in
 * PyTorch's nn.Linear. */

/* ---- nn/linear.c:  y(n, o) = bias(o) + sum_i x(n, i) weight(o, i) ---- */

typedef struct df_linear {
    size_t inputs, outputs;
    const df_real *weight;     /* (outputs, inputs) */
    const df_real *transposed; /* (inputs, outputs) */
    const df_real *bias;       /* (outputs) */
} df_linear;

void df_linear_forward(df_real *y, const df_real *x, const df_linear *layer, size_t n, const df_kernels *kernels);
/* start:(n, inputs) may be d_x, or NULL for zeros. */
void df_linear_backward(df_real *d_x, const df_real *start, const df_real *d_y, const df_linear *layer, size_t n,
                        const df_kernels *kernels);
/* Rows first .. first + count - 1 of d_weight and d_bias, which may be NULL, added to what is there or not. */
void df_linear_gradient(df_real *d_weight, df_real *d_bias, bool add, const df_real *d_y, const df_real *x,
                        const df_linear *layer, size_t first, size_t count, size_t n, const df_kernels *kernels);
void df_linear_tangent(df_real *y_dot, const df_real *x_dot, const df_linear *layer, size_t n,
                       const df_kernels *kernels);

/* ---- nn/embedding.c:  waves of the input, sin(F x) and cos(F x), after the input itself if wanted ---- */

typedef struct df_embedding {
    size_t inputs;               /* columns of x */
    size_t waves;                /* rows of F */
    bool raw;                    /* x itself comes first */
    const df_real *frequencies;  /* F:(waves, inputs) */
} df_embedding;

size_t df_embedding_width(const df_embedding *embedding);
/* y:(n, width) with rows y_row apart; x:(n, inputs) with rows x_row apart (0: one row for all). */
void df_embedding_forward(df_real *y, size_t y_row, const df_real *x, size_t x_row, const df_embedding *embedding,
                          size_t n, const df_kernels *kernels);
/* d_x(n, inputs) += the gradient through the waves; needs y of the forward pass. */
void df_embedding_backward(df_real *d_x, size_t x_row, const df_real *d_y, const df_real *y, size_t y_row,
                           const df_embedding *embedding, size_t n);
void df_embedding_tangent(df_real *y_dot, const df_real *x_dot, size_t x_row, const df_real *y, size_t y_row,
                          const df_embedding *embedding, size_t n);

/* ---- nn/mlp.c:  embeddings of the points and of the level, then a multi-layer perceptron ---- */

enum df_activation { DF_SILU, DF_GELU };
enum df_block { DF_PLAIN, DF_RESIDUAL };            /* h = phi(Wx + b)   or   h = x + phi(Wx + b) */
/* How the points enter: as they are; with waves along random directions; as waves of each coordinate. */
enum df_point_features { DF_POINTS_RAW, DF_POINTS_FOURIER, DF_POINTS_SINUSOIDAL };
/* How the level enters: as it is; with waves of frequency 1, 2, 3, ...; as waves alone. */
enum df_level_features { DF_LEVEL_RAW, DF_LEVEL_HARMONIC, DF_LEVEL_SINUSOIDAL };

/* What defines a network; part of the stored configuration. */
typedef struct df_network_config {
    size_t dim;             /* columns of the points, and outputs */
    uint64_t hidden, layers;
    int activation, block;
    int point_features;
    uint64_t point_waves;
    double point_scale;     /* of their frequencies: standard deviation (Fourier) or largest (sinusoidal) */
    int level_features;
    uint64_t level_waves;
    double level_scale;     /* lowest frequency (harmonic) or largest (sinusoidal) */
    bool random_output;     /* the last layer starts like the others, not at 0 */
    uint64_t outputs_each;  /* outputs for each column; 0: one */
    bool absent;            /* there is no such network: a method brings its own, made of extras */
} df_network_config;

extern const df_option df_network_options[];

/* A named slice of the flat parameter vector. columns 0: a bias of `rows` numbers. */
typedef struct df_tensor {
    char name[32];
    size_t rows, columns, offset;
} df_tensor;

/* The first of a tensor's numbers in part `part` of `parts`, which are whole rows; the end when part = parts. */
size_t df_tensor_part(const df_tensor *tensor, size_t part, size_t parts);

typedef struct df_network {
    df_network_config config;
    size_t outputs;         /* columns of the output */
    size_t features;        /* width of the first layer's input */
    size_t linears;         /* linear layers; tensors 2l and 2l + 1 are weight and bias of layer l */
    df_tensor *tensors;
    size_t tensor_count, parameter_count;
    df_real *frequencies;   /* fixed, not trained: of the points, then of the level */
    size_t point_frequency_count, frequency_count;
    const df_kernels *kernels;
} df_network;

df_status df_network_init(df_network *network, const df_network_config *config, uint64_t seed, df_arena *arena,
                          df_error *error) DF_MUST_CHECK;

/* Appends parameters that no layer of the network uses but that are learned, averaged and stored with it. They start
 * at 0. At most DF_EXTRAS; returns the offset of its first number. */
enum { DF_EXTRAS = 16 };
size_t df_network_add_extra(df_network *network, const char *name, size_t rows, size_t columns);

/* Initial parameters: uniform in +-1/sqrt(inputs), as PyTorch's nn.Linear; the last layer 0 if so configured. */
void df_network_start(const df_network *network, df_real *parameters, uint64_t seed);

/* A network's parameters ready for use: as stored, and transposed. Refresh after every change. */
typedef struct df_weights {
    const df_real *parameters;
    df_real *transposed; /* parameter_count */
} df_weights;

void df_weights_refresh(const df_network *network, const df_weights *weights);
/* Part `part` of `parts` of that. */
void df_weights_refresh_part(const df_network *network, const df_weights *weights, size_t part, size_t parts);

/* What a pass over at most `rows` points keeps for the passes after it. */
typedef struct df_pass {
    df_real *features;      /* (rows, features) */
    size_t layer;           /* from one hidden layer's h and slope to the next: rows hidden */
    df_real *h, *slope;     /* per hidden layer (rows, hidden). slope holds z, then phi'(z), and after backward d_z */
    df_real *output;        /* (rows, outputs) */
    df_real *d_h, *work;    /* (rows, hidden) */
    df_real *d_features;    /* (rows, features) */
    /* with df_pass_keep_tangents */
    df_real *h_dot, *z_dot; /* per hidden layer (rows, hidden) */
    df_real *d_h_dot, *d_z_dot, *bend; /* (rows, hidden) */
} df_pass;

df_status df_pass_init(df_pass *pass, const df_network *network, size_t rows, df_arena *arena,
                       df_error *error) DF_MUST_CHECK;

/* Makes room in a pass for df_network_tangent_backward. */
df_status df_pass_keep_tangents(df_pass *pass, const df_network *network, size_t rows, df_arena *arena,
                                df_error *error) DF_MUST_CHECK;

/* The rows of a pass from row `first` on. */
df_pass df_pass_from(const df_pass *pass, const df_network *network, size_t first);

/* pass->output:(n, outputs) of x:(n, dim) and labels:(n), or one label for all when `shared`. With pass->layer 0 the
 * output is all there is: layers work in each other's memory. */
void df_network_forward(const df_network *network, const df_weights *weights, const df_pass *pass, const df_real *x,
                        const df_real *labels, bool shared, size_t n);

/* After forward on the same n rows, once. d_parameters (parameter_count) is added to, unless NULL; d_x:(n, dim) is
 * overwritten, unless NULL. */
void df_network_backward(const df_network *network, const df_weights *weights, const df_pass *pass,
                         const df_real *d_output, df_real *d_parameters, df_real *d_x, size_t n);

/* The rest of a backward that had no d_parameters: part `part` of `parts` of them, for all n rows, which several passes
 * may have made in parts of their own. Added to what is there or not. */
void df_network_gradient(const df_network *network, const df_pass *pass, const df_real *d_output,
                         df_real *d_parameters, bool add, size_t n, size_t part, size_t parts);

/* d_labels:(n), after a backward that gave d_x on the same rows. */
void df_network_label_gradient(const df_network *network, const df_pass *pass, df_real *d_labels, size_t n);

/* output_dot:(n, outputs) of the direction x_dot:(n, dim), after forward and before backward on the
 * same rows. */
void df_network_tangent(const df_network *network, const df_weights *weights, const df_pass *pass, const df_real *x_dot,
                        df_real *output_dot, size_t n);

/* Forward over reverse: adds to d_parameters the gradient of what depends on the output by d_output and on output_dot
 * by d_output_dot, both (n, outputs). After tangent on the same rows of a pass that keeps tangents, once or more. */
void df_network_tangent_backward(const df_network *network, const df_weights *weights, const df_pass *pass,
                                 const df_real *d_output, const df_real *d_output_dot, df_real *d_parameters, size_t n);

/* ---- nn/adam.c:  Adam with decoupled weight decay (Kingma & Ba 1412.6980; Loshchilov & Hutter 1711.05101) ---- */

typedef struct df_adam {
    double beta1, beta2, epsilon, weight_decay;
} df_adam;

/* One update of parameters, m and v, all (count), with the gradient times `scale`. `step` counts from 1. */
void df_adam_step(const df_adam *adam, df_real *parameters, df_real *m, df_real *v, const df_real *gradient,
                  size_t count, double scale, uint64_t step, double rate, const df_kernels *kernels);

/* What to scale a gradient of that norm by, so that its norm is at most `most` (0: no limit). */
double df_clip_scale(double norm, double most);

/* Exponential moving average with a ramp: decay = min(decay, (1 + step) / (10 + step)), step from 1. */
void df_ema_step(df_real *average, const df_real *parameters, size_t count, uint64_t step, double decay,
                 const df_kernels *kernels);

DF_END
#endif
