/* layer 2: shape.h -- toy distributions of the plane whose density is known at every noise level. */
#ifndef DIFFUSE_SHAPE_H
#define DIFFUSE_SHAPE_H

#include "diffuse/mixture.h"

DF_BEGIN

/* ---- points/shapes.c, points/dino.c, points/conventions.c ---- */

enum { DF_SHAPE_DIM = 2 };

/* A line of the pen through `count` vertices. */
typedef struct df_stroke {
    size_t count;
    const double (*vertices)[DF_SHAPE_DIM];
} df_stroke;

/* A shape is a map from one or two uniform latents to the plane, followed by Gaussian noise:
 *     x = scale place(u) + shift + s n,   u ~ U(0,1)^latents,   n ~ N(0, I).
 * The same map makes the random points and, with u on a regular grid, the nodes of the exact density. */
typedef struct df_shape {
    const char *name;       /* "swissroll", or "swissroll:ffjord" for another tool's convention */
    const char *about;      /* one line */
    const char *convention; /* how the points are made, in a formula */
    double noise;           /* default s, in the units of x */
    int classes;            /* 1: no labels */
    size_t latents;         /* 1: a curve or separate dots, 2: an area */

    /* The noiseless point of a latent in its own units; returns its class. */
    int (*place)(double x[2], const double u[2]);
    /* Instead of `place`: strokes followed at constant speed, ended by one without vertices. */
    const df_stroke *strokes;

    size_t dots;     /* how many different points there are; 0: infinitely many */
    double speed[2]; /* at least |d place / d u_i|, which sets the number of nodes; 0: no density is known */

    /* scale 0: the shape is centred and scaled so that the noisy points have mean 0 and a variance of
     * exactly 1 when averaged over the two coordinates. */
    double scale, shift[2];
} df_shape;

/* In the order of a listing; the last has no name. */
extern const df_shape df_shapes[], df_shape_conventions[];

/* The shape of that name from either list, or NULL. */
const df_shape *df_find_shape(const char *name);

/* The name in the two lists that is most like `name`, or NULL when none is near. */
const char *df_nearest_shape(const char *name);

/* ---- points/cloud.c ---- */

/* A shape with its noise chosen, ready to give points. */
typedef struct df_cloud {
    const df_shape *shape;
    double noise;           /* s */
    double scale, shift[2]; /* x = scale place(u) + shift + s n */
    struct df_segment *segments;
    size_t segment_count;
    double length; /* of all segments */
} df_cloud;

/* Fails with DF_USAGE when the shape cannot have that noise. */
df_status df_cloud_open(df_cloud *cloud, df_arena *arena, const df_shape *shape, double noise,
                        df_error *error) DF_MUST_CHECK;

/* x:(n, 2), labels:(n) or NULL: points first .. first + n - 1 of the endless sequence of `seed`, rounded to
 * float. */
void df_cloud_points(const df_cloud *cloud, uint64_t seed, uint64_t first, size_t n, double *x, int *labels);

/* As many nodes as put neighbours at most s/2 apart: enough for a denoiser. An entropy to four digits wants
 * more. 0 when there is no such number. */
size_t df_cloud_node_count(const df_cloud *cloud);

/* The exact density on about `count` nodes; 0: df_cloud_node_count, but at least 4096 on a curve. DF_NO when the
 * density is not known, or when no noise makes it infinite and `count` is 0. */
df_status df_cloud_mixture(df_mixture *mixture, df_arena *arena, const df_cloud *cloud, size_t count,
                           df_error *error) DF_MUST_CHECK;

DF_END
#endif
