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

void df_text_free_part(df_text *part, df_text *whole)
{
    whole->failed |= part->failed;
    df_text_free(part);
}

char *df_text_keep(df_text *text, df_arena *arena, df_error *error)
{
    char *copy = NULL;
    if (text->failed) df_fail(error, DF_LIMIT, "out of memory");
    else copy = df_copy_text(arena, text->bytes ? text->bytes : "", error);
    df_text_free(text);
    return copy;
}

/* Numbers. */

static const char *skip_digits(const char *text)
{
    while (*text >= '0' && *text <= '9') text++;
    return text;
}

static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { POWER_MOST = 22, DIGITS_MOST = 19 };

/* A number as written: digits 10^exponent. */
typedef struct decimal {
    uint64_t digits;   /* all of them, when there are at most DIGITS_MOST */
    ptrdiff_t written; /* how many there are, without zeros in front */
    ptrdiff_t exponent;
    bool negative;
} decimal;

/* Adds the digits at `text` and returns where they end. */
static const char *take_digits(decimal *d, const char *text)
{
    for (; *text >= '0' && *text <= '9'; text++) {
        if (d->written > 0 || *text != '0') d->written++;
        d->digits = 10 * d->digits + (uint64_t)(*text - '0');
    }
    return text;
}

/* [sign] digits [. digits] [e [sign] digits]; one of the digit strings around the point may be empty. False when `text`
 * is anything else. */
static bool read_decimal(decimal *d, const char *text)
{
    *d = (decimal){.negative = *text == '-'};
    const char *whole = text + (*text == '-' || *text == '+'), *end = take_digits(d, whole);
    ptrdiff_t count = end - whole;
    if (*end == '.') {
        const char *fraction = end + 1;
        end = take_digits(d, fraction);
        count += end - fraction;
        d->exponent = fraction - end;
    }
    if (count == 0) return false;
    if (*end == 'e' || *end == 'E') {
        const bool down = end[1] == '-';
        const char *exponent = end + 1 + (down || end[1] == '+');
        ptrdiff_t shift = 0;
        for (end = exponent; *end >= '0' && *end <= '9'; end++)
            if (shift < PTRDIFF_MAX / 20) shift = 10 * shift + (*end - '0');
        if (end == exponent) return false;
        d->exponent += down ? -shift : shift;
    }
    return *end == '\0';
}

/* Digits that are a double times or over a power of ten that is one: a single rounding, so the nearest double (Clinger,
 * "How to read floating point numbers accurately", PLDI 1990). False when that does not apply. */
static bool is_one_rounding(const decimal *d, double *value)
{
    if (d->written > DIGITS_MOST || d->digits > (uint64_t)1 << 53) return false;
    if (d->exponent < -POWER_MOST || d->exponent > POWER_MOST) return false;
    const double digits = (double)d->digits;
    *value = d->exponent < 0 ? digits / power_of_ten[-d->exponent] : digits * power_of_ten[d->exponent];
    if (d->negative) *value = -*value;
    return true;
}

bool df_parse_double(const char *text, double *value)
{
    decimal d;
    if (!read_decimal(&d, text)) return false;
    if (is_one_rounding(&d, value)) return true;
    char *end;
    const double number = strtod(text, &end);
    /* strtod stops early at the point when the host program has chosen a locale with a decimal comma. */
    if (*end != '\0' || fabs(number) > DBL_MAX) return false;
    *value = number;
    return true;
}

/* A float of 1e-4 or more and below 1e9 is x = m 2^e with m < 2^32; its nine digits are
 *   round(m 2^e 10^p) = round(m 5^p / 2^shift),   p = 8 - place of the first digit,
 * and m 5^p < 2^60: exact. Halves go to the even neighbour, as in printf. */
static uint64_t nine_digits(float x, int place)
{
    static const uint64_t power_of_five[] = {1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125,
                                             244140625};
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int p = 8 - place, shift = 158 - p - (int)(bits >> 23);
    const uint64_t m = (uint64_t)((bits & 0x7fffff) | 0x800000) << 8, product = m * power_of_five[p];
    const uint64_t digits = product >> shift, rest = product - (digits << shift), half = (uint64_t)1 << (shift - 1);
    return digits + (rest > half || (rest == half && digits % 2 == 1));
}

/* The digits with a point after the first place + 1 of them, or with zeros before them; no zeros at the end. */
static char *put_digits(char *out, uint64_t digits, int place)
{
    char digit[9];
    int count = 9;
    for (int i = 8; i >= 0; i--, digits /= 10) digit[i] = (char)('0' + digits % 10);
    while (digit[count - 1] == '0') count--;
    if (place < 0) *out++ = '0', *out++ = '.';
    for (int i = place + 1; i < 0; i++) *out++ = '0';
    for (int i = 0; i < count || i <= place; i++) {
        if (i == place + 1 && i > 0) *out++ = '.';
        *out++ = digit[i];
    }
    return out;
}

size_t df_format_double(char out[DF_NUMBER_ROOM], double x)
{
    const double size = fabs(x);
    if (!(size >= 1e-4 && size < 1e9 && (double)(float)x == x)) return (size_t)snprintf(out, DF_NUMBER_ROOM, "%.9g", x);
    int place = 0;
    if (size < 1) place = size < 1e-3 ? -4 : size < 1e-2 ? -3 : size < 1e-1 ? -2 : -1;
    else while (size >= power_of_ten[place + 1]) place++;
    char *to = out;
    if (x < 0) *to++ = '-';
    to = put_digits(to, nine_digits((float)size, place), place);
    *to = '\0';
    return (size_t)(to - out);
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

bool df_is_printable(const char *text)
{
    for (size_t size; *text; text += size)
        if ((size = printable_size((const unsigned char *)text)) == 0) return false;
    return true;
}

void df_make_printable(char *text)
{
    for (size_t size; *text; text += size ? size : 1)
        if ((size = printable_size((const unsigned char *)text)) == 0 && *text != '\n') *text = '?';
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
