/* film.c -- a walk kept frame by frame. */
#include "cli.h"

#include <math.h>
#include <string.h>

size_t film_step(const film *f, size_t frame)
{
    return (size_t)floor((double)frame * (double)f->steps / (double)(f->frames - 1) + 0.5);
}

void film_record(df_walk *walk, size_t step, void *self)
{
    film *f = self;
    if (walk->first >= f->points) return;
    const size_t n = walk->n < f->points - walk->first ? walk->n : (size_t)(f->points - walk->first);
    for (size_t frame = 0; frame < f->frames; frame++)
        if (film_step(f, frame) == step)
            memcpy(f->x + (frame * f->points + walk->first) * f->dim, walk->x, n * f->dim * sizeof *walk->x);
}
