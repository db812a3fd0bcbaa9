/* test_safetensors.c -- hostile and damaged files are refused, and what is written reads back. */
#include "diffuse/safetensors.h"

#include "check.h"
#include "diffuse/file.h"
#include "diffuse/text.h"

#include <stdlib.h>
#include <unistd.h>

/* Parses a copy that ends where the file ends, so that the sanitizer sees a read beyond it. */
static df_status parse(df_safetensors *file, df_arena *arena, const char *bytes, size_t size, df_error *error)
{
    char *copy = malloc(size ? size : 1);
    if (!copy) abort();
    memcpy(copy, bytes, size);
    const df_status status = df_safetensors_parse(file, arena, "test.safetensors", copy, size, error);
    for (size_t i = 0; status == DF_OK && i < file->tensor_count; i++) {
        const size_t begin = (size_t)((const char *)file->tensors[i].bytes - copy);
        file->tensors[i].bytes = (const unsigned char *)bytes + begin;
    }
    free(copy);
    return status;
}

static df_status verdict(const char *bytes, size_t size, df_error *error)
{
    df_arena arena = {0};
    df_safetensors file;
    const df_status status = parse(&file, &arena, bytes, size, error);
    df_arena_free(&arena);
    return status;
}

static void add_size(df_text *out, uint64_t size)
{
    for (int i = 0; i < 8; i++) {
        const char byte = (char)(size >> 8 * i);
        df_text_add_bytes(out, &byte, 1);
    }
}

/* A file with this header and as many bytes of data. */
static df_text assemble(const char *header, size_t data_size)
{
    df_text out = {0};
    add_size(&out, strlen(header));
    df_text_add(&out, "%s", header);
    for (size_t i = 0; i < data_size; i++) {
        const char byte = (char)(i * 37 + 11);
        df_text_add_bytes(&out, &byte, 1);
    }
    if (out.failed) abort();
    return out;
}

