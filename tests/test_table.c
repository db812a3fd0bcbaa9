/* test_table.c -- tables are read without guessing, refused with the place and reason, written exactly. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "check.h"

#include "diffuse/table.h"

#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static df_error error;

/* Stands before the C library's, so that a foreign locale can be tested where none is installed. */
static char decimal_point[8] = ".";

struct lconv *localeconv(void)
{
    static struct lconv conventions;
    conventions.decimal_point = decimal_point;
    return &conventions;
}

static df_status parse_bytes(df_table *table, df_arena *arena, const char *path, const char *bytes,
                             size_t size, const char *columns)
{
    char *copy = malloc(size + 1); /* of its exact size, so that a sanitizer sees any step beyond */
    if (!copy) exit(1);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    const df_status status = df_table_parse(table, arena, path, copy, size, columns, &error);
    free(copy);
    return status;
}

static bool row_is(const df_table *table, size_t row, const double *wanted)
{
    return memcmp(table->values + row * table->columns, wanted, table->columns * sizeof *wanted) == 0;
}

/* What is accepted. */

/* The text holds two rows, (2.385, -17) and (0.5, 1000), of columns x and y. */
static void check_accepted(const char *text)
{
    df_arena arena = {0};
    df_table table;
    const df_status status = parse_bytes(&table, &arena, "t.csv", text, strlen(text), NULL);
    if (status != DF_OK) fprintf(stderr, "refused \"%s\": %s\n", text, error.message);
    CHECK(status == DF_OK);
    if (status == DF_OK) {
        CHECK(table.rows == 2 && table.columns == 2);
        CHECK_TEXT(table.names[0], "x");
        CHECK_TEXT(table.names[1], "y");
        CHECK(row_is(&table, 0, (const double[]){2.385, -17}));
        CHECK(row_is(&table, 1, (const double[]){0.5, 1000}));
    }
    df_arena_free(&arena);
}

static void test_dialects(void)
{
    check_accepted("x,y\n2.385,-17\n0.5,1000\n");
    check_accepted("2.385,-17\n0.5,1000");
    check_accepted("\xef\xbb\xbfx,y\n2.385,-17\n0.5,1e3\n");
    check_accepted("x,y\r\n2.385,-17\r\n0.5,1000\r\n");
    check_accepted("x,y\r2.385,-17\r0.5,1000");
    check_accepted("x;y\n2.385;-17\n0.5;1000\n");
    check_accepted("x\ty\n2.385\t-17\n0.5\t1000\n");
    check_accepted("  x   y  \n2.385 -17\n \t 0.5    +1000 \t\n");
    check_accepted("x y\n2.385\t-17\n0.5 \t1000\n");
    check_accepted("x , y\n 2.385 ,\t-17\n.5, 1.e3 \n");
    check_accepted("\"x\",\"y\"\n\"2.385\",-17\n0.5 , \"1000\" \n");
    check_accepted("\"x\" \"y\"\n\"2.385\" -17\n0.5  \"1000\" \n");
    check_accepted("# made by hand\n\n  # and so, with commas\nx,y\n2.385,-17\n \t \n#\n0.5,1000\n\n");
    check_accepted("\n\n2.385,-17\n0.5,1000\n");
    check_accepted("\xef\xbb\xbf# a mark and a comment\r\n\"x\";\"y\"\r\n2.385;-17\r\n0.5;1000");
    check_accepted("\"2.385\"\t\"-17\"\r0.5\t1000\r");
    check_accepted("x,y\n+2.385e0,-0.17E+2\n00.5,1000.\n");
}

