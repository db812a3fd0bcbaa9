/* ode.c -- the probability-flow ODE, the one integrator of it.
 *
 * In y = x / alpha and l = ln(sigma / alpha) the ODE of every Gaussian diffusion is the same:
 *   dy/dl = y - D(y; l)                                            Song et al., 2011.13456, eq. 13; 2206.00364
 * and along a path the density changes by minus the divergence,
 *   d ln p / dl = -(dim - tr dD/dy)                                Grathwohl et al., 1810.01367, eq. 4
 * with the trace from `dim` tangents, exactly. Fourth-order Runge-Kutta in l.
 */
#include "diffuse/denoiser.h"

#include "diffuse/conditions.h"

#include <string.h>

df_status df_flow_init(df_flow *flow, df_arena *arena, df_error *error)
{
    const size_t size = DF_ROWS * flow->denoiser->dim;
    DF_TRY(df_check_arithmetic(error));
    DF_NEW(arena, flow->at, size, error);
    DF_NEW(arena, flow->x0, size, error);
    DF_NEW(arena, flow->direction, size, error);
    DF_NEW(arena, flow->x0_dot, size, error);
    DF_NEW(arena, flow->sum, size, error);
    DF_NEW(arena, flow->divergence, DF_ROWS, error);
    flow->scratch = flow->denoiser->scratch(flow->denoiser->self, arena, error);
    return flow->scratch ? DF_OK : DF_LIMIT;
}

/* Sets x0 to D at flow->at, and divergence:(n) to dim - tr dD/dy when `wanted`. */
static void slope(df_flow *flow, size_t n, double l, bool wanted)
{
    const df_denoiser *d = flow->denoiser;
    const df_level level = {1, df_exp(l)};
    df_question question = {.n = n, .x = flow->at, .level = &level};
    df_answer answer = {.x0 = flow->x0};
    if (!wanted) {
        d->answer(d->self, &question, &answer, flow->scratch);
        return;
    }
    for (size_t r = 0; r < n; r++) flow->divergence[r] = (double)d->dim;
    question.x_dot = flow->direction;
    answer.x0_dot = flow->x0_dot;
    for (size_t k = 0; k < d->dim; k++) {
        memset(flow->direction, 0, n * d->dim * sizeof *flow->direction);
        for (size_t r = 0; r < n; r++) flow->direction[r * d->dim + k] = 1;
        d->answer(d->self, &question, &answer, flow->scratch);
        for (size_t r = 0; r < n; r++) flow->divergence[r] -= flow->x0_dot[r * d->dim + k];
    }
}

/* One step of length h from l. The four slopes are weighted 1, 2, 2, 1; the stages stand at 0, 1/2, 1/2, 1. */
static void step(df_flow *flow, double *y, double *log_ratio, size_t n, double l, double h)
{
    static const double stage[] = {0, 0.5, 0.5, 1}, weight[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    const size_t size = n * flow->denoiser->dim;
    memset(flow->sum, 0, size * sizeof *flow->sum);
    memcpy(flow->at, y, size * sizeof *y);
    for (size_t k = 0; k < 4; k++) {
        slope(flow, n, l + stage[k] * h, log_ratio != NULL);
        for (size_t r = 0; log_ratio && r < n; r++) log_ratio[r] += h * weight[k] * flow->divergence[r];
        for (size_t i = 0; i < size; i++) {
            const double velocity = flow->at[i] - flow->x0[i];
            flow->sum[i] += weight[k] * velocity;
            if (k < 3) flow->at[i] = y[i] + stage[k + 1] * h * velocity;
        }
    }
    for (size_t i = 0; i < size; i++) y[i] += h * flow->sum[i];
}

void df_flow_run(df_flow *flow, double *y, double *log_ratio, size_t n)
{
    const double from = df_log(flow->from), h = (df_log(flow->to) - from) / (double)flow->steps;
    if (log_ratio) memset(log_ratio, 0, n * sizeof *log_ratio);
    for (size_t i = 0; i < flow->steps; i++) step(flow, y, log_ratio, n, from + (double)i * h, h);
}
