/* schedule.c -- how the noise grows from step 1 to step T. */
#include "diffuse/process.h"

#include "diffuse/conditions.h"
#include "diffuse/math.h"

#include <math.h>

static const char *const schedules[] = {"linear", "scaled-linear", "cosine", "harmonic", "sub-vp", "geometric",
                                        "flow", "gvp", NULL};

#define AT(member) .offset = offsetof(df_schedule_config, member)

const df_option df_schedule_options[] = {
    {.name = "beta-schedule", .kind = DF_CHOICE, AT(beta_schedule), .value = "cosine", .choices = schedules,
     .also = "schedule noise-schedule",
     .help = "how noise grows with t"},
    {.name = "timesteps", .letter = 'T', .kind = DF_COUNT, AT(timesteps), .value = "1000", .low = 1,
     .high = 100000, .shown = "T",
     .also = "num-train-timesteps num-timesteps n-steps", .help = "steps of the forward process"},
    {.name = "beta-start", .kind = DF_NUMBER, AT(beta_start), .value = "0.0001", .low = 1e-9, .high = 0.999,
     .shown = "B",
     .also = "lbeta", .help = "first beta of a linear schedule, as for T = 1000"},
    {.name = "beta-end", .kind = DF_NUMBER, AT(beta_end), .value = "0.02", .low = 1e-9, .high = 0.999, .shown = "B",
     .also = "ubeta", .help = "last beta of a linear schedule, as for T = 1000"},
    {.name = "betas-as-given", .kind = DF_FLAG, AT(betas_as_given), .help = "do not multiply the betas by 1000/T"},
    {.name = "sigma-start", .kind = DF_NUMBER, AT(sigma_start), .value = "0.01", .before = "0.01",
     .low = 1e-6, .high = 1e6, .shown = "S",
     .help = "first sigma/alpha of the geometric schedule"},
    {.name = "sigma-end", .kind = DF_NUMBER, AT(sigma_end), .value = "20", .before = "20",
     .low = 1e-6, .high = 1e6, .shown = "S",
     .help = "its last"},
    {.name = "shift", .kind = DF_NUMBER, AT(shift), .value = "0.3", .low = 1e-3, .high = 1e3, .shown = "F",
     .help = "multiply sigma/alpha of every step; below 1 dwells on fine detail"},
    {.name = "zero-terminal-snr", .kind = DF_FLAG, AT(zero_terminal_snr), .also = "rescale-betas-zero-snr",
     .help = "rescale the schedule so that nothing of the data is left at step T"},
    {0}};

static const double BETA_MOST = 0.999, SIGNAL_LEAST = 1e-100;

/* beta_t = 1 - abar_t / abar_(t-1), for t = 1 .. T. */
static double linear_beta(const df_schedule_config *c, size_t t)
{
    const double scale = c->betas_as_given ? 1 : 1000 / (double)c->timesteps;
    const double place = c->timesteps > 1 ? (double)(t - 1) / (double)(c->timesteps - 1) : 0;
    const double first = c->beta_start, last = c->beta_end;
    if (c->beta_schedule != DF_BETA_SCALED_LINEAR) return scale * (first + place * (last - first));
    const double root = sqrt(first) + place * (sqrt(last) - sqrt(first));
    return scale * root * root;
}

static double cosine_signal(double place)
{
    double sine, cosine;
    df_sincos((place + 0.008) / 1.008 * DF_PI / 2, &sine, &cosine);
    return cosine * cosine;
}

static double beta(const df_schedule_config *c, size_t t)
{
    const double steps = (double)c->timesteps;
    double b;
    switch (c->beta_schedule) {
    case DF_BETA_COSINE: b = 1 - cosine_signal((double)t / steps) / cosine_signal((double)(t - 1) / steps); break;
    case DF_BETA_HARMONIC: b = 1 / (double)(c->timesteps - t + 1); break;
    default: b = linear_beta(c, t);
    }
    return b < BETA_MOST ? b : BETA_MOST;
}

/* sqrt(abar) <- (sqrt(abar) - sqrt(abar_T)) sqrt(abar_1) / (sqrt(abar_1) - sqrt(abar_T)). */
static void remove_terminal_signal(df_schedule *schedule)
{
    const double first = schedule->levels[1].alpha, last = schedule->levels[schedule->steps].alpha;
    for (size_t t = 1; t <= schedule->steps; t++) {
        const double alpha = (schedule->levels[t].alpha - last) * (first / (first - last));
        schedule->levels[t] = (df_level){alpha, sqrt(1 - alpha * alpha)};
    }
    schedule->levels[schedule->steps] = (df_level){0, 1};
}

static bool has_betas(const df_schedule_config *c)
{
    return c->beta_schedule <= DF_BETA_SUB_VP;
}

