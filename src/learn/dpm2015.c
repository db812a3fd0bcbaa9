/* dpm2015.c -- Deep Unsupervised Learning using Nonequilibrium Thermodynamics.               [dpm2015]
 *
 * Sohl-Dickstein, Weiss, Maheswaranathan, Ganguli. ICML 2015. arXiv:1503.03585
 *
 * Where diffusion models begin: destroy the data slowly by noise, and learn to undo each small step. If the steps are
 * small, undoing one is Gaussian too, so that a network need only learn a mean and a variance; how much noise
 * each step adds is learned along with them, by the bound K on the log likelihood.
 *
 *   forward   q(x_t | x_(t-1)) = N(sqrt(1 - beta_t) x_(t-1), beta_t I)                      (Table App.1)
 *   reverse   p(x_(t-1) | x_t) = N(mu_t(x_t), diag S_t(x_t)),   p(x_T) = N(0, I)
 *   -K = sum_(t>1) E KL(q(x_(t-1) | x_t, x0) || p(x_(t-1) | x_t)) + entropies of q           (Eq. 14)
 *   h_j  = exp(z_j) / sum_k exp(z_k),  z_j = -|x - c_j|^2 / (2 r_j^2)                        (App. D.1.1, normalised)
 *   mu_t = sqrt(1 - beta_t) x - c_t sigma_t V,  V = A_t h + a_t      S_t = sigmoid(logit beta_t + B_t h + b_t)
 *   gamma_1 fixed,  gamma_t = gamma_(t-1) + softplus(u_t),  sigma_t^2 = sigmoid(gamma_t)     (Sec. 2.4.1)
 *   d gamma_t of x_t at frozen noise: d x = (alpha sigma / 2) v,  d v = -(alpha sigma / 2) x
 *   posterior p(x0) r(x0): r = N(y, R I), each step back times r:
 *     S' = S R / (S + R),  mu' = y + (mu - y) R / (S + R)                                    (Sec. 2.5)
 *
 * Paper -> here: beta_t -> large of df_step_back, its coefficient of x0 is c_t;  V guesses v = alpha eps - sigma x0.
 *                Then mu_q - mu = c_t sigma_t (V - v), and V = 0 leaves the forward kernel, where training starts.
 *
 * Differs from the paper: t = 1 is decoded by N(mu_1, S_1), which it ties to the forward kernel (`likelihood --bound`
 * says both); one t an example, drawn from all. Their code has another network, fixed betas, and scales its outputs
 * by beta, as here. A constant r, as in the paper, pulls at every level and leaves too narrow a posterior: for data
 * much wider than R its variance is R / 2. --factor start begins at alpha y where sigma / alpha = sqrt(R): exact.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"
#include "diffuse/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double square(double a)
{
    return a * a;
}

/* ---- parameters ---- */

enum { LEARNED, FIXED };
static const char *const betas[] = {"learned", "fixed", NULL};

typedef struct learning {
    int betas;
} learning;

static const df_option learning_options[] = {
    {.name = "betas", .kind = DF_CHOICE, .offset = offsetof(learning, betas), .choices = betas, .value = "learned",
     .help = "the forward process, learned from --beta-schedule on, all but its first step (Sec. 2.4.1), or fixed"},
    {0}};

enum { CENTRES, RADII, MEAN_WEIGHT, MEAN_BIAS, VARIANCE_WEIGHT, VARIANCE_BIAS, GROWTH };

/* u is this times what is stored: Adam moves it as much more slowly, or its noise drives the last steps far out. */
static const double SLOW = 0.1;

