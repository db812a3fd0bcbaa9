/* test_json.c -- what the JSON reader takes and refuses, and that what is written reads back. */
#include "diffuse/json.h"

#include "check.h"

#include <stdlib.h>

/* Parses a copy that ends where the text ends, so that the sanitizer sees a read beyond it. */
static df_status parse(df_json **value, df_arena *arena, const char *text, size_t size, df_error *error)
{
    char *copy = malloc(size ? size : 1);
    if (!copy) abort();
    memcpy(copy, text, size);
    const df_status status = df_json_parse(value, arena, copy, size, error);
    free(copy);
    return status;
}

static df_status verdict(const char *text, size_t size)
{
    df_arena arena = {0};
    df_json *value;
    df_error error;
    const df_status status = parse(&value, &arena, text, size, &error);
    df_arena_free(&arena);
    return status;
}

static const char *const accepted[] = {
    "null", "true", "false", "0", "-0", "7", "-12", "2.385", "1e5", "1E+5", "1e-05", "0.5e3", "-0.0", "10",
    "123456789012345678901234567890", "1e999", "\"\"", "\"a\"", " \t\r\n null \n", "[]", "[ ]", "{}", "{ }",
    "[1]", "[1,2 , 3]", "[[],{}]", "{\"a\":1}", "{ \"a\" : 1 , \"b\" : [ ] }", "{\"\":0}",
    "{\"a\":1,\"A\":2}", "{\"a\":{\"a\":1}}", "[[[[[[[[]]]]]]]]", "[[[[[[[{}]]]]]]]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u00e9\"", "\"\\uD83D\\ude00\"", "\"\x7f\"", "\"\xc3\xa9\"",
    "\"\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\"", "\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"",
    "\"\xf4\x8f\xbf\xbf\"", "\"\xc2\x80\"", "\"\xe1\x80\x80\"", "\"\xf1\x80\x80\x80\"", "\"\\uAFaf\"",
};

static const char *const refused[] = {
    /* Numbers. */
    "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "1.e5", "0x10", "1_0", "NaN", "Infinity", "-Infinity",
    "inf", "--1", "1 2", "00", "1.5.2", "1e5e", "\xef\xbc\x91",
    /* Words. */
    "", " ", "nul", "nulls", "True", "tru", "t", "falsy", "undefined",
    /* Strings. */
    "\"", "\"a", "'a'", "\"\\", "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u\"", "\"\\U0041\"",
    "\"\\ \"", "\"\n\"", "\"\t\"", "\"\x1f\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\"",
    "\"\\ud800\\ud800\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\ud83d\\n\"", "\"\\ud83d",
    "\"\\u00/0\"", "\"\\u00:0\"", "\"\\u00@0\"", "\"\\u00G0\"", "\"\\u00`0\"", "\"\\udbff\\ue000\"",
    "\"\\udc00\\ud800\"", "\"\\udc00\\udc00\"", "\"\\ud83d\\ude0\"",
    /* UTF-8: a stray continuation, overlong forms, a surrogate, beyond U+10FFFF, cut short. */
    "\"\x80\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x9f\xbf\"", "\"\xf0\x8f\xbf\xbf\"",
    "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xff\"",
    "\"\xc3(\"", "\"\xe2(\x80\"", "\"\xe2\x82(\"", "\"\xf0\x9f\x98(\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xe2\x82", "\"\xf0\x9f\x98", "\"\xc3", "\xc3\xa9", "\xef\xbb\xbf{}",
    /* Arrays and objects. */
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1;2]", "{", "}", "{\"a\"", "{\"a\":",
    "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\" 1}",
    "{\"a\":1 \"b\":2}", "{\"a\":}", "[1}", "{\"a\":1]", "{\"a\":1}}", "[] []", "{}x", "[//\n]", "[/**/]",
    "[[[[[[[[[]]]]]]]]]", "[[[[[[[[{}]]]]]]]]", "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"\\u0061\":3}",
    "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "\v1", "\f1",
};

static void check_tables(void)
{
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        const df_status status = verdict(accepted[i], strlen(accepted[i]));
        CHECK(status == DF_OK);
        if (status != DF_OK) fprintf(stderr, "  refused: %s\n", accepted[i]);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const df_status status = verdict(refused[i], strlen(refused[i]));
        CHECK(status == DF_INPUT);
        if (status != DF_INPUT) fprintf(stderr, "  accepted: %s\n", refused[i]);
    }
    CHECK(verdict("1\0", 2) == DF_INPUT);
    CHECK(verdict("\"a\0b\"", 5) == DF_INPUT);
    CHECK(verdict("\"\\\0\"", 4) == DF_INPUT);
    CHECK(verdict("\0", 1) == DF_INPUT);
}

