/* ddim.c -- Denoising Diffusion Implicit Models.                                             [ddim]
 *
 * Song, Meng, Ermon. ICLR 2021. arXiv:2010.02502
 *
 * DDPM's training only fixes the law of x_t given x0 at each t; many processes share it. This family has
 * one knob: eta = 1 is DDPM's posterior, eta = 0 adds no noise at all, so that a point's start alone
 * decides its end, few steps suffice, and the walk can be walked backwards.
 *
 *   x_u = alpha_u x0 + sqrt(sigma_u^2 - k^2) eps + k z                                       (Eq. 12)
 *   k   = eta (sigma_u / sigma_t) sqrt(1 - alpha_t^2 / alpha_u^2)                            (Eq. 16)
 *   sigma-hat: the mean of eta = 1 with k^2 = 1 - alpha_t^2 / alpha_u^2 for its noise        (Section 5)
 *
 * eta = 0 is Euler's method for the probability-flow ODE in y = x / alpha, q = sigma / alpha:
 *   y_u = y_t + (q_u - q_t) eps                                                              (Eq. 13)
 * Upwards (t less noisy than u) the same step encodes. Clean data has no eps to divide out; the first step
 * up asks for the noise at the level it is going to.
 *
 * Paper -> here: alpha_t -> alpha_t^2;  1 - alpha_t -> sigma_t^2;  sigma_t(eta) -> k.
 */
#include "diffuse/paper.h"

#include <math.h>

typedef struct sampling {
    double eta;
    bool sigma_hat;
} sampling;

static const df_option options_table[] = {
    {.name = "eta", .kind = DF_NUMBER, .offset = offsetof(sampling, eta), .value = "0", .low = 0, .high = 1,
     .shown = "E",
     .help = "noise of each step, 0: none, deterministic; 1: that of DDPM's posterior (Eq. 16)"},
    {.name = "sigma-hat", .kind = DF_FLAG, .offset = offsetof(sampling, sigma_hat), .not_with = "eta",
     .help = "mean of eta = 1 with the larger noise of DDPM's beta_t (Section 5)"},
    {0}};

static double square(double a)
{
    return a * a;
}

static void step(df_walk *walk, size_t i)
{
    const sampling *options = walk->options;
    const df_level t = walk->levels[i], u = walk->levels[i + 1];
    const bool down = u.sigma < t.sigma, last = i + 1 == walk->steps;
    const double beta = down ? 1 - square(t.alpha / u.alpha) : 0; /* noise variance between u and t */
    const double k = (options->sigma_hat ? 1 : options->eta) * (down ? u.sigma / t.sigma : 0) * sqrt(beta);
    const double keep = sqrt(square(u.sigma) - square(k));
    const double noise = last ? 0 : options->sigma_hat ? sqrt(beta) : k;

    df_walk_denoise(walk, t.sigma > 0 ? t : u);
    if (noise > 0) df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++) {
        const double x0 = t.sigma > 0 ? walk->x0[j] : walk->x[j];
        walk->x[j] = u.alpha * x0 + keep * walk->eps[j] + (noise > 0 ? noise * walk->z[j] : 0);
    }
}

static bool adds_noise(const void *options)
{
    return ((const sampling *)options)->eta > 0 || ((const sampling *)options)->sigma_hat;
}

static const df_sampler sampler = {
    .name = "ddim", .about = "deterministic with --eta 0, DDPM with --eta 1, anything between",
    .order = 1, .options = options_table, .options_size = sizeof(sampling), .step = step,
    .adds_noise = adds_noise};

const df_paper df_paper_ddim = {
    .key = "ddim", .title = "Denoising Diffusion Implicit Models", .authors = "Song, Meng, Ermon", .venue = "ICLR 2021",
    .arxiv = "2010.02502", .year = 2021, .brings = "few steps without noise, and a latent for every point",
    .claim = "the same walk without noise is a solver of order 1, encodes points, and finds them again",
    .check = "build/tests/claim_ddim build/diffuse FOLDER, in make test",
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
