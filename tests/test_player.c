/* test_player.c -- that a player's page is whole, holds every point where it belongs, and cannot be broken out of. */
#include "diffuse/html.h"
#include "diffuse/json.h"
#include "diffuse/random.h"

#include "check.h"

#include <stdlib.h>

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) count++;
    return count;
}

/* A page and what its data say. */
typedef struct shown {
    df_text html;
    df_arena arena;
    df_json *data;
    const df_json *film; /* the first */
} shown;

static shown draw(const df_player *player)
{
    shown s = {0};
    df_error error = {0};
    df_html_begin(&s.html, player->title);
    CHECK(df_draw_player(&s.html, player, &s.arena, &error) == DF_OK);
    df_html_end(&s.html);
    const char *open = "<script type=\"application/json\" id=\"film\">";
    const char *from = strstr(s.html.bytes, open) + strlen(open), *to = strstr(from, "</script>");
    CHECK(df_json_parse(&s.data, &s.arena, from, (size_t)(to - from), &error) == DF_OK);
    s.film = df_json_member(s.data, "films")->child;
    return s;
}

static void drop(shown *s)
{
    df_text_free(&s->html);
    df_arena_free(&s->arena);
}

static void check_whole(const shown *s)
{
    const char *text = s->html.bytes;
    CHECK(strncmp(text, "<!doctype html>\n", 16) == 0);
    CHECK(strcmp(text + s->html.size - 16, "</body>\n</html>\n") == 0);
    CHECK(occurrences(text, "<script") == 2 && occurrences(text, "</script>") == 2);
    CHECK(!strstr(text, "http:") && !strstr(text, "https:") && !strstr(text, "//cdn") && !strstr(text, " src="));
    CHECK(strlen(text) == s->html.size);
}

static double member(const df_json *object, const char *name)
{
    return atof(df_json_member(object, name)->text);
}

static double element(const df_json *array, size_t k)
{
    const df_json *at = array->child;
    while (k--) at = at->next;
    return atof(at->text);
}

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return c == '=' ? 0 : (int)(strchr(digits, c) - digits);
}

static unsigned byte(const char *base64, size_t i)
{
    const char *four = base64 + i / 3 * 4;
    const int group = digit(four[0]) << 18 | digit(four[1]) << 12 | digit(four[2]) << 6 | digit(four[3]);
    return (unsigned)group >> (16 - 8 * (i % 3)) & 255;
}

/* Number k of the places of a film, in the data's units; NaN: outside. */
static double coordinate(const shown *s, const df_json *film, size_t k)
{
    const size_t each = 2 * (size_t)member(film, "points");
    const df_json *frame = df_json_member(film, "x")->child;
    for (size_t skip = k / each; skip--;) frame = frame->next;
    const unsigned place = byte(frame->text, k % each * 2) | byte(frame->text, k % each * 2 + 1) << 8;
    const double low = element(df_json_member(s->data, "low"), k % 2), side = member(s->data, "side");
    return place == 65535 ? (double)NAN : low + side * (2 * place / 65534.0 - 0.5);
}

enum { FRAMES = 100, POINTS = 2000, MOST = 2 * FRAMES * POINTS };
static double x[MOST], t[FRAMES];

/* Points that stay where they are for half of the frames, and then contract to an eighth. */
static void make_film(void)
{
    df_normal_rows(x, POINTS, 2, (df_place){.seed = 5, .purpose = DF_FOR_POINTS});
    for (size_t k = 0; k < FRAMES; k++) {
        t[k] = 1 - (double)k / (FRAMES - 1);
        const double size = k < FRAMES / 2 ? 1 : 1 - 0.875 * (double)(k + 1 - FRAMES / 2) / (FRAMES / 2);
        for (size_t i = 0; i < 2 * POINTS; i++) x[2 * k * POINTS + i] = size * x[i];
    }
}

