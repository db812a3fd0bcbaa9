/* player.c -- trajectories as a page that plays them: one clock, which runs slowly where structure appears.
 *
 * How far apart two frames are is the sliced 2-Wasserstein distance of their points (Rabin et al. 2012), which sees the
 * distribution change and not the points of one that stays. The clock of a film grows with it along the way,
 *
 *   u_k = EVEN k/(K-1) + (1 - EVEN) d(0, k)/d(0, K-1),    d(0, k) = sum of the distances of neighbours up to frame k,
 *
 * and the page's clock at a time t is the mean of the films' clocks at t. What the page does with it is in
 * player.html.
 */
#include "diffuse/html.h"

#include "page.h"

#include "diffuse/json.h"
#include "diffuse/math.h"

#include <stdlib.h>

static const char *const page[] = {
#include "draw/player.html.h"
};

#define EVEN 0.25

enum {
    DIRECTIONS = 8,    /* of the slices */
    OUTSIDE = 65535,   /* a place far outside of the view; those around it and within go from 0 to */
    PLACES = 65534,
    ARROWS_ACROSS = 24 /* at most, about */
};

/* A square of the plane. */
typedef struct view {
    double low[2], side;
} view;

static size_t fewer(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- the view ---- */

/* Widens low .. high by the central 99.6 % of the values of one axis. */
static void widen(double *low, double *high, const double *x, size_t count, size_t axis, double *scratch)
{
    for (size_t i = 0; i < count; i++) scratch[i] = x[2 * i + axis];
    qsort(scratch, count, sizeof *scratch, df_ascending);
    const size_t cut = count / 500;
    *low = fmin(*low, scratch[cut]);
    *high = fmax(*high, scratch[count - 1 - cut]);
}

static df_status check_places(const double *x, size_t count, const char *what, df_error *error)
{
    for (size_t i = 0; i < 2 * count; i++)
        if (!(fabs(x[i]) <= 1e100))
            return df_fail(error, DF_INPUT, "'%.60s' has the coordinate %g; a picture reaches to 1e100", what, x[i]);
    return DF_OK;
}

/* When all points are in one place, there is still something around it. */
static df_status find_view(view *v, const df_player *p, df_arena *arena, df_error *error)
{
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL}, *scratch, size = 0;
    size_t most = p->ghost_points;
    for (size_t f = 0; f < p->count; f++) {
        const size_t count = p->films[f].frames * p->films[f].points;
        DF_TRY(check_places(p->films[f].x, count, p->films[f].caption, error));
        if (count > most) most = count;
    }
    DF_TRY(check_places(p->ghost, p->ghost_points, "the points behind", error));
    DF_NEW(arena, scratch, most, error);
    for (size_t axis = 0; axis < 2; axis++) {
        for (size_t f = 0; f < p->count; f++)
            widen(&low[axis], &high[axis], p->films[f].x, p->films[f].frames * p->films[f].points, axis, scratch);
        if (p->ghost_points) widen(&low[axis], &high[axis], p->ghost, p->ghost_points, axis, scratch);
        size = fmax(size, fmax(fabs(low[axis]), fabs(high[axis])));
    }
    v->side = fmax(high[0] - low[0], high[1] - low[1]);
    if (v->side <= 1e-9 * size || v->side <= 1e-100) v->side = size > 1e-100 ? size : 2;
    v->side *= 1.06;
    if (p->limits > 0) v->side = 2 * p->limits;
    for (size_t axis = 0; axis < 2; axis++)
        v->low[axis] = p->limits > 0 ? -p->limits : (low[axis] + high[axis] - v->side) / 2;
    return DF_OK;
}

/* ---- the clock ---- */

/* Sorted projections of the points of a frame: (DIRECTIONS, points). */
static void project(double *slices, const double *x, size_t points)
{
    for (size_t d = 0; d < DIRECTIONS; d++) {
        double s, c;
        df_sincos(DF_PI * (double)d / DIRECTIONS, &s, &c);
        for (size_t i = 0; i < points; i++) slices[d * points + i] = c * x[2 * i] + s * x[2 * i + 1];
        qsort(slices + d * points, points, sizeof *slices, df_ascending);
    }
}

/* Places in units of the view, so that no square overflows. */
static double distance(const double *a, const double *b, size_t count, double unit)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (a[i] - b[i]) / unit * ((a[i] - b[i]) / unit);
    return sqrt(sum / (double)count);
}

