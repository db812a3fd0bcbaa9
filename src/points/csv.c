/* csv.c -- tables as text: a reader of most dialects that never guesses, a writer of the narrowest one. */
#include "diffuse/table.h"

#include "diffuse/text.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MOST = 65536, SHOWN = 48, NAMES_SUGGESTED = 8 };

typedef struct {
    df_table *table;
    df_error *error;
    char *at, *end;              /* what is not yet read */
    char *line, *line_end;       /* the record at hand */
    size_t line_number;          /* from 1 */
    char separator;              /* ',' ';' TAB, or ' ' for runs of blanks */
    char **fields;               /* of the record at hand: room for DF_TABLE_COLUMNS */
    size_t count;
    size_t first_line, expected; /* the first record and how many fields it had */
    size_t *from;                /* the field that becomes column c of the table */
} csv;

/* Messages. */

static df_status fail_at(const csv *c, const char *where, const char *format, ...) DF_PRINTF(3, 4);

static df_status fail_at(const csv *c, const char *where, const char *format, ...)
{
    char message[sizeof c->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return df_fail(c->error, DF_INPUT, "%s:%zu:%zu: %s", c->table->path, c->line_number,
                   (size_t)(where - c->line) + 1, message);
}

typedef struct {
    char text[SHOWN];
} printable;

static printable show(const char *text)
{
    printable shown;
    df_printable(shown.text, sizeof shown.text, text);
    return shown;
}

/* Records. */

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t';
}

static bool says_nothing(const char *line)
{
    while (is_blank(*line)) line++;
    return *line == '\0' || *line == '#';
}

static df_status next_line(csv *c)
{
    c->line = c->at;
    c->line_end = c->at + strcspn(c->at, "\r\n");
    c->line_number++;
    if (c->line_end - c->line > LINE_MOST)
        return fail_at(c, c->line + LINE_MOST, "the line is longer than %d bytes", LINE_MOST);
    if (c->line_end < c->end && *c->line_end == '\0')
        return fail_at(c, c->line_end, "a NUL byte; this is not a text file");
    const bool two_bytes = c->line_end[0] == '\r' && c->line_end[1] == '\n';
    c->at = c->line_end < c->end ? c->line_end + (two_bytes ? 2 : 1) : c->end;
    *c->line_end = '\0';
    return DF_OK;
}

/* The next line that holds data, skipping blank lines and comments; *found is false at the file's end. */
static df_status next_record(csv *c, bool *found)
{
    *found = false;
    while (c->at < c->end && !*found) {
        DF_TRY(next_line(c));
        *found = !says_nothing(c->line);
    }
    return DF_OK;
}

/* Fields. */

/* A comma counts last of the three, so that the decimal commas of "1,5;2,5" are found out. */
static char detect_separator(const char *line)
{
    const char *const candidates = ";\t,";
    for (const char *candidate = candidates; *candidate; candidate++) {
        bool quoted = false;
        for (const char *at = line; *at; at++) {
            if (*at == '"') quoted = !quoted;
            if (*at == *candidate && !quoted) return *candidate;
        }
    }
    return ' ';
}

static bool ends_field(const csv *c, char letter)
{
    return letter == '\0' || letter == c->separator || (c->separator == ' ' && letter == '\t');
}

static char *skip_padding(const csv *c, char *at)
{
    while (*at == ' ' || (*at == '\t' && c->separator != '\t')) at++;
    return at;
}

/* From an opening quote: makes "" one quote in place, ends the field at the closing quote, and returns what
 * follows that. */
static df_status take_quoted(const csv *c, char *opening, char **after)
{
    char *out = opening + 1;
    for (char *in = opening + 1; *in; in++) {
        const bool quote = *in == '"';
        if (quote && in[1] != '"') {
            *out = '\0';
            *after = in + 1;
            return DF_OK;
        }
        if (quote) in++;
        *out++ = *in;
    }
    return fail_at(c, opening, "the quote that opens here is not closed on its line");
}