/* A header that holds one tensor of 2 x 2 floats, with this in the place of its description. */
#define ONE(description) "{\"a\":" description "}"
#define GOOD "{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define SHAPED(dtype, shape, offsets) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct header_case {
    const char *header;
    size_t data_size;
    df_status want;
} cases[] = {
    {ONE(GOOD), 16, DF_OK},
    {"{}", 0, DF_OK},
    {"{\"__metadata__\":{}}", 0, DF_OK},
    {"  \n\t" ONE(GOOD) "   ", 16, DF_OK},
    {ONE(GOOD) " \n", 16, DF_OK},
    {"{\"a\":{\"data_offsets\":[0,16],\"shape\":[2,2],\"dtype\":\"F32\"}}", 16, DF_OK},
    {"{\"a\":" GOOD ",\"__metadata__\":{\"k\":\"v\"}}", 16, DF_OK},
    {"{\"__metadata__\":null,\"a\":" GOOD "}", 16, DF_OK},
    {"{\"__metadata__\":{\"\":\"\",\"k\":\"\\u001b\"},\"a\":" GOOD "}", 16, DF_OK},
    {"{\"caf\xc3\xa9\":" GOOD "}", 16, DF_OK},
    {"{\"caf\\u00e9\":" GOOD "}", 16, DF_OK},
    {"{\"b\":" SHAPED("F32", "[1]", "[16,20]") ",\"a\":" GOOD "}", 20, DF_OK},
    {ONE(SHAPED("F32", "[]", "[0,4]")), 4, DF_OK},
    {ONE(SHAPED("F32", "[0]", "[0,0]")), 0, DF_OK},
    {ONE(SHAPED("F32", "[0,16777216,16777216,16777216]", "[0,0]")), 0, DF_OK},
    {"{\"e\":" SHAPED("F32", "[0]", "[0,0]") ",\"a\":" GOOD "}", 16, DF_OK},
    {"{\"a\":" GOOD ",\"e\":" SHAPED("F32", "[0]", "[0,0]") "}", 16, DF_OK},
    {"{\"f\":" SHAPED("F64", "[3,0]", "[16,16]") ",\"a\":" GOOD "}", 16, DF_OK},
    {ONE(SHAPED("F32", "[1,1,1,1]", "[0,4]")), 4, DF_OK},

    /* Every dtype, and sizes below a byte. */
    {ONE(SHAPED("BOOL", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F4", "[6]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F4", "[3]", "[0,2]")), 2, DF_INPUT},
    {ONE(SHAPED("F4", "[3]", "[0,1]")), 1, DF_INPUT},
    {ONE(SHAPED("F6_E2M3", "[4]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F6_E3M2", "[2,2]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F6_E3M2", "[3]", "[0,3]")), 3, DF_INPUT},
    {ONE(SHAPED("U8", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("I8", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F8_E5M2", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F8_E4M3", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F8_E8M0", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F8_E4M3FNUZ", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("F8_E5M2FNUZ", "[3]", "[0,3]")), 3, DF_OK},
    {ONE(SHAPED("I16", "[3]", "[0,6]")), 6, DF_OK},
    {ONE(SHAPED("U16", "[3]", "[0,6]")), 6, DF_OK},
    {ONE(SHAPED("F16", "[3]", "[0,6]")), 6, DF_OK},
    {ONE(SHAPED("BF16", "[3]", "[0,6]")), 6, DF_OK},
    {ONE(SHAPED("I32", "[3]", "[0,12]")), 12, DF_OK},
    {ONE(SHAPED("U32", "[3]", "[0,12]")), 12, DF_OK},
    {ONE(SHAPED("C64", "[3]", "[0,24]")), 24, DF_OK},
    {ONE(SHAPED("F64", "[3]", "[0,24]")), 24, DF_OK},
    {ONE(SHAPED("I64", "[3]", "[0,24]")), 24, DF_OK},
    {ONE(SHAPED("U64", "[3]", "[0,24]")), 24, DF_OK},
    {ONE(SHAPED("f32", "[2,2]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F33", "[2,2]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("", "[2,2]", "[0,16]")), 16, DF_INPUT},
    {ONE("{\"dtype\":32,\"shape\":[2,2],\"data_offsets\":[0,16]}"), 16, DF_INPUT},
    {ONE("{\"dtype\":null,\"shape\":[2,2],\"data_offsets\":[0,16]}"), 16, DF_INPUT},

    /* Metadata. */
    {"{\"__metadata__\":{\"k\":1},\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":{\"k\":{\"l\":\"m\"}},\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":{\"k\":null},\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":[],\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":\"k\",\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":{},\"__metadata__\":{},\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"},\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":" GOOD "}", 16, DF_INPUT},

    /* JSON. */
    {"", 16, DF_INPUT},
    {"[]", 0, DF_INPUT},
    {"null", 0, DF_INPUT},
    {"\"a\"", 0, DF_INPUT},
    {ONE(GOOD) "x", 16, DF_INPUT},
    {ONE(GOOD) ONE(GOOD), 16, DF_INPUT},
    {"\xef\xbb\xbf" ONE(GOOD), 16, DF_INPUT},
    {"{\"a\":" GOOD ",}", 16, DF_INPUT},
    {"{\"a\":" GOOD "/**/}", 16, DF_INPUT},
    {ONE(SHAPED("F32", "[NaN,2]", "[0,16]")), 16, DF_INPUT},
    {"{\"a\n\":" GOOD "}", 16, DF_INPUT},
    {"{\"\\ud800\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\xff\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\":[[[[[[[[[[]]]]]]]]]]}", 16, DF_INPUT},

    /* Names. */
    {"{\"\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\\n\":" GOOD "}", 16, DF_INPUT},
    {"{\"\\u001b[2J\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\\u007f\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\\u009b2J\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\\u0000\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\":" GOOD ",\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"a\":" GOOD ",\"\\u0061\":" SHAPED("F32", "[1]", "[16,20]") "}", 20, DF_INPUT},

    /* The description of a tensor. */
    {"{\"a\":null}", 0, DF_INPUT},
    {ONE("[\"F32\",[2,2],[0,16]]"), 16, DF_INPUT},
    {ONE("{\"shape\":[2,2],\"data_offsets\":[0,16]}"), 16, DF_INPUT},
    {ONE("{\"dtype\":\"F32\",\"data_offsets\":[0,16]}"), 16, DF_INPUT},
    {ONE("{\"dtype\":\"F32\",\"shape\":[2,2]}"), 16, DF_INPUT},
    {ONE("{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16],\"foo\":1}"), 16, DF_INPUT},
    {ONE("{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"), 16, DF_INPUT},

    /* Shapes. */
    {ONE(SHAPED("F32", "null", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "4", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "{\"0\":4}", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2.0,2]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[4e0]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[-4]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[-0]", "[0,0]")), 0, DF_INPUT},
    {ONE(SHAPED("F32", "[04]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[\"4\"]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[[4]]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[true,4]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[1,1,1,1,4]", "[0,16]")), 16, DF_LIMIT},
    {ONE(SHAPED("F32", "[16777217,0]", "[0,0]")), 0, DF_LIMIT},
    {ONE(SHAPED("F32", "[0,18446744073709551615,18446744073709551615]", "[0,0]")), 0, DF_LIMIT},
    {ONE(SHAPED("F32", "[16777216,16777216,0]", "[0,0]")), 0, DF_LIMIT},
    {ONE(SHAPED("F32", "[18446744073709551616]", "[0,0]")), 0, DF_INPUT},
    {ONE(SHAPED("F32", "[4294967296,4294967296]", "[0,0]")), 0, DF_LIMIT},
    {ONE(SHAPED("F32", "[65536,65536,65536,65536]", "[0,0]")), 0, DF_LIMIT},
    {ONE(SHAPED("F32", "[2,3]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F64", "[2,2]", "[0,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[]", "[0,0]")), 0, DF_INPUT},

    /* Offsets. */
    {ONE(SHAPED("F32", "[2,2]", "[0,16.0]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[0,-16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[0]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[0,8,16]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "null")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "{\"begin\":0,\"end\":16}")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[16,0]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[4,20]")), 20, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[0,18446744073709551616]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[2,2]", "[18446744073709551600,18446744073709551615]")), 16, DF_INPUT},
    {ONE(SHAPED("F32", "[0]", "[18446744073709551615,18446744073709551615]")), 0, DF_INPUT},
    {ONE(GOOD), 15, DF_INPUT},
    {ONE(GOOD), 17, DF_INPUT},
    {ONE(GOOD), 0, DF_INPUT},
    {"{}", 1, DF_INPUT},
    {"{\"a\":" GOOD ",\"b\":" SHAPED("F32", "[1]", "[20,24]") "}", 24, DF_INPUT},
    {"{\"a\":" GOOD ",\"b\":" SHAPED("F32", "[1]", "[12,16]") "}", 16, DF_INPUT},
    {"{\"a\":" GOOD ",\"b\":" SHAPED("F32", "[2,2]", "[0,16]") "}", 16, DF_INPUT},
    {"{\"a\":" GOOD ",\"b\":" SHAPED("F32", "[0]", "[8,8]") "}", 16, DF_INPUT},
    {ONE(SHAPED("F32", "[0]", "[0,0]")), 3, DF_INPUT},

    /* Checksums. */
    {"{\"__metadata__\":{\"diffuse.crc32c\":\"00000000\"}}", 0, DF_OK},
    {"{\"__metadata__\":{\"diffuse.crc32c\":\"0\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.crc32c\":\"\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.crc32c\":\"00000000\"},\"a\":" GOOD "}", 16, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":\"55a12065\"}}", 0, DF_OK},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":\"55a1206\\u0035\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":\"55A12065\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":\"\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":\"0\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":\"000000000\"}}", 0, DF_INPUT},
    {"{\"__metadata__\":{\"diffuse.header_crc32c\":0}}", 0, DF_INPUT},
};

static void check_headers(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        df_text bytes = assemble(cases[i].header, cases[i].data_size);
        df_error error = {0};
        const df_status status = verdict(bytes.bytes, bytes.size, &error);
        CHECK(status == cases[i].want);
        if (status != cases[i].want)
            fprintf(stderr, "  status %d, not %d: %s\n  %s\n", (int)status, (int)cases[i].want,
                    cases[i].header, error.message);
        CHECK(status == DF_OK || strncmp(error.message, "test.safetensors: ", 18) == 0);
        CHECK(!strchr(error.message, '\x1b'));
        df_text_free(&bytes);
    }
}

/* The first eight bytes, with 16 bytes behind them. */
static void check_header_sizes(void)
{
    const uint64_t sizes[] = {0, 1, 15, 17, 1 << 20, 100000000, UINT32_MAX, UINT64_MAX / 2, UINT64_MAX - 7,
                              UINT64_MAX};
    df_error error;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        df_text bytes = {0};
        add_size(&bytes, sizes[i]);
        df_text_add(&bytes, "%16s", "{}");
        CHECK(verdict(bytes.bytes, bytes.size, &error) == DF_INPUT);
        df_text_free(&bytes);
    }
    for (size_t size = 0; size < 8; size++) CHECK(verdict("\2\0\0\0\0\0\0", size, &error) == DF_INPUT);
    CHECK(verdict("\2\0\0\0\0\0\0\0{}", 10, &error) == DF_OK);
    CHECK(verdict("\3\0\0\0\0\0\0\0{}\0", 11, &error) == DF_INPUT);

    /* More data than is read is refused before anything of it is looked at. */
    df_arena arena = {0};
    df_safetensors file;
    const size_t most = (size_t)1 << 30;
    CHECK(df_safetensors_parse(&file, &arena, "m", "\2\0\0\0\0\0\0\0{}", 10 + most + 1, &error) == DF_LIMIT);
    CHECK_TEXT(error.message, "m: the tensors have 1073741825 bytes; at most 1073741824 are supported");
    CHECK(df_safetensors_parse(&file, &arena, "m", "\2\0\0\0\0\0\0\0{}", 10 + most, &error) == DF_INPUT);
    CHECK_TEXT(error.message, "m: 1073741824 bytes follow the last tensor; the file is damaged");
    CHECK(df_safetensors_parse(&file, &arena, "m", "\3\0\0\0\0\0\0\0{}", 10, &error) == DF_INPUT);
    CHECK(strstr(error.message, "should have 3 bytes but 2 follow") != NULL);
    df_arena_free(&arena);
}

/* A header of spaces up to 1 MiB, and one byte more. */
static void check_largest_header(void)
{
    enum { HEADER_MAX = 1 << 20 };
    df_error error;
    for (size_t more = 0; more < 2; more++) {
        df_text bytes = {0};
        add_size(&bytes, HEADER_MAX + more);
        df_text_add(&bytes, "%*s", (int)(HEADER_MAX + more), "{}");
        CHECK(verdict(bytes.bytes, bytes.size, &error) == (more ? DF_LIMIT : DF_OK));
        df_text_free(&bytes);
    }
}

static void check_most_tensors(void)
{
    df_error error;
    for (int count = DF_TENSORS_MAX; count <= DF_TENSORS_MAX + 1; count++) {
        df_text header = {0};
        df_text_add(&header, "{\"__metadata__\":{}");
        for (int i = 0; i < count; i++)
            df_text_add(&header, ",\"%d\":" SHAPED("U8", "[1]", "[%d,%d]"), i, count - 1 - i, count - i);
        df_text_add(&header, "}");
        df_text bytes = assemble(header.bytes, (size_t)count);
        CHECK(verdict(bytes.bytes, bytes.size, &error) == (count > DF_TENSORS_MAX ? DF_LIMIT : DF_OK));
        df_text_free(&bytes);
        df_text_free(&header);
    }
}

static void check_message(const char *header, size_t data_size, const char *want)
{
    df_text bytes = assemble(header, data_size);
    df_error error = {0};
    CHECK(verdict(bytes.bytes, bytes.size, &error) != DF_OK);
    CHECK_TEXT(error.message, want);
    df_text_free(&bytes);
}

static void check_messages(void)
{
    check_message("{\"net.2.weight\":" SHAPED("F32", "[129,128]", "[0,65536]") "}", 65536,
                  "test.safetensors: tensor 'net.2.weight' says 65536 bytes but its shape needs 66048; "
                  "the file is damaged or was not written by diffuse");
    check_message(ONE(GOOD) ";", 16,
                  "test.safetensors: in the header: byte 57: ; stands where the end should be");
    check_message("{\"__metadata__\":{\"diffuse.crc32c\":\"\\u001b[2J\"}}", 0,
                  "test.safetensors: the checksum of the tensors is 00000000 but the file says '?[2J'; "
                  "the file is damaged");
    check_message(ONE(SHAPED("F32", "[20000000]", "[0,16]")), 16,
                  "test.safetensors: tensor 'a' has a dimension of 20000000; at most 16777216 is supported");
}

/* The little-endian bytes of numbers, whatever the machine's own order. */
static void put_float(unsigned char *bytes, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(bits >> 8 * i);
}

static void put_double(unsigned char *bytes, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(bits >> 8 * i);
}

static const float weights[6] = {2.385f, -0.0f, 1e-45f, 3.4028235e38f, -1.0f / 3, 0.1f};
static const double moments[3] = {2.385, -5e-324, 1.0 / 3};
static const df_metadata notes[] = {
    {"format", "pt"},
    {"zeta", "{\"layers\":[2,3]}\n"},
    {"alpha", "caf\xc3\xa9 \x1b \"quoted\" \\"},
    {"empty", ""},
};
enum { NOTES = sizeof notes / sizeof *notes, TENSORS = 4 };

typedef struct example {
    unsigned char weight[24], moment[24], scale[4];
    df_tensor_view tensors[TENSORS];
} example;

static void fill(example *e)
{
    for (int i = 0; i < 6; i++) put_float(e->weight + 4 * i, weights[i]);
    for (int i = 0; i < 3; i++) put_double(e->moment + 8 * i, moments[i]);
    put_float(e->scale, 0.7251f);
    const df_tensor_view tensors[TENSORS] = {
        {.name = "net.0.weight", .dtype = "F32", .rank = 2, .shape = {2, 3}, .bytes = e->weight, .size = 24},
        {.name = "empty", .dtype = "F32", .rank = 3, .shape = {2, 0, 5}, .bytes = NULL, .size = 0},
        {.name = "adam.moment", .dtype = "F64", .rank = 1, .shape = {3}, .bytes = e->moment, .size = 24},
        {.name = "scale \xc3\xa9", .dtype = "F32", .rank = 0, .bytes = e->scale, .size = 4},
    };
    memcpy(e->tensors, tensors, sizeof tensors);
}

static char folder[256];

/* A path in a folder of this test's own; one at a time. */
static const char *in_folder(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/test_safetensors.XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) abort();
}

static df_status write_example(const char *name, bool overwrite, df_error *error)
{
    example e;
    fill(&e);
    return df_safetensors_write(in_folder(name), overwrite, notes, NOTES, e.tensors, TENSORS, error);
}

static void read_bytes(df_arena *arena, const char *name, char **bytes, size_t *size)
{
    df_error error;
    *bytes = NULL;
    *size = 0;
    CHECK(df_read_file(arena, in_folder(name), 1 << 20, bytes, size, &error) == DF_OK);
}

static bool same_shape(const df_tensor_view *a, const df_tensor_view *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

static bool same_content(const df_tensor_view *a, const df_tensor_view *b)
{
    return strcmp(a->dtype, b->dtype) == 0 && a->size == b->size &&
           (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static void check_round_trip(void)
{
    df_error error = {0};
    CHECK(write_example("m.safetensors", false, &error) == DF_OK);
    CHECK_TEXT(error.message, "");
    df_arena arena = {0};
    df_safetensors file;
    CHECK(df_safetensors_read(&file, &arena, in_folder("m.safetensors"), &error) == DF_OK);

    CHECK(file.metadata_count == NOTES + 2 && file.crc_given);
    CHECK((file.file_size - (24 + 24 + 4)) % 64 == 0);
    for (size_t i = 0; i < NOTES; i++) {
        CHECK_TEXT(file.metadata[i].name, notes[i].name);
        CHECK_TEXT(df_safetensors_meta(&file, notes[i].name), notes[i].value);
    }
    CHECK_TEXT(file.metadata[NOTES].name, "diffuse.crc32c");
    CHECK_TEXT(file.metadata[NOTES + 1].name, "diffuse.header_crc32c");
    CHECK(!df_safetensors_meta(&file, "forma"));

    example e;
    fill(&e);
    CHECK(file.tensor_count == TENSORS);
    for (size_t i = 0; i < TENSORS; i++) {
        const df_tensor_view *tensor = df_safetensors_find(&file, e.tensors[i].name);
        CHECK(tensor == &file.tensors[i]);
        CHECK(same_shape(tensor, &e.tensors[i]) && same_content(tensor, &e.tensors[i]));
    }
    CHECK(!df_safetensors_find(&file, "net.0") && !df_safetensors_find(&file, "__metadata__"));
    for (size_t i = 0; i < 6; i++) CHECK(df_tensor_at(&file.tensors[0], i) == (double)weights[i]);
    for (size_t i = 0; i < 3; i++) CHECK(df_tensor_at(&file.tensors[2], i) == moments[i]);
    CHECK(signbit(df_tensor_at(&file.tensors[0], 1)));
    CHECK(df_tensor_at(&file.tensors[3], 0) == (double)0.7251f);
    df_arena_free(&arena);
}

/* The layout itself: the size, the order of the header, the padding, the bytes. */
static void check_layout(void)
{
    const unsigned char one[4] = {0, 0, 0x80, 0x3f};
    const df_metadata note = {"k", "v"};
    const df_tensor_view tensor = {
        .name = "w", .dtype = "F32", .rank = 1, .shape = {1}, .bytes = one, .size = sizeof one,
    };
    df_error error = {0};
    CHECK(df_safetensors_write(in_folder("l"), false, &note, 1, &tensor, 1, &error) == DF_OK);

    df_arena arena = {0};
    char *bytes;
    size_t size;
    read_bytes(&arena, "l", &bytes, &size);
    char want[192];
    snprintf(want, sizeof want,
             "{\"__metadata__\":{\"k\":\"v\",\"diffuse.crc32c\":\"%08x\",\"diffuse.header_crc32c\":\"7e9b5004\"},"
             "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
             (unsigned)df_crc32c(0, one, sizeof one));
    const size_t header_size = 184;
    CHECK(size == 8 + header_size + 4);
    CHECK(memcmp(bytes, "\xb8\0\0\0\0\0\0\0", 8) == 0);
    CHECK(memcmp(bytes + 8, want, strlen(want)) == 0);
    for (size_t i = 8 + strlen(want); i < 8 + header_size; i++) CHECK(bytes[i] == ' ');
    CHECK(memcmp(bytes + 8 + header_size, one, sizeof one) == 0);
    df_arena_free(&arena);
    unlink(in_folder("l"));
}

static void check_same_bytes_twice(void)
{
    df_error error;
    CHECK(write_example("again", false, &error) == DF_OK);
    df_arena arena = {0};
    char *first, *second;
    size_t first_size, second_size;
    read_bytes(&arena, "m.safetensors", &first, &first_size);
    read_bytes(&arena, "again", &second, &second_size);
    CHECK(first_size == second_size && first_size > 0 && memcmp(first, second, first_size) == 0);
    CHECK(write_example("again", false, &error) != DF_OK);
    CHECK(write_example("again", true, &error) == DF_OK);
    df_arena_free(&arena);
    unlink(in_folder("again"));
}

static void check_truncations(const char *bytes, size_t size)
{
    df_error error;
    for (size_t kept = 0; kept < size; kept++) CHECK(verdict(bytes, kept, &error) == DF_INPUT);
    CHECK(verdict(bytes, size, &error) == DF_OK);
}

/* Any flip is refused, but in the name of the header's checksum, where it makes a note of another name of it. */
static void check_bit_flips(char *bytes, size_t size)
{
    static const char key[] = "diffuse.header_crc32c";
    example e;
    fill(&e);
    size_t survived = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        const char mask = (char)(1 << bit % 8);
        bytes[bit / 8] ^= mask;
        df_arena arena = {0};
        df_safetensors file;
        df_error error;
        if (parse(&file, &arena, bytes, size, &error) == DF_OK) {
            survived++;
            CHECK(!df_safetensors_meta(&file, key));
            for (size_t i = 0; i < NOTES; i++) CHECK_TEXT(df_safetensors_meta(&file, notes[i].name), notes[i].value);
            CHECK(file.tensor_count == TENSORS);
            for (size_t i = 0; i < TENSORS; i++)
                CHECK(same_content(&file.tensors[i], &e.tensors[i]) && same_shape(&file.tensors[i], &e.tensors[i]));
        }
        df_arena_free(&arena);
        bytes[bit / 8] ^= mask;
    }
    CHECK_BETWEEN(1, (double)survived, 8 * (double)strlen(key));
}

static void check_damage(void)
{
    df_arena arena = {0};
    char *bytes;
    size_t size;
    read_bytes(&arena, "m.safetensors", &bytes, &size);
    check_truncations(bytes, size);
    check_bit_flips(bytes, size);
    df_arena_free(&arena);
}

/* Several changed bytes in the header; nothing to expect but that no check is passed by luck into a crash. */
static void check_mutations(void)
{
    const char *header =
        "{\"__metadata__\":{\"k\":\"v\"},\"b\":" SHAPED("F64", "[1]", "[16,24]") ",\"a\":" GOOD "}";
    df_text good = assemble(header, 24);
    static const char letters[] = "0123456789[]{},:\"\\-eEF.u ";
    uint64_t state = 2385;
    int passed = 0;
    for (int i = 0; i < 30000; i++) {
        df_text bytes = {0};
        df_text_add_bytes(&bytes, good.bytes, good.size);
        for (int k = 0; k <= i % 3; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bytes.bytes[8 + (state >> 33) % strlen(header)] = letters[(state >> 20) % (sizeof letters - 1)];
        }
        df_error error;
        passed += verdict(bytes.bytes, bytes.size, &error) == DF_OK;
        df_text_free(&bytes);
    }
    CHECK_BETWEEN(100, passed, 10000);
    df_text_free(&good);
}

static void check_refused_writing(void)
{
    example e;
    fill(&e);
    df_error error = {0};
    const char *path = in_folder("refused");

    e.tensors[1].name = e.tensors[0].name;
    CHECK(df_safetensors_write(path, false, notes, NOTES, e.tensors, TENSORS, &error) == DF_INPUT);
    fill(&e);
    e.tensors[0].shape[0] = 3;
    CHECK(df_safetensors_write(path, false, notes, NOTES, e.tensors, TENSORS, &error) == DF_INPUT);
    CHECK(strstr(error.message, "tensor 'net.0.weight' says 24 bytes but its shape needs 36"));
    fill(&e);

    const df_metadata twice[] = {{"k", "1"}, {"k", "2"}}, own_crc = {"diffuse.crc32c", "00000000"};
    CHECK(df_safetensors_write(path, false, twice, 2, e.tensors, TENSORS, &error) == DF_INPUT);
    CHECK(df_safetensors_write(path, false, &own_crc, 1, e.tensors, TENSORS, &error) == DF_INPUT);

    char *text = calloc(1, 65538);
    if (!text) abort();
    memset(text, 'x', 65537);
    const df_metadata large = {"k", text};
    CHECK(df_safetensors_write(path, false, &large, 1, e.tensors, TENSORS, &error) == DF_INPUT);
    text[65536] = '\0';
    CHECK(access(path, F_OK) != 0);
    CHECK(df_safetensors_write(path, false, &large, 1, e.tensors, TENSORS, &error) == DF_OK);
    free(text);
    unlink(path);
    CHECK(df_safetensors_write(in_folder("none/m"), false, NULL, 0, NULL, 0, &error) == DF_IO);
}

static void check_foreign_notes(void)
{
    const df_metadata note = {"latin", "caf\xe9"};
    df_error error = {0};
    df_arena arena = {0};
    df_safetensors file;
    CHECK(df_safetensors_write(in_folder("n"), false, &note, 1, NULL, 0, &error) == DF_OK);
    CHECK(df_safetensors_read(&file, &arena, in_folder("n"), &error) == DF_OK);
    CHECK_TEXT(df_safetensors_meta(&file, "latin"), "caf\xef\xbf\xbd");
    CHECK(file.tensor_count == 0 && file.crc == 0 && file.crc_given);
    CHECK(df_safetensors_read(&file, &arena, in_folder("missing"), &error) == DF_IO);
    df_arena_free(&arena);
    unlink(in_folder("n"));
}

static void check_beginnings(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool begins;
    } files[] = {{"\2\0\0\0\0\0\0\0{}", 10, true}, {"\xff\xff\xff\xff\0\0\0\0{", 9, true}, {"\2\0\0\0\0\0\0\0", 8, false},
                 {"\2\0\0\0\0\0\0\0[]", 10, false}, {"\2\0\0\0\1\0\0\0{}", 10, false}, {"x,y\n1,2\n3", 9, false}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file = fopen(in_folder("b"), "wb");
        CHECK(file && fwrite(files[i].bytes, 1, files[i].size, file) == files[i].size);
        if (file) fclose(file);
        CHECK(df_safetensors_begins(in_folder("b")) == files[i].begins);
    }
    unlink(in_folder("b"));
    CHECK(!df_safetensors_begins(in_folder("b")));
}

int main(void)
{
    check_headers();
    check_header_sizes();
    check_largest_header();
    check_most_tensors();
    check_messages();
    check_mutations();
    make_folder();
    check_round_trip();
    check_layout();
    check_same_bytes_twice();
    check_damage();
    check_refused_writing();
    check_foreign_notes();
    check_beginnings();
    unlink(in_folder("m.safetensors"));
    CHECK(rmdir(folder) == 0);
    return CHECK_DONE();
}
