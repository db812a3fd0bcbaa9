/* test_text.c -- growing strings, numbers as text, nearest names, printable text. */
#include "check.h"

#include "diffuse/text.h"

#include <float.h>
#include <stdlib.h>

static void test_growth(void)
{
    df_text text = {0};
    for (int i = 0; i < 5000; i++) df_text_add(&text, "%d,", i);
    CHECK(!text.failed);
    CHECK(text.size == 10 * 2 + 90 * 3 + 900 * 4 + 4000 * 5);
    CHECK(strlen(text.bytes) == text.size);
    CHECK(strncmp(text.bytes, "0,1,2,", 6) == 0);
    CHECK_TEXT(text.bytes + text.size - 10, "4998,4999,");
    CHECK(text.room <= 2 * text.size + 64);
    df_text_add_bytes(&text, "a\0b", 3);
    CHECK(text.bytes[text.size - 2] == '\0' && text.bytes[text.size] == '\0');
    df_text_free(&text);
    CHECK(!text.bytes && !text.size && !text.room);
    df_text_free(&text);
}

static void test_growth_fails_once_and_for_all(void)
{
    df_text text = {0};
    df_text_add(&text, "kept");
    df_text_add_bytes(&text, "", SIZE_MAX / 2);
    CHECK(text.failed);
    df_text_add(&text, "ignored");
    CHECK_TEXT(text.bytes, "kept");

    df_text whole = {0};
    df_arena arena = {0};
    df_error error;
    df_text_add(&whole, "%s", text.bytes);
    df_text_free_part(&text, &whole);
    CHECK(whole.failed && !text.failed && !text.bytes);
    CHECK(!df_text_keep(&whole, &arena, &error) && error.status == DF_LIMIT && !whole.bytes);
    df_text_add(&whole, "7");
    df_text_free_part(&text, &whole);
    CHECK(!whole.failed);
    CHECK_TEXT(df_text_keep(&whole, &arena, &error), "7");
    df_arena_free(&arena);
}

static double parsed(const char *text)
{
    double value = 0;
    return df_parse_double(text, &value) ? value : (double)NAN;
}

static void test_double(void)
{
    CHECK(parsed("2.385") == 2.385);
    CHECK(parsed("-17") == -17);
    CHECK(parsed("+.5") == 0.5);
    CHECK(parsed("5.") == 5);
    CHECK(parsed("1e-3") == 1e-3);
    CHECK(parsed("1.25E+2") == 125);
    CHECK(parsed("0.1") == 0.1);
    CHECK(parsed("1.7976931348623157e308") == DBL_MAX);
    CHECK(parsed("4.9406564584124654e-324") > 0);
    CHECK(signbit(parsed("-0")));
    const char *const wrong[] = {"",    " 1",    "1 ",    "nan",   "inf",   "-Infinity", "0x10", "1e",
                                 "1e+", ".",     "-",     "+-1",   "1,5",   "1_000",     "1f",   "e5",
                                 "1 5", "1.2.3", "1e5.0", "1e999", "-1e999", NULL};
    for (const char *const *text = wrong; *text; text++) {
        double value = 2.385;
        if (df_parse_double(*text, &value)) fprintf(stderr, "accepted \"%s\"\n", *text);
        CHECK(!df_parse_double(*text, &value) && value == 2.385);
    }
}

/* ---- against the C library ---- */

enum { TRIES = 500000 };

static uint64_t random_bits(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

/* Says no more than the first of many. */
static bool formats_alike(double x)
{
    char want[64], got[DF_NUMBER_ROOM];
    static bool said;
    snprintf(want, sizeof want, "%.9g", x);
    const size_t size = df_format_double(got, x);
    const bool alike = strcmp(got, want) == 0 && size == strlen(want);
    if (!alike && !said) fprintf(stderr, "%.17g became %s\n", x, got);
    said = said || !alike;
    return alike;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return isfinite(x) ? x : 0;
}

static double float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return isfinite(x) ? (double)x : 0;
}

static void test_format_is_that_of_printf(void)
{
    static const double hard[] = {0, -0.0, 1, -1, 9, 10, 99, 100, 0.1, 0.01, 1e-3, 1e-4, 9.99999974738e-05, 999999936,
                                  1e9, 1e10, -12345678, 0.5, 0.25, 123456789, 16777216, 1e-300, 5e-324, DBL_MAX, 1e23,
                                  1000000.125, 1000000.375, 1000000.625, 4194304.25, 4194304.75, 999999999.5};
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        wrong += !formats_alike(hard[i]);
        wrong += !formats_alike((double)nextafterf((float)hard[i], 0));
        wrong += !formats_alike((double)nextafterf((float)hard[i], 1e30F));
    }
    for (size_t i = 0; i < TRIES; i++) {
        const uint64_t bits = random_bits();
        wrong += !formats_alike(double_of(bits));
        wrong += !formats_alike(float_of((uint32_t)bits));
        wrong += !formats_alike(float_of(0x38000000 + (uint32_t)(bits >> 32) % 0x17000000)); /* 3e-5 to 1e9 and more */
        wrong += !formats_alike((double)(bits >> 40) / 64); /* halves of the ninth digit */
    }
    CHECK(wrong == 0);
}

