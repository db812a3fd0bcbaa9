/* flow_matching.c -- Flow Matching for Generative Modeling.                                  [flow_matching]
 *
 * Lipman, Chen, Ben-Hamu, Nickel, Le. ICLR 2023. arXiv:2210.02747
 *
 * Draw a straight line from a point of data to a point of noise, and learn the mean velocity of all lines
 * through a place: an ODE along it moves noise to data. Which noise belongs to which data is free. Independent
 * pairs make lines that cross and a flow that bends; pairs of least total length within a minibatch, or pairs
 * that an ODE has already joined, cross less and make a flow that fewer steps can follow.
 *
 *   x_u = (1 - u) x0 + u eps,   u uniform                                                    (Eq. 22, 23)
 *   L   = E |v_theta(x_u, u) - (eps - x0)|^2                                                 (Eq. 23)
 *   dx  = v_theta du,   from u = 1 to u = 0                                                  (Eq. 1)
 *   ot      eps permuted within blocks of 64 so that sum |x0 - eps|^2 is least               (Tong et al., 2302.00482)
 *   reflow  (x0, eps) are the ends of a path of another model's ODE                          (Liu et al., 2209.03003)
 *
 * Paper -> here: t -> 1 - u, so that noise grows as everywhere in this program;  v_t -> -velocity;
 *                x_u -> x / (alpha + sigma) of the level with the same sigma / alpha;  sigma_min -> 0.
 *
 * Differs from the paper: u stops 1/(T + 1) short of both ends. Euler on straight lines is DDIM on the same grid. The
 * last step is Euler's, which ends in the denoiser's answer. A reflow's paths are solved by Runge-Kutta.
 */
#include "diffuse/matching.h"
#include "diffuse/paper.h"

#include <string.h>

/* ---- objective ---- */

enum { INDEPENDENT, OT };
static const char *const couplings[] = {"independent", "ot", NULL};

typedef struct learning {
    int coupling;
    const char *reflow;
} learning;

static const df_option learning_options[] = {
    {.name = "coupling", .kind = DF_CHOICE, .offset = offsetof(learning, coupling), .choices = couplings,
     .value = "independent",
     .help = "which noise belongs to which point, any, or that of the shortest lines (2302.00482)"},
    {.name = "reflow", .kind = DF_WORD, .offset = offsetof(learning, reflow), .shown = "MODEL", .not_with = "coupling",
     .help = "learn from the pairs of noise and data that this model's ODE joins (2209.03003)"},
    {0}};

static double target(const df_example *e, double *target)
{
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    const double gain = df_prediction_gain(e->prediction, e->level) / df_prediction_gain(DF_PREDICT_VELOCITY, e->level);
    return gain * gain;
}

static void couple(df_learning *l, size_t n)
{
    if (((const learning *)l->options)->coupling != OT) return;
    enum { N = DF_ROWS };
    double cost[N * N], price[N], length[N], eps[N];
    size_t column_of[N], row_of[N], from[N], open[N];
    const size_t dim = l->network->config.dim;
    df_matching matching = {n, cost, column_of, row_of, price, length, from, open};
    df_matching_square_costs(&matching, l->x0, l->eps, dim);
    df_matching_solve(&matching);
    for (size_t i = 0; i < dim; i++) {
        for (size_t r = 0; r < n; r++) eps[r] = l->eps[column_of[r] * dim + i];
        for (size_t r = 0; r < n; r++) l->eps[r * dim + i] = eps[r];
    }
}

static const char *pairs_from(const void *options)
{
    return ((const learning *)options)->reflow;
}

static bool coupled(const void *options)
{
    const learning *l = options;
    return l->coupling == OT || l->reflow;
}

static const df_objective objective = {
    .name = "flow-matching", .about = "the velocity of straight lines from data to noise",
    .options = learning_options, .options_size = sizeof(learning),
    .settings = "prediction-type=velocity beta-schedule=flow shift=1", .target = target, .linear = true,
    .time = df_time_between_steps, .couple = couple, .coupled = coupled, .pairs_from = pairs_from};

/* ---- sampler ---- */

enum { EULER, MIDPOINT, HEUN };
static const char *const methods[] = {"euler", "midpoint", "heun", NULL};

typedef struct sampling {
    int method;
} sampling;

static const df_option sampling_options[] = {
    {.name = "method", .kind = DF_CHOICE, .offset = offsetof(sampling, method), .choices = methods, .value = "heun",
     .help = "how the ODE is stepped; euler asks the model once a step, the others twice"},
    {0}};

static double time_of(df_level level)
{
    return level.sigma / (level.alpha + level.sigma);
}

/* velocity:(n, dim) at walk->x, which stands at time u of straight lines. */
static void ask(df_walk *walk, double u, double *velocity)
{
    const df_level level = df_level_from_ratio(u / (1 - u));
    const size_t count = walk->n * walk->dim;
    for (size_t j = 0; j < count; j++) walk->x[j] *= level.alpha + level.sigma;
    df_walk_denoise(walk, level);
    for (size_t j = 0; j < count; j++) {
        walk->x[j] /= level.alpha + level.sigma;
        velocity[j] = walk->eps[j] - walk->x0[j];
    }
}

static void move(double *x, const double *from, double du, const double *velocity, size_t count)
{
    for (size_t j = 0; j < count; j++) x[j] = from[j] + du * velocity[j];
}

static void step(df_walk *walk, size_t i)
{
    const df_level here = walk->levels[i], there = walk->levels[i + 1];
    const double u = time_of(here), du = time_of(there) - u;
    const int method = there.sigma > 0 ? ((const sampling *)walk->options)->method : EULER;
    const size_t count = walk->n * walk->dim;
    double *from = walk->memory[0], *first = walk->memory[1], *second = walk->memory[2];

    for (size_t j = 0; j < count; j++) walk->x[j] /= here.alpha + here.sigma;
    memcpy(from, walk->x, count * sizeof *from);
    ask(walk, u, first);
    if (method == MIDPOINT) {
        move(walk->x, from, du / 2, first, count);
        ask(walk, u + du / 2, first);
    } else if (method == HEUN) {
        move(walk->x, from, du, first, count);
        ask(walk, u + du, second);
        for (size_t j = 0; j < count; j++) first[j] = (first[j] + second[j]) / 2;
    }
    move(walk->x, from, du, first, count);
    for (size_t j = 0; j < count; j++) walk->x[j] *= there.alpha + there.sigma;
}

static const df_sampler sampler = {
    .name = "flow", .about = "the ODE of straight lines, in equal steps of time",
    .order = 2, .spacing = DF_SPACING_FLOW, .memory = 3,
    .options = sampling_options, .options_size = sizeof(sampling), .step = step};

const df_paper df_paper_flow_matching = {
    .key = "flow_matching", .title = "Flow Matching for Generative Modeling",
    .authors = "Lipman, Chen, Ben-Hamu, Nickel, Le", .venue = "ICLR 2023", .arxiv = "2210.02747", .year = 2023,
    .brings = "straight lines between noise and data; shorter and uncrossed ones by OT and reflow",
    .claim = "pairs that cross less make a flow that few steps can follow: OT pairs at two steps, reflow at one",
    .check = "make papers PAPER=flow_matching",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
