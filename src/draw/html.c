/* html.c -- what every HTML page has: its head, its colours, and text that cannot break out. */
#include "diffuse/html.h"

#include <string.h>

static const char *const head[] = {
#include "draw/head.html.h"
};

void df_html_add_text(df_text *html, const char *text)
{
    static const struct { char byte; const char *as; } special[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"},
                                                                    {'"', "&quot;"}, {'\'', "&#39;"}};
    char printable[4096];
    df_printable(printable, sizeof printable, text);
    for (const char *at = printable; *at; at++) {
        size_t k = 0;
        while (k < sizeof special / sizeof *special && special[k].byte != *at) k++;
        if (k < sizeof special / sizeof *special) df_text_add(html, "%s", special[k].as);
        else df_text_add_bytes(html, at, 1);
    }
}

void df_html_begin(df_text *html, const char *title)
{
    df_text_add(html, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    df_html_add_text(html, title);
    df_text_add(html, "</title>\n");
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) df_text_add(html, "%s", head[i]);
}

void df_html_end(df_text *html)
{
    df_text_add(html, "</body>\n</html>\n");
}

void df_html_add_base64(df_text *html, const void *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const unsigned long group = (unsigned long)from[i] << 16 | (left > 1 ? (unsigned long)from[i + 1] << 8 : 0) |
                                    (left > 2 ? from[i + 2] : 0);
        const char four[4] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        df_text_add_bytes(html, four, 4);
    }
}
