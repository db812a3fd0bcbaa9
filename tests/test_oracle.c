/* test_oracle.c -- exact posteriors and denoisers against differences, double sums, integrals, and each other. */
#include "check.h"

#include "diffuse/denoiser.h"
#include "diffuse/math.h"
#include "diffuse/random.h"
#include "diffuse/shape.h"


static df_arena arena;
static df_error error;

/* On as many nodes as a denoiser needs when count is 0. */
static df_mixture open_shape(const char *name, double noise, size_t count)
{
    df_cloud cloud;
    df_mixture mixture = {0};
    CHECK(df_cloud_open(&cloud, &arena, df_find_shape(name), noise, &error) == DF_OK);
    if (count == 0) count = df_cloud_node_count(&cloud);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, count, &error) == DF_OK);
    return mixture;
}

/* 131 nodes of unequal weight in three dimensions, so that the last chunk is not full; classes 0, 1, 2. */
static df_mixture make_odd(double s)
{
    enum { COUNT = 131, DIM = 3 };
    static double nodes[COUNT * DIM], log_weights[COUNT];
    static int labels[COUNT];
    double sum = 0;
    for (size_t k = 0; k < COUNT; k++) {
        for (size_t i = 0; i < DIM; i++)
            nodes[k * DIM + i] = sin((double)(17 * k + 5 * i * i) * 1.37) + 0.3 * (double)i;
        log_weights[k] = cos((double)k * 2.1);
        sum += exp(log_weights[k]);
        labels[k] = (int)(k % 7 % 3);
    }
    for (size_t k = 0; k < COUNT; k++) log_weights[k] -= log(sum);
    return (df_mixture){.dim = DIM, .count = COUNT, .nodes = nodes, .log_weights = log_weights, .labels = labels,
                        .s = s};
}

/* ---- posteriors ---- */

/* The laws of x0 given x within each node, added up in long double: node k is N(g_k + b (x - alpha g_k), s^2
 * sigma^2 / V). */
typedef struct reference {
    double log_density, mean[3], covariance[9], classes[3];
} reference;

typedef long double wide;

static reference add_up(const df_mixture *m, double alpha_, double sigma_, const double *x)
{
    const wide alpha = (wide)alpha_, sigma = (wide)sigma_, s = (wide)m->s;
    const wide v = alpha * alpha * s * s + sigma * sigma, b = alpha * s * s / v;
    wide total = 0, mean[3] = {0}, square[9] = {0}, classes[3] = {0};
    for (size_t k = 0; k < m->count; k++) {
        wide distance = 0, y[3] = {0};
        for (size_t i = 0; i < m->dim; i++) {
            const wide g = (wide)m->nodes[k * m->dim + i], d = (wide)x[i] - alpha * g;
            distance += d * d;
            y[i] = g + b * d;
        }
        const wide w = expl((wide)m->log_weights[k] - distance / (2 * v));
        total += w;
        classes[m->labels[k]] += w;
        for (size_t i = 0; i < m->dim; i++) mean[i] += w * y[i];
        for (size_t i = 0; i < m->dim * m->dim; i++) square[i] += w * y[i / m->dim] * y[i % m->dim];
    }
    reference r = {.log_density = (double)(logl(total) - (wide)m->dim / 2 * logl(2 * (wide)DF_PI * v))};
    for (size_t i = 0; i < m->dim; i++) r.mean[i] = (double)(mean[i] / total);
    for (size_t i = 0; i < m->dim * m->dim; i++) {
        const size_t row = i / m->dim, column = i % m->dim;
        const wide within = row == column ? s * s * sigma * sigma / v : 0;
        r.covariance[i] = (double)(square[i] / total - mean[row] / total * (mean[column] / total) + within);
    }
    for (size_t c = 0; c < 3; c++) r.classes[c] = (double)(classes[c] / total);
    return r;
}

static const double levels[][2] = {{1, 0.31}, {0.62, 0.7846}, {0.071, 0.9975}, {0, 1}, {1, 27.5}, {2.385, 0.05}};
enum { LEVELS = sizeof levels / sizeof *levels };

