/* score_sde.c -- Score-Based Generative Modeling through Stochastic Differential Equations.   [score_sde]
 *
 * Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole. ICLR 2021. arXiv:2011.13456
 *
 * Let the noise grow in continuous time by an SDE. Its reverse is an SDE too, and needs nothing but the score of
 * each time; so does an ODE whose points have the same law at every time. Any solver of either is a sampler, and
 * since the score is at hand, Langevin steps can correct what a solver got wrong.
 *
 *   dx = f(x, t) dt + g(t) dw                                                                (Eq. 5)
 *     VE      f = 0,           g^2 = d sigma^2 / dt                                          (Eq. 9)
 *     VP      f = -beta x / 2, g^2 = beta                                                    (Eq. 11)
 *     sub-VP  f = -beta x / 2, g^2 = beta (1 - exp(-2 int beta)) = beta (1 - alpha^4)        (Eq. 12)
 *   L  = E_t lambda(t) E |s_theta(x_t, t) - grad ln p(x_t | x_0)|^2,  t uniform              (Eq. 7)
 *        lambda = sigma^2, or g^2 for the likelihood                                         (Section 3.3; 2101.09258)
 *   dx = (f - g^2 s) dt + g dw,  backwards                                                   (Eq. 6)
 *   dx = (f - g^2 s / 2) dt                                                                  (Eq. 13)
 * Predictors, from level i to the less noisy j, with k = alpha_i / alpha_j, b = 1 - k^2 and s = -eps / sigma_i:
 *   euler-maruyama     x_j = (1 + b/2) x + G^2 s + G z                                       (Eq. 6)
 *   reverse-diffusion  x_j = (2 - k) x + G^2 s + G z                                         (Eq. 46)
 *   ancestral          x_j = (x + G^2 s) / k + h z,  h = G, in VE h = G sigma_j / sigma_i    (Eq. 4; Eq. 47)
 *   G^2 = b in VP, b (1 - alpha_i^4) in sub-VP, sigma_i^2 - sigma_j^2 in VE, where Euler-Maruyama in ln sigma
 *   has 2 sigma_i^2 ln(sigma_i / sigma_j) for it.
 * Corrector, at level i, before the predictor:
 *   x = x + e s + sqrt(2 e) z,  e = 2 a (r |z| / |s|)^2,  a = 1 in VE, else 1 - b            (Algorithms 4 and 5)
 *
 * Paper -> here: a noised point of VE is x / alpha at sigma / alpha; one of sub-VP is c x, c such that its sigma is
 *   1 - its alpha^2; VP is what we have. With q = sigma / alpha, g^2 / sigma^2 dt = 2 d ln q for all three.
 *   The ODE is solved in z = x / (alpha + sigma), u = sigma / (alpha + sigma), where it reads dz/du = eps - x0.
 *
 * Differs from the paper: t has no times of its own but levels, as many as the grid has, and beta dt is b; the
 * last step to clean data, of every predictor, is x0; |z| / |s| is the quotient of means not over the batch but
 * over pilot walks, once for each level, so that no sample depends on the others; the ODE's steps adapt to each
 * row by itself. Where the code differs from the paper we follow the code: corrector first, a of one step and not
 * of all, VE noised from nothing and not from sigma_min. Reverse diffusion of sub-VP has its F like VP, where the
 * code falls back to Euler-Maruyama.
 */
#include "diffuse/paper.h"

#include "diffuse/math.h"

#include <math.h>
#include <string.h>

/* ---- objective ---- */

enum { SIMPLE, LIKELIHOOD };
static const char *const weightings[] = {"simple", "likelihood", NULL};

typedef struct learning {
    int weighting;
} learning;

static const df_option learning_options[] = {
    {.name = "weighting", .kind = DF_CHOICE, .offset = offsetof(learning, weighting), .choices = weightings,
     .value = "simple", .help = "lambda of Eq. 7, sigma^2, or g^2 for the likelihood"},
    {0}};

