/* test_math.c -- accuracy against long double libm, special values, sums, and frozen bits. */
#include "check.h"
#include "diffuse/math.h"

enum { POINTS = 100000, HASHED = 4099 };

/* The i-th of evenly scattered numbers in [low, high]. */
static double scattered(size_t i, double low, double high)
{
    const uint64_t bits = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u;
    return low + (high - low) * ((double)(bits >> 11) * 0x1p-53);
}

/* |got - want| in units in the last place of numbers with `digits` bits, subnormal below 2^least. */
static double ulps(double got, long double want, int digits, int least)
{
    int exponent;
    (void)frexpl(want, &exponent);
    if (exponent < least) exponent = least;
    return (double)fabsl(ldexpl((long double)got - want, digits - exponent));
}

/* The largest error over POINTS arguments; infinity if any result is not a number. */
static double worst(double (*f)(double), long double (*reference)(long double), double low, double high)
{
    double largest = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const double x = scattered(i, low, high), error = ulps(f(x), reference((long double)x), 53, -1021);
        if (!(error <= largest)) largest = error;
        if (isnan(error)) return (double)INFINITY;
    }
    return largest;
}

static double worstf(float (*f)(float), long double (*reference)(long double), double low, double high)
{
    double largest = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const float x = (float)scattered(i, low, high);
        const double error = ulps((double)f(x), reference((long double)x), 24, -125);
        if (!(error <= largest)) largest = error;
        if (isnan(error)) return (double)INFINITY;
    }
    return largest;
}

static double sine(double x)
{
    double s, c;
    df_sincos(x, &s, &c);
    return s;
}

static double cosine(double x)
{
    double s, c;
    df_sincos(x, &s, &c);
    return c;
}

static float sinef(float x)
{
    float s, c;
    df_sincosf(x, &s, &c);
    return s;
}

static float cosinef(float x)
{
    float s, c;
    df_sincosf(x, &s, &c);
    return c;
}

static double tail(double x)
{
    double density;
    return df_normal_tail(x, &density);
}

static float tailf(float x)
{
    float density;
    return df_normal_tailf(x, &density);
}

static float densityf(float x)
{
    float density;
    df_normal_tailf(x, &density);
    return density;
}

static long double taill(long double x)
{
    return erfcl(x * sqrtl(0.5L)) / 2;
}

static long double densityl(long double x)
{
    return expl(-x * x / 2) / sqrtl(2 * acosl(-1));
}

static long double sigmoidl(long double x)
{
    return 1 / (1 + expl(-x));
}

static void test_double(void)
{
    CHECK_BETWEEN(0, worst(df_exp, expl, -708, 709.7), 1.1);
    CHECK_BETWEEN(0, worst(df_exp, expl, -745.1, -708), 1.1);
    CHECK_BETWEEN(0, worst(df_exp, expl, -0.71, 0.71), 1.1);
    CHECK_BETWEEN(0, worst(df_expm1, expm1l, -45, 709.7), 2.5);
    CHECK_BETWEEN(0, worst(df_expm1, expm1l, -1, 1), 2.5);
    CHECK_BETWEEN(0, worst(df_expm1, expm1l, -1e-9, 1e-9), 1.1);
    CHECK_BETWEEN(0, worst(df_log, logl, 0.4, 2.385), 1.0);
    CHECK_BETWEEN(0, worst(df_log, logl, 0, 1e300), 1.0);
    CHECK_BETWEEN(0, worst(df_log, logl, 1e-312, 1e-307), 1.0);
    CHECK_BETWEEN(0, worst(sine, sinl, -10, 10), 1.6);
    CHECK_BETWEEN(0, worst(cosine, cosl, -10, 10), 1.6);
    CHECK_BETWEEN(0, worst(sine, sinl, -1e6, 1e6), 2.5);
    CHECK_BETWEEN(0, worst(cosine, cosl, -1e6, 1e6), 2.5);
    CHECK_BETWEEN(0, worst(df_tan, tanl, -10, 10), 3.2);
    CHECK_BETWEEN(0, worst(df_sigmoid, sigmoidl, -700, 40), 2.6);
    CHECK_BETWEEN(0, worst(df_tanh, tanhl, -22, 22), 2.6);
    CHECK_BETWEEN(0, worst(df_tanh, tanhl, -0.4, 0.4), 2.6);
    CHECK_BETWEEN(0, worst(df_tanh, tanhl, -1e-9, 1e-9), 2.6);
    CHECK_BETWEEN(0, worst(df_erf, erfl, -7, 7), 3.5);
    CHECK_BETWEEN(0, worst(df_erf, erfl, -0.4, 0.4), 3.5);
    CHECK_BETWEEN(0, worst(df_erf, erfl, -1e-9, 1e-9), 3.5);
    CHECK_BETWEEN(0, worst(tail, taill, 0, 0.5), 3.5);
    for (double a = 0; a < 9; a += 0.0385) CHECK_NEAR(tail(a), (double)taill((long double)a), 1e-16);
}

