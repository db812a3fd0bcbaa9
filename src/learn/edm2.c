/* edm2.c -- Analyzing and Improving the Training Dynamics of Diffusion Models.               [edm2]
 *
 * Karras, Aittala, Lehtinen, Hellsten, Aila, Laine. CVPR 2024, 24174-24184. arXiv:2312.02696
 *
 * Two things of it, for any network: levels whose loss cannot be small are told so by a learned uncertainty, so that
 * each pulls alike; and the length over which the parameters are averaged is chosen after the training, from a few
 * snapshots of two averages.
 *
 *   L        = E lambda/exp(u(s)) |D - y|^2 + u(s), per coordinate;  exp(u) becomes the loss (Eq. 14)
 *   u(s)     = sum_k w_k cos(pi k p), p from 0 to 1 over the schedule
 *   theta_g <- b theta_g + (1 - b) theta,  b = (1 - 1/t)^(g + 1):  weights that grow like t^g       (Eq. 127)
 *   width    = sqrt((g + 1)/((g + 2)^2 (g + 3))), standard deviation over training time             (Eq. 123)
 *   <p_a, p_b> = (g_a + 1)(g_b + 1)(t_a/t_b)^e / ((g_a + g_b + 1) max(t_a, t_b)),
 *              e = g_b if t_a < t_b, else -g_a                                                      (Eq. 151)
 *   A x = b, A of all snapshots, b of them and what is wanted; x is scaled to sum 1, and the average is
 *   sum x_i theta_i                                                                                 (Algorithm 3)
 *
 * Paper -> here: sigma_rel -> width;  f(sigma), the uncertainty -> u;  lambda -> as [edm], with data of variance 1.
 *
 * Differs from the paper: its network (magnitude-preserving layers) is not here. u has cosines of the place in the
 * schedule instead of random waves of ln sigma. The snapshots never run out: when their room is full every other one
 * is dropped, so that 16 to 32 of 32 stand evenly over any training; the last averages of all are kept besides.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>
#include <string.h>

enum { WAVES = 16, AVERAGES = 2, SNAPSHOTS_MOST = 64, EQUATIONS_MOST = AVERAGES * (SNAPSHOTS_MOST + 1) };

typedef struct learning {
    double p_mean, p_std, width[AVERAGES];
    uint64_t snapshots;
} learning;

#define AT(member) .offset = offsetof(learning, member)
static const df_option options_table[] = {
    {.name = "p-mean", .kind = DF_NUMBER, AT(p_mean), .value = "-1.2", .low = -20, .high = 20, .shown = "M",
     .help = "mean of ln sigma of the levels to learn (Table 1 of EDM)"},
    {.name = "p-std", .kind = DF_NUMBER, AT(p_std), .value = "1.4", .low = 0, .high = 20, .shown = "S",
     .help = "and its standard deviation (Table 1 of EDM)"},
    {.name = "ema-width", .kind = DF_NUMBER, AT(width[0]), .value = "0.05", .low = 0.001, .high = 0.28, .shown = "W",
     .also = "sigma-rel ema-std",
     .help = "width of the first average that is kept, relative to the training (Eq. 123)"},
    {.name = "ema-width-2", .kind = DF_NUMBER, AT(width[1]), .value = "0.1", .low = 0.001, .high = 0.28, .shown = "W",
     .help = "and of the second (Eq. 123)"},
    {.name = "ema-snapshots", .kind = DF_COUNT, AT(snapshots), .value = "32", .low = 2, .high = SNAPSHOTS_MOST,
     .shown = "K", .help = "at most so many of both are stored in the model, for `diffuse ema` (Algorithm 3)"},
    {0}};
#undef AT

/* ---- uncertainty ---- */

static void add_uncertainty(df_network *network, const void *options, const df_schedule *schedule)
{
    (void)options, (void)schedule;
    df_network_add_extra(network, "uncertainty", WAVES, 0);
}

static size_t uncertainty_offset(const df_network *network)
{
    return network->tensors[2 * network->linears].offset;
}

static void waves_at(double waves[WAVES], const df_learning *l, double t)
{
    const double steps = (double)l->schedule->steps, place = steps > 1 ? (t - 1) / (steps - 1) : 0;
    for (int k = 0; k < WAVES; k++) {
        double sine;
        df_sincos(DF_PI * k * place, &sine, &waves[k]);
    }
}

static double block(df_learning *l, const df_weights *weights, size_t n, double share, df_real *d_parameters)
{
    const size_t offset = uncertainty_offset(l->network);
    const df_real *w = weights->parameters + offset;
    const double dim = (double)l->network->config.dim;
    double waves[DF_ROWS][WAVES], losses[DF_ROWS], sum = 0;
    for (size_t r = 0; r < n; r++) {
        double u = 0;
        waves_at(waves[r], l, l->t[r]);
        for (int k = 0; k < WAVES; k++) u += (double)w[k] * waves[r][k];
        l->weights[r] *= df_exp(-u);
        sum += dim * u;
    }
    sum += df_learning_block(l, weights, n, share, d_parameters, losses);
    for (size_t r = 0; d_parameters && r < n; r++)
        for (int k = 0; k < WAVES; k++)
            d_parameters[offset + (size_t)k] += (df_real)(share * (dim - losses[r]) * waves[r][k]);
    return sum;
}

static double draw_time(const df_learning *l, double u, double *weight)
{
    const learning *o = l->options;
    (void)weight;
    return df_time_of_level(l, df_level_from_ratio(df_exp(o->p_mean + o->p_std * df_normal_quantile(u))));
}

static double target(const df_example *e, double *target)
{
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    const double gain = df_prediction_gain(e->prediction, e->level) / e->level.sigma;
    return gain * gain;
}

