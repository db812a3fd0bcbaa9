/* shapes.c -- the shapes by name: one short map each, and the table. */
#include "place.h"

#include "diffuse/math.h"
#include "diffuse/text.h"

#include <math.h>
#include <string.h>

void df_polar(double x[2], double radius, double angle)
{
    double sine, cosine;
    df_sincos(angle, &sine, &cosine);
    x[0] = radius * cosine;
    x[1] = radius * sine;
}

int df_part(double u, int count, double *rest)
{
    const double place = u * count;
    const int part = (int)place;
    *rest = place - part;
    return part;
}

/* The classes of the roll are the quarters of t. */
int df_place_roll(double x[2], const double u[2])
{
    const double t = 1.5 * DF_PI * (1.0 + 2.0 * u[0]);
    df_polar(x, t, t);
    double rest;
    return df_part(u[0], 4, &rest);
}

static int scurve(double x[2], const double u[2])
{
    const double t = 3.0 * DF_PI * (u[0] - 0.5);
    df_polar(x, 1.0, t);
    const double cosine = x[0];
    x[0] = x[1];
    x[1] = t < 0.0 ? 1.0 - cosine : cosine - 1.0;
    return 0;
}

int df_place_moons(double x[2], const double u[2])
{
    double rest;
    const int moon = df_part(u[0], 2, &rest);
    df_polar(x, 1.0, DF_PI * rest);
    if (moon == 1) {
        x[0] = 1.0 - x[0];
        x[1] = 0.5 - x[1];
    }
    return moon;
}

static int circles(double x[2], const double u[2])
{
    double rest;
    const int circle = df_part(u[0], 2, &rest);
    df_polar(x, circle == 0 ? 1.0 : 0.5, 2.0 * DF_PI * rest);
    return circle;
}

static int rings(double x[2], const double u[2])
{
    double rest;
    const int ring = df_part(u[0], 4, &rest);
    df_polar(x, 1.0 + ring, 2.0 * DF_PI * rest);
    return ring;
}

/* An angle like sqrt(v) would move infinitely fast at the centre, so the innermost 0.05 is left out. */
static int spirals(double x[2], const double u[2])
{
    double v;
    const int arm = df_part(u[0], 2, &v);
    const double angle = 3.0 * DF_PI * sqrt(0.05 + 0.95 * v);
    df_polar(x, arm == 0 ? angle : -angle, angle);
    return arm;
}

int df_place_8gaussians(double x[2], const double u[2])
{
    double rest;
    const int mode = df_part(u[0], 8, &rest);
    df_polar(x, 1.0, 0.25 * DF_PI * mode);
    return mode;
}

int df_place_25gaussians(double x[2], const double u[2])
{
    double rest;
    const int mode = df_part(u[0], 25, &rest);
    x[0] = mode / 5 - 2;
    x[1] = mode % 5 - 2;
    return mode;
}

/* Four columns of width 1, each with two filled squares; those of odd columns stand one higher. */
int df_place_checkerboard(double x[2], const double u[2])
{
    double across, up;
    const int column = df_part(u[0], 4, &across);
    const int square = df_part(u[1], 2, &up);
    x[0] = column + across - 2.0;
    x[1] = 2 * square + column % 2 + up - 2.0;
    return 0;
}

/* Five arms along a radius from 0.25 to 1.75, wound by an angle that grows like its exponential. The width
 * of the arms is the noise. */
static int pinwheel(double x[2], const double u[2])
{
    double v;
    const int arm = df_part(u[0], 5, &v);
    const double radius = 0.25 + 1.5 * v;
    df_polar(x, radius, 0.4 * DF_PI * arm + 0.25 * df_exp(radius));
    return arm;
}

static int line(double x[2], const double u[2])
{
    x[0] = x[1] = u[0] - 0.5;
    return 0;
}

/* A binary tree with its branches numbered like a heap: 1 is the trunk, 2 b and 2 b + 1 grow out of b, to
 * the left and to the right. The class is the side of the trunk, which itself belongs half to each. */
static int tree(double x[2], const double u[2])
{
    const double shrink = 0.75, cosine = 0.8829475928589269, sine = 0.4694715627858908; /* of 28 degrees */
    double along;
    const int part = df_part(u[0], 64, &along);
    const int branch = part == 0 ? 1 : part;
    int bit = 1, side = part;
    while (2 * bit <= branch) bit *= 2;

    double direction[2] = {0.0, 1.0};
    x[0] = x[1] = 0.0;
    if (bit > 1) side = (branch & bit / 2) != 0;
    for (bit /= 2; bit > 0; bit /= 2) {
        const double turn = branch & bit ? -sine : sine;
        x[0] += direction[0];
        x[1] += direction[1];
        const double across = shrink * (cosine * direction[0] - turn * direction[1]);
        direction[1] = shrink * (turn * direction[0] + cosine * direction[1]);
        direction[0] = across;
    }
    x[0] += along * direction[0];
    x[1] += along * direction[1];
    return side;
}