static void test_float(void)
{
    CHECK_BETWEEN(0, worstf(df_expf, expl, -87.3, 88.37), 1.1);
    CHECK_BETWEEN(0, worstf(df_expf, expl, -0.71, 0.71), 1.1);
    CHECK_BETWEEN(0, worstf(df_sigmoidf, sigmoidl, -87, 18), 2.6);
    CHECK_BETWEEN(0, worstf(densityf, densityl, 0, 0.5), 2.6); /* further out, that of a^2 / 2 is added */
    CHECK_BETWEEN(0, worstf(densityf, densityl, 0, 8), 45);
    CHECK_BETWEEN(0, worstf(tailf, taill, 0, 0.5), 7);
    CHECK_BETWEEN(0, worstf(tailf, taill, 0, 8), 45);
    CHECK_BETWEEN(0, worstf(sinef, sinl, -10, 10), 1.6);
    CHECK_BETWEEN(0, worstf(cosinef, cosl, -10, 10), 1.6);
    CHECK_BETWEEN(0, worstf(sinef, sinl, -1e5, 1e5), 1.6);
    CHECK_BETWEEN(0, worstf(cosinef, cosl, -1e5, 1e5), 1.6);
}

/* Near a multiple of pi the sine is all cancellation. */
static void test_multiples_of_pi(void)
{
    double largest = 0;
    for (int k = 1; k < 300000; k += 7) {
        const double x = k * DF_PI, error = ulps(sine(x), sinl((long double)x), 53, -1021);
        if (!(error <= largest)) largest = error;
    }
    CHECK_BETWEEN(0, largest, 1.6);
}

static void test_two_arguments(void)
{
    double angle = 0, power = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const double stretch = df_exp(scattered(i * i, -20, 20));
        const double x = scattered(i, -2.385, 2.385), y = stretch * scattered(7 * i + 3, -2.385, 2.385);
        const double a = ulps(df_atan2(y, x), atan2l((long double)y, (long double)x), 53, -1021);
        const double base = stretch, exponent = 2 * x;
        const double got = df_pow(base, exponent);
        const double want = (double)powl((long double)base, (long double)exponent);
        const double p = fabs(got / want - 1) / (1 + fabs(exponent * df_log(base)));
        if (!(a <= angle)) angle = a;
        if (!(p <= power)) power = p;
    }
    CHECK_BETWEEN(0, angle, 2.5);
    CHECK_BETWEEN(0, power, 4e-16);
}

