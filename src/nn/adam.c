/* adam.c -- the optimiser and the average of its path.
 *
 *   m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
 *   p <- (1 - rate decay) p - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 */
#include "diffuse/nn.h"

#include <math.h>

void df_adam_step(const df_adam *adam, df_real *parameters, df_real *m, df_real *v, const df_real *gradient,
                  size_t count, double scale, uint64_t step, double rate, const df_kernels *kernels)
{
    const double bias1 = 1 - df_pow(adam->beta1, (double)step), bias2 = 1 - df_pow(adam->beta2, (double)step);
    kernels->adam(parameters, m, v, gradient, count, (df_real)scale, (df_real)adam->beta1, (df_real)adam->beta2,
                  (df_real)(rate / bias1), (df_real)(1 / sqrt(bias2)), (df_real)adam->epsilon,
                  (df_real)(1 - rate * adam->weight_decay));
}

double df_clip_scale(double norm, double most)
{
    return most > 0 && norm > most ? most / norm : 1;
}

void df_ema_step(df_real *average, const df_real *parameters, size_t count, uint64_t step, double decay,
                 const df_kernels *kernels)
{
    const double ramp = (1 + (double)step) / (10 + (double)step);
    kernels->average(average, parameters, count, (df_real)(1 - (ramp < decay ? ramp : decay)));
}
