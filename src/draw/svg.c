/* svg.c -- scatter plots as SVG: small multiples on shared axes, for light and dark pages. */
#include "diffuse/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lengths are in pixels at the natural size of the picture. */
enum {
    SERIES = 6,       /* colours before they repeat */
    LAYERS = 4,       /* paths per panel */
    WIDEST_ROW = 960, /* all panels of a row together, */
    WIDEST_PANEL = 480,
    NARROWEST_PANEL = 180, /* unless there are very many */
    GAP = 24,
    EDGE = 16,
    TITLE = 44,
    BELOW = 52, /* a panel: tick labels and caption */
    TICKS_APART = 36, /* at least, */
    TICKS_MOST = 8,   /* and about this many */
    LETTER = 7 /* a generous width of a letter of 12 pixels */
};

/* The colours are those of Okabe and Ito, which people with any colour vision tell apart; on dark paper the
 * lighter ones come first. The paper is painted too, for the page around it may be of the other kind. */
static const char style[] =
    "<style>\n"
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#222}\n"
    ".title{font-size:16px;font-weight:600}.tick{font-size:11px}.tick,.aside{fill:#666}\n"
    ".paper{fill:#fff}.grid,.axes{fill:none;stroke:#000}.grid{stroke-opacity:.07}.axes{stroke-opacity:.45}\n"
    ".x{text-anchor:middle}.y{text-anchor:end}\n"
    ".dots{fill:none;stroke-linecap:round;stroke-opacity:.6}\n"
    ".s0{stroke:#0072b2}.s1{stroke:#d55e00}.s2{stroke:#009e73}.s3{stroke:#cc79a7}.s4{stroke:#e69f00}"
    ".s5{stroke:#56b4e9}\n"
    "@media(prefers-color-scheme:dark){\n"
    "text{fill:#e6e6e6}.paper{fill:#14171c}.tick,.aside{fill:#9aa0a6}.grid,.axes{stroke:#fff}\n"
    ".s0{stroke:#56b4e9}.s1{stroke:#e69f00}.s2{stroke:#009e73}.s3{stroke:#cc79a7}.s4{stroke:#f0e442}"
    ".s5{stroke:#d55e00}\n"
    "}\n"
    "</style>\n";

/* ---- limits ---- */

typedef struct range {
    double low, high;
} range;

static double greater(double a, double b)
{
    return a > b ? a : b;
}

static double span(range r)
{
    return r.high - r.low;
}

static double farthest(range r)
{
    return greater(fabs(r.low), fabs(r.high));
}

static bool contains(range r, double value)
{
    return r.low <= value && value <= r.high;
}