static void test_special_values(void)
{
    const double infinity = (double)INFINITY, nan = (double)NAN;
    CHECK(df_exp(0) == 1 && df_exp(709.79) == infinity && df_exp(-746) == 0);
    CHECK(df_exp(709.78) < infinity && df_exp(-745.13) == 0x1p-1074);
    CHECK(df_exp(infinity) == infinity && df_exp(-infinity) == 0 && isnan(df_exp(nan)));
    CHECK(df_expm1(0) == 0 && df_expm1(infinity) == infinity && df_expm1(-infinity) == -1);
    CHECK(df_expm1(709.79) == infinity && isnan(df_expm1(nan)));
    CHECK(df_log(1) == 0 && df_log(0) == -infinity && df_log(-0.0) == -infinity);
    CHECK(df_log(infinity) == infinity && isnan(df_log(nan)));
    CHECK(isnan(df_log(-2.385)) && isnan(df_log(-infinity)));
    CHECK_NEAR(df_log(0x1p-1074), -744.44007192138127, 1e-12);
    CHECK(df_sigmoid(0) == 0.5 && isnan(df_sigmoid(nan)));
    CHECK(df_sigmoid(-infinity) == 0 && df_sigmoid(infinity) == 1);
    CHECK(df_tanh(0) == 0 && df_tanh(infinity) == 1 && df_tanh(-infinity) == -1 && isnan(df_tanh(nan)));
    CHECK(df_erf(0) == 0 && df_erf(infinity) == 1 && df_erf(-infinity) == -1 && isnan(df_erf(nan)));
    CHECK(sine(0) == 0 && cosine(0) == 1 && isnan(sine(nan)));
    CHECK(isnan(cosine(infinity)) && isnan(sine(-infinity)));
    CHECK(isnan(sine(1.01e6)) && isnan(cosine(-1e300)));
    CHECK(df_atan2(0, 0) == 0 && df_atan2(0, -2.385) == DF_PI && df_atan2(-0.0, -2.385) == -DF_PI);
    CHECK(df_atan2(2.385, 0) == DF_PI / 2 && df_atan2(-2.385, 0) == -DF_PI / 2);
    CHECK(df_atan2(2.385, 2.385) == DF_PI / 4 && df_atan2(1, infinity) == 0);
    CHECK(isnan(df_atan2(nan, 1)) && isnan(df_atan2(1, nan)));
    CHECK(isnan(df_pow(-1, 2)) && df_pow(0, 2) == 0 && df_pow(2.385, 0) == 1);
}

static void test_special_values_float(void)
{
    CHECK(df_expf(0) == 1 && df_expf(88.38f) == INFINITY && df_expf(-87.7f) == 0 && df_expf(88.37f) < INFINITY);
    CHECK(df_expf(INFINITY) == INFINITY && df_expf(-INFINITY) == 0 && isnan(df_expf(NAN)));
    CHECK(df_sigmoidf(0) == 0.5f && df_sigmoidf(-INFINITY) == 0 && df_sigmoidf(INFINITY) == 1);
    CHECK(isnan(df_sigmoidf(NAN)) && isnan(tailf(NAN)) && tailf(0) == 0.5f && tailf(INFINITY) == 0);
    CHECK(isnan(sinef(NAN)) && isnan(cosinef(INFINITY)) && isnan(sinef(1.01e5f)) && cosinef(0) == 1);
}

/* The definition of the order, as slowly as it can be said. */
static double lane_sum(const double *a, size_t n, size_t lane, size_t lanes)
{
    if (lanes < 64) return lane_sum(a, n, lane, 2 * lanes) + lane_sum(a, n, lane + lanes, 2 * lanes);
    double sum = 0;
    for (size_t i = lane; i < n; i += 64) sum += a[i];
    return sum;
}

static void test_sums(void)
{
    static double a[HASHED];
    long double exact = 0;
    for (size_t i = 0; i < HASHED; i++) {
        a[i] = scattered(i, -1, 2.385) * df_exp(scattered(i * i, 0, 9));
        exact += (long double)a[i];
    }
    for (size_t n = 0; n < 200; n++) CHECK(df_sum(a, n) == lane_sum(a, n, 0, 1));
    CHECK(df_sum(a, HASHED) == lane_sum(a, HASHED, 0, 1));
    CHECK_NEAR(df_sum(a, HASHED) / (double)exact, 1, 1e-14);
}

