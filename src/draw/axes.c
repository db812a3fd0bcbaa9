/* axes.c -- axes with round ticks, linear or logarithmic. */
#include "page.h"

#include "diffuse/math.h"

#include <stdio.h>

enum { LETTER = 7 }; /* as wide as that of a tick's label, and a little */

static double log10_of(double value)
{
    return df_log(value) / df_log(10);
}

double df_round_step(double least)
{
    double power = 1;
    while (power > least) power /= 10;
    while (power * 10 <= least) power *= 10;
    const double mantissa = least / power;
    return power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10);
}

/* Twelve digits hide the rounding of k * step. */
int df_number_label(char out[DF_LABEL], double value)
{
    const int size = snprintf(out, DF_LABEL, "%s%.12g", value < 0 ? "−" : "", fabs(value));
    return value < 0 ? size - 2 : size;
}

static void add_tick(df_axis *axis, double at, double value)
{
    if (axis->count == DF_TICKS || !df_contains(axis->range, at)) return;
    axis->tick[axis->count] = (at - axis->range.low) / df_span(axis->range) * axis->length;
    df_number_label(axis->label[axis->count++], value);
}

void df_axis_ticks(df_axis *axis, double step)
{
    axis->count = 0;
    for (double k = ceil(axis->range.low / step); k * step <= axis->range.high && axis->count < DF_TICKS; k++)
        add_tick(axis, k * step, k * step);
}

static double ten_to(double power)
{
    double value = 1;
    for (; power > 0; power--) value *= 10;
    for (; power < 0; power++) value /= 10;
    return value;
}

/* Powers of ten, with their multiples by 2 and 5 where there is room. */
static void decade_ticks(df_axis *axis, int apart)
{
    const double decade = axis->length / df_span(axis->range);
    const double every = decade >= apart ? 1 : ceil(apart / decade);
    axis->count = 0;
    for (double k = floor(axis->range.low); k <= axis->range.high && axis->count < DF_TICKS; k += every) {
        add_tick(axis, k, ten_to(k));
        if (decade < 3 * apart) continue;
        add_tick(axis, k + log10_of(2), 2 * ten_to(k));
        add_tick(axis, k + log10_of(5), 5 * ten_to(k));
    }
}

/* Within a decade: multiples of a step, which come closer to one another towards the high end. */
static void narrow_ticks(df_axis *axis, int apart)
{
    const double low = df_exp(axis->range.low * df_log(10)), high = df_exp(axis->range.high * df_log(10));
    const double step = df_round_step(high * (1 - df_exp(-df_log(10) * df_span(axis->range) * apart / axis->length)));
    axis->count = 0;
    for (double k = ceil(low / step); k * step <= high && axis->count < DF_TICKS; k++)
        add_tick(axis, log10_of(k * step), k * step);
}

static void ticks_apart(df_axis *axis, int apart)
{
    if (!axis->log) df_axis_ticks(axis, df_round_step(apart * df_span(axis->range) / axis->length));
    else if (df_span(axis->range) < 1) narrow_ticks(axis, apart);
    else decade_ticks(axis, apart);
}

/* On a short axis, so close that there are two. */
void df_axis_round_ticks(df_axis *axis, int apart)
{
    do {
        ticks_apart(axis, apart);
        apart = apart * 2 / 3;
    } while (axis->count < 2 && apart >= 10);
}

double df_axis_place(const df_axis *axis, double value)
{
    const double at = axis->log ? log10_of(value) : value;
    return (at - axis->range.low) / df_span(axis->range) * axis->length;
}

int df_axis_label_letters(const df_axis *axis)
{
    int most = 0;
    for (size_t k = 0; k < axis->count; k++) {
        int letters = 0;
        for (const char *c = axis->label[k]; *c; c++) letters += ((unsigned char)*c & 0xc0) != 0x80;
        if (letters > most) most = letters;
    }
    return most;
}

int df_axis_label_width(const df_axis *axis)
{
    return df_axis_label_letters(axis) * LETTER;
}

void df_add_grid(df_text *svg, const df_axis *x, const df_axis *y)
{
    df_text_add(svg, "<path class=\"grid\" d=\"");
    for (size_t k = 0; k < x->count; k++) df_text_add(svg, "M%d.5 0v%d", df_to_pixel(x->tick[k]), y->length);
    for (size_t k = 0; k < y->count; k++)
        df_text_add(svg, "M0 %d.5h%d", df_to_pixel(y->length - y->tick[k]), x->length);
    df_text_add(svg, "\"/>\n");
}

void df_add_x_labels(df_text *svg, const df_axis *x, int height)
{
    for (size_t k = 0; k < x->count; k++)
        df_text_add(svg, "<text class=\"tick x\" x=\"%d\" y=\"%d\">%s</text>\n", df_to_pixel(x->tick[k]), height + 16,
                    x->label[k]);
}

void df_add_y_labels(df_text *svg, const df_axis *y)
{
    for (size_t k = 0; k < y->count; k++)
        df_text_add(svg, "<text class=\"tick y\" x=\"-7\" y=\"%d\">%s</text>\n",
                    df_to_pixel(y->length - y->tick[k]) + 4, y->label[k]);
}
