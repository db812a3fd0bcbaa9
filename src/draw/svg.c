/* svg.c -- the frame of every picture: paper, colours, title, legend and text, for light and dark pages. */
#include "page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    TITLE = 32,
    LEGEND_LINE = 22,
    SWATCH = 24, /* a line or dot and the blank after it */
    BETWEEN = 18, /* entries of a legend */
    LETTER = 7   /* a generous width of a letter of 12 pixels */
};

/* The colours of series are those of Okabe and Ito, which people with any colour vision tell apart; on dark paper the
 * lighter ones come first. Those of bands (b) go in equal steps of OKLab lightness away from the paper, and stay
 * nearer to it below arrows (f). The paper is painted too, for the page around it may be of the other kind. */
static const char style[] =
    "<style>\n"
    ".diffuse text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#222}\n"
    ".diffuse .title{font-size:16px;font-weight:600}.diffuse .name{font-weight:600}\n"
    ".diffuse .tick,.diffuse .aside{font-size:11px;font-weight:400;fill:#6b7178}\n"
    ".diffuse .x{text-anchor:middle}.diffuse .y{text-anchor:end}\n"
    ".diffuse .paper{fill:#fff}.diffuse .grid,.diffuse .frame{fill:none;stroke:#000;stroke-opacity:.07}"
    ".diffuse .frame{stroke-opacity:.22}\n"
    ".diffuse .dots,.diffuse .marks,.diffuse .line{fill:none;stroke:currentColor;stroke-linecap:round}\n"
    ".diffuse .dots{stroke-opacity:.6}.diffuse .marks{stroke-width:6}.diffuse .swatch{fill:currentColor}\n"
    ".diffuse .line{stroke-width:1.75;stroke-linejoin:round}.diffuse .dashed{stroke-dasharray:5 4}\n"
    ".diffuse .around{fill:currentColor;fill-opacity:.15}"
    ".diffuse .floor{fill:none;stroke:#6b7178;stroke-width:1.25;stroke-dasharray:2 3}\n"
    ".diffuse .arrows{fill:none;stroke:#222;stroke-opacity:.75;stroke-linecap:round;stroke-linejoin:round}\n"
    ".diffuse .s0{color:#0072b2}.diffuse .s1{color:#d55e00}.diffuse .s2{color:#009e73}"
    ".diffuse .s3{color:#cc79a7}.diffuse .s4{color:#e69f00}.diffuse .s5{color:#56b4e9}\n"
    ".diffuse .b0{fill:#e9f6d5}.diffuse .b1{fill:#bce6b8}.diffuse .b2{fill:#85d5ac}.diffuse .b3{fill:#41c2aa}"
    ".diffuse .b4{fill:#03a8aa}\n"
    ".diffuse .b5{fill:#068da3}.diffuse .b6{fill:#01729a}.diffuse .b7{fill:#025695}.diffuse .b8{fill:#253a7e}"
    ".diffuse .b9{fill:#2b235d}\n"
    ".diffuse .f0{fill:#ecf9e0}.diffuse .f1{fill:#d3f1d0}.diffuse .f2{fill:#b6e9c7}"
    ".diffuse .f3{fill:#98e1c5}.diffuse .f4{fill:#79d7c6}\n"
    ".diffuse .f5{fill:#5dcbca}.diffuse .f6{fill:#49becc}.diffuse .f7{fill:#42afcd}"
    ".diffuse .f8{fill:#479fca}.diffuse .f9{fill:#518fc2}\n"
    "@media(prefers-color-scheme:dark){\n"
    ".diffuse text{fill:#e6e6e6}.diffuse .paper{fill:#14171c}.diffuse .tick,.diffuse .aside{fill:#9aa0a6}\n"
    ".diffuse .grid,.diffuse .frame,.diffuse .arrows{stroke:#fff}.diffuse .floor{stroke:#9aa0a6}\n"
    ".diffuse .s0{color:#56b4e9}.diffuse .s1{color:#e69f00}.diffuse .s4{color:#f0e442}.diffuse .s5{color:#d55e00}\n"
    ".diffuse .b0{fill:#242142}.diffuse .b1{fill:#213669}.diffuse .b2{fill:#005182}.diffuse .b3{fill:#066c88}"
    ".diffuse .b4{fill:#018792}\n"
    ".diffuse .b5{fill:#0ba296}.diffuse .b6{fill:#00c08c}.diffuse .b7{fill:#70d676}.diffuse .b8{fill:#bce46c}"
    ".diffuse .b9{fill:#f9f07b}\n"
    ".diffuse .f0{fill:#1a1832}.diffuse .f1{fill:#1a2144}.diffuse .f2{fill:#132d55}"
    ".diffuse .f3{fill:#003961}.diffuse .f4{fill:#014763}\n"
    ".diffuse .f5{fill:#045367}.diffuse .f6{fill:#06606b}.diffuse .f7{fill:#046d6e}"
    ".diffuse .f8{fill:#097b6e}.diffuse .f9{fill:#32856c}\n"
    "}\n"
    "</style>\n";