static uint64_t hash = 0xcbf29ce484222325u;

static void feed(uint64_t bits)
{
    hash = (hash ^ bits) * 0x100000001b3u;
    hash ^= hash >> 29;
}

/* Arrays first, so that the SIMD code is what is hashed. */
static void feed_loop_results(void)
{
    static double x[HASHED], y[HASHED], s[HASHED], c[HASHED];
    static float xf[HASHED], yf[HASHED], sf[HASHED], cf[HASHED];
    for (size_t i = 0; i < HASHED; i++) {
        x[i] = scattered(i, -12, 12) * scattered(3 * i + 1, 0, 2.385);
        xf[i] = (float)x[i];
    }

#define FEED(f)                                                 \
    do {                                                        \
        for (size_t i = 0; i < HASHED; i++) y[i] = f(x[i]);     \
        for (size_t i = 0; i < HASHED; i++) feed(df_bits(y[i])); \
    } while (0)
#define FEEDF(f)                                                  \
    do {                                                          \
        for (size_t i = 0; i < HASHED; i++) yf[i] = f(xf[i]);     \
        for (size_t i = 0; i < HASHED; i++) feed(df_bitsf(yf[i])); \
    } while (0)

    FEED(df_exp);
    FEED(df_expm1);
    FEED(df_sigmoid);
    FEED(df_tanh);
    FEED(df_erf);
    FEED(df_tan);
    FEEDF(df_expf);
    FEEDF(df_sigmoidf);
    FEEDF(tailf);
    FEEDF(densityf);
#undef FEED
#undef FEEDF

    for (size_t i = 0; i < HASHED; i++) y[i] = df_log(fabs(x[i]) + 0x1p-1060);
    for (size_t i = 0; i < HASHED; i++) df_sincos(1e3 * x[i], &s[i], &c[i]);
    for (size_t i = 0; i < HASHED; i++) df_sincosf(1e3f * xf[i], &sf[i], &cf[i]);
    for (size_t i = 0; i < HASHED; i++) feed(df_bits(y[i])), feed(df_bits(s[i])), feed(df_bits(c[i]));
    for (size_t i = 0; i < HASHED; i++) feed(df_bitsf(sf[i])), feed(df_bitsf(cf[i]));
    for (size_t i = 0; i < HASHED; i++) y[i] = df_atan2(x[i], x[HASHED - 1 - i]);
    for (size_t i = 0; i < HASHED; i++) feed(df_bits(y[i]));
    feed(df_bits(df_sum(x, HASHED)));
}

/* Frozen: a change of this number changes every model and every sample that anyone has made. */
static void test_frozen_bits(void)
{
    const uint64_t frozen = 0xb99a73b14094074f;
    feed_loop_results();
    if (hash != frozen) fprintf(stderr, "the hash of all functions is 0x%016llx\n", (unsigned long long)hash);
    CHECK(hash == frozen);
}

/* The tail that a quantile leaves is the one that was asked for. */
static void test_normal_quantile(void)
{
    double worst_tail = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const double u = exp2(scattered(i, -53, -1)), z = df_normal_quantile(u);
        worst_tail = fmax(worst_tail, fabs(erfc(-z / DF_SQRT2) / 2 - u));
        if (isnan(z)) worst_tail = (double)INFINITY;
        CHECK(u < 0x1p-20 || fabs(df_normal_quantile(1 - u) + z) <= 1e-9);
    }
    CHECK_BETWEEN(0, worst_tail, 3e-16);
    CHECK(df_normal_quantile(0.5) == 0);
    CHECK_NEAR(df_normal_quantile(0.975), 1.9599639845400545, 1e-14);
}

int main(void)
{
    if (has_wide_reference()) {
        test_double();
        test_multiples_of_pi();
        test_two_arguments();
    }
    test_float();
    test_special_values();
    test_special_values_float();
    test_sums();
    test_normal_quantile();
    test_frozen_bits();
    return CHECK_DONE();
}