/* Any time, not steps alone. lambda = g^2 instead of sigma^2 weighs the error of eps by 2 d ln q / dt: t is drawn as
 * often as that says, evenly in ln q, and the weight is the same everywhere: importance sampling, as in 2101.09258. */
static double draw_time(const df_learning *l, double u, double *weight)
{
    if (((const learning *)l->options)->weighting == SIMPLE) return df_time_between_steps(l, u, weight);
    const df_level *levels = l->schedule->levels, *last = levels + l->schedule->steps;
    const double least = df_log_ratio(levels[1]), most = df_log_ratio(last->alpha > 0 ? *last : last[-1]);
    *weight *= 2 * (most - least);
    return df_schedule_step(l->schedule, df_level_from_ratio(df_exp(least + u * (most - least))));
}

/* The squared error of eps, from any prediction. */
static double target(const df_example *e, double *target)
{
    const double of_eps = df_prediction_eps_gain(e->prediction, e->level);
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    return of_eps * of_eps;
}

static const df_objective objective = {
    .name = "score_sde", .about = "denoising score matching in continuous time (Eq. 7); --beta-schedule linear is VP, "
                                  "sub-vp is sub-VP, geometric is VE",
    .settings = "beta-schedule=linear shift=1 prediction-type=eps train-steps=20000 "
                "lr=0.005 lr-schedule=cosine",
    .options = learning_options, .options_size = sizeof(learning), .target = target, .time = draw_time};

/* ---- predictor and corrector ---- */

enum { VE, VP, SUB_VP };
static const char *const sdes[] = {"ve", "vp", "sub-vp", NULL};
enum { EULER_MARUYAMA, REVERSE_DIFFUSION, ANCESTRAL };
static const char *const predictors[] = {"euler-maruyama", "reverse-diffusion", "ancestral", NULL};

typedef struct sampling {
    int sde, predictor;
    uint64_t corrector_steps;
    double snr;
} sampling;

static const df_option sampling_options[] = {
    {.name = "sde", .kind = DF_CHOICE, .offset = offsetof(sampling, sde), .choices = sdes, .value = "vp",
     .help = "which is run backwards (Eq. 9, 11, 12); any will do for any model"},
    {.name = "predictor", .kind = DF_CHOICE, .offset = offsetof(sampling, predictor), .choices = predictors,
     .value = "reverse-diffusion", .help = "its discretisation (Eq. 6; Eq. 46; Eq. 4 and 47)"},
    {.name = "corrector-steps", .kind = DF_COUNT, .offset = offsetof(sampling, corrector_steps), .value = "1",
     .low = 0, .high = 1000, .shown = "M", .help = "Langevin steps at each level (Algorithms 4 and 5); 0: none"},
    {.name = "snr", .kind = DF_NUMBER, .offset = offsetof(sampling, snr), .value = "0.16", .low = 1e-6, .high = 1,
     .shown = "R", .idle_with = "corrector-steps=0", .help = "their length, r of Algorithms 4 and 5"},
    {0}};

/* A level as the SDE has it: c times alpha and sigma. */
static df_level in_sde(int sde, df_level level)
{
    const double a = level.alpha, s = level.sigma;
    const double c = sde == VE ? 1 / a : sde == VP ? 1 : 2 / (s + sqrt(s * s + 4 * a * a));
    return (df_level){c * a, c * s};
}

static double square(double a)
{
    return a * a;
}

/* G^2, which is g^2 dt. */
static double added_noise(const sampling *o, df_level from, df_level to)
{
    const double b = 1 - square(from.alpha / to.alpha);
    if (o->sde == VP) return b;
    if (o->sde == SUB_VP) return b * (1 - square(square(from.alpha)));
    if (o->predictor == EULER_MARUYAMA) return 2 * square(from.sigma) * df_log(from.sigma / to.sigma);
    return square(from.sigma) - square(to.sigma);
}