static char *trim(const char *start, char *stop)
{
    while (stop > start && is_blank(stop[-1])) stop--;
    return stop;
}

/* Ends the field that starts at *at with a NUL. *at becomes the start of the next field, or NULL. */
static df_status take_field(const csv *c, char **at, char **field)
{
    char *start = *at, *stop = start;
    if (*start == '"') {
        DF_TRY(take_quoted(c, start, &stop));
        *field = start + 1;
        if (c->separator != ' ') stop = skip_padding(c, stop);
        if (!ends_field(c, *stop)) return fail_at(c, stop, "expected the end of the field after its quote");
    } else {
        *field = start;
        while (!ends_field(c, *stop)) stop++;
    }
    char *next = *stop == '\0' ? NULL : skip_padding(c, stop + 1);
    if (next && c->separator == ' ' && *next == '\0') next = NULL;
    if (*start != '"') *trim(start, stop) = '\0';
    *at = next;
    return DF_OK;
}

static df_status split(csv *c)
{
    char *at = skip_padding(c, c->line);
    for (c->count = 0; at; c->count++) {
        if (c->count == DF_TABLE_COLUMNS)
            return df_fail(c->error, DF_LIMIT, "%s:%zu: more than %d columns", c->table->path, c->line_number,
                           DF_TABLE_COLUMNS);
        DF_TRY(take_field(c, &at, &c->fields[c->count]));
    }
    return DF_OK;
}

/* What a field is. */

typedef enum { NUMBER, TEXT, EMPTY, NOT_FINITE, TOO_LARGE, HEXADECIMAL, DECIMAL_COMMA } kind;

static bool has_decimal_comma(const char *field)
{
    char copy[SHOWN];
    const char *comma = strchr(field, ',');
    const size_t size = strlen(field) + 1;
    if (!comma || size > sizeof copy) return false;
    memcpy(copy, field, size);
    copy[comma - field] = '.';
    double value;
    return df_parse_double(copy, &value);
}

static kind kind_of(const char *field)
{
    double value;
    if (df_parse_double(field, &value)) return NUMBER;
    if (*field == '\0') return EMPTY;
    if (has_decimal_comma(field)) return DECIMAL_COMMA;
    char *end;
    value = strtod(field, &end);
    if (*end != '\0') return TEXT;
    if (strpbrk(field, "nN")) return NOT_FINITE; /* nan and inf in all their spellings */
    if (strpbrk(field, "xX")) return HEXADECIMAL;
    return fabs(value) > DBL_MAX ? TOO_LARGE : TEXT;
}

/* A first record of names is a header, one without names is data; one with both is either, and so refused. */
static df_status detect_header(const csv *c, bool *header)
{
    size_t texts = 0, numbers = 0, first_text = 0;
    for (size_t f = 0; f < c->count; f++) {
        const kind k = kind_of(c->fields[f]);
        if (k == TEXT && texts++ == 0) first_text = f;
        if (k == NUMBER) numbers++;
    }
    *header = texts > 0;
    if (texts == 0 || numbers == 0) return DF_OK;
    const char *text = c->fields[first_text];
    return fail_at(c, text,
                   "'%s' is text on a line with numbers, so the line is neither names nor data\n"
                   "  begin the file with a line of column names, none of them a number", show(text).text);
}

static df_status check_names(const csv *c)
{
    for (size_t f = 0; f < c->count; f++) {
        if (c->fields[f][0] == '\0')
            return fail_at(c, c->fields[f], "column %zu has no name", f + 1);
        for (size_t earlier = 0; earlier < f; earlier++)
            if (strcmp(c->fields[f], c->fields[earlier]) == 0)
                return fail_at(c, c->fields[f], "columns %zu and %zu are both called '%s'", earlier + 1,
                               f + 1, show(c->fields[f]).text);
    }
    return DF_OK;
}

