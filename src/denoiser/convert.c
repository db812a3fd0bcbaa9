/* convert.c -- every kind of prediction is one of x0 and of eps.
 *
 *   x = alpha x0 + sigma eps
 *   v        = alpha eps - sigma x0    x0 = alpha x - sigma v               eps = alpha v + sigma x
 *   score    = -eps / sigma            x0 = (x + sigma^2 score) / alpha     eps = -sigma score
 *   velocity = eps - x0 (= u)          x0 = (x - sigma u)/(alpha + sigma)   eps = (x + alpha u)/(alpha + sigma)
 */
#include "diffuse/denoiser.h"

void df_prediction_target(double *target, df_prediction prediction, df_level level, const double *x0,
                          const double *eps, size_t count)
{
    const double a = level.alpha, s = level.sigma;
    for (size_t i = 0; i < count; i++) switch (prediction) {
        case DF_PREDICT_EPS: target[i] = eps[i]; break;
        case DF_PREDICT_X0: target[i] = x0[i]; break;
        case DF_PREDICT_V: target[i] = a * eps[i] - s * x0[i]; break;
        case DF_PREDICT_SCORE: target[i] = -eps[i] / s; break;
        case DF_PREDICT_VELOCITY: target[i] = eps[i] - x0[i]; break;
        }
}

double df_prediction_gain(df_prediction prediction, df_level level)
{
    const double a = level.alpha, s = level.sigma;
    switch (prediction) {
    case DF_PREDICT_EPS: return s / a;
    case DF_PREDICT_X0: return 1;
    case DF_PREDICT_V: return s;
    case DF_PREDICT_SCORE: return s * s / a;
    default: return s / (a + s);
    }
}

double df_prediction_eps_gain(df_prediction prediction, df_level level)
{
    const double a = level.alpha, s = level.sigma;
    switch (prediction) {
    case DF_PREDICT_EPS: return 1;
    case DF_PREDICT_X0: return a / s;
    case DF_PREDICT_V: return a;
    case DF_PREDICT_SCORE: return s;
    default: return a / (a + s);
    }
}

static double read_x0(df_prediction prediction, double a, double s, double x, double p)
{
    switch (prediction) {
    case DF_PREDICT_EPS: return (x - s * p) / a;
    case DF_PREDICT_X0: return p;
    case DF_PREDICT_V: return a * x - s * p;
    case DF_PREDICT_SCORE: return (x + s * s * p) / a;
    default: return (x - s * p) / (a + s);
    }
}

static double read_eps(df_prediction prediction, double a, double s, double x, double p)
{
    switch (prediction) {
    case DF_PREDICT_EPS: return p;
    case DF_PREDICT_X0: return (x - a * p) / s;
    case DF_PREDICT_V: return a * p + s * x;
    case DF_PREDICT_SCORE: return -s * p;
    default: return (x + a * p) / (a + s);
    }
}

void df_prediction_read(double *x0, double *eps, df_prediction prediction, df_level level, const double *x,
                        const double *predicted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (x0) x0[i] = read_x0(prediction, level.alpha, level.sigma, x[i], predicted[i]);
        if (eps) eps[i] = read_eps(prediction, level.alpha, level.sigma, x[i], predicted[i]);
    }
}

df_step_back df_step_between(df_level level, df_level to)
{
    const double kept = level.alpha / to.alpha, s2 = level.sigma * level.sigma, s2_to = to.sigma * to.sigma;
    const double added = s2 - kept * kept * s2_to;
    return (df_step_back){.of_x0 = to.alpha * added / s2, .of_x = kept * s2_to / s2, .small = added * s2_to / s2,
                          .large = added};
}

double df_learned_log_variance(df_step_back back, double output)
{
    const double small = back.small > 0 ? back.small : back.large / 2, f = 0.5 * (1 + output);
    return f * df_log(back.large) + (1 - f) * df_log(small);
}
