/* test_conformance.c -- every sampler there is, and the identities, on problems whose answers are known.
 *
 * A new sampler is taken from the list and needs no line here. The identities are those of Luo, 2208.11970.
 * Some of them stand elsewhere: eps, x0 and v by each other in test_process.c; Tweedie's formula, and dD/dx
 * as a symmetric positive covariance, in test_oracle.c; orders on the roll as published in claim_oracle.c;
 * trained networks that predict eps, x0 and v in claim_heads.c.
 */
#include "exact.h"

#include "diffuse/paper.h"
#include "diffuse/random.h"

static double uniform(uint64_t index)
{
    double u[2];
    df_uniforms(u, (df_place){.seed = 385, .index = index}, 0);
    return u[0];
}

/* ---- problems ---- */

typedef struct problem {
    const char *name;
    df_mixture mixture; /* the class of a node is its number */
    size_t samples;
    double *ends; /* (STARTS, dim): where the ODE takes the starts of every walk, from NOISIEST to CLEANEST */
} problem;

enum { PROBLEMS = 4, NODES_MOST = 512, STARTS = 2 * DF_ROWS, STEPS_OF_ODE = 400 };
static problem problems[PROBLEMS];
static const double NOISIEST = 20, CLEANEST = 0.01; /* sigma / alpha, between which orders are measured */

static void follow(double *x, const df_mixture *mixture)
{
    const df_denoiser denoiser = df_denoiser_of_mixture(mixture);
    const df_level from = df_level_from_ratio(NOISIEST), to = df_level_from_ratio(CLEANEST);
    const df_sampling sampling = {.denoiser = &denoiser, .levels = &from, .seed = 77};
    const size_t size = STARTS * mixture->dim;
    df_flow flow = {.denoiser = &denoiser, .from = NOISIEST, .to = CLEANEST, .steps = STEPS_OF_ODE};
    CHECK(df_flow_init(&flow, &arena, &error) == DF_OK);
    df_sampling_start(&sampling, 0, STARTS, x);
    for (size_t i = 0; i < size; i++) x[i] /= from.alpha;
    for (size_t r = 0; r < STARTS; r += DF_ROWS) df_flow_run(&flow, x + r * mixture->dim, NULL, DF_ROWS);
    for (size_t i = 0; i < size; i++) x[i] *= to.alpha;
}

static void make_problems(void)
{
    const double pair[] = {-1.1, 0.8}, of_pair[] = {0.3, 0.7};
    const double three[] = {-1, 0.2, 0.9, 1.1, 0.4, -1.3}, of_three[] = {0.2, 0.5, 0.3};
    problems[0] = (problem){"gaussian", make_gaussian((double[]){0.385, -1.2, 0.9}, 0.7), 600, NULL};
    problems[1] = (problem){"two on a line", make_mixture(1, 2, pair, of_pair, 0.25), 600, NULL};
    problems[2] = (problem){"three in the plane", make_mixture(2, 3, three, of_three, 0.3), 600, NULL};
    problems[3] = (problem){"roll", open_shape("swissroll", 0.2), 200, NULL};
    number_nodes(&problems[3].mixture);
    CHECK(problems[3].mixture.count <= NODES_MOST);
    for (size_t p = 0; p < PROBLEMS; p++) {
        problems[p].ends = reserve(STARTS * problems[p].mixture.dim, sizeof(double));
        follow(problems[p].ends, &problems[p].mixture);
    }
}

/* sigma / alpha from `most` to `least` in equal factors. */
static df_level *even_levels(double most, double least, size_t steps)
{
    df_level *levels = reserve(steps + 2, sizeof *levels);
    for (size_t i = 0; i <= steps; i++)
        levels[i] = df_level_from_ratio(most * pow(least / most, (double)i / (double)steps));
    return levels;
}

/* ---- every sampler ---- */

typedef struct trial {
    const df_sampler *sampler;
    const char *assignments; /* of its options; the others have their defaults */
    const problem *problem;
    const df_level *levels;
    size_t steps;
} trial;

static void *options_of(const df_sampler *sampler, const char *assignments)
{
    void *options = reserve(1, DF_SAMPLER_OPTIONS);
    df_settings settings = {.table = sampler->options, .values = options};
    df_settings *const list[] = {&settings, NULL};
    if (!sampler->options) return options;
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    return options;
}

/* Walks n points from the same starts as always; `seed` decides the noise on the way. */
static void walk(double *x, size_t n, const trial *t, uint64_t seed)
{
    const df_denoiser denoiser = df_denoiser_of_mixture(&t->problem->mixture);
    df_sampling sampling = {
        .denoiser = &denoiser, .sampler = t->sampler, .levels = t->levels, .steps = t->steps, .seed = 77};
    sampling.options = options_of(t->sampler, t->assignments);
    df_sampling_start(&sampling, 0, n, x);
    sampling.seed = seed;
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    CHECK(df_sampling_run(&sampling, 0, n, x, &error) == DF_OK);
}