/* ---- ranges ---- */

double df_span(df_range r)
{
    return r.high - r.low;
}

bool df_contains(df_range r, double value)
{
    return r.low <= value && value <= r.high;
}

df_range df_widened(df_range r, double wanted)
{
    const double more = wanted > df_span(r) ? (wanted - df_span(r)) / 2 : 0;
    return (df_range){r.low - more, r.high + more};
}

int df_to_pixel(double length)
{
    return (int)floor(length);
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
    else if (strncmp(text, "\xef\xbf\xbe", size) == 0 || strncmp(text, "\xef\xbf\xbf", size) == 0)
        df_text_add(svg, "?");
    else df_text_add_bytes(svg, text, size);
}

void df_add_text(df_text *svg, const char *text, int width)
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

int df_text_width(const char *text)
{
    int letters = 0;
    for (; *text; text += character_size(text)) letters++;
    return letters * LETTER;
}

void df_add_caption(df_text *svg, const char *caption, const char *aside, int width)
{
    df_text_add(svg, "<text class=\"name\" y=\"-8\">");
    df_add_text(svg, caption, width - (aside ? df_text_width(aside) + 8 : 0));
    if (aside) df_text_add(svg, "<tspan class=\"aside\" dx=\"8\">%s</tspan>", aside);
    df_text_add(svg, "</text>\n");
}

/* ---- title and legend ---- */

static int entry_width(const df_entry *entry)
{
    return SWATCH + df_text_width(entry->name);
}

/* Where an entry of the legend goes when the last one ended at *x; *line is counted up. */
static void place_entry(int *x, int *line, const df_entry *entry, int width)
{
    if (*x == DF_EDGE || *x + entry_width(entry) <= width - DF_EDGE) return;
    *x = DF_EDGE;
    ++*line;
}

static int legend_height(const df_head *head, int width)
{
    int x = DF_EDGE, line = 1;
    for (size_t k = 0; k < head->count; k++) {
        place_entry(&x, &line, &head->entries[k], width);
        x += entry_width(&head->entries[k]) + BETWEEN;
    }
    return head->count ? line * LEGEND_LINE : 0;
}

static void add_swatch(df_text *svg, const df_entry *entry, int x, int y)
{
    const size_t s = entry->series % DF_SERIES;
    const bool dot = entry->style == DF_DOT || entry->style == DF_LINE_MARKED;
    if (entry->style == DF_LINE_FLOOR) df_text_add(svg, "<path class=\"floor\" d=\"M%d %dh18\"/>", x, y);
    else if (entry->style != DF_DOT)
        df_text_add(svg, "<path class=\"line%s s%zu\" d=\"M%d %dh18\"/>",
                    entry->style == DF_LINE_DASHED ? " dashed" : "", s, x, y);
    if (dot) df_text_add(svg, "<circle class=\"swatch s%zu\" cx=\"%d\" cy=\"%d\" r=\"3.5\"/>", s, x + 9, y);
}

static void add_legend(df_text *svg, const df_head *head, int width, int top)
{
    int x = DF_EDGE, line = 0;
    for (size_t k = 0; k < head->count; k++) {
        const df_entry *entry = &head->entries[k];
        place_entry(&x, &line, entry, width);
        const int y = top + line * LEGEND_LINE;
        add_swatch(svg, entry, x, y + 10);
        df_text_add(svg, "<text x=\"%d\" y=\"%d\">", x + SWATCH, y + 14);
        df_add_text(svg, entry->name, width - x - SWATCH);
        df_text_add(svg, "</text>\n");
        x += entry_width(entry) + BETWEEN;
    }
}

int df_head_height(const df_head *head, int width)
{
    return DF_EDGE / 2 + (head->title ? TITLE : 0) + legend_height(head, width);
}

void df_add_head(df_text *svg, const df_head *head, int width, int height)
{
    df_text_add(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diffuse\" ");
    df_text_add(svg, "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width, height, width, height);
    df_text_add_bytes(svg, style, sizeof style - 1);
    df_text_add(svg, "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", width, height);
    if (head->title) {
        df_text_add(svg, "<text class=\"title\" x=\"%d\" y=\"28\">", DF_EDGE);
        df_add_text(svg, head->title, (width - 2 * DF_EDGE) * 3 / 4);
        df_text_add(svg, "</text>\n");
    }
    add_legend(svg, head, width, DF_EDGE / 2 + (head->title ? TITLE : 0));
}

df_status df_add_end(df_text *svg, df_error *error)
{
    df_text_add(svg, "</svg>\n");
    return svg->failed ? df_fail(error, DF_LIMIT, "out of memory while drawing") : DF_OK;
}