static void extend(df_network *network, const void *options, const df_schedule *schedule)
{
    const size_t hidden = network->config.hidden, dim = network->config.dim, steps = schedule->steps;
    df_network_add_extra(network, "centres", hidden, dim);
    df_network_add_extra(network, "log_radii", hidden, 0);
    df_network_add_extra(network, "mean.weight", steps * dim, hidden);
    df_network_add_extra(network, "mean.bias", steps * dim, 0);
    df_network_add_extra(network, "variance.weight", steps * dim, hidden);
    df_network_add_extra(network, "variance.bias", steps * dim, 0);
    if (((const learning *)options)->betas == LEARNED) df_network_add_extra(network, "growth", steps, 0);
}

static double gamma_of(df_level level)
{
    const double most = 30; /* pure noise has no end of it */
    return fmin(2 * df_log_ratio(level), most);
}

static double softplus(double u)
{
    return u > 0 ? u + df_log(1 + df_exp(-u)) : df_log(1 + df_exp(u));
}

static void reschedule(df_schedule *schedule, const df_network *network, const df_real *parameters,
                       const void *options)
{
    if (((const learning *)options)->betas != LEARNED) return;
    const df_real *growth = parameters + network->tensors[GROWTH].offset;
    double gamma = gamma_of(schedule->levels[1]);
    for (size_t t = 2; t <= schedule->steps; t++) {
        gamma += softplus(SLOW * (double)growth[t - 1]);
        schedule->levels[t] = df_level_from_ratio(df_exp(gamma / 2));
    }
}

/* Centres are points of the data at all levels of noise, each as wide as it is far from the next. */
static void start(const df_learning *l, df_real *parameters)
{
    const df_tensor *tensors = l->network->tensors;
    const size_t hidden = l->network->config.hidden, dim = l->network->config.dim, steps = l->schedule->steps;
    df_real *centres = parameters + tensors[CENTRES].offset, *radii = parameters + tensors[RADII].offset;
    for (size_t j = 0; j < hidden; j++) {
        const df_place place = {.seed = l->seed, .index = j, .purpose = DF_FOR_METHOD};
        const df_level level = l->schedule->levels[1 + j * steps / hidden];
        double u[2], z[2] = {0};
        df_uniforms(u, place, 0);
        const double *row = l->data + (size_t)(u[0] * (double)l->rows) * dim;
        for (size_t i = 0; i < dim; i++) {
            if (i % 2 == 0) df_normals(z, place, 1 + (uint32_t)(i / 2));
            centres[j * dim + i] = (df_real)(level.alpha * row[i] + level.sigma * z[i % 2]);
        }
    }
    for (size_t j = 0; j < hidden; j++) {
        double least = HUGE_VAL;
        for (size_t k = 0; k < hidden; k++) {
            double sum = 0;
            for (size_t i = 0; i < dim; i++) sum += square((double)centres[j * dim + i] - (double)centres[k * dim + i]);
            if (k != j && sum > 0) least = fmin(least, sum);
        }
        radii[j] = (df_real)(least < HUGE_VAL ? 0.5 * df_log(least) : 0);
    }
    if (((const learning *)l->options)->betas != LEARNED) return;
    df_real *growth = parameters + tensors[GROWTH].offset;
    for (size_t t = 2; t <= steps; t++) {
        const double step = gamma_of(l->schedule->levels[t]) - gamma_of(l->schedule->levels[t - 1]);
        growth[t - 1] = (df_real)(df_log(df_expm1(fmax(step, 1e-6))) / SLOW);
    }
}

/* ---- the network ---- */

typedef struct network {
    const df_network *layout;
    const df_real *parameters;
    size_t hidden, dim;
    double *h, *d_h; /* (hidden) each */
    double *V, *odds; /* (dim) each: the guess of v, and how far the odds of S are from those of beta */
} network;

/* room: the doubles a network needs. */
static size_t room_of(const df_network *layout)
{
    return 2 * (layout->config.hidden + layout->config.dim);
}

static network network_of(const df_network *layout, const df_real *parameters, double *room)
{
    const size_t hidden = layout->config.hidden, dim = layout->config.dim;
    return (network){layout, parameters, hidden, dim, room, room + hidden, room + 2 * hidden, room + 2 * hidden + dim};
}