/* What an order says of the default: whether noise has a part in it. */
static void check_noise(trial t)
{
    double x[DF_ROWS * 3], other[DF_ROWS * 3];
    t.levels = even_levels(20, 0.01, t.steps = 16);
    walk(x, DF_ROWS, &t, 77);
    walk(other, DF_ROWS, &t, 78);
    const size_t size = DF_ROWS * t.problem->mixture.dim * sizeof *x;
    CHECK((memcmp(x, other, size) != 0) == !(t.sampler->order > 0));
}

/* The median distance after `steps` steps. The few starts between two arms of the roll rule any mean. */
static double error_of(trial t, size_t steps)
{
    const size_t dim = t.problem->mixture.dim;
    double x[STARTS * 3], miss[STARTS] = {0};
    t.levels = even_levels(NOISIEST, CLEANEST, t.steps = steps);
    walk(x, STARTS, &t, 77);
    for (size_t i = 0; i < STARTS * dim; i++) miss[i / dim] += square(x[i] - t.problem->ends[i]);
    return sqrt(median(miss, STARTS));
}

static void check_order(trial t)
{
    const double errors[] = {error_of(t, 64), error_of(t, 128), error_of(t, 256)};
    const double coarse = log2(errors[0] / errors[1]), fine = log2(errors[1] / errors[2]);
    printf("%s on %s: order %g, measured %.3f and %.3f\n", t.sampler->name, t.problem->name, t.sampler->order,
           coarse, fine);
    CHECK_NEAR(coarse, t.sampler->order, 0.1);
    CHECK_NEAR(fine, t.sampler->order, 0.1);
}

/* What is averaged over samples: x_i, x_i x_j, the squared distance to the node that x came from, and
 * whether that is one of the first half; of the last two their expectation given x. */
enum { MOMENTS_MOST = 3 + 6 + 2 };

static size_t moments_at(double *f, const df_mixture *m, const double *x)
{
    double from[NODES_MOST];
    size_t count = 0;
    df_mixture_posterior(&(df_posterior){.classes = from, .class_count = m->count}, m, 1, 0, x);
    for (size_t i = 0; i < m->dim; i++) f[count++] = x[i];
    for (size_t i = 0; i < m->dim; i++)
        for (size_t j = 0; j <= i; j++) f[count++] = x[i] * x[j];
    double *distance = &f[count++], *half = &f[count++];
    *distance = *half = 0;
    for (size_t k = 0; k < m->count; k++) {
        for (size_t i = 0; i < m->dim; i++) *distance += from[k] * square(x[i] - m->nodes[k * m->dim + i]);
        if (k < m->count / 2) *half += from[k];
    }
    return count;
}

/* Their expectations. */
static void exact_moments(double *f, const df_mixture *m)
{
    double mean[3], covariance[9];
    size_t count = 0;
    df_mixture_moments(mean, covariance, m);
    for (size_t i = 0; i < m->dim; i++) f[count++] = mean[i];
    for (size_t i = 0; i < m->dim; i++)
        for (size_t j = 0; j <= i; j++) f[count++] = covariance[i * m->dim + j] + mean[i] * mean[j];
    double *distance = &f[count++], *half = &f[count++];
    *distance = (double)m->dim * square(m->s);
    *half = 0;
    for (size_t k = 0; k < m->count / 2; k++) *half += exp(m->log_weights[k]);
}

/* After 300 steps, each a factor 1.034 of sigma / alpha. With 100 times the samples the bias that these
 * leave was seen to be at most 0.02 of moments of order 1, and 0.033 of the squared distance. */
static void check_moments(trial t)
{
    const df_mixture *m = &t.problem->mixture;
    const size_t n = t.problem->samples;
    double *x = reserve(n * m->dim, sizeof *x), *values = reserve(n * MOMENTS_MOST, sizeof *values);
    double want[MOMENTS_MOST], here[MOMENTS_MOST];
    df_level *levels = even_levels(100, 0.005, 300);
    size_t count = 0;
    levels[301] = (df_level){1, 0};
    t.levels = levels;
    t.steps = 301;
    walk(x, n, &t, 77);
    exact_moments(want, m);
    for (size_t r = 0; r < n; r++) {
        count = moments_at(here, m, x + r * m->dim);
        for (size_t k = 0; k < count; k++) values[k * n + r] = here[k];
    }
    for (size_t k = 0; k < count; k++)
        check_estimate(estimate_of(values + k * n, n), want[k], k + 2 == count ? 0.04 * want[k] : 0.02);
}

enum { SETTINGS_MOST = 32, LINE = 120 };

