/* layer 6: model.h -- data in, a trained model out: configuration, training, and the file that holds it all. */
#ifndef DIFFUSE_MODEL_H
#define DIFFUSE_MODEL_H

#include "diffuse/paper.h"
#include "diffuse/safetensors.h"
#include "diffuse/threads.h"

DF_BEGIN

/* Which bytes this version makes, of all that are right: raised when any number that it makes changes. */
#define DF_NUMERICS "1"

/* ---- model/data.c: the points to learn ---- */

enum df_scaling { DF_SCALE_COMMON, DF_SCALE_PER_COLUMN, DF_SCALE_NONE };

/* x_scaled = (x - mean) / scale, column by column. */
typedef struct df_transform {
    size_t dim;
    double *mean, *scale; /* (dim) */
} df_transform;

void df_transform_apply(const df_transform *transform, double *x, size_t rows);
/* Back to the data's units, rounded to float. */
void df_transform_undo(const df_transform *transform, double *x, size_t rows);

typedef struct df_data {
    size_t rows, dim;
    double *x;           /* (rows, dim) as read */
    const char **names;  /* (dim) */
    uint32_t crc;        /* CRC-32C of x */
    const char *source;
} df_data;

/* `source` is a shape's name (`points` of them, with standard deviation `noise`, or the shape's own when
 * negative) or a file; `columns` as in df_table_read. A column named "label" is left out unless it is chosen. */
df_status df_data_load(df_data *data, df_arena *arena, const char *source, const char *columns, uint64_t points,
                       double noise, uint64_t seed, df_error *error) DF_MUST_CHECK;

/* Centre and scale of rows of x. Fails when there is nothing to scale by. */
df_status df_transform_fit(df_transform *transform, df_arena *arena, const df_data *data, int scaling,
                           df_error *error) DF_MUST_CHECK;

/* ---- model/config.c ---- */

enum df_target { DF_TARGET_AUTO, DF_TARGET_SAMPLE, DF_TARGET_BATCH };
enum df_rate { DF_RATE_COSINE, DF_RATE_LINEAR, DF_RATE_CONSTANT };

/* All that decides what a training run computes. Stored in the model. */
typedef struct df_config {
    const char *data;     /* a shape's name or a file */
    uint64_t points;      /* when data is a shape */
    double noise;         /* its standard deviation; negative: the shape's own */
    const char *columns;
    int scaling;
    double holdout;
    const char *method;
    int prediction, label, target;
    const char *teacher;
    df_schedule_config schedule;
    df_network_config network;
    uint64_t train_steps, batch_size;
    double lr, warmup, beta1, beta2, adam_epsilon, weight_decay, clip, ema_decay;
    int lr_schedule;
    uint64_t log_every, seed;
} df_config;

extern const df_option df_config_options[];


typedef struct df_preset {
    const char *name, *about, *settings; /* "name=value name=value" */
} df_preset;

extern const df_preset df_presets[]; /* ends with a NULL name */

/* ---- model/model.c ---- */

typedef struct df_model {
    df_config config;
    const df_objective *objective;
    char objective_options[DF_OBJECTIVE_OPTIONS];
    size_t dim;
    const char **names;    /* (dim) column names */
    uint32_t data_crc;
    df_transform transform;
    df_schedule schedule;
    df_network network;
    df_real *average;      /* EMA of the parameters: what samples are made with */
    df_real *raw;          /* the parameters themselves */
    df_real *m, *v;        /* Adam's moments; NULL in a finished model */
    df_real *state;        /* (state_size) what the method remembers between steps */
    size_t state_size;
    uint64_t step;         /* training steps done */
    double loss_sum;       /* of the steps since the last row of the log */
    df_network_denoiser denoiser;
} df_model;

/* Every setting of a model, for parsing, storing and showing. */
typedef struct df_model_settings {
    df_settings config, schedule, network, objective;
    df_settings *list[5];
} df_model_settings;

/* Needs model->objective. The settings point into the model and into themselves: do not copy either. */
void df_model_list_settings(df_model_settings *settings, df_model *model);

/* Every setting to its default, then to those of the method. */
df_status df_model_default_settings(df_model_settings *settings, const df_objective *objective, df_arena *arena,
                                    df_error *error) DF_MUST_CHECK;

/* With config, objective, dim, names and transform set: plan builds schedule and network, so that the number of their
 * weights is known, reserve the memory for these; build is both. */
df_status df_model_plan(df_model *model, df_arena *arena, df_error *error) DF_MUST_CHECK;
df_status df_model_reserve(df_model *model, df_arena *arena, df_error *error) DF_MUST_CHECK;
df_status df_model_build(df_model *model, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* Points the denoiser at the averaged parameters as they are now. */
void df_model_refresh(df_model *model);
df_denoiser df_model_denoiser(const df_model *model);

/* ---- model/store.c ---- */

/* Atomic; a checkpoint also holds Adam's moments and can be resumed. */
df_status df_model_save(const df_model *model, const char *path, bool overwrite, bool checkpoint,
                        df_error *error) DF_MUST_CHECK;

/* Reads and checks everything a stranger could have got wrong. A setting that is not in the file has the value
 * df_option.before, or the file is refused: a default may change from version to version, and an old model may not. */
df_status df_model_load(df_model *model, df_arena *arena, const char *path, df_error *error) DF_MUST_CHECK;

/* The same from a file that has been read; the arena must hold what it points to. `path` names it in messages. */
df_status df_model_parse(df_model *model, df_arena *arena, const char *path, const df_safetensors *file,
                         df_error *error) DF_MUST_CHECK;

/* ---- model/train.c ---- */

typedef struct df_training {
    df_model *model;
    df_learning learning;
    df_team *team;
    df_neighbours neighbours;
    df_mixture exact;
    df_denoiser teacher;
    df_weights weights;
    df_real *gradient;
    double *squares; /* of the gradient, piece by piece */
    double *held_out; /* (held_out_rows, dim), scaled; NULL without --holdout */
    size_t held_out_rows;
    double loss, gradient_norm, rate; /* of the last step */
} df_training;

/* Reserves everything; `data` is copied, scaled. */
df_status df_training_init(df_training *training, df_model *model, const df_data *data, df_team *team,
                           df_arena *arena, df_error *error) DF_MUST_CHECK;

/* What the exact denoiser answers for, in the model's units; DF_NO when data is no shape with a known density. */
df_status df_training_exact(df_mixture *exact, const df_model *model, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* One step. DF_DIVERGED leaves the parameters as they were before it. */
df_status df_training_step(df_training *training, df_error *error) DF_MUST_CHECK;

/* The row of the log that is due after this step: the mean loss since the last one. Resets the sum. */
double df_training_mean_loss(df_training *training);

/* The averaged network's loss on the rows held out. */
double df_training_held_out(df_training *training);

DF_END
#endif
