/* analytic_dpm.c -- Analytic-DPM: the best variance of a step back, from the score alone.      [analytic_dpm]
 *
 * Bao, Li, Zhu, Zhang. ICLR 2022. arXiv:2201.06503
 *
 * Given x_t, x0 is still uncertain, and that uncertainty belongs into the step back: both variances that DDPM
 * proposes are wrong unless steps are many. The one that brings a Gaussian step nearest to the true law of x_u has a
 * closed form, and how uncertain x0 is on average can be read off the length of eps, because a guess of the noise is
 * the shorter the less it knows. For a step from t to u of DDIM's whole family, with its k (Eq. 16 there; eta = 1 is
 * DDPM):
 *   mean  = alpha_u D + sqrt(sigma_u^2 - k^2) eps = c D + sqrt(sigma_u^2 - k^2)/sigma_t x
 *   var   = k^2 + c^2 C_t,   c = alpha_u - sqrt(sigma_u^2 - k^2) alpha_t/sigma_t              (Theorem 1)
 *   C_t   = E tr Cov(x0 | x_t)/d = (sigma_t/alpha_t)^2 (1 - E |eps|^2/d)                      (Theorem 1)
 *
 * Paper -> here: alpha-bar -> alpha^2;  beta-bar -> sigma^2;  lambda_n -> k;  Gamma_n, the mean squared score -> the
 *                mean of |eps|^2/d, divided by sigma^2.
 *
 * Differs from the paper: the mean over x_t is over DF_PILOT_ROWS walks without noise, and not over noised data, which
 * a sampler does not have; they visit the same levels. The official code clips C to that of pixels in [-1, 1]; here it
 * is at most the variance of the ends of the pilots, which where there is no signal it is. It also thins the noise of
 * the last steps to what no pixel shows; here only the last step of a walk adds none, as with the other samplers, while
 * the bound decodes with the variance above.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>

typedef struct sampling {
    double eta;
} sampling;

static const df_option options_table[] = {
    {.name = "eta", .kind = DF_NUMBER, .offset = offsetof(sampling, eta), .value = "1", .low = 0, .high = 1,
     .shown = "E", .help = "whose mean, 1: DDPM's, 0: DDIM's, which still gets its variance (k in Theorem 1)"},
    {0}};

static double square(double a)
{
    return a * a;
}

static df_kernel reverse(const void *options, const double *covariance, df_level t, df_level u)
{
    const double eta = ((const sampling *)options)->eta;
    const double k2 = square(eta * u.sigma / t.sigma) * (1 - square(t.alpha / u.alpha));
    const double of_x = sqrt(square(u.sigma) - k2) / t.sigma, of_x0 = u.alpha - of_x * t.alpha;
    return (df_kernel){.of_x0 = of_x0, .of_x = of_x, .posterior = k2, .variance = k2 + square(of_x0) * *covariance};
}

static void step(df_walk *walk, size_t i)
{
    const df_kernel k = reverse(walk->options, walk->pilot + i, walk->levels[i], walk->levels[i + 1]);
    const double noise = i + 1 == walk->steps ? 0 : sqrt(k.variance);
    df_walk_denoise(walk, walk->levels[i]);
    df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = k.of_x0 * walk->x0[j] + k.of_x * walk->x[j] + noise * walk->z[j];
}

/* The mean squared distance to the mean, a coordinate. */
static double variance_of(const double *x, size_t rows, size_t dim)
{
    double sum = 0;
    for (size_t c = 0; c < dim; c++) {
        double mean = 0;
        for (size_t r = 0; r < rows; r++) mean += x[r * dim + c] / (double)rows;
        for (size_t r = 0; r < rows; r++) sum += square(x[r * dim + c] - mean);
    }
    return sum / (double)(rows * dim);
}

/* Adds the share of one block of walks in the mean of |eps|^2/d at every level, and leaves x at the last. */
static void follow(double *length, df_walk *walk)
{
    const size_t count = walk->n * walk->dim;
    for (size_t i = 0; i < walk->steps; i++) {
        const df_level u = walk->levels[i + 1];
        df_walk_denoise(walk, walk->levels[i]);
        for (size_t j = 0; j < count; j++) {
            length[i] += square(walk->eps[j]) / (double)(DF_PILOT_ROWS * walk->dim);
            walk->x[j] = u.alpha * walk->x0[j] + u.sigma * walk->eps[j];
        }
    }
}

/* C_t at every level. */
static void pilot(double *covariance, df_walk *walk, double *x)
{
    for (size_t i = 0; i <= walk->steps; i++) covariance[i] = 0;
    walk->n = DF_ROWS;
    for (size_t r = 0; r < DF_PILOT_ROWS; r += DF_ROWS) {
        walk->x = x + r * walk->dim;
        follow(covariance, walk);
    }
    const double most = variance_of(x, DF_PILOT_ROWS, walk->dim);
    for (size_t i = 0; i < walk->steps; i++) {
        const df_level t = walk->levels[i];
        const double c = t.alpha > 0 ? square(t.sigma / t.alpha) * (1 - covariance[i]) : most;
        covariance[i] = c < 0 ? 0 : c > most ? most : c;
    }
}

static const df_sampler sampler = {
    .name = "analytic_dpm", .about = "ancestral sampling with the best variance, which the score tells",
    .needs_independent = true, .options = options_table, .options_size = sizeof(sampling), .pilot = pilot, .step = step,
    .kernel = reverse};

const df_paper df_paper_analytic_dpm = {
    .key = "analytic_dpm",
    .title = "Analytic-DPM: an Analytic Estimate of the Optimal Reverse Variance in Diffusion Probabilistic Models",
    .authors = "Bao, Li, Zhu, Zhang", .venue = "ICLR 2022", .arxiv = "2201.06503", .year = 2022,
    .brings = "the best variance of each step back, without training anything",
    .claim = "its bound lies between those of DDPM's larger variance and of a learned one, and is best of the fixed",
    .check = "make papers PAPER=analytic_dpm, and build/tests/test_analytic in make test",
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