/* The defaults, and every other value of every choice and flag that can stand alone. */
static size_t list_settings(char lines[SETTINGS_MOST][LINE], const df_sampler *sampler)
{
    size_t count = 1;
    lines[0][0] = 0;
    for (const df_option *o = sampler->options; o && o->name; o++) {
        if (o->kind == DF_FLAG && count < SETTINGS_MOST) snprintf(lines[count++], LINE, "%s=yes", o->name);
        for (const char *const *c = o->choices; o->kind == DF_CHOICE && *c && count < SETTINGS_MOST; c++)
            if (!o->value || strcmp(*c, o->value) != 0) {
                snprintf(lines[count], LINE, "%s=%s", o->name, *c);
                count += !sampler->check || sampler->check(options_of(sampler, lines[count]), 2, &error) == DF_OK;
            }
    }
    CHECK(count < SETTINGS_MOST);
    return count;
}

static void check_sampler(const df_sampler *sampler)
{
    char lines[SETTINGS_MOST][LINE];
    const size_t settings = list_settings(lines, sampler);
    for (size_t p = 0; p < PROBLEMS; p++)
        for (size_t s = 0; s < settings; s++) {
            const trial t = {.sampler = sampler, .assignments = lines[s], .problem = &problems[p]};
            const int failed = checks_failed;
            if (s == 0) check_noise(t);
            if (s == 0 && sampler->order > 0 && !sampler->adaptive) check_order(t);
            check_moments(t);
            if (checks_failed > failed)
                fprintf(stderr, "  by sampler %s %s on %s\n", sampler->name, lines[s], problems[p].name);
        }
}

/* ---- the chain of a sampler whose steps are Gaussian ---- */

static df_level *schedule_levels(const char *assignments, size_t *steps)
{
    df_schedule_config config;
    df_schedule schedule;
    df_settings settings = {.table = df_schedule_options, .values = &config};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    CHECK(df_settings_apply(list, assignments, &arena, &error) == DF_OK);
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == DF_OK);
    df_level *levels = reserve(schedule.steps + 1, sizeof *levels);
    for (size_t t = 0; t <= schedule.steps; t++) levels[schedule.steps - t] = schedule.levels[t];
    *steps = schedule.steps;
    return levels;
}

typedef struct kernel_watch {
    const df_sampler *sampler;
    double worst;
    double before[DF_ROWS * 3];
} kernel_watch;

static void compare_with_kernel(df_walk *walk, size_t step, void *self)
{
    kernel_watch *w = self;
    for (size_t i = 0; step > 0 && step < walk->steps && i < walk->n * walk->dim; i++) {
        const df_kernel k = w->sampler->kernel(walk->options, walk->pilot ? walk->pilot + step - 1 : NULL,
                                               walk->levels[step - 1], walk->levels[step]);
        const double want = k.of_x0 * walk->x0[i] + k.of_x * w->before[i] +
                            (k.learned ? df_exp(0.5 * walk->log_variance[i]) : sqrt(k.variance)) * walk->z[i];
        w->worst = fmax(w->worst, fabs(walk->x[i] - want));
    }
    memcpy(w->before, walk->x, walk->n * walk->dim * sizeof *walk->x);
}

/* The kernel, which the bound believes in, is what the step does. */
static void check_kernel(const df_sampler *sampler, const char *assignments)
{
    const df_denoiser denoiser = df_denoiser_of_mixture(&problems[0].mixture);
    kernel_watch watch = {.sampler = sampler};
    double x[DF_ROWS * 3];
    df_sampling sampling = {.denoiser = &denoiser,
                            .sampler = sampler,
                            .options = options_of(sampler, assignments),
                            .seed = 3,
                            .hook = compare_with_kernel,
                            .hook_self = &watch};
    sampling.levels = schedule_levels("timesteps=30", &sampling.steps);
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    df_sampling_start(&sampling, 0, DF_ROWS, x);
    CHECK(df_sampling_run(&sampling, 0, DF_ROWS, x, &error) == DF_OK);
    CHECK_BETWEEN(0, watch.worst, 1e-12);
}

/* The variance of q(x_before | x, x0), as a product of two Gaussians in x_before. */
static double posterior_variance(df_level t, df_level before)
{
    const double kept2 = square(t.alpha / before.alpha),
                 added = square(t.sigma) - kept2 * square(before.sigma);
    return 1 / (1 / square(before.sigma) + kept2 / added);
}

static bool last_step(const df_bound *b, size_t i)
{
    return i + 1 == b->steps;
}

static df_kernel kernel_of(const df_bound *b, size_t i)
{
    return b->sampler->kernel(b->options, b->pilot ? b->pilot + i : NULL, b->levels[i], b->levels[i + 1]);
}

/* The variance of step i of the model's chain; a last step without any takes that of the step before. */
static double model_variance(const df_bound *b, size_t i)
{
    const double variance = kernel_of(b, i).variance;
    return variance > 0 ? variance : kernel_of(b, i - 1).variance;
}

/* The part of a term that does not depend on D. */
static double fixed_part(const df_bound *b, size_t i)
{
    const double p = model_variance(b, i);
    if (last_step(b, i)) return 0.5 * log(2 * DF_PI * p);
    const double q = posterior_variance(b->levels[i], b->levels[i + 1]);
    return 0.5 * (log(p / q) + q / p - 1);
}

