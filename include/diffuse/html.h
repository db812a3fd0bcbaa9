/* layer 2: html.h -- pictures that move: one HTML file that needs nothing but a browser. */
#ifndef DIFFUSE_HTML_H
#define DIFFUSE_HTML_H

#include "diffuse/draw.h"

DF_BEGIN

/* ---- draw/html.c ---- */

/* A page is whole in itself: no address in it leads anywhere, and its content policy lets the browser ask for nothing.
 * Begin, add what it holds, end. `title` may be any text. */
void df_html_begin(df_text *html, const char *title);
void df_html_end(df_text *html);

/* Text as HTML shows it, whatever is in it; control characters and what is not UTF-8 become '?'. */
void df_html_add_text(df_text *html, const char *text);

/* For data within a page. */
void df_html_add_base64(df_text *html, const void *bytes, size_t size);

/* ---- draw/player.c ---- */

/* Points on their way: every frame holds the same points in the same order. */
typedef struct df_film {
    const char *caption;
    size_t frames, points;
    const double *t; /* (frames), descending: from noise to data */
    const double *x; /* (frames, points, 2) */
} df_film;

typedef struct df_player {
    const char *title;
    const df_film *films; /* side by side, on one clock and one pair of axes */
    size_t count;
    size_t frames;        /* of a film at most; of more, those are kept between which the points change alike */
    const double *ghost;  /* (ghost_points, 2), drawn behind; or NULL */
    size_t ghost_points;
    const df_field *field; /* whose score is drawn as arrows; or NULL */
    double limits;        /* both axes go from -limits to limits; 0: as far as the points do */
} df_player;

enum { DF_PLAYER_POINTS = 5000 }; /* of a film and of the ghost; those beyond are left out */

/* Appends the player: play, pause and scrub from noise to data and back. The same player gives the same bytes. Needs a
 * film, and a frame and a point in each. A coordinate beyond 1e100 fails with DF_INPUT. */
df_status df_draw_player(df_text *html, const df_player *player, df_arena *arena, df_error *error) DF_MUST_CHECK;

DF_END
#endif
