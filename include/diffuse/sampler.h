/* layer 4: sampler.h -- from noise to points: the grid of levels, the driver that walks it, a paper's step. */
#ifndef DIFFUSE_SAMPLER_H
#define DIFFUSE_SAMPLER_H

#include "diffuse/denoiser.h"
#include "diffuse/option.h"
#include "diffuse/threads.h"

DF_BEGIN

/* Up to DF_ROWS points on their way down the grid. Rows never influence one another. */
typedef struct df_walk df_walk;
struct df_walk {
    const df_denoiser *denoiser;
    const df_level *levels; /* (steps + 1): the walk goes from levels[0] to levels[steps] */
    size_t steps;
    const void *options;    /* the sampler's own struct */
    size_t n, dim;
    double *x;              /* (n, dim): where the points are */
    double *x0, *eps, *z;   /* (n, dim): filled by df_walk_denoise and df_walk_noise */
    double *log_variance;   /* (n, dim): filled by df_walk_denoise_to */
    double *const *memory;  /* sampler->memory arrays of (n, dim), kept between steps */
    const double *pilot;    /* (steps + 1): what sampler->pilot found out */
    uint64_t seed, first;   /* row r is sample number first + r of this seed */
    uint64_t calls;         /* answers of the denoiser so far, one a row; those of pilots apart */
    void *scratch;          /* the denoiser's */

    /* Called at the start (step 0) and after every step, with x at levels[step]; may read and change x. Several
     * threads call it at once, each with a walk and rows of its own. */
    void (*hook)(df_walk *walk, size_t step, void *self);
    void *hook_self;
    size_t lost_at; /* the step after which a coordinate was no longer finite; 0: none was */
};

/* Fills x0 and eps with the denoiser's answer at x, taken to be at `level`. */
void df_walk_denoise(df_walk *walk, df_level level);
/* The same, and log_variance of the step to `to`, unless NULL. */
void df_walk_denoise_to(df_walk *walk, df_level level, const df_level *to);

/* Fills z with the standard normals that belong to these rows and this step. */
void df_walk_noise(df_walk *walk, size_t step);

/* A Gaussian step back: x_before ~ N(of_x0 D(x) + of_x x, variance I), or with the variances that the denoiser
 * answers. With x0 in place of D(x) its variance would be `posterior`. */
typedef struct df_kernel {
    double of_x0, of_x, variance, posterior;
    bool learned;
} df_kernel;

typedef struct df_sampler {
    const char *name, *about;
    double order;            /* of the error per whole walk in the step size, 0: stochastic */
    bool adaptive;           /* finds steps of its own between the levels; without --steps: there and to clean data */
    bool all_steps;          /* without --steps: one for every step of the model's schedule, else 50 */
    int spacing;             /* the grid it is at home on, of enum df_spacing */
    bool needs_independent;  /* correct only when noise and data were independent in training */
    bool (*adds_noise)(const void *options); /* with these options that is so as well; NULL: never */
    const df_option *options;
    size_t options_size;     /* of the struct that `options` describes; at most DF_SAMPLER_OPTIONS */
    size_t memory;           /* arrays of its own that it needs; at most DF_SAMPLER_MEMORY */
    bool (*needs_variance)(const void *options); /* with these options it asks for log_variance; NULL: never */
    bool (*needs_signal)(const void *options);   /* with these options it cannot start from pure noise; NULL: it can */
    /* Refuses options that make no sense together or for points of so many columns; NULL: any do. */
    df_status (*check)(const void *options, size_t dim, df_error *error);
    /* Finds out once, before any sample is made, what holds for all of them: fills pilot:(steps + 1), which may be
     * anything. x:(DF_PILOT_ROWS, dim) are starts at levels[0], always the same for a seed; walk lends its rooms for
     * up to DF_ROWS of them at a time. NULL: nothing to find out. */
    void (*pilot)(double *pilot, df_walk *walk, double *x);
    void (*step)(df_walk *walk, size_t i); /* x from levels[i] to levels[i + 1] */
    /* The step from one level to a less noisy one, when it is Gaussian and its chain has a variational bound;
     * else NULL. *found: the number that the pilot has for this step; NULL without a pilot. */
    df_kernel (*kernel)(const void *options, const double *found, df_level from, df_level to);
} df_sampler;

enum { DF_SAMPLER_OPTIONS = 256, DF_SAMPLER_MEMORY = 8, DF_PILOT_ROWS = 1024 };

/* ---- core/grid.c ---- */

enum df_spacing {
    DF_SPACING_KARRAS, DF_SPACING_LEADING, DF_SPACING_LINSPACE, DF_SPACING_TRAILING, DF_SPACING_QUAD, DF_SPACING_FLOW
};

typedef struct df_grid_config {
    uint64_t steps;
    int spacing;
    double sigma_min, sigma_max, rho; /* of DF_SPACING_KARRAS, in sigma / alpha */
} df_grid_config;

/* levels:(steps + 1) from noise to (1, 0). The last step goes from the least noisy level to clean data.
 *   karras    (smax^(1/rho) + i/(N-1) (smin^(1/rho) - smax^(1/rho)))^rho     Karras et al., 2206.00364, eq. 5
 *   leading   1 + floor(k T/N)                                  Song et al., 2010.02502; misses step T
 *   linspace  1 + round(k (T-1)/(N-1))                          Nichol & Dhariwal, 2102.09672
 *   trailing  round(T - k T/N)                                  Lin et al., 2305.08891
 *   flow      sigma/(alpha+sigma) in equal steps to 0           Lipman et al., 2210.02747
 *   quad      round(T ((k+1)/N)^2), distinct                    Song et al., 2010.02502, from T instead of 0.8 T */
df_status df_grid_init(df_level *levels, const df_grid_config *config, const df_schedule *schedule,
                       df_error *error) DF_MUST_CHECK;

/* ---- core/sample.c: the driver ---- */

typedef struct df_sampling {
    const df_denoiser *denoiser;
    const df_sampler *sampler;
    const void *options; /* the sampler's own struct; NULL when it has none */
    const df_level *levels;
    size_t steps;
    uint64_t seed;
    void (*hook)(df_walk *walk, size_t step, void *self);
    void *hook_self;
    df_team *team;
    df_walk *walks; /* one a thread, reserved by df_sampling_init */
} df_sampling;

/* Whether sampler, denoiser and grid go together; if not, DF_USAGE with the reason. */
df_status df_sampling_check(const df_sampling *sampling, df_error *error) DF_MUST_CHECK;

/* The same, and reserves all memory. */
df_status df_sampling_init(df_sampling *sampling, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* x:(n, dim): where samples first .. first + n - 1 start, noise at levels[0]. */
void df_sampling_start(const df_sampling *sampling, uint64_t first, size_t n, double *x);

/* Moves x:(n, dim), samples first .. first + n - 1, from levels[0] to levels[steps]. DF_DIVERGED when a
 * coordinate is no longer finite. */
df_status df_sampling_run(df_sampling *sampling, uint64_t first, size_t n, double *x, df_error *error) DF_MUST_CHECK;

/* Answers of the denoiser so far, one a row, without those of pilots. */
uint64_t df_sampling_calls(const df_sampling *sampling);

DF_END
#endif
