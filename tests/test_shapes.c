/* test_shapes.c -- points and densities of the shapes against closed forms and against each other. */
#include "check.h"

#include "diffuse/math.h"
#include "diffuse/shape.h"

static df_arena arena;
static df_error error;

static df_cloud open_cloud(const char *name, double noise)
{
    df_cloud cloud = {0};
    const df_shape *shape = df_find_shape(name);
    CHECK(shape && df_cloud_open(&cloud, &arena, shape, noise < 0.0 ? shape->noise : noise, &error) == DF_OK);
    return cloud;
}

static df_mixture open_mixture(const df_cloud *cloud, size_t count)
{
    df_mixture mixture = {0};
    CHECK(df_cloud_mixture(&mixture, &arena, cloud, count, &error) == DF_OK);
    return mixture;
}

/* Mean of both coordinates and the variance averaged over them, of equally weighted rows. */
typedef struct moments {
    double mean[2], variance;
} moments;

static moments moments_of(const double *x, size_t n)
{
    double sum[2] = {0.0, 0.0}, square = 0.0;
    for (size_t i = 0; i < 2 * n; i++) {
        sum[i % 2] += x[i];
        square += x[i] * x[i];
    }
    const double m[2] = {sum[0] / (double)n, sum[1] / (double)n};
    return (moments){{m[0], m[1]}, 0.5 * (square / (double)n - m[0] * m[0] - m[1] * m[1])};
}

/* By the trapezoidal rule, which converges exponentially for sums of Gaussians: a step of one standard
 * deviation leaves 1e-8. */
typedef struct integrals {
    double mass, entropy;
} integrals;

static integrals integrate(const df_mixture *mixture, double alpha, double sigma)
{
    const double deviation = sqrt(alpha * alpha * mixture->s * mixture->s + sigma * sigma);
    double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
    for (size_t i = 0; i < 2 * mixture->count; i++) {
        low[i % 2] = fmin(low[i % 2], alpha * mixture->nodes[i] - 6.0 * deviation);
        high[i % 2] = fmax(high[i % 2], alpha * mixture->nodes[i] + 6.0 * deviation);
    }
    integrals sum = {0.0, 0.0};
    for (double a = low[0]; a < high[0]; a += deviation) {
        for (double b = low[1]; b < high[1]; b += deviation) {
            const double log_p = df_mixture_log_density(mixture, alpha, sigma, (double[2]){a, b});
            const double mass = df_exp(log_p) * deviation * deviation;
            sum.mass += mass;
            sum.entropy -= mass * log_p;
        }
    }
    return sum;
}

static void check_names(void)
{
    CHECK(df_find_shape("swissroll") == &df_shapes[0]);
    CHECK(df_find_shape("moons:torchcfm") != NULL);
    CHECK(df_find_shape("swissrol") == NULL);
    CHECK(df_find_shape("") == NULL);
    for (const df_shape *shape = df_shapes; shape->name; shape++) CHECK(df_find_shape(shape->name) == shape);
    for (const df_shape *shape = df_shape_conventions; shape->name; shape++) {
        CHECK(df_find_shape(shape->name) == shape);
        CHECK(strchr(shape->name, ':') && shape->scale > 0.0);
    }
}