static void test_points_are_where_they_belong(void)
{
    const df_film film = {.caption = "contracting", .frames = FRAMES, .points = POINTS, .t = t, .x = x};
    const df_player player = {.title = "A film", .films = &film, .count = 1, .frames = FRAMES};
    shown s = draw(&player), again = draw(&player);
    check_whole(&s);
    CHECK_TEXT(again.html.bytes, s.html.bytes);
    CHECK_BETWEEN(1.05e6, (double)s.html.size, 1.15e6);
    CHECK(member(s.film, "points") == POINTS && member(s.film, "of") == POINTS);
    const double unit = member(s.data, "side") / 32767;
    size_t outside = 0;
    double worst = 0;
    for (size_t i = 0; i < MOST; i += 97) {
        const double e = fabs(coordinate(&s, s.film, i) - x[i]);
        if (isnan(e)) outside++;
        else worst = fmax(worst, e);
    }
    CHECK(outside == 0);
    CHECK_BETWEEN(0.3 * unit, worst, 0.51 * unit);
    CHECK_BETWEEN(5.5, member(s.data, "side"), 7);
    drop(&s);
    drop(&again);
}

static void test_the_clock_is_slow_where_points_change(void)
{
    const df_film film = {.caption = "contracting", .frames = FRAMES, .points = POINTS, .t = t, .x = x};
    df_player player = {.title = "A film", .films = &film, .count = 1, .frames = FRAMES};
    shown all = draw(&player);
    const df_json *at = df_json_member(all.film, "at");
    CHECK(at->count == FRAMES && element(at, 0) == 0 && element(at, FRAMES - 1) == 1);
    for (size_t k = 1; k < FRAMES; k++) CHECK(element(at, k) > element(at, k - 1));
    CHECK_BETWEEN(0.12, element(at, FRAMES / 2 - 1), 0.13);
    drop(&all);

    player.frames = 20;
    shown few = draw(&player);
    const df_json *times = df_json_member(few.film, "t");
    size_t late = 0;
    for (size_t k = 0; k < 20; k++) late += element(times, k) < 0.5;
    CHECK(times->count == 20 && element(times, 0) == 1 && element(times, 19) == 0);
    CHECK(late >= 16 && late <= 18);
    drop(&few);
}

static void test_films_share_one_clock(void)
{
    enum { LESS = 7 };
    double sparse_t[LESS], sparse[2 * LESS * POINTS];
    for (size_t k = 0; k < LESS; k++) {
        const size_t from = k * (FRAMES - 1) / (LESS - 1);
        sparse_t[k] = t[from];
        memcpy(sparse + 2 * k * POINTS, x + 2 * from * POINTS, 2 * POINTS * sizeof *x);
    }
    const df_film films[] = {{.caption = "all", .frames = FRAMES, .points = POINTS, .t = t, .x = x},
                             {.caption = "few", .frames = LESS, .points = POINTS, .t = sparse_t, .x = sparse}};
    const df_player player = {.title = "Two", .films = films, .count = 2, .frames = FRAMES};
    shown s = draw(&player);
    check_whole(&s);
    const df_json *at = df_json_member(s.film, "at"), *few = df_json_member(s.film->next, "at");
    for (size_t k = 0; k < LESS; k++) CHECK_NEAR(element(few, k), element(at, k * (FRAMES - 1) / (LESS - 1)), 1.1e-5);
    drop(&s);
}

static void test_texts_cannot_break_out(void)
{
    const char *evil = "</title></script><script>alert(1)</script><!--\"'\\&\xe2\x80\xa8\x01\xff<b>";
    const double place[] = {0.5, 0.25}, time = 0;
    const df_film film = {.caption = evil, .frames = 1, .points = 1, .t = &time, .x = place};
    shown s = draw(&(df_player){.title = evil, .films = &film, .count = 1, .frames = 5});
    check_whole(&s);
    CHECK(occurrences(s.html.bytes, "</title>") == 1 && occurrences(s.html.bytes, "alert(1)") == 3);
    CHECK(!strstr(s.html.bytes, "<b>") && !strstr(s.html.bytes, "<!--"));
    CHECK_TEXT(df_json_member(s.film, "caption")->text,
               "</title></script><script>alert(1)</script><!--\"'\\&\xe2\x80\xa8\x01\xef\xbf\xbd<b>");
    drop(&s);
}