static void test_lines_and_names(void)
{
    df_arena arena = {0};
    df_table table;
    const char *text = "# a\r\n1,2,3,4\r\n\r\n5,6,7,8\r#\r9,8,7,6";
    CHECK(parse_bytes(&table, &arena, "-", text, strlen(text), NULL) == DF_OK);
    CHECK(table.rows == 3 && table.columns == 4);
    CHECK(table.lines[0] == 2 && table.lines[1] == 4 && table.lines[2] == 6);
    CHECK_TEXT(table.names[2], "z");
    CHECK_TEXT(table.names[3], "c4");
    CHECK_TEXT(table.path, "standard input");

    text = "\"petal \"\"length\"\", cm\",größe,label\n1,2,3\n";
    CHECK(parse_bytes(&table, &arena, "t.csv", text, strlen(text), NULL) == DF_OK);
    CHECK_TEXT(table.names[0], "petal \"length\", cm");
    CHECK_TEXT(table.names[1], "größe");
    CHECK_TEXT(table.names[2], "label");

    text = "\"a;b\",c\n1,2\n"; /* the separator is one outside of quotes */
    CHECK(parse_bytes(&table, &arena, "t.csv", text, strlen(text), NULL) == DF_OK);
    CHECK(table.columns == 2);
    CHECK_TEXT(table.names[0], "a;b");

    text = "x\n-0\n1e-400\n";
    CHECK(parse_bytes(&table, &arena, "t.csv", text, strlen(text), NULL) == DF_OK);
    CHECK(table.rows == 2 && table.columns == 1);
    CHECK(signbit(table.values[0]) && table.values[1] == 0);
    df_arena_free(&arena);
}

/* Many unchosen empty cells: rows shorter than a digit for each field must still fit. */
static void test_sparse_rows(void)
{
    df_arena arena = {0};
    df_table table;
    const char *text = "a,b,c,d,e\n1,,,,\n2,,,,\n3,,,,\n4,,,,\n5,,,,\n6,,,,\n7,,,,\n8,,,,\n";
    CHECK(parse_bytes(&table, &arena, "t.csv", text, strlen(text), "a") == DF_OK);
    CHECK(table.rows == 8 && table.columns == 1 && table.values[7] == 8);
    df_arena_free(&arena);
}

static void test_choice(void)
{
    const char *text = "city,x,y,z\nOslo,1,10,100\nBern,2.385,20,200\nRome,3,,\n";
    const size_t without_rome = strlen(text) - strlen("Rome,3,,\n");
    df_arena arena = {0};
    df_table table;
    CHECK(parse_bytes(&table, &arena, "t.csv", text, without_rome, "y,x") == DF_OK);
    CHECK(table.rows == 2 && table.columns == 2);
    CHECK_TEXT(table.names[0], "y");
    CHECK(row_is(&table, 1, (const double[]){20, 2.385}));
    CHECK(parse_bytes(&table, &arena, "t.csv", text, without_rome, "3,z,2") == DF_OK);
    CHECK(row_is(&table, 0, (const double[]){10, 100, 1}));
    CHECK(parse_bytes(&table, &arena, "t.csv", text, strlen(text), "x") == DF_OK);
    CHECK(table.rows == 3 && table.columns == 1);
    df_arena_free(&arena);
}

/* What is refused, with its place and reason. */

static void check_refused_bytes(const char *path, const char *bytes, size_t size, const char *columns,
                                df_status wanted, const char *message)
{
    df_arena arena = {0};
    df_table table;
    error = (df_error){0};
    const df_status status = parse_bytes(&table, &arena, path, bytes, size, columns);
    const bool same = strcmp(error.message, message) == 0;
    if (!same) fprintf(stderr, "of \"%s\"\ngot  \"%s\"\nwant \"%s\"\n", bytes, error.message, message);
    CHECK(status == wanted && same);
    df_arena_free(&arena);
}

static void check_refused(const char *text, const char *message)
{
    check_refused_bytes("t.csv", text, strlen(text), NULL, DF_INPUT, message);
}