static const df_real *tensor(const network *n, size_t which)
{
    return n->parameters + n->layout->tensors[which].offset;
}

static void look(const network *n, const double *x)
{
    const df_real *centres = tensor(n, CENTRES), *radii = tensor(n, RADII);
    double most = -HUGE_VAL, sum = 0;
    for (size_t j = 0; j < n->hidden; j++) {
        double distance = 0;
        for (size_t i = 0; i < n->dim; i++) distance += square(x[i] - (double)centres[j * n->dim + i]);
        n->h[j] = -0.5 * distance * df_exp(-2 * (double)radii[j]);
        most = fmax(most, n->h[j]);
    }
    for (size_t j = 0; j < n->hidden; j++) sum += n->h[j] = df_exp(n->h[j] - most);
    for (size_t j = 0; j < n->hidden; j++) n->h[j] /= sum;
}

/* out:(dim) = weight_t h + bias_t, or the weights' part alone. */
static void read_out(double *out, const network *n, size_t weight, size_t t, const double *h, bool biased)
{
    const df_real *w = tensor(n, weight) + (t - 1) * n->dim * n->hidden, *b = tensor(n, weight + 1) + (t - 1) * n->dim;
    for (size_t i = 0; i < n->dim; i++) {
        out[i] = biased ? (double)b[i] : 0;
        for (size_t j = 0; j < n->hidden; j++) out[i] += (double)w[i * n->hidden + j] * h[j];
    }
}

/* Adds the gradient of d_out:(dim) to d_parameters and to d_h. */
static void read_out_backward(const network *n, size_t weight, size_t t, const double *d_out, df_real *d_parameters)
{
    const size_t first = (t - 1) * n->dim;
    const df_real *w = tensor(n, weight) + first * n->hidden;
    df_real *d_w = d_parameters + n->layout->tensors[weight].offset + first * n->hidden;
    df_real *d_b = d_parameters + n->layout->tensors[weight + 1].offset + first;
    for (size_t i = 0; i < n->dim; i++) {
        d_b[i] += (df_real)d_out[i];
        for (size_t j = 0; j < n->hidden; j++) {
            d_w[i * n->hidden + j] += (df_real)(d_out[i] * n->h[j]);
            n->d_h[j] += d_out[i] * (double)w[i * n->hidden + j];
        }
    }
}

/* From d_h to centres, radii, and d_x:(dim), which is overwritten. */
static void look_backward(const network *n, const double *x, double *d_x, df_real *d_parameters)
{
    const df_real *centres = tensor(n, CENTRES), *radii = tensor(n, RADII);
    df_real *d_centres = d_parameters + n->layout->tensors[CENTRES].offset;
    df_real *d_radii = d_parameters + n->layout->tensors[RADII].offset;
    double mean = 0;
    for (size_t j = 0; j < n->hidden; j++) mean += n->h[j] * n->d_h[j];
    for (size_t i = 0; i < n->dim; i++) d_x[i] = 0;
    for (size_t j = 0; j < n->hidden; j++) {
        const double d_z = n->h[j] * (n->d_h[j] - mean), sharpness = df_exp(-2 * (double)radii[j]);
        for (size_t i = 0; i < n->dim; i++) {
            const double pull = d_z * sharpness * (x[i] - (double)centres[j * n->dim + i]);
            d_centres[j * n->dim + i] += (df_real)pull;
            d_radii[j] += (df_real)(pull * (x[i] - (double)centres[j * n->dim + i]));
            d_x[i] -= pull;
        }
    }
}

/* ---- the loss: one term of -K, T times ---- */

/* A step of the forward process: where it ends and began, and how what the loss is made of follows both gammas. */
typedef struct passage {
    df_level level, before;
    df_step_back back;
    bool first;
    double weight;                                   /* (c sigma)^2 */
    double odds[2], ln_weight[2], small[2], ln_small[2]; /* by gamma of the level, and of the one before */
} passage;

