/* conditions.c -- a few operations whose results tell how this thread does all the others. */
#include "diffuse/conditions.h"

#include <locale.h>
#include <string.h>

/* Comparisons with a subnormal number would not see it either where those are taken for 0. */
static bool keeps_subnormals(void)
{
    const volatile double least_normal = 0x1p-1022;
    const volatile double half = least_normal / 2;
    const volatile double whole = half * 2;
    return whole == 0x1p-1022;
}

/* 3/4 and 1/4 of the distance between 1 and the next number. */
static bool rounds_to_nearest(void)
{
    const volatile double one = 1, most = 0x1.8p-53, little = 0x1p-54;
    return one + most == 1 + 0x1p-52 && one + little == 1 && -one - little == -1;
}

/* The square's last bit, 2^-54, is rounded away before the difference. */
static bool rounds_products(void)
{
    const volatile double factor = 1 + 0x1p-27, square = 1 + 0x1p-26;
    const double a = factor, b = square;
    return a * a - b == 0;
}

df_status df_check_arithmetic(df_error *error)
{
    if (!rounds_to_nearest())
        return df_fail(error, DF_USAGE, "this thread does not round to the nearest number\n"
                                        "  call fesetround(FE_TONEAREST)");
    if (!keeps_subnormals())
        return df_fail(error, DF_USAGE, "this thread takes subnormal numbers for 0, as any library of -ffast-math "
                                        "makes it do\n  call fesetenv(FE_DFL_ENV)");
    if (!rounds_products())
        return df_fail(error, DF_USAGE, "this library was built to fuse products with sums, and gives other numbers\n"
                                        "  build it with -ffp-contract=off");
    return DF_OK;
}

df_status df_check_locale(const char *path, df_error *error)
{
    const char *point = localeconv()->decimal_point;
    if (strcmp(point, ".") == 0) return DF_OK;
    return df_fail(error, DF_INPUT,
                   "%s: the current locale writes numbers with '%s' where files have '.'\n"
                   "  set LC_NUMERIC=C", path, point);
}