static bool reads_alike(const char *text)
{
    static bool said;
    double value = 0;
    const double want = strtod(text, NULL);
    const bool read = df_parse_double(text, &value), fits = fabs(want) <= DBL_MAX;
    const bool alike = read == fits && (!fits || memcmp(&value, &want, sizeof want) == 0);
    if (!alike && !said) fprintf(stderr, "%s became %.17g\n", text, value);
    said = said || !alike;
    return alike;
}

static void test_parse_is_that_of_strtod(void)
{
    static const char *const hard[] = {
        "0", "-0", "-0.0e5", "00000000000000000000000001", "9007199254740992", "9007199254740993", "9007199254740994",
        "18446744073709551616", "36893488147419103232", "1844674407370955161600", "18446744073709551615", "1e22", "1e23",
        "1e-22", "1e-23", "9007199254740992e22", "9007199254740991e-22", "123456789e22", "123456789e23", "0.000001e28",
        "1.7976931348623159e308", "2.2250738585072011e-308", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "0e99999999999999999999", "1e-99999999999999999999", "1e99999999999999999999", "8.5e-1", "6.1e-1",
        "0.500000000000000166533453693773481063544750213623046875", "3.518437208883201171875e13"};
    char text[64];
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) wrong += !reads_alike(hard[i]);
    for (size_t i = 0; i < TRIES; i++) {
        const uint64_t bits = random_bits();
        const int digits = 1 + (int)(bits >> 58) % 20, places = (int)(bits >> 53 & 15), power = (int)(bits >> 47 & 63) - 31;
        snprintf(text, sizeof text, "%s%.*f", bits & 1 ? "-" : "", places, (double)(bits >> 12) * 0x1p-40);
        wrong += !reads_alike(text);
        snprintf(text, sizeof text, "%.*se%d", digits, &"98765432109876543210"[bits % 10], power);
        wrong += !reads_alike(text);
        snprintf(text, sizeof text, "%.9g", float_of((uint32_t)bits));
        wrong += !reads_alike(text);
        snprintf(text, sizeof text, "%.17g", double_of(random_bits()));
        wrong += !reads_alike(text);
    }
    CHECK(wrong == 0);

    /* An exponent too long for an integer, made up for by as many zeros. */
    enum { ZEROS = 200000 };
    char *endless = malloc(ZEROS + 32);
    CHECK(endless != NULL);
    if (!endless) return;
    memset(endless, '0', ZEROS);
    memcpy(endless, "0.", 2);
    strcpy(endless + ZEROS, "1e199999");
    CHECK(reads_alike(endless) && parsed(endless) == 1);
    strcpy(endless + ZEROS, "1e1999990");
    CHECK(reads_alike(endless));
    strcpy(endless + ZEROS, "1e199997000000000000000000000");
    CHECK(reads_alike(endless));
    free(endless);
}

static uint64_t counted(const char *text)
{
    uint64_t value = 0;
    return df_parse_count(text, &value) ? value : UINT64_MAX;
}

static void test_count(void)
{
    CHECK(counted("0") == 0);
    CHECK(counted("1789") == 1789);
    CHECK(counted("1e6") == 1000000);
    CHECK(counted("10k") == 10000);
    CHECK(counted("2M") == 2000000);
    CHECK(counted("3G") == 3000000000);
    CHECK(counted("1.5k") == 1500);
    CHECK(counted("1.001k") == 1001);
    CHECK(counted("2.5e1") == 25);
    CHECK(counted("9007199254740992") == (uint64_t)1 << 53);
    const char *const wrong[] = {"",     "k",     "-1",   "-0",   "1.5",  "1.0005k", "10m", "10kk",
                                 "1e3k", "1e400", "0x10", "10 k", "1e-3", "1e16",    "nan",
                                 "9007199254740993", "99999999999999999999",
                                 "0000000000000000000000000000000000000000000000000000000000000001k", NULL};
    for (const char *const *text = wrong; *text; text++) {
        if (counted(*text) != UINT64_MAX) fprintf(stderr, "accepted \"%s\"\n", *text);
        CHECK(counted(*text) == UINT64_MAX);
    }
}

