/* layer 1: math.h -- exp, log, sin, cos, tanh, erf and friends that give the same bits everywhere. */
#ifndef DIFFUSE_MATH_H
#define DIFFUSE_MATH_H

#include "diffuse/status.h"

#include <math.h>
#include <string.h>

DF_BEGIN

/* Everything here is + - * /, the fused multiply-add of float and bit operations in a fixed order: equal on every
 * compiler and processor.
 * No function branches on its argument, so a plain loop over an array becomes SIMD code. NaN gives NaN.
 * The coefficients were computed for this file in 45-digit arithmetic. An "error" below is that of the
 * polynomial alone, relative to the function; the tests state the error of the whole. */

#define DF_PI 3.14159265358979323846
#define DF_LN2 0.69314718055994530942
#define DF_LOG_2PI 1.83787706640934548356
#define DF_SQRT2 1.41421356237309504880
#define DF_LOG2_E 1.44269504088896340736

/* The type of the network: build with -DDF_DOUBLE to check gradients sharply. */
#ifdef DF_DOUBLE
typedef double df_real;
#define df_real_fused df_fused
#define df_real_abs fabs
#define df_real_exp df_exp
#define df_real_sigmoid df_sigmoid
#define df_real_normal_tail df_normal_tail
#define df_real_sincos df_sincos
#else
typedef float df_real;
#define df_real_fused df_fusedf
#define df_real_abs fabsf
#define df_real_exp df_expf
#define df_real_sigmoid df_sigmoidf
#define df_real_normal_tail df_normal_tailf
#define df_real_sincos df_sincosf
#endif

/* ---- bits ---- */

