/* sit.c -- SiT: Exploring Flow and Diffusion-based Generative Models with Scalable Interpolant Transformers.  [sit]
 *
 * Ma, Goldstein, Albergo, Boffi, Vanden-Eijnden, Xie. ECCV 2024. arXiv:2401.08740
 *
 * Three choices that diffusion ties together are free: the path between data and noise, what the network
 * predicts of it, and, after training, how much noise the way back adds. For any w >= 0 an SDE with diffusion
 * w has the path's own marginals; w = 0 is the ODE.
 *
 *   x_u = alpha x0 + sigma eps       linear: (1 - u, u)       gvp: (cos, sin)(pi u / 2)       (Eq. 1, Sec. 2.3)
 *   L_v = E |v_theta - (alpha' x0 + sigma' eps)|^2                                            (Eq. 5)
 *   L_s = E w_t |sigma s_theta + eps|^2,   w_t = 1, (lambda/sigma)^2 or lambda/sigma^2        (Eq. 8, App. A)
 *   lambda = sigma^2 d ln(sigma/alpha) / du:  linear sigma/alpha,  gvp (pi/2) sigma/alpha     (Eq. 9)
 *   back    dx = (v - w score) du + sqrt(2 w) dB,   du < 0,   score = -eps / sigma            (Eq. 4)
 *   w(u)    constant 1;  sigma;  sbdm: lambda;  decreasing: u;
 *           cosine: (1 - cos pi u)^2 / 4;  sine: sin^2 pi u                                   (Table 8, their code)
 *
 * Paper -> here: t of the paper -> u; of their code -> 1 - u. The transformer is our MLP. On gvp the velocity is
 *                (pi/2) (alpha eps - sigma x0): --beta-schedule gvp --prediction-type v.
 *
 * Differs from the paper: every step is Euler-Maruyama in equal u, and the last, to u = 0, is the denoiser's
 * answer where theirs is a drift step of size 0.04. Their code has sine under a misspelled name that no option reaches.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>

static double square(double a)
{
    return a * a;
}

/* ---- objective ---- */

enum { NONE, VELOCITY, LIKELIHOOD };
static const char *const weightings[] = {"none", "velocity", "likelihood", NULL};

typedef struct learning {
    int weighting;
} learning;

static const df_option learning_options[] = {
    {.name = "loss-weight", .kind = DF_CHOICE, .offset = offsetof(learning, weighting), .choices = weightings,
     .value = "none", .help = "of eps and score, 1, (lambda/sigma)^2 or lambda/sigma^2 (App. A)"},
    {0}};

/* lambda / sigma^2 by the schedule itself, whatever it is: the slope of ln(sigma/alpha) over one step. */
static double slope(const df_schedule *schedule, double t)
{
    const double steps = (double)schedule->steps, low = t > 1.5 ? t - 0.5 : 1, high = low + 1 < steps ? low + 1 : steps;
    return steps * (df_log_ratio(df_schedule_level(schedule, high)) - df_log_ratio(df_schedule_level(schedule, low))) /
           (high - low);
}

static double time(const df_learning *l, double u, double *weight)
{
    const int weighting = ((const learning *)l->options)->weighting;
    const double t = df_time_between_steps(l, u, weight);
    if (weighting == NONE) return t;
    const double sigma = df_schedule_level(l->schedule, t).sigma, s = slope(l->schedule, t);
    *weight = weighting == LIKELIHOOD ? s : square(s * sigma);
    return t;
}

static double target(const df_example *e, double *target)
{
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    return e->prediction == DF_PREDICT_SCORE ? square(e->level.sigma) : 1;
}

static const df_objective objective = {
    .name = "sit", .about = "velocity, noise or score on a linear, gvp or variance-preserving path",
    .options = learning_options, .options_size = sizeof(learning),
    .settings = "prediction-type=velocity beta-schedule=flow shift=1", .target = target, .linear = true,
    .time = time};

/* ---- sampler ---- */

enum { LINEAR, GVP };
static const char *const paths[] = {"linear", "gvp", NULL};