/* ---- averages ---- */

/* The largest root of (g + 2)^2 (g + 3) - q (g + 1), q = 1/width^2: convex where it matters, so that Newton's method
 * falls on it from sqrt(q). */
static double exponent_of(double width)
{
    const double q = 1 / (width * width);
    double g = sqrt(q);
    for (int i = 0; i < 30; i++)
        g -= (((g + 7) * g + 16 - q) * g + 12 - q) / ((3 * g + 14) * g + 16 - q);
    return g;
}

static size_t state_size(const df_network *network, const void *options, const df_schedule *schedule)
{
    (void)schedule;
    return AVERAGES * (1 + ((const learning *)options)->snapshots) * network->parameter_count;
}

/* Average a as it was at snapshot i, from 1; 0: as it is. */
static df_real *average_at(const df_learning *l, size_t i, size_t a)
{
    return l->state + (AVERAGES * i + a) * l->network->parameter_count;
}

/* Steps between snapshots: the least power of two that has room for all. */
static uint64_t spacing_at(const learning *o, uint64_t step)
{
    uint64_t spacing = 1;
    while (step / spacing > o->snapshots) spacing *= 2;
    return spacing;
}

static void keep(df_learning *l, size_t to, size_t from)
{
    memcpy(average_at(l, to, 0), average_at(l, from, 0), AVERAGES * l->network->parameter_count * sizeof *l->state);
}

static void after(df_learning *l, df_real *parameters, uint64_t step)
{
    const learning *o = l->options;
    const uint64_t spacing = spacing_at(o, step);
    for (size_t a = 0; a < AVERAGES; a++) {
        const double fresh = step > 1 ? -df_expm1((exponent_of(o->width[a]) + 1) * df_log(1 - 1 / (double)step)) : 1;
        l->network->kernels->average(average_at(l, 0, a), parameters, l->network->parameter_count, (df_real)fresh);
    }
    if (spacing != spacing_at(o, step - 1))
        for (size_t i = 1; i <= o->snapshots / 2; i++) keep(l, i, 2 * i);
    if (step % spacing == 0) keep(l, step / spacing, 0);
}

/* Eq. 151. */
static double product(double t_a, double g_a, double t_b, double g_b)
{
    const double power = df_pow(t_a / t_b, t_a < t_b ? g_b : -g_a);
    return (g_a + 1) * (g_b + 1) * power / ((g_a + g_b + 1) * (t_a > t_b ? t_a : t_b));
}

/* Solves a x = b in place, a:(n, n), by elimination with the largest pivot. */
static void solve(double *a, double *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
        for (size_t j = 0; j < n; j++) {
            const double swap = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        const double swap = b[k];
        b[k] = b[pivot];
        b[pivot] = swap;
        for (size_t i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
            b[i] -= factor * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) b[k] -= a[k * n + j] * b[j];
        b[k] /= a[k * n + k];
    }
}

static df_status average(df_real *average, const df_learning *l, uint64_t step, double width, df_arena *arena,
                         df_error *error)
{
    const learning *o = l->options;
    const uint64_t spacing = spacing_at(o, step);
    const size_t count = l->network->parameter_count;
    double t[EQUATIONS_MOST], g[EQUATIONS_MOST], x[EQUATIONS_MOST], *a, sum = 0;
    const df_real *from[EQUATIONS_MOST];
    size_t n = 0;
    if (!(width >= 0.001 && width <= 0.28))
        return df_fail(error, DF_USAGE, "--width %g is not from 0.001 to 0.28 of the training", width);
    for (size_t i = step % spacing ? 0 : 1; i <= step / spacing; i++)
        for (size_t k = 0; k < (o->width[0] < o->width[1] || o->width[0] > o->width[1] ? AVERAGES : 1); k++) {
            t[n] = (double)(i ? i * spacing : step);
            g[n] = exponent_of(o->width[k]);
            from[n++] = average_at(l, i, k);
        }
    DF_NEW(arena, a, n * n, error);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) a[i * n + j] = product(t[i], g[i], t[j], g[j]);
        x[i] = product(t[i], g[i], (double)step, exponent_of(width));
    }
    solve(a, x, n);
    for (size_t i = 0; i < n; i++) sum += x[i];
    for (size_t p = 0; p < count; p++) {
        double value = 0;
        for (size_t i = 0; i < n; i++) value += x[i] / sum * (double)from[i][p];
        average[p] = (df_real)value;
    }
    return DF_OK;
}

static const df_objective objective = {
    .name = "edm2", .about = "edm with a learned uncertainty of each level, and averages to choose from afterwards",
    .settings = "prediction-type=v beta-schedule=geometric sigma-start=0.002 sigma-end=80 shift=1 "
                "train-steps=6000 lr=0.005 lr-schedule=cosine",
    .options = options_table, .options_size = sizeof(learning), .time = draw_time, .target = target,
    .extend = add_uncertainty, .block = block, .state_size = state_size, .keeps_state = true, .after = after,
    .average = average};

const df_paper df_paper_edm2 = {
    .key = "edm2", .title = "Analyzing and Improving the Training Dynamics of Diffusion Models",
    .authors = "Karras, Aittala, Lehtinen, Hellsten, Aila, Laine", .venue = "CVPR 2024, 24174-24184",
    .arxiv = "2312.02696", .year = 2024,
    .brings = "a learned weight for each level, and an average whose length is chosen after the training",
    .claim = "u is the logarithm of the loss that cannot be avoided, and an average made afterwards is the one tracked",
    .check = "make papers PAPER=edm2",
    .objectives = (const df_objective *const[]){&objective, NULL}};
