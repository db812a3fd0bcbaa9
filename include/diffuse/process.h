/* layer 2: process.h -- noise levels, schedules of them, and the forward process x_t = alpha x_0 + sigma eps. */
#ifndef DIFFUSE_PROCESS_H
#define DIFFUSE_PROCESS_H

#include "diffuse/option.h"

DF_BEGIN

/* How much signal and how much noise. (1, 0) is clean data; alpha^2 + sigma^2 = 1 wherever a schedule made it. */
typedef struct df_level {
    double alpha, sigma;
} df_level;

/* The variance-preserving level with that sigma / alpha (infinity: pure noise). */
df_level df_level_from_ratio(double ratio);

/* ln(sigma / alpha), the negative of half the log signal-to-noise ratio: -infinity to infinity. */
double df_log_ratio(df_level level);

/* x_t = alpha x_0 + sigma eps, `count` numbers. */
void df_add_noise(double *x, df_level level, const double *x0, const double *eps, size_t count);

enum df_beta_schedule {
    DF_BETA_LINEAR, DF_BETA_SCALED_LINEAR, DF_BETA_COSINE, DF_BETA_HARMONIC, DF_BETA_SUB_VP, DF_BETA_GEOMETRIC,
    DF_BETA_FLOW, DF_BETA_GVP
};

typedef struct df_schedule_config {
    int beta_schedule;
    uint64_t timesteps;            /* T */
    double beta_start, beta_end;   /* as for T = 1000; multiplied by 1000 / T unless as_given */
    bool betas_as_given;
    double sigma_start, sigma_end; /* of a geometric schedule, in sigma / alpha */
    double shift;                  /* multiplies sigma / alpha of every level */
    bool zero_terminal_snr;        /* rescale so that the last level is pure noise */
} df_schedule_config;

extern const df_option df_schedule_options[];

/* levels[0] is clean data, levels[T] the noisiest; strictly increasing noise. */
typedef struct df_schedule {
    size_t steps;
    df_level *levels;
} df_schedule;

/*   linear         beta_t from beta_start to beta_end                          Ho et al., 2006.11239, section 4
 *   scaled-linear  sqrt(beta_t) linear                                         Rombach et al., 2112.10752
 *   cosine         alpha^2 = f(t)/f(0), f = cos^2((t/T + .008)/1.008 pi/2)     Nichol & Dhariwal, 2102.09672, eq. 17
 *   harmonic       beta_t = 1/(T - t + 1), alpha^2 = 1 - t/T                   Sohl-Dickstein et al., 1503.03585, 2.4.1
 *   sub-vp         sigma = 1 - alpha^2 with the alpha of linear                Song et al., 2011.13456, eq. 29
 *   geometric      sigma/alpha from sigma_start to sigma_end, equal ratios     Song & Ermon, 1907.05600
 *   flow           sigma/alpha = u/(1 - u), u = t/(T + 1): straight lines      Lipman et al., 2210.02747
 *   gvp            sigma/alpha = tan(pi u/2): circles                          Ma et al., 2401.08740
 *   shift          sigma/alpha times a constant                                Hoogeboom et al., 2301.11093, eq. 3
 *   zero SNR       sqrt(abar) shifted and scaled so that abar_T = 0            Lin et al., 2305.08891, algorithm 1 */
df_status df_schedule_init(df_schedule *schedule, const df_schedule_config *config, df_arena *arena,
                           df_error *error) DF_MUST_CHECK;

/* The level at step t, 0 <= t <= T; between the steps ln(sigma / alpha) is linear in t. Where that is
 * infinite, sigma is (below step 1), or alpha / sigma (before a last step without signal). */
df_level df_schedule_level(const df_schedule *schedule, double t);

/* The inverse: the step whose sigma / alpha a level has, 0 to T. */
double df_schedule_step(const df_schedule *schedule, df_level level);

DF_END
#endif