static void check_limits(void)
{
    enum { STRING_MAX = 65536, DEEP = 1000000 };
    char *text = malloc(DEEP);
    if (!text) abort();
    memset(text, 'x', DEEP);
    text[0] = text[STRING_MAX + 1] = '"';
    CHECK(verdict(text, STRING_MAX + 2) == DF_OK);
    text[STRING_MAX + 1] = 'x';
    text[STRING_MAX + 2] = '"';
    CHECK(verdict(text, STRING_MAX + 3) == DF_INPUT);

    memset(text, '[', DEEP);
    CHECK(verdict(text, DEEP) == DF_INPUT);
    free(text);
}

/* A quadratic search for duplicates would take minutes here. */
static void check_many_members(void)
{
    enum { MEMBERS = 90000 };
    df_text text = {0};
    df_text_add(&text, "{");
    for (int i = 0; i < MEMBERS; i++) df_text_add(&text, "\"%06d\":0,", (i * 7919) % MEMBERS);
    df_text_add(&text, "\"x\":0}");
    CHECK(!text.failed);
    CHECK(verdict(text.bytes, text.size) == DF_OK);
    memcpy(text.bytes + text.size - 12, "000003", 6);
    CHECK(verdict(text.bytes, text.size) == DF_INPUT);
    df_text_free(&text);
}

static void check_tree(void)
{
    const char text[] = " {\"name\" : \"a\\u00e9\\ud83d\\ude00\\/\\n\", "
                        "\"list\":[-2.50e+1, true,null,{}], \"no\":false}";
    df_arena arena = {0};
    df_json *root;
    df_error error;
    CHECK(parse(&root, &arena, text, sizeof text - 1, &error) == DF_OK);
    CHECK(root->kind == DF_JSON_OBJECT && root->count == 3 && root->offset == 1 && !root->next);

    const df_json *name = df_json_member(root, "name");
    CHECK(name && name->kind == DF_JSON_STRING);
    CHECK_TEXT(name->text, "a\xc3\xa9\xf0\x9f\x98\x80/\n");
    CHECK_TEXT(name->name, "name");

    const df_json *list = df_json_member(root, "list");
    CHECK(list && list->kind == DF_JSON_ARRAY && list->count == 4 && name->next == list);
    CHECK(list->child->kind == DF_JSON_NUMBER && !list->child->name);
    CHECK_TEXT(list->child->text, "-2.50e+1");
    CHECK(list->child->next->kind == DF_JSON_TRUE && list->child->next->next->kind == DF_JSON_NULL);
    CHECK(list->child->next->next->next->kind == DF_JSON_OBJECT && !list->child->next->next->next->next);

    CHECK(df_json_member(root, "no")->kind == DF_JSON_FALSE);
    CHECK(!df_json_member(root, "nam") && !df_json_member(root, "names") && !df_json_member(list, "name"));
    df_arena_free(&arena);
}

static void check_character(const char *text, const char *want)
{
    df_arena arena = {0};
    df_json *value;
    df_error error;
    CHECK(parse(&value, &arena, text, strlen(text), &error) == DF_OK);
    CHECK_TEXT(value->text, want);
    df_arena_free(&arena);
}