static void predict(df_walk *walk, size_t i)
{
    const sampling *o = walk->options;
    const df_level level = walk->levels[i], next = walk->levels[i + 1];
    const size_t size = walk->n * walk->dim;
    df_walk_denoise(walk, level);
    if (next.sigma <= 0) {
        memcpy(walk->x, walk->x0, size * sizeof *walk->x);
        return;
    }
    const df_level from = in_sde(o->sde, level), to = in_sde(o->sde, next);
    const double k = from.alpha / to.alpha;
    const double g2 = added_noise(o, from, to);
    const double after = o->predictor == ANCESTRAL ? 1 / k : 1;
    const double of_x = o->predictor == ANCESTRAL ? after
                      : o->predictor == REVERSE_DIFFUSION ? 2 - k : 1 + (1 - k * k) / 2;
    const double of_z = sqrt(g2) * (o->predictor == ANCESTRAL && o->sde == VE ? to.sigma / from.sigma : 1);
    const double out = from.sigma / level.sigma, back = next.sigma / to.sigma; /* to the SDE's units, and to ours */
    df_walk_noise(walk, i * (o->corrector_steps + 1) + o->corrector_steps);
    for (size_t j = 0; j < size; j++)
        walk->x[j] = back * (of_x * out * walk->x[j] - after * g2 / from.sigma * walk->eps[j] + of_z * walk->z[j]);
}

/* Langevin step m at level i, with |z| / |eps| given. In our units it is the same for all three SDEs, but for a. */
static void correct(df_walk *walk, size_t i, uint64_t m, double quotient)
{
    const sampling *o = walk->options;
    const df_level level = walk->levels[i];
    const double k = in_sde(o->sde, level).alpha / in_sde(o->sde, walk->levels[i + 1]).alpha;
    const double step = k * o->snr * quotient, of_eps = 2 * step * step * level.sigma, of_z = 2 * step * level.sigma;
    df_walk_denoise(walk, level);
    df_walk_noise(walk, i * (o->corrector_steps + 1) + m);
    for (size_t j = 0; j < walk->n * walk->dim; j++) walk->x[j] += of_z * walk->z[j] - of_eps * walk->eps[j];
}

static void step(df_walk *walk, size_t i)
{
    const uint64_t corrections = ((const sampling *)walk->options)->corrector_steps;
    for (uint64_t m = 0; m < corrections; m++) correct(walk, i, m, walk->pilot[i]);
    predict(walk, i);
}

/* The sum of the rows' norms. */
static double norms(const double *x, size_t n, size_t dim)
{
    double sum = 0;
    for (size_t r = 0; r < n; r++) {
        double squares = 0;
        for (size_t i = r * dim; i < (r + 1) * dim; i++) squares += square(x[i]);
        sum += sqrt(squares);
    }
    return sum;
}

/* Row `done` of the pilots and those after it, under numbers that no sample has. */
static void take_pilots(df_walk *walk, double *x, size_t done)
{
    walk->n = DF_ROWS;
    walk->first = (1ull << 63) + done;
    walk->x = x + done * walk->dim;
}

/* pilot[i] = mean |z| / mean |eps| of all pilots at level i, who then go on to the next level as samples will. */
static void pilot(double *pilot, df_walk *walk, double *x)
{
    const uint64_t corrections = ((const sampling *)walk->options)->corrector_steps;
    for (size_t i = 0; corrections > 0 && i < walk->steps; i++) {
        double of_z = 0, of_eps = 0;
        for (size_t done = 0; done < DF_PILOT_ROWS; done += DF_ROWS) {
            take_pilots(walk, x, done);
            df_walk_denoise(walk, walk->levels[i]);
            df_walk_noise(walk, i * (corrections + 1));
            of_z += norms(walk->z, walk->n, walk->dim);
            of_eps += norms(walk->eps, walk->n, walk->dim);
        }
        pilot[i] = of_z / of_eps;
        walk->pilot = pilot;
        for (size_t done = 0; done < DF_PILOT_ROWS; done += DF_ROWS) {
            take_pilots(walk, x, done);
            step(walk, i);
        }
    }
}

