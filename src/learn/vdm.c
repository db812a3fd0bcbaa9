/* vdm.c -- Variational Diffusion Models.                                                     [vdm]
 *
 * Kingma, Salimans, Poole, Ho. NeurIPS 2021. arXiv:2107.00630
 *
 * In continuous time the variational bound is an integral over the signal-to-noise ratio and depends on the
 * schedule through its end points alone. What the schedule does decide is how noisy an estimate of the bound from
 * random times is; so it is learned as well, and its inside made to minimise that variance.
 *
 *   gamma(t) = -ln SNR(t), increasing;   alpha^2 = sigmoid(-gamma),   sigma^2 = sigmoid(gamma)       (Eq. 2, 3)
 *   -VLB  = KL(q(z_1|x) || N(0, I)) - E ln p(x|z_0) + L_inf                                          (Eq. 11)
 *   L_inf = 1/2 E gamma'(t) |eps - eps_theta(z_t; gamma(t))|^2                                       (Eq. 17)
 *   p(x|z_0) = N(z_0 / alpha_0, e^gamma_0 I):   -E ln p(x|z_0) = dim/2 (ln 2 pi + gamma_0 + 1)
 *   gamma(t) = gamma_0 + (gamma_1 - gamma_0) (m(t) - m(0)) / (m(1) - m(0))                           (App. H)
 *   m(t)     = p t + sum_j q_j s(u_j t + b_j),   p, q, u > 0,   s the logistic function
 *   end points by the gradient of the bound, p, q, u, b by that of E L^2, one example's squared term (App. I)
 *
 * With z' = dz/dgamma = (alpha sigma / 2) (alpha eps - sigma x):
 *   dL/dgamma' = |r|^2 / 2,   dL/dgamma = gamma' r . d eps_theta(z, gamma)/dgamma,   r = eps_theta - eps
 *
 * Paper -> here: x -> x0;  z_t -> x;  t in [0, 1] -> (step - 1) / (T - 1);  gamma -> 2 ln(sigma/alpha).
 *
 * Differs from the paper: data are continuous, so the decoder is a Gaussian; p, q, u are exponentials where the
 * paper takes absolute values; t is stratified over the minibatch instead of one uniform number and its shifts; the
 * gradient of E L^2 is divided by E L^2. Their code trains every schedule on the bound alone. gamma_0 has no optimum
 * once e^(gamma_0 / 2) is below the thickness of the data, so it is held above --gamma-least.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>

enum { UNITS = 32 };

typedef struct learning {
    double least, most;
    bool fixed;
} learning;

#define AT(member) .offset = offsetof(learning, member)
static const df_option learning_options[] = {
    {.name = "gamma-least", .kind = DF_NUMBER, AT(least), .value = "-10", .low = -30, .high = 0, .shown = "G",
     .help = "where gamma_0 starts, and the least it may become (Eq. 2)"},
    {.name = "gamma-most", .kind = DF_NUMBER, AT(most), .value = "5", .low = 0.5, .high = 30, .shown = "G",
     .help = "where gamma_1 starts"},
    {.name = "fixed-schedule", .kind = DF_FLAG, AT(fixed),
     .help = "keep gamma as it starts, the shape of --beta-schedule between the two (App. H)"},
    {0}};

/* ---- gamma(t) ---- */

enum { ENDS, LINEAR, SIZES, SLOPES, PLACES, TENSORS };

static void extend(df_network *network, const void *options, const df_schedule *schedule)
{
    (void)options, (void)schedule;
    df_network_add_extra(network, "gamma.ends", 2, 0);
    df_network_add_extra(network, "gamma.log_p", 1, 0);
    df_network_add_extra(network, "gamma.log_q", UNITS, 0);
    df_network_add_extra(network, "gamma.log_u", UNITS, 0);
    df_network_add_extra(network, "gamma.b", UNITS, 0);
}

static size_t offset_of(const df_network *network, int tensor)
{
    return network->tensors[2 * network->linears + (size_t)tensor].offset;
}

typedef struct schedule_net {
    double ends[2], p, q[UNITS], u[UNITS], b[UNITS];
    double s0[UNITS], s1[UNITS]; /* of the units at t = 0 and t = 1 */
    double m0, range;            /* m(0), m(1) - m(0) */
} schedule_net;

static double logistic(double z)
{
    return 1 / (1 + df_exp(-z));
}

/* m(t) and m'(t), and s(u_j t + b_j) of every unit. */
static void sum_units(const schedule_net *net, double t, double *m, double *m_dot, double s[UNITS])
{
    *m = net->p * t;
    *m_dot = net->p;
    for (size_t j = 0; j < UNITS; j++) {
        s[j] = logistic(net->u[j] * t + net->b[j]);
        *m += net->q[j] * s[j];
        *m_dot += net->q[j] * net->u[j] * s[j] * (1 - s[j]);
    }
}

