/* terminal.c -- points on axes as lines of text, in braille, which has eight dots in a letter. */
#include "page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ACROSS = 2, DOWN = 4, GAP = 2, NARROWEST = 24, LOWEST = 4 }; /* dots of a letter; letters */

/* What every panel covers. */
typedef struct view {
    df_axis x, y;         /* in dots */
    size_t width, height; /* in letters, without labels */
    size_t margin;        /* for the labels of y */
    unsigned char *dots;  /* (height, width): eight bits a letter */
} view;

static void plot(const view *v, const double point[2])
{
    /* the order in which braille numbers its dots */
    static const unsigned char bits[DOWN][ACROSS] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    if (!df_contains(v->x.range, point[0]) || !df_contains(v->y.range, point[1])) return;
    size_t x = (size_t)df_axis_place(&v->x, point[0]), y = (size_t)(v->y.length - df_axis_place(&v->y, point[1]));
    if (x == ACROSS * v->width) x--;
    if (y == DOWN * v->height) y--;
    v->dots[y / DOWN * v->width + x / ACROSS] |= bits[y % DOWN][x % ACROSS];
}

/* As large as both bounds allow, with room at the sides where the height is what bounds it. */
static void fit(view *v, size_t width, size_t height)
{
    df_range *x = &v->x.range, *y = &v->y.range;
    const double wide = (double)(ACROSS * width) / df_span(*x), high = (double)(DOWN * height) / df_span(*y);
    const double scale = wide < high ? wide : high;
    v->width = width;
    v->height = (size_t)ceil(df_span(*y) * scale / DOWN - 1e-9);
    if (v->height < 1) v->height = 1;
    v->x.length = (int)(ACROSS * v->width);
    v->y.length = (int)(DOWN * v->height);
    *x = df_widened(*x, v->x.length / scale);
    *y = df_widened(*y, v->y.length / scale);
}

static void set_ticks(view *v, size_t width, size_t height)
{
    const df_range x = v->x.range, y = v->y.range;
    for (int round = 0; round < 2; round++) { /* the labels of y take some of the width */
        v->x.range = x;
        v->y.range = y;
        fit(v, width > v->margin + NARROWEST / 2 ? width - v->margin : NARROWEST / 2, height);
        const double step = df_round_step(16 * df_span(v->x.range) / v->x.length);
        df_axis_ticks(&v->y, step);
        df_axis_ticks(&v->x, step);
        v->margin = (size_t)df_axis_label_letters(&v->y) + 1;
    }
}

static size_t letters(const char *text)
{
    size_t count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void add_blanks(df_text *out, size_t count)
{
    df_text_add(out, "%*s", (int)count, "");
}

/* Cut or filled to a width. */
static void add_fitted(df_text *out, const char *text, size_t width)
{
    char printable[256];
    df_printable(printable, sizeof printable, text);
    size_t size = 0, shown = 0;
    for (; printable[size]; size++) {
        if (((unsigned char)printable[size] & 0xc0) != 0x80 && shown++ == width) break;
    }
    if (shown > width) shown = width;
    df_text_add_bytes(out, printable, size);
    add_blanks(out, width - shown);
}

/* The label of the tick in this line of letters, or "". */
static const char *label_in(const df_axis *axis, size_t each, size_t index, bool from_above)
{
    for (size_t k = 0; k < axis->count; k++) {
        const double at = from_above ? axis->length - axis->tick[k] : axis->tick[k];
        if ((size_t)at / each == index) return axis->label[k];
    }
    return "";
}

static void add_line(df_text *out, const view *v, size_t line)
{
    const char *label = label_in(&v->y, DOWN, line, true);
    add_blanks(out, v->margin - 1 - letters(label));
    df_text_add(out, "%s%s", label, *label ? "┤" : "│");
    for (size_t k = 0; k < v->width; k++) {
        const unsigned char d = v->dots[line * v->width + k];
        const char braille[] = {(char)0xe2, (char)(0xa0 | d >> 6), (char)(0x80 | (d & 63)), 0};
        df_text_add(out, "%s", d ? braille : " ");
    }
}

static void add_axis(df_text *out, const view *v)
{
    add_blanks(out, v->margin - 1);
    df_text_add(out, "└");
    for (size_t k = 0; k < v->width; k++) df_text_add(out, *label_in(&v->x, ACROSS, k, false) ? "┴" : "─");
}

static void add_axis_labels(df_text *out, const view *v)
{
    size_t at = 0;
    add_blanks(out, v->margin);
    for (size_t k = 0; k < v->x.count; k++) {
        const size_t size = letters(v->x.label[k]), tick = (size_t)v->x.tick[k] / ACROSS;
        const size_t start = tick > size / 2 ? tick - size / 2 : 0;
        if (start < at + (at > 0) || start + size > v->width) continue;
        add_blanks(out, start - at);
        df_text_add(out, "%s", v->x.label[k]);
        at = start + size;
    }
    add_blanks(out, v->width - at);
}

static void end_panel(df_text *out, bool last)
{
    if (!last) {
        add_blanks(out, GAP);
        return;
    }
    while (out->size && !out->failed && out->bytes[out->size - 1] == ' ') out->bytes[--out->size] = 0;
    df_text_add(out, "\n");
}

static void fill(const view *v, const df_panel *panel)
{
    memset(v->dots, 0, v->width * v->height);
    for (size_t i = 0; i < panel->count; i++) plot(v, panel->points + 2 * i);
}

/* Panels first .. first + count - 1 side by side, line by line. */
static void add_row(df_text *out, const view *v, const df_panel *const *panels, size_t count)
{
    for (size_t line = 0; line < v->height + 3; line++)
        for (size_t p = 0; p < count; p++) {
            if (line == 0) {
                add_blanks(out, v->margin);
                add_fitted(out, panels[p]->caption, v->width);
            } else if (line <= v->height) {
                fill(v, panels[p]);
                add_line(out, v, line - 1);
            } else if (line == v->height + 1) add_axis(out, v);
            else add_axis_labels(out, v);
            end_panel(out, p + 1 == count);
        }
}

df_status df_draw_terminal(df_text *text, const df_figure *figure, size_t width, size_t height, df_arena *arena,
                           df_error *error)
{
    view v = {.margin = 2};
    const df_panel **panels;
    size_t count = 0;
    DF_NEW(arena, panels, figure->rows * figure->columns, error);
    for (size_t p = 0; p < figure->rows * figure->columns; p++)
        if (figure->panels[p].caption) panels[count++] = &figure->panels[p];
    size_t across = (width + GAP) / (NARROWEST + GAP);
    if (across > count) across = count;
    if (across < 1) across = 1;
    DF_TRY(df_find_limits(&v.x.range, &v.y.range, figure, arena, error));
    set_ticks(&v, (width - (across - 1) * GAP) / across, height > LOWEST + 3 ? height - 3 : LOWEST);
    DF_NEW(arena, v.dots, v.width * v.height, error);
    for (size_t first = 0; first < count; first += across)
        add_row(text, &v, panels + first, count - first < across ? count - first : across);
    return text->failed ? df_fail(error, DF_LIMIT, "out of memory while drawing") : DF_OK;
}