static range widened(range r, double wanted)
{
    const double more = greater(0, wanted - span(r)) / 2;
    return (range){r.low - more, r.high + more};
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From the least to the greatest value, without those that lie beyond the central 98 % by more than half of
 * its length, which is 4.6 standard deviations for normal values. From twenty values on, at least one at each
 * end is not central. */
static range robust_range(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    const size_t cut = count < 20 ? 0 : count / 100 + 1;
    const range central = {values[cut], values[count - 1 - cut]};
    size_t first = 0, last = count - 1;
    if (span(central) > 0) {
        const range kept = widened(central, 2 * span(central));
        while (values[first] < kept.low) first++;
        while (values[last] > kept.high) last--;
    }
    return (range){values[first], values[last]};
}

static df_status widest(range *limits, const df_figure *figure, int axis, double *scratch, df_error *error)
{
    *limits = (range){HUGE_VAL, -HUGE_VAL};
    for (size_t p = 0; p < figure->rows * figure->columns; p++) {
        const df_panel *panel = &figure->panels[p];
        if (!panel->count) continue;
        for (size_t i = 0; i < panel->count; i++) {
            scratch[i] = panel->points[2 * i + (size_t)axis];
            if (!(fabs(scratch[i]) <= 1e100))
                return df_fail(error, DF_INPUT,
                               "point %zu of '%.60s' has the coordinate %g; a picture reaches to 1e100\n"
                               "  give the limits of the axes to leave such points out",
                               i + 1, panel->caption, scratch[i]);
        }
        const range own = robust_range(scratch, panel->count);
        if (own.low < limits->low) limits->low = own.low;
        if (own.high > limits->high) limits->high = own.high;
    }
    if (limits->low > limits->high) *limits = (range){0, 0};
    return DF_OK;
}

/* A panel is at most as high as it is wide, and at least half as high. When all points are in one place,
 * there is still something around it. */
static void shape_limits(range *x, range *y)
{
    const double size = greater(farthest(*x), farthest(*y));
    double width = greater(span(*x), span(*y));
    if (width <= 1e-9 * size || width <= 1e-100) width = size > 1e-100 ? size : 2;
    const double air = 0.08 * width;
    *y = widened(*y, greater(span(*y), width / 2) + air);
    *x = widened(*x, width + air);
}

static df_status find_limits(range *x, range *y, const df_figure *figure, df_arena *arena, df_error *error)
{
    if (figure->limits > 0) {
        *x = *y = (range){-figure->limits, figure->limits};
        return DF_OK;
    }
    size_t most = 0;
    for (size_t p = 0; p < figure->rows * figure->columns; p++)
        if (figure->panels[p].count > most) most = figure->panels[p].count;
    double *scratch;
    DF_NEW(arena, scratch, most, error);
    DF_TRY(widest(x, figure, 0, scratch, error));
    DF_TRY(widest(y, figure, 1, scratch, error));
    shape_limits(x, y);
    return DF_OK;
}

/* ---- text ---- */

/* The length in bytes of the UTF-8 character at the start of printable text. */
static size_t character_size(const char *text)
{
    size_t size = 1;
    while (((unsigned char)text[size] & 0xc0) == 0x80) size++;
    return size;
}

static void add_character(df_text *svg, const char *text, size_t size)
{
    if (*text == '&') df_text_add(svg, "&amp;");
    else if (*text == '<') df_text_add(svg, "&lt;");
    else if (*text == '>') df_text_add(svg, "&gt;");
    else if (*text == '"') df_text_add(svg, "&quot;");
    /* U+FFFE and U+FFFF are the only other characters that XML refuses and df_printable does not. */
    else if (strncmp(text, "\xef\xbf\xbe", size) == 0) df_text_add(svg, "?");
    else if (strncmp(text, "\xef\xbf\xbf", size) == 0) df_text_add(svg, "?");
    else df_text_add_bytes(svg, text, size);
}

/* Text that may hold anything, cut to fit a width. */
static void add_text(df_text *svg, const char *text, int width)
{
    char printable[1024];
    df_printable(printable, sizeof printable, text);
    const char *next = printable;
    for (int room = width / LETTER; *next && room > 0; room--) {
        const size_t size = character_size(next);
        if (room == 1 && next[size]) df_text_add(svg, "…");
        else add_character(svg, next, size);
        next += size;
    }
}

/* A tick's number, with a real minus sign. Twelve digits hide the rounding of k * step. */
static int tick_label(char out[32], double value)
{
    const int size = snprintf(out, 32, "%s%.12g", value < 0 ? "−" : "", fabs(value));
    return value < 0 ? size - 2 : size;
}

/* ---- axes ---- */

/* What all panels share. */
typedef struct axes {
    range x, y;
    double scale; /* pixels per unit */
    double step;  /* between ticks */
    int width, height, left; /* of a panel; left of it is room for labels */
} axes;

/* The least of 1, 2 and 5 times a power of ten that is at least `least`. */
static double round_step(double least)
{
    double power = 1;
    while (power > least) power /= 10;
    while (power * 10 <= least) power *= 10;
    const double mantissa = least / power;
    return power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10);
}

static double first_tick(range r, double step)
{
    return ceil(r.low / step);
}

static int widest_label(range r, double step)
{
    int most = 0;
    char label[32];
    for (double k = first_tick(r, step); k * step <= r.high; k++) {
        const int letters = tick_label(label, k * step);
        if (letters > most) most = letters;
    }
    return most * LETTER;
}

static int panel_width(size_t columns)
{
    if (columns * NARROWEST_PANEL >= WIDEST_ROW) return NARROWEST_PANEL;
    const int share = WIDEST_ROW / (int)columns;
    return share < WIDEST_PANEL ? share : WIDEST_PANEL;
}

static axes make_axes(range x, range y, size_t columns)
{
    axes a = {.x = x, .y = y, .width = panel_width(columns)};
    a.scale = a.width / span(x);
    a.height = (int)(span(y) * a.scale + 0.5);
    const int apart = a.width / TICKS_MOST > TICKS_APART ? a.width / TICKS_MOST : TICKS_APART;
    a.step = round_step(apart / a.scale);
    const int label = widest_label(x, a.step);
    if (label > apart) a.step = round_step(label / a.scale);
    a.left = widest_label(y, a.step) + 8;
    return a;
}

/* Lines are drawn through the middle of pixels, which keeps them sharp. */
static int to_pixel(double length)
{
    return (int)floor(length);
}

static void add_grid(df_text *svg, const axes *a)
{
    df_text_add(svg, "<path class=\"grid\" d=\"");
    for (double k = first_tick(a->x, a->step); k * a->step <= a->x.high; k++)
        df_text_add(svg, "M%d.5 0v%d", to_pixel((k * a->step - a->x.low) * a->scale), a->height);
    for (double k = first_tick(a->y, a->step); k * a->step <= a->y.high; k++)
        df_text_add(svg, "M0 %d.5h%d", to_pixel((a->y.high - k * a->step) * a->scale), a->width);
    df_text_add(svg, "\"/>\n<path class=\"axes\" d=\"M.5 0v%d.5h%d\"/>\n", a->height, a->width);
}

static void add_x_labels(df_text *svg, const axes *a)
{
    char label[32];
    for (double k = first_tick(a->x, a->step); k * a->step <= a->x.high; k++) {
        tick_label(label, k * a->step);
        df_text_add(svg, "<text class=\"tick x\" x=\"%d\" y=\"%d\">%s</text>\n",
                    to_pixel((k * a->step - a->x.low) * a->scale), a->height + 16, label);
    }
}