/* One point, one frame, points that never move, far away or all in one place. */
static void test_odd_films(void)
{
    static const double odd[][2] = {{0, 0}, {-3, 1e99}, {1e-310, 0}, {123456789, 123456789.5}};
    for (size_t c = 0; c < sizeof odd / sizeof *odd; c++)
        for (size_t frames = 1; frames <= 3; frames++)
            for (size_t points = 1; points <= 40; points += 39) {
                double still[2 * 3 * 40], times[3] = {1, 0.5, 0.5};
                for (size_t i = 0; i < 2 * frames * points; i++) still[i] = odd[c][i % 2];
                const df_film film = {.caption = "odd", .frames = frames, .points = points, .t = times, .x = still};
                shown s = draw(&(df_player){.title = "Odd", .films = &film, .count = 1, .frames = 100});
                check_whole(&s);
                CHECK(member(s.data, "side") > 0);
                CHECK(element(df_json_member(s.film, "at"), frames - 1) > 0.4);
                CHECK_NEAR(coordinate(&s, s.film, 0), odd[c][0], member(s.data, "side") * 2e-5);
                drop(&s);
            }
}

static void test_more_points_than_are_shown(void)
{
    enum { MANY = DF_PLAYER_POINTS + 7 };
    static double many[2 * MANY];
    const double time = 0;
    df_normal_rows(many, MANY, 2, (df_place){.seed = 6, .purpose = DF_FOR_POINTS});
    const df_film film = {.caption = "many", .frames = 1, .points = MANY, .t = &time, .x = many};
    shown s = draw(&(df_player){.title = "Many", .films = &film, .count = 1, .frames = 2, .ghost = many,
                                .ghost_points = MANY});
    CHECK(member(s.film, "points") == DF_PLAYER_POINTS && member(s.film, "of") == MANY);
    CHECK(strlen(df_json_member(s.data, "ghost")->text) == (DF_PLAYER_POINTS * 4 + 2) / 3 * 4);
    drop(&s);
}

static void test_points_far_away_do_not_shrink_the_view(void)
{
    double far[2 * POINTS];
    const double time = 0;
    memcpy(far, x, sizeof far);
    far[0] = 1e99, far[3] = -4e5;
    const df_film film = {.caption = "far", .frames = 1, .points = POINTS, .t = &time, .x = far};
    shown s = draw(&(df_player){.title = "Far", .films = &film, .count = 1, .frames = 1});
    CHECK_BETWEEN(5.5, member(s.data, "side"), 7);
    CHECK(isnan(coordinate(&s, s.film, 0)) && isnan(coordinate(&s, s.film, 3)));
    drop(&s);
}

static void test_coordinates_without_a_place(void)
{
    const double bad[] = {0, (double)NAN}, time = 0;
    const df_film film = {.caption = "bad", .frames = 1, .points = 1, .t = &time, .x = bad};
    df_text html = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_player(&html, &(df_player){.films = &film, .count = 1, .frames = 1}, &arena, &error) == DF_INPUT);
    CHECK(strstr(error.message, "'bad'"));
    df_text_free(&html);
    df_arena_free(&arena);
}

int main(void)
{
    make_film();
    test_points_are_where_they_belong();
    test_the_clock_is_slow_where_points_change();
    test_films_share_one_clock();
    test_texts_cannot_break_out();
    test_odd_films();
    test_more_points_than_are_shown();
    test_points_far_away_do_not_shrink_the_view();
    test_coordinates_without_a_place();
    return CHECK_DONE();
}