static void check_sums(void)
{
    const double noises[] = {0, 0.23}, places[][3] = {{0.31, -0.44, 0.9}, {-1.7, 2.2, 0.05}};
    for (size_t n = 0; n < 2; n++)
        for (size_t l = 0; l < LEVELS; l++)
            for (size_t p = 0; p < 2; p++) {
                const df_mixture odd = make_odd(noises[n]);
                const double alpha = levels[l][0], sigma = levels[l][1], x_dot[3] = {0.7, -1.1, 0.4};
                const double hole = (double)NAN; /* what stood in the outputs before must not matter */
                double mean[3] = {hole, -1, 7}, covariance[9] = {hole}, mean_dot[3] = {hole}, classes[3] = {hole};
                const df_posterior wanted = {mean, covariance, mean_dot, x_dot, classes, 3};
                const double log_density = df_mixture_posterior(&wanted, &odd, alpha, sigma, places[p]);
                const reference r = add_up(&odd, alpha, sigma, places[p]);
                CHECK_NEAR(log_density, r.log_density, 1e-12 * (1 + fabs(r.log_density)));
                CHECK_NEAR(df_mixture_log_density(&odd, alpha, sigma, places[p]), log_density, 0);
                for (size_t i = 0; i < 3; i++) {
                    double dot = 0;
                    for (size_t j = 0; j < 3; j++) dot += alpha / (sigma * sigma) * r.covariance[3 * i + j] * x_dot[j];
                    CHECK_NEAR(mean[i], r.mean[i], 1e-13);
                    CHECK_NEAR(classes[i], r.classes[i], 1e-11);
                    CHECK_NEAR(mean_dot[i], dot, 1e-12 * (1 + alpha / (sigma * sigma)));
                }
                for (size_t i = 0; i < 9; i++) CHECK_NEAR(covariance[i], r.covariance[i], 1e-13);
            }
}

/* E[x0 | x] = (x + sigma^2 grad ln p) / alpha, and the tangent is the derivative of that, by differences. */
static void check_tweedie(const df_mixture *mixture)
{
    for (size_t l = 0; l < 3; l++) {
        const double alpha = levels[l][0], sigma = levels[l][1], h = 1e-4 * sigma;
        double worst_mean = 0, worst_score = 0, worst_dot = 0, least = 1, asymmetry = 0, jacobian[2][2];
        for (size_t p = 0; p < 25; p++) {
            double x[2] = {alpha * (-1.6 + 0.8 * (double)(p / 5)), alpha * (-1.5 + 0.75 * (double)(p % 5))}, mean[2];
            for (size_t i = 0; i < 2; i++) {
                const double direction[2] = {i == 0, i == 1}, here = x[i];
                double up[2], down[2];
                df_mixture_posterior(&(df_posterior){.mean = mean, .mean_dot = jacobian[i],
                                                     .x_dot = direction}, mixture, alpha, sigma, x);
                x[i] = here + h;
                const double above = df_mixture_posterior(&(df_posterior){.mean = up}, mixture, alpha, sigma, x);
                x[i] = here - h;
                const double below = df_mixture_posterior(&(df_posterior){.mean = down}, mixture, alpha, sigma, x);
                x[i] = here;
                const double score = (above - below) / (2 * h);
                worst_mean = fmax(worst_mean, fabs((x[i] + sigma * sigma * score) / alpha - mean[i]));
                worst_score = fmax(worst_score, sigma * fabs(score - (alpha * mean[i] - x[i]) / (sigma * sigma)));
                for (size_t j = 0; j < 2; j++)
                    worst_dot = fmax(worst_dot, sigma * fabs(jacobian[i][j] - (up[j] - down[j]) / (2 * h)));
            }
            const double determinant = jacobian[0][0] * jacobian[1][1] - jacobian[0][1] * jacobian[1][0];
            asymmetry = fmax(asymmetry, fabs(jacobian[0][1] - jacobian[1][0]));
            least = fmin(least, fmin(determinant, fmin(jacobian[0][0], jacobian[1][1])));
        }
        CHECK_BETWEEN(0, worst_mean, 1e-6);
        CHECK_BETWEEN(0, worst_score, 1e-6);
        CHECK_BETWEEN(0, worst_dot, 1e-6);
        CHECK_BETWEEN(0, asymmetry, 1e-12);
        CHECK_BETWEEN(-1e-14, least, 1);
    }
}

