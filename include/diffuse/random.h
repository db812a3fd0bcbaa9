/* layer 1: random.h -- random numbers as a pure function of seed, index, step and purpose: no state exists. */
#ifndef DIFFUSE_RANDOM_H
#define DIFFUSE_RANDOM_H

#include "diffuse/status.h"

DF_BEGIN

/* Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. */
void df_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* What a number is for. Frozen: layout 1. New purposes are added at the end. */
typedef enum df_purpose {
    DF_FOR_WEIGHTS = 0,  /* initial network weights */
    DF_FOR_POINTS = 1,   /* shapes */
    DF_FOR_BATCH = 2,    /* which rows a training step sees */
    DF_FOR_LEVEL = 3,    /* which noise level each of them gets */
    DF_FOR_NOISE = 4,    /* and which noise */
    DF_FOR_START = 5,    /* where a sampler begins */
    DF_FOR_STEP = 6,     /* the noise a sampler adds on its way */
    DF_FOR_MEASURE = 7,  /* evaluation */
    DF_FOR_FORWARD = 8,  /* `diffuse noise` */
    DF_FOR_SPLIT = 9,    /* which rows are held out */
    DF_FOR_PILOT = 10,   /* walks that show a sampler what holds for all */
    DF_FOR_METHOD = 11   /* what a method draws for its own purposes in training */
} df_purpose;

/* Where in the stream: counter = (index low, index high, step, purpose << 24 | draw), key = seed. */
typedef struct df_place {
    uint64_t seed, index;
    uint32_t step;
    df_purpose purpose;
} df_place;

/* The pair number `draw` (below 2^24) at a place: uniforms in the open interval (0, 1), each
 * (k + 0.5) 2^-52 of 52 random bits. */
void df_uniforms(double u[2], df_place place, uint32_t draw);

/* The same pair as two independent standard normals (Box-Muller). */
void df_normals(double z[2], df_place place, uint32_t draw);

/* z:(n, dim) standard normals: row r belongs to index place.index + r, so that splitting rows changes nothing. */
void df_normal_rows(double *z, size_t n, size_t dim, df_place place);

DF_END
#endif
