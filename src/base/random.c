/* random.c -- Philox4x32-10, and the uniforms and normals made of its blocks. */
#include "diffuse/random.h"

#include "diffuse/math.h"

#include <assert.h>

enum { CHUNK = 64, ROUNDS = 10 };

/* One round multiplies two words and lets the halves of the products trade places; the key advances by
 * multiples of the golden ratio and of sqrt(3) - 1. Constants of the paper's reference implementation. */
static inline void philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint64_t product0 = (uint64_t)0xD2511F53 * c0, product1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ (key[0] + round * 0x9E3779B9);
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ (key[1] + round * 0xBB67AE85);
        c1 = (uint32_t)product1;
        c3 = (uint32_t)product0;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void df_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    philox(out, counter, key);
}

/* (k + 0.5) 2^-52, where k is the upper 52 bits of the two words. As the fraction of a number in [1, 2) they
 * become a double without a conversion, which older SIMD sets lack; the difference is exact. */
static inline double uniform(uint32_t low, uint32_t high)
{
    const uint64_t k = ((uint64_t)high << 32 | low) >> 12;
    return df_from_bits(df_bits(1.0) | k) - (1 - 0x1p-53);
}

/* The uniforms of n consecutive indices. */
static void uniform_pairs(double *u, double *v, size_t n, df_place place, uint32_t draw)
{
    assert(draw < 1u << 24);
    const uint32_t key[2] = {(uint32_t)place.seed, (uint32_t)(place.seed >> 32)};
    const uint32_t use = (uint32_t)place.purpose << 24 | draw;
    for (size_t i = 0; i < n; i++) {
        const uint64_t index = place.index + i;
        const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), place.step, use};
        uint32_t word[4];
        philox(word, counter, key);
        u[i] = uniform(word[0], word[1]);
        v[i] = uniform(word[2], word[3]);
    }
}

/* Box and Muller: sqrt(-2 log u) (cos 2 pi v, sin 2 pi v), in place. */
static void normals_of_uniforms(double *u, double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double s, c;
        df_sincos(2 * DF_PI * v[i], &s, &c);
        const double radius = sqrt(-2 * df_log(u[i]));
        u[i] = radius * c;
        v[i] = radius * s;
    }
}

void df_uniforms(double u[2], df_place place, uint32_t draw)
{
    uniform_pairs(&u[0], &u[1], 1, place, draw);
}

void df_normals(double z[2], df_place place, uint32_t draw)
{
    uniform_pairs(&z[0], &z[1], 1, place, draw);
    normals_of_uniforms(&z[0], &z[1], 1);
}

/* Columns 2 draw and 2 draw + 1 of up to CHUNK rows; of the last pair of an odd dim the second is dropped. */
static void normal_columns(double *z, size_t n, size_t dim, df_place place, uint32_t draw)
{
    double first[CHUNK], second[CHUNK];
    uniform_pairs(first, second, n, place, draw);
    normals_of_uniforms(first, second, n);
    const size_t column = 2 * (size_t)draw;
    for (size_t i = 0; i < n; i++) z[i * dim + column] = first[i];
    if (column + 1 == dim) return;
    for (size_t i = 0; i < n; i++) z[i * dim + column + 1] = second[i];
}

void df_normal_rows(double *z, size_t n, size_t dim, df_place place)
{
    for (size_t start = 0; start < n; start += CHUNK) {
        const size_t rows = n - start < CHUNK ? n - start : CHUNK;
        const df_place here = {place.seed, place.index + start, place.step, place.purpose};
        for (uint32_t draw = 0; 2 * (size_t)draw < dim; draw++)
            normal_columns(&z[start * dim], rows, dim, here, draw);
    }
}