static void test_bad_numbers(void)
{
    check_refused("x,y\n1,2\n1, nan\n",
                  "t.csv:3:4: expected a finite number in column 'y', found 'nan'; remove the row");
    check_refused("x,y\n-Inf,2\n",
                  "t.csv:2:1: expected a finite number in column 'x', found '-Inf'; remove the row");
    check_refused("nan,2\n",
                  "t.csv:1:1: expected a finite number in column 'x', found 'nan'; remove the row");
    check_refused("x,y\n1,infinity\n",
                  "t.csv:2:3: expected a finite number in column 'y', found 'infinity'; remove the row");
    check_refused("x,y\n1,\n", "t.csv:2:3: the cell of column 'y' is empty; remove the row or fill it");
    check_refused("x,y\n,2\n", "t.csv:2:1: the cell of column 'x' is empty; remove the row or fill it");
    check_refused(",2\n", "t.csv:1:1: the cell of column 'x' is empty; remove the row or fill it");
    check_refused("x\ty\n\t2\n", "t.csv:2:1: the cell of column 'x' is empty; remove the row or fill it");
    check_refused("x,y\n\"\",2\n", "t.csv:2:2: the cell of column 'x' is empty; remove the row or fill it");
    check_refused("x,y\n1,0x1p3\n", "t.csv:2:3: '0x1p3' is hexadecimal; write numbers in decimal");
    check_refused("x,y\n1,1e999\n", "t.csv:2:3: '1e999' is beyond the largest number, 1.8e+308");
    check_refused("x;y\n1,5;2\n",
                  "t.csv:2:1: expected a number, found '1,5'\n  decimal commas are not supported; use '.'");
    check_refused("2\t-1,5\n",
                  "t.csv:1:3: expected a number, found '-1,5'\n  decimal commas are not supported; use '.'");
    check_refused("x,y\n1,2\n1,5,2,5\n",
                  "t.csv:3:5: found 4 and expected 2 fields separated by commas, as many as in line 1\n"
                  "  decimal commas are not supported; use '.'");
    check_refused("x,y\n1,1e\n", "t.csv:2:3: expected a number in column 'y', found '1e'\n"
                                 "  to leave text out, choose the other columns: --columns x");
    check_refused("x,y\n+-1,2\n", "t.csv:2:1: expected a number in column 'x', found '+-1'\n"
                                  "  to leave text out, choose the other columns: --columns y");
    check_refused("x,y\n1,\xef\xbc\x91\n", "t.csv:2:3: expected a number in column 'y', found '\xef\xbc\x91'\n"
                                         "  to leave text out, choose the other columns: --columns x");
    check_refused("x,y\n1,-nan(7)\n",
                  "t.csv:2:3: expected a finite number in column 'y', found '-nan(7)'; remove the row");
    check_refused("x,y\n-1e999,2\n", "t.csv:2:1: '-1e999' is beyond the largest number, 1.8e+308");
    check_refused("x,y\n1,2 3\n", "t.csv:2:3: expected a number in column 'y', found '2 3'\n"
                                  "  to leave text out, choose the other columns: --columns x");
    check_refused("x,y\n1,1_000\n", "t.csv:2:3: expected a number in column 'y', found '1_000'\n"
                                    "  to leave text out, choose the other columns: --columns x");
}

static void test_text_columns(void)
{
    check_refused("x,city,y\n1,Oslo,2\n", "t.csv:2:3: expected a number in column 'city', found 'Oslo'\n"
                                          "  to leave text out, choose the other columns: --columns x,y");
    check_refused("my x,\"c,d\",e\n1,2,NA\n", "t.csv:2:5: expected a number in column 'e', found 'NA'\n"
                                              "  to leave text out, choose the other columns: --columns 1,2");
    check_refused("a\nred\n", "t.csv:2:1: expected a number in column 'a', found 'red'");
    check_refused("x\n\033[2J\n", "t.csv:2:1: expected a number in column 'x', found '?[2J'");
    check_refused("1,2,red\n3,4,blue\n",
                  "t.csv:1:5: 'red' is text on a line with numbers, so the line is neither names nor data\n"
                  "  begin the file with a line of column names, none of them a number");
}

#define FORTY_EIGHT "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"

static void test_hints_that_do_not_fit(void)
{
    check_refused("x;y\n1,0000000000000000000000000000000000000000000000000;2\n",
                  "t.csv:2:1: expected a number in column 'x', found '1,000000000000000000000000000000000000000000000'\n"
                  "  to leave text out, choose the other columns: --columns y");
    check_refused("x,y\n\" 1\",2\n", "t.csv:2:2: expected a number in column 'x', found ' 1'\n"
                                     "  to leave text out, choose the other columns: --columns y");
    check_refused("a,b,c,d,e,f,g,h,i,j\nt,1,2,3,4,5,6,7,8,9\n",
                  "t.csv:2:1: expected a number in column 'a', found 't'\n"
                  "  to leave text out, choose the other columns: --columns b,c,d,e,f,g,h,i");
    check_refused(FORTY_EIGHT ",y\n1,t\n", "t.csv:2:3: expected a number in column 'y', found 't'\n"
                                           "  to leave text out, choose the other columns: --columns 1");
}

