/* likelihood.c -- ln p of a point under a denoiser: follow the probability-flow ODE to noise, and count the
 * divergence on the way.
 *
 *   ln p(x) = ln N(y_end; 0, (1 + to^2) I) + integral of (dim - tr dD/dy) d ln(sigma/alpha)
 *
 * Song et al., 2011.13456, eq. 39; in the variables of src/denoiser/ode.c. Two cut-offs are part of the answer: it
 * is the density after noise `from`, and the law at `to` is taken to be the Gaussian that sampling starts from.
 */
#include "diffuse/measure.h"

#include <string.h>

double df_log_gaussian(const double *y, size_t dim, double variance)
{
    double square = 0;
    for (size_t i = 0; i < dim; i++) square += y[i] * y[i];
    return -0.5 * (square / variance + (double)dim * (DF_LOG_2PI + df_log(variance)));
}

df_status df_log_likelihood(double *log_density, df_flow *flow, const double *x, size_t n, df_arena *arena,
                            df_error *error)
{
    const size_t dim = flow->denoiser->dim;
    double *y;
    DF_NEW(arena, y, DF_ROWS * dim, error);
    for (size_t done = 0; done < n; done += DF_ROWS) {
        const size_t rows = n - done < DF_ROWS ? n - done : DF_ROWS;
        memcpy(y, x + done * dim, rows * dim * sizeof *y);
        df_flow_run(flow, y, log_density + done, rows);
        for (size_t r = 0; r < rows; r++) {
            const double *end = y + r * dim;
            log_density[done + r] += df_log_gaussian(end, dim, 1 + flow->to * flow->to);
        }
    }
    return DF_OK;
}
