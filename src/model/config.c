/* config.c -- every setting of a training run, once: its name, default, range and meaning. */
#include "diffuse/model.h"

static const char *const scalings[] = {"common", "per-column", "none", NULL};
static const char *const predictions[] = {"eps", "x0", "v", "score", "velocity", NULL};
static const char *const labels[] = {"log-ratio", "step", NULL};
static const char *const targets[] = {"auto", "sample", "batch", NULL};
static const char *const rates[] = {"cosine", "linear", "constant", NULL};

#define AT(member) .offset = offsetof(df_config, member)

const df_option df_config_options[] = {
    {.name = "data", .kind = DF_WORD, AT(data), .shown = "DATA",
     .help = "what to learn, a shape's name or a file (usually typed without --data)"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "20000", .low = 2, .high = 1e8,
     .shown = "N",
     .also = "samples", .help = "how many points, when DATA is a shape"},
    {.name = "noise", .kind = DF_NUMBER, AT(noise), .value = "-1", .low = -1, .high = 10, .shown = "S",
     .help = "standard deviation of a shape's noise; -1: the shape's own"},
    {.name = "columns", .kind = DF_WORD, AT(columns), .shown = "LIST", .also = "cols usecols",
     .help = "columns of a file, by name or number, such as x,y or 2,5"},
    {.name = "scale", .kind = DF_CHOICE, AT(scaling), .value = "common", .choices = scalings,
     .also = "normalize standardize",
     .help = "centre the data and divide by one number, by one a column, or leave them as they are"},
    {.name = "holdout", .kind = DF_NUMBER, AT(holdout), .value = "0", .low = 0, .high = 0.9, .shown = "SHARE",
     .also = "validation-split",
     .help = "share of the points kept out of training, to measure the loss on (centre and scale come from all)"},
    {.name = "method", .kind = DF_WORD, AT(method), .value = "ddpm", .shown = "NAME", .also = "objective algorithm",
     .help = "what the network learns; `diffuse list methods` has them all"},
    {.name = "prediction-type", .kind = DF_CHOICE, AT(prediction), .value = "v", .choices = predictions,
     .also = "prediction objective parameterization", .help = "what the network outputs"},
    {.name = "target", .kind = DF_CHOICE, AT(target), .value = "auto", .before = "sample", .choices = targets,
     .help = "what answer a noised point is taught, that of the sample it was made of or the mean over all points that "
             "could have made it, which has less noise; auto: batch in up to three dimensions"},
    {.name = "teacher", .kind = DF_WORD, AT(teacher), .shown = "exact", .not_with = "target",
     .help = "teach the exact answer, when DATA is a shape"},
    {.name = "label", .kind = DF_CHOICE, AT(label), .value = "log-ratio", .choices = labels,
     .help = "how the network is told the level, ln(sigma/alpha)/4 or the (interpolated) step"},
    {.name = "train-steps", .kind = DF_COUNT, AT(train_steps), .value = "2000", .low = 1, .high = 1e9,
     .shown = "N", .also = "steps iterations max-steps num-epochs epochs",
     .help = "minibatches to learn from"},
    {.name = "batch-size", .kind = DF_COUNT, AT(batch_size), .value = "256", .low = 1, .high = 1e6, .shown = "N",
     .also = "batch train-batch-size", .help = "points in each"},
    {.name = "lr", .kind = DF_NUMBER, AT(lr), .value = "0.01", .low = 0, .high = 1e9, .shown = "R",
     .also = "learning-rate", .help = "learning rate of Adam"},
    {.name = "lr-schedule", .kind = DF_CHOICE, AT(lr_schedule), .value = "linear", .choices = rates,
     .also = "lr-scheduler", .help = "its way to the last step"},
    {.name = "warmup", .kind = DF_NUMBER, AT(warmup), .value = "50", .low = 0, .high = 1e9, .shown = "N",
     .also = "lr-warmup-steps", .help = "steps over which it first rises"},
    {.name = "adam-beta1", .kind = DF_NUMBER, AT(beta1), .value = "0.9", .low = 0, .high = 0.999999,
     .shown = "B", .also = "beta1", .help = "decay of the mean gradient"},
    {.name = "adam-beta2", .kind = DF_NUMBER, AT(beta2), .value = "0.99", .low = 0, .high = 0.999999,
     .shown = "B", .also = "beta2", .help = "decay of the mean squared gradient"},
    {.name = "adam-epsilon", .kind = DF_NUMBER, AT(adam_epsilon), .value = "1e-8", .low = 0, .high = 1,
     .shown = "E", .help = "keeps the quotient finite"},
    {.name = "weight-decay", .kind = DF_NUMBER, AT(weight_decay), .value = "0", .low = 0, .high = 1,
     .shown = "W", .also = "adam-weight-decay", .help = "decoupled weight decay (AdamW)"},
    {.name = "clip-grad-norm", .kind = DF_NUMBER, AT(clip), .value = "1", .low = 0, .high = 1e9, .shown = "G",
     .also = "clip max-grad-norm", .help = "largest norm of the gradient; 0: any"},
    {.name = "ema-decay", .kind = DF_NUMBER, AT(ema_decay), .value = "0.999", .low = 0, .high = 0.9999999,
     .shown = "D", .also = "ema ema-max-decay",
     .help = "decay of the averaged weights, reached by (1 + step)/(10 + step)"},
    {.name = "log-every", .kind = DF_COUNT, AT(log_every), .value = "100", .low = 1, .high = 1e9, .shown = "N",
     .help = "steps between rows of the log"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S", .help = "decides every random number"},
    {0}};

/* A published method teaches samples, and needs more steps for it than the default takes. */
#define SAMPLES "target=sample train-steps=6000 "

#define TINY                                                                                                      \
    "target=sample "                                                                                              \
    "prediction-type=eps beta-schedule=linear beta-start=0.0001 beta-end=0.02 timesteps=50 shift=1 label=step "   \
    "hidden=128 layers=3 block=residual activation=gelu point-features=sinusoidal point-waves=64 point-scale=25 " \
    "level-features=sinusoidal level-waves=64 level-scale=1 random-output=yes batch-size=32 lr=0.001 "            \
    "lr-schedule=constant warmup=0 adam-beta2=0.999 weight-decay=0.01 ema-decay=0 train-steps=50000"

const df_preset df_presets[] = {
    {"ho2020", "DDPM as published in 2020: linear betas, eps, T = 1000",
     SAMPLES "prediction-type=eps beta-schedule=linear beta-start=0.0001 beta-end=0.02 timesteps=1000 shift=1"},
    {"cosine-eps", "the cosine schedule of 2021, still predicting eps",
     SAMPLES "prediction-type=eps beta-schedule=cosine shift=1"},
    {"cosine-v", "the same, predicting v", SAMPLES "prediction-type=v beta-schedule=cosine shift=1"},
    {"tiny-diffusion", "the popular 2-D example as it ships: at its last step 60 % of the variance is still data",
     TINY " betas-as-given=yes"},
    {"tiny-diffusion-fixed",
     "the same with its betas rescaled to 50 steps, so that sampling starts where training ended", TINY},
    {"no-magic", "a pure-Python example, a hundred steps with the betas of a thousand: 36 % still data at the last one",
     SAMPLES "prediction-type=eps beta-schedule=linear timesteps=100 betas-as-given=yes shift=1 hidden=64 "
     "layers=1 block=plain "
     "point-features=raw level-features=sinusoidal level-waves=16 label=step "
     "batch-size=64 lr=0.001 lr-schedule=constant"},
    {"ddpm-torch", "the toy of a PyTorch package: a hundred steps with betas ten times as large, as it should be",
     SAMPLES "prediction-type=eps beta-schedule=linear timesteps=100 shift=1 hidden=128 layers=3 block=residual "
     "point-features=raw level-features=sinusoidal level-waves=64 label=step "
     "batch-size=1000 lr=0.001 lr-schedule=constant"},
    {0}};