static inline uint64_t df_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double df_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t df_bitsf(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float df_from_bitsf(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Around 1.5 2^52 (2^23 in float) neighbours are 1 apart: adding it rounds x to a whole number, which then
 * stands in the low bits of the sum in two's complement. This needs neither floor, which is a library call on
 * old processors, nor a conversion to int, which is undefined for NaN. */
#define DF_WHOLE 6755399441055744.0
#define DF_WHOLEF 12582912.0f

static inline double df_nearest(double x)
{
    return (x + DF_WHOLE) - DF_WHOLE;
}

static inline float df_nearestf(float x)
{
    return (x + DF_WHOLEF) - DF_WHOLEF;
}

/* 2^n for a whole n from -1022 to 1023 (-126 to 127 in float). */
static inline double df_two_to(double n)
{
    return df_from_bits((df_bits(n + DF_WHOLE) + 1023) << 52);
}

static inline float df_two_tof(float n)
{
    return df_from_bitsf((df_bitsf(n + DF_WHOLEF) + 127) << 23);
}

static inline double df_clamp(double x, double low, double high)
{
    const double bounded = x < low ? low : x;
    return bounded > high ? high : bounded;
}

static inline float df_clampf(float x, float low, float high)
{
    const float bounded = x < low ? low : x;
    return bounded > high ? high : bounded;
}

/* ---- a b + c rounded once ---- */

static inline double df_fused(double a, double b, double c)
{
    return fma(a, b, c);
}

#if defined(__FMA__) || defined(__aarch64__)
static inline float df_fusedf(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}
#else
/* Without hardware for it. The product of two floats is exact in double. The sum is rounded to odd: when it is
 * inexact and its last bit is even, it moves to the odd neighbour on the side of the exact value. Rounding that to
 * float cannot land on a false tie. (Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums: Proved
 * Algorithms Using Rounding to Odd", IEEE Trans. Computers, 2008.) */
static inline float df_fusedf(float a, float b, float c)
{
    const double product = (double)a * (double)b, addend = (double)c, sum = product + addend;
    const double part = sum - product;
    const double rest = (product - (sum - part)) + (addend - part);
    const uint64_t inexact = (rest < 0) | (rest > 0), even = ~df_bits(sum) & 1;
    const uint64_t toward_zero = (rest < 0) == (sum > 0);
    return (float)df_from_bits(df_bits(sum) + (inexact & even) * (UINT64_C(1) - 2 * toward_zero));
}
#endif

/* ---- exponentials: x = n ln 2 + r with |r| <= ln(2) / 2 ---- */

/* n ln 2 is subtracted in two parts, of which n times the first is exact. */
static inline double df_minus_ln2(double x, double n)
{
    return (x - n * 0.69314718055920821) - n * 7.3710025651677989e-13;
}

/* exp(r) - 1 for |r| <= ln(2) / 2, error 4e-17. */
static inline double df_expm1_small(double r)
{
    double p = 2.510038549551032e-08;
    p = p * r + 2.7620088445409746e-07;
    p = p * r + 2.7557268459997064e-06;
    p = p * r + 2.4801521295954376e-05;
    p = p * r + 0.00019841269863053618;
    p = p * r + 0.0013888888917213717;
    p = p * r + 0.0083333333333300615;
    p = p * r + 0.041666666666624129;
    p = p * r + 0.16666666666666669;
    p = p * r + 0.50000000000000011;
    return r + r * r * p;
}

/* exp(x), 0 or infinite where double ends. 2^n is applied in halves because n reaches from -1076 to 1024. */
static inline double df_exp(double x)
{
    const double bounded = df_clamp(x, -746, 710);
    const double n = df_nearest(bounded * DF_LOG2_E), half = df_nearest(0.5 * n);
    const double r = df_minus_ln2(bounded, n);
    return (1 + df_expm1_small(r)) * df_two_to(half) * df_two_to(n - half);
}

/* The same, 0 below -87.69 and infinity from 88.38 on; error of the polynomial 3e-9. */
static inline float df_expf(float x)
{
    const float bounded = df_clampf(x, -88, 89), shifted = df_fusedf(bounded, 1.44269504f, DF_WHOLEF);
    const float n = shifted - DF_WHOLEF;
    const float r = df_fusedf(n, 1.90465421e-09f, df_fusedf(n, -0.693147182f, bounded));
    float p = 0.00138146128f;
    p = df_fusedf(p, r, 0.00836871006f);
    p = df_fusedf(p, r, 0.0416683890f);
    p = df_fusedf(p, r, 0.166665211f);
    p = df_fusedf(p, r, 0.49999994f);
    p = df_fusedf(p, r, 1);
    p = df_fusedf(p, r, 1);
    return p * df_from_bitsf((df_bitsf(shifted) + 127) << 23);
}

/* exp(x) - 1 = 2^n (exp(r) - 1) + 2^n - 1, accurate near 0 too. */
static inline double df_expm1(double x)
{
    const double bounded = df_clamp(x, -60, 710);
    const double n = df_nearest(bounded * DF_LOG2_E), half = df_nearest(0.5 * n);
    const double r = df_minus_ln2(bounded, n), scale = df_two_to(half);
    return (df_expm1_small(r) * scale + (scale - df_two_to(half - n))) * df_two_to(n - half);
}

static inline double df_sigmoid(double x)
{
    return 1 / (1 + df_exp(-x));
}

static inline float df_sigmoidf(float x)
{
    return 1 / (1 + df_expf(-x));
}

/* tanh x = (exp(2x) - 1) / (exp(2x) + 1), and 1 to the last bit from 20 on (10 in float). */
static inline double df_tanh(double x)
{
    const double e = df_expm1(2 * df_clamp(fabs(x), 0, 20));
    return copysign(e / (e + 2), x);
}

/* -log(1 - erf x) / x for 0 <= x <= 6: a smooth function without zeros, so that one polynomial serves both
 * near 0, where erf x is about 2 x / sqrt(pi), and far away, where it is nearly 1. Error of erf 7e-17. */
static inline double df_erf_exponent(double x)
{
    double p = 1.18014383019701e-14;
    p = p * x - 4.7553684479465117e-13;
    p = p * x + 8.7218758308738237e-12;
    p = p * x - 9.5490125664152877e-11;
    p = p * x + 6.8114309020166074e-10;
    p = p * x - 3.1533177380951841e-09;
    p = p * x + 7.782934940935271e-09;
    p = p * x + 8.3707426567379693e-09;
    p = p * x - 1.7409436056245008e-07;
    p = p * x + 8.5371865926302374e-07;
    p = p * x - 2.4298045528157478e-06;
    p = p * x + 3.5646945065544886e-06;
    p = p * x + 2.7958542664334654e-06;
    p = p * x - 2.9323529947222051e-05;
    p = p * x + 6.4290003210170569e-05;
    p = p * x + 2.5955212541475804e-05;
    p = p * x - 0.00059014681586366563;
    p = p * x + 0.0016962105308660617;
    p = p * x - 0.00020919523048822192;
    p = p * x - 0.01912844696304276;
    p = p * x + 0.10277260330005876;
    p = p * x + 0.63661977236761158;
    p = p * x + 1.1283791670955126;
    return p;
}

static inline double df_erf(double x)
{
    const double a = df_clamp(fabs(x), 0, 6);
    return copysign(df_expm1(-a * df_erf_exponent(a)), x);
}

/* The normal distribution's tail beyond a >= 0, error 1e-16 absolute, and its density there. */
static inline double df_normal_tail(double a, double *density)
{
    const double x = df_clamp(a * 0.70710678118654752440, 0, 6);
    *density = 0.39894228040143267794 * df_exp(-0.5 * a * a);
    return 0.5 * df_exp(-x * df_erf_exponent(x));
}

/* tail = exp(-a^2 / 2) t p(t) with t = 1 / (1 + 0.29 a), error 5e-8 for a <= 8. */
static inline float df_normal_tailf(float a, float *density)
{
    const float e = df_expf(-0.5f * a * a), t = 1 / df_fusedf(0.29f, a, 1);
    float p = 0.0377134398f;
    p = df_fusedf(p, t, -0.184840389f);
    p = df_fusedf(p, t, 0.289194301f);
    p = df_fusedf(p, t, -0.131179f);
    p = df_fusedf(p, t, 0.171239713f);
    p = df_fusedf(p, t, 0.08334388f);
    p = df_fusedf(p, t, 0.119047206f);
    p = df_fusedf(p, t, 0.115480835f);
    *density = 0.398942280f * e;
    return e * (t * p);
}

/* ---- logarithm ---- */

/* log x, -infinity at 0 and NaN below.
 *     log x = n ln 2 + log m with sqrt(1/2) <= m < sqrt(2), and with s = (m - 1) / (m + 1)
 *     log m = 2 artanh(s) = 2 s + s^3 p(s^2), error 5e-18.
 * With f = m - 1, which is exact, the last line is f - s (f - s^2 p). Subnormal x is scaled by 2^54 first. */
static inline double df_log(double x)
{
    const uint64_t sqrt_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000, mantissa = 0x000fffffffffffff;
    const int tiny = x < 2.2250738585072014e-308;
    const uint64_t bits = df_bits(tiny ? x * 18014398509481984.0 : x) + (one - sqrt_half);
    const double exponent = df_from_bits(df_bits(4503599627370496.0) | bits >> 52) - 4503599627370496.0;
    const double n = exponent - (tiny ? 1077.0 : 1023.0);
    const double f = df_from_bits((bits & mantissa) + sqrt_half) - 1;
    const double s = f / (f + 2), z = s * s;
    double p = 0.14616585424888623;
    p = p * z + 0.15331710618210773;
    p = p * z + 0.18182889455674947;
    p = p * z + 0.22222211130259878;
    p = p * z + 0.2857142862600327;
    p = p * z + 0.39999999999899444;
    p = p * z + 0.66666666666666696;
    const double log_x = n * 0.69314718055920821 + (f - (s * (f - z * p) - n * 7.3710025651677989e-13));
    const double positive = x < (double)INFINITY ? log_x : x;
    return x > 0 ? positive : x == 0 ? -(double)INFINITY : (double)NAN;
}

/* x^y for x > 0. The relative error grows as |y log x| 2e-16. */
static inline double df_pow(double x, double y)
{
    return df_exp(y * df_log(x));
}

/* ---- the normal law ---- */

/* z with P(N(0, 1) < z) = u, for 0 < u < 1. With a = |z| / sqrt(2), -log(1 - erf a) = a e(a) is convex and above a^2,
 * so that Newton's method falls on the root from sqrt(-log 2q), q the smaller tail. Error of u 1e-16. */
static inline double df_normal_quantile(double u)
{
    const double tail = u < 0.5 ? u : 1 - u, depth = -df_log(2 * tail);
    double a = sqrt(depth);
    for (int i = 0; i < 6; i++) {
        const double here = a * df_erf_exponent(a), slope = 1.1283791670955126 * df_exp(here - a * a);
        a -= (here - depth) / slope;
    }
    return u < 0.5 ? -DF_SQRT2 * a : DF_SQRT2 * a;
}

/* ---- sine and cosine: x = n pi / 2 + r with |r| <= pi / 4 ---- */

/* sin(r), error 2e-17. */
static inline double df_sin_small(double r)
{
    const double z = r * r;
    double p = 1.5918126488531496e-10;
    p = p * z - 2.5051131806051286e-08;
    p = p * z + 2.7557316102365541e-06;
    p = p * z - 0.00019841269836758213;
    p = p * z + 0.008333333333330948;
    p = p * z - 0.16666666666666666;
    return r + r * z * p;
}

/* cos(r), error 2e-18. */
static inline double df_cos_small(double r)
{
    const double z = r * r;
    double p = -1.1382630669902987e-11;
    p = p * z + 2.0876146244035124e-09;
    p = p * z - 2.7557317271612871e-07;
    p = p * z + 2.4801587298765462e-05;
    p = p * z - 0.0013888888888887398;
    p = p * z + 0.041666666666666664;
    return 1 - (0.5 * z - z * z * p);
}

/* sin(r), error 2e-8. */
static inline float df_sin_smallf(float r)
{
    const float z = r * r;
    float p = -0.000195878863f;
    p = p * z + 0.00833274797f;
    p = p * z - 0.166666642f;
    return r + r * z * p;
}

/* cos(r), error 1e-9. */
static inline float df_cos_smallf(float r)
{
    const float z = r * r;
    float p = 2.45479368e-05f;
    p = p * z - 0.00138883025f;
    p = p * z + 0.0416666642f;
    return 1 - (0.5f * z - z * z * p);
}

/* Both for |x| <= 1e6 and NaN beyond, where the three parts of pi / 2 no longer suffice: n has at most 20
 * bits and the first two parts have 33, so that their products with n are exact. */
static inline void df_sincos(double x, double *sin_x, double *cos_x)
{
    const double n = df_nearest(x * (2 / DF_PI)), half = 0.5 * n;
    const double rest = (x - n * 1.5707963267341256) - n * 6.077100506303966e-11;
    const double r = fabs(x) <= 1e6 ? rest - n * 2.0222662487959506e-21 : (double)NAN;
    const double s = df_sin_small(r), c = df_cos_small(r);
    const int odd = half != df_nearest(half);
    const uint64_t quadrant = df_bits(n + DF_WHOLE);
    *sin_x = df_from_bits(df_bits(odd ? c : s) ^ (quadrant & 2) << 62);
    *cos_x = df_from_bits(df_bits(odd ? s : c) ^ ((quadrant + 1) & 2) << 62);
}

/* Both for |x| <= 1e5 and NaN beyond: three parts of pi / 2, subtracted without error but for the last rounding. */
static inline void df_sincosf(float x, float *sin_x, float *cos_x)
{
    const float shifted = df_fusedf(x, 0.636619747f, DF_WHOLEF), n = shifted - DF_WHOLEF;
    const float rest = df_fusedf(n, 4.37113883e-08f, df_fusedf(n, -1.57079637f, x));
    const float r = fabsf(x) <= 1e5f ? df_fusedf(n, 1.71512451e-15f, rest) : NAN;
    const float s = df_sin_smallf(r), c = df_cos_smallf(r);
    const uint32_t quadrant = df_bitsf(shifted);
    *sin_x = df_from_bitsf(df_bitsf(quadrant & 1 ? c : s) ^ (quadrant & 2) << 30);
    *cos_x = df_from_bitsf(df_bitsf(quadrant & 1 ? s : c) ^ ((quadrant + 1) & 2) << 30);
}

static inline double df_tan(double x)
{
    double s, c;
    df_sincos(x, &s, &c);
    return s / c;
}

/* ---- angles ---- */

/* atan(q) for |q| <= tan(pi / 8), error 7e-18. */
static inline double df_atan_small(double q)
{
    const double z = q * q;
    double p = -0.019173922285547929;
    p = p * z + 0.039229237138359428;
    p = p * z - 0.050853659223442482;
    p = p * z + 0.058581328944279219;
    p = p * z - 0.066645096032553863;
    p = p * z + 0.076921830598941143;
    p = p * z - 0.090909045724873475;
    p = p * z + 0.11111111015117626;
    p = p * z - 0.14285714284664819;
    p = p * z + 0.19999999999995513;
    p = p * z - 0.33333333333333331;
    return q + q * z * p;
}

/* The angle of the vector (x, y) from -pi to pi, and 0 for the zero vector; x and y must be below 1e307.
 * It is a multiple of pi / 4 plus or minus a small angle: fold to 0 <= near <= far, turn by pi / 4 if near is
 * over tan(pi / 8) far, and undo the folds. */
static inline double df_atan2(double y, double x)
{
    const double ax = fabs(x), ay = fabs(y);
    const int steep = ay > ax, back = x < 0;
    const double far = steep ? ay : ax, near = steep ? ax : ay;
    const int diagonal = near > 0.41421356237309503 * far;
    const double over = diagonal ? near - far : near, under = diagonal ? near + far : far;
    const double q = under == 0 ? 0 : over / under;
    const double octant = diagonal ? DF_PI / 4 : 0;
    const double quadrant = steep ? DF_PI / 2 - octant : octant;
    const double base = back ? DF_PI - quadrant : quadrant;
    const double small = df_atan_small(q);
    return copysign(base + (steep != back ? -small : small), y);
}

/* ---- sums of long arrays: 64 lanes, lane = index mod 64, then folded in halves ---- */

static inline double df_fold_lanes(double lane[64])
{
    for (size_t half = 32; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static inline double df_sum(const double *a, size_t n)
{
    double lane[64] = {0};
    for (size_t start = 0; start < n; start += 64) {
        const size_t block = n - start < 64 ? n - start : 64;
        for (size_t j = 0; j < block; j++) lane[j] += a[start + j];
    }
    return df_fold_lanes(lane);
}

DF_END
#endif
