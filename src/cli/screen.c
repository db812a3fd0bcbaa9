/* screen.c -- the terminal: whether it can show a picture, and how large. */
#define _DEFAULT_SOURCE /* for ioctl's TIOCGWINSZ */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The first of these that is set and not empty decides, as in setlocale. */
static const char *locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return value;
    }
    return "";
}

df_status check_terminal(const char *otherwise, df_error *error)
{
    const char *dot = strchr(locale(), '.'), *kind = getenv("TERM");
    const bool dumb = kind && strcmp(kind, "dumb") == 0;
    if (!dumb && dot && (strncasecmp(dot, ".utf-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0)) return DF_OK;
    return df_fail(error, DF_USAGE, "a picture in a terminal needs UTF-8, and the locale is '%.40s'\n  %s%s", locale(),
                   otherwise, dumb ? "" : ", or set LC_ALL=C.UTF-8 if this terminal knows it");
}

void terminal_size(size_t *width, size_t *height)
{
    struct winsize size;
    const bool known = (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 || ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) &&
                       size.ws_col >= 10 && size.ws_row >= 5;
    *width = known ? size.ws_col : 80;
    *height = known ? size.ws_row : 24;
}
