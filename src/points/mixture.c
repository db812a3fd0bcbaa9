/* mixture.c -- density and posterior of a Gaussian mixture after any amount of forward noise.
 *
 *   V = alpha^2 s^2 + sigma^2       w_k = softmax_k(ln weight_k - |x - alpha g_k|^2 / (2 V))
 *   m = sum_k w_k g_k               b = alpha s^2 / V,   1 - alpha b = sigma^2 / V
 *
 *   ln p(x)     = ln sum_k weight_k exp(-|x - alpha g_k|^2 / (2 V)) - dim/2 ln(2 pi V)
 *   D(x)        = m + b (x - alpha m)
 *   Cov(x0 | x) = (sigma^2 / V)^2 Cov_w(g) + (s^2 sigma^2 / V) I
 *   dD/dx       = alpha (sigma / V)^2 Cov_w(g) + (alpha s^2 / V) I = (alpha / sigma^2) Cov(x0 | x)
 *
 * The sums go over the nodes once, in chunks. They are kept relative to the largest term so far, and g relative to
 * a node near x, so that neither tiny V nor a distant cloud costs digits.
 */
#include "diffuse/kernels.h"
#include "diffuse/mixture.h"

/* Chunks whose terms are all below e^-50 of the largest are left out: even ten million of their nodes are worth
 * less than 1e-14 of the sum. */
static const double NEGLIGIBLE = -50;

/* Below this a component is a point, and only the nearest one counts. */
static const double VARIANCE_LEAST = 1e-200;

/* A mixture and the place from which its nodes are seen. */
typedef struct view {
    const df_mixture *mixture;
    double alpha, sigma, variance, sharpness; /* sharpness = 1 / (2 V) */
    const double *x;
} view;

typedef struct sums {
    df_posterior of;      /* sum w (g - c), sum w (g - c)(g - c)^T, and so on, where the results will be */
    const double *centre; /* c, a node */
    double largest;       /* w_k = exp(term_k - largest), not normalised */
    double weight;        /* sum w */
} sums;

static view view_from(const df_mixture *mixture, double alpha, double sigma, const double *x)
{
    const double v = alpha * alpha * mixture->s * mixture->s + sigma * sigma;
    const double variance = v > VARIANCE_LEAST ? v : VARIANCE_LEAST;
    return (view){mixture, alpha, sigma, variance, 0.5 / variance, x};
}

/* ln weight_k - |x - alpha g_k|^2 / (2 V) */
static double term(const view *v, size_t k)
{
    const size_t dim = v->mixture->dim;
    double square = 0;
    for (size_t i = 0; i < dim; i++) {
        const double d = v->x[i] - v->alpha * v->mixture->nodes[k * dim + i];
        square += d * d;
    }
    return v->mixture->log_weights[k] - v->sharpness * square;
}

static void clear(double *a, size_t n)
{
    for (size_t i = 0; a && i < n; i++) a[i] = 0;
}

static void multiply(double *a, size_t n, double factor)
{
    for (size_t i = 0; a && i < n; i++) a[i] *= factor;
}

static void rescale(sums *s, size_t dim, double factor)
{
    s->weight *= factor;
    multiply(s->of.mean, dim, factor);
    multiply(s->of.covariance, dim * dim, factor);
    multiply(s->of.mean_dot, dim, factor);
    multiply(s->of.classes, s->of.class_count, factor);
}

/* Sums of nothing, with a first guess of the largest term from one node of each chunk, which on a curve is close. */
static void start(sums *s, const view *v)
{
    const size_t dim = v->mixture->dim;
    size_t nearest = 0;
    s->largest = term(v, 0);
    for (size_t k = DF_NODES / 2; k < v->mixture->count; k += DF_NODES) {
        const double here = term(v, k);
        if (here > s->largest) {
            s->largest = here;
            nearest = k;
        }
    }
    s->centre = v->mixture->nodes + nearest * dim;
    s->weight = 0;
    clear(s->of.mean, dim);
    clear(s->of.covariance, dim * dim);
    clear(s->of.mean_dot, dim);
    clear(s->of.classes, s->of.class_count);
}

static void add_covariance(sums *s, const df_kernels *kernels, const double *weight, const double *nodes, size_t n,
                           size_t dim)
{
    double weighted[DF_NODES];
    for (size_t i = 0; i < dim; i++) {
        for (size_t k = 0; k < n; k++) weighted[k] = weight[k] * (nodes[k * dim + i] - s->centre[i]);
        for (size_t j = 0; j <= i; j++)
            s->of.covariance[i * dim + j] += kernels->moment(weighted, nodes + j, n, dim, s->centre[j]);
    }
}

static void add_tangent(sums *s, const df_kernels *kernels, const double *weight, const double *nodes, size_t n,
                        size_t dim)
{
    double weighted[DF_NODES];
    for (size_t k = 0; k < n; k++) {
        double along = 0;
        for (size_t i = 0; i < dim; i++) along += (nodes[k * dim + i] - s->centre[i]) * s->of.x_dot[i];
        weighted[k] = weight[k] * along;
    }
    for (size_t i = 0; i < dim; i++) s->of.mean_dot[i] += kernels->moment(weighted, nodes + i, n, dim, s->centre[i]);
}

