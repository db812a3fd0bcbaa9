/* iddpm.c -- Improved Denoising Diffusion Probabilistic Models.                              [iddpm]
 *
 * Nichol, Dhariwal. ICML 2021. arXiv:2102.09672
 *
 * DDPM fixes the variance of each step back, which costs likelihood, most of all in few steps. Here the network
 * says for each coordinate where between the two extremes it lies, and learns that from the variational bound, while
 * the mean keeps learning from the simple loss. The bound's terms differ by orders of magnitude between steps, so
 * that drawing t in proportion to their size makes its gradient quieter.
 *
 *   ln S      = f ln beta_t + (1 - f) ln betatilde_t                                          (Eq. 15)
 *   L_hybrid  = L_simple + lambda L_vlb, the mean not learning from L_vlb                     (Eq. 16)
 *   L_t       = 1/2 sum [ln(S / btilde) + (btilde + (mu_q - mu)^2) / S - 1],  t > 1;  -ln N(x0; mu, S),  t = 1
 *   L_vlb     = E L_t / p_t,   p_t ~ sqrt(E L_t^2)                                            (Eq. 18)
 *   cosine schedule (Eq. 17) and steps with both ends: src/process/schedule.c, src/core/grid.c
 *
 * Paper -> here: beta_t, betatilde_t -> large, small of df_step_back;  v -> f;  T L_t is what one example stands for.
 *
 * Differs from the paper: f = (1 + output) / 2 and is free to leave 0 to 1, as in their code; towards clean data
 * half of beta_1 stands for betatilde_1 = 0, where their code takes betatilde_2. Their lambda is 0.001 for a mean over
 * dimensions against bits; ours is 0.001 / ln 2, for sums and nats. Their 0.1 % of uniform t is kept. The network
 * predicts v unless told otherwise; the paper predicts eps.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>

enum { SIMPLE, HYBRID, VLB };
static const char *const losses[] = {"simple", "hybrid", "vlb", NULL};

enum { UNIFORM, SECOND_MOMENT };
static const char *const samplers_of_t[] = {"uniform", "loss-second-moment", NULL};

typedef struct learning {
    int loss, sampler_of_t;
    double vlb_weight;
} learning;

#define AT(member) .offset = offsetof(learning, member)
static const df_option learning_options[] = {
    {.name = "loss", .kind = DF_CHOICE, AT(loss), .choices = losses, .value = "hybrid",
     .help = "simple (Eq. 14 of DDPM, variance not learned), hybrid (Eq. 16), or the bound alone"},
    {.name = "vlb-weight", .kind = DF_NUMBER, AT(vlb_weight), .value = "0.00144", .low = 0, .high = 1e6, .shown = "L",
     .idle_with = "loss=simple loss=vlb", .help = "lambda of the hybrid loss (Eq. 16)"},
    {.name = "schedule-sampler", .kind = DF_CHOICE, AT(sampler_of_t), .choices = samplers_of_t, .value = "uniform",
     .also = "importance-sampling", .help = "how t is drawn, evenly or by the size of its term (Eq. 18)"},
    {0}};

/* ---- which t: the last losses of every step, and the law that follows from them ---- */

enum { HISTORY = 10 };
static const double UNIFORM_SHARE = 0.001;

/* What is remembered, in this order: (T, HISTORY) losses, (T) counts of them, (T) probabilities, (T) their sums. */
typedef struct memory {
    size_t steps;
    df_real *losses, *counts, *probability, *cumulative;
} memory;

static size_t state_size(const df_network *network, const void *options, const df_schedule *schedule)
{
    (void)network;
    return ((const learning *)options)->sampler_of_t == SECOND_MOMENT ? schedule->steps * (HISTORY + 3) : 0;
}

static memory memory_of(const df_learning *l)
{
    const size_t steps = l->schedule->steps;
    df_real *counts = l->state + steps * HISTORY;
    return (memory){steps, l->state, counts, counts + steps, counts + 2 * steps};
}

/* The law is known once every t has its losses; sums of 0 say that it is not. */
static bool law_is_known(const memory *m)
{
    return m->cumulative[m->steps - 1] > 0;
}

static void remember(const memory *m, size_t t, double loss)
{
    df_real *history = m->losses + (t - 1) * HISTORY;
    for (size_t k = 1; k < HISTORY; k++) history[k - 1] = history[k];
    history[HISTORY - 1] = (df_real)loss;
    if (m->counts[t - 1] < HISTORY) m->counts[t - 1] += 1;
}

static void update_law(df_learning *l, df_real *parameters, uint64_t step)
{
    (void)parameters, (void)step;
    if (((const learning *)l->options)->sampler_of_t != SECOND_MOMENT) return;
    const memory m = memory_of(l);
    double total = 0, sum = 0;
    for (size_t t = 0; t < m.steps; t++) {
        double square = 0;
        for (size_t k = 0; k < HISTORY; k++) {
            const double loss = (double)m.losses[t * HISTORY + k];
            square += loss * loss;
        }
        if (m.counts[t] < HISTORY) return;
        m.probability[t] = (df_real)sqrt(square);
        total += (double)m.probability[t];
    }
    for (size_t t = 0; t < m.steps; t++) {
        const double p = (1 - UNIFORM_SHARE) * (double)m.probability[t] / total + UNIFORM_SHARE / (double)m.steps;
        m.probability[t] = (df_real)p;
        sum += (double)m.probability[t];
        m.cumulative[t] = (df_real)sum;
    }
}