/* What E |x0 - D|^2 is multiplied by, in every step and in the decoder, where D alone is the mean. */
static double weight_of_miss(const df_bound *b, size_t i)
{
    return square(kernel_of(b, i).of_x0) / (2 * model_variance(b, i));
}

/* E KL(q(x_T | x0) || N(0, 1)) of one coordinate whose square is on average `square_mean`. */
static double exact_prior(df_level t, double square_mean)
{
    return 0.5 * (square(t.alpha) * square_mean + square(t.sigma) - 1 - log(square(t.sigma)));
}

/* For x0 ~ N(m, s^2) a coordinate of x0 - D is N(0, s^2 sigma^2 / V): all terms are known. */
static void check_gaussian_bound(const df_sampler *sampler, const char *assignments)
{
    enum { N = 2000 };
    const df_mixture *m = &problems[0].mixture;
    const df_denoiser denoiser = df_denoiser_of_mixture(m);
    df_bound b = {
        .denoiser = &denoiser, .sampler = sampler, .options = options_of(sampler, assignments), .seed = 5};
    b.levels = schedule_levels("timesteps=25 shift=1", &b.steps);
    df_sampling sampling = {.denoiser = &denoiser, .sampler = sampler, .options = b.options, .levels = b.levels,
                            .steps = b.steps};
    CHECK(df_sampling_init(&sampling, &arena, &error) == DF_OK);
    b.pilot = sampling.walks->pilot;
    double prior, *terms = reserve(b.steps, sizeof *terms), *total = reserve(N, sizeof *total), exact = 0;
    const double *x0 = draw(m, 7, N), dim = (double)m->dim;
    CHECK(df_bound_terms(&b, &prior, terms, total, x0, N, &arena, &error) == DF_OK);
    for (size_t i = 0; i < b.steps; i++) {
        const df_level level = b.levels[i];
        const double v = square(level.alpha * m->s) + square(level.sigma),
                     miss = square(m->s * level.sigma) / v;
        const double want = dim * (fixed_part(&b, i) + weight_of_miss(&b, i) * miss);
        CHECK_NEAR(terms[i], want, ERRORS * weight_of_miss(&b, i) * miss * sqrt(2 * dim / N));
        exact += want;
    }
    for (size_t i = 0; i < m->dim; i++) exact += exact_prior(b.levels[0], square(m->nodes[i]) + square(m->s));
    check_estimate(estimate_of(total, N), exact, 0);
    double parts = prior, mean = 0;
    for (size_t i = 0; i < b.steps; i++) parts += terms[i];
    for (size_t r = 0; r < N; r++) mean += total[r] / N;
    CHECK_NEAR(parts, mean, 1e-10);
    const double entropy = 0.5 * dim * (1 + log(2 * DF_PI * square(m->s)));
    printf("bound of %s %s on a gaussian: exact %.4f, estimated %.4f, entropy %.4f nats\n", sampler->name,
           assignments, exact, mean, entropy);
    CHECK(exact > entropy);
}

static void test_every_sampler(void)
{
    for (const df_paper *const *paper = df_papers; *paper; paper++)
        for (const df_sampler *const *sampler = (*paper)->samplers; sampler && *sampler; sampler++) {
            check_sampler(*sampler);
            char lines[SETTINGS_MOST][LINE];
            const size_t settings = (*sampler)->kernel ? list_settings(lines, *sampler) : 0;
            for (size_t s = 0; s < settings; s++) {
                check_kernel(*sampler, lines[s]);
                check_gaussian_bound(*sampler, lines[s]);
            }
        }
}

/* ---- one prediction in five readings ---- */

enum { EPS, X0, V, SCORE, PRECONDITIONED, READINGS };

/* EDM's (Karras et al., 2206.00364, table 1) with data of variance 1: x_clean = skip x / alpha + out F. */
static double skip(df_level level)
{
    return square(level.alpha) / (square(level.alpha) + square(level.sigma));
}

static double out(df_level level)
{
    return level.sigma / sqrt(square(level.alpha) + square(level.sigma));
}

static double read_as(int reading, df_level level, double x, double x0, double eps)
{
    double value;
    if (reading == SCORE) return -eps / level.sigma;
    if (reading == PRECONDITIONED) return (x0 - skip(level) * x / level.alpha) / out(level);
    df_prediction_target(&value, (df_prediction)reading, level, &x0, &eps, 1);
    return value;
}

static void read_from(double *x0, double *eps, int reading, double value, df_level level, double x)
{
    const bool direct = reading == EPS || reading == X0 || reading == V;
    const double eps_or_x0 =
        reading == SCORE ? -level.sigma * value : skip(level) * x / level.alpha + out(level) * value;
    const df_prediction kind = direct             ? (df_prediction)reading
                               : reading == SCORE ? DF_PREDICT_EPS
                                                  : DF_PREDICT_X0;
    df_prediction_read(x0, eps, kind, level, &x, direct ? &value : &eps_or_x0, 1);
}

