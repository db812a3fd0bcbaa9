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

/* What a thread needs. */
typedef struct lane {
    df_flow flow;
    double *y; /* (DF_ROWS, dim) */
} lane;

typedef struct work {
    lane *lanes;
    const double *x;
    double *log_density;
    size_t n;
} work;

double df_log_gaussian(const double *y, size_t dim, double variance)
{
    double square = 0;
    for (size_t i = 0; i < dim; i++) square += y[i] * y[i];
    return -0.5 * (square / variance + (double)dim * (DF_LOG_2PI + df_log(variance)));
}

static void follow_block(void *self, size_t thread, size_t block)
{
    const work *w = self;
    df_flow *flow = &w->lanes[thread].flow;
    const size_t dim = flow->denoiser->dim, done = block * DF_ROWS;
    const size_t rows = w->n - done < DF_ROWS ? w->n - done : DF_ROWS;
    double *y = w->lanes[thread].y, *log_density = w->log_density + done;
    memcpy(y, w->x + done * dim, rows * dim * sizeof *y);
    df_flow_run(flow, y, log_density, rows);
    for (size_t r = 0; r < rows; r++) log_density[r] += df_log_gaussian(y + r * dim, dim, 1 + flow->to * flow->to);
}

df_status df_log_likelihood(double *log_density, const df_flow *flow, const double *x, size_t n, df_team *team,
                            df_arena *arena, df_error *error)
{
    work w = {.x = x, .log_density = log_density, .n = n};
    DF_NEW(arena, w.lanes, df_team_count(team), error);
    for (size_t k = 0; k < df_team_count(team); k++) {
        w.lanes[k].flow = *flow;
        DF_TRY(df_flow_init(&w.lanes[k].flow, arena, error));
        DF_NEW(arena, w.lanes[k].y, DF_ROWS * flow->denoiser->dim, error);
    }
    df_team_each(team, (n + DF_ROWS - 1) / DF_ROWS, follow_block, &w);
    return DF_OK;
}

typedef struct closed {
    const df_mixture *mixture;
    double sigma, *log_density;
    const double *x;
    size_t n;
} closed;

static void weigh_block(void *self, size_t thread, size_t block)
{
    (void)thread;
    const closed *c = self;
    for (size_t r = block * DF_ROWS; r < c->n && r < (block + 1) * DF_ROWS; r++)
        c->log_density[r] = df_mixture_log_density(c->mixture, 1, c->sigma, c->x + r * c->mixture->dim);
}

void df_log_densities(double *log_density, const df_mixture *mixture, double sigma, const double *x, size_t n,
                      df_team *team)
{
    closed c = {mixture, sigma, log_density, x, n};
    df_team_each(team, (n + DF_ROWS - 1) / DF_ROWS, weigh_block, &c);
}