static void add_y_labels(df_text *svg, const axes *a)
{
    char label[32];
    for (double k = first_tick(a->y, a->step); k * a->step <= a->y.high; k++) {
        tick_label(label, k * a->step);
        df_text_add(svg, "<text class=\"tick y\" x=\"-7\" y=\"%d\">%s</text>\n",
                    to_pixel((a->y.high - k * a->step) * a->scale) + 4, label);
    }
}

/* ---- points ---- */

/* Many points are small ones, so that about an eighth of the panel would be covered if none overlapped. */
static double dot_width(const axes *a, size_t count)
{
    const double width = sqrt(0.12 * a->width * a->height / (double)count);
    return width < 1.2 ? 1.2 : width > 4 ? 4 : width;
}

static bool is_inside(const axes *a, const double point[2])
{
    return contains(a->x, point[0]) && contains(a->y, point[1]);
}

static void add_point(df_text *svg, const axes *a, const double point[2])
{
    const int x = (int)((point[0] - a->x.low) * a->scale * 10 + 0.5);
    const int y = (int)((a->y.high - point[1]) * a->scale * 10 + 0.5);
    df_text_add(svg, "M%d.%d %d.%dh0", x / 10, x % 10, y / 10, y % 10);
}

/* A path is painted at once, so that its dots do not darken one another where they overlap. Several paths do:
 * that is how density shows. Returns how many points lie outside. */
static size_t add_points(df_text *svg, const axes *a, const df_panel *panel)
{
    size_t outside = 0;
    const int tenths = (int)(dot_width(a, panel->count) * 10 + 0.5);
    df_text_add(svg, "<g class=\"dots s%zu\" stroke-width=\"%d.%d\">\n", panel->series % SERIES, tenths / 10,
                tenths % 10);
    for (size_t layer = 0; layer < LAYERS && layer < panel->count; layer++) {
        df_text_add(svg, "<path d=\"");
        for (size_t i = layer; i < panel->count; i += LAYERS) {
            const double *point = panel->points + 2 * i;
            if (is_inside(a, point)) add_point(svg, a, point);
            else outside++;
        }
        df_text_add(svg, "\"/>\n");
    }
    df_text_add(svg, "</g>\n");
    return outside;
}

/* ---- the picture ---- */

static void add_caption(df_text *svg, const axes *a, const char *caption, size_t outside)
{
    char aside[40] = "";
    if (outside) snprintf(aside, sizeof aside, "%zu outside", outside);
    const int room = a->width - LETTER * (int)(outside ? strlen(aside) + 2 : 0);
    df_text_add(svg, "<text class=\"x\" x=\"%d\" y=\"%d\">", a->width / 2, a->height + 38);
    add_text(svg, caption, room);
    if (outside) df_text_add(svg, "<tspan class=\"aside\" dx=\"8\">%s</tspan>", aside);
    df_text_add(svg, "</text>\n");
}

static void add_panel(df_text *svg, const axes *a, const df_panel *panel, int left, int top, bool first)
{
    df_text_add(svg, "<g transform=\"translate(%d %d)\">\n", left, top);
    add_grid(svg, a);
    add_x_labels(svg, a);
    if (first) add_y_labels(svg, a);
    const size_t outside = add_points(svg, a, panel);
    add_caption(svg, a, panel->caption, outside);
    df_text_add(svg, "</g>\n");
}

static void add_head(df_text *svg, const char *title, int width, int height)
{
    df_text_add(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" ");
    df_text_add(svg, "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width, height, width, height);
    df_text_add_bytes(svg, style, sizeof style - 1);
    df_text_add(svg, "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", width, height);
    if (!title) return;
    df_text_add(svg, "<text class=\"title\" x=\"%d\" y=\"28\">", EDGE);
    add_text(svg, title, (width - 2 * EDGE) * 3 / 4);
    df_text_add(svg, "</text>\n");
}

df_status df_draw_scatter(df_text *svg, const df_figure *figure, df_arena *arena, df_error *error)
{
    range x, y;
    DF_TRY(find_limits(&x, &y, figure, arena, error));
    const axes a = make_axes(x, y, figure->columns);
    const int across = a.width + GAP, down = a.height + BELOW;
    const int left = EDGE + a.left, top = figure->title ? TITLE : EDGE;
    const int width = left + (int)figure->columns * across - GAP + EDGE;
    const int height = top + (int)figure->rows * down;
    add_head(svg, figure->title, width, height);
    for (size_t row = 0; row < figure->rows; row++)
        for (size_t column = 0; column < figure->columns; column++) {
            const df_panel *panel = &figure->panels[row * figure->columns + column];
            if (!panel->caption) continue;
            add_panel(svg, &a, panel, left + (int)column * across, top + (int)row * down, column == 0);
        }
    df_text_add(svg, "</svg>\n");
    return svg->failed ? df_fail(error, DF_LIMIT, "out of memory while drawing") : DF_OK;
}