static void test_five_readings(void)
{
    for (uint64_t i = 0; i < 200; i++) {
        const double gamma = i == 0 ? -14 : i == 1 ? 10 : -14 + 24 * uniform(i); /* -ln SNR */
        const df_level level = df_level_from_ratio(exp(gamma / 2));
        const double x0 = 3 * uniform(i + 1000) - 1.5, eps = 4 * uniform(i + 2000) - 2;
        const double x = level.alpha * x0 + level.sigma * eps;
        for (int from = 0; from < READINGS; from++)
            for (int to = 0; to < READINGS; to++) {
                const double value = read_as(from, level, x, x0, eps);
                double x0_read, eps_read;
                read_from(&x0_read, &eps_read, from, value, level, x);
                const double between = read_as(to, level, x, x0_read, eps_read);
                read_from(&x0_read, &eps_read, to, between, level, x);
                CHECK_NEAR(read_as(from, level, x, x0_read, eps_read), value, 1e-10 * (1 + fabs(value)));
                CHECK_NEAR(x0_read, x0, 1e-10);
                CHECK_NEAR(eps_read, eps, 1e-10);
            }
        const double v = read_as(V, level, x, x0, eps);
        CHECK_NEAR(read_as(SCORE, level, x, x0, eps), (level.alpha * x0 - x) / square(level.sigma),
                   1e-10 / square(level.sigma));
        CHECK_NEAR(v, (level.alpha * x - x0) / level.sigma, 1e-10);
        CHECK_NEAR(read_as(PRECONDITIONED, level, x, x0, eps), -v, 1e-10);
    }
}

/* ---- one forward pass, four losses ---- */

/* Sums of squared misses of two numbers each. */
typedef struct losses {
    double x0, eps, v, score;
} losses;

static losses losses_of(df_level l, const double *x0, const double *eps, const double *x0_guess,
                        const double *eps_guess)
{
    losses sum = {0, 0, 0, 0};
    for (size_t i = 0; i < 2; i++) {
        const double x0_miss = x0[i] - x0_guess[i], eps_miss = eps[i] - eps_guess[i];
        sum.x0 += square(x0_miss);
        sum.eps += square(eps_miss);
        sum.v += square(l.alpha * eps_miss - l.sigma * x0_miss);
        sum.score += square(eps[i] / l.sigma - eps_guess[i] / l.sigma);
    }
    return sum;
}

static void check_losses(const df_denoiser *denoiser)
{
    double x0[DF_ROWS * 2], eps[DF_ROWS * 2], x[DF_ROWS * 2], x0_guess[DF_ROWS * 2], eps_guess[DF_ROWS * 2];
    df_level levels[DF_ROWS];
    df_normal_rows(x0, DF_ROWS, 2, (df_place){.seed = 8});
    df_normal_rows(eps, DF_ROWS, 2, (df_place){.seed = 9});
    for (size_t r = 0; r < DF_ROWS; r++) {
        levels[r] = df_level_from_ratio(exp(-5 + 8 * uniform(r)));
        df_add_noise(x + 2 * r, levels[r], x0 + 2 * r, eps + 2 * r, 2);
    }
    const df_question question = {.n = DF_ROWS, .x = x, .level = levels, .level_each = true};
    denoiser->answer(denoiser->self, &question, &(df_answer){.x0 = x0_guess, .eps = eps_guess},
                     denoiser->scratch(denoiser->self, &arena, &error));
    for (size_t r = 0; r < DF_ROWS; r++) {
        const df_level l = levels[r];
        const losses of = losses_of(l, x0 + 2 * r, eps + 2 * r, x0_guess + 2 * r, eps_guess + 2 * r);
        CHECK(of.x0 > 0);
        CHECK_NEAR(square(l.sigma / l.alpha) * of.eps / of.x0, 1, 1e-10);
        CHECK_NEAR(square(square(l.sigma) / l.alpha) * of.score / of.x0, 1, 1e-10);
        CHECK_NEAR(square(l.sigma) * of.v / of.x0, 1, 1e-10);
        CHECK_NEAR(of.v / ((square(l.alpha / l.sigma) + 1) * of.x0), 1, 1e-10);
    }
}

static void test_four_losses(void)
{
    df_network_config config = {0};
    df_network network;
    df_settings settings = {.table = df_network_options, .values = &config};
    df_settings_defaults(&settings);
    config.dim = 2;
    config.random_output = true;
    CHECK(df_network_init(&network, &config, 3, &arena, &error) == DF_OK);
    df_real *parameters = reserve(network.parameter_count, sizeof *parameters);
    df_network_start(&network, parameters, 4);
    df_weights weights = {.parameters = parameters,
                          .transposed = reserve(network.parameter_count, sizeof *parameters)};
    df_weights_refresh(&network, &weights);
    df_level levels[2] = {{1, 0}, df_level_from_ratio(30)};
    const df_schedule schedule = {.steps = 1, .levels = levels};
    for (df_prediction kind = DF_PREDICT_EPS; kind <= DF_PREDICT_VELOCITY; kind++) {
        const df_network_denoiser from = {.network = &network, .weights = weights, .prediction = kind,
                                          .label = DF_LABEL_LOG_RATIO, .schedule = &schedule};
        const df_denoiser denoiser = df_denoiser_of_network(&from);
        check_losses(&denoiser);
    }
}