static void test_ragged_rows(void)
{
    check_refused("x,y\n1,2\n1,2,3\n",
                  "t.csv:3:5: found 3 and expected 2 fields separated by commas, as many as in line 1\n"
                  "  decimal commas are not supported; use '.'");
    check_refused("# two\n1 2\n3\n",
                  "t.csv:3:2: found 1 and expected 2 fields separated by blanks, as many as in line 2");
    check_refused("x;y\n1,2\n",
                  "t.csv:2:4: found 1 and expected 2 fields separated by semicolons, as many as in line 1");
    check_refused("x\ty\n1\t2\t\n",
                  "t.csv:2:5: found 3 and expected 2 fields separated by tabs, as many as in line 1");
}

static void test_headers(void)
{
    check_refused("x,y,x\n1,2,3\n", "t.csv:1:5: columns 1 and 3 are both called 'x'");
    check_refused(",y\n1,2\n", "t.csv:1:1: column 1 has no name");
    check_refused("x,,y\n1,2,3\n", "t.csv:1:3: column 2 has no name");
    check_refused("", "t.csv:1:1: there are no rows of data");
    check_refused("\n# only this\n", "t.csv:3:1: there are no rows of data");
    check_refused("x,y\n", "t.csv:2:1: there are no rows of data");
    check_refused("x,y\n1,\"2\n", "t.csv:2:3: the quote that opens here is not closed on its line");
    check_refused("x,y\n\"1\"2,3\n", "t.csv:2:4: expected the end of the field after its quote");
}

static void test_encodings(void)
{
    check_refused_bytes("t.csv", "\xff\xfex\0,\0y\0\n\0", 10, NULL, DF_INPUT,
                        "t.csv:1:1: this is UTF-16; save the file as UTF-8");
    check_refused_bytes("t.csv", "\xfe\xff\0x", 4, NULL, DF_INPUT,
                        "t.csv:1:1: this is UTF-16; save the file as UTF-8");
    check_refused_bytes("t.csv", "\xff\xfe", 2, NULL, DF_INPUT, "t.csv:1:1: this is UTF-16; save the file as UTF-8");
    check_refused_bytes("t.csv", "\xef\xbb\xbf", 3, NULL, DF_INPUT, "t.csv:1:1: there are no rows of data");
    check_refused_bytes("t.csv", "x,y\n1,\0002\n", 8, NULL, DF_INPUT,
                        "t.csv:2:3: a NUL byte; this is not a text file");
    check_refused_bytes("-", "x,y\n1,2\n\0", 9, NULL, DF_INPUT,
                        "standard input:3:1: a NUL byte; this is not a text file");
}

static void test_long_lines(void)
{
    enum { MOST = 65536 };
    char *line = malloc(MOST + 2);
    if (!line) exit(1);
    memset(line, ' ', MOST + 1);
    memcpy(line, "1,2", 3);
    line[MOST] = '\0';
    df_arena arena = {0};
    df_table table;
    CHECK(parse_bytes(&table, &arena, "t.csv", line, MOST, NULL) == DF_OK);
    line[MOST] = ' ';
    CHECK(parse_bytes(&table, &arena, "t.csv", line, MOST + 1, NULL) == DF_INPUT);
    CHECK_TEXT(error.message, "t.csv:1:65537: the line is longer than 65536 bytes");
    df_arena_free(&arena);
    free(line);
}

static void test_most_columns(void)
{
    char *line = malloc(2 * (DF_TABLE_COLUMNS + 1));
    if (!line) exit(1);
    for (size_t c = 0; c <= DF_TABLE_COLUMNS; c++) memcpy(line + 2 * c, "1,", 2);
    df_arena arena = {0};
    df_table table;
    CHECK(parse_bytes(&table, &arena, "t.csv", line, 2 * DF_TABLE_COLUMNS - 1, NULL) == DF_OK);
    CHECK(table.columns == DF_TABLE_COLUMNS);
    CHECK_TEXT(table.names[DF_TABLE_COLUMNS - 1], "c4096");
    CHECK(parse_bytes(&table, &arena, "t.csv", line, 2 * DF_TABLE_COLUMNS + 1, NULL) == DF_LIMIT);
    CHECK_TEXT(error.message, "t.csv:1: more than 4096 columns");
    df_arena_free(&arena);
    free(line);
}

