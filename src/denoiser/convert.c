/* convert.c -- eps, x0 and v are three readings of one prediction.
 *
 *   x = alpha x0 + sigma eps        v = alpha eps - sigma x0
 *   x0 = alpha x - sigma v          eps = alpha v + sigma x
 */
#include "diffuse/denoiser.h"

void df_prediction_target(double *target, df_prediction prediction, df_level level, const double *x0,
                          const double *eps, size_t count)
{
    const double a = level.alpha, s = level.sigma;
    for (size_t i = 0; i < count; i++)
        target[i] = prediction == DF_PREDICT_EPS  ? eps[i]
                    : prediction == DF_PREDICT_X0 ? x0[i]
                                                  : a * eps[i] - s * x0[i];
}

void df_prediction_read(double *x0, double *eps, df_prediction prediction, df_level level, const double *x,
                        const double *predicted, size_t count)
{
    const double a = level.alpha, s = level.sigma;
    for (size_t i = 0; i < count; i++) {
        const double p = predicted[i];
        if (x0)
            x0[i] = prediction == DF_PREDICT_EPS ? (x[i] - s * p) / a : prediction == DF_PREDICT_X0 ? p
                : a * x[i] - s * p;
        if (eps)
            eps[i] = prediction == DF_PREDICT_EPS ? p : prediction == DF_PREDICT_X0 ? (x[i] - a * p) / s
                : a * p + s * x[i];
    }
}