/* c and m of the roll for two noises, and the scale of four other shapes, from their integrals. */
static void check_scales(void)
{
    const double m[2] = {2.0, 2.0 / (3.0 * DF_PI)};
    const double variance = 39.0 / 8.0 * DF_PI * DF_PI - 0.5 * (m[0] * m[0] + m[1] * m[1]);
    const double noises[] = {0.05, 0.285};
    for (size_t i = 0; i < 2; i++) {
        const double s = noises[i], c = sqrt(variance / (1.0 - s * s));
        const df_cloud roll = open_cloud("swissroll", s);
        CHECK_NEAR(1.0 / roll.scale, c, 1e-11);
        CHECK_NEAR(roll.shift[0], -m[0] / c, 1e-12);
        CHECK_NEAR(roll.shift[1], -m[1] / c, 1e-12);
    }
    CHECK_NEAR(1.0 / open_cloud("swissroll", 0.05).scale, 6.7976, 5e-5);

    const double s = 0.123;
    const struct { const char *name; double variance; } known[] = {
        {"8gaussians", 0.5}, {"25gaussians", 2.0}, {"checkerboard", 4.0 / 3.0}, {"rings", 3.75},
        {"line", 1.0 / 12.0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK_NEAR(open_cloud(known[i].name, s).scale, sqrt((1.0 - s * s) / known[i].variance), 1e-12);
    }
}

/* The nodes have the moments of the law, and the class shares are equal. The midpoint rule loses h^2/12 of
 * variance, where h is at most s/2; where the pen is lifted, one node is on one side or on the other. */
static void check_nodes(const df_shape *shape)
{
    const df_cloud cloud = open_cloud(shape->name, -1.0);
    const df_mixture mixture = open_mixture(&cloud, 0);
    const moments law = moments_of(mixture.nodes, mixture.count);
    const double lifted = shape->strokes ? 1e-4 : 1e-6;
    CHECK_NEAR(law.mean[0], 0.0, lifted);
    CHECK_NEAR(law.mean[1], 0.0, lifted);
    CHECK_NEAR(law.variance + shape->noise * shape->noise, 1.0,
               shape->latents == 2 ? shape->noise * shape->noise / 48.0 : lifted);

    size_t share[32] = {0};
    for (size_t k = 0; k < mixture.count; k++) share[mixture.labels[k]]++;
    for (int label = 0; label < shape->classes; label++) {
        CHECK(share[label] * (size_t)shape->classes == mixture.count);
    }
}

/* 100,000 points: moments within four standard errors; and the mean of -ln p over some of them, within four
 * standard errors of the entropy, which no density but their own would give. Thin lines are thickened,
 * because they would want a fine grid. */
static void check_points(const df_shape *shape)
{
    enum { N = 100000, SCORED = 4000 };
    static double x[2 * N];
    static int labels[N];
    const df_cloud cloud = open_cloud(shape->name, fmax(shape->noise, 0.04));
    df_cloud_points(&cloud, 2385, 0, N, x, labels);
    const moments law = moments_of(x, N);
    CHECK_NEAR(law.mean[0], 0.0, 4.0 * 1.4 / sqrt(N));
    CHECK_NEAR(law.mean[1], 0.0, 4.0 * 1.4 / sqrt(N));
    CHECK_NEAR(law.variance, 1.0, 4.0 * 0.8 / sqrt(N));

    size_t known_class = 0, first_class = 0;
    for (size_t i = 0; i < N; i++) {
        known_class += labels[i] >= 0 && labels[i] < shape->classes;
        first_class += labels[i] == 0;
    }
    CHECK(known_class == N);
    CHECK_NEAR((double)first_class / N, 1.0 / shape->classes, 4.0 * 0.5 / sqrt(N));

    const df_mixture mixture = open_mixture(&cloud, 2560);
    const integrals exact = integrate(&mixture, 1.0, 0.0);
    CHECK_NEAR(exact.mass, 1.0, 1e-6);
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < SCORED; i++) {
        const double score = -df_mixture_log_density(&mixture, 1.0, 0.0, x + 2 * i);
        sum += score;
        squares += score * score;
    }
    const double mean = sum / SCORED, deviation = sqrt(squares / SCORED - mean * mean);
    CHECK_NEAR(mean, exact.entropy, 4.0 * deviation / sqrt(SCORED));
    CHECK_NEAR(integrate(&mixture, 0.8, 0.6).mass, 1.0, 1e-6);
}

/* The stated speed is a bound, and not a loose one. */
static void check_speed(const df_shape *shape)
{
    const double h = 1e-5;
    for (size_t i = 0; i < shape->latents && shape->speed[0] > 0.0; i++) {
        double fastest = 0.0;
        for (int k = 0; k < 960; k++) {
            double u[2] = {0.37, 0.37}, a[2], b[2];
            u[i] = (k + h) / 960.0;
            const double from = u[i];
            shape->place(a, u);
            u[i] = (k + 1.0 - h) / 960.0;
            shape->place(b, u);
            fastest = fmax(fastest, hypot(a[0] - b[0], a[1] - b[1]) / (u[i] - from));
        }
        CHECK_BETWEEN(0.97 * shape->speed[i], fastest, shape->speed[i] * (1.0 + 1e-9));
    }
}

