/* edm.c -- Elucidating the Design Space of Diffusion-Based Generative Models.                [edm]
 *
 * Karras, Aittala, Aila, Laine. NeurIPS 2022. arXiv:2206.00364
 *
 * Training and sampling are independent choices. For training: let the network see inputs and targets of
 * variance 1 at every level, weigh every level alike, and draw levels where there is something to learn. For
 * sampling: follow the straightest equation, dx/dsigma = (x - D)/sigma, by a method of second order, on levels
 * that crowd at low noise; fresh noise on the way undoes some of the errors of the network.
 *
 *   D       = c_skip x + c_out F(c_in x; c_noise)                                            (Eq. 7)
 *   c_skip  = sd^2/(s^2 + sd^2)    c_out = s sd/sqrt(s^2 + sd^2)    c_in = 1/sqrt(s^2 + sd^2)   (Table 1)
 *   c_noise = ln(s)/4              weight lambda = 1/c_out^2, so that |F - target|^2 has weight 1
 *   ln s    ~ N(P_mean, P_std^2)                                                             (Table 1)
 *   g       = min(S_churn/N, sqrt(2) - 1) if S_tmin <= s <= S_tmax, else 0;   s^ = s + g s   (Algorithm 2)
 *   x^      = x + S_noise sqrt(s^2^ - s^2) z
 *   d       = (x^ - D(x^; s^))/s^          x' = x^ + a h d        h = s_next - s^            (Algorithm 3)
 *   d'      = (x' - D(x'; s^ + a h))/(s^ + a h)
 *   x_next  = x^ + h ((1 - 1/2a) d + 1/2a d');   to s = 0 it is x^ + h d
 *   a = 1 is Heun's method, 1/2 the midpoint's, 2/3 Ralston's. Euler's without churn is ddim.
 *
 * Paper -> here: s -> sigma/alpha;  x -> x/alpha;  sigma_data, sd -> the data are divided by it beforehand;
 *                s_i of Eq. 5 -> --timestep-spacing karras.
 *
 * With the data divided by sd, s/sd in place of s, and x / sqrt(1 + s^2) for the network's input, F is -v. So this is
 * v-prediction with its own law of levels; another prediction gets the weight that makes it the same loss.
 * Since x' = D + s' d exactly, d' = d + (D - D')/s': in this form no large number is subtracted from another.
 *
 * Differs from the paper: sd, P_mean, P_std and the levels from 0.01 to 20 that are sampled are for points of
 * variance 1 that are 0.05 thin (there 0.5, -1.2, 1.2, and 0.002 to 80, which is learned here). The law of s is cut
 * off at the ends of the schedule. As in the authors' code the last step is Euler's for every a, and N counts the
 * levels above 0; s^ stays among the levels that the model knows.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>

static double ratio(df_level level)
{
    return level.sigma / level.alpha;
}

/* ---- objective ---- */

typedef struct learning {
    double sigma_data, p_mean, p_std;
} learning;

#define AT(member) .offset = offsetof(learning, member)
static const df_option learning_options[] = {
    {.name = "sigma-data", .kind = DF_NUMBER, AT(sigma_data), .value = "1", .low = 1e-6, .high = 1e6, .shown = "S",
     .help = "standard deviation of the data once scaled, by which the network's are divided (Table 1); with "
             "--scale none"},
    {.name = "p-mean", .kind = DF_NUMBER, AT(p_mean), .value = "-1.2", .low = -20, .high = 20, .shown = "M",
     .also = "sigma-mean", .help = "mean of ln sigma of the levels to learn (Table 1)"},
    {.name = "p-std", .kind = DF_NUMBER, AT(p_std), .value = "1.4", .low = 0, .high = 20, .shown = "S",
     .also = "sigma-std", .help = "and its standard deviation (Table 1)"},
    {0}};
#undef AT

static double unit(const void *options)
{
    return ((const learning *)options)->sigma_data;
}

/* Of ln s at the quantile u of its law. */
static double draw_time(const df_learning *l, double u, double *weight)
{
    const learning *o = l->options;
    const double s = df_exp(o->p_mean + o->p_std * df_normal_quantile(u)) / o->sigma_data;
    (void)weight;
    return df_time_of_level(l, df_level_from_ratio(s));
}

static double target(const df_example *e, double *target)
{
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    const double c_out = e->level.sigma, gain = df_prediction_gain(e->prediction, e->level) / c_out;
    return gain * gain;
}

static const df_objective objective = {
    .name = "edm", .about = "preconditioned denoising at levels drawn where there is something to learn",
    .settings = "prediction-type=v beta-schedule=geometric sigma-start=0.002 sigma-end=80 shift=1",
    .options = learning_options, .options_size = sizeof(learning), .unit = unit, .time = draw_time, .target = target,
    .linear = true};

/* ---- samplers ---- */

typedef struct sampling {
    double churn, least, most, noise;
    double alpha; /* of heun alone */
} sampling;