/* Rows. */

static const char *separator_name(char separator)
{
    return separator == ',' ? "commas"
           : separator == ';' ? "semicolons"
           : separator == '\t' ? "tabs"
                               : "blanks";
}

static df_status refuse_count(const csv *c)
{
    const bool more = c->count > c->expected;
    const char *hint = more && c->separator == ',' ? "\n  decimal commas are not supported; use '.'" : "";
    return fail_at(c, more ? c->fields[c->expected] : c->line_end,
                   "found %zu and expected %zu fields separated by %s, as many as in line %zu%s", c->count,
                   c->expected, separator_name(c->separator), c->first_line, hint);
}

/* The chosen columns that hold a number in this record, as --columns wants them: what is probably meant. */
static void suggest_columns(const csv *c, char *out, size_t room)
{
    size_t used = 0, listed = 0;
    out[0] = '\0';
    for (size_t k = 0; k < c->table->columns && listed < NAMES_SUGGESTED; k++) {
        const char *name = c->table->names[k];
        if (kind_of(c->fields[c->from[k]]) != NUMBER) continue;
        const char *start = listed++ ? "," : "\n  to leave text out, choose the other columns: --columns ";
        const bool plain = strcspn(name, ", '\"") == strlen(name) && strlen(name) < SHOWN;
        used += (size_t)(plain ? snprintf(out + used, room - used, "%s%s", start, show(name).text)
                               : snprintf(out + used, room - used, "%s%zu", start, c->from[k] + 1));
    }
}

static df_status refuse_text(const csv *c, const char *field, const char *column)
{
    char suggestion[128 + NAMES_SUGGESTED * SHOWN];
    suggest_columns(c, suggestion, sizeof suggestion);
    return fail_at(c, field, "expected a number in column '%s', found '%s'%s", column, show(field).text,
                   suggestion);
}

static df_status refuse_field(const csv *c, size_t column)
{
    const char *field = c->fields[c->from[column]];
    const printable found = show(field), name = show(c->table->names[column]);
    switch (kind_of(field)) {
    case EMPTY:
        return fail_at(c, field, "the cell of column '%s' is empty; remove the row or fill it", name.text);
    case NOT_FINITE:
        return fail_at(c, field, "expected a finite number in column '%s', found '%s'; remove the row",
                       name.text, found.text);
    case TOO_LARGE:
        return fail_at(c, field, "'%s' is beyond the largest number, %.3g", found.text, DBL_MAX);
    case HEXADECIMAL:
        return fail_at(c, field, "'%s' is hexadecimal; write numbers in decimal", found.text);
    case DECIMAL_COMMA:
        return fail_at(c, field, "expected a number, found '%s'\n  decimal commas are not supported; use '.'",
                       found.text);
    default:
        return refuse_text(c, field, name.text);
    }
}

static df_status take_row(csv *c)
{
    df_table *table = c->table;
    if (c->count != c->expected) return refuse_count(c);
    if (table->rows == DF_TABLE_ROWS)
        return df_fail(c->error, DF_LIMIT, "%s:%zu: more than %d rows", table->path, c->line_number,
                       DF_TABLE_ROWS);
    double *row = table->values + table->rows * table->columns;
    for (size_t k = 0; k < table->columns; k++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): df_table_choose has set `from` */
        if (!df_parse_double(c->fields[c->from[k]], &row[k])) return refuse_field(c, k);
    table->lines[table->rows++] = c->line_number;
    return DF_OK;
}

/* No more rows than this remain: each takes a line, and a byte for each field, which follows it. Two are
 * added: the record at hand may be data, and the last line may lack its end. */
static size_t count_rows_at_most(const csv *c)
{
    size_t lines = 2;
    for (const char *at = c->at; at < c->end; at++)
        if (*at == '\n' || (*at == '\r' && at[1] != '\n')) lines++;
    const size_t by_size = (size_t)(c->end - c->at) / c->expected + 2;
    const size_t rows = lines < by_size ? lines : by_size;
    return rows < DF_TABLE_ROWS ? rows : DF_TABLE_ROWS;
}