/* The first and the last of each length of UTF-8, and of what escapes can say. */
static void check_characters(void)
{
    check_character("\"\\u0001\\u007f\"", "\x01\x7f");
    check_character("\"\\u0080\\u07ff\"", "\xc2\x80\xdf\xbf");
    check_character("\"\\u0800\\u20ac\\ud7ff\"", "\xe0\xa0\x80\xe2\x82\xac\xed\x9f\xbf");
    check_character("\"\\ue000\\uffff\"", "\xee\x80\x80\xef\xbf\xbf");
    check_character("\"\\ud800\\udc00\\uD83D\\uDE00\"", "\xf0\x90\x80\x80\xf0\x9f\x98\x80");
    check_character("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf");
    check_character("\"\x7f\xc2\x80\xdf\xbf\"", "\x7f\xc2\x80\xdf\xbf");
    check_character("\"\xe0\xa0\x80\xef\xbf\xbf\"", "\xe0\xa0\x80\xef\xbf\xbf");
    check_character("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

static void check_message(const char *text, const char *want)
{
    df_arena arena = {0};
    df_json *value;
    df_error error = {0};
    CHECK(parse(&value, &arena, text, strlen(text), &error) == DF_INPUT);
    CHECK(error.status == DF_INPUT);
    CHECK_TEXT(error.message, want);
    df_arena_free(&arena);
}

static void check_messages(void)
{
    check_message("[1,", "byte 3: the text ends where a value should be");
    check_message("{\"a\":1;", "byte 6: ; stands where a comma or } should be");
    check_message("[\x7f]", "byte 1: byte 0x7f stands where a value should be");
    check_message("1 2", "byte 2: 2 stands where the end should be");
    check_message("\"\\u000 \"", "byte 6: byte 0x20 stands where one of four hexadecimal digits should be");
    check_message("\"\\ud83d\\u00\"", "byte 11: \" stands where one of four hexadecimal digits should be");
    check_message("{7:1}", "byte 1: 7 stands where a string should be");
    check_message("[\x01]", "byte 1: byte 0x01 stands where a value should be");
    check_message("{\"a\\u001b\":1,\"a\\u001b\":2}", "byte 23: a second member has the name \"a?\"");
    check_message("[[[[[[[[[", "byte 8: arrays and objects nest deeper than 8");
    check_message("\"ab\xff\"", "byte 3: the string is not UTF-8");
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

static void check_number(df_text *text, double want)
{
    text->size = 0;
    df_json_add_number(text, want);
    df_arena arena = {0};
    df_json *value;
    df_error error;
    const df_status status = df_json_parse(&value, &arena, text->bytes, text->size, &error);
    const double got = status == DF_OK ? strtod(value->text, NULL) : (double)NAN;
    CHECK(memcmp(&got, &want, sizeof got) == 0);
    df_arena_free(&arena);
}

static void check_numbers(void)
{
    df_text text = {0};
    const double values[] = {0, -0.0, 2.385, 0.1, 1.0 / 3, 1e300, 5e-324, 2.2250738585072014e-308,
                             1.7976931348623157e308, 9007199254740993.0, 1e15, 1e16, 1e17, 123456789.125};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) check_number(&text, values[i]);

    uint64_t state = 2385;
    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = next_random(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) check_number(&text, value);
    }
    df_text_free(&text);
}

static void check_written_number(double value, const char *want)
{
    df_text text = {0};
    df_json_add_number(&text, value);
    CHECK_TEXT(text.bytes, want);
    df_text_free(&text);
}

static void check_written_numbers(void)
{
    check_written_number(2.385, "2.385");
    check_written_number(0.1, "0.1");
    check_written_number(5e-324, "4.94065645841247e-324");
    check_written_number(0.1 + 0.7, "0.7999999999999999");
    check_written_number(0.1 + 0.2, "0.30000000000000004");
    check_written_number(-0.0, "-0");
    check_written_number(1e300, "1e+300");
    check_written_number((double)NAN, "null");
    check_written_number((double)-INFINITY, "null");
}

static void check_written_string(const char *value, const char *want)
{
    df_text text = {0};
    df_json_add_string(&text, value);
    CHECK_TEXT(text.bytes, want);
    CHECK(verdict(text.bytes, text.size) == DF_OK);
    df_text_free(&text);
}

static void check_strings(void)
{
    check_written_string("", "\"\"");
    check_written_string("a/b", "\"a/b\"");
    check_written_string("\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    check_written_string("\x01\x1b\x1f ", "\"\\u0001\\u001b\\u001f \"");
    check_written_string("\x7f\xc2\x80\xc2\x9f\xc2\xa0\xc3\x80", "\"\\u007f\\u0080\\u009f\xc2\xa0\xc3\x80\"");
    check_written_string("\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    check_written_string("a\xff\xc3", "\"a\\ufffd\\ufffd\"");
    check_written_string("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");

    char all[256];
    for (int i = 1; i < 128; i++) all[i - 1] = (char)i;
    all[127] = '\0';
    df_text text = {0};
    df_json_add_string(&text, all);
    df_arena arena = {0};
    df_json *value;
    df_error error;
    CHECK(df_json_parse(&value, &arena, text.bytes, text.size, &error) == DF_OK);
    CHECK_TEXT(value->text, all);
    df_arena_free(&arena);
    df_text_free(&text);
}

/* No byte that changes, and no end that comes early, may lead outside the text. */
static void check_mutations(void)
{
    const char source[] = "{\"a\":[1,-2.5e3,true],"
                          "\"b\\u00e9\\ud83d\\ude00\":{\"c\":null,\"d\":\"\xe2\x82\xac\"}}";
    enum { SIZE = sizeof source - 1 };
    uint64_t state = 1;
    int parsed = 0;
    for (int i = 0; i < 50000; i++) {
        char text[SIZE];
        memcpy(text, source, SIZE);
        for (int k = 0; k < 2; k++) text[next_random(&state) % SIZE] = (char)(next_random(&state) >> 7);
        parsed += verdict(text, SIZE) == DF_OK;
    }
    CHECK_BETWEEN(100, parsed, 49000);
    for (size_t size = 0; size < SIZE; size++) CHECK(verdict(source, size) == DF_INPUT);
    CHECK(verdict(source, SIZE) == DF_OK);
}

int main(void)
{
    check_tables();
    check_limits();
    check_many_members();
    check_tree();
    check_characters();
    check_messages();
    check_numbers();
    check_written_numbers();
    check_strings();
    check_mutations();
    return CHECK_DONE();
}