static schedule_net read_net(const df_network *network, const df_real *parameters)
{
    schedule_net net;
    const df_real *ends = parameters + offset_of(network, ENDS), *q = parameters + offset_of(network, SIZES),
                  *u = parameters + offset_of(network, SLOPES), *b = parameters + offset_of(network, PLACES);
    double m1, slope;
    for (size_t i = 0; i < 2; i++) net.ends[i] = (double)ends[i];
    net.p = df_exp((double)parameters[offset_of(network, LINEAR)]);
    for (size_t j = 0; j < UNITS; j++) {
        net.q[j] = df_exp((double)q[j]);
        net.u[j] = df_exp((double)u[j]);
        net.b[j] = (double)b[j];
    }
    sum_units(&net, 0, &net.m0, &slope, net.s0);
    sum_units(&net, 1, &m1, &slope, net.s1);
    net.range = m1 - net.m0;
    return net;
}

/* Where an example stands on the schedule, and what became of it; doubles alone. */
typedef struct example {
    double t, place, place_dot, gamma, gamma_dot;
    double s[UNITS]; /* of the units */
    double square;   /* |r|^2 */
} example;

/* How far from gamma_0 to gamma_1, 0 to 1, and its slope. */
static void place_of(const schedule_net *net, double t, double *place, double *place_dot, double s[UNITS])
{
    double m, m_dot;
    sum_units(net, t, &m, &m_dot, s);
    *place = (m - net->m0) / net->range;
    *place_dot = m_dot / net->range;
}

/* The shape of the configured schedule, as far as it lies between the ends: each unit takes its part of the rise. */
static void start(const df_learning *l, df_real *parameters)
{
    const learning *options = l->options;
    const double sharpness = 2 * UNITS;
    df_real *ends = parameters + offset_of(l->network, ENDS), *q = parameters + offset_of(l->network, SIZES),
            *u = parameters + offset_of(l->network, SLOPES), *b = parameters + offset_of(l->network, PLACES);
    double gamma[UNITS + 1];
    ends[0] = (df_real)options->least;
    ends[1] = (df_real)options->most;
    for (size_t j = 0; j <= UNITS; j++) {
        const double t = 1 + (double)j / UNITS * ((double)l->schedule->steps - 1);
        const double g = 2 * df_log_ratio(df_schedule_level(l->schedule, t));
        gamma[j] = g < options->least ? options->least : g > options->most ? options->most : g;
    }
    const double whole = gamma[UNITS] - gamma[0];
    parameters[offset_of(l->network, LINEAR)] = (df_real)df_log(0.02);
    for (size_t j = 0; j < UNITS; j++) {
        const double rise = whole > 0 ? (gamma[j + 1] - gamma[j]) / whole : 1.0 / UNITS;
        q[j] = (df_real)df_log(rise > 1e-4 ? rise : 1e-4);
        u[j] = (df_real)df_log(sharpness);
        b[j] = (df_real)(-sharpness * ((double)j + 0.5) / UNITS);
    }
}

static void reschedule(df_schedule *schedule, const df_network *network, const df_real *parameters, const void *options)
{
    (void)options;
    const schedule_net net = read_net(network, parameters);
    for (size_t t = 1; t <= schedule->steps; t++) {
        const double at = schedule->steps > 1 ? (double)(t - 1) / ((double)schedule->steps - 1) : 1;
        double place, slope, s[UNITS];
        place_of(&net, at, &place, &slope, s);
        schedule->levels[t] = df_level_from_ratio(df_exp(0.5 * (net.ends[0] + place * (net.ends[1] - net.ends[0]))));
    }
}

static void add_to(df_real *sum, double term)
{
    *sum = (df_real)((double)*sum + term);
}

/* Adds to the gradient of p, q, u, b what comes through gamma and gamma' at t. by_place, by_slope: derivatives by the
 * place between the ends and by its slope. Each parameter moves m(t), m'(t), m(0) and m(1). */
