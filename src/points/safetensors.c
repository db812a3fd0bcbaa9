/* safetensors.c -- reads a stranger's tensor file without trust, and writes the same bytes every time. */
#include "diffuse/safetensors.h"

#include "diffuse/conditions.h"
#include "diffuse/file.h"
#include "diffuse/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file is 8 bytes that hold the size of the header (little-endian), the header (JSON), and the data. */
enum { PREFIX = 8, HEADER_MAX = 1 << 20, DATA_MAX = 1 << 30, DIM_MAX = 1 << 24, ALIGN = 64 };

static const char crc_key[] = "diffuse.crc32c", header_crc_key[] = "diffuse.header_crc32c";
enum { DIGITS = 8 }; /* of a checksum */

static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
    {"BOOL", 8}, {"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8}, {"I8", 8}, {"F8_E5M2", 8},
    {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16}, {"U16", 16},
    {"F16", 16}, {"BF16", 16}, {"I32", 32}, {"U32", 32}, {"F32", 32}, {"C64", 64}, {"F64", 64}, {"I64", 64},
    {"U64", 64},
};

/* The size of an element in bits, or 0 for an unknown dtype. */
static unsigned dtype_bits(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) return dtypes[i].bits;
    return 0;
}

/* A string from the file, made safe for a message. */
typedef struct shown {
    char text[96];
} shown;

static shown show(const char *text)
{
    shown copy;
    df_printable(copy.text, sizeof copy.text, text);
    return copy;
}

typedef struct source {
    const char *path;
    const unsigned char *data;
    size_t data_size;
    df_arena *arena;
    df_error *error;
} source;

/* Tensors. */

static df_status refuse(const source *s, df_status status, const char *name, const char *format, ...)
    DF_PRINTF(4, 5);

/* Says what is wrong with a tensor, and when that is no mere limit, what it means. */
static df_status refuse(const source *s, df_status status, const char *name, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    const char *meaning = status == DF_INPUT ? "; the file is damaged or was not written by diffuse" : "";
    return df_fail(s->error, status, "%s: tensor '%s' %s%s", s->path, show(name).text, what, meaning);
}

static bool is_whole_number(const df_json *value, uint64_t *number)
{
    return value->kind == DF_JSON_NUMBER && df_parse_uint64(value->text, number);
}

static df_status read_shape(const source *s, const df_json *shape, df_tensor_view *tensor)
{
    if (shape->kind != DF_JSON_ARRAY)
        return refuse(s, DF_INPUT, tensor->name, "has a shape that is not a list");
    if (shape->count > DF_RANK_MAX)
        return refuse(s, DF_LIMIT, tensor->name, "has %zu dimensions; at most %d are supported", shape->count,
                      DF_RANK_MAX);
    for (const df_json *dim = shape->child; dim; dim = dim->next) {
        uint64_t size;
        if (!is_whole_number(dim, &size))
            return refuse(s, DF_INPUT, tensor->name, "has a shape that is not made of whole numbers");
        if (size > DIM_MAX)
            return refuse(s, DF_LIMIT, tensor->name,
                          "has a dimension of %" PRIu64 "; at most %d is supported", size, DIM_MAX);
        tensor->shape[tensor->rank++] = (size_t)size;
    }
    return DF_OK;
}

static df_status read_offsets(const source *s, const df_json *offsets, df_tensor_view *tensor)
{
    uint64_t begin, end;
    if (offsets->kind != DF_JSON_ARRAY || offsets->count != 2 || !is_whole_number(offsets->child, &begin) ||
        !is_whole_number(offsets->child->next, &end) || begin > end)
        return refuse(s, DF_INPUT, tensor->name, "has data_offsets that are not two rising whole numbers");
    if (end > s->data_size)
        return refuse(s, DF_INPUT, tensor->name, "ends at byte %" PRIu64 " of the data, which has %zu", end,
                      s->data_size);
    tensor->bytes = s->data + begin;
    tensor->size = (size_t)(end - begin);
    return DF_OK;
}

/* The bytes must be just what the shape needs. The bound keeps the product far from overflow. */
static df_status check_size(const source *s, const df_tensor_view *tensor)
{
    const unsigned bits = dtype_bits(tensor->dtype);
    if (!bits)
        return refuse(s, DF_INPUT, tensor->name, "has the unknown dtype '%s'", show(tensor->dtype).text);
    const uint64_t most = UINT64_C(8) * DATA_MAX;
    uint64_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] && count > most / tensor->shape[i])
            return refuse(s, DF_LIMIT, tensor->name, "has a shape of more than %" PRIu64 " elements", most);
        count *= tensor->shape[i];
    }
    if (count * bits % 8 != 0) return refuse(s, DF_INPUT, tensor->name, "does not fill whole bytes");
    if (tensor->size != count * bits / 8)
        return refuse(s, DF_INPUT, tensor->name, "says %zu bytes but its shape needs %" PRIu64, tensor->size,
                      count * bits / 8);
    return DF_OK;
}