static double time(const df_learning *l, double u, double *weight)
{
    const size_t steps = l->schedule->steps;
    const size_t even = (size_t)(u * (double)steps);
    if (((const learning *)l->options)->sampler_of_t != SECOND_MOMENT || l->step == 0) return 1 + (double)even;
    const memory m = memory_of(l);
    if (!law_is_known(&m)) return 1 + (double)even;
    size_t low = 0, high = steps - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((double)m.cumulative[middle] < u) low = middle + 1;
        else high = middle;
    }
    *weight = 1 / ((double)steps * (double)m.probability[low]);
    return 1 + (double)low;
}

/* ---- the loss ---- */

static double target(const df_example *e, double *target)
{
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    return 1;
}

/* One coordinate's share of L_t, and its slopes by ln S and by the guess of x0. `miss`: how far the mean is off. */
static double term(df_step_back back, bool first, double miss, double log_variance, double *by_log_variance,
                   double *by_guess)
{
    const double s = df_exp(log_variance), numerator = (first ? 0 : back.small) + miss * miss;
    *by_log_variance = 0.5 * (1 - numerator / s);
    *by_guess = back.of_x0 * miss / s;
    return 0.5 * (numerator / s + (first ? df_log(2 * DF_PI) + log_variance : log_variance - df_log(back.small) - 1));
}

/* T L_t of row r, whose outputs stand in the pass; adds its gradient, times `share`, to d_output. */
static double vlb_row(df_learning *l, size_t r, double share, bool mean_learns)
{
    const size_t dim = l->network->config.dim;
    const df_real *output = l->pass.output + r * l->network->outputs;
    df_real *d_output = l->d_output + r * l->network->outputs;
    const df_level level = l->levels[r];
    const df_step_back back = df_step_between(level, df_schedule_level(l->schedule, l->t[r] - 1));
    const double steps = (double)l->schedule->steps, zero = 0, one = 1;
    const double by_output = 0.5 * (df_learned_log_variance(back, 1) - df_learned_log_variance(back, -1));
    double loss = 0, x0_by_prediction;
    df_prediction_read(&x0_by_prediction, NULL, l->prediction, level, &zero, &one, 1);
    for (size_t i = 0; i < dim; i++) {
        const double x0 = l->x0[r * dim + i], predicted = (double)output[i];
        const double x = level.alpha * x0 + level.sigma * l->eps[r * dim + i];
        double guess, by_log_variance, by_guess;
        df_prediction_read(&guess, NULL, l->prediction, level, &x, &predicted, 1);
        const double log_variance = df_learned_log_variance(back, (double)output[dim + i]);
        loss += term(back, l->t[r] < 1.5, back.of_x0 * (guess - x0), log_variance, &by_log_variance, &by_guess);
        d_output[dim + i] = (df_real)((double)d_output[dim + i] + share * steps * by_log_variance * by_output);
        if (mean_learns)
            d_output[i] = (df_real)((double)d_output[i] + share * steps * by_guess * x0_by_prediction);
    }
    return steps * loss;
}

static double block(df_learning *l, const df_weights *weights, size_t n, double share, df_real *d_parameters)
{
    const learning *options = l->options;
    const bool only_vlb = options->loss == VLB;
    const double vlb_weight = options->loss == SIMPLE ? 0 : only_vlb ? 1 : options->vlb_weight;
    double loss = df_learning_block(l, weights, n, only_vlb ? 0 : share, NULL, NULL);
    if (only_vlb) loss = 0;
    for (size_t r = 0; r < n && vlb_weight > 0; r++) {
        const double vlb = vlb_row(l, r, share * vlb_weight * l->weights[r], only_vlb);
        loss += vlb_weight * l->weights[r] * vlb;
        if (d_parameters && options->sampler_of_t == SECOND_MOMENT) {
            const memory m = memory_of(l);
            remember(&m, (size_t)(l->t[r] + 0.5), vlb);
        }
    }
    if (d_parameters) df_network_backward(l->network, weights, &l->pass, l->d_output, d_parameters, NULL, n);
    return loss;
}

static const df_objective objective = {
    .name = "iddpm", .about = "the mean by the simple loss, the variance of each step by the variational bound",
    .options = learning_options, .options_size = sizeof(learning), .outputs_each = 2,
    .settings = "beta-schedule=cosine shift=1 train-steps=6000 lr=0.005 lr-schedule=cosine",
    .target = target, .time = time, .state_size = state_size, .block = block, .after = update_law};

const df_paper df_paper_iddpm = {
    .key = "iddpm", .title = "Improved Denoising Diffusion Probabilistic Models", .authors = "Nichol, Dhariwal",
    .venue = "ICML 2021", .arxiv = "2102.09672", .year = 2021,
    .brings = "the cosine schedule, a learned variance for each step back, importance-sampled t",
    .claim = "a learned variance buys likelihood at no cost in samples, and importance-sampled t a quieter bound",
    .check = "make papers PAPER=iddpm",
    .objectives = (const df_objective *const[]){&objective, NULL}};
