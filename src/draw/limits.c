/* limits.c -- how far the axes of a figure reach. */
#include "page.h"

#include <math.h>
#include <stdlib.h>

static double greater(double a, double b)
{
    return a > b ? a : b;
}

static double farthest(df_range r)
{
    return greater(fabs(r.low), fabs(r.high));
}

int df_ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From the least to the greatest value, without those that lie beyond the central 98 % by more than half of
 * its length, which is 4.6 standard deviations for normal values. From twenty values on, at least one at each
 * end is not central. */
static df_range robust_range(double *values, size_t count)
{
    qsort(values, count, sizeof *values, df_ascending);
    const size_t cut = count < 20 ? 0 : count / 100 + 1;
    const df_range central = {values[cut], values[count - 1 - cut]};
    size_t first = 0, last = count - 1;
    if (df_span(central) > 0) {
        const df_range kept = df_widened(central, 2 * df_span(central));
        while (values[first] < kept.low) first++;
        while (values[last] > kept.high) last--;
    }
    return (df_range){values[first], values[last]};
}

static void include(df_range *limits, df_range own)
{
    if (own.low < limits->low) limits->low = own.low;
    if (own.high > limits->high) limits->high = own.high;
}

static df_status widest(df_range *limits, const df_figure *figure, int axis, double *scratch, df_error *error)
{
    *limits = (df_range){HUGE_VAL, -HUGE_VAL};
    for (size_t p = 0; p < figure->rows * figure->columns; p++) {
        const df_panel *panel = &figure->panels[p];
        const df_field *f = panel->field;
        if (f) include(limits, axis == 0 ? (df_range){f->left, f->right} : (df_range){f->bottom, f->top});
        for (size_t i = 0; i < panel->count; i++) {
            scratch[i] = panel->points[2 * i + (size_t)axis];
            if (!(fabs(scratch[i]) <= 1e100))
                return df_fail(error, DF_INPUT,
                               "point %zu of '%.60s' has the coordinate %g; a picture reaches to 1e100\n"
                               "  give the limits of the axes to leave such points out",
                               i + 1, panel->caption, scratch[i]);
        }
        if (panel->count && !f) include(limits, robust_range(scratch, panel->count));
    }
    if (limits->low > limits->high) *limits = (df_range){0, 0};
    return DF_OK;
}

static bool has_fields(const df_figure *figure)
{
    for (size_t p = 0; p < figure->rows * figure->columns; p++)
        if (figure->panels[p].field) return true;
    return false;
}

/* A panel is at most as high as it is wide, and at least half as high. When all points are in one place,
 * there is still something around it. A field fills its panel. */
static void shape_limits(df_range *x, df_range *y, bool fields)
{
    const double size = greater(farthest(*x), farthest(*y));
    double width = greater(df_span(*x), df_span(*y));
    if (width <= 1e-9 * size || width <= 1e-100) width = size > 1e-100 ? size : 2;
    const double air = fields ? 0 : 0.08 * width;
    *y = df_widened(*y, greater(df_span(*y), width / 2) + air);
    *x = df_widened(*x, width + air);
}

df_status df_find_limits(df_range *x, df_range *y, const df_figure *figure, df_arena *arena, df_error *error)
{
    size_t most = 0;
    double *scratch;
    if (figure->limits > 0) {
        *x = *y = (df_range){-figure->limits, figure->limits};
        return DF_OK;
    }
    for (size_t p = 0; p < figure->rows * figure->columns; p++)
        if (figure->panels[p].count > most) most = figure->panels[p].count;
    DF_NEW(arena, scratch, most, error);
    DF_TRY(widest(x, figure, 0, scratch, error));
    DF_TRY(widest(y, figure, 1, scratch, error));
    shape_limits(x, y, has_fields(figure));
    return DF_OK;
}