static void check_choice_refused(const char *columns, const char *message)
{
    const char *text = "x,y,label\n1,2,0\n";
    check_refused_bytes("t.csv", text, strlen(text), columns, DF_USAGE, message);
}

static void test_bad_choices(void)
{
    check_choice_refused("x,lable", "t.csv: there is no column 'lable'; did you mean 'label'?\n"
                                    "  its columns are x, y, label");
    check_choice_refused("z", "t.csv: there is no column 'z'\n  its columns are x, y, label");
    check_choice_refused("4", "t.csv: there is no column '4'\n  its columns are x, y, label");
    check_choice_refused("0", "t.csv: there is no column '0'\n  its columns are x, y, label");
    check_choice_refused("x,", "t.csv: there is no column ''\n  its columns are x, y, label");
    check_choice_refused("x,1", "column 'x' is chosen twice; name it once");
    check_choice_refused("\033[2J", "t.csv: there is no column '?[2J'\n  its columns are x, y, label");
}

static void test_long_lists_of_columns_are_cut(void)
{
    char text[400] = "";
    for (int c = 0; c < 40; c++) snprintf(text + strlen(text), sizeof text - strlen(text), "name%d,", c);
    text[strlen(text) - 1] = '\n';
    df_arena arena = {0};
    df_table table;
    CHECK(parse_bytes(&table, &arena, "t.csv", text, strlen(text), "other") == DF_USAGE);
    CHECK(strstr(error.message, "name0, name1,") && strstr(error.message, "name19, ..."));
    CHECK(!strstr(error.message, "name20"));
    const char *const wide = FORTY_EIGHT "1," FORTY_EIGHT "2," FORTY_EIGHT "3," FORTY_EIGHT "4," FORTY_EIGHT "5,"
                             FORTY_EIGHT "6," FORTY_EIGHT "7," FORTY_EIGHT "8," FORTY_EIGHT "9," FORTY_EIGHT "10,"
                             FORTY_EIGHT "11," FORTY_EIGHT "12," FORTY_EIGHT "13," FORTY_EIGHT "14\n";
    CHECK(parse_bytes(&table, &arena, "t.csv", wide, strlen(wide), "other") == DF_USAGE);
    CHECK(strstr(error.message, ", ...") != NULL);
    df_arena_free(&arena);
}

/* NPY. */

#define NPY(type, order, shape) "{'descr': " type ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static df_status parse_npy(df_table *table, df_arena *arena, const char *dictionary, const void *values,
                           size_t size, const char *columns)
{
    char file[1024] = "\x93NUMPY\x01";
    const size_t header_size = strlen(dictionary);
    file[8] = (char)header_size;
    file[9] = (char)(header_size >> 8);
    memcpy(file + 10, dictionary, header_size);
    memcpy(file + 10 + header_size, values, size);
    error = (df_error){0};
    return parse_bytes(table, arena, "t.npy", file, 10 + header_size + size, columns);
}

static void test_npy_read(void)
{
    const double values[6] = {2.385, -17, 3, 4, 5, 6};
    const float singles[6] = {0.1f, -17, 3, 4, 5, 6};
    df_arena arena = {0};
    df_table table;
    const char *dictionary = NPY("'<f8'", "False", "(3, 2)   ");
    CHECK(parse_npy(&table, &arena, dictionary, values, sizeof values, NULL) == DF_OK);
    CHECK(table.rows == 3 && table.columns == 2 && table.lines[2] == 3);
    CHECK(row_is(&table, 0, values) && row_is(&table, 2, values + 4));
    CHECK_TEXT(table.names[1], "y");
    CHECK(parse_npy(&table, &arena, "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"<f4\"}\n", singles,
                    sizeof singles, "3,x") == DF_OK);
    CHECK(table.rows == 2 && table.columns == 2);
    CHECK(row_is(&table, 0, (const double[]){3, (double)0.1f}));
    CHECK_TEXT(table.names[0], "z");
    char padded[400]; /* its size takes two bytes */
    snprintf(padded, sizeof padded, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2)}%300s\n", "");
    CHECK(parse_npy(&table, &arena, padded, values, sizeof values, NULL) == DF_OK);
    CHECK(table.rows == 3 && row_is(&table, 2, values + 4));
    CHECK(parse_npy(&table, &arena, dictionary, values, sizeof values, "label") == DF_USAGE);
    CHECK(strstr(error.message, "there is no column 'label'") != NULL);
    df_arena_free(&arena);
}