static passage passage_of(const df_schedule *schedule, size_t t)
{
    passage p = {.level = schedule->levels[t], .before = schedule->levels[t - 1], .first = t == 1};
    p.back = df_step_between(p.level, p.before);
    p.weight = square(p.back.of_x0 * p.level.sigma);
    const double kept = fmax(square(p.level.alpha / p.before.alpha), 1e-30), beta = p.back.large;
    const double by[2] = {kept * square(p.level.sigma) / beta, -kept * square(p.before.sigma) / beta};
    for (int k = 0; k < 2; k++) {
        p.odds[k] = by[k] / kept;
        p.ln_weight[k] = 2 * by[k] - (k ? square(p.before.sigma) : square(p.level.alpha));
        p.ln_small[k] = by[k] + (k ? square(p.before.alpha) : -square(p.level.alpha));
        p.small[k] = p.back.small * p.ln_small[k];
    }
    return p;
}

static double log_odds(df_step_back back)
{
    return df_log(back.large / fmax(1 - back.large, 1e-30));
}

typedef struct row {
    const double *x0, *eps;
    double *x, *v, *d_V, *d_odds, *d_x; /* (dim) each */
} row;

/* The loss of one row at step t; with d_parameters, gradients times share, those of the gammas in d_gamma:(T + 1). */
static double row_loss(const network *n, const df_schedule *schedule, const row *r, size_t t, double share,
                       df_real *d_parameters, double *d_gamma)
{
    const passage p = passage_of(schedule, t);
    const double steps = (double)schedule->steps, times = share * steps, half = p.level.alpha * p.level.sigma / 2;
    double loss = 0, slope[2] = {0};
    df_add_noise(r->x, p.level, r->x0, r->eps, n->dim);
    df_prediction_target(r->v, DF_PREDICT_V, p.level, r->x0, r->eps, n->dim);
    look(n, r->x);
    read_out(n->V, n, MEAN_WEIGHT, t, n->h, true);
    read_out(n->odds, n, VARIANCE_WEIGHT, t, n->h, true);
    for (size_t i = 0; i < n->dim; i++) {
        const double s = df_sigmoid(log_odds(p.back) + n->odds[i]), miss = r->v[i] - n->V[i];
        const double square_miss = p.weight * miss * miss, over = (p.first ? 0 : p.back.small) + square_miss;
        const double by_ln_s = 0.5 * (1 - over / s);
        loss += 0.5 * (df_log(s) + over / s + (p.first ? df_log(2 * DF_PI) : -df_log(p.back.small) - 1));
        r->d_V[i] = -times * p.weight * miss / s;
        r->d_odds[i] = times * by_ln_s * (1 - s);
        for (int k = 0; k < 2; k++)
            slope[k] += by_ln_s * (1 - s) * p.odds[k] + 0.5 * (p.small[k] / s - p.ln_small[k] +
                                                               p.ln_weight[k] * square_miss / s);
        slope[0] -= p.weight * miss / s * half * r->x[i];
    }
    if (!d_parameters) return steps * loss;
    memset(n->d_h, 0, n->hidden * sizeof *n->d_h);
    read_out_backward(n, MEAN_WEIGHT, t, r->d_V, d_parameters);
    read_out_backward(n, VARIANCE_WEIGHT, t, r->d_odds, d_parameters);
    look_backward(n, r->x, r->d_x, d_parameters);
    if (p.first) return steps * loss; /* its gamma is fixed */
    d_gamma[t] += times * slope[0];
    d_gamma[t - 1] += times * slope[1];
    for (size_t i = 0; i < n->dim; i++) d_gamma[t] += r->d_x[i] * half * r->v[i];
    return steps * loss;
}