/* ---- integrals: the trapezoidal rule converges exponentially, a step of one standard deviation leaves 1e-8 ---- */

typedef struct integrals {
    double mass, entropy;
} integrals;

static integrals integrate(const df_mixture *mixture, double alpha, double sigma)
{
    const double deviation = sqrt(alpha * alpha * mixture->s * mixture->s + sigma * sigma);
    const double reach = alpha * 2.6 + 6 * deviation;
    integrals sum = {0, 0};
    for (double a = -reach; a < reach; a += deviation)
        for (double b = -reach; b < reach; b += deviation) {
            const double log_p = df_mixture_log_density(mixture, alpha, sigma, (double[]){a, b});
            const double mass = df_exp(log_p) * deviation * deviation;
            sum.mass += mass;
            sum.entropy -= mass * log_p;
        }
    return sum;
}

static void check_integrals(void)
{
    const char *const shapes[] = {"swissroll", "checkerboard", "moons"};
    for (size_t i = 0; i < 3; i++) {
        const df_mixture mixture = open_shape(shapes[i], 0.15, 0);
        CHECK_NEAR(integrate(&mixture, 0.92, 0.392).mass, 1, 1e-7);
        CHECK_NEAR(integrate(&mixture, 0.3, 0.954).mass, 1, 1e-7);
    }
    const double known[][2] = {{0.03, 0.45075}, {0.05, 0.96409}, {0.10, 1.66117}};
    for (size_t i = 0; i < 3; i++) {
        const df_mixture roll = open_shape("swissroll", known[i][0], 2560);
        const double entropy = integrate(&roll, 1, 0).entropy;
        printf("swissroll s %.2f: entropy %.6f nats\n", known[i][0], entropy);
        CHECK_NEAR(entropy, known[i][1], 1e-4);
    }
}

/* ---- mixtures made of a mixture ---- */

static void check_classes(void)
{
    const df_mixture odd = make_odd(0.23);
    df_mixture parts[3], none;
    double prior[3], x[3] = {0.4, 0.1, -0.7};
    df_mixture_posterior(&(df_posterior){.classes = prior, .class_count = 3}, &odd, 0, 1, x);
    for (int c = 0; c < 3; c++) CHECK(df_mixture_of_class(&parts[c], &arena, &odd, c, &error) == DF_OK);
    CHECK(parts[0].count + parts[1].count + parts[2].count == odd.count);
    for (size_t l = 0; l < LEVELS; l++) {
        const double alpha = levels[l][0], sigma = levels[l][1];
        double posterior[3], density = 0, sum = 0;
        const double log_p = df_mixture_posterior(&(df_posterior){.classes = posterior,
                                                                  .class_count = 3}, &odd, alpha, sigma, x);
        for (size_t c = 0; c < 3; c++) {
            const double ratio = exp(df_mixture_log_density(&parts[c], alpha, sigma, x) - log_p);
            CHECK_NEAR(posterior[c], prior[c] * ratio, 1e-12);
            density += prior[c] * ratio;
            sum += posterior[c];
        }
        CHECK_NEAR(density, 1, 1e-12);
        CHECK_NEAR(sum, 1, 1e-14);
    }
    CHECK(df_mixture_of_class(&none, &arena, &odd, 3, &error) == DF_USAGE);
}