static df_status read_tensor(const source *s, const df_json *entry, df_tensor_view *tensor)
{
    tensor->name = entry->name;
    if (!*tensor->name || !df_is_printable(tensor->name))
        return refuse(s, DF_INPUT, tensor->name, "has a name that is empty or holds control characters");
    const df_json *dtype = df_json_member(entry, "dtype");
    const df_json *shape = df_json_member(entry, "shape");
    const df_json *offsets = df_json_member(entry, "data_offsets");
    if (!dtype || !shape || !offsets || entry->count != 3)
        return refuse(s, DF_INPUT, tensor->name, "is not described by dtype, shape and data_offsets alone");
    if (dtype->kind != DF_JSON_STRING)
        return refuse(s, DF_INPUT, tensor->name, "has a dtype that is not a string");
    tensor->dtype = dtype->text;
    DF_TRY(read_shape(s, shape, tensor));
    DF_TRY(read_offsets(s, offsets, tensor));
    return check_size(s, tensor);
}

/* Empty tensors come before the one that starts where they do. */
static int by_place(const void *left, const void *right)
{
    const df_tensor_view *a = left, *b = right;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Every byte of the data belongs to exactly one tensor, so that nothing can hide in the file. */
static df_status check_cover(const source *s, const df_safetensors *file)
{
    size_t covered = 0;
    for (size_t i = 0; i < file->tensor_count; i++) {
        const df_tensor_view *tensor = &file->tensors[i];
        const size_t begin = (size_t)(tensor->bytes - s->data);
        if (begin != covered)
            return refuse(s, DF_INPUT, tensor->name, "begins at byte %zu of the data, not at %zu", begin,
                          covered);
        covered += tensor->size;
    }
    if (covered != s->data_size)
        return df_fail(s->error, DF_INPUT, "%s: %zu bytes follow the last tensor; the file is damaged",
                       s->path, s->data_size - covered);
    return DF_OK;
}

static df_status read_tensors(const source *s, const df_json *header, size_t count, df_safetensors *file)
{
    if (count > DF_TENSORS_MAX)
        return df_fail(s->error, DF_LIMIT, "%s: there are %zu tensors; at most %d are supported", s->path,
                       count, DF_TENSORS_MAX);
    DF_NEW(s->arena, file->tensors, count, s->error);
    for (const df_json *entry = header->child; entry; entry = entry->next)
        if (strcmp(entry->name, "__metadata__") != 0)
            DF_TRY(read_tensor(s, entry, &file->tensors[file->tensor_count++]));
    qsort(file->tensors, file->tensor_count, sizeof *file->tensors, by_place);
    return check_cover(s, file);
}

/* Metadata. */

static df_status read_metadata(const source *s, const df_json *metadata, df_safetensors *file)
{
    if (!metadata || metadata->kind == DF_JSON_NULL) return DF_OK;
    if (metadata->kind != DF_JSON_OBJECT)
        return df_fail(s->error, DF_INPUT, "%s: __metadata__ is not an object of strings", s->path);
    DF_NEW(s->arena, file->metadata, metadata->count, s->error);
    for (const df_json *entry = metadata->child; entry; entry = entry->next) {
        if (entry->kind != DF_JSON_STRING)
            return df_fail(s->error, DF_INPUT, "%s: the metadata '%s' is not a string", s->path,
                           show(entry->name).text);
        file->metadata[file->metadata_count++] = (df_metadata){entry->name, entry->text};
    }
    return DF_OK;
}

static shown crc_text(uint32_t crc)
{
    shown digits;
    snprintf(digits.text, sizeof digits.text, "%08" PRIx32, crc);
    return digits;
}

/* Of the header with the digits of the sum itself, which stand from `digits` on, taken for zeros. */
static uint32_t header_crc(const char *header, size_t size, size_t digits)
{
    const uint32_t before = df_crc32c(df_crc32c(0, header, digits), "00000000", DIGITS);
    return df_crc32c(before, header + digits + DIGITS, size - digits - DIGITS);
}

static df_status check_header_crc(const source *s, const df_json *metadata, const char *header, size_t size)
{
    const df_json *given = metadata ? df_json_member(metadata, header_crc_key) : NULL;
    if (!given || given->kind != DF_JSON_STRING) return DF_OK; /* read_metadata refuses what is no string */
    const uint32_t crc = strlen(given->text) == DIGITS ? header_crc(header, size, given->offset + 1) : 0;
    if (strcmp(given->text, crc_text(crc).text) == 0) return DF_OK;
    return df_fail(s->error, DF_INPUT,
                   "%s: the header does not have the checksum '%s' that it says; "
                   "the file is damaged, or was edited without taking out %s",
                   s->path, show(given->text).text, header_crc_key);
}

static df_status check_crc(const source *s, df_safetensors *file)
{
    file->crc = df_crc32c(0, s->data, s->data_size);
    const char *given = df_safetensors_meta(file, crc_key);
    file->crc_given = given != NULL;
    if (given && strcmp(given, crc_text(file->crc).text) != 0)
        return df_fail(s->error, DF_INPUT,
                       "%s: the checksum of the tensors is %s but the file says '%s'; the file is damaged",
                       s->path, crc_text(file->crc).text, show(given).text);
    return DF_OK;
}

/* Whole files. */

static uint64_t load_little_endian(const void *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | ((const unsigned char *)bytes)[i];
    return value;
}

static df_status measure_header(const char *path, const char *bytes, size_t size, size_t *header_size,
                                df_error *error)
{
    if (size < PREFIX)
        return df_fail(error, DF_INPUT, "%s: a safetensors file has at least %d bytes and this one has %zu",
                       path, PREFIX, size);
    const uint64_t claimed = load_little_endian(bytes, PREFIX);
    if (claimed > size - PREFIX)
        return df_fail(error, DF_INPUT,
                       "%s: the header should have %" PRIu64
                       " bytes but %zu follow; this is no safetensors file, or it was cut short",
                       path, claimed, size - PREFIX);
    if (claimed > HEADER_MAX)
        return df_fail(error, DF_LIMIT, "%s: the header has %" PRIu64 " bytes; at most %d are supported",
                       path, claimed, HEADER_MAX);
    *header_size = (size_t)claimed;
    return DF_OK;
}

static df_status parse_header(const source *s, const char *bytes, size_t size, df_json **header)
{
    df_error reason;
    const df_status status = df_json_parse(header, s->arena, bytes, size, &reason);
    if (status != DF_OK) return df_fail(s->error, status, "%s: in the header: %s", s->path, reason.message);
    if ((*header)->kind != DF_JSON_OBJECT)
        return df_fail(s->error, DF_INPUT, "%s: the header is not a JSON object", s->path);
    return DF_OK;
}

df_status df_safetensors_parse(df_safetensors *file, df_arena *arena, const char *path, const char *bytes,
                               size_t size, df_error *error)
{
    *file = (df_safetensors){.file_size = size};
    size_t header_size = 0;
    DF_TRY(measure_header(path, bytes, size, &header_size, error));
    const size_t data_size = size - PREFIX - header_size;
    if (data_size > DATA_MAX)
        return df_fail(error, DF_LIMIT, "%s: the tensors have %zu bytes; at most %d are supported", path,
                       data_size, DATA_MAX);
    const unsigned char *data = (const unsigned char *)bytes + PREFIX + header_size;
    const source s = {.path = path, .data = data, .data_size = data_size, .arena = arena, .error = error};

    df_json *header;
    DF_TRY(parse_header(&s, bytes + PREFIX, header_size, &header));
    const df_json *metadata = df_json_member(header, "__metadata__");
    DF_TRY(check_header_crc(&s, metadata, bytes + PREFIX, header_size));
    DF_TRY(read_metadata(&s, metadata, file));
    DF_TRY(read_tensors(&s, header, header->count - (metadata ? 1 : 0), file));
    return check_crc(&s, file);
}

df_status df_safetensors_read(df_safetensors *file, df_arena *arena, const char *path, df_error *error)
{
    char *bytes;
    size_t size;
    DF_TRY(df_check_locale(path, error));
    DF_TRY(df_read_file(arena, path, (size_t)PREFIX + HEADER_MAX + DATA_MAX, &bytes, &size, error));
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    return df_safetensors_parse(file, arena, name, bytes, size, error);
}

const char *df_safetensors_meta(const df_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata[i].name, name) == 0) return file->metadata[i].value;
    return NULL;
}