/* KL(q(x_T | x0) || N(0, I)), and its slope by gamma_T. */
static double prior(df_level last, const double *x0, size_t dim, double *slope)
{
    const double alpha2 = square(last.alpha), sigma2 = square(last.sigma);
    double sum = 0;
    *slope = 0;
    for (size_t i = 0; i < dim; i++) {
        sum += 0.5 * (alpha2 * square(x0[i]) + sigma2 - 1 - df_log(sigma2));
        *slope += 0.5 * alpha2 * (sigma2 * (1 - square(x0[i])) - 1);
    }
    return sum;
}

static size_t room(const df_network *layout, const df_schedule *schedule)
{
    return room_of(layout) + 5 * layout->config.dim + 3 * (schedule->steps + 1);
}

static double block(df_learning *l, const df_weights *weights, size_t count, double share, df_real *d_parameters)
{
    const size_t dim = l->network->config.dim, steps = l->schedule->steps;
    const network n = network_of(l->network, weights->parameters, l->room);
    double *rows = l->room + room_of(l->network), *d_gamma = rows + 5 * dim, loss = 0, total = 0;
    df_schedule schedule = {.steps = steps, .levels = (df_level *)(void *)(d_gamma + steps + 1)};
    memcpy(schedule.levels, l->schedule->levels, (steps + 1) * sizeof *schedule.levels);
    memset(d_gamma, 0, (steps + 1) * sizeof *d_gamma);
    reschedule(&schedule, l->network, weights->parameters, l->options);
    for (size_t r = 0; r < count; r++) {
        const row at = {l->x0 + r * dim, l->eps + r * dim, rows, rows + dim, rows + 2 * dim, rows + 3 * dim,
                        rows + 4 * dim};
        double slope;
        loss += row_loss(&n, &schedule, &at, (size_t)l->t[r], share, d_parameters, d_gamma);
        loss += prior(schedule.levels[steps], at.x0, dim, &slope);
        d_gamma[steps] += share * slope;
    }
    if (!d_parameters || ((const learning *)l->options)->betas != LEARNED) return loss;
    const size_t growth = l->network->tensors[GROWTH].offset;
    for (size_t t = steps; t > 1; t--) {
        total += d_gamma[t];
        const double u = SLOW * (double)weights->parameters[growth + t - 1];
        d_parameters[growth + t - 1] += (df_real)(total * SLOW * df_sigmoid(u));
    }
    return loss;
}

/* ---- what was learned as a denoiser: between two steps, a mean of both ---- */

static void *scratch_new(const void *self, df_arena *arena, df_error *error)
{
    const df_network_denoiser *from = self;
    return df_alloc(arena, room_of(from->network) + 4 * from->network->config.dim, sizeof(double), error);
}

/* h_dot of x_dot goes to d_h. */
static void look_along(const network *n, const double *x, const double *x_dot)
{
    const df_real *centres = tensor(n, CENTRES), *radii = tensor(n, RADII);
    double mean = 0;
    for (size_t j = 0; j < n->hidden; j++) {
        n->d_h[j] = 0;
        for (size_t i = 0; i < n->dim; i++) n->d_h[j] -= (x[i] - (double)centres[j * n->dim + i]) * x_dot[i];
        n->d_h[j] *= df_exp(-2 * (double)radii[j]);
        mean += n->h[j] * n->d_h[j];
    }
    for (size_t j = 0; j < n->hidden; j++) n->d_h[j] = n->h[j] * (n->d_h[j] - mean);
}

/* What the read-out of step t says, with weight `share`, is added: V, V_dot unless NULL, the covariance of x0 | x. */
static void add_read_out(const network *n, const df_schedule *schedule, size_t t, double share, double *sums,
                         bool along)
{
    const size_t dim = n->dim;
    const passage p = passage_of(schedule, t);
    double *V = sums, *V_dot = sums + dim, *covariance = sums + 2 * dim;
    read_out(n->V, n, MEAN_WEIGHT, t, n->h, true);
    read_out(n->odds, n, VARIANCE_WEIGHT, t, n->h, true);
    for (size_t i = 0; i < dim; i++) {
        const double s = df_sigmoid(log_odds(p.back) + n->odds[i]);
        V[i] += share * n->V[i];
        covariance[i] += share * fmax((s - p.back.small) / square(p.back.of_x0), 0);
    }
    if (!along) return;
    read_out(n->V, n, MEAN_WEIGHT, t, n->d_h, false);
    for (size_t i = 0; i < dim; i++) V_dot[i] += share * n->V[i];
}