/* The density of y given x0 = value is the joint one over that of x0 alone, and the derivative of the CDF. */
static void check_conditional(void)
{
    const df_mixture roll = open_shape("swissroll", 0.1, 0);
    const double value = 0.385, step = 0.02;
    df_mixture line, refused;
    CHECK(df_mixture_given(&line, &arena, &roll, 0, value, &error) == DF_OK && line.dim == 1);
    double marginal = 0, before = 0, worst = 0, falls = 0;
    for (double y = -4; y < 4; y += step)
        marginal += step * exp(df_mixture_log_density(&roll, 1, 0, (double[]){value, y}));
    for (double y = -3; y < 3; y += step) {
        const double at = df_mixture_cdf(&line, 1, 0, y), h = 1e-5;
        const double slope = (df_mixture_cdf(&line, 1, 0, y + h) - df_mixture_cdf(&line, 1, 0, y - h)) / (2 * h);
        const double ratio = exp(df_mixture_log_density(&roll, 1, 0, (double[]){value, y})) / marginal;
        worst = fmax(worst, fmax(fabs(slope - ratio), fabs(exp(df_mixture_log_density(&line, 1, 0, &y)) - ratio)));
        falls = fmax(falls, before - at);
        before = at;
    }
    CHECK_BETWEEN(0, worst, 1e-7);
    CHECK_BETWEEN(0, falls, 1e-15);
    CHECK_NEAR(df_mixture_cdf(&line, 1, 0, -5), 0, 1e-15);
    CHECK_NEAR(df_mixture_cdf(&line, 1, 0, 5), 1, 1e-12);
    CHECK(df_mixture_given(&refused, &arena, &line, 0, value, &error) == DF_USAGE);
    CHECK(df_mixture_given(&refused, &arena, &roll, 2, value, &error) == DF_USAGE);
    const df_mixture dots = make_odd(0);
    CHECK(df_mixture_given(&refused, &arena, &dots, 0, value, &error) == DF_USAGE);
}

/* Scaling by its own moments gives mean 0 and variance 1, and the density only changes by the volume. */
static void check_scaled(void)
{
    const df_mixture odd = make_odd(0.23);
    df_mixture unit, refused;
    double mean[3], covariance[9], x[3] = {0.9, -0.2, 1.4}, y[3];
    df_mixture_moments(mean, covariance, &odd);
    const double scale = sqrt((covariance[0] + covariance[4] + covariance[8]) / 3);
    CHECK(df_mixture_scaled(&unit, &arena, &odd, mean, scale, &error) == DF_OK);
    for (size_t i = 0; i < 3; i++) y[i] = (x[i] - mean[i]) / scale;
    CHECK_NEAR(df_mixture_log_density(&unit, 1, 0, y), df_mixture_log_density(&odd, 1, 0, x) + 3 * log(scale), 1e-12);
    df_mixture_moments(mean, covariance, &unit);
    for (size_t i = 0; i < 3; i++) CHECK_NEAR(mean[i], 0, 1e-15);
    CHECK_NEAR(covariance[0] + covariance[4] + covariance[8], 3, 1e-13);
    CHECK(df_mixture_scaled(&refused, &arena, &odd, mean, 0, &error) == DF_USAGE);
}

static void check_points(void)
{
    enum { N = 40000, CUT = 137 };
    static double x[3 * N], part[3 * CUT];
    static int labels[N];
    const df_mixture odd = make_odd(0.23);
    double mean[3], covariance[9], prior[3], sum[3] = {0}, squares[9] = {0}, share[3] = {0};
    df_mixture_moments(mean, covariance, &odd);
    df_mixture_posterior(&(df_posterior){.classes = prior, .class_count = 3}, &odd, 0, 1, mean);
    CHECK(df_mixture_points(x, labels, &odd, 2385, 0, N, &arena, &error) == DF_OK);
    for (size_t r = 0; r < N; r++) {
        share[labels[r]] += 1.0 / N;
        for (size_t i = 0; i < 3; i++) sum[i] += x[3 * r + i] / N;
        for (size_t i = 0; i < 9; i++)
            squares[i] += (x[3 * r + i / 3] - mean[i / 3]) * (x[3 * r + i % 3] - mean[i % 3]) / N;
    }
    for (size_t i = 0; i < 3; i++) CHECK_NEAR(sum[i], mean[i], 4 * sqrt(covariance[4 * i] / N));
    for (size_t i = 0; i < 9; i++) CHECK_NEAR(squares[i], covariance[i], 0.02);
    for (size_t c = 0; c < 3; c++) CHECK_NEAR(share[c], prior[c], 4 * 0.5 / sqrt(N));
    CHECK(df_mixture_points(part, NULL, &odd, 2385, 1000, CUT, &arena, &error) == DF_OK);
    CHECK(memcmp(part, x + 3000, sizeof part) == 0);
}

