/* test_draw.c -- that pictures hold every point, leave out what is far away, stand on round ticks and are well-formed. */
#include "diffuse/draw.h"
#include "diffuse/math.h"
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
    CHECK(df_draw_plane(&svg, &figure, &arena, &error) == DF_OK);
    CHECK(!svg.failed && svg.bytes);
    df_arena_free(&arena);
    return svg;
}

static bool is_well_formed(const df_text *svg)
{
    const char *text = svg->bytes;
    return strncmp(text, "<svg xmlns=", 11) == 0 && strlen(text) == svg->size &&
           svg->size > 7 && strcmp(text + svg->size - 7, "</svg>\n") == 0 &&
           occurrences(text, "<svg ") == occurrences(text, "</svg>") &&
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
    const char *at = svg->bytes;
    for (size_t i = 0; at && i <= wanted; i++) at = strstr(at + 1, "<path class=\"dots");
    CHECK(at && sscanf(at, "<path class=\"dots s0\" d=\"M%lf %lfh0", &pixel[0], &pixel[1]) == 2);
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
    CHECK(df_draw_plane(&svg, &figure, &arena, &error) == DF_INPUT);
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
    CHECK(df_draw_plane(&svg, &figure, &arena, &error) == DF_OK);
    CHECK(is_well_formed(&svg));
    CHECK(occurrences(svg.bytes, "<g transform") == 3);
    /* labels stand below c, below b, which has nothing below it, and left of a and c */
    CHECK(occurrences(svg.bytes, "\"tick x\" x=\"240\"") == 2);
    CHECK(occurrences(svg.bytes, "\"tick y\"") == occurrences(svg.bytes, "\"tick x\""));
    CHECK(strstr(svg.bytes, "\"dots s0\""));
    CHECK(strstr(svg.bytes, "\"dots s1\""));
    CHECK(strstr(svg.bytes, "\"dots s2\""));
    df_text_free(&svg);
    df_arena_free(&arena);
}

/* ---- colours ---- */

static void test_kinds_are_told_apart(void)
{
    const double points[] = {0, 0, 1, 0, 2, 1, 3, 1, 4, 0};
    const size_t kinds[] = {0, 2, 0, 2, 2};
    const char *const names[] = {"zero", "", "<two>", NULL};
    const df_panel panel = {.caption = "", .points = points, .count = 5, .kinds = kinds};
    const df_figure figure = {.panels = &panel, .rows = 1, .columns = 1, .names = names};
    df_text svg = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_plane(&svg, &figure, &arena, &error) == DF_OK);
    CHECK(is_well_formed(&svg));
    CHECK(dots(&svg) == 5);
    CHECK(strstr(svg.bytes, "\"dots s0\"") && !strstr(svg.bytes, "\"dots s1\"") && strstr(svg.bytes, "\"dots s2\""));
    CHECK(occurrences(svg.bytes, "class=\"swatch") == 2);
    CHECK(strstr(svg.bytes, ">&lt;two&gt;</text>"));
    df_text_free(&svg);
    df_arena_free(&arena);
}

/* ---- regions: a bump of radius 1 on [-2, 2]^2 ---- */

enum { GRID = 41 };

static df_text drawn_field(const double *log_density, const double *score)
{
    const df_field field = {.columns = GRID, .rows = GRID, .left = -2, .right = 2, .bottom = -2, .top = 2,
                            .log_density = log_density, .score = score};
    const df_panel panel = {.caption = "field", .field = &field};
    const df_figure figure = {.panels = &panel, .rows = 1, .columns = 1};
    df_text svg = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_plane(&svg, &figure, &arena, &error) == DF_OK);
    df_arena_free(&arena);
    return svg;
}

/* Twice the area within the closed curves of a path, by the shoelace formula, in square pixels; *curves of them. */
static double twice_area(const char *d, size_t *curves)
{
    double area = 0, x = 0, y = 0, x0 = 0, y0 = 0, a, b;
    int used;
    for (*curves = 0; sscanf(d, "M%lf%lf%n", &x, &y, &used) == 2; ++*curves) {
        x0 = x, y0 = y, d += used;
        for (d += *d == 'l'; sscanf(d, "%lf%lf%n", &a, &b, &used) == 2; d += used) {
            area += x * (y + b) - (x + a) * y;
            x += a, y += b;
        }
        area += x * y0 - x0 * y;
        d += *d == 'z';
    }
    CHECK(*d == '"');
    return area;
}

static void fill_cone(double *log_density, double *score)
{
    for (size_t k = 0; k < (size_t)GRID * GRID; k++) {
        const double x = 0.1 * (double)(k % GRID) - 2, y = 0.1 * (double)(k / GRID) - 2, r = sqrt(x * x + y * y);
        log_density[k] = -5 * r;
        score[2 * k] = r > 0 ? -5 * x / r : 0;
        score[2 * k + 1] = r > 0 ? -5 * y / r : 0;
    }
}