/* ---- one term of the bound, four ways ---- */

static void answer_always(const void *self, const df_question *question, const df_answer *answer,
                          void *scratch)
{
    const double *guess = self;
    (void)scratch;
    for (size_t i = 0; i < 2 * question->n; i++) answer->x0[i] = guess[i % 2];
}

static void *no_scratch(const void *self, df_arena *memory, df_error *e)
{
    (void)self;
    return df_alloc(memory, 0, 1, e);
}

/* ln q(u) - ln p(u) for u ~ q, where both are Gaussians of the plane; their means differ by `apart`. */
static double log_ratio(const double *z, const double *apart, double q, double p)
{
    double sum = log(p / q);
    for (size_t i = 0; i < 2; i++) sum += 0.5 * (square(sqrt(q) * z[i] + apart[i]) / p - square(z[i]));
    return sum;
}

static void check_kl(df_level t, df_level before, bool large)
{
    enum { N = 4000 };
    static double ratios[N];
    const double x0[2] = {2.385, -0.4}, guess[2] = {2.1, 0.15},
                 miss = square(x0[0] - guess[0]) + square(x0[1] - guess[1]);
    const df_denoiser denoiser = {.dim = 2,
                                  .least = {1, 0},
                                  .most = {0, 1},
                                  .independent = true,
                                  .self = guess,
                                  .scratch = no_scratch,
                                  .answer = answer_always};
    const df_level levels[3] = {t, before, {1, 0}};
    const char *const variance = large ? "variance-type=fixed-large" : "variance-type=fixed-small";
    df_bound b = {.denoiser = &denoiser,
                  .sampler = df_find_sampler("ddpm", NULL),
                  .levels = levels,
                  .steps = 2,
                  .seed = 2};
    b.options = options_of(b.sampler, variance);
    double prior, terms[2], total[1];
    CHECK(df_bound_terms(&b, &prior, terms, total, x0, 1, &arena, &error) == DF_OK);
    CHECK_NEAR(prior, exact_prior(t, square(x0[0])) + exact_prior(t, square(x0[1])), 1e-12 * (1 + prior));

    /* the divergence of the two Gaussians */
    const df_kernel k = kernel_of(&b, 0);
    const double apart[2] = {k.of_x0 * (x0[0] - guess[0]), k.of_x0 * (x0[1] - guess[1])},
                 q = posterior_variance(t, before);
    const double of_variances = log(k.variance / q) + q / k.variance - 1;
    const double closed = of_variances + (square(apart[0]) + square(apart[1])) / (2 * k.variance);
    CHECK_NEAR(terms[0] / closed, 1, 1e-10);

    /* the weighted loss of x0: by the signal-to-noise ratios, and as the objective weighs it */
    const double snr = square(t.alpha / t.sigma), snr_before = square(before.alpha / before.sigma);
    if (!large) CHECK_NEAR(0.5 * (snr_before - snr) * miss / closed, 1, 1e-10);
    const df_example example = {.options = &(int){1},
                                .prediction = DF_PREDICT_X0,
                                .level = t,
                                .before = before,
                                .dim = 2,
                                .x0 = x0,
                                .eps = x0};
    double target[2];
    if (large)
        CHECK_NEAR((df_find_objective("ddpm", NULL)->target(&example, target) * miss + of_variances) / closed,
                   1, 1e-10);

    /* the Gaussians themselves */
    for (size_t r = 0; r < N; r++) {
        double z[2];
        df_normals(z, (df_place){.seed = 6, .index = r}, 0);
        ratios[r] = log_ratio(z, apart, q, k.variance);
    }
    check_estimate(estimate_of(ratios, N), closed, 0);
}

static void test_kl_of_a_step(void)
{
    for (uint64_t i = 0; i < 20; i++) {
        const df_level before = df_level_from_ratio(exp(-4 + 6 * uniform(i)));
        const df_level t = df_level_from_ratio(before.sigma / before.alpha * (1.05 + uniform(i + 100)));
        check_kl(t, before, i % 2 == 1);
    }
}

/* ---- the discrete bound and its limit ---- */

static const double GAMMA_LEAST = -14, GAMMA_MOST = 5; /* -ln SNR */

/* E over x of what is wanted of the pair on a line, by the trapezoidal rule: exact to ten digits. */
typedef struct expected {
    double variance; /* E Var(x0 | x) */
    double entropy;  /* of x */
} expected;