/* ---- denoisers ---- */

/* The three answers agree with the posterior, with one level for all rows and with one a row. */
static void check_oracle(void)
{
    const df_mixture odd = make_odd(0.23);
    const df_denoiser oracle = df_denoiser_of_mixture(&odd);
    void *scratch = oracle.scratch(oracle.self, &arena, &error);
    CHECK(scratch && oracle.dim == 3 && oracle.independent && oracle.least.sigma <= 0 && oracle.most.alpha <= 0);
    double x[3 * LEVELS], x_dot[3 * LEVELS], x0[3 * LEVELS], eps[3 * LEVELS], dot[3 * LEVELS], alone[3];
    df_level each[LEVELS];
    for (size_t i = 0; i < 3 * LEVELS; i++) {
        x[i] = sin(2.385 * (double)i);
        x_dot[i] = cos(1.7 * (double)i);
    }
    for (size_t l = 0; l < LEVELS; l++) each[l] = (df_level){levels[l][0], levels[l][1]};
    const df_question question = {.n = LEVELS, .x = x, .level = each, .level_each = true, .x_dot = x_dot};
    oracle.answer(oracle.self, &question, &(df_answer){.x0 = x0, .eps = eps, .x0_dot = dot}, scratch);
    for (size_t l = 0; l < LEVELS; l++) {
        const df_question one = {.n = 1, .x = x + 3 * l, .level = &each[l], .x_dot = x_dot + 3 * l};
        for (size_t i = 0; i < 3; i++)
            CHECK_NEAR(each[l].alpha * x0[3 * l + i] + each[l].sigma * eps[3 * l + i], x[3 * l + i], 1e-14);
        oracle.answer(oracle.self, &one, &(df_answer){.eps = alone}, scratch);
        CHECK(memcmp(alone, eps + 3 * l, sizeof alone) == 0);
        oracle.answer(oracle.self, &one, &(df_answer){.x0_dot = alone}, scratch);
        CHECK(memcmp(alone, dot + 3 * l, sizeof alone) == 0);
    }

    const df_level clean = {0.8, 0};
    const df_question still = {.n = 1, .x = x, .level = &clean, .x_dot = x_dot};
    oracle.answer(oracle.self, &still, &(df_answer){.x0 = x0, .eps = eps, .x0_dot = dot}, scratch);
    for (size_t i = 0; i < 3; i++) {
        CHECK_NEAR(x0[i], x[i] / 0.8, 1e-15);
        CHECK_NEAR(dot[i], x_dot[i] / 0.8, 1e-15);
        CHECK_NEAR(eps[i], 0, 0);
    }
}

/* Without noise a set of points answers with the nearest one; far away and at tiny sigma nothing overflows. */
static void check_extremes(void)
{
    const df_mixture dots = make_odd(0);
    const double sigmas[] = {0, 1e-160, 1e-4}, place[3] = {dots.nodes[240] + 0.01, dots.nodes[241],
                                                           dots.nodes[242] - 0.01};
    double mean[3], covariance[9], direction[3] = {1, 0, 0}, dot[3];
    for (size_t i = 0; i < 3; i++) {
        df_mixture_posterior(&(df_posterior){.mean = mean, .covariance = covariance, .mean_dot = dot,
                                             .x_dot = direction}, &dots, 1,
                             sigmas[i], place);
        for (size_t j = 0; j < 3; j++) CHECK_NEAR(mean[j], dots.nodes[240 + j], 1e-15);
        for (size_t j = 0; j < 9; j++) CHECK_NEAR(covariance[j], 0, 0);
        for (size_t j = 0; j < 3; j++) CHECK_NEAR(dot[j], 0, 0);
    }
    const double far[3] = {1e9, -1e9, 3e8}, hole[3] = {0, (double)NAN, 0};
    CHECK_BETWEEN(-1e25, df_mixture_posterior(&(df_posterior){.mean = mean}, &dots, 0.5, 0.01, far), -1e17);
    CHECK_BETWEEN(-1.7, mean[0], 1.7);
    CHECK(isnan(df_mixture_posterior(&(df_posterior){.mean = mean}, &dots, 0.5, 0.01, hole)) && isnan(mean[0]));
}