/* In VE pure noise is infinitely far away, and ancestral sampling divides by k, which is 0 there. */
static bool needs_signal(const void *options)
{
    const sampling *o = options;
    return o->sde == VE || o->predictor == ANCESTRAL;
}

static const df_sampler predictor_corrector = {
    .name = "pc", .about = "the reverse SDE by a predictor, with Langevin steps that correct it",
    .needs_independent = true, .options = sampling_options, .options_size = sizeof(sampling), .pilot = pilot,
    .needs_signal = needs_signal, .step = step};

/* ---- the probability-flow ODE by RK45, with steps of its own for each row ---- */

typedef struct solving {
    double rtol, atol;
} solving;

static const df_option solving_options[] = {
    {.name = "rtol", .kind = DF_NUMBER, .offset = offsetof(solving, rtol), .value = "1e-5", .low = 0, .high = 1,
     .shown = "R", .help = "error of one step of the ODE (Eq. 13) that is allowed, relative to the point"},
    {.name = "atol", .kind = DF_NUMBER, .offset = offsetof(solving, atol), .value = "1e-5", .low = 1e-12, .high = 1,
     .shown = "A", .help = "and added to that, in units of the data"},
    {0}};

/* Dormand & Prince, Journal of Computational and Applied Mathematics 6(1), 1980: order 5, the last stage being the
 * first of the next step; `miss` is what order 4 differs by. */
enum { STAGES = 7 };
static const double nodes[STAGES] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
static const double weights[STAGES][STAGES] = {
    {0},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}};
static const double miss[STAGES] = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40};
static const double FIRST_STEP = 0.05, LEAST_STEP = 1e-9; /* of u, which goes from 0 to 1 */

/* Those rows of a walk that have not come to `end` yet. z is in walk->x, the seven slopes and the steps in memory. */
typedef struct group {
    df_walk *walk;
    size_t row[DF_ROWS], count;
    double u[DF_ROWS], end;
} group;

static double *step_of(const group *g, size_t r)
{
    return g->walk->memory[STAGES] + r;
}

/* h sum_k w_k slope_k, coordinate i of row r. */
static double combine(const group *g, const double w[STAGES], double h, size_t i)
{
    double sum = 0;
    for (size_t k = 0; k < STAGES; k++) sum += w[k] != 0 ? w[k] * g->walk->memory[k][i] : 0;
    return h * sum;
}

/* The slope of stage k for all of them; where it was taken is left in walk->z, row after row. */
static void ask(group *g, size_t k)
{
    df_walk *walk = g->walk;
    const size_t dim = walk->dim;
    df_level levels[DF_ROWS];
    for (size_t a = 0; a < g->count; a++) {
        const size_t r = g->row[a];
        const double h = *step_of(g, r), u = g->u[r] + nodes[k] * h;
        levels[a] = (df_level){1 - u, u};
        for (size_t i = 0; i < dim; i++)
            walk->z[a * dim + i] = walk->x[r * dim + i] + combine(g, weights[k], h, r * dim + i);
    }
    const df_question question = {.n = g->count, .x = walk->z, .level = levels, .level_each = true};
    const df_answer answer = {.x0 = walk->x0, .eps = walk->eps};
    walk->denoiser->answer(walk->denoiser->self, &question, &answer, walk->scratch);
    walk->calls += g->count;
    for (size_t a = 0; a < g->count; a++)
        for (size_t i = 0; i < dim; i++)
            walk->memory[k][g->row[a] * dim + i] = walk->eps[a * dim + i] - walk->x0[a * dim + i];
}