/* All sums but that of the weights. */
static void add_chunk(sums *s, const df_kernels *kernels, const df_mixture *mixture, const double *weight, size_t first,
                      size_t n)
{
    const size_t dim = mixture->dim;
    const double *nodes = mixture->nodes + first * dim;
    for (size_t i = 0; s->of.mean && i < dim; i++)
        s->of.mean[i] += kernels->moment(weight, nodes + i, n, dim, s->centre[i]);
    if (s->of.covariance) add_covariance(s, kernels, weight, nodes, n, dim);
    if (s->of.mean_dot) add_tangent(s, kernels, weight, nodes, n, dim);
    for (size_t k = 0; s->of.classes && k < n; k++) s->of.classes[mixture->labels[first + k]] += weight[k];
}

static void add_nodes(sums *s, const view *v)
{
    const df_kernels *kernels = df_kernels_get();
    const df_mixture *mixture = v->mixture;
    for (size_t first = 0; first < mixture->count; first += DF_NODES) {
        const size_t n = mixture->count - first < DF_NODES ? mixture->count - first : DF_NODES;
        double terms[DF_NODES], weight[DF_NODES];
        const double top = kernels->terms(terms, mixture->log_weights + first, mixture->nodes + first * mixture->dim, n,
                                          mixture->dim, v->alpha, v->sharpness, v->x);
        if (top < s->largest + NEGLIGIBLE) continue;
        if (top > s->largest) {
            rescale(s, mixture->dim, df_exp(s->largest - top));
            s->largest = top;
        }
        s->weight += kernels->weights(weight, terms, s->largest);
        add_chunk(s, kernels, mixture, weight, first, n);
    }
}

/* From sums about the centre to the equations above. The mean of g - c is needed by all, so it goes last. */
static void finish(const df_posterior *of, const view *v, const double *centre)
{
    const size_t dim = v->mixture->dim;
    const double s2 = v->mixture->s * v->mixture->s, noise = v->sigma * v->sigma / v->variance;
    const double b = v->alpha * s2 / v->variance, slope = v->sigma / v->variance;
    const double *away = of->mean; /* m - c */
    for (size_t i = 0; of->covariance && i < dim; i++)
        for (size_t j = 0; j <= i; j++) {
            const double spread = of->covariance[i * dim + j] - away[i] * away[j];
            of->covariance[i * dim + j] = noise * noise * spread + (i == j ? s2 * noise : 0);
            of->covariance[j * dim + i] = of->covariance[i * dim + j];
        }
    double along = 0;
    for (size_t i = 0; of->mean_dot && i < dim; i++) along += away[i] * of->x_dot[i];
    for (size_t i = 0; of->mean_dot && i < dim; i++)
        of->mean_dot[i] = v->alpha * slope * slope * (of->mean_dot[i] - away[i] * along) + b * of->x_dot[i];
    for (size_t i = 0; of->mean && i < dim; i++) {
        const double m = centre[i] + away[i];
        of->mean[i] = m + b * (v->x[i] - v->alpha * m);
    }
}

double df_mixture_posterior(const df_posterior *wanted, const df_mixture *mixture, double alpha, double sigma,
                            const double *x)
{
    const view v = view_from(mixture, alpha, sigma, x);
    sums s = {.of = *wanted};
    start(&s, &v);
    add_nodes(&s, &v);
    const double log_density = s.largest + df_log(s.weight) - 0.5 * (double)mixture->dim * (DF_LOG_2PI +
                                                                                            df_log(v.variance));
    rescale(&s, mixture->dim, 1 / s.weight);
    finish(wanted, &v, s.centre);
    return log_density;
}

double df_mixture_log_density(const df_mixture *mixture, double alpha, double sigma, const double *x)
{
    return df_mixture_posterior(&(df_posterior){0}, mixture, alpha, sigma, x);
}

/* In pure noise any x tells nothing. */
void df_mixture_moments(double *mean, double *covariance, const df_mixture *mixture)
{
    df_mixture_posterior(&(df_posterior){.mean = mean, .covariance = covariance}, mixture, 0, 1, mixture->nodes);
}

/* The sum of weight_k Phi((y - alpha g_k) / sqrt(V)). */
double df_mixture_cdf(const df_mixture *mixture, double alpha, double sigma, double y)
{
    const view v = view_from(mixture, alpha, sigma, &y);
    const double stretch = sqrt(v.sharpness);
    double sum = 0;
    for (size_t k = 0; k < mixture->count; k++) {
        const double below = 0.5 * (1 + df_erf((y - alpha * mixture->nodes[k]) * stretch));
        sum += df_exp(mixture->log_weights[k]) * below;
    }
    return sum;
}
