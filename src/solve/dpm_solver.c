/* dpm_solver.c -- DPM-Solver and DPM-Solver++: few steps of high order.                       [dpm_solver]
 *
 * Lu, Zhou, Bao, Chen, Li, Zhu. NeurIPS 2022. arXiv:2206.00927; "++": arXiv:2211.01095
 *
 * Half of the probability-flow ODE is linear and has a closed solution; only the denoiser's answer is unknown between
 * two levels. In lambda = ln(alpha/sigma) what remains is one integral, weighted by e^lambda:
 *   x_t = sigma_t/sigma_s x_s + sigma_t int_(lambda_s)^(lambda_t) e^lambda D dlambda             (++, Proposition 4.1)
 * The solvers differ in what they take for D in it, with h = lambda_t - lambda_s:
 *   1    D_s                                                                                     DDIM again
 *   2S   D at the middle of lambda, reached by a step of order 1; two answers a step             (++, Algorithm 1)
 *   2M   D_s + h/(2 h_before) (D_s - D_before), drawn on from the step before; one answer        (++, Algorithm 2)
 * and for either, as D does not change over the step any more,
 *   x_t = sigma_t/sigma_s x_s + alpha_t (1 - e^-h) D
 * The reverse SDE with eta times its noise has the same form, with e^(-eta h) more decay and that much fresh noise:
 *   x_t = sigma_t/sigma_s e^(-eta h) x_s + alpha_t (1 - e^(-(1 + eta) h)) D + sigma_t sqrt(1 - e^(-2 eta h)) z
 *   D   = 2M's ("midpoint"), or with the slope of D integrated along the step ("heun")           (SDE-2M)
 * eta = 0 is the ODE. The first step has no step before it, and a step from pure noise or to clean data is infinite
 * in lambda: there the order is 1.
 *
 * Paper -> here: x_theta -> D, our x0;  half log-SNR lambda -> -df_log_ratio;  the step from t_(i-1) to t_i -> s to t.
 *
 * Differs from the paper: its first version solves for eps in place of D; that is the less stable of the two under
 * guidance, and is left out. lambda is that of the levels themselves: the official code interpolates ln alpha between
 * the steps of a table, and its kinks cost the order. That code also ends short walks with a step of order 1; here,
 * as in k-diffusion, from which SDE-2M and its names are taken, only a step to clean data has order 1.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>
#include <string.h>

/* x_t = of_x x_s + of_x0 D + noise z */
typedef struct update {
    double of_x, of_x0, noise;
} update;

static double gap(df_level s, df_level t)
{
    return df_log_ratio(s) - df_log_ratio(t);
}

/* alpha_t e^-h is sigma_t alpha_s/sigma_s, which is finite at both ends. */
static update update_between(df_level s, df_level t, double eta)
{
    const double h = gap(s, t), decay = eta > 0 ? df_exp(-eta * h) : 1, kept = t.sigma / s.sigma * decay;
    return (update){.of_x = kept, .of_x0 = t.alpha - kept * s.alpha,
                    .noise = eta > 0 ? t.sigma * sqrt(-df_expm1(-2 * eta * h)) : 0};
}

static bool is_finite_step(df_level s, df_level t)
{
    return s.alpha > 0 && t.sigma > 0;
}

static void apply(df_walk *walk, update u, const double *from, const double *x0)
{
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = u.of_x * from[j] + u.of_x0 * x0[j] + (u.noise > 0 ? u.noise * walk->z[j] : 0);
}

/* ---- multistep: 2M and SDE-2M ---- */

/* Moves with D_s + slope (D_s - D_before); the first memory keeps D_before. */
static void multistep(df_walk *walk, size_t i, update u, double slope)
{
    double *before = walk->memory[0];
    const size_t count = walk->n * walk->dim;
    df_walk_denoise(walk, walk->levels[i]);
    if (u.noise > 0) df_walk_noise(walk, i);
    for (size_t j = 0; j < count; j++) {
        const double x0 = walk->x0[j], change = slope > 0 ? x0 - before[j] : 0;
        before[j] = x0;
        walk->x0[j] = x0 + slope * change;
    }
    apply(walk, u, walk->x, walk->x0);
}

/* h / h_before where the slope of D is known, else 0. */
static double ratio_of_steps(const df_walk *walk, size_t i)
{
    const df_level s = walk->levels[i], t = walk->levels[i + 1];
    return i > 0 && is_finite_step(s, t) ? gap(s, t) / gap(walk->levels[i - 1], s) : 0;
}

