/* conventions.c -- the same shapes as other people's programs make them, in the units of those programs, so
 * that published numbers can be compared with ours. */
#include "place.h"

#include "diffuse/math.h"

#include <math.h>

/* A hundred fixed points, evenly spaced in t. */
static int roll_of_100(double x[2], const double u[2])
{
    double rest;
    const double t = DF_PI * (0.5 + 5.0 * df_part(u[0], 100, &rest) / 99.0);
    df_polar(x, t / (5.0 * DF_PI), t);
    return 0;
}

/* The "noise" is uniform, not centred, and the same number in x and y. */
static int smeared_moons(double x[2], const double u[2])
{
    const int moon = df_place_moons(x, u);
    x[0] += 0.2 * u[1];
    x[1] += 0.2 * u[1];
    return moon;
}

static int wide_circles(double x[2], const double u[2])
{
    double rest;
    const int circle = df_part(u[0], 2, &rest);
    df_polar(x, circle == 0 ? 1.0 : 0.8, 2.0 * DF_PI * rest);
    return circle;
}

/* f = (1 + 0.3 z_0, 0.1 z_1) is turned by an angle that depends on f_0. The arm is taken from the latent of
 * the angle in Box-Muller, because that of the radius must not become 0. */
static int warped_gaussians(double x[2], const double u[2])
{
    double v, z[2], direction[2];
    const int arm = df_part(u[1], 5, &v);
    df_polar(z, sqrt(-2.0 * df_log(u[0])), 2.0 * DF_PI * v);
    const double f[2] = {1.0 + 0.3 * z[0], 0.1 * z[1]};
    df_polar(direction, 1.0, 0.4 * DF_PI * arm + 0.25 * df_exp(f[0]));
    x[0] = direction[0] * f[0] + direction[1] * f[1];
    x[1] = direction[0] * f[1] - direction[1] * f[0];
    return arm;
}

#define ROLL "g = (t cos t, t sin t), t = 1.5 pi (1 + 2 u), "
#define MOONS "g = (cos t, sin t) or (1 - cos t, 1/2 - sin t), t = pi u, "