static void check_npy_refused(const char *dictionary, df_status wanted, const char *message)
{
    const double values[4] = {2.385, -17, 3, 4};
    df_arena arena = {0};
    df_table table;
    const df_status status = parse_npy(&table, &arena, dictionary, values, sizeof values, NULL);
    const bool same = strncmp(error.message, message, strlen(message)) == 0;
    if (!same) fprintf(stderr, "of %s\ngot  \"%s\"\nwant \"%s\"\n", dictionary, error.message, message);
    CHECK(status == wanted && same);
    df_arena_free(&arena);
}

static void test_npy_refused(void)
{
    check_npy_refused(NPY("'<i8'", "False", "(2, 2)"), DF_INPUT,
                      "t.npy: values of type '<i8' are not read, only '<f4' and '<f8'");
    check_npy_refused(NPY("'>f8'", "False", "(2, 2)"), DF_INPUT, "t.npy: values of type '>f8' are not read");
    check_npy_refused(NPY("'|O'", "False", "(2, 2)"), DF_INPUT, "t.npy: values of type '|O' are not read");
    check_npy_refused(NPY("'\033[2J'", "False", "(2, 2)"), DF_INPUT, "t.npy: values of type '?[2J' are not");
    check_npy_refused(NPY("'<f8'", "True", "(2, 2)"), DF_INPUT, "t.npy: the values are in column order");
    check_npy_refused(NPY("'<f8'", "False", "(4,)"), DF_INPUT, "t.npy: the array has 1 dimensions");
    check_npy_refused(NPY("'<f8'", "False", "()"), DF_INPUT, "t.npy: the array has 0 dimensions");
    check_npy_refused(NPY("'<f8'", "False", "(1, 2, 2)"), DF_INPUT, "t.npy: the array has 3 dimensions");
    check_npy_refused(NPY("'<f8'", "False", "(0, 2)"), DF_INPUT, "t.npy: there are no rows of data");
    check_npy_refused(NPY("'<f8'", "False", "(2, 0)"), DF_INPUT, "t.npy: there are no rows of data");
    check_npy_refused(NPY("'<f8'", "False", "(3, 2)"), DF_INPUT,
                      "t.npy: the header promises 48 bytes of values, and 32 follow it");
    check_npy_refused(NPY("'<f8'", "False", "(1, 2)"), DF_INPUT,
                      "t.npy: the header promises 16 bytes of values, and 32 follow it");
    check_npy_refused(NPY("'<f8'", "False", "(100000000, 2)"), DF_INPUT, "t.npy: the header promises 1600000000 bytes");
    check_npy_refused(NPY("'<f8'", "False", "(2, 4096)"), DF_INPUT, "t.npy: the header promises 65536 bytes of values");
    check_npy_refused(NPY("'<f8'", "False", "(100000001, 2)"), DF_LIMIT,
                      "t.npy: at most 100000000 rows and 4096 columns are read, and the file has 100000001 and 2");
    check_npy_refused(NPY("'<f8'", "False", "(2, 4097)"), DF_LIMIT,
                      "t.npy: at most 100000000 rows and 4096 columns are read, and the file has 2 and 4097");
    const char *const damaged[] = {
        "", "\n", "[]\n", "{}\n", "{'descr': '<f8'}\n", "{'descr': '<f8'", "{'descr: 8", "{'descr' '<f8'}\n",
        NPY("'<f8'", "False", "(2)"), NPY("'<f8'", "False", "(2, 2"), NPY("'<f8'", "False", "(2 2)"),
        NPY("'<f8'", "False", "(-2, 2)"), NPY("'<f8'", "False", "(2.0, 2)"), NPY("'<f8'", "0", "(2, 2)"),
        NPY("<f8", "False", "(2, 2)"), NPY("'<f8'", "False", "(2, 2) 'x': 1"),
        NPY("'<f\\x38'", "False", "(2, 2)"), NPY("'<f8'", "False", "(2, 99999999999999999999999)"),
        NPY("'<f8'", "False", "(2, 2 2)"), NPY("'<f8'", "False", "2, 2"),
        NPY("'<f8'", "False", "(2, 9999999999999999999999999999)"), "{descr: '<f8'}\n", "{'fortran_order': Tr",
        "{'shape': (2", "{'" FORTY_EIGHT "': 1}\n", NPY("__import__('os')", "False", "(2, 2)"),
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), 'x': 1, }\n",
        "{'x': '<f8', 'fortran_order': False, 'shape': (2, 2)}\n",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}\n\n",
        "{'descr': '<f8', 'fortran_order': False 'shape': (2, 2)}\n",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        check_npy_refused(damaged[i], DF_INPUT, "t.npy: the NPY header is not well formed: ");
}

