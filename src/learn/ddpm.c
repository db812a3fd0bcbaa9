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
 * Paper -> here: abar_t -> alpha^2;  1 - abar_t -> sigma^2;  a_t = abar_t / abar_(t-1) -> kept^2;
 *                beta_t -> added, the noise variance between two levels, so that any two levels make a step.
 *
 * Differs from the paper: the network may predict v or x0 as well as eps; the variance defaults to fixed-small,
 * which is exact as steps grow and keeps thin data thin; the first step of the decoder is not discretised.
 */
#include "diffuse/paper.h"

#include <math.h>

/* The kernel between two levels: x_t = kept x_before + sqrt(added) eps. */
typedef struct kernel {
    double kept, added;
} kernel;

static kernel between(df_level before, df_level level)
{
    const double kept = level.alpha / before.alpha;
    return (kernel){kept, level.sigma * level.sigma - kept * kept * before.sigma * before.sigma};
}

/* ---- objective ---- */

enum { SIMPLE, VLB };
static const char *const losses[] = {"simple", "vlb", NULL};

enum { FIXED_SMALL, FIXED_LARGE };
static const char *const variances[] = {"fixed-small", "fixed-large", NULL};

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
    if (options->loss == SIMPLE) return 1;

    /* From x0 to eps and v, not from eps: where alpha is 0 the weight of eps is infinite, the others are not. */
    const kernel k = between(e->before, e->level);
    const double s2 = e->level.sigma * e->level.sigma, a2 = e->level.alpha * e->level.alpha;
    const double weight_of_x0 = e->before.alpha * e->before.alpha * k.added / (2 * s2 * s2);
    return e->prediction == DF_PREDICT_X0  ? weight_of_x0
           : e->prediction == DF_PREDICT_V ? weight_of_x0 * s2
                                           : weight_of_x0 * s2 / a2;
}

static const df_objective objective = {
    .name = "ddpm", .about = "squared error of eps, x0 or v at a uniformly drawn step",
    .options = learning_options, .options_size = sizeof(learning), .target = target};

/* ---- sampler ---- */

typedef struct sampling {
    int variance;
} sampling;

static const df_option sampling_options[] = {
    {.name = "variance-type", .kind = DF_CHOICE, .offset = offsetof(sampling, variance), .choices = variances,
     .value = "fixed-small", .help = "noise added by each step, from the posterior (Eq. 7) or beta_t"},
    {0}};

static df_kernel reverse(const void *options, df_level t, df_level before)
{
    const kernel k = between(before, t);
    const double s2 = t.sigma * t.sigma, s2_before = before.sigma * before.sigma;
    return (df_kernel){.of_x0 = before.alpha * k.added / s2, .of_x = k.kept * s2_before / s2,
                       .variance = ((const sampling *)options)->variance == FIXED_LARGE ? k.added
                           : k.added * s2_before / s2};
}

static void step(df_walk *walk, size_t i)
{
    const df_kernel k = reverse(walk->options, walk->levels[i], walk->levels[i + 1]);
    const bool last = i + 1 == walk->steps;
    const double noise = last ? 0 : sqrt(k.variance);

    df_walk_denoise(walk, walk->levels[i]);
    df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = k.of_x0 * walk->x0[j] + k.of_x * walk->x[j] + noise * walk->z[j];
}

static const df_sampler sampler = {
    .name = "ddpm", .about = "ancestral sampling, every step of the schedule unless --steps says fewer",
    .all_steps = true, .needs_independent = true,
    .options = sampling_options, .options_size = sizeof(sampling), .step = step, .kernel = reverse};

const df_paper df_paper_ddpm = {
    .key = "ddpm", .title = "Denoising Diffusion Probabilistic Models", .authors = "Ho, Jain, Abbeel",
    .venue = "NeurIPS 2020, 33, 6840-6851", .arxiv = "2006.11239", .year = 2020,
    .brings = "learn the noise, step back with the posterior",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