/* The reverse flow of an ideal denoiser ends on training points, all of them within 1e-3: it has memorised. */
static void check_ideal(void)
{
    enum { POINTS = 500, SAMPLES = 256, STEPS = 60 };
    static double rows[2 * POINTS], x[2 * SAMPLES];
    df_cloud cloud;
    df_mixture ideal;
    CHECK(df_cloud_open(&cloud, &arena, df_find_shape("swissroll"), 0.05, &error) == DF_OK);
    df_cloud_points(&cloud, 3, 0, POINTS, rows, NULL);
    CHECK(df_ideal_mixture(&ideal, &arena, rows, POINTS, 2, &error) == DF_OK);
    const df_denoiser denoiser = df_denoiser_of_mixture(&ideal);
    df_flow flow = {.denoiser = &denoiser, .from = 80, .to = 1e-4, .steps = STEPS};
    CHECK(df_flow_init(&flow, &arena, &error) == DF_OK);
    df_normal_rows(x, SAMPLES, 2, (df_place){.seed = 5, .purpose = DF_FOR_START});
    for (size_t i = 0; i < 2 * SAMPLES; i++) x[i] *= flow.from;
    size_t memorised = 0;
    for (size_t r = 0; r < SAMPLES; r += DF_ROWS) df_flow_run(&flow, x + 2 * r, NULL, DF_ROWS);
    for (size_t r = 0; r < SAMPLES; r++) {
        double nearest = HUGE_VAL;
        for (size_t k = 0; k < POINTS; k++)
            nearest = fmin(nearest, hypot(x[2 * r] - rows[2 * k], x[2 * r + 1] - rows[2 * k + 1]));
        memorised += nearest < 1e-3;
    }
    printf("ideal denoiser: %zu of %d samples are training points\n", memorised, SAMPLES);
    CHECK(memorised == SAMPLES);
    CHECK(df_ideal_mixture(&ideal, &arena, rows, 0, 2, &error) == DF_INPUT);
    CHECK(df_ideal_mixture(&ideal, &arena, rows, DF_IDEAL_ROWS + 1, 2, &error) == DF_LIMIT);
}

static void check_node_count(void)
{
    const char *const names[] = {"swissroll", "checkerboard", "8gaussians", "dino"};
    for (size_t i = 0; i < 4; i++) {
        df_cloud cloud;
        df_mixture mixture;
        CHECK(df_cloud_open(&cloud, &arena, df_find_shape(names[i]), 0.07, &error) == DF_OK);
        const size_t count = df_cloud_node_count(&cloud);
        CHECK(df_cloud_mixture(&mixture, &arena, &cloud, count, &error) == DF_OK);
        CHECK(mixture.count >= count && count > 0);
        double widest = 0;
        for (size_t k = 0; i == 0 && k + 1 < mixture.count; k++) {
            const double *g = mixture.nodes + 2 * k;
            widest = fmax(widest, hypot(g[2] - g[0], g[3] - g[1]));
        }
        CHECK_BETWEEN(0, widest, 0.035);
    }
}

int main(void)
{
    if (has_wide_reference()) check_sums();
    const df_mixture roll = open_shape("swissroll", 0.05, 0), board = open_shape("checkerboard", 0.2, 0);
    check_tweedie(&roll);
    check_tweedie(&board);
    check_integrals();
    check_classes();
    check_conditional();
    check_scaled();
    check_points();
    check_oracle();
    check_extremes();
    check_ideal();
    check_node_count();
    df_arena_free(&arena);
    return CHECK_DONE();
}