const df_shape df_shape_conventions[] = {
    {.name = "swissroll:sklearn", .about = "raw units; people choose noise 0.5, its own default is none",
     .convention = "x = g + 0.5 n, " ROLL "n ~ N(0, I); the middle coordinate is left out",
     .noise = 0.5, .classes = 4, .latents = 1, .place = df_place_roll, .speed = {134.0}, .scale = 1.0},
    {.name = "swissroll:ffjord", .about = "the thick roll of the continuous normalising flows",
     .convention = "x = (g + n)/5, " ROLL "n ~ N(0, I)",
     .noise = 0.2, .classes = 4, .latents = 1, .place = df_place_roll, .speed = {134.0}, .scale = 0.2},
    {.name = "swissroll:albarji", .about = "one mean and one standard deviation over both coordinates",
     .convention = "x = (g + 0.5 n - 1.1061)/6.8659, " ROLL "n ~ N(0, I); mean and deviation of the law "
                   "instead of a sample",
     .noise = 0.5 / 6.8659, .classes = 4, .latents = 1, .place = df_place_roll, .speed = {134.0},
     .scale = 1.0 / 6.8659, .shift = {-1.1061 / 6.8659, -1.1061 / 6.8659}},
    {.name = "swissroll:smalldiffusion", .about = "a hundred fixed points without noise",
     .convention = "x = (t cos t, t sin t)/(5 pi), t = pi/2 + 5 pi k/99, k = 0 .. 99",
     .noise = 0.0, .classes = 1, .latents = 1, .place = roll_of_100, .dots = 100, .scale = 1.0},
    {.name = "moons:sklearn", .about = "raw units; people choose noise 0.05, its own default is none",
     .convention = "x = g + 0.05 n, " MOONS "n ~ N(0, I)",
     .noise = 0.05, .classes = 2, .latents = 1, .place = df_place_moons, .speed = {6.29}, .scale = 1.0},
    {.name = "moons:torchcfm", .about = "a one-sided uniform smear along the diagonal in place of noise",
     .convention = "x = 3 (g + 0.2 v (1, 1)) - 1, " MOONS "v ~ U(0, 1), one number for both coordinates",
     .noise = 0.0, .classes = 2, .latents = 2, .place = smeared_moons, .speed = {6.29, 0.283},
     .scale = 3.0, .shift = {-1.0, -1.0}},
    {.name = "circles:sklearn", .about = "raw units; people choose noise 0.05, its own default is none",
     .convention = "x = r (cos t, sin t) + 0.05 n, r = 1 or 0.8, t = 2 pi u, n ~ N(0, I)",
     .noise = 0.05, .classes = 2, .latents = 1, .place = wide_circles, .speed = {12.57}, .scale = 1.0},
    {.name = "8gaussians:ffjord", .about = "eight blobs of radius 2.83 that touch",
     .convention = "x = (4 (cos t, sin t) + 0.5 n)/1.414, t = k pi/4, n ~ N(0, I)",
     .noise = 0.5 / 1.414, .classes = 8, .latents = 1, .place = df_place_8gaussians, .dots = 8,
     .scale = 4.0 / 1.414},
    {.name = "8gaussians:torchcfm", .about = "the root of its variance 0.1 is used as a variance",
     .convention = "x = 5 (cos t, sin t) + 0.1^(1/4) n, t = k pi/4, n ~ N(0, I)",
     .noise = 0.56234132519034907, .classes = 8, .latents = 1, .place = df_place_8gaussians, .dots = 8,
     .scale = 5.0},
    {.name = "8gaussians:ddpm-torch", .about = "eight thin blobs of unit variance",
     .convention = "x = (2 (cos t, sin t) + 0.02 n)/sqrt(0.02^2 + 2), t = k pi/4, n ~ N(0, I)",
     .noise = 0.02 / 1.4143549766589716, .classes = 8, .latents = 1, .place = df_place_8gaussians, .dots = 8,
     .scale = 2.0 / 1.4143549766589716},
    {.name = "25gaussians:ddpm-torch", .about = "twenty-five thin blobs of unit variance",
     .convention = "x = (2 (i, j) + 0.05 n)/sqrt(0.05^2 + 8), i and j of -2 .. 2, n ~ N(0, I)",
     .noise = 0.05 / 2.828869031963127, .classes = 25, .latents = 1, .place = df_place_25gaussians,
     .dots = 25, .scale = 2.0 / 2.828869031963127},
    {.name = "checkerboard:ffjord", .about = "squares of side 2 with sharp edges",
     .convention = "x = 2 g, g uniform on the squares [i, i + 1] x [j, j + 1], i + j even, -2 <= i, j < 2",
     .noise = 0.0, .classes = 1, .latents = 2, .place = df_place_checkerboard, .speed = {4.0, 2.0},
     .scale = 2.0},
    {.name = "checkerboard:flow_matching", .about = "squares of side 2.22 with sharp edges",
     .convention = "x = g/0.45, g uniform on the squares [i, i + 1] x [j, j + 1], i + j even, -2 <= i, j < 2",
     .noise = 0.0, .classes = 1, .latents = 2, .place = df_place_checkerboard, .speed = {4.0, 2.0},
     .scale = 1.0 / 0.45},
    {.name = "pinwheel:ffjord", .about = "five Gaussians wound up; its density is not known",
     .convention = "x = 2 R f, f = (1 + 0.3 z_0, 0.1 z_1), R turns by -(2 pi k/5 + exp(f_0)/4), z ~ N(0, I)",
     .noise = 0.0, .classes = 5, .latents = 2, .place = warped_gaussians, .scale = 2.0},
    {0},
};