/* Values of the method sheets, converged to 1e-5. */
static void check_entropy_of_roll(void)
{
    const double known[][2] = {{0.03, 0.45075}, {0.05, 0.96409}, {0.10, 1.66117}};
    for (size_t i = 0; i < 3; i++) {
        const df_cloud cloud = open_cloud("swissroll", known[i][0]);
        const df_mixture mixture = open_mixture(&cloud, 0);
        CHECK_NEAR(integrate(&mixture, 1.0, 0.0).entropy, known[i][1], 1.5e-5);
    }
}

/* A level only moves and widens the components: two dots by hand. */
static void check_log_density(void)
{
    double nodes[] = {0.5, -1.0, 2.0, 0.25}, log_weights[] = {log(0.3), log(0.7)};
    const df_mixture two = {.dim = 2, .count = 2, .nodes = nodes, .log_weights = log_weights, .s = 0.4};
    const double alpha = 0.7, sigma = 0.9, v = 0.49 * 0.16 + 0.81, x[2] = {0.6, -0.35};
    const double far = (0.6 - 0.35) * (0.6 - 0.35) + (-0.35 + 0.7) * (-0.35 + 0.7);
    const double near = (0.6 - 1.4) * (0.6 - 1.4) + (-0.35 - 0.175) * (-0.35 - 0.175);
    const double p = (0.3 * exp(-far / (2.0 * v)) + 0.7 * exp(-near / (2.0 * v))) / (2.0 * DF_PI * v);
    CHECK_NEAR(df_mixture_log_density(&two, alpha, sigma, x), log(p), 1e-14);
    const double away[2] = {1e3, 1e3};
    CHECK_BETWEEN(-3e6, df_mixture_log_density(&two, alpha, sigma, away), -5e5);
}

static void check_sequence(void)
{
    enum { N = 1000, CUT = 337 };
    static double whole[2 * N], parts[2 * N], other[2 * N];
    static int labels[N], part_labels[N];
    const df_cloud cloud = open_cloud("moons", -1.0);
    const uint64_t first = ((uint64_t)1 << 32) - 500; /* the index does not wrap at 32 bits */
    df_cloud_points(&cloud, 7, first, N, whole, labels);
    df_cloud_points(&cloud, 7, first, CUT, parts, part_labels);
    df_cloud_points(&cloud, 7, first + CUT, N - CUT, parts + 2 * CUT, part_labels + CUT);
    CHECK(memcmp(whole, parts, sizeof whole) == 0);
    CHECK(memcmp(labels, part_labels, sizeof labels) == 0);
    df_cloud_points(&cloud, 7, first, N, parts, NULL);
    CHECK(memcmp(whole, parts, sizeof whole) == 0);
    df_cloud_points(&cloud, 8, first, N, other, NULL);
    CHECK(memcmp(whole, other, sizeof whole) != 0);
    size_t rounded = 0;
    for (size_t i = 0; i < 2 * N; i++) rounded += whole[i] == (double)(float)whole[i];
    CHECK(rounded == 2 * N);
}

static void check_refusals(void)
{
    df_cloud cloud;
    df_mixture mixture;
    const df_shape *roll = df_find_shape("swissroll");
    const double bad[] = {-0.1, 1.0, 27.0, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 5; i++) CHECK(df_cloud_open(&cloud, &arena, roll, bad[i], &error) == DF_USAGE);
    CHECK(strstr(error.message, "swissroll") != NULL);

    cloud = open_cloud("swissroll", 0.0);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 0, &error) == DF_NO);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 640, &error) == DF_OK && mixture.count == 640);
    cloud = open_cloud("swissroll", 1e-7);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 0, &error) == DF_LIMIT);
    cloud = open_cloud("moons:torchcfm", -1.0);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 0, &error) == DF_NO);
    cloud = open_cloud("pinwheel:ffjord", 0.1);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 1000, &error) == DF_NO);
    cloud = open_cloud("checkerboard", 0.0);
    CHECK(df_cloud_mixture(&mixture, &arena, &cloud, 2048, &error) == DF_OK && mixture.count == 2048);
}