enum { W_NONE, W_CONSTANT, W_SIGMA, W_SBDM, W_DECREASING, W_COSINE, W_SINE };
static const char *const diffusions[] = {"none", "constant", "sigma", "sbdm", "decreasing", "cosine", "sine", NULL};

typedef struct sampling {
    int path, diffusion;
    double norm;
} sampling;

#define AT(member) .offset = offsetof(sampling, member)
static const df_option sampling_options[] = {
    {.name = "path", .kind = DF_CHOICE, AT(path), .choices = paths, .value = "linear",
     .help = "the path walked back, whatever was trained (Sec. 2.3)"},
    {.name = "diffusion", .kind = DF_CHOICE, AT(diffusion), .choices = diffusions, .value = "sigma",
     .help = "w of the SDE (Table 8); none: the ODE"},
    {.name = "diffusion-norm", .kind = DF_NUMBER, AT(norm), .value = "1", .low = 0, .high = 100, .shown = "C",
     .idle_with = "diffusion=none", .help = "multiplies w"},
    {0}};

/* A place on the path: its time, its coefficients, their slopes, and how much longer it is than a level of the walk. */
typedef struct place {
    double u, alpha, sigma, alpha_dot, sigma_dot, longer;
} place;

static place place_of(int path, df_level level)
{
    const double sum = level.alpha + level.sigma;
    if (path == LINEAR) return (place){level.sigma / sum, level.alpha / sum, level.sigma / sum, -1, 1, 1 / sum};
    const double half_pi = DF_PI / 2;
    return (place){df_atan2(level.sigma, level.alpha) / half_pi, level.alpha, level.sigma, -half_pi * level.sigma,
                   half_pi * level.alpha, 1};
}

static double diffusion(const sampling *options, place p)
{
    double sine, cosine;
    df_sincos(DF_PI * p.u, &sine, &cosine);
    switch (options->diffusion) {
    case W_NONE: return 0;
    case W_CONSTANT: return options->norm;
    case W_SIGMA: return options->norm * p.sigma;
    case W_SBDM: return options->norm * (p.sigma * p.sigma_dot - p.alpha_dot / p.alpha * p.sigma * p.sigma);
    case W_DECREASING: return options->norm * p.u;
    case W_COSINE: return options->norm * square(1 - cosine) / 4;
    default: return options->norm * square(sine);
    }
}

static void step(df_walk *walk, size_t i)
{
    const sampling *options = walk->options;
    const df_level level = walk->levels[i];
    const place here = place_of(options->path, level), there = place_of(options->path, walk->levels[i + 1]);
    const bool last = i + 1 == walk->steps;
    const double du = here.u - there.u, w = diffusion(options, here), noise = sqrt(2 * w * du);

    df_walk_denoise(walk, level);
    if (noise > 0 && !last) df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++) {
        const double velocity = here.alpha_dot * walk->x0[j] + here.sigma_dot * walk->eps[j];
        const double score = -walk->eps[j] / here.sigma;
        const double x = here.longer * walk->x[j] - du * (velocity - w * score) + (noise > 0 ? noise * walk->z[j] : 0);
        walk->x[j] = last ? walk->x0[j] : x / there.longer;
    }
}

static bool needs_signal(const void *options)
{
    return ((const sampling *)options)->diffusion == W_SBDM;
}

static const df_sampler sampler = {
    .name = "sit", .about = "an SDE of chosen diffusion along a linear or gvp path",
    .order = 0, .spacing = DF_SPACING_FLOW, .needs_independent = true, .needs_signal = needs_signal,
    .options = sampling_options, .options_size = sizeof(sampling), .step = step};

const df_paper df_paper_sit = {
    .key = "sit",
    .title = "SiT: Exploring Flow and Diffusion-based Generative Models with Scalable Interpolant Transformers",
    .authors = "Ma, Goldstein, Albergo, Boffi, Vanden-Eijnden, Xie", .venue = "ECCV 2024", .arxiv = "2401.08740",
    .year = 2024, .brings = "path, prediction and the noise of the way back are free choices",
    .claim = "after training, any diffusion coefficient leaves the right marginals",
    .check = "make papers PAPER=sit",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
