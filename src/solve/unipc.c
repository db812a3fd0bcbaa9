/* unipc.c -- UniPC: a predictor and a corrector for the price of the predictor.               [unipc]
 *
 * Zhao, Bai, Rao, Zhou, Lu. NeurIPS 2023. arXiv:2302.04867
 *
 * After a step to t the denoiser is asked at t anyway, to begin the next step. UniC uses that answer to repeat the step
 * that has just been made with what is now known at its end, which raises the order by one and costs no answer more.
 * With h = lambda_t - lambda_s and lambda = ln(alpha/sigma) both parts add to the step of order 1,
 *   base = sigma_t/sigma_s x_s + alpha_t (1 - e^-h) D_s
 * a sum over differences of D, weighted so that polynomials in lambda are integrated exactly (Algorithms 1 and 2 in
 * their form for D, with B(h) = e^-h - 1, "bh2"). With q = -h, r = -h_before/h, S = (D_before - D_s)/r for order p = 2:
 *   predictor   x~ = base - alpha_t B S/2,   D_t = D(x~; t)
 *   corrector   x  = base - alpha_t B (a S + c (D_t - D_s)),   a = (b1 - b2)/(1 - r),   c = (b2 - r b1)/(1 - r)
 *               b1 = k1/B,   b2 = 2 k2/B,   k1 = B/q - 1,   k2 = k1/q - 1/2
 * and for p = 1, as for a first step, which has no D_before:
 *   predictor   x~ = base                                                                        DDIM
 *   corrector   x  = base - alpha_t B (D_t - D_s)/2                                              UniC-1
 * D_t is kept as the D_s of the next step, although it was asked for at x~: N steps take N answers.
 *
 * Paper -> here: x_theta -> D, our x0;  half log-SNR lambda -> -df_log_ratio;  the step from t_(i-1) to t_i -> s to t.
 *
 * Differs from the paper: order 2 at most. As in the official code the last step is not corrected, which would take an
 * answer more; that code also lowers the order of the last steps, here only a step from pure noise or to clean data,
 * infinite in lambda, has order 1. x between two steps is the corrected one.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>
#include <string.h>

typedef struct sampling {
    uint64_t order;
    bool predictor_only;
} sampling;

static const df_option options_table[] = {
    {.name = "solver-order", .kind = DF_COUNT, .offset = offsetof(sampling, order), .value = "2", .low = 1, .high = 2,
     .shown = "P", .help = "p of predictor and corrector (Algorithms 1 and 2), the walk's order is p + 1"},
    {.name = "disable-corrector", .kind = DF_FLAG, .offset = offsetof(sampling, predictor_only),
     .help = "UniP alone, of order p (Algorithm 2)"},
    {0}};

static double gap(df_level s, df_level t)
{
    return df_log_ratio(s) - df_log_ratio(t);
}

/* What the differences D_before - D_s and D_t - D_s are multiplied by. */
typedef struct weights {
    double before, after;
} weights;

static weights corrector(double h, double r, double scale, bool second)
{
    const double q = -h, b = df_expm1(q), k1 = b / q - 1, k2 = k1 / q - 0.5, b1 = k1 / b, b2 = 2 * k2 / b;
    if (!second) return (weights){.after = 0.5 * scale};
    return (weights){.before = scale * (b1 - b2) / (1 - r) / r, .after = scale * (b2 - r * b1) / (1 - r)};
}

/* x = of_x from + of_x0 D_s + the weighted differences */
static void move(df_walk *walk, const double *from, double of_x, double of_x0, weights w)
{
    const double *now = walk->memory[1], *before = walk->memory[2];
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = of_x * from[j] + of_x0 * now[j] + (w.before != 0 ? w.before * (before[j] - now[j]) : 0) +
                     (w.after != 0 ? w.after * (walk->x0[j] - now[j]) : 0);
}

/* Between steps memory[1] is D_s of the next step, memory[2] that of the last. */
static void step(df_walk *walk, size_t i)
{
    const sampling *options = walk->options;
    const df_level s = walk->levels[i], t = walk->levels[i + 1];
    const size_t size = walk->n * walk->dim * sizeof *walk->x;
    double *from = walk->memory[0], *now = walk->memory[1], *before = walk->memory[2];
    const bool finite = s.alpha > 0 && t.sigma > 0, second = options->order > 1 && finite && i > 0 &&
                                                             walk->levels[i - 1].alpha > 0;
    const double h = gap(s, t), r = second ? -gap(walk->levels[i - 1], s) / h : 0;
    const double of_x = t.sigma / s.sigma, of_x0 = t.alpha - of_x * s.alpha; /* alpha_t (1 - e^-h) */

    memcpy(from, walk->x, size);
    if (i == 0 || options->predictor_only) {
        df_walk_denoise(walk, s);
        memcpy(now, walk->x0, size);
    }
    move(walk, from, of_x, of_x0, (weights){.before = second ? of_x0 / (2 * r) : 0});
    if (i + 1 < walk->steps && !options->predictor_only) {
        df_walk_denoise(walk, t);
        if (finite) move(walk, from, of_x, of_x0, corrector(h, r, of_x0, second));
    }
    memcpy(before, now, size);
    memcpy(now, walk->x0, size);
}

static const df_sampler sampler = {
    .name = "unipc", .about = "UniPC-2, predictor and corrector, order 3 with one answer a step", .order = 3,
    .memory = 3, .options = options_table, .options_size = sizeof(sampling), .step = step};

const df_paper df_paper_unipc = {
    .key = "unipc", .title = "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
    .authors = "Zhao, Bai, Rao, Zhou, Lu", .venue = "NeurIPS 2023", .arxiv = "2302.04867", .year = 2023,
    .brings = "a corrector that raises the order of a solver by one at no cost",
    .claim = "order 3.0 with one answer a step, and UniC on top of DDIM order 2.0",
    .check = "make papers PAPER=unipc, and build/tests/test_solvers in make test",
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
