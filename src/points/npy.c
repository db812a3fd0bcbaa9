/* npy.c -- numpy's array files: two-dimensional, little-endian, in row order; never anything that is code.
 *
 *     bytes 0..5   93 'N' 'U' 'M' 'P' 'Y'
 *     bytes 6, 7   the version, 1 and 0
 *     bytes 8, 9   the size of the header, little-endian
 *     the header   a dictionary as Python prints it, blanks up to a multiple of 64 bytes, a newline
 *     the rest     the values
 */
#include "diffuse/table.h"

#include "diffuse/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PREFIX = 10, SHOWN = 32 };

/* The version's second byte, 0, is the string's end. */
static const char magic[8] = "\x93NUMPY\x01";

/* The header's dictionary. */

typedef struct {
    const char *at, *end, *path;
    df_error *error;
    char type[SHOWN];
    bool fortran_order;
    uint64_t shape[2];
    size_t dimensions;
} header;

static df_status bad_header(const header *h, const char *wanted)
{
    return df_fail(h->error, DF_INPUT,
                   "%s: the NPY header is not well formed: %s was expected %zu bytes before its end", h->path,
                   wanted, (size_t)(h->end - h->at));
}

static void skip_blanks(header *h)
{
    while (h->at < h->end && *h->at == ' ') h->at++;
}

static bool accept(header *h, char wanted)
{
    skip_blanks(h);
    if (h->at == h->end || *h->at != wanted) return false;
    h->at++;
    return true;
}

static bool accept_word(header *h, const char *word)
{
    skip_blanks(h);
    const size_t size = strlen(word);
    if ((size_t)(h->end - h->at) < size || memcmp(h->at, word, size) != 0) return false;
    h->at += size;
    return true;
}

static df_status parse_string(header *h, char *out, size_t room)
{
    const char quote = accept(h, '\'') ? '\'' : accept(h, '"') ? '"' : '\0';
    if (!quote) return bad_header(h, "a string");
    size_t size = 0;
    for (; h->at < h->end && *h->at != quote && *h->at != '\\'; h->at++)
        if (size + 1 < room) out[size++] = *h->at;
    out[size] = '\0';
    return accept(h, quote) ? DF_OK : bad_header(h, "the end of a string");
}

static df_status parse_bool(header *h, bool *value)
{
    *value = accept_word(h, "True");
    return *value || accept_word(h, "False") ? DF_OK : bad_header(h, "True or False");
}

static df_status parse_size(header *h, uint64_t *value)
{
    char digits[24];
    size_t size = 0;
    skip_blanks(h);
    while (h->at < h->end && *h->at >= '0' && *h->at <= '9' && size + 1 < sizeof digits)
        digits[size++] = *h->at++;
    digits[size] = '\0';
    return df_parse_uint64(digits, value) ? DF_OK : bad_header(h, "a whole number");
}

/* "()", "(5,)", "(5, 2)"; the sizes of a third and later dimension are read and dropped. */
static df_status parse_shape(header *h)
{
    if (!accept(h, '(')) return bad_header(h, "'('");
    while (!accept(h, ')')) {
        uint64_t size;
        DF_TRY(parse_size(h, &size));
        if (h->dimensions < 2) h->shape[h->dimensions] = size;
        h->dimensions++;
        if (accept(h, ',')) continue;
        if (h->dimensions < 2 || !accept(h, ')')) return bad_header(h, "','");
        break;
    }
    return DF_OK;
}

enum { TYPE = 1, ORDER = 2, SHAPE = 4 };

static df_status parse_entry(header *h, unsigned *seen)
{
    char key[SHOWN];
    DF_TRY(parse_string(h, key, sizeof key));
    if (!accept(h, ':')) return bad_header(h, "':'");
    const unsigned entry = strcmp(key, "descr") == 0           ? TYPE
                           : strcmp(key, "fortran_order") == 0 ? ORDER
                           : strcmp(key, "shape") == 0         ? SHAPE
                                                               : 0;
    if (!entry || *seen & entry) return bad_header(h, "each of 'descr', 'fortran_order' and 'shape' once");
    *seen |= entry;
    if (entry == TYPE) return parse_string(h, h->type, sizeof h->type);
    return entry == ORDER ? parse_bool(h, &h->fortran_order) : parse_shape(h);
}

static df_status parse_header(header *h)
{
    unsigned seen = 0;
    if (!accept(h, '{')) return bad_header(h, "'{'");
    while (!accept(h, '}')) {
        DF_TRY(parse_entry(h, &seen));
        if (accept(h, ',')) continue;
        if (!accept(h, '}')) return bad_header(h, "',' or '}'");
        break;
    }
    if (seen != (TYPE | ORDER | SHAPE)) return bad_header(h, "each of 'descr', 'fortran_order' and 'shape'");
    if (!accept(h, '\n') || h->at != h->end) return bad_header(h, "blanks and a newline");
    return DF_OK;
}

/* Reading. */

static df_status check_type(const header *h)
{
    if (strcmp(h->type, "<f8") == 0 || strcmp(h->type, "<f4") == 0) return DF_OK;
    char shown[SHOWN];
    df_printable(shown, sizeof shown, h->type);
    return df_fail(h->error, DF_INPUT,
                   "%s: values of type '%s' are not read, only '<f4' and '<f8'\n"
                   "  in Python: numpy.save(name, a.astype('<f8'))", h->path, shown);
}