/* Moments in the other tools' units: mean of x, mean of y, variance averaged over both. */
static void check_conventions(void)
{
    enum { N = 50000 };
    static double x[2 * N];
    const double roll = 39.0 / 8.0 * DF_PI * DF_PI - 0.5 * (4.0 + 4.0 / (9.0 * DF_PI * DF_PI));
    const double roll_y = 2.0 / (3.0 * DF_PI), scale = 1.0 / 6.865919964231147, centre = 1.1061032953945968;
    const struct { const char *name; double mean_x, mean_y, variance; } known[] = {
        {"swissroll:sklearn", 2.0, roll_y, roll + 0.25},
        {"swissroll:ffjord", 0.4, 0.2 * roll_y, (roll + 1.0) / 25.0},
        {"swissroll:albarji", scale * (2.0 - centre), scale * (roll_y - centre),
         scale * scale * (roll + 0.25)},
        {"circles:sklearn", 0.0, 0.0, 0.25 * (1.0 + 0.64) + 0.0025},
        {"8gaussians:ffjord", 0.0, 0.0, (8.0 + 0.25) / (1.414 * 1.414)},
        {"8gaussians:torchcfm", 0.0, 0.0, 12.5 + sqrt(0.1)},
        {"8gaussians:ddpm-torch", 0.0, 0.0, 1.0},
        {"25gaussians:ddpm-torch", 0.0, 0.0, 1.0},
        {"checkerboard:ffjord", 0.0, 0.0, 16.0 / 3.0},
        {"checkerboard:flow_matching", 0.0, 0.0, 4.0 / 3.0 / 0.2025},
        {"pinwheel:ffjord", 0.0, 0.0, 2.0 * (1.0 + 0.09 + 0.01)},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const df_cloud cloud = open_cloud(known[i].name, -1.0);
        df_cloud_points(&cloud, 11, 0, N, x, NULL);
        const moments law = moments_of(x, N);
        const double deviation = sqrt(known[i].variance);
        CHECK_NEAR(law.mean[0], known[i].mean_x, 5.0 * deviation / sqrt(N));
        CHECK_NEAR(law.mean[1], known[i].mean_y, 5.0 * deviation / sqrt(N));
        CHECK_NEAR(law.variance, known[i].variance, 4.0 * known[i].variance / sqrt(N));
    }

    const df_cloud hundred = open_cloud("swissroll:smalldiffusion", -1.0);
    const df_mixture dots = open_mixture(&hundred, 0);
    CHECK(dots.count == 100);
    CHECK_NEAR(dots.nodes[0], 0.0, 1e-15);
    CHECK_NEAR(dots.nodes[1], 0.1, 1e-15);
    CHECK_NEAR(dots.nodes[199], -1.1, 1e-14);

    const df_cloud smear = open_cloud("moons:torchcfm", -1.0);
    df_cloud_points(&smear, 11, 0, N, x, NULL);
    const moments law = moments_of(x, N);
    CHECK_NEAR(law.mean[0], 3.0 * 0.5 - 1.0 + 0.3, 0.05);
    CHECK_NEAR(law.mean[1], 3.0 * 0.25 - 1.0 + 0.3, 0.03);
}

int main(void)
{
    check_names();
    check_scales();
    check_log_density();
    for (const df_shape *shape = df_shapes; shape->name; shape++) {
        check_nodes(shape);
        check_points(shape);
        check_speed(shape);
    }
    for (const df_shape *shape = df_shape_conventions; shape->name; shape++) check_speed(shape);
    check_entropy_of_roll();
    check_sequence();
    check_refusals();
    check_conventions();
    df_arena_free(&arena);
    return CHECK_DONE();
}
