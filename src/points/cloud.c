/* cloud.c -- a shape with its noise chosen: its scale, its points, and its density over nodes. */
#include "diffuse/math.h"
#include "diffuse/random.h"
#include "diffuse/shape.h"

#include <math.h>

/* A piece of a stroke: from + v step, 0 <= v <= 1. */
typedef struct df_segment {
    double from[2], step[2];
    double before, length; /* of the pen's way before it, and of itself */
} segment;

/* The law of one coordinate pair before scaling. */
typedef struct moments {
    double mean[2], square; /* E g, E |g|^2 */
} moments;

static void add_point(moments *sum, double weight, const double g[2])
{
    sum->mean[0] += weight * g[0];
    sum->mean[1] += weight * g[1];
    sum->square += weight * (g[0] * g[0] + g[1] * g[1]);
}

/* ---- strokes ---- */

static size_t count_segments(const df_stroke *strokes)
{
    size_t count = 0;
    for (const df_stroke *stroke = strokes; stroke->vertices; stroke++) count += stroke->count - 1;
    return count;
}

static df_status lay_out_strokes(df_cloud *cloud, df_arena *arena, df_error *error)
{
    DF_NEW(arena, cloud->segments, count_segments(cloud->shape->strokes), error);
    for (const df_stroke *stroke = cloud->shape->strokes; stroke->vertices; stroke++) {
        for (size_t i = 0; i + 1 < stroke->count; i++) {
            const double *a = stroke->vertices[i], *b = stroke->vertices[i + 1];
            const double step[2] = {b[0] - a[0], b[1] - a[1]};
            const double length = sqrt(step[0] * step[0] + step[1] * step[1]);
            cloud->segments[cloud->segment_count++] =
                (segment){{a[0], a[1]}, {step[0], step[1]}, cloud->length, length};
            cloud->length += length;
        }
    }
    return DF_OK;
}

static void place_on_strokes(double g[2], const df_cloud *cloud, double u)
{
    const double way = u * cloud->length;
    size_t low = 0, high = cloud->segment_count;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (cloud->segments[middle].before <= way) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const segment *piece = &cloud->segments[low];
    const double v = (way - piece->before) / piece->length;
    g[0] = piece->from[0] + v * piece->step[0];
    g[1] = piece->from[1] + v * piece->step[1];
}

/* On a segment from a to b the mean of |g|^2 is |m|^2 + |b - a|^2 / 12, with m its middle. */
static moments moments_of_strokes(const df_cloud *cloud)
{
    moments sum = {0};
    for (size_t i = 0; i < cloud->segment_count; i++) {
        const segment *piece = &cloud->segments[i];
        const double weight = piece->length / cloud->length;
        const double middle[2] = {piece->from[0] + 0.5 * piece->step[0],
                                  piece->from[1] + 0.5 * piece->step[1]};
        add_point(&sum, weight, middle);
        sum.square += weight * piece->length * piece->length / 12.0;
    }
    return sum;
}

/* ---- maps ---- */

/* Every shape is smooth on these equal parts of its latents, so that no part straddles a jump. */
enum { CURVE_PARTS = 320, AREA_PARTS = 4 };

/* Gauss's three points in each part: exact for polynomials of degree five, so to rounding for our curves. */
static moments moments_of_place(const df_shape *shape)
{
    static const double node[3] = {0.5 - 0.38729833462074169, 0.5, 0.5 + 0.38729833462074169};
    static const double weight[3] = {5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0};
    const int parts = shape->dots ? (int)shape->dots : shape->latents == 1 ? CURVE_PARTS : AREA_PARTS;
    const int other = shape->latents == 1 ? 1 : AREA_PARTS;
    moments sum = {0};
    for (int i = 0; i < 3 * parts; i++) {
        for (int j = 0; j < 3 * other; j++) {
            const double u[2] = {(i / 3 + node[i % 3]) / parts, (j / 3 + node[j % 3]) / other};
            double g[2];
            shape->place(g, u);
            add_point(&sum, weight[i % 3] * weight[j % 3] / ((double)parts * other), g);
        }
    }
    return sum;
}

/* ---- clouds ---- */

/* c with Var(g)/c^2 + s^2 = 1, the variance being the mean over both coordinates. */
static void centre_and_scale(df_cloud *cloud)
{
    const moments law = cloud->shape->strokes ? moments_of_strokes(cloud) : moments_of_place(cloud->shape);
    const double *m = law.mean;
    const double variance = 0.5 * (law.square - m[0] * m[0] - m[1] * m[1]);
    cloud->scale = sqrt((1.0 - cloud->noise * cloud->noise) / variance);
    cloud->shift[0] = -cloud->scale * m[0];
    cloud->shift[1] = -cloud->scale * m[1];
}

df_status df_cloud_open(df_cloud *cloud, df_arena *arena, const df_shape *shape, double noise,
                        df_error *error)
{
    const double most = shape->scale == 0.0 ? 0.999 : 1e6;
    if (!(noise >= 0.0 && noise <= most)) {
        return df_fail(error, DF_USAGE, "noise %g does not suit %s: it must be from 0 to %g%s", noise,
                       shape->name, most,
                       shape->scale == 0.0 ? ", in units of the standard deviation of all the points" : "");
    }
    *cloud = (df_cloud){.shape = shape, .noise = noise, .scale = shape->scale,
                        .shift = {shape->shift[0], shape->shift[1]}};
    if (shape->strokes) DF_TRY(lay_out_strokes(cloud, arena, error));
    if (shape->scale == 0.0) centre_and_scale(cloud);
    return DF_OK;
}