static void test_npy_damage(void)
{
    check_refused_bytes("t.npy", "x,y\n1,2\n34", 10, NULL, DF_INPUT,
                        "t.npy: this is not an NPY file; it does not begin with \\x93NUMPY");
    check_refused_bytes("t.npy", "\x93NUM", 4, NULL, DF_INPUT,
                        "t.npy: this is not an NPY file; it does not begin with \\x93NUMPY");
    check_refused_bytes("t.npy", "\x93NUMPY\2\0\1\0x", 11, NULL, DF_INPUT,
                        "t.npy: NPY version 2.0 is not read, only 1.0");
    check_refused_bytes("t.npy", "\x93NUMPY\1\0\2\0x", 11, NULL, DF_INPUT,
                        "t.npy: the file ends after 11 bytes, within its header");
    const double values[4] = {2.385, -17, 3, (double)NAN};
    df_arena arena = {0};
    df_table table;
    const char *dictionary = NPY("'<f8'", "False", "(2, 2)");
    CHECK(parse_npy(&table, &arena, dictionary, values, sizeof values, NULL) == DF_INPUT);
    CHECK_TEXT(error.message, "t.npy: row 2 (from 1) has nan in column 2; remove the row");
    CHECK(parse_npy(&table, &arena, dictionary, values, sizeof values, "x") == DF_OK);
    df_arena_free(&arena);
}

/* Writing. */

static const char *const xy[] = {"x", "y"};

static df_status write_table(const char *path, const double *values, size_t rows, uint64_t promised)
{
    df_table_writer writer;
    df_status status = df_table_open(&writer, path, false, 2, xy, promised, &error);
    if (status != DF_OK) return status;
    status = df_table_write(&writer, values, rows, &error);
    if (status != DF_OK) {
        df_table_abandon(&writer);
        return status;
    }
    return df_table_close(&writer, &error);
}

static bool exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

static bool file_is(const char *path, const char *wanted, size_t size)
{
    df_arena arena = {0};
    char *bytes;
    size_t got;
    const bool same = df_read_file(&arena, path, 1 << 20, &bytes, &got, &error) == DF_OK && got == size &&
                      memcmp(bytes, wanted, size) == 0;
    df_arena_free(&arena);
    return same;
}

static void test_written_bytes(void)
{
    const double values[6] = {2.385, -17, (double)0.1f, 1e-20, -0.0, 123456789};
    const char csv[] = "x,y\n2.385,-17\n0.100000001,1e-20\n-0,123456789\n";
    CHECK(write_table("out.csv", values, 3, 3) == DF_OK);
    CHECK(file_is("out.csv", csv, strlen(csv)));
    CHECK(write_table("out.csv", values, 3, 3) == DF_USAGE);
    unlink("out.csv");

    char npy[128 + sizeof values] = "\x93NUMPY\x01\0\x76\0"
                                    "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }";
    memset(npy + 69, ' ', 127 - 69);
    npy[127] = '\n';
    memcpy(npy + 128, values, sizeof values); /* on a little-endian machine, as all that run this test */
    CHECK(write_table("out.npy", values, 3, 3) == DF_OK);
    CHECK(file_is("out.npy", npy, sizeof npy));
    unlink("out.npy");
}

