/* grid.c -- which levels a sampler visits. */
#include "diffuse/sampler.h"

#include <math.h>

static df_level karras(const df_grid_config *c, size_t i)
{
    const double place = c->steps > 1 ? (double)i / (double)(c->steps - 1) : 0;
    const double from = df_pow(c->sigma_max, 1 / c->rho), to = df_pow(c->sigma_min, 1 / c->rho);
    return df_level_from_ratio(df_pow(from + place * (to - from), c->rho));
}

/* The k-th level from clean data, of `steps` to the most noisy one. */
static df_level flow(df_level most, size_t k, size_t steps)
{
    const double u = most.sigma / (most.alpha + most.sigma) * (double)k / (double)steps;
    return df_level_from_ratio(u / (1 - u));
}

static size_t nearest(double value)
{
    return (size_t)floor(value + 0.5);
}

/* The schedule's step that is visited k-th, counting from the least noisy one, k = 0. */
static size_t visited(int spacing, size_t k, size_t steps, size_t all)
{
    const double n = (double)steps, t = (double)all, i = (double)k;
    switch (spacing) {
    case DF_SPACING_LEADING: return 1 + k * all / steps;
    case DF_SPACING_LINSPACE: return steps == 1 ? all : 1 + nearest(i * (t - 1) / (n - 1));
    case DF_SPACING_TRAILING: return nearest(t - (n - 1 - i) * t / n);
    default: return nearest(t * (i + 1) * (i + 1) / (n * n));
    }
}

static df_status refuse_too_many(const df_grid_config *c, const df_schedule *schedule, df_error *error)
{
    return df_fail(error, DF_USAGE,
                   "--steps %llu is more than the %zu timesteps of the model\n  use --timestep-spacing karras for more",
                   (unsigned long long)c->steps, schedule->steps);
}

static df_status check_range(const df_grid_config *c, const df_schedule *schedule, df_error *error)
{
    const df_level least = schedule->levels[1], most = schedule->levels[schedule->steps];
    const double low = least.sigma / least.alpha, high = most.alpha > 0 ? most.sigma / most.alpha : HUGE_VAL;
    const double rounding = 1e-9;
    if (!(c->sigma_min < c->sigma_max))
        return df_fail(error, DF_USAGE, "--sigma-min %g is not below --sigma-max %g", c->sigma_min, c->sigma_max);
    if (c->sigma_min < low * (1 - rounding) || c->sigma_max > high * (1 + rounding))
        return df_fail(error, DF_USAGE,
                       "--sigma-min %g to --sigma-max %g leaves the levels of the schedule, sigma/alpha from %g to %g",
                       c->sigma_min, c->sigma_max, low, high);
    return DF_OK;
}

df_status df_grid_init(df_level *levels, const df_grid_config *c, const df_schedule *schedule, df_error *error)
{
    const size_t steps = c->steps;
    levels[steps] = (df_level){1, 0};
    if (c->spacing == DF_SPACING_KARRAS) {
        DF_TRY(check_range(c, schedule, error));
        for (size_t i = 0; i < steps; i++) levels[i] = karras(c, i);
        return DF_OK;
    }
    if (c->spacing == DF_SPACING_FLOW) {
        const df_level least = schedule->levels[1], most = schedule->levels[schedule->steps];
        for (size_t k = 1; k <= steps; k++) levels[steps - k] = flow(most, k, steps);
        if (df_log_ratio(levels[steps - 1]) >= df_log_ratio(least)) return DF_OK;
        return df_fail(error, DF_USAGE, "--steps %zu with --timestep-spacing flow ends at sigma/alpha %g, below the "
                       "least level of the model, %g", steps, levels[steps - 1].sigma / levels[steps - 1].alpha,
                       least.sigma / least.alpha);
    }
    if (steps > schedule->steps) return refuse_too_many(c, schedule, error);
    size_t before = 0;
    for (size_t k = 0; k < steps; k++) {
        size_t t = visited(c->spacing, k, steps, schedule->steps);
        if (t <= before) t = before + 1; /* quad: the first squares are less than a step apart */
        levels[steps - 1 - k] = schedule->levels[t];
        before = t;
    }
    return DF_OK;
}
