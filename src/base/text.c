/* text.c -- growing strings, strict numbers, the nearest known name, and text that is safe to print. */
#include "diffuse/text.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Growing strings. */

/* Makes room for `more` bytes and a NUL. Doubling keeps the total cost of many small additions linear. */
static bool reserve(df_text *text, size_t more)
{
    if (text->failed) return false;
    if (more < text->room - text->size) return true;
    const size_t limit = SIZE_MAX / 4;
    size_t room = text->room ? text->room : 64;
    while (room < limit && room - text->size <= more) room *= 2;
    char *bytes = room < limit ? realloc(text->bytes, room) : NULL;
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->room = room;
    return true;
}

void df_text_add_bytes(df_text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size)) return;
    if (size) memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

void df_text_add(df_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) text->failed = true;
    if (size < 0 || !reserve(text, (size_t)size)) return;

    va_start(arguments, format);
    vsnprintf(text->bytes + text->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    text->size += (size_t)size;
}

void df_text_free(df_text *text)
{
    free(text->bytes);
    *text = (df_text){0};
}

/* Numbers. */

static const char *skip_sign(const char *text)
{
    return *text == '+' || *text == '-' ? text + 1 : text;
}

static const char *skip_digits(const char *text)
{
    while (*text >= '0' && *text <= '9') text++;
    return text;
}

/* [sign] digits [. digits] [e [sign] digits]; one of the digit strings around the point may be empty. */
static bool is_plain_decimal(const char *text)
{
    const char *whole = skip_sign(text);
    const char *end = skip_digits(whole);
    ptrdiff_t digits = end - whole;
    if (*end == '.') {
        const char *fraction = end + 1;
        end = skip_digits(fraction);
        digits += end - fraction;
    }
    if (digits == 0) return false;
    if (*end == 'e' || *end == 'E') {
        const char *exponent = skip_sign(end + 1);
        end = skip_digits(exponent);
        if (end == exponent) return false;
    }
    return *end == '\0';
}

bool df_parse_double(const char *text, double *value)
{
    if (!is_plain_decimal(text)) return false;
    char *end;
    const double number = strtod(text, &end);
    /* strtod stops early at the point when the host program has chosen a locale with a decimal comma. */
    if (*end != '\0' || fabs(number) > DBL_MAX) return false;
    *value = number;
    return true;
}

bool df_parse_uint64(const char *text, uint64_t *value)
{
    if (*text == '\0' || *skip_digits(text) != '\0') return false;
    uint64_t number = 0;
    for (; *text; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10) return false;
        number = 10 * number + digit;
    }
    *value = number;
    return true;
}

/* The suffix becomes an exponent before the number is read, for 1.001 * 1000 in doubles is not 1001. */
static bool expand_suffix(char *out, size_t room, const char *text)
{
    const size_t size = strlen(text);
    if (size == 0 || size + 2 > room) return false;
    const char last = text[size - 1];
    const char *exponent = last == 'k' ? "e3" : last == 'M' ? "e6" : last == 'G' ? "e9" : NULL;
    const int kept = (int)(exponent ? size - 1 : size);
    snprintf(out, room, "%.*s%s", kept, text, exponent ? exponent : "");
    return true;
}

bool df_parse_count(const char *text, uint64_t *value)
{
    const uint64_t limit = (uint64_t)1 << 53;
    uint64_t whole;
    if (df_parse_uint64(text, &whole)) {
        if (whole > limit) return false;
        *value = whole;
        return true;
    }
    char expanded[64];
    double number;
    if (!expand_suffix(expanded, sizeof expanded, text)) return false;
    if (!df_parse_double(expanded, &number)) return false;
    if (*text == '-' || number > (double)limit || number != floor(number)) return false;
    *value = (uint64_t)number;
    return true;
}

/* The nearest name. */

enum { LONGEST_NAME = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static bool same(char a, char b)
{
    return lower(a) == lower(b);
}

static bool starts_with(const char *text, const char *start)
{
    while (*start && same(*text, *start)) text++, start++;
    return *start == '\0';
}

/* How many letters must be inserted, deleted, replaced or swapped with their neighbour to turn a into b:
 * Damerau's distance, in which no letter is edited twice. Row i is about the first i letters of a. */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][LONGEST_NAME + 1];
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const size_t replaced = above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

/* The beginning of a name is enough; else a third of the letters may be wrong, at least one but never all. */
static bool is_near(const char *text, const char *name, size_t distance)
{
    const size_t text_size = strlen(text), name_size = strlen(name);
    const bool beginning = starts_with(name, text) || starts_with(text, name);
    if (beginning && text_size >= 2 && name_size >= 2) return true;
    return distance <= most(1, text_size / 3) && distance < most(text_size, name_size);
}

const char *df_nearest_name(const char *text, const char *const *names)
{
    const size_t text_size = strlen(text);
    if (text_size > LONGEST_NAME) return NULL;
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;
    for (; *names; names++) {
        const size_t name_size = strlen(*names);
        if (name_size > LONGEST_NAME) continue;
        const size_t distance = edit_distance(text, text_size, *names, name_size);
        if (distance < nearest_distance && is_near(text, *names, distance)) {
            nearest = *names;
            nearest_distance = distance;
        }
    }
    return nearest;
}

/* Printable text. */

/* Refuses overlong forms, surrogates, values above U+10FFFF, and the control characters up to U+009F. */
static bool is_allowed(uint32_t character, size_t size)
{
    const uint32_t smallest = size == 4 ? 0x10000 : size == 3 ? 0x800 : 0xa0;
    const bool surrogate = character >= 0xd800 && character <= 0xdfff;
    return character >= smallest && character <= 0x10ffff && !surrogate;
}

/* The size of the printable UTF-8 character at the start of `text`, or 0 when there is none. */
static size_t printable_size(const unsigned char *text)
{
    const unsigned char first = text[0];
    if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
    if (first < 0xc0 || first >= 0xf8) return 0;
    const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t character = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        const bool continues = (text[i] & 0xc0) == 0x80;
        if (!continues) return 0;
        character = character << 6 | (text[i] & 0x3fu);
    }
    return is_allowed(character, size) ? size : 0;
}

void df_printable(char *out, size_t room, const char *text)
{
    if (room == 0) return;
    while (*text) {
        const size_t size = printable_size((const unsigned char *)text);
        const size_t taken = size ? size : 1;
        if (taken >= room) break;
        if (size) memcpy(out, text, size);
        else *out = '?';
        text += taken;
        out += taken;
        room -= taken;
    }
    *out = '\0';
}