/* The estimated error of the step of row a, in units of what is allowed. */
static double error_of(const group *g, size_t a)
{
    const df_walk *walk = g->walk;
    const solving *o = walk->options;
    const size_t dim = walk->dim, r = g->row[a];
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        const double before = fabs(walk->x[r * dim + i]), after = fabs(walk->z[a * dim + i]);
        const double allowed = o->atol + o->rtol * (before > after ? before : after);
        sum += square(combine(g, miss, *step_of(g, r), r * dim + i) / allowed);
    }
    return sqrt(sum / (double)dim);
}

/* Keeps the step of row a if it is good enough, or not a number; sets the length of the next. True at the end. */
static bool settle(group *g, size_t a)
{
    df_walk *walk = g->walk;
    const size_t dim = walk->dim, r = g->row[a];
    double *h = step_of(g, r), error = error_of(g, a);
    const bool refused = error > 1 && fabs(*h) > LEAST_STEP;
    const bool arrived = !refused && fabs(g->end - g->u[r]) <= fabs(*h);
    for (size_t i = 0; !refused && i < dim; i++) {
        walk->x[r * dim + i] = walk->z[a * dim + i];
        walk->memory[0][r * dim + i] = walk->memory[STAGES - 1][r * dim + i];
    }
    if (!refused) g->u[r] += *h;
    *h *= error > 0 ? df_clamp(0.9 * df_pow(error, -0.2), 0.2, 10) : 10;
    return arrived;
}

/* One step of each, and those that arrived leave. */
static void try_step(group *g)
{
    size_t left = 0;
    for (size_t a = 0; a < g->count; a++) {
        double *h = step_of(g, g->row[a]);
        const double most = g->end - g->u[g->row[a]];
        *h = fabs(*h) < fabs(most) ? copysign(*h, most) : most;
    }
    for (size_t k = 1; k < STAGES; k++) ask(g, k);
    for (size_t a = 0; a < g->count; a++) {
        const size_t r = g->row[a];
        if (!settle(g, a)) g->row[left++] = r;
    }
    g->count = left;
}

/* From one level to the next, each row in as many steps as it takes. */
static void solve(df_walk *walk, size_t i)
{
    const df_level from = walk->levels[i], to = walk->levels[i + 1];
    const size_t dim = walk->dim;
    df_walk_denoise(walk, from);
    if (to.sigma <= 0) {
        memcpy(walk->x, walk->x0, walk->n * dim * sizeof *walk->x);
        return;
    }
    group g = {.walk = walk, .count = walk->n, .end = to.sigma / (to.alpha + to.sigma)};
    for (size_t j = 0; j < walk->n * dim; j++) {
        walk->x[j] /= from.alpha + from.sigma;
        walk->memory[0][j] = walk->eps[j] - walk->x0[j];
    }
    for (size_t r = 0; r < walk->n; r++) {
        g.row[r] = r;
        g.u[r] = from.sigma / (from.alpha + from.sigma);
        if (i == 0) *step_of(&g, r) = FIRST_STEP;
    }
    while (g.count > 0) try_step(&g);
    for (size_t j = 0; j < walk->n * dim; j++) walk->x[j] *= to.alpha + to.sigma;
}

static const df_sampler rk45 = {
    .name = "rk45", .about = "the probability-flow ODE by Runge-Kutta of order 5, with steps that adapt to each point; "
                             "--steps only says where they meet, so few",
    .order = 5, .adaptive = true, .options = solving_options, .options_size = sizeof(solving), .memory = STAGES + 1,
    .step = solve};

const df_paper df_paper_score_sde = {
    .key = "score_sde",
    .title = "Score-Based Generative Modeling through Stochastic Differential Equations",
    .authors = "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole", .venue = "ICLR 2021", .arxiv = "2011.13456",
    .year = 2021, .brings = "noise by an SDE, and back by its reverse SDE or an ODE of the same law, with correctors",
    .claim = "SDE and ODE have one law, correctors mend coarse steps, and a point's latent is the data's alone",
    .check = "make papers PAPER=score_sde",
    .objectives = (const df_objective *const[]){&objective, NULL},
    .samplers = (const df_sampler *const[]){&predictor_corrector, &rk45, NULL}};