#define CHURN                                                                                                        \
    {.name = "s-churn", .kind = DF_NUMBER, .offset = offsetof(sampling, churn), .value = "0", .low = 0, .high = 1e6, \
     .shown = "S", .help = "noise added over all steps, as a share of the level each is at; 0: none (Algorithm 2)"}, \
    {.name = "s-tmin", .kind = DF_NUMBER, .offset = offsetof(sampling, least), .value = "0", .low = 0, .high = 1e9,  \
     .shown = "S", .also = "s-min", .idle_with = "s-churn=0",                                                        \
     .help = "least sigma/alpha at which it is added (Algorithm 2)"},                                                \
    {.name = "s-tmax", .kind = DF_NUMBER, .offset = offsetof(sampling, most), .value = "1e9", .low = 0, .high = 1e9, \
     .shown = "S", .also = "s-max", .idle_with = "s-churn=0",                                                        \
     .help = "largest sigma/alpha at which it is added (Algorithm 2)"},                                              \
    {.name = "s-noise", .kind = DF_NUMBER, .offset = offsetof(sampling, noise), .value = "1", .low = 0, .high = 10,  \
     .shown = "S", .idle_with = "s-churn=0",                                                                         \
     .help = "its standard deviation; above 1 against samples that come out too thin (Algorithm 2)"}

static const df_option euler_options[] = {CHURN, {0}};
static const df_option heun_options[] = {
    CHURN,
    {.name = "alpha", .kind = DF_NUMBER, .offset = offsetof(sampling, alpha), .value = "1", .low = 0.01, .high = 1,
     .shown = "A", .help = "place of the second slope in the step, 1 Heun, 1/2 midpoint, 2/3 Ralston (Algorithm 3)"},
    {0}};

static bool adds_noise(const void *options)
{
    return ((const sampling *)options)->churn > 0;
}

/* Takes x back up to s^, and says where that is. */
static df_level churn(df_walk *walk, size_t i)
{
    const sampling *o = walk->options;
    const df_level t = walk->levels[i], most = walk->denoiser->most;
    const double s = ratio(t), share = o->churn / (double)walk->steps;
    if (!(share > 0 && s >= o->least && s <= o->most && t.alpha > 0)) return t;
    double up = s * (1 + (share < DF_SQRT2 - 1 ? share : DF_SQRT2 - 1));
    if (most.alpha > 0 && up > ratio(most)) up = ratio(most);
    if (!(up > s)) return t;

    const df_level level = df_level_from_ratio(up);
    const double spread = o->noise * sqrt(up * up - s * s);
    df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = level.alpha * (walk->x[j] / t.alpha + spread * walk->z[j]);
    return level;
}

static void euler(df_walk *walk, size_t i)
{
    const df_level u = walk->levels[i + 1];
    df_walk_denoise(walk, churn(walk, i));
    for (size_t j = 0; j < walk->n * walk->dim; j++) walk->x[j] = u.alpha * walk->x0[j] + u.sigma * walk->eps[j];
}

static void heun(df_walk *walk, size_t i)
{
    const df_level u = walk->levels[i + 1];
    const double a = ((const sampling *)walk->options)->alpha;
    if (!(walk->levels[i].alpha > 0 && u.sigma > 0)) { /* s is infinite, or going to be 0 */
        euler(walk, i);
        return;
    }
    const df_level t = churn(walk, i);
    const double h = ratio(u) - ratio(t), between = ratio(t) + a * h, bend = h / (2 * a * between);
    const df_level middle = df_level_from_ratio(between);
    double *x0 = walk->memory[0], *eps = walk->memory[1];

    df_walk_denoise(walk, t);
    for (size_t j = 0; j < walk->n * walk->dim; j++) {
        x0[j] = walk->x0[j];
        eps[j] = walk->eps[j];
        walk->x[j] = middle.alpha * x0[j] + middle.sigma * eps[j];
    }
    df_walk_denoise(walk, middle);
    for (size_t j = 0; j < walk->n * walk->dim; j++)
        walk->x[j] = u.alpha * (x0[j] + bend * (x0[j] - walk->x0[j])) + u.sigma * eps[j];
}

static const df_sampler sampler_euler = {
    .name = "euler", .about = "Euler's method with churn; without, it is ddim", .order = 1,
    .options = euler_options, .options_size = sizeof(sampling), .step = euler,
    .adds_noise = adds_noise};

static const df_sampler sampler_heun = {
    .name = "heun", .about = "second order for two questions a step, noise on the way with --s-churn", .order = 2,
    .options = heun_options, .options_size = sizeof(sampling), .memory = 2, .step = heun,
    .adds_noise = adds_noise};

const df_paper df_paper_edm = {
    .key = "edm", .title = "Elucidating the Design Space of Diffusion-Based Generative Models",
    .authors = "Karras, Aittala, Aila, Laine", .venue = "NeurIPS 2022", .arxiv = "2206.00364", .year = 2022,
    .brings = "preconditioning, a law of levels, and Heun's method with churn",
    .claim = "the roll within 0.05 nats, nothing left to learn at most levels, and churn mends an unfinished network",
    .check = "make papers PAPER=edm",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler_heun, &sampler_euler, NULL}};