static void answer_row(const df_network_denoiser *from, const network *n, double *sums, const df_question *q,
                       const df_answer *out, size_t r)
{
    const size_t dim = n->dim;
    df_level level = q->level[q->level_each ? r : 0];
    const double c = sqrt(square(level.alpha) + square(level.sigma));
    const double step = df_schedule_step(from->schedule, level), low = fmax(floor(step), 1), part = step - low;
    double *V = sums, *V_dot = sums + dim, *covariance = sums + 2 * dim, *x = sums + 3 * dim;
    for (size_t i = 0; i < dim; i++) x[i] = q->x[r * dim + i] / c;
    level = (df_level){level.alpha / c, level.sigma / c};
    look(n, x);
    if (out->x0_dot) look_along(n, x, q->x_dot + r * dim);
    memset(sums, 0, 3 * dim * sizeof *sums);
    add_read_out(n, from->schedule, (size_t)low, part > 0 ? 1 - part : 1, sums, out->x0_dot != NULL);
    if (part > 0) add_read_out(n, from->schedule, (size_t)low + 1, part, sums, out->x0_dot != NULL);
    df_prediction_read(out->x0 ? out->x0 + r * dim : NULL, out->eps ? out->eps + r * dim : NULL, DF_PREDICT_V, level, x,
                       V, dim);
    for (size_t i = 0; out->x0_dot && i < dim; i++)
        out->x0_dot[r * dim + i] = (level.alpha * q->x_dot[r * dim + i] - level.sigma * V_dot[i]) / c;
    if (!out->log_variance) return;
    const df_step_back back = df_step_between(level, *q->to);
    for (size_t i = 0; i < dim; i++)
        out->log_variance[r * dim + i] = df_log(back.small + square(back.of_x0) * covariance[i]);
}

static void answer(const void *self, const df_question *question, const df_answer *answer, void *lent)
{
    const df_network_denoiser *from = self;
    const network n = network_of(from->network, from->weights.parameters, lent);
    double *sums = (double *)lent + room_of(from->network);
    for (size_t r = 0; r < question->n; r++) answer_row(from, &n, sums, question, answer, r);
}

static df_denoiser denoiser(const df_network_denoiser *from)
{
    df_denoiser d = df_denoiser_of_network(from);
    d.knows_variance = true;
    d.scratch = scratch_new;
    d.answer = answer;
    return d;
}

static const df_objective objective = {
    .name = "dpm2015", .about = "each step back's mean and variance, and the steps, by the bound",
    .options = learning_options, .options_size = sizeof(learning), .brings_network = true,
    .settings = "timesteps=40 beta-schedule=geometric sigma-start=0.05 sigma-end=20 shift=1 hidden=64 "
                "train-steps=12000 lr=0.02 clip-grad-norm=0",
    .extend = extend, .start = start, .room = room, .block = block, .reschedule = reschedule, .denoiser = denoiser};

/* ---- sampler: the learned steps back, times what is known of x0 ---- */

enum { CONSTANT, START };
static const char *const factors[] = {"constant", "start", NULL};

typedef struct sampling {
    const char *observed;
    double variance;
    int factor;
} sampling;