typedef struct multistep_options {
    uint64_t order;
} multistep_options;

static const df_option multistep_table[] = {
    {.name = "solver-order", .kind = DF_COUNT, .offset = offsetof(multistep_options, order), .value = "2", .low = 1,
     .high = 2, .shown = "P", .help = "2: draws D on from the step before (++, Algorithm 2); 1: DDIM"},
    {0}};

static void step_2m(df_walk *walk, size_t i)
{
    const multistep_options *options = walk->options;
    const update u = update_between(walk->levels[i], walk->levels[i + 1], 0);
    multistep(walk, i, u, options->order > 1 ? 0.5 * ratio_of_steps(walk, i) : 0);
}

enum { MIDPOINT, HEUN };
static const char *const solver_types[] = {"midpoint", "heun", NULL};

typedef struct sde_options {
    double eta;
    int type;
} sde_options;

static const df_option sde_table[] = {
    {.name = "eta", .kind = DF_NUMBER, .offset = offsetof(sde_options, eta), .value = "1", .low = 0, .high = 10,
     .shown = "E", .help = "noise, 1: that of the reverse SDE; 0: none, which is dpmpp_2m (SDE-2M)"},
    {.name = "solver-type", .kind = DF_CHOICE, .offset = offsetof(sde_options, type), .choices = solver_types,
     .value = "midpoint", .help = "how the slope of D enters, as in 2M or integrated along the step (SDE-2M)"},
    {0}};

static void step_2m_sde(df_walk *walk, size_t i)
{
    const sde_options *options = walk->options;
    const df_level s = walk->levels[i], t = walk->levels[i + 1];
    const update u = update_between(s, t, options->eta);
    const double a = (1 + options->eta) * gap(s, t), share = options->type == HEUN ? t.alpha / u.of_x0 - 1 / a : 0.5;
    const double ratio = ratio_of_steps(walk, i);
    multistep(walk, i, u, ratio > 0 ? share * ratio : 0);
}

static bool sde_adds_noise(const void *options)
{
    return ((const sde_options *)options)->eta > 0;
}

/* ---- singlestep: 2S ---- */

static void step_2s(df_walk *walk, size_t i)
{
    const df_level s = walk->levels[i], t = walk->levels[i + 1];
    double *from = walk->memory[0];
    memcpy(from, walk->x, walk->n * walk->dim * sizeof *from);
    df_walk_denoise(walk, s);
    if (is_finite_step(s, t)) {
        const df_level middle = df_level_from_ratio(sqrt(s.sigma / s.alpha * (t.sigma / t.alpha)));
        apply(walk, update_between(s, middle, 0), from, walk->x0);
        df_walk_denoise(walk, middle);
    }
    apply(walk, update_between(s, t, 0), from, walk->x0);
}

static const df_sampler two_m = {
    .name = "dpmpp_2m", .about = "DPM-Solver++(2M), order 2 with one answer a step", .order = 2, .memory = 1,
    .options = multistep_table, .options_size = sizeof(multistep_options), .step = step_2m};
static const df_sampler two_s = {
    .name = "dpmpp_2s", .about = "DPM-Solver++(2S), order 2 with two answers a step", .order = 2, .memory = 1,
    .step = step_2s};
static const df_sampler two_m_sde = {
    .name = "dpmpp_2m_sde", .about = "SDE-DPM-Solver++(2M), 2M with the noise of the reverse SDE", .memory = 1,
    .adds_noise = sde_adds_noise, .options = sde_table, .options_size = sizeof(sde_options), .step = step_2m_sde};

const df_paper df_paper_dpm_solver = {
    .key = "dpm_solver",
    .title = "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps",
    .authors = "Lu, Zhou, Bao, Chen, Li, Zhu", .venue = "NeurIPS 2022, 35, 5775-5787", .arxiv = "2206.00927",
    .year = 2022, .brings = "order 2 at one answer a step, from the linear half of the ODE solved exactly",
    .claim = "order 2.0 with one answer a step; on even steps closer than Heun with two",
    .check = "make papers PAPER=dpm_solver, and build/tests/test_solvers in make test",
    .samplers = (const df_sampler *const[]){&two_m, &two_s, &two_m_sde, NULL}};