static expected integrate(const df_mixture *line, df_level level)
{
    const double deviation = sqrt(square(level.alpha * line->s) + square(level.sigma)), step = deviation / 2;
    const double reach = 1.2 * level.alpha + 8 * deviation;
    expected sum = {0, 0};
    for (double x = -reach; x < reach; x += step) {
        double mean, covariance;
        const double log_p = df_mixture_posterior(&(df_posterior){.mean = &mean, .covariance = &covariance},
                                                  line, level.alpha, level.sigma, &x);
        sum.variance += step * exp(log_p) * covariance;
        sum.entropy -= step * exp(log_p) * log_p;
    }
    return sum;
}

static df_level level_at(double gamma)
{
    return df_level_from_ratio(exp(gamma / 2));
}

/* The integral of E Var(x0 | x) over -dSNR / 2, by Simpson's rule in gamma: what the steps add up to when
 * there are infinitely many (Kingma et al., 2107.00630). */
static double continuous_sum(const df_mixture *line)
{
    enum { PARTS = 1000 };
    const double h = (GAMMA_MOST - GAMMA_LEAST) / PARTS;
    double sum = 0;
    for (size_t i = 0; i <= PARTS; i++) {
        const double gamma = GAMMA_LEAST + h * (double)i, weight = i == 0 || i == PARTS ? 1 : i % 2 ? 4 : 2;
        sum += h / 3 * weight * 0.5 * exp(-gamma) * integrate(line, level_at(gamma)).variance;
    }
    return sum;
}

/* The chain of posterior variance over `steps` equal steps of gamma, and the decoder's step after them. */
static df_bound even_chain(const df_denoiser *denoiser, size_t steps)
{
    const df_sampler *ddpm = df_find_sampler("ddpm", NULL);
    df_level *levels = reserve(steps + 2, sizeof *levels);
    for (size_t i = 0; i <= steps; i++)
        levels[i] = level_at(GAMMA_MOST + (GAMMA_LEAST - GAMMA_MOST) * (double)i / (double)steps);
    levels[steps + 1] = (df_level){1, 0};
    return (df_bound){.denoiser = denoiser,
                      .sampler = ddpm,
                      .options = options_of(ddpm, "variance-type=fixed-small"),
                      .levels = levels,
                      .steps = steps + 1,
                      .seed = 4};
}

/* Of all steps but the decoder's, with E Var(x0 | x) in place of |x0 - D|^2. */
static double discrete_sum(const df_mixture *line, const df_bound *b)
{
    double sum = 0;
    for (size_t i = 0; i + 1 < b->steps; i++) {
        CHECK_NEAR(fixed_part(b, i), 0, 1e-12);
        sum += weight_of_miss(b, i) * integrate(line, b->levels[i]).variance;
    }
    return sum;
}

static void test_discrete_bound_becomes_continuous(void)
{
    const df_mixture *line = &problems[1].mixture;
    const df_denoiser denoiser = df_denoiser_of_mixture(line);
    double mean, variance;
    df_mixture_moments(&mean, &variance, line);
    const double limit = continuous_sum(line),
                 prior = exact_prior(level_at(GAMMA_MOST), variance + square(mean));
    const double entropy = integrate(line, (df_level){1, 0}).entropy;

    /* With the decoder N(x0; z0 / alpha_0, exp(gamma_0)) the limit is the entropy plus
     * KL(p(x_T) || N(0, 1)), the wrong start. */
    const df_level most = level_at(GAMMA_MOST);
    const double decoder = 0.5 * (log(2 * DF_PI) + GAMMA_LEAST + 1),
                 second_moment = square(most.alpha) * (variance + square(mean)) + square(most.sigma);
    const double start = 0.5 * (log(2 * DF_PI) + second_moment) - integrate(line, most).entropy;
    printf("continuous bound: %.5f + %.5f + %.5f = %.6f, entropy and start %.6f nats\n", prior, limit,
           decoder, prior + limit + decoder, entropy + start);
    CHECK_NEAR(prior + limit + decoder, entropy + start, 2e-5);

    const df_bound coarse = even_chain(&denoiser, 500), fine = even_chain(&denoiser, 1000);
    const double gap = discrete_sum(line, &coarse) - limit, half = discrete_sum(line, &fine) - limit;
    printf("discrete bound: above the limit by %.5f at T = 500, %.5f at T = 1000, ratio %.4f\n", gap, half,
           gap / half);
    CHECK(half > 0);
    CHECK_NEAR(gap / half, 2, 0.05);

    /* And the bound that is estimated is this one. */
    enum { N = 1000 };
    const df_bound b = even_chain(&denoiser, 40);
    double sampled_prior, *terms = reserve(b.steps, sizeof *terms), *total = reserve(N, sizeof *total);
    CHECK(df_bound_terms(&b, &sampled_prior, terms, total, draw(line, 12, N), N, &arena, &error) == DF_OK);
    const size_t last = b.steps - 1;
    const double decoded =
        fixed_part(&b, last) + weight_of_miss(&b, last) * integrate(line, b.levels[last]).variance;
    check_estimate(estimate_of(total, N), prior + discrete_sum(line, &b) + decoded, 0);
}