static df_status check_shape(const header *h)
{
    if (h->dimensions != 2)
        return df_fail(h->error, DF_INPUT,
                       "%s: the array has %zu dimensions, and points need 2: rows and columns\n"
                       "  in Python: numpy.save(name, a.reshape(len(a), -1))", h->path, h->dimensions);
    if (h->fortran_order)
        return df_fail(h->error, DF_INPUT,
                       "%s: the values are in column order (fortran_order), and only row order is read\n"
                       "  in Python: numpy.save(name, numpy.ascontiguousarray(a))", h->path);
    if (h->shape[0] == 0 || h->shape[1] == 0)
        return df_fail(h->error, DF_INPUT, "%s: there are no rows of data", h->path);
    if (h->shape[0] > DF_TABLE_ROWS || h->shape[1] > DF_TABLE_COLUMNS)
        return df_fail(h->error, DF_LIMIT,
                       "%s: at most %d rows and %d columns are read, and the file has %llu and %llu", h->path,
                       DF_TABLE_ROWS, DF_TABLE_COLUMNS, (unsigned long long)h->shape[0],
                       (unsigned long long)h->shape[1]);
    return DF_OK;
}

static df_status find_header(header *h, const char *bytes, size_t size)
{
    if (size < PREFIX || memcmp(bytes, magic, 6) != 0)
        return df_fail(h->error, DF_INPUT, "%s: this is not an NPY file; it does not begin with \\x93NUMPY",
                       h->path);
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return df_fail(h->error, DF_INPUT, "%s: NPY version %d.%d is not read, only 1.0", h->path,
                       (unsigned char)bytes[6], (unsigned char)bytes[7]);
    const size_t header_size = (size_t)(unsigned char)bytes[8] | (size_t)(unsigned char)bytes[9] << 8;
    if (header_size > size - PREFIX)
        return df_fail(h->error, DF_INPUT, "%s: the file ends after %zu bytes, within its header", h->path,
                       size);
    h->at = bytes + PREFIX;
    h->end = h->at + header_size;
    return DF_OK;
}

static double load(const unsigned char *bytes, size_t width)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < width; i++) bits |= (uint64_t)bytes[i] << 8 * i;
    if (width == sizeof(double)) {
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    const uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return (double)value;
}

static df_status load_values(df_table *table, const char *bytes, size_t width, const size_t *from,
                             size_t file_columns, df_error *error)
{
    for (size_t r = 0; r < table->rows; r++) {
        table->lines[r] = r + 1;
        for (size_t c = 0; c < table->columns; c++) {
            const size_t place = (r * file_columns + from[c]) * width;
            const double value = load((const unsigned char *)bytes + place, width);
            if (!(fabs(value) <= DBL_MAX))
                return df_fail(error, DF_INPUT, "%s: row %zu (from 1) has %g in column %zu; remove the row",
                               table->path, r + 1, value, from[c] + 1);
            table->values[r * table->columns + c] = value;
        }
    }
    return DF_OK;
}

df_status df_npy_parse(df_table *table, df_arena *arena, const char *bytes, size_t size, const char *columns,
                       df_error *error)
{
    header h = {.path = table->path, .error = error};
    DF_TRY(find_header(&h, bytes, size));
    DF_TRY(parse_header(&h));
    DF_TRY(check_type(&h));
    DF_TRY(check_shape(&h));

    const size_t width = strcmp(h.type, "<f8") == 0 ? sizeof(double) : sizeof(float);
    const uint64_t wanted = h.shape[0] * h.shape[1] * width, got = size - (size_t)(h.end - bytes);
    if (got != wanted)
        return df_fail(error, DF_INPUT, "%s: the header promises %llu bytes of values, and %llu follow it",
                       table->path, (unsigned long long)wanted, (unsigned long long)got);
    const size_t file_columns = (size_t)h.shape[1];
    size_t *from;
    DF_TRY(df_table_choose(table, arena, &from, file_columns, NULL, columns, error));
    table->rows = (size_t)h.shape[0];
    DF_NEW(arena, table->lines, table->rows, error);
    DF_NEW(arena, table->values, table->rows * table->columns, error);
    return load_values(table, h.end, width, from, file_columns, error);
}

/* Writing. */

void df_npy_write_header(df_output *output, uint64_t rows, size_t columns)
{
    char dictionary[128];
    const int size = snprintf(dictionary, sizeof dictionary,
                              "{'descr': '<f8', 'fortran_order': False, 'shape': (%llu, %zu), }",
                              (unsigned long long)rows, columns);
    const int unpadded = PREFIX + size + 1;
    const int padded = (unpadded + 63) / 64 * 64;
    const int header_size = padded - PREFIX;
    const unsigned char size_bytes[2] = {(unsigned char)header_size, (unsigned char)(header_size >> 8)};
    df_output_add(output, magic, sizeof magic);
    df_output_add(output, size_bytes, sizeof size_bytes);
    df_output_print(output, "%s%*s\n", dictionary, padded - unpadded, "");
}

void df_npy_write_row(df_output *output, const double *values, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        uint64_t bits;
        memcpy(&bits, &values[c], sizeof bits);
        unsigned char bytes[sizeof bits];
        for (size_t i = 0; i < sizeof bits; i++) bytes[i] = (unsigned char)(bits >> 8 * i);
        df_output_add(output, bytes, sizeof bytes);
    }
}