static void test_bands_are_where_the_values_are(void)
{
    static double cone[GRID * GRID], score[2 * GRID * GRID];
    size_t curves;
    fill_cone(cone, score);
    df_text svg = drawn_field(cone, NULL);
    CHECK(is_well_formed(&svg));
    /* bands begin at -10, -9, ..., -1: circles of radius 2, 1.8, ..., 0.2 in a panel of 120 pixels a unit */
    for (int band = 1; band < 10; band++) {
        char class_name[32];
        snprintf(class_name, sizeof class_name, "<path class=\"b%d\" d=\"", band);
        const char *at = strstr(svg.bytes, class_name);
        CHECK(at);
        if (!at) continue;
        const double r = 120 * 0.2 * (10 - band), area = fabs(twice_area(at + strlen(class_name), &curves)) / 2;
        CHECK(curves == 1);
        CHECK_BETWEEN(0.93 * DF_PI * r * r, area, 1.01 * DF_PI * r * r);
    }
    CHECK(strstr(svg.bytes, ">log density<") && strstr(svg.bytes, ">−10</text>"));
    df_text_free(&svg);
}

static void test_a_hole_is_left_out(void)
{
    static double ring[GRID * GRID], score[2 * GRID * GRID];
    size_t curves;
    fill_cone(ring, score);
    for (size_t k = 0; k < (size_t)GRID * GRID; k++) ring[k] = fabs(ring[k] + 5) < 2.5 ? 0 : -20;
    df_text svg = drawn_field(ring, NULL);
    const char *at = strstr(svg.bytes, "<path class=\"b0\" d=\"");
    CHECK(at);
    if (at) {
        const double area = fabs(twice_area(at + strlen("<path class=\"b0\" d=\""), &curves)) / 2;
        CHECK(curves == 2);
        CHECK_BETWEEN(0.85, area / (DF_PI * 120 * 120 * (1.5 * 1.5 - 0.5 * 0.5)), 1.15);
    }
    df_text_free(&svg);
}

static void test_arrows_point_along_the_score(void)
{
    static double cone[GRID * GRID], score[2 * GRID * GRID];
    size_t arrows = 0;
    double x, y, to_x, to_y;
    fill_cone(cone, score);
    df_text svg = drawn_field(NULL, score);
    CHECK(is_well_formed(&svg));
    const char *at = strstr(svg.bytes, "class=\"arrows\" d=\"");
    CHECK(at);
    for (at = at ? at + strlen("class=\"arrows\" d=\"") : ""; sscanf(at, "M%lf %lfL%lf %lfM", &x, &y, &to_x, &to_y) == 4;
         at = strchr(at + 1, 'M') + 1, at = strpbrk(at, "M\"")) {
        /* inwards, to the middle at (240, 240) */
        CHECK((to_x - x) * (240 - x) + (to_y - y) * (240 - y) > 0 || hypot(x - 240, y - 240) < 20);
        arrows++;
    }
    CHECK_BETWEEN(300, (double)arrows, 600);
    df_text_free(&svg);
}

static void test_flat_and_wild_fields(void)
{
    static double flat[GRID * GRID], score[2 * GRID * GRID];
    df_text svg = drawn_field(flat, score);
    CHECK(is_well_formed(&svg));
    df_text_free(&svg);
    for (size_t k = 0; k < (size_t)GRID * GRID; k++) {
        const double wild[] = {(double)NAN, -HUGE_VAL, HUGE_VAL, -1e300, 1};
        flat[k] = wild[k % 5];
        score[2 * k] = wild[k % 4];
    }
    svg = drawn_field(flat, score);
    CHECK(is_well_formed(&svg));
    df_text_free(&svg);
}

static void test_density_of_points(void)
{
    static double points[2 * MANY];
    make_normals(points, MANY);
    for (size_t count = 0; count <= MANY; count = count ? count * MANY : 1) {
        const df_panel panel = {.caption = "normal", .points = points, .count = count};
        const df_figure figure = {.panels = &panel, .rows = 1, .columns = 1, .density = true};
        df_text svg = {0};
        df_arena arena = {0};
        df_error error = {0};
        CHECK(df_draw_plane(&svg, &figure, &arena, &error) == DF_OK);
        CHECK(is_well_formed(&svg));
        CHECK(dots(&svg) == 0);
        /* the density of the standard normal is 0.159 at 0: bands are 0.02 wide and begin at 0.01 */
        if (count == MANY) CHECK(strstr(svg.bytes, ">0.13</text>") && !strstr(svg.bytes, ">0.19</text>"));
        df_text_free(&svg);
        df_arena_free(&arena);
    }
}

/* ---- charts ---- */

static df_text drawn_chart(const df_line *lines, size_t count, bool log_x, bool log_y)
{
    const df_graph graph = {.caption = "y", .lines = lines, .count = count, .log_y = log_y, .height = 0.5};
    const df_chart chart = {.title = "A chart", .x_name = "x", .graphs = &graph, .rows = 1, .columns = 1, .log_x = log_x};
    df_text svg = {0};
    df_arena arena = {0};
    df_error error = {0};
    CHECK(df_draw_chart(&svg, &chart, &arena, &error) == DF_OK);
    CHECK(is_well_formed(&svg));
    df_arena_free(&arena);
    return svg;
}

