/* status.c -- error messages. */
#include "diffuse/text.h"

#include <stdarg.h>
#include <stdio.h>

df_status df_fail(df_error *error, df_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    df_make_printable(error->message);
    return status;
}