static void test_uint64(void)
{
    uint64_t value = 7;
    CHECK(df_parse_uint64("18446744073709551615", &value) && value == UINT64_MAX);
    CHECK(df_parse_uint64("0042", &value) && value == 42);
    CHECK(!df_parse_uint64("18446744073709551616", &value));
    CHECK(!df_parse_uint64("99999999999999999999", &value));
    CHECK(!df_parse_uint64("", &value));
    CHECK(!df_parse_uint64("+1", &value));
    CHECK(!df_parse_uint64("-1", &value));
    CHECK(!df_parse_uint64("1e3", &value));
    CHECK(!df_parse_uint64(" 1", &value));
    CHECK(value == 42);
}

static void test_nearest(void)
{
    const char *const names[] = {"swissroll", "moons", "ddim", "ddpm", "learning-rate", "x", "y", NULL};
    CHECK_TEXT(df_nearest_name("swisroll", names), "swissroll");
    CHECK_TEXT(df_nearest_name("siwssroll", names), "swissroll");
    CHECK_TEXT(df_nearest_name("sswissrol", names), "swissroll");
    CHECK_TEXT(df_nearest_name("Moon", names), "moons");
    CHECK_TEXT(df_nearest_name("DDIM", names), "ddim");
    CHECK_TEXT(df_nearest_name("ddmi", names), "ddim");
    CHECK_TEXT(df_nearest_name("ddmp", names), "ddpm");
    CHECK_TEXT(df_nearest_name("learn", names), "learning-rate");
    CHECK_TEXT(df_nearest_name("moons:noise", names), "moons");
    CHECK_TEXT(df_nearest_name("x", names), "x");
    CHECK(!df_nearest_name("z", names));
    CHECK(!df_nearest_name("", names));
    CHECK(!df_nearest_name("circles", names));
    CHECK(!df_nearest_name("spoons", (const char *const[]){NULL}));
    char endless[200] = "";
    memset(endless, 's', sizeof endless - 1);
    CHECK(!df_nearest_name(endless, names));
    CHECK(!df_nearest_name("ssss", (const char *const[]){endless, NULL}));
}

static const char *printable(const char *text, size_t room)
{
    static char out[64];
    memset(out, '#', sizeof out);
    df_printable(out, room, text);
    return out;
}

static void test_printable(void)
{
    CHECK_TEXT(printable("Größe x₂ 🙂", 64), "Größe x₂ 🙂");
    CHECK_TEXT(printable("a\033[2Jb\n\t\x7f", 64), "a?[2Jb???");
    CHECK_TEXT(printable("\xc2\x9bx", 64), "??x");            /* a C1 control character */
    CHECK_TEXT(printable("\xc2\xa0", 64), "\xc2\xa0");
    CHECK(df_is_printable("") && df_is_printable("Größe x₂ 🙂"));
    CHECK(!df_is_printable("a\n") && !df_is_printable("\x7f") && !df_is_printable("x\xc2\x9b") && !df_is_printable("\xff"));
    df_error error;
    CHECK(df_fail(&error, DF_INPUT, "%s\n  is %s", "\033[2J", "\xc2\x9bx ä\xff") == DF_INPUT);
    CHECK_TEXT(error.message, "?[2J\n  is ??x ä?");
    CHECK_TEXT(printable("\xc0\xaf", 64), "??");              /* overlong */
    CHECK_TEXT(printable("\xe0\x80\xaf", 64), "???");
    CHECK_TEXT(printable("\xed\xa0\x80", 64), "???");         /* a surrogate */
    CHECK_TEXT(printable("\xf4\x90\x80\x80", 64), "????");    /* above U+10FFFF */
    CHECK_TEXT(printable("\xf8\x88\x80\x80\x80", 64), "?????");
    CHECK_TEXT(printable("\xe2\x82", 64), "??");              /* cut off */
    CHECK_TEXT(printable("\xff", 64), "?");
    CHECK_TEXT(printable("abcdef", 4), "abc");
    CHECK_TEXT(printable("ab\xe2\x82\xac", 5), "ab");         /* characters are not cut in two */
    CHECK_TEXT(printable("ab\xe2\x82\xac", 6), "ab\xe2\x82\xac");
    CHECK_TEXT(printable("abc", 1), "");
    CHECK(*printable("abc", 0) == '#');
}

int main(void)
{
    test_growth();
    test_growth_fails_once_and_for_all();
    test_double();
    test_format_is_that_of_printf();
    test_parse_is_that_of_strtod();
    test_count();
    test_uint64();
    test_nearest();
    test_printable();
    return CHECK_DONE();
}