static df_status make_clock(double *clock, const df_film *film, double unit, df_arena *arena, df_error *error)
{
    const size_t size = DIRECTIONS * film->points, last = film->frames - 1;
    double *before, *after;
    DF_NEW(arena, before, size, error);
    DF_NEW(arena, after, size, error);
    project(after, film->x, film->points);
    clock[0] = 0;
    for (size_t k = 1; k <= last; k++) {
        double *swap = before;
        before = after;
        after = swap;
        project(after, film->x + k * film->points * 2, film->points);
        clock[k] = clock[k - 1] + distance(before, after, size, unit);
    }
    const double all = clock[last] > 0 ? clock[last] : 1;
    const double even = clock[last] > 0 ? EVEN : 1;
    for (size_t k = 0; k <= last; k++)
        clock[k] = last ? even * (double)k / (double)last + (1 - even) * clock[k] / all : 1;
    return DF_OK;
}

/* The frames between which the clock goes about equally far: the first, the last, and each once. */
static void choose_frames(size_t *chosen, size_t count, const double *clock, size_t frames)
{
    for (size_t j = 0, k = 0; j < count; j++, k++) {
        const double wanted = count > 1 ? (double)j / (double)(count - 1) : 1;
        const size_t last = frames - (count - j);
        while (k < last && fabs(clock[k + 1] - wanted) <= fabs(clock[k] - wanted)) k++;
        chosen[j] = k;
    }
}

/* A film's clock at time t, linear between frames. */
static double clock_at(const df_film *film, const double *clock, double t)
{
    size_t k = 0;
    while (k < film->frames && film->t[k] > t) k++;
    if (k == film->frames) return clock[k - 1];
    if (k == 0 || film->t[k] == t) return clock[k];
    const double part = (film->t[k - 1] - t) / (film->t[k - 1] - film->t[k]);
    return clock[k - 1] + part * (clock[k] - clock[k - 1]);
}

/* ---- the data of the page ---- */

/* In a square around the view, twice as wide, so that points come in from somewhere. */
static unsigned quantised(const view *v, const double *x, size_t axis)
{
    const double part = 0.25 + (x[axis] - v->low[axis]) / v->side / 2;
    return part >= 0 && part <= 1 ? (unsigned)floor(part * PLACES + 0.5) : OUTSIDE;
}

static void add_places(df_text *html, unsigned char *scratch, const view *v, const double *x, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        const unsigned place = quantised(v, x + (i & ~(size_t)1), i & 1);
        scratch[2 * i] = (unsigned char)(place & 255);
        scratch[2 * i + 1] = (unsigned char)(place >> 8);
    }
    df_text_add(html, "\"");
    df_html_add_base64(html, scratch, 4 * count);
    df_text_add(html, "\"");
}

typedef struct reel {
    const df_film *film;
    double *clock;
    size_t *chosen, frames, points; /* those kept */
} reel;

static df_status prepare(reel *r, const df_film *film, const df_player *p, double unit, df_arena *arena,
                         df_error *error)
{
    *r = (reel){.film = film, .frames = fewer(film->frames, p->frames),
                .points = fewer(film->points, DF_PLAYER_POINTS)};
    DF_NEW(arena, r->clock, film->frames, error);
    DF_NEW(arena, r->chosen, r->frames, error);
    DF_TRY(make_clock(r->clock, film, unit, arena, error));
    choose_frames(r->chosen, r->frames, r->clock, film->frames);
    return DF_OK;
}

/* {"caption":..., "of":..., "points":..., "t":[...], "at":[...], "x":["...", ...]}: `at` says where on the page's
 * clock, which goes from 0 to 1, each frame stands; x holds two 16-bit numbers for each point of a frame. */