#define CENTRED "x = (g - m)/c + s n, with m and c such that x has mean 0 and mean variance 1: "

const df_shape df_shapes[] = {
    {.name = "swissroll", .about = "a spiral of one and a half turns; classes are its quarters",
     .convention = CENTRED "g = (t cos t, t sin t), t = 1.5 pi (1 + 2 u), m = (2, 2/(3 pi))",
     .noise = 0.05, .classes = 4, .latents = 1, .place = df_place_roll, .speed = {134.0}},
    {.name = "scurve", .about = "the letter S",
     .convention = CENTRED "g = (sin t, sign(t) (cos t - 1)), t = 3 pi (u - 1/2)",
     .noise = 0.05, .classes = 1, .latents = 1, .place = scurve, .speed = {9.43}},
    {.name = "moons", .about = "two half circles that interlock",
     .convention = CENTRED "g = (cos t, sin t) or (1 - cos t, 1/2 - sin t), t = pi u",
     .noise = 0.08, .classes = 2, .latents = 1, .place = df_place_moons, .speed = {6.29}},
    {.name = "circles", .about = "a circle inside another",
     .convention = CENTRED "g = r (cos t, sin t), r = 1 or 1/2, t = 2 pi u",
     .noise = 0.08, .classes = 2, .latents = 1, .place = circles, .speed = {12.57}},
    {.name = "rings", .about = "four circles with one centre",
     .convention = CENTRED "g = r (cos t, sin t), r = 1, 2, 3 or 4, t = 2 pi u",
     .noise = 0.05, .classes = 4, .latents = 1, .place = rings, .speed = {100.6}},
    {.name = "2spirals", .about = "two spiral arms",
     .convention = CENTRED "g = +-t (cos t, sin t), t = 3 pi sqrt(0.05 + 0.95 u)",
     .noise = 0.06, .classes = 2, .latents = 1, .place = spirals, .speed = {94.0}},
    {.name = "8gaussians", .about = "eight blobs on a circle",
     .convention = CENTRED "g = (cos t, sin t), t = k pi/4",
     .noise = 0.1, .classes = 8, .latents = 1, .place = df_place_8gaussians, .dots = 8},
    {.name = "25gaussians", .about = "a grid of five by five blobs",
     .convention = CENTRED "g = (i, j), each of -2, -1, 0, 1, 2",
     .noise = 0.05, .classes = 25, .latents = 1, .place = df_place_25gaussians, .dots = 25},
    {.name = "checkerboard", .about = "the black squares of a board of four by four",
     .convention = CENTRED "g uniform on the squares [i, i + 1] x [j, j + 1], i + j even, -2 <= i, j < 2",
     .noise = 0.05, .classes = 1, .latents = 2, .place = df_place_checkerboard, .speed = {4.0, 2.0}},
    {.name = "pinwheel", .about = "five curved arms",
     .convention = CENTRED "g = r (cos t, sin t), r = 1/4 + 3 u/2, t = 2 pi k/5 + exp(r)/4",
     .noise = 0.1, .classes = 5, .latents = 1, .place = pinwheel, .speed = {20.4}},
    {.name = "line", .about = "a segment of the diagonal",
     .convention = CENTRED "g = (u, u)",
     .noise = 0.05, .classes = 1, .latents = 1, .place = line, .speed = {1.42}},
    {.name = "dino", .about = "a dinosaur, drawn for this program",
     .convention = CENTRED "g at a uniform place of the pen's way along the drawing",
     .noise = 0.015, .classes = 1, .latents = 1, .strokes = df_dino},
    {.name = "tree", .about = "a tree of 63 branches; classes are its left and right half",
     .convention = CENTRED "g uniform on a branch, each equally likely and the trunk twice; every branch "
                           "carries two of 0.75 its length, turned by 28 degrees",
     .noise = 0.02, .classes = 2, .latents = 1, .place = tree, .speed = {64.0}},
    {0},
};

static const df_shape *find(const df_shape *shape, const char *name)
{
    while (shape->name && strcmp(shape->name, name) != 0) shape++;
    return shape->name ? shape : NULL;
}

const char *df_nearest_shape(const char *name)
{
    enum { MOST = 128 };
    const char *names[MOST + 1];
    size_t count = 0;
    for (const df_shape *shape = df_shapes; shape->name && count < MOST; shape++) names[count++] = shape->name;
    for (const df_shape *shape = df_shape_conventions; shape->name && count < MOST; shape++)
        names[count++] = shape->name;
    names[count] = NULL;
    return df_nearest_name(name, names);
}

const df_shape *df_find_shape(const char *name)
{
    const df_shape *shape = find(df_shapes, name);
    return shape ? shape : find(df_shape_conventions, name);
}