/* alpha^2 and sigma^2 of each step as products of 1 - beta, neither with cancellation. */
static df_status follow_betas(df_schedule *schedule, const df_schedule_config *c, df_error *error)
{
    double signal = 1, noise = 0;
    for (size_t t = 1; t <= schedule->steps; t++) {
        const double b = beta(c, t);
        noise = noise * (1 - b) + b;
        signal *= 1 - b;
        if (signal < SIGNAL_LEAST)
            return df_fail(error, DF_USAGE, "nothing of the data is left after step %zu of %zu: alpha-bar is %.2g\n"
                           "  try a lower --beta-end or fewer --timesteps", t, schedule->steps, signal);
        schedule->levels[t] = (df_level){sqrt(signal), c->beta_schedule == DF_BETA_SUB_VP ? noise : sqrt(noise)};
    }
    if (c->zero_terminal_snr) remove_terminal_signal(schedule);
    return DF_OK;
}

static df_level level_without_betas(const df_schedule_config *c, size_t t)
{
    const double steps = (double)c->timesteps, u = (double)t / (steps + 1);
    const double place = c->timesteps > 1 ? (double)(t - 1) / (steps - 1) : 1;
    df_level level;
    switch (c->beta_schedule) {
    case DF_BETA_FLOW: return (df_level){1 - u, u};
    case DF_BETA_GVP: df_sincos(DF_PI / 2 * u, &level.sigma, &level.alpha); return level;
    default: return (df_level){1, c->sigma_start * df_pow(c->sigma_end / c->sigma_start, place)};
    }
}

static df_status check_schedule(const df_schedule_config *c, df_error *error)
{
    if (c->zero_terminal_snr && !(has_betas(c) && c->beta_schedule != DF_BETA_SUB_VP))
        return df_fail(error, DF_USAGE,
                       "--zero-terminal-snr is for the schedules linear, scaled-linear, cosine and harmonic");
    if (c->zero_terminal_snr && c->timesteps < 2)
        return df_fail(error, DF_USAGE, "--zero-terminal-snr needs at least 2 timesteps");
    const bool by_ends = has_betas(c) && c->beta_schedule != DF_BETA_COSINE && c->beta_schedule != DF_BETA_HARMONIC;
    if (by_ends && !(c->beta_start <= c->beta_end))
        return df_fail(error, DF_USAGE, "--beta-start %g is above --beta-end %g; noise must grow with t",
                       c->beta_start, c->beta_end);
    if (c->beta_schedule == DF_BETA_GEOMETRIC && !(c->timesteps == 1 || c->sigma_start < c->sigma_end))
        return df_fail(error, DF_USAGE, "--sigma-start %g is not below --sigma-end %g; noise must grow with t",
                       c->sigma_start, c->sigma_end);
    return DF_OK;
}

df_status df_schedule_init(df_schedule *schedule, const df_schedule_config *config, df_arena *arena, df_error *error)
{
    DF_TRY(df_check_arithmetic(error));
    DF_TRY(check_schedule(config, error));
    schedule->steps = config->timesteps;
    DF_NEW(arena, schedule->levels, schedule->steps + 1, error);
    schedule->levels[0] = (df_level){1, 0};
    if (has_betas(config)) DF_TRY(follow_betas(schedule, config, error));
    else for (size_t t = 1; t <= schedule->steps; t++) schedule->levels[t] = level_without_betas(config, t);
    /* Whatever the shift, this also takes alpha^2 + sigma^2 to 1. */
    for (size_t t = 1; t <= schedule->steps; t++) {
        const df_level level = schedule->levels[t];
        schedule->levels[t] = df_level_from_ratio(level.alpha > 0 ? config->shift * level.sigma / level.alpha
                                                  : HUGE_VAL);
    }
    return DF_OK;
}

df_level df_schedule_level(const df_schedule *schedule, double t)
{
    const size_t last = schedule->steps;
    if (!(t > 0)) return schedule->levels[0];
    if (t >= (double)last) return schedule->levels[last];
    const size_t k = (size_t)t;
    const double part = t - (double)k;
    const df_level low = schedule->levels[k], high = schedule->levels[k + 1];
    if (part <= 0) return low;
    if (k == 0) return (df_level){sqrt(1 - part * part * high.sigma * high.sigma), part * high.sigma};
    if (high.alpha <= 0) return df_level_from_ratio(low.sigma / low.alpha / (1 - part));
    return df_level_from_ratio(df_exp((1 - part) * df_log_ratio(low) + part * df_log_ratio(high)));
}

double df_schedule_step(const df_schedule *schedule, df_level level)
{
    const double wanted = df_log_ratio(level);
    size_t low = 0, high = schedule->steps;
    if (!(wanted > -HUGE_VAL)) return 0;
    if (wanted >= df_log_ratio(schedule->levels[high])) return (double)high;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (df_log_ratio(schedule->levels[middle]) <= wanted) low = middle;
        else high = middle;
    }
    const df_level below = schedule->levels[low], above = schedule->levels[high];
    const double norm = sqrt(level.alpha * level.alpha + level.sigma * level.sigma);
    if (low == 0) return level.sigma / norm / above.sigma;
    if (above.alpha <= 0) return (double)high - below.sigma / below.alpha * level.alpha / level.sigma;
    const double from = df_log_ratio(below);
    return (double)low + (wanted - from) / (df_log_ratio(above) - from);
}