#define AT(member) .offset = offsetof(sampling, member)
static const df_option sampling_options[] = {
    {.name = "observed", .kind = DF_WORD, AT(observed), .shown = "LIST",
     .help = "y of r(x0) = N(x0; y, R), a number a column or ? where nothing is known, such as 0.8,?; in scaled units"},
    {.name = "denoise-variance", .kind = DF_NUMBER, AT(variance), .value = "0", .low = 0, .high = 1e6, .shown = "R",
     .help = "R; 0: those columns are known exactly (inpainting)"},
    {.name = "factor", .kind = DF_CHOICE, AT(factor), .choices = factors, .value = "constant",
     .help = "r at every level (Sec. 2.5); or start at y, where noise of variance R belongs, which is exact"},
    {0}};

static bool needs_variance(const void *options)
{
    (void)options;
    return true;
}

/* Entry `column` of a list: what it is, or false when nothing is known. */
static bool entry(double *value, const char *list, size_t column)
{
    for (; column > 0 && list; column--) list = (list = strchr(list, ',')) ? list + 1 : NULL;
    if (!list || *list == '?') return false;
    *value = strtod(list, NULL);
    return true;
}

static df_status check(const void *options, size_t dim, df_error *error)
{
    const sampling *o = options;
    if (!o->observed && (o->variance > 0 || o->factor != CONSTANT))
        return df_fail(error, DF_USAGE, "--denoise-variance and --factor are for --observed");
    if (o->factor == START && (strchr(o->observed, '?') || !(o->variance > 0)))
        return df_fail(error, DF_USAGE, "--factor start needs every column observed, and --denoise-variance above 0");
    const char *at = o->observed;
    for (size_t i = 0; at && i < dim; i++) {
        char *end;
        const double value = strtod(at, &end);
        if (end == at && *end == '?') end++;
        if (end == at || *end != (i + 1 < dim ? ',' : 0) || !(fabs(value) < HUGE_VAL))
            return df_fail(error, DF_USAGE, "--observed '%.60s' is not a list of %zu: a number a column, or ?",
                           o->observed, dim);
        at = end + 1;
    }
    return DF_OK;
}

static void step(df_walk *walk, size_t i)
{
    const sampling *o = walk->options;
    const df_level level = walk->levels[i], to = walk->levels[i + 1];
    const df_step_back back = df_step_between(level, to);
    const bool waits = o->factor == START && square(to.sigma) > o->variance * square(to.alpha);
    if (!waits) df_walk_denoise_to(walk, level, &to);
    df_walk_noise(walk, i);
    for (size_t j = 0; j < walk->n * walk->dim; j++) {
        double y = 0;
        const bool known = entry(&y, o->observed, j % walk->dim);
        if (waits) {
            walk->x[j] = to.alpha * y;
            continue;
        }
        double mean = back.of_x0 * walk->x0[j] + back.of_x * walk->x[j], variance = df_exp(walk->log_variance[j]);
        if (known && o->factor == CONSTANT) {
            const double share = o->variance / (variance + o->variance);
            mean = y + (mean - y) * share;
            variance *= share;
        }
        walk->x[j] = mean + sqrt(variance) * walk->z[j];
    }
}

static const df_sampler sampler = {
    .name = "dpm2015", .about = "every step back by its learned mean and variance; --observed for a posterior",
    .all_steps = true, .needs_independent = true, .options = sampling_options, .options_size = sizeof(sampling),
    .needs_variance = needs_variance, .check = check, .step = step};

const df_paper df_paper_dpm2015 = {
    .key = "dpm2015", .title = "Deep Unsupervised Learning using Nonequilibrium Thermodynamics",
    .authors = "Sohl-Dickstein, Weiss, Maheswaranathan, Ganguli", .venue = "ICML 2015, PMLR 37, 2256-2265",
    .arxiv = "1503.03585", .year = 2015,
    .brings = "diffusion itself: noise in small steps, undone by learned Gaussians, judged by a bound",
    .claim = "forty learned steps come near the entropy of the data, and nearer when their noise is learned too",
    .check = "make papers PAPER=dpm2015",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&sampler, NULL}};