static int place(double x[2], const df_cloud *cloud, const double u[2])
{
    int label = 0;
    if (cloud->shape->strokes) {
        place_on_strokes(x, cloud, u[0]);
    } else {
        label = cloud->shape->place(x, u);
    }
    x[0] = cloud->scale * x[0] + cloud->shift[0];
    x[1] = cloud->scale * x[1] + cloud->shift[1];
    return label;
}

void df_cloud_points(const df_cloud *cloud, uint64_t seed, uint64_t first, size_t n, double *x, int *labels)
{
    enum { LATENTS, NOISE };
    for (size_t row = 0; row < n; row++) {
        const df_place where = {.seed = seed, .index = first + row, .purpose = DF_FOR_POINTS};
        double u[2], z[2], g[2];
        df_uniforms(u, where, LATENTS);
        df_normals(z, where, NOISE);
        const int label = place(g, cloud, u);
        for (size_t i = 0; i < 2; i++) x[2 * row + i] = (double)(float)(g[i] + cloud->noise * z[i]);
        if (labels) labels[row] = label;
    }
}

/* ---- nodes ---- */

static const double NODES_MOST = 1e7;

static size_t round_up(double count, size_t multiple)
{
    return ((size_t)ceil(count) + multiple - 1) / multiple * multiple;
}

/* Length of the curve or surface of the area if the point moved fastest everywhere, over the length or surface of a
 * node's share. */
static double nodes_needed(const df_cloud *cloud)
{
    const df_shape *shape = cloud->shape;
    const double spacing = 0.5 * cloud->noise / cloud->scale;
    if (shape->strokes) return cloud->length / spacing;
    return shape->latents == 2 ? shape->speed[0] * shape->speed[1] / (spacing * spacing) : shape->speed[0] / spacing;
}

size_t df_cloud_node_count(const df_cloud *cloud)
{
    if (cloud->shape->dots) return cloud->shape->dots;
    const double needed = nodes_needed(cloud);
    return needed > 0 && needed <= NODES_MOST ? (size_t)ceil(needed) : 0;
}

/* The grid is regular in u. Where the point moves fastest, two neighbours are at most s/2 apart. */
static df_status choose_grid(size_t grid[2], const df_cloud *cloud, size_t count, df_error *error)
{
    const df_shape *shape = cloud->shape;
    grid[0] = shape->dots;
    grid[1] = 1;
    if (shape->dots) return DF_OK;

    const double pen_speed[2] = {cloud->length, 0.0};
    const double *speed = shape->strokes ? pen_speed : shape->speed;
    if (speed[0] == 0.0) return df_fail(error, DF_NO, "the density of %s is not known", shape->name);
    if (cloud->noise == 0.0 && count == 0) {
        return df_fail(error, DF_NO, "%s without noise has no density that finitely many nodes could give\n"
                       "  try a noise above 0, such as 0.05", shape->name);
    }
    const bool area = shape->latents == 2;
    const double needed = nodes_needed(cloud), fewest = 4096.0;
    const double nodes = count ? (double)count : area || needed > fewest ? needed : fewest;
    if (nodes > NODES_MOST) {
        return df_fail(error, DF_LIMIT, "the density of %s with noise %g wants %.3g nodes, more than %g\n"
                       "  try a larger noise", shape->name, cloud->noise, nodes, NODES_MOST);
    }
    if (area) {
        const double density = sqrt(nodes / (speed[0] * speed[1]));
        grid[0] = round_up(density * speed[0], AREA_PARTS);
        grid[1] = round_up(density * speed[1], AREA_PARTS);
    } else {
        grid[0] = round_up(nodes, CURVE_PARTS);
    }
    return DF_OK;
}

df_status df_cloud_mixture(df_mixture *mixture, df_arena *arena, const df_cloud *cloud, size_t count,
                           df_error *error)
{
    size_t grid[2];
    DF_TRY(choose_grid(grid, cloud, count, error));
    *mixture = (df_mixture){.dim = 2, .count = grid[0] * grid[1], .s = cloud->noise};
    DF_NEW(arena, mixture->nodes, 2 * mixture->count, error);
    DF_NEW(arena, mixture->log_weights, mixture->count, error);
    DF_NEW(arena, mixture->labels, mixture->count, error);
    const double log_weight = -df_log((double)mixture->count);
    for (size_t i = 0; i < grid[0]; i++) {
        for (size_t j = 0; j < grid[1]; j++) {
            const size_t k = i * grid[1] + j;
            const double u[2] = {((double)i + 0.5) / (double)grid[0], ((double)j + 0.5) / (double)grid[1]};
            mixture->labels[k] = place(mixture->nodes + 2 * k, cloud, u);
            mixture->log_weights[k] = log_weight;
        }
    }
    return DF_OK;
}
