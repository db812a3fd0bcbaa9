/* region.c -- where the values of a grid are at least some level: its border, followed from node to node. */
#include "page.h"

#include "diffuse/math.h"

#include <stdlib.h>

/* A grid edge from an inner node, in direction 0 (right), 1 (up), 2 (left) or 3 (down), to an outer one: the border
 * crosses it, with the inner node on its left. Beyond the grid everything is outside. */
typedef struct edge {
    size_t i, j;
    unsigned direction;
} edge;

static const int across[4] = {1, 0, -1, 0}, up[4] = {0, 1, 0, -1};

static bool step(size_t *i, size_t *j, const df_nodes *g, unsigned direction)
{
    *i += (size_t)across[direction % 4];
    *j += (size_t)up[direction % 4];
    return *i < g->columns && *j < g->rows;
}

static double value(const df_nodes *g, size_t i, size_t j)
{
    return g->values[j * g->columns + i];
}

static bool is_inside(const df_nodes *g, size_t i, size_t j, double level)
{
    return i < g->columns && j < g->rows && value(g, i, j) >= level;
}

/* Into the square ahead: the border leaves it through the first edge to the left that it can. */
static edge next_edge(const df_nodes *g, edge e, double level)
{
    size_t ai = e.i, aj = e.j, bi = e.i, bj = e.j;
    const unsigned left = (e.direction + 1) % 4;
    step(&ai, &aj, g, left);
    if (!is_inside(g, ai, aj, level)) return (edge){e.i, e.j, left};
    step(&bi, &bj, g, e.direction);
    step(&bi, &bj, g, left);
    if (!is_inside(g, bi, bj, level)) return (edge){ai, aj, e.direction};
    return (edge){bi, bj, (e.direction + 3) % 4};
}

#define FAR 1e6 /* outside of every picture */

/* Where the border crosses an edge, in tenths of a pixel; on the rim of the grid at the node itself. */
static void crossing(long at[2], const df_nodes *g, edge e, double level)
{
    size_t i = e.i, j = e.j;
    double part = 0;
    if (step(&i, &j, g, e.direction)) {
        const double inner = value(g, e.i, e.j), outer = value(g, i, j);
        part = (inner - level) / (inner - outer);
        if (!(part >= 0 && part <= 1)) part = 0;
    }
    const double x = (double)e.i + part * across[e.direction], y = (double)e.j + part * up[e.direction];
    at[0] = (long)df_clamp((g->left + x * g->across) * 10 + 0.5, -FAR, FAR);
    at[1] = (long)df_clamp((g->bottom - y * g->up) * 10 + 0.5, -FAR, FAR);
}

static void add_tenths(df_text *svg, long tenths, bool apart)
{
    if (apart && tenths >= 0) df_text_add(svg, " ");
    if (tenths < 0) df_text_add(svg, "-");
    const long size = labs(tenths);
    if (size / 10 || size % 10 == 0) df_text_add(svg, "%ld", size / 10);
    if (size % 10) df_text_add(svg, ".%ld", size % 10);
}

/* One closed curve. Steps that go on straight along an axis are drawn as one. */
static void add_curve(df_text *svg, const df_nodes *g, edge start, double level)
{
    long last[2], at[2], move[2] = {0, 0};
    bool begun = false;
    crossing(last, g, start, level);
    df_text_add(svg, "M");
    add_tenths(svg, last[0], false);
    add_tenths(svg, last[1], true);
    edge e = start;
    do {
        g->seen[e.j * g->columns + e.i] |= (unsigned char)(1u << e.direction);
        e = next_edge(g, e, level);
        crossing(at, g, e, level);
        const long dx = at[0] - last[0], dy = at[1] - last[1];
        const bool straight = (move[0] == 0 && dx == 0) || (move[1] == 0 && dy == 0), none = !move[0] && !move[1];
        if (!straight && !none) {
            df_text_add(svg, begun ? "" : "l");
            add_tenths(svg, move[0], begun);
            add_tenths(svg, move[1], true);
            begun = true;
            move[0] = move[1] = 0;
        }
        move[0] += dx;
        move[1] += dy;
        last[0] = at[0];
        last[1] = at[1];
    } while (e.i != start.i || e.j != start.j || e.direction != start.direction);
    df_text_add(svg, "z");
}

void df_add_region(df_text *svg, const df_nodes *g, double level)
{
    for (size_t k = 0; k < g->columns * g->rows; k++) g->seen[k] = 0;
    for (size_t j = 0; j < g->rows; j++)
        for (size_t i = 0; i < g->columns; i++)
            for (unsigned d = 0; d < 4 && is_inside(g, i, j, level); d++) {
                size_t ni = i, nj = j;
                step(&ni, &nj, g, d);
                if (is_inside(g, ni, nj, level) || g->seen[j * g->columns + i] >> d & 1) continue;
                add_curve(svg, g, (edge){i, j, d}, level);
            }
}
