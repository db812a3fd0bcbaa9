/* place.h -- the maps from latents to the plane that shapes and conventions share, in their own units. */
#ifndef DIFFUSE_PLACE_H
#define DIFFUSE_PLACE_H

#include "diffuse/shape.h"

/* x = radius (cos angle, sin angle) */
void df_polar(double x[2], double radius, double angle);

/* Which of `count` equal parts of (0,1) holds u; `*rest` says where in it, from 0 to 1. */
int df_part(double u, int count, double *rest);

int df_place_roll(double x[2], const double u[2]);
int df_place_moons(double x[2], const double u[2]);
int df_place_8gaussians(double x[2], const double u[2]);
int df_place_25gaussians(double x[2], const double u[2]);
int df_place_checkerboard(double x[2], const double u[2]);

extern const df_stroke df_dino[];

#endif
