/* json.c -- the JSON of RFC 8259: a recursive descent of bounded depth, and two functions to write it. */
#include "diffuse/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 8, STRING_MAX = 1 << 16 };

typedef struct parser {
    const char *bytes;
    size_t size, at;
    char *text; /* where the next string or number goes; each is shorter than its source, so they all fit */
    df_arena *arena;
    df_error *error;
} parser;

/* The next byte, or -1 at the end. */
static int peek(const parser *p)
{
    return p->at < p->size ? (unsigned char)p->bytes[p->at] : -1;
}

static bool take(parser *p, char wanted)
{
    if (peek(p) != (unsigned char)wanted) return false;
    p->at++;
    return true;
}

static void skip_blanks(parser *p)
{
    while (take(p, ' ') || take(p, '\n') || take(p, '\r') || take(p, '\t')) {
    }
}

static df_status refuse(const parser *p, size_t at, const char *why)
{
    return df_fail(p->error, DF_INPUT, "byte %zu: %s", at, why);
}

static df_status expected(const parser *p, const char *what)
{
    const int found = peek(p);
    if (found < 0)
        return df_fail(p->error, DF_INPUT, "byte %zu: the text ends where %s should be", p->at, what);
    if (found > ' ' && found < 0x7f)
        return df_fail(p->error, DF_INPUT, "byte %zu: %c stands where %s should be", p->at, found, what);
    return df_fail(p->error, DF_INPUT, "byte %zu: byte 0x%02x stands where %s should be", p->at,
                   (unsigned)found, what);
}

/* The length of the UTF-8 sequence at the start of `bytes`, or 0 when it is not one. */
static size_t utf8_size(const char *bytes, size_t left)
{
    const unsigned first = (unsigned char)bytes[0];
    if (first < 0x80) return 1;
    const size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (size > left) return 0;
    for (size_t i = 1; i < size; i++)
        if (((unsigned char)bytes[i] & 0xc0) != 0x80) return 0;
    if (size < 3) return size;

    const unsigned second = (unsigned char)bytes[1];
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool surrogate = first == 0xed && second >= 0xa0;
    const bool beyond_unicode = first == 0xf4 && second >= 0x90;
    return overlong || surrogate || beyond_unicode ? 0 : size;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (code & 0x3f));
    return out;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* The number after \u. */
static df_status parse_four_hex(parser *p, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        const int c = peek(p);
        const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return expected(p, "one of four hexadecimal digits");
        *code = *code << 4 | (uint32_t)digit;
        p->at++;
    }
    return DF_OK;
}

/* What follows \u. Characters beyond 16 bits are two escapes: a high surrogate and a low one. */
static df_status parse_code(parser *p)
{
    const size_t start = p->at;
    uint32_t code;
    DF_TRY(parse_four_hex(p, &code));
    if (code >= 0xd800 && code < 0xe000) {
        uint32_t low = 0;
        if (code < 0xdc00 && take(p, '\\') && take(p, 'u')) DF_TRY(parse_four_hex(p, &low));
        if (low < 0xdc00 || low >= 0xe000) return refuse(p, start, "a lone surrogate is no character");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0) return refuse(p, start, "a string with a NUL character is not accepted");
    p->text = put_utf8(p->text, code);
    return DF_OK;
}

static const char escape_letters[] = "\"\\/bfnrt";
static const char escaped_bytes[] = "\"\\/\b\f\n\r\t";

static df_status parse_escape(parser *p)
{
    if (take(p, 'u')) return parse_code(p);
    const int c = peek(p);
    const char *letter = c > 0 ? strchr(escape_letters, c) : NULL;
    if (!letter) return expected(p, "an escape, one of \" \\ / b f n r t u,");
    *p->text++ = escaped_bytes[letter - escape_letters];
    p->at++;
    return DF_OK;
}

static df_status parse_character(parser *p)
{
    const int c = peek(p);
    if (c < 0) return expected(p, "the closing quote of a string");
    if (c < ' ') return refuse(p, p->at, "a control character in a string must be written as an escape");
    if (take(p, '\\')) return parse_escape(p);
    const size_t size = utf8_size(p->bytes + p->at, p->size - p->at);
    if (!size) return refuse(p, p->at, "the string is not UTF-8");
    memcpy(p->text, p->bytes + p->at, size);
    p->text += size;
    p->at += size;
    return DF_OK;
}

static df_status parse_string(parser *p, const char **text)
{
    const size_t start = p->at;
    if (!take(p, '"')) return expected(p, "a string");
    *text = p->text;
    while (!take(p, '"')) DF_TRY(parse_character(p));
    if ((size_t)(p->text - *text) > STRING_MAX) return refuse(p, start, "a string is longer than 64 KiB");
    *p->text++ = '\0';
    return DF_OK;
}

static bool take_digits(parser *p)
{
    const size_t start = p->at;
    while (is_digit(peek(p))) p->at++;
    return p->at > start;
}

static df_status parse_number(parser *p, const char **text)
{
    const size_t start = p->at;
    take(p, '-');
    if (!take(p, '0') && !take_digits(p)) return expected(p, "a digit");
    if (take(p, '.') && !take_digits(p)) return expected(p, "a digit");
    if (take(p, 'e') || take(p, 'E')) {
        if (!take(p, '+')) take(p, '-');
        if (!take_digits(p)) return expected(p, "a digit");
    }
    *text = p->text;
    memcpy(p->text, p->bytes + start, p->at - start);
    p->text += p->at - start;
    *p->text++ = '\0';
    return DF_OK;
}