static void inside_gradient(df_real *d_parameters, const df_network *network, const schedule_net *net,
                            const example *e, double by_place, double by_slope)
{
    const double t = e->t, place = e->place, slope = e->place_dot, *s = e->s;
    const double by_m = by_place / net->range, by_m_dot = by_slope / net->range;
    const double by_m1 = -(by_place * place + by_slope * slope) / net->range, by_m0 = -by_m - by_m1;
    df_real *d_p = d_parameters + offset_of(network, LINEAR), *d_q = d_parameters + offset_of(network, SIZES),
            *d_u = d_parameters + offset_of(network, SLOPES), *d_b = d_parameters + offset_of(network, PLACES);
    add_to(d_p, net->p * (by_m * t + by_m_dot + by_m1));
    for (size_t j = 0; j < UNITS; j++) {
        const double q = net->q[j], u = net->u[j], s0 = net->s0[j], s1 = net->s1[j];
        const double first = s[j] * (1 - s[j]), second = first * (1 - 2 * s[j]);
        const double first0 = s0 * (1 - s0), first1 = s1 * (1 - s1);
        add_to(d_q + j, q * (by_m * s[j] + by_m_dot * u * first + by_m0 * s0 + by_m1 * s1));
        add_to(d_u + j, u * q * (by_m * t * first + by_m_dot * (first + u * t * second) + by_m1 * first1));
        add_to(d_b + j, q * (by_m * first + by_m_dot * u * second + by_m0 * first0 + by_m1 * first1));
    }
}

/* ---- the bound ---- */

/* What is remembered: E L^2 of the last step, its sum and its count so far in this one. */
enum { MEAN_SQUARE, SUM, COUNT, STATE };

static size_t state_size(const df_network *network, const void *options, const df_schedule *schedule)
{
    (void)network, (void)options, (void)schedule;
    return STATE;
}

static double time_of(const df_learning *l, size_t r)
{
    return l->schedule->steps > 1 ? (l->t[r] - 1) / ((double)l->schedule->steps - 1) : 1;
}

/* eps_theta of an output p at gamma, the noised point taken there along. */
static double eps_at(const df_learning *l, double gamma, double x0, double eps, double p)
{
    const df_level level = df_level_from_ratio(df_exp(0.5 * gamma));
    const double x = level.alpha * x0 + level.sigma * eps;
    double guess;
    df_prediction_read(NULL, &guess, l->prediction, level, &x, &p, 1);
    return guess;
}

/* Places the examples on the schedule as it is now, whatever the core did. */
static void place_examples(df_learning *l, const schedule_net *net, example *e, size_t n)
{
    const size_t dim = l->network->config.dim;
    for (size_t r = 0; r < n; r++) {
        e[r].t = time_of(l, r);
        place_of(net, e[r].t, &e[r].place, &e[r].place_dot, e[r].s);
        e[r].gamma = net->ends[0] + e[r].place * (net->ends[1] - net->ends[0]);
        e[r].gamma_dot = e[r].place_dot * (net->ends[1] - net->ends[0]);
        const df_level level = l->levels[r] = df_level_from_ratio(df_exp(0.5 * e[r].gamma));
        l->labels[r] = df_level_label(l->label, l->schedule, level);
        for (size_t i = r * dim; i < (r + 1) * dim; i++)
            l->x[i] = (df_real)(level.alpha * l->x0[i] + level.sigma * l->eps[i]);
    }
}

/* r . d eps_theta / d gamma of one row: what the output's reading contributes, by a difference of a closed form, and
 * what the network's inputs do, which d_x and d_label hold times `scale`. */
static double by_gamma(const df_learning *l, size_t r, double gamma, const double *miss, const df_real *d_x,
                       df_real d_label, double scale)
{
    const size_t dim = l->network->config.dim;
    const df_level level = l->levels[r];
    const double h = 1e-4, label_slope = l->label == DF_LABEL_LOG_RATIO ? 0.125 : 0;
    double sum = label_slope * (double)d_label / scale;
    for (size_t i = 0; i < dim; i++) {
        const double x0 = l->x0[r * dim + i], eps = l->eps[r * dim + i], p = (double)l->pass.output[r * dim + i];
        const double z_dot = 0.5 * level.alpha * level.sigma * (level.alpha * eps - level.sigma * x0);
        sum += miss[i] * (eps_at(l, gamma + h, x0, eps, p) - eps_at(l, gamma - h, x0, eps, p)) / (2 * h);
        sum += (double)d_x[i] * z_dot / scale;
    }
    return sum;
}

static double prior_kl(double gamma, const double *x0, size_t dim)
{
    const df_level level = df_level_from_ratio(df_exp(0.5 * gamma));
    const double a2 = level.alpha * level.alpha, s2 = level.sigma * level.sigma;
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += 0.5 * (a2 * x0[i] * x0[i] + s2 - df_log(s2) - 1);
    return sum;
}

static double prior_kl_slope(double gamma, const double *x0, size_t dim)
{
    const df_level level = df_level_from_ratio(df_exp(0.5 * gamma));
    const double a2 = level.alpha * level.alpha, s2 = level.sigma * level.sigma;
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += 0.5 * (a2 * s2 * (1 - x0[i] * x0[i]) - a2);
    return sum;
}