static df_status add_film(df_text *html, const reel *r, const reel *all, size_t count, const view *v, df_arena *arena,
                          df_error *error)
{
    const df_film *film = r->film;
    unsigned char *scratch;
    DF_NEW(arena, scratch, 4 * r->points, error);
    df_text_add(html, "{\"caption\":");
    df_json_add_string(html, film->caption);
    df_text_add(html, ",\"of\":%zu,\"points\":%zu,\"t\":[", film->points, r->points);
    for (size_t j = 0; j < r->frames; j++) df_text_add(html, "%s%.5g", j ? "," : "", film->t[r->chosen[j]]);
    df_text_add(html, "],\"at\":[");
    for (size_t j = 0; j < r->frames; j++) {
        double at = 0;
        for (size_t f = 0; f < count; f++)
            at += clock_at(all[f].film, all[f].clock, film->t[r->chosen[j]]) / (double)count;
        df_text_add(html, "%s%.5f", j ? "," : "", at);
    }
    df_text_add(html, "],\"x\":[");
    for (size_t j = 0; j < r->frames; j++) {
        df_text_add(html, j ? ",\n" : "\n");
        add_places(html, scratch, v, film->x + 2 * r->chosen[j] * film->points, r->points);
    }
    df_text_add(html, "]}");
    return DF_OK;
}

static df_status add_ghost(df_text *html, const df_player *p, const view *v, df_arena *arena, df_error *error)
{
    const size_t count = fewer(p->ghost_points, DF_PLAYER_POINTS);
    unsigned char *scratch;
    DF_NEW(arena, scratch, 4 * count, error);
    df_text_add(html, ",\n\"ghost\":");
    add_places(html, scratch, v, p->ghost, count);
    return DF_OK;
}

/* [x, y, dx, dy] in units of the view and of "cell", the distance of neighbours. Lengths grow as |s| / (|s| + typical),
 * for far away from the data scores are without bound. */
static df_status add_field(df_text *html, const df_field *f, const view *v, df_arena *arena, df_error *error)
{
    const size_t across = f->rows > f->columns ? f->rows : f->columns;
    const size_t every = (across + ARROWS_ACROSS - 1) / ARROWS_ACROSS;
    const size_t first_x = (f->columns - 1) % every / 2, first_y = (f->rows - 1) % every / 2;
    const double dx = (f->right - f->left) / (double)(f->columns - 1);
    const double dy = (f->top - f->bottom) / (double)(f->rows - 1);
    const char *before = "";
    double typical;
    DF_TRY(df_typical_score(&typical, f, arena, error));
    df_text_add(html, ",\n\"cell\":%.4f,\"field\":[", (dx < dy ? dx : dy) * (double)every / v->side);
    for (size_t j = first_y; j < f->rows; j += every)
        for (size_t i = first_x; i < f->columns; i += every) {
            const double *s = f->score + 2 * (j * f->columns + i), whole = sqrt(s[0] * s[0] + s[1] * s[1]) + typical;
            const double x = (f->left + (double)i * dx - v->low[0]) / v->side;
            const double y = (f->bottom + (double)j * dy - v->low[1]) / v->side;
            if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1 && whole > 0 && whole <= 1e150)) continue;
            df_text_add(html, "%s[%.4f,%.4f,%.3f,%.3f]", before, x, y, s[0] / whole, s[1] / whole);
            before = ",";
        }
    df_text_add(html, "]");
    return DF_OK;
}

df_status df_draw_player(df_text *html, const df_player *p, df_arena *arena, df_error *error)
{
    view v;
    reel *reels;
    DF_TRY(find_view(&v, p, arena, error));
    DF_NEW(arena, reels, p->count, error);
    for (size_t f = 0; f < p->count; f++) DF_TRY(prepare(&reels[f], &p->films[f], p, v.side, arena, error));
    df_text_add(html, "<script type=\"application/json\" id=\"film\">\n{\"title\":");
    df_json_add_string(html, p->title ? p->title : "");
    df_text_add(html, ",\"low\":[%.9g,%.9g],\"side\":%.9g,\n\"films\":[", v.low[0], v.low[1], v.side);
    for (size_t f = 0; f < p->count; f++) {
        df_text_add(html, f ? ",\n" : "\n");
        DF_TRY(add_film(html, &reels[f], reels, p->count, &v, arena, error));
    }
    df_text_add(html, "]");
    if (p->ghost) DF_TRY(add_ghost(html, p, &v, arena, error));
    if (p->field) DF_TRY(add_field(html, p->field, &v, arena, error));
    df_text_add(html, "}\n</script>\n");
    for (size_t i = 0; i < sizeof page / sizeof *page; i++) df_text_add(html, "%s", page[i]);
    return html->failed ? df_fail(error, DF_LIMIT, "out of memory while drawing") : DF_OK;
}