static void test_failed_writing_leaves_nothing(void)
{
    const double bad[4] = {1, 2, 3, (double)INFINITY};
    CHECK(write_table("out.csv", bad, 2, 2) == DF_DIVERGED);
    CHECK_TEXT(error.message, "row 2, column 2 of out.csv would be inf; nothing was saved");
    CHECK(write_table("out.csv", bad, 1, 2) == DF_IO);
    CHECK_TEXT(error.message, "out.csv was to have 2 rows and got 1; nothing was saved");
    CHECK(!exists("out.csv"));
    CHECK(write_table("none/out.csv", bad, 1, 1) == DF_IO);
    CHECK(write_table("/dev/full", bad, 1, 1) == DF_IO);
    CHECK_TEXT(error.message, "cannot write /dev/full: No space left on device");
    static double many[2 * 20000];
    CHECK(write_table("/dev/full", many, 20000, 20001) == DF_IO); /* the first failure is the one to be told */
    CHECK_TEXT(error.message, "cannot write /dev/full: No space left on device");
    df_table_writer writer;
    const char *const wrong[] = {"",   "a,b", "a;b", "a\"b", "a\nb", "a\tb",
                                 " a", "a ",  "#a",  "17",   "nan",  "1e999", "\033[2J", "a\x7f", "\xc2\x9bJ", "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(df_table_open(&writer, "out.csv", false, 1, &wrong[i], 1, &error) == DF_INPUT);
        CHECK(strstr(error.message, "needs quotes, which are not written") != NULL);
    }
    CHECK(rmdir("none") != 0 && !exists("out.csv"));
}

/* The bits of a float from a small congruential generator, spread over all finite floats. */
static float odd_float(uint32_t *state)
{
    float value;
    do {
        *state = *state * 1664525u + 1013904223u;
        const uint32_t bits = *state ^ *state >> 15;
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void check_round_trip(const char *path)
{
    enum { ROWS = 5000 };
    static double values[2 * ROWS];
    uint32_t state = 2385;
    for (size_t i = 0; i < 2 * ROWS; i++) values[i] = (double)odd_float(&state);
    CHECK(write_table(path, values, ROWS, ROWS) == DF_OK);
    df_arena arena = {0};
    df_table table = {0};
    CHECK(df_table_read(&table, &arena, path, NULL, &error) == DF_OK);
    CHECK(table.rows == ROWS && table.columns == 2);
    size_t wrong = 0;
    for (size_t i = 0; table.rows == ROWS && i < 2 * ROWS; i++) {
        const float got = (float)table.values[i], want = (float)values[i];
        wrong += memcmp(&got, &want, sizeof got) != 0;
    }
    CHECK(wrong == 0);
    df_arena_free(&arena);
    unlink(path);
}

static void test_foreign_locale(void)
{
    strcpy(decimal_point, ",");
    const char *message = "t.csv: the current locale writes numbers with ',' where files have '.'\n"
                          "  set LC_NUMERIC=C";
    check_refused("x,y\n1,2\n", message);
    const double row[2] = {1, 2};
    CHECK(write_table("t.csv", row, 1, 1) == DF_INPUT);
    CHECK_TEXT(error.message, message);
    CHECK(!exists("t.csv"));
    strcpy(decimal_point, ".");
}

static void test_missing_file(void)
{
    df_arena arena = {0};
    df_table table;
    CHECK(df_table_read(&table, &arena, "none.csv", NULL, &error) == DF_IO);
    CHECK_TEXT(error.message, "cannot read none.csv: No such file or directory");
    df_arena_free(&arena);
}

int main(void)
{
    char directory[] = "/tmp/diffuse-test-XXXXXX";
    if (!mkdtemp(directory) || chdir(directory) != 0) return 1;
    test_dialects();
    test_lines_and_names();
    test_sparse_rows();
    test_choice();
    test_bad_numbers();
    test_text_columns();
    test_hints_that_do_not_fit();
    test_ragged_rows();
    test_headers();
    test_encodings();
    test_long_lines();
    test_most_columns();
    test_bad_choices();
    test_long_lists_of_columns_are_cut();
    test_npy_read();
    test_npy_refused();
    test_npy_damage();
    test_written_bytes();
    test_failed_writing_leaves_nothing();
    check_round_trip("floats.csv");
    check_round_trip("floats.npy");
    test_foreign_locale();
    test_missing_file();
    CHECK(chdir("/") == 0 && rmdir(directory) == 0);
    return CHECK_DONE();
}
