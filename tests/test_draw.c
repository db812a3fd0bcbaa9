/* test_draw.c -- that pictures hold every point, leave out what is far away, and are well-formed. */
#include "diffuse/draw.h"
#include "diffuse/random.h"

#include "check.h"


static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) count++;
    return count;
}

/* The picture of one panel, to be freed by the caller. */
static df_text drawn(const char *title, const char *caption, const double *points, size_t count,
                     double limits)
{
    const df_panel panel = {.caption = caption, .points = points, .count = count};
    const df_figure figure = {.title = title, .panels = &panel, .rows = 1, .columns = 1, .limits = limits};
    df_text svg = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_scatter(&svg, &figure, &arena, &error) == DF_OK);
    CHECK(!svg.failed && svg.bytes);
    df_arena_free(&arena);
    return svg;
}

static bool is_well_formed(const df_text *svg)
{
    const char *text = svg->bytes;
    const char *end = strstr(text, "</svg>\n");
    return strncmp(text, "<svg xmlns=", 11) == 0 && end && end[7] == '\0' && strlen(text) == svg->size &&
           occurrences(text, "<g ") == occurrences(text, "</g>") &&
           occurrences(text, "<text ") == occurrences(text, "</text>") &&
           occurrences(text, "<tspan ") == occurrences(text, "</tspan>") &&
           occurrences(text, "\"") % 2 == 0 && !strstr(text, "nan") && !strstr(text, "inf");
}

static size_t dots(const df_text *svg)
{
    return occurrences(svg->bytes, "h0");
}

/* The pixel of point number `wanted` of at most four, each of which has a path of its own. */
static void find_dot(double pixel[2], const df_text *svg, size_t wanted)
{
    const char *at = strstr(svg->bytes, "class=\"dots");
    for (size_t i = 0; at && i <= wanted; i++) at = strstr(at + 1, "<path d=\"M");
    CHECK(at && sscanf(at, "<path d=\"M%lf %lfh0", &pixel[0], &pixel[1]) == 2);
}

static void test_places_follow_the_limits(void)
{
    const double points[] = {0, 0, 2.385, 2.385, -2.385, -2.385, 1.1925, -0.477};
    df_text svg = drawn(NULL, "four", points, 4, 2.385);
    CHECK(is_well_formed(&svg));
    CHECK(strstr(svg.bytes, "\"M240.0 240.0h0\""));
    CHECK(strstr(svg.bytes, "\"M480.0 0.0h0\""));
    CHECK(strstr(svg.bytes, "\"M0.0 480.0h0\""));
    CHECK(strstr(svg.bytes, "\"M360.0 288.0h0\""));
    CHECK(!strstr(svg.bytes, "outside"));
    df_text_free(&svg);
}

static void test_a_unit_is_as_long_across_as_up(void)
{
    const double points[] = {-0.3, 7.1, 3.7, 7.1, -0.3, 8.3};
    df_text svg = drawn("Title", "three", points, 3, 0);
    double origin[2] = {0}, right[2] = {0}, up[2] = {0};
    find_dot(origin, &svg, 0);
    find_dot(right, &svg, 1);
    find_dot(up, &svg, 2);
    CHECK_NEAR(right[1], origin[1], 1e-9);
    CHECK_NEAR(up[0], origin[0], 1e-9);
    CHECK_NEAR((right[0] - origin[0]) / 4.0, (origin[1] - up[1]) / 1.2, 0.15);
    CHECK(right[0] - origin[0] > 400);
    df_text_free(&svg);
}

enum { MANY = 10000 };

static void make_normals(double *points, size_t count)
{
    df_normal_rows(points, count, 2, (df_place){.seed = 23, .purpose = DF_FOR_POINTS});
}

static void test_ordinary_points_are_all_drawn(void)
{
    static double points[2 * MANY];
    make_normals(points, MANY);
    df_text svg = drawn(NULL, "normal", points, MANY, 0);
    CHECK(is_well_formed(&svg));
    CHECK(dots(&svg) == MANY);
    CHECK(!strstr(svg.bytes, "outside"));
    CHECK_BETWEEN(120e3, (double)svg.size, 145e3);
    df_text again = drawn(NULL, "normal", points, MANY, 0);
    CHECK_TEXT(again.bytes, svg.bytes);
    df_text_free(&again);
    df_text_free(&svg);
}

static void test_far_points_do_not_shrink_the_picture(void)
{
    enum { NEAR = 1000 };
    double points[2 * NEAR + 6] = {0};
    make_normals(points, NEAR);
    const double far[] = {4e5, 0.1, -0.2, -7e3, 1e99, -1e99};
    memcpy(points + 2 * NEAR, far, sizeof far);
    df_text svg = drawn(NULL, "normal", points, NEAR + 3, 0);
    CHECK(dots(&svg) == NEAR);
    CHECK(strstr(svg.bytes, ">3 outside<"));
    CHECK(strstr(svg.bytes, ">−2</text>"));
    df_text_free(&svg);
}

static void test_points_in_one_place(void)
{
    static const double places[][2] = {{2.385, -1.2}, {0, 0}, {-1e99, 1e99}, {1e-310, 0}, {123456789, 5e-5}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        double points[60];
        for (size_t k = 0; k < 30; k++) memcpy(points + 2 * k, places[i], sizeof places[i]);
        for (size_t count = 0; count <= 30; count += count ? 29 : 1) {
            df_text svg = drawn(NULL, "one place", points, count, 0);
            CHECK(is_well_formed(&svg));
            CHECK(dots(&svg) == count);
            CHECK(occurrences(svg.bytes, "class=\"tick") >= 3);
            df_text_free(&svg);
        }
    }
}

