/* arrows.c -- the score of a field as arrows. */
#include "page.h"

#include <math.h>
#include <stdlib.h>

static void add_arrow(df_text *svg, double x, double y, double dx, double dy)
{
    const double hx = x + dx, hy = y + dy, length = sqrt(dx * dx + dy * dy), head = length < 9 ? 0.36 * length : 3.2;
    const double ux = dx / length, uy = dy / length;
    df_text_add(svg, "M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1fL%.1f %.1f", x, y, hx, hy,
                hx - head * (ux + 0.6 * uy), hy - head * (uy - 0.6 * ux), hx, hy,
                hx - head * (ux - 0.6 * uy), hy - head * (uy + 0.6 * ux));
}

static double norm(const double *s)
{
    return sqrt(s[0] * s[0] + s[1] * s[1]);
}

df_status df_typical_score(double *typical, const df_field *f, df_arena *arena, df_error *error)
{
    const size_t count = f->rows * f->columns;
    double *norms;
    DF_NEW(arena, norms, count, error);
    for (size_t k = 0; k < count; k++) norms[k] = norm(f->score + 2 * k);
    qsort(norms, count, sizeof *norms, df_ascending);
    *typical = norms[count / 2];
    return DF_OK;
}

/* Grid points from one arrow to the next. */
static size_t stride(double pixels, double wanted, size_t count)
{
    if (pixels >= wanted) return 1;
    return pixels * (double)count <= wanted ? count : (size_t)ceil(wanted / pixels - 1e-9);
}

/* The first of those, about half as far from the edge of the grid. */
static size_t first_of(size_t count, size_t every)
{
    return (count - 1 - (count / every - 1) * every) / 2;
}

/* Of every so many grid points, so that arrows are some way apart. The longest reach almost to the next; lengths
 * grow as |s| / (|s| + typical), for far away from the data scores are without bound. */
df_status df_add_arrows(df_text *svg, const df_canvas *c, const df_field *f, df_arena *arena, df_error *error)
{
    double typical;
    DF_TRY(df_typical_score(&typical, f, arena, error));
    const double dx = (f->right - f->left) / (double)(f->columns - 1) * c->scale;
    const double dy = (f->top - f->bottom) / (double)(f->rows - 1) * c->scale;
    const double apart = c->width < 300 ? 13 : 20;
    const size_t every_x = stride(dx, apart, f->columns), every_y = stride(dy, apart, f->rows);
    const size_t first_x = first_of(f->columns, every_x), first_y = first_of(f->rows, every_y);
    const double wide = dx * (double)every_x, high = dy * (double)every_y, longest = 0.9 * (wide < high ? wide : high);
    df_text_add(svg, "<path class=\"arrows\" d=\"");
    for (size_t j = first_y; j < f->rows; j += every_y)
        for (size_t i = first_x; i < f->columns; i += every_x) {
            const double *s = f->score + 2 * (j * f->columns + i), size = norm(s);
            const double length = longest * size / (size + typical);
            const double x = (f->left - c->x.range.low) * c->scale + (double)i * dx;
            const double y = (c->y.range.high - f->bottom) * c->scale - (double)j * dy;
            if (!(length >= 1) || x < 0 || y < 0 || x > c->width || y > c->height) continue;
            add_arrow(svg, x - length * s[0] / size / 2, y + length * s[1] / size / 2, length * s[0] / size,
                      -length * s[1] / size);
        }
    df_text_add(svg, "\"/>\n");
    return DF_OK;
}
