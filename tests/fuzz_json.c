/* fuzz_json.c -- what the JSON reader accepts can be written and read again, and is then the same. */
#include "diffuse/json.h"

#include "fuzz.h"

static void write_value(df_text *out, const df_json *value)
{
    static const char *const words[] = {"null", "false", "true"};
    switch (value->kind) {
    case DF_JSON_NULL:
    case DF_JSON_FALSE:
    case DF_JSON_TRUE: df_text_add(out, "%s", words[value->kind]); return;
    case DF_JSON_NUMBER: df_text_add(out, "%s", value->text); return;
    case DF_JSON_STRING: df_json_add_string(out, value->text); return;
    case DF_JSON_ARRAY:
    case DF_JSON_OBJECT: break;
    }
    df_text_add(out, value->kind == DF_JSON_ARRAY ? "[" : "{");
    size_t count = 0;
    for (const df_json *child = value->child; child; child = child->next, count++) {
        if (count) df_text_add(out, ",");
        if (value->kind == DF_JSON_OBJECT) {
            df_json_add_string(out, child->name);
            df_text_add(out, ":");
            MUST(df_json_member(value, child->name) == child);
        }
        write_value(out, child);
    }
    MUST(count == value->count);
    df_text_add(out, value->kind == DF_JSON_ARRAY ? "]" : "}");
}

static void try_bytes(const char *bytes, size_t size)
{
    df_arena arena = {0};
    df_error error = {0};
    df_json *value;
    df_text once = {0}, twice = {0};
    const df_status status = df_json_parse(&value, &arena, bytes, size, &error);
    if (status == DF_OK) {
        write_value(&once, value);
        MUST(df_json_parse(&value, &arena, once.bytes, once.size, &error) == DF_OK);
        write_value(&twice, value);
        MUST(strcmp(once.bytes, twice.bytes) == 0);
    } else {
        MUST(status == error.status && error.message[0]);
    }
    df_text_free(&once);
    df_text_free(&twice);
    df_arena_free(&arena);
}