static df_status parse_word(parser *p, const char *word)
{
    for (; *word; word++)
        if (!take(p, *word)) return expected(p, "the rest of null, true or false");
    return DF_OK;
}

static int by_name_then_offset(const void *left, const void *right)
{
    const df_json *a = *(const df_json *const *)left, *b = *(const df_json *const *)right;
    const int order = strcmp(a->name, b->name);
    return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

/* Sorts, because comparing every pair would let a hostile megabyte cost minutes. */
static df_status check_names_differ(const parser *p, const df_json *object)
{
    const df_json **members;
    DF_NEW(p->arena, members, object->count, p->error);
    size_t count = 0;
    for (const df_json *member = object->child; member; member = member->next) members[count++] = member;
    qsort(members, count, sizeof *members, by_name_then_offset);

    for (size_t i = 1; i < count; i++)
        if (strcmp(members[i - 1]->name, members[i]->name) == 0) {
            char name[80];
            df_printable(name, sizeof name, members[i]->name);
            return df_fail(p->error, DF_INPUT, "byte %zu: a second member has the name \"%s\"",
                           members[i]->offset, name);
        }
    return DF_OK;
}

static df_status parse_value(parser *p, size_t depth, df_json **value);

static df_status parse_member_name(parser *p, const char **name)
{
    skip_blanks(p);
    DF_TRY(parse_string(p, name));
    skip_blanks(p);
    return take(p, ':') ? DF_OK : expected(p, "a colon");
}

/* The rest of an array or object whose opening bracket has been taken. */
static df_status parse_children(parser *p, size_t depth, df_json *parent)
{
    const bool is_object = parent->kind == DF_JSON_OBJECT;
    const char close = is_object ? '}' : ']';
    if (depth > DEPTH_MAX) return refuse(p, parent->offset, "arrays and objects nest deeper than 8");
    skip_blanks(p);
    if (take(p, close)) return DF_OK;

    df_json **tail = &parent->child;
    do {
        const char *name = NULL;
        if (is_object) DF_TRY(parse_member_name(p, &name));
        DF_TRY(parse_value(p, depth, tail));
        (*tail)->name = name;
        tail = &(*tail)->next;
        parent->count++;
        skip_blanks(p);
    } while (take(p, ','));
    if (!take(p, close)) return expected(p, is_object ? "a comma or }" : "a comma or ]");
    return is_object && parent->count > 1 ? check_names_differ(p, parent) : DF_OK;
}

static df_status parse_value(parser *p, size_t depth, df_json **value)
{
    skip_blanks(p);
    df_json *node;
    DF_NEW(p->arena, node, 1, p->error);
    node->offset = p->at;
    *value = node;

    const int first = peek(p);
    switch (first) {
    case '{':
    case '[':
        p->at++;
        node->kind = first == '{' ? DF_JSON_OBJECT : DF_JSON_ARRAY;
        return parse_children(p, depth + 1, node);
    case '"':
        node->kind = DF_JSON_STRING;
        return parse_string(p, &node->text);
    case 'n':
        node->kind = DF_JSON_NULL;
        return parse_word(p, "null");
    case 'f':
        node->kind = DF_JSON_FALSE;
        return parse_word(p, "false");
    case 't':
        node->kind = DF_JSON_TRUE;
        return parse_word(p, "true");
    default:
        if (first != '-' && !is_digit(first)) return expected(p, "a value");
        node->kind = DF_JSON_NUMBER;
        return parse_number(p, &node->text);
    }
}

df_status df_json_parse(df_json **value, df_arena *arena, const char *bytes, size_t size, df_error *error)
{
    parser p = {.bytes = bytes, .size = size, .arena = arena, .error = error};
    /* A string loses its quotes and a number is followed by a byte or by the end: room for every NUL. */
    DF_NEW(arena, p.text, size + 1, error);
    DF_TRY(parse_value(&p, 0, value));
    skip_blanks(&p);
    return p.at == size ? DF_OK : expected(&p, "the end");
}

const df_json *df_json_member(const df_json *object, const char *name)
{
    if (object->kind != DF_JSON_OBJECT) return NULL;
    for (const df_json *member = object->child; member; member = member->next)
        if (strcmp(member->name, name) == 0) return member;
    return NULL;
}

void df_json_add_string(df_text *out, const char *text)
{
    const char *const end = text + strlen(text);
    df_text_add(out, "\"");
    while (text < end) {
        const size_t size = utf8_size(text, (size_t)(end - text));
        const unsigned char c = (unsigned char)*text;
        const char *escaped = c == '/' ? NULL : strchr(escaped_bytes, c);
        const bool high_control = c == 0xc2 && size == 2 && (unsigned char)text[1] < 0xa0; /* U+0080 to U+009F */
        if (!size)
            df_text_add(out, "\\ufffd");
        else if (escaped)
            df_text_add(out, "\\%c", escape_letters[escaped - escaped_bytes]);
        else if (c < ' ' || c == '<' || c == 0x7f || high_control)
            df_text_add(out, "\\u%04x", (unsigned)(unsigned char)text[high_control]);
        else
            df_text_add_bytes(out, text, size);
        text += size ? size : 1;
    }
    df_text_add(out, "\"");
}

void df_json_add_number(df_text *out, double value)
{
    if (!isfinite(value)) {
        df_text_add(out, "null");
        return;
    }
    char digits[32];
    int precision = 15; /* 17 are enough for every double */
    do snprintf(digits, sizeof digits, "%.*g", precision, value);
    while (precision++ < 17 && strtod(digits, NULL) != value);
    df_text_add(out, "%s", digits);
}
