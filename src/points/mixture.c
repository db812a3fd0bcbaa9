/* mixture.c -- the exact density of a Gaussian mixture after any amount of forward noise. */
#include "diffuse/math.h"
#include "diffuse/shape.h"

/* Nodes whose term is below e^-50 of the largest are left out: even ten million of them are worth less than
 * 1e-14 of the sum. */
static const double NEGLIGIBLE = -50.0;
static const double LN_2_PI = 1.8378770664093454836;

/* ln (weight_k exp(-sharpness |x - alpha g_k|^2)) */
static double log_term(const df_mixture *mixture, double alpha, double sharpness, const double *x, size_t k)
{
    const double *node = mixture->nodes + k * mixture->dim;
    double square = 0.0;
    for (size_t i = 0; i < mixture->dim; i++) {
        const double d = x[i] - alpha * node[i];
        square += d * d;
    }
    return mixture->log_weights[k] - sharpness * square;
}

/* V = alpha^2 s^2 + sigma^2
 * ln p = ln sum_k weight_k exp(-|x - alpha g_k|^2 / (2 V)) - dim/2 ln(2 pi V) */
double df_mixture_log_density(const df_mixture *mixture, double alpha, double sigma, const double *x)
{
    const double variance = alpha * alpha * mixture->s * mixture->s + sigma * sigma;
    const double sharpness = 0.5 / variance;
    double largest = log_term(mixture, alpha, sharpness, x, 0);
    for (size_t k = 1; k < mixture->count; k++) {
        const double term = log_term(mixture, alpha, sharpness, x, k);
        if (term > largest) largest = term;
    }
    double sum = 0.0;
    for (size_t k = 0; k < mixture->count; k++) {
        const double below = log_term(mixture, alpha, sharpness, x, k) - largest;
        if (below > NEGLIGIBLE) sum += df_exp(below);
    }
    return largest + df_log(sum) - 0.5 * (double)mixture->dim * (LN_2_PI + df_log(variance));
}