static void schedule_gradient(df_learning *l, const schedule_net *net, const example *e, size_t r, double share,
                              double by_gamma, df_real *d_parameters)
{
    const size_t dim = l->network->config.dim;
    const double range = net->ends[1] - net->ends[0], term = 0.5 * e->gamma_dot * e->square;
    const double by_slope = 0.5 * e->square;
    df_real *d_ends = d_parameters + offset_of(l->network, ENDS);
    add_to(d_ends, share * (by_gamma * (1 - e->place) - by_slope * e->place_dot + 0.5 * (double)dim));
    add_to(d_ends + 1, share * (by_gamma * e->place + by_slope * e->place_dot +
                                prior_kl_slope(net->ends[1], l->x0 + r * dim, dim)));
    const double mean_square = (double)l->state[MEAN_SQUARE];
    if (!(mean_square > 0)) return;
    const double outer = share * 2 * term / mean_square;
    inside_gradient(d_parameters, l->network, net, e, outer * by_gamma * range, outer * by_slope * range);
}

static size_t room(const df_network *network, const df_schedule *schedule)
{
    (void)network, (void)schedule;
    return DF_ROWS * sizeof(example) / sizeof(double);
}

static double block(df_learning *l, const df_weights *weights, size_t n, double share, df_real *d_parameters)
{
    const learning *options = l->options;
    const size_t dim = l->network->config.dim;
    const schedule_net net = read_net(l->network, weights->parameters);
    const double zero = 0, one = 1, decoder = 0.5 * (double)dim * (df_log(2 * DF_PI) + net.ends[0] + 1);
    example *e = (example *)l->room;
    double *miss = l->target, loss = 0; /* the core's targets are not needed */
    df_real d_labels[DF_ROWS];

    place_examples(l, &net, e, n);
    df_network_forward(l->network, weights, &l->pass, l->x, l->labels, false, n);
    for (size_t r = 0; r < n; r++) {
        double by_output;
        df_prediction_read(NULL, &by_output, l->prediction, l->levels[r], &zero, &one, 1);
        e[r].square = 0;
        for (size_t i = r * dim; i < (r + 1) * dim; i++) {
            miss[i] = eps_at(l, e[r].gamma, l->x0[i], l->eps[i], (double)l->pass.output[i]) - l->eps[i];
            e[r].square += miss[i] * miss[i];
            l->d_output[i] = (df_real)(share * e[r].gamma_dot * miss[i] * by_output);
        }
        loss += 0.5 * e[r].gamma_dot * e[r].square + decoder + prior_kl(net.ends[1], l->x0 + r * dim, dim);
    }
    if (!d_parameters) return loss;
    df_network_backward(l->network, weights, &l->pass, l->d_output, d_parameters, l->x, n);
    if (options->fixed) return loss;
    df_network_label_gradient(l->network, &l->pass, d_labels, n);
    for (size_t r = 0; r < n; r++) {
        const double along = by_gamma(l, r, e[r].gamma, miss + r * dim, l->x + r * dim, d_labels[r],
                                      share * e[r].gamma_dot);
        schedule_gradient(l, &net, &e[r], r, share, e[r].gamma_dot * along, d_parameters);
        const double term = 0.5 * e[r].gamma_dot * e[r].square;
        add_to(&l->state[SUM], term * term);
        l->state[COUNT] += 1;
    }
    return loss;
}

static void after(df_learning *l, df_real *parameters, uint64_t step)
{
    (void)step;
    const learning *options = l->options;
    df_real *ends = parameters + offset_of(l->network, ENDS);
    if (ends[0] < (df_real)options->least) ends[0] = (df_real)options->least;
    if (ends[0] > -1) ends[0] = -1;
    if (ends[1] < 1) ends[1] = 1;
    if (l->state[COUNT] > 0) l->state[MEAN_SQUARE] = l->state[SUM] / l->state[COUNT];
    l->state[SUM] = l->state[COUNT] = 0;
}

static const df_objective objective = {
    .name = "vdm", .about = "the variational bound in continuous time, with a learned schedule",
    .options = learning_options, .options_size = sizeof(learning),
    .settings = "train-steps=12000 lr=0.005 lr-schedule=cosine beta-schedule=geometric sigma-start=0.0067 "
                "sigma-end=12.2 shift=1",
    .time = df_time_between_steps, .extend = extend, .start = start, .state_size = state_size, .room = room,
    .block = block,
    .after = after,
    .reschedule = reschedule};

const df_paper df_paper_vdm = {
    .key = "vdm", .title = "Variational Diffusion Models", .authors = "Kingma, Salimans, Poole, Ho",
    .venue = "NeurIPS 2021", .arxiv = "2107.00630", .year = 2021,
    .brings = "the bound in continuous time, which no schedule changes, and a schedule that makes it quiet",
    .claim = "the learned schedule's estimate of the bound is nearly as quiet as any can be, wherever it started",
    .check = "make papers PAPER=vdm",
    .objectives = (const df_objective *const[]){&objective, NULL}};