/* ---- the bound of the exact denoiser on the roll ---- */

static estimate in_bits(const double *nats, size_t n)
{
    const estimate e = estimate_of(nats, n);
    return (estimate){e.mean / log(2), e.error / log(2)};
}

/* The bound as it is estimated; with E |x0 - D|^2 = tr Cov(x0 | x) in its place, which scatters much less;
 * and that with the best decoder there is, whose variances are those of x0 given x. */
typedef struct roll_bound {
    estimate sampled, smooth, best_decoder;
} roll_bound;

/* The diagonal of Cov(x0 | x) at a noised point. */
static void posterior_variances(double variances[2], const df_mixture *roll, df_level level, const double *x0,
                                df_place place)
{
    double eps[2], x[2], mean[2], covariance[4];
    df_normals(eps, place, 0);
    df_add_noise(x, level, x0, eps, 2);
    df_mixture_posterior(&(df_posterior){.mean = mean, .covariance = covariance}, roll, level.alpha,
                         level.sigma, x);
    variances[0] = covariance[0];
    variances[1] = covariance[3];
}

static roll_bound bound_of_roll(const df_mixture *roll, const double *x0, size_t n, const df_bound *b)
{
    double prior, *terms = reserve(b->steps, sizeof *terms), *total = reserve(n, sizeof *total);
    double *smooth = reserve(n, sizeof *smooth), *best = reserve(n, sizeof *best);
    CHECK(df_bound_terms(b, &prior, terms, total, x0, n, &arena, &error) == DF_OK);
    for (size_t r = 0; r < n; r++) {
        const double *here = x0 + 2 * r;
        double decoder = 0, v[2] = {0, 0};
        smooth[r] = exact_prior(b->levels[0], square(here[0])) + exact_prior(b->levels[0], square(here[1]));
        for (size_t i = 0; i < b->steps; i++) {
            posterior_variances(v, roll, b->levels[i], here,
                                (df_place){.seed = 17, .index = r, .step = (uint32_t)i});
            decoder = 2 * fixed_part(b, i) + weight_of_miss(b, i) * (v[0] + v[1]);
            smooth[r] += decoder;
        }
        best[r] = smooth[r] - decoder + 0.5 * log(v[0] * v[1]) + log(2 * DF_PI) + 1;
    }
    return (roll_bound){in_bits(total, n), in_bits(smooth, n), in_bits(best, n)};
}

static void test_bound_of_the_roll(void)
{
    enum { N = 256, LARGE = 0, SMALL = 1 };
    static const char *const variances[] = {"variance-type=fixed-large", "variance-type=fixed-small"};
    static const double known[][2] = {
        {1.98, 3.23}, {1.68, 2.92}}; /* bits, with the best decoder, found elsewhere to 0.03 */
    const size_t steps[] = {40, 100};
    const df_mixture roll = open_shape("swissroll", 0.05);
    const df_denoiser oracle = df_denoiser_of_mixture(&roll);
    const double entropy = 0.96409 / log(2), *x0 = draw(&roll, 31, N);
    double before[2] = {HUGE_VAL, HUGE_VAL};
    for (size_t i = 0; i < 2; i++) {
        for (size_t v = LARGE; v <= SMALL; v++) {
            char line[LINE];
            df_bound b = {.denoiser = &oracle, .sampler = df_find_sampler("ddpm", NULL), .seed = 1};
            snprintf(line, sizeof line, "beta-schedule=cosine shift=1 timesteps=%zu", steps[i]);
            b.options = options_of(b.sampler, variances[v]);
            b.levels = schedule_levels(line, &b.steps);
            const roll_bound found = bound_of_roll(&roll, x0, N, &b);
            printf("roll, T = %zu, %s: %.3f +- %.3f bits, smooth %.3f +- %.3f, with the best decoder %.3f\n",
                   steps[i], variances[v], found.sampled.mean, found.sampled.error, found.smooth.mean,
                   found.smooth.error, found.best_decoder.mean);
            CHECK_NEAR(found.sampled.mean, found.smooth.mean, ERRORS * found.sampled.error);
            check_estimate(found.best_decoder, known[i][v], 0.03);
            CHECK(found.smooth.mean > found.best_decoder.mean);
            CHECK(found.best_decoder.mean - ERRORS * found.best_decoder.error > entropy);
            CHECK(found.smooth.mean + ERRORS * found.smooth.error < before[v]);
            before[v] = found.smooth.mean;
        }
        CHECK(before[LARGE] + 1 < before[SMALL]);
    }
}

int main(void)
{
    make_problems();
    test_every_sampler();
    test_five_readings();
    test_four_losses();
    test_kl_of_a_step();
    test_discrete_bound_becomes_continuous();
    test_bound_of_the_roll();
    df_arena_free(&arena);
    return CHECK_DONE();
}