/* The whole file. */

static df_status check_encoding(csv *c)
{
    const char *const marks[] = {"\xff\xfe", "\xfe\xff"};
    for (size_t m = 0; m < 2; m++)
        if (c->end - c->at >= 2 && memcmp(c->at, marks[m], 2) == 0)
            return df_fail(c->error, DF_INPUT, "%s:1:1: this is UTF-16; save the file as UTF-8",
                           c->table->path);
    if (c->end - c->at >= 3 && memcmp(c->at, "\xef\xbb\xbf", 3) == 0) c->at += 3;
    return DF_OK;
}

static df_status no_rows(const csv *c)
{
    return df_fail(c->error, DF_INPUT, "%s:%zu:1: there are no rows of data", c->table->path,
                   c->line_number + 1);
}

/* The first record decides on everything: separator, header, number and names of the columns. */
static df_status begin(csv *c, df_arena *arena, const char *columns, bool *header)
{
    bool found;
    DF_TRY(check_encoding(c));
    DF_TRY(next_record(c, &found));
    if (!found) return no_rows(c);
    c->separator = detect_separator(c->line);
    DF_TRY(split(c));
    c->first_line = c->line_number;
    c->expected = c->count;
    DF_TRY(detect_header(c, header));
    if (*header) DF_TRY(check_names(c));
    char *const *names = *header ? c->fields : NULL;
    DF_TRY(df_table_choose(c->table, arena, &c->from, c->count, names, columns, c->error));
    const size_t rows = count_rows_at_most(c);
    DF_NEW(arena, c->table->lines, rows, c->error);
    DF_NEW(arena, c->table->values, rows * c->table->columns, c->error);
    return DF_OK;
}

df_status df_csv_parse(df_table *table, df_arena *arena, char *bytes, size_t size, const char *columns,
                       df_error *error)
{
    csv c = {.table = table, .error = error, .at = bytes, .end = bytes + size};
    bool header = false, found = false;
    DF_NEW(arena, c.fields, DF_TABLE_COLUMNS, error);
    DF_TRY(begin(&c, arena, columns, &header));
    if (!header) DF_TRY(take_row(&c));
    for (;;) {
        DF_TRY(next_record(&c, &found));
        if (!found) break;
        DF_TRY(split(&c));
        DF_TRY(take_row(&c));
    }
    return table->rows > 0 ? DF_OK : no_rows(&c);
}

/* Writing. */

/* The dialect that every reader takes has no quotes, so a name must do without them. */
bool df_csv_needs_quotes(const char *name)
{
    if (strpbrk(name, ",;\"") || !df_is_printable(name) || kind_of(name) != TEXT) return true;
    return name[0] == '#' || is_blank(name[0]) || is_blank(name[strlen(name) - 1]);
}

df_status df_csv_write_header(df_output *output, size_t columns, const char *const *names, df_error *error)
{
    for (size_t c = 0; c < columns; c++) {
        if (df_csv_needs_quotes(names[c]))
            return df_fail(error, DF_INPUT,
                           "%s: the column name '%s' needs quotes, which are not written; rename it",
                           output->path, show(names[c]).text);
        df_output_print(output, "%s%s", c ? "," : "", names[c]);
    }
    df_output_print(output, "\n");
    return DF_OK;
}

/* Nine digits give every float back exactly. */
void df_csv_write_row(df_output *output, const double *values, size_t columns)
{
    char cell[DF_NUMBER_ROOM + 1];
    for (size_t c = 0; c < columns; c++) {
        const size_t size = df_format_double(cell, values[c]);
        cell[size] = c + 1 < columns ? ',' : '\n';
        df_output_add(output, cell, size + 1);
    }
}
