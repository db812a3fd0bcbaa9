/* ddpm.c -- Denoising Diffusion Probabilistic Models.                                        [ddpm]
 *
 * Ho, Jain, Abbeel. NeurIPS 2020. arXiv:2006.11239
 *
 * Add Gaussian noise in T small steps until nothing of the data is left; train a network to tell the noise
 * in a noised point; go back step by step. The step back that is the exact posterior if x0 were known is
 * used with the network's guess of x0.
 *
 *   x_t     = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps                                         (Eq. 4)
 *   L       = E |eps - eps_theta(x_t, t)|^2,   t uniform on 1 .. T                           (Eq. 14, simple)
 *   L       = the same, weighted by beta_t^2 / (2 var_t a_t (1 - abar_t))                    (Eq. 12, vlb)
 *   mean    = sqrt(abar_(t-1)) beta_t / (1 - abar_t) x0
 *           + sqrt(a_t) (1 - abar_(t-1)) / (1 - abar_t) x_t                                  (Eq. 7)
 *   var     = beta_t                       "fixed-large", the best for x0 ~ N(0, I)          (Section 3.2)
 *           = (1 - abar_(t-1)) / (1 - abar_t) beta_t   "fixed-small", for a single point x0  (Eq. 7)
 *   x_(t-1) = mean + sqrt(var) z, without the noise in the last step                         (Algorithm 2)
 *
 * Paper -> here: abar_t -> alpha^2;  1 - abar_t -> sigma^2;  the step back between any two levels
 *                is df_step_between: beta_t -> large, the posterior's variance -> small.
 *
 * Differs from the paper: the network may predict v or x0 as well as eps; the variance defaults to fixed-small,
 * which is exact as steps grow and keeps thin data thin; the first step of the decoder is not discretised.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>

/* ---- objective ---- */

enum { SIMPLE, VLB };
static const char *const losses[] = {"simple", "vlb", NULL};

enum { FIXED_SMALL, FIXED_LARGE, LEARNED };
static const char *const variances[] = {"fixed-small", "fixed-large", "learned", NULL};

typedef struct learning {
    int loss;
} learning;

static const df_option learning_options[] = {
    {.name = "loss", .kind = DF_CHOICE, .offset = offsetof(learning, loss), .choices = losses, .value = "simple",
     .help = "weight of each level, uniform (Eq. 14) or the variational bound's for eps with variance beta_t (Eq. 12)"},
    {0}};

static double target(const df_example *e, double *target)
{
    const learning *options = e->options;
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    const double sigma = e->level.sigma;
    if (options->loss == SIMPLE) return e->prediction == DF_PREDICT_SCORE ? sigma * sigma : 1;

    const df_step_back back = df_step_between(e->level, e->before);
    const double gain = df_prediction_gain(e->prediction, e->level);
    return back.of_x0 * back.of_x0 / (2 * back.large) * gain * gain;
}

static const df_objective objective = {
    .name = "ddpm", .about = "squared error of eps, x0 or v at a uniformly drawn step",
    .options = learning_options, .options_size = sizeof(learning), .target = target,
    .linear = true};

/* ---- sampler ---- */

typedef struct sampling {
    int variance;
} sampling;

static const df_option sampling_options[] = {
    {.name = "variance-type", .kind = DF_CHOICE, .offset = offsetof(sampling, variance), .choices = variances,
     .value = "fixed-small",
     .help = "noise added by each step, from the posterior (Eq. 7), beta_t, or as the model says"},
    {0}};

static df_kernel reverse(const void *options, const double *found, df_level t, df_level before)
{
    (void)found;
    const int variance = ((const sampling *)options)->variance;
    const df_step_back back = df_step_between(t, before);
    return (df_kernel){.of_x0 = back.of_x0, .of_x = back.of_x, .learned = variance == LEARNED,
                       .posterior = back.small, .variance = variance == FIXED_SMALL ? back.small : back.large};
}

static void step(df_walk *walk, size_t i)
{
    const df_level t = walk->levels[i], before = walk->levels[i + 1];
    const df_kernel k = reverse(walk->options, NULL, t, before);
    const bool last = i + 1 == walk->steps;
    const double noise = last ? 0 : sqrt(k.variance);

    df_walk_denoise_to(walk, t, k.learned ? &before : NULL);
    df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++) {
        const double spread = k.learned && !last ? df_exp(0.5 * walk->log_variance[j]) : noise;
        walk->x[j] = k.of_x0 * walk->x0[j] + k.of_x * walk->x[j] + spread * walk->z[j];
    }
}

static bool needs_variance(const void *options)
{
    return ((const sampling *)options)->variance == LEARNED;
}

static const df_sampler sampler = {
    .name = "ddpm", .about = "ancestral sampling, every step of the schedule unless --steps says fewer",
    .all_steps = true, .needs_independent = true,
    .options = sampling_options, .options_size = sizeof(sampling), .step = step, .kernel = reverse,
    .needs_variance = needs_variance};

const df_paper df_paper_ddpm = {
    .key = "ddpm", .title = "Denoising Diffusion Probabilistic Models", .authors = "Ho, Jain, Abbeel",
    .venue = "NeurIPS 2020, 33, 6840-6851", .arxiv = "2006.11239", .year = 2020,
    .brings = "learn the noise, step back with the posterior",
    .claim = "eps, x0 and v learn the same roll, and v is good at every level where the others are not",
    .check = "build/tests/claim_heads build/diffuse FOLDER, in make test",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
