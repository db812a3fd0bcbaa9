/* ncsn.c -- Generative Modeling by Estimating Gradients of the Data Distribution.             [ncsn]
 *
 * Song, Ermon. NeurIPS 2019. arXiv:1907.05600
 *
 * The score, the slope of the log-density, says where to go for more data; but where there is no data nothing
 * can be learned of it, and between separate heaps of data nobody can cross. So learn the scores of the data
 * under many levels of noise at once, and walk uphill with noise, Langevin dynamics, from the noisiest down.
 *
 *   x~     = x + sigma z
 *   l      = 1/2 E |s_theta(x~, sigma) + (x~ - x) / sigma^2|^2                               (Eq. 5)
 *   L      = 1/L sum_i sigma_i^2 l(sigma_i),  levels of equal ratios                         (Eq. 6)
 *   a_i    = eps sigma_i^2 / sigma_L^2                                                       (Algorithm 1, line 3)
 *   x~     = x~ + a_i/2 s_theta(x~, sigma_i) + sqrt(a_i) z,   T times at each level          (Algorithm 1, line 6)
 *   x      = x~ + sigma_L^2 s_theta(x~, sigma_L), at the end          (their later paper, 2006.09011, and its code)
 *
 * Paper -> here: x~ -> x / alpha;  sigma -> sigma / alpha;  s_theta -> -alpha eps / sigma;  eps / sigma_L^2 -> c.
 *   In x the step is  x - (c/2) sigma eps + sqrt(c) sigma z,  and from one level to the next x / alpha stays.
 *   sigma s_theta + z is the error of eps, so that Eq. 6 is half the plain squared error of eps.
 *
 * Differs from the paper: the network outputs eps (or what is asked of it) and so sigma times the score, which
 * their later code divides by sigma as well; it is told the level itself, not its number; levels reach up to the
 * width of the data and beyond, as in 2006.09011, where 1 was the highest; a walk starts from the Gaussian of the
 * noisiest level, not from a uniform law. Their image code adds c sigma^2 s + sqrt(2 c) sigma z, so that the same c
 * is twice as long a step there; here it is the paper's and their toy's.
 */
#include "diffuse/paper.h"

#include <math.h>

/* ---- objective ---- */

/* Half the squared error of eps, from any prediction. */
static double target(const df_example *e, double *target)
{
    const double of_eps = df_prediction_eps_gain(e->prediction, e->level);
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    return 0.5 * of_eps * of_eps;
}

static const df_objective objective = {
    .name = "ncsn", .about = "denoising score matching at geometric levels, each weighted by its variance (Eq. 6)",
    .settings = "beta-schedule=geometric sigma-start=0.01 sigma-end=20 shift=1 timesteps=20 prediction-type=eps "
                "train-steps=20000 lr=0.005 lr-schedule=cosine",
    .target = target};

/* ---- sampler ---- */

typedef struct sampling {
    uint64_t steps_each;
    double step_size;
    bool no_denoise;
} sampling;

static const df_option sampling_options[] = {
    {.name = "steps-each", .kind = DF_COUNT, .offset = offsetof(sampling, steps_each), .value = "20", .low = 1,
     .high = 1e6, .shown = "T", .help = "Langevin steps at each level (Algorithm 1, line 4; there 100 at 10 levels)"},
    {.name = "step-size", .kind = DF_NUMBER, .offset = offsetof(sampling, step_size), .value = "0.2", .low = 1e-9,
     .high = 100, .shown = "C",
     .help = "their length in sigma^2 of the level, eps / sigma_L^2 (Algorithm 1, line 3)"},
    {.name = "no-denoise", .kind = DF_FLAG, .offset = offsetof(sampling, no_denoise),
     .help = "leave the noise of the last level in the samples, as the paper does"},
    {0}};

/* Algorithm 1, lines 3 to 7: the steps at one level. */
static void settle(df_walk *walk, size_t i)
{
    const sampling *options = walk->options;
    const df_level level = walk->levels[i];
    const double of_eps = 0.5 * options->step_size * level.sigma, of_z = sqrt(options->step_size) * level.sigma;
    for (uint64_t k = 0; k < options->steps_each; k++) {
        df_walk_denoise(walk, level);
        df_walk_noise(walk, i * options->steps_each + k);
        for (size_t j = 0; j < walk->n * walk->dim; j++) walk->x[j] += of_z * walk->z[j] - of_eps * walk->eps[j];
    }
}

/* To clean data, where no noise keeps Langevin dynamics moving. */
static void finish(df_walk *walk, df_level level)
{
    const sampling *options = walk->options;
    if (!options->no_denoise) df_walk_denoise(walk, level);
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = options->no_denoise ? walk->x[j] / level.alpha : walk->x0[j];
}

static void step(df_walk *walk, size_t i)
{
    const df_level from = walk->levels[i], to = walk->levels[i + 1];
    if (i == 0) settle(walk, 0);
    if (to.sigma <= 0) {
        finish(walk, from);
        return;
    }
    const double keep = from.alpha > 0 ? to.alpha / from.alpha : 1; /* pure noise starts the next level as well */
    for (size_t j = 0; j < walk->n * walk->dim; j++) walk->x[j] *= keep;
    settle(walk, i + 1);
}

static const df_sampler sampler = {
    .name = "langevin", .about = "annealed Langevin dynamics, many small steps at each level (Algorithm 1)",
    .needs_independent = true, .options = sampling_options, .options_size = sizeof(sampling), .step = step};

const df_paper df_paper_ncsn = {
    .key = "ncsn", .title = "Generative Modeling by Estimating Gradients of the Data Distribution",
    .authors = "Song, Ermon", .venue = "NeurIPS 2019", .arxiv = "1907.05600", .year = 2019,
    .brings = "learn the score under many levels of noise, and climb it with Langevin dynamics",
    .claim = "noise makes scores learnable far from the data, and annealing it gives each heap of data its share",
    .check = "make papers PAPER=ncsn",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