static void test_two_places(void)
{
    double apart[200] = {0};
    apart[77] = 3.1;
    df_text svg = drawn(NULL, "one of a hundred elsewhere", apart, 100, 0);
    CHECK(dots(&svg) == 100);
    CHECK(!strstr(svg.bytes, "outside"));
    df_text_free(&svg);

    const double together[] = {0, 0, 3e-310, 1e-310};
    svg = drawn(NULL, "closer than any picture shows", together, 2, 0);
    CHECK(is_well_formed(&svg));
    CHECK(dots(&svg) == 2);
    CHECK(strstr(svg.bytes, ">0.5</text>"));
    df_text_free(&svg);
}

static void test_lines_along_an_axis(void)
{
    double across[60], up[60];
    for (size_t k = 0; k < 30; k++) {
        across[2 * k] = up[2 * k + 1] = 0.31 * (double)k;
        across[2 * k + 1] = up[2 * k] = -3.3;
    }
    df_text wide = drawn(NULL, "across", across, 30, 0), high = drawn(NULL, "up", up, 30, 0);
    CHECK(is_well_formed(&wide) && dots(&wide) == 30);
    CHECK(is_well_formed(&high) && dots(&high) == 30);
    df_text_free(&wide);
    df_text_free(&high);
}

static void test_texts_cannot_break_out(void)
{
    const double point[] = {1.5, 2.5};
    df_text svg = drawn("</text><script>\"&\x1b[1m", "<g a=\"&\">\x01\xff\xef\xbf\xbe\xc3\xa9", point, 1, 0);
    CHECK(is_well_formed(&svg));
    CHECK(strstr(svg.bytes, ">&lt;/text&gt;&lt;script&gt;&quot;&amp;?[1m</text>"));
    CHECK(strstr(svg.bytes, ">&lt;g a=&quot;&amp;&quot;&gt;???\xc3\xa9</text>"));
    df_text_free(&svg);
}

static void test_long_texts_are_cut_at_a_character(void)
{
    char name[801] = "";
    for (size_t i = 0; i < 400; i++) memcpy(name + 2 * i, "\xc3\xa9", 3);
    const double point[] = {1.5, 2.5};
    df_text svg = drawn(NULL, name, point, 1, 0);
    CHECK(strstr(svg.bytes, "\xc3\xa9…</text>"));
    CHECK_BETWEEN(60, (double)occurrences(svg.bytes, "\xc3\xa9"), 70);
    df_text_free(&svg);
}

static void test_coordinates_without_a_place(void)
{
    const double points[] = {0.4, 0.3, (double)NAN, 0.2, 0.1, HUGE_VAL, 1e200, 0};
    const df_panel panel = {.caption = "wild", .points = points, .count = 4};
    const df_figure figure = {.panels = &panel, .rows = 1, .columns = 1};
    df_text svg = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_scatter(&svg, &figure, &arena, &error) == DF_INPUT);
    CHECK(strstr(error.message, "point 2 of 'wild'"));
    df_text_free(&svg);
    df_arena_free(&arena);

    df_text limited = drawn(NULL, "wild", points, 4, 0.9);
    CHECK(is_well_formed(&limited));
    CHECK(dots(&limited) == 1);
    CHECK(strstr(limited.bytes, ">3 outside<"));
    df_text_free(&limited);
}

static void test_panels_share_axes_and_leave_gaps(void)
{
    const double narrow[] = {-0.4, 0, 0.4, 0.1}, wide[] = {-7.3, -7.3, 7.3, 7.3};
    const df_panel panels[] = {
        {.caption = "a", .points = wide, .count = 2},
        {.caption = "b", .points = wide, .count = 2, .series = 7},
        {.caption = "c", .points = narrow, .count = 2, .series = 2},
        {.caption = NULL}};
    const df_figure figure = {.panels = panels, .rows = 2, .columns = 2};
    df_text svg = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_scatter(&svg, &figure, &arena, &error) == DF_OK);
    CHECK(is_well_formed(&svg));
    CHECK(occurrences(svg.bytes, "<g transform") == 3);
    CHECK(occurrences(svg.bytes, "\"tick x\" x=\"240\"") == 3);
    CHECK(occurrences(svg.bytes, "\"tick y\"") == 2 * occurrences(svg.bytes, "\"tick x\"") / 3);
    CHECK(strstr(svg.bytes, "\"dots s0\""));
    CHECK(strstr(svg.bytes, "\"dots s1\""));
    CHECK(strstr(svg.bytes, "\"dots s2\""));
    df_text_free(&svg);
    df_arena_free(&arena);
}

int main(void)
{
    test_places_follow_the_limits();
    test_a_unit_is_as_long_across_as_up();
    test_ordinary_points_are_all_drawn();
    test_far_points_do_not_shrink_the_picture();
    test_points_in_one_place();
    test_two_places();
    test_lines_along_an_axis();
    test_texts_cannot_break_out();
    test_long_texts_are_cut_at_a_character();
    test_coordinates_without_a_place();
    test_panels_share_axes_and_leave_gaps();
    return CHECK_DONE();
}