static void test_a_chart_has_its_lines(void)
{
    const double x[] = {1, 10, 100}, y[] = {1000, 100, 10}, low[] = {900, 90, 9}, high[] = {1100, 110, 11}, floor = 5;
    const df_line lines[] = {{.name = "falls", .count = 3, .x = x, .y = y, .low = low, .high = high, .style = DF_LINE_MARKED},
                             {.name = "floor", .count = 1, .x = x, .y = &floor, .style = DF_LINE_FLOOR}};
    df_text svg = drawn_chart(lines, 2, true, true);
    double at[3][2];
    const char *line = strstr(svg.bytes, "<path class=\"line s0\" d=\"M6.0");
    CHECK(line && sscanf(strchr(line, 'M'), "M%lf %lfL%lf %lfL%lf %lf", &at[0][0], &at[0][1], &at[1][0], &at[1][1],
                         &at[2][0], &at[2][1]) == 6);
    if (line) {
        CHECK_NEAR(at[2][0] - at[1][0], at[1][0] - at[0][0], 0.15); /* straight on logarithmic axes */
        CHECK_NEAR(at[2][1] - at[1][1], at[1][1] - at[0][1], 0.15);
        CHECK(at[2][1] > at[0][1]);
    }
    CHECK(occurrences(svg.bytes, "class=\"floor\"") == 2); /* the line and its entry in the legend */
    CHECK(occurrences(svg.bytes, "class=\"around s0\"") == 1);
    CHECK(strstr(svg.bytes, ">100</text>") && strstr(svg.bytes, ">1000</text>"));
    df_text_free(&svg);
}

static void test_charts_of_odd_values(void)
{
    const double x[] = {0, 1, 2, 3, 4, 5}, gaps[] = {1, (double)NAN, 3, -1, 0, HUGE_VAL}, same[] = {7, 7, 7, 7, 7, 7},
                 none[] = {(double)NAN, -1, 0, 0, 0, 0}, huge[] = {1e-99, 1e99, 1, 1, 1, 1};
    const double *const all[] = {gaps, same, none, huge};
    for (size_t k = 0; k < 4; k++)
        for (size_t count = 0; count <= 6; count += count ? 5 : 1)
            for (int log = 0; log < 2; log++) {
                const df_line line = {.name = "</svg>", .count = count, .x = x, .y = all[k]};
                df_text svg = drawn_chart(&line, 1, false, log);
                CHECK(strstr(svg.bytes, "&lt;/svg&gt;"));
                df_text_free(&svg);
            }
    const df_line line = {.count = 6, .x = x, .y = gaps};
    df_text svg = drawn_chart(&line, 1, false, false);
    const char *at = strstr(svg.bytes, "<path class=\"line s0\"");
    CHECK(at && occurrences(at, "h0") == 1 && strstr(at, "h0M")); /* a lone point, then a line of three */
    df_text_free(&svg);
}

/* ---- terminals ---- */

static size_t bits_in(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        if ((unsigned char)text[0] == 0xe2 && ((unsigned char)text[1] & 0xfc) == 0xa0)
            for (unsigned bits = (unsigned)(text[1] & 3) << 6 | (text[2] & 63); bits; bits &= bits - 1) count++;
    return count;
}

static void measure(const char *text, size_t *widest, size_t *lines)
{
    size_t width = 0;
    for (*widest = *lines = 0; *text; text++) {
        if (*text == '\n') {
            ++*lines;
            width = 0;
        } else if (((unsigned char)*text & 0xc0) != 0x80 && ++width > *widest) *widest = width;
    }
}

static void test_a_terminal_is_filled(void)
{
    double corners[] = {0, 0, 1, 0, 0, 1, 1, 1, 0.5, 0.5};
    const df_panel panels[] = {{.caption = "one\x1b[31m", .points = corners, .count = 5},
                               {.caption = "two", .points = corners, .count = 1}};
    for (size_t width = 10; width <= 200; width += 19)
        for (size_t height = 8; height < 70; height += 13)
            for (size_t count = 1; count <= 2; count++) {
                const df_figure figure = {.panels = panels, .rows = 1, .columns = count};
                df_text text = {0};
                df_arena arena = {0};
                df_error error = {0};
                size_t widest, lines;
                CHECK(df_draw_terminal(&text, &figure, width, height, &arena, &error) == DF_OK);
                measure(text.bytes, &widest, &lines);
                CHECK(bits_in(text.bytes) == 4 + count);
                CHECK(!strchr(text.bytes, '\x1b'));
                if (count == 1 && width > 24) CHECK(lines <= height);
                if (width > 24) CHECK(widest <= width && widest + 3 > width);
                df_text_free(&text);
                df_arena_free(&arena);
            }
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
    test_kinds_are_told_apart();
    test_bands_are_where_the_values_are();
    test_a_hole_is_left_out();
    test_arrows_point_along_the_score();
    test_flat_and_wild_fields();
    test_density_of_points();
    test_a_chart_has_its_lines();
    test_charts_of_odd_values();
    test_a_terminal_is_filled();
    return CHECK_DONE();
}