const df_tensor_view *df_safetensors_find(const df_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

double df_tensor_at(const df_tensor_view *tensor, size_t i)
{
    const bool is_single = strcmp(tensor->dtype, "F32") == 0;
    const size_t width = is_single ? sizeof(float) : sizeof(double);
    assert(is_single || strcmp(tensor->dtype, "F64") == 0);
    assert(i < tensor->size / width);
    const uint64_t bits = load_little_endian(tensor->bytes + i * width, width);
    if (is_single) {
        const uint32_t single_bits = (uint32_t)bits;
        float value;
        memcpy(&value, &single_bits, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Writing. */

/* Leaves room for the checksum of the header. */
static void add_metadata(df_text *out, const df_metadata *metadata, size_t count, uint32_t crc)
{
    df_text_add(out, "\"__metadata__\":{");
    for (size_t i = 0; i < count; i++) {
        df_json_add_string(out, metadata[i].name);
        df_text_add(out, ":");
        df_json_add_string(out, metadata[i].value);
        df_text_add(out, ",");
    }
    df_text_add(out, "\"%s\":\"%s\",\"%s\":\"00000000\"}", crc_key, crc_text(crc).text, header_crc_key);
}

static void add_tensor(df_text *out, const df_tensor_view *tensor, size_t begin)
{
    assert(strcmp(tensor->dtype, "F32") == 0 || strcmp(tensor->dtype, "F64") == 0);
    df_json_add_string(out, tensor->name);
    df_text_add(out, ":{\"dtype\":\"%s\",\"shape\":[", tensor->dtype);
    for (size_t i = 0; i < tensor->rank; i++) df_text_add(out, "%s%zu", i ? "," : "", tensor->shape[i]);
    df_text_add(out, "],\"data_offsets\":[%zu,%zu]}", begin, begin + tensor->size);
}

/* Ends with spaces such that the data, and with it a mapped array, begins at a multiple of 64. */
static void add_header(df_text *out, const df_metadata *metadata, size_t metadata_count,
                       const df_tensor_view *tensors, size_t tensor_count)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < tensor_count; i++) crc = df_crc32c(crc, tensors[i].bytes, tensors[i].size);
    df_text_add(out, "{");
    add_metadata(out, metadata, metadata_count, crc);
    const size_t digits = out->size - DIGITS - strlen("\"}");
    size_t begin = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        df_text_add(out, ",");
        add_tensor(out, &tensors[i], begin);
        begin += tensors[i].size;
    }
    df_text_add(out, "}");
    while ((PREFIX + out->size) % ALIGN != 0 && !out->failed) df_text_add(out, " ");
    if (!out->failed) memcpy(out->bytes + digits, crc_text(df_crc32c(0, out->bytes, out->size)).text, DIGITS);
}

static void add_file(df_text *out, const df_text *header, const df_tensor_view *tensors, size_t tensor_count)
{
    for (int i = 0; i < PREFIX; i++) {
        const unsigned char byte = (unsigned char)((uint64_t)header->size >> 8 * i);
        df_text_add_bytes(out, &byte, 1);
    }
    df_text_add_bytes(out, header->bytes, header->size);
    for (size_t i = 0; i < tensor_count; i++) df_text_add_bytes(out, tensors[i].bytes, tensors[i].size);
    out->failed |= header->failed;
}

/* What is written can be read: too many tensors, a name given twice or a wrong size are found here. */
static df_status check_readable(const char *path, const df_text *whole, df_error *error)
{
    if (whole->failed) return df_fail(error, DF_LIMIT, "out of memory while putting %s together", path);
    df_arena arena = {0};
    df_safetensors file;
    df_error reason;
    const df_status status = df_safetensors_parse(&file, &arena, path, whole->bytes, whole->size, &reason);
    df_arena_free(&arena);
    if (status == DF_OK) return DF_OK;
    return df_fail(error, status, "not written, because it could not be read back: %s", reason.message);
}

static df_status write_whole(const char *path, bool overwrite, const df_text *whole, df_error *error)
{
    df_output output;
    DF_TRY(df_output_open(&output, path, overwrite, error));
    df_output_add(&output, whole->bytes, whole->size);
    return df_output_close(&output, error);
}

df_status df_safetensors_write(const char *path, bool overwrite, const df_metadata *metadata,
                               size_t metadata_count, const df_tensor_view *tensors, size_t tensor_count,
                               df_error *error)
{
    df_text header = {0}, whole = {0};
    add_header(&header, metadata, metadata_count, tensors, tensor_count);
    add_file(&whole, &header, tensors, tensor_count);
    df_status status = check_readable(path, &whole, error);
    if (status == DF_OK) status = write_whole(path, overwrite, &whole, error);
    df_text_free(&header);
    df_text_free(&whole);
    return status;
}

bool df_safetensors_begins(const char *path)
{
    unsigned char head[9] = {0};
    FILE *file = fopen(path, "rb");
    const bool whole = file && fread(head, 1, sizeof head, file) == sizeof head;
    if (file) fclose(file);
    return whole && memcmp(head + 4, "\0\0\0\0{", 5) == 0;
}
