/* test_option.c -- one table is parsed, applied, refused, shown, stored and explained. */
#include "diffuse/option.h"

#include "check.h"

typedef struct values {
    bool fast;
    uint64_t steps;
    double rate;
    int kind;
    const char *name;
} values;

static const char *const kinds[] = {"plain", "curved", NULL};

#define AT(member) .offset = offsetof(values, member)
static const df_option table[] = {
    {.name = "fast", .letter = 'f', .kind = DF_FLAG, AT(fast), .idle_with = "kind=curved", .help = "be fast"},
    {.name = "steps", .letter = 'n', .kind = DF_COUNT, AT(steps), .value = "10", .low = 1, .high = 1000, .shown = "N",
     .also = "max-steps epochs", .help = "how many"},
    {.name = "rate", .kind = DF_NUMBER, AT(rate), .low = 0, .high = 1, .shown = "R", .not_with = "name",
     .help = "how much"},
    {.name = "kind", .kind = DF_CHOICE, AT(kind), .choices = kinds, .shown = "KIND", .help = "which"},
    {.name = "name", .kind = DF_WORD, AT(name), .shown = "A-LONG-NAME-FOR-A-NAME", .help = "what it is called"},
    {0}};
static values v;
static df_settings settings = {.title = "Options", .table = table, .values = &v};
static df_settings *const list[] = {&settings, NULL};
static df_arena arena;
static df_error error;

static df_status apply(const char *assignments)
{
    df_settings_defaults(&settings);
    error = (df_error){0};
    return df_settings_apply(list, assignments, &arena, &error);
}

static void test_assignments(void)
{
    CHECK(apply("") == DF_OK && v.steps == 10 && v.rate == 0 && !v.fast && v.kind == 0 && !v.name);
    CHECK(!df_settings_given(&settings, "steps"));
    CHECK(apply("fast=yes steps=1k  rate=0.5 kind=curved name=it ") == DF_OK);
    CHECK(v.fast && v.steps == 1000 && v.rate == 0.5 && v.kind == 1);
    CHECK_TEXT(v.name, "it");
    CHECK(df_settings_given(&settings, "steps") && !df_settings_given(&settings, "step"));
    CHECK(apply("fast=no") == DF_OK && !v.fast);
}

static void check_refused(const char *assignments, const char *message)
{
    CHECK(apply(assignments) == DF_USAGE);
    CHECK_TEXT(error.message, message);
}

static void test_refusals(void)
{
    char line[400] = "name=";
    memset(line + 5, 'x', sizeof line - 6);
    check_refused(line, "assignment too long: name=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...");
    check_refused("fast", "'fast' is not of the form name=value");
    check_refused("fast=maybe", "--fast: 'maybe' is not yes or no");
    check_refused("steps=-1", "--steps: '-1' is not a whole number such as 500, 10k or 1e6");
    check_refused("steps=0", "--steps: 0 is out of range; it goes from 1 to 1000");
    check_refused("steps=1001", "--steps: 1001 is out of range; it goes from 1 to 1000");
    check_refused("rate=x", "--rate: 'x' is not a number such as 0.25 or 1e-3");
    check_refused("rate=-0.1", "--rate: -0.1 is out of range; it goes from 0 to 1");
    check_refused("rate=1.1", "--rate: 1.1 is out of range; it goes from 0 to 1");
    check_refused("kind=plan", "--kind: 'plan' is not known; it can be plain or curved\n  did you mean 'plain'?");
    check_refused("kind=7", "--kind: '7' is not known; it can be plain or curved");
    check_refused("step=7", "unknown option --step\n  did you mean --steps?");
    check_refused("epochs=7", "unknown option --epochs\n  did you mean --steps?");
    check_refused("max=7", "unknown option --max");
    check_refused("poch=7", "unknown option --poch");
    check_refused("epoch=7", "unknown option --epoch");
}

static df_status parse(size_t count, const char *const *words)
{
    const char *operands[2];
    size_t operand_count;
    df_settings_defaults(&settings);
    error = (df_error){0};
    const df_status status = df_settings_parse(list, words, count, operands, &operand_count, 2, &arena, &error);
    if (status == DF_OK) CHECK(operand_count == 2 && strcmp(operands[0], "a") == 0);
    return status;
}
#define PARSE(...) \
    parse(sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *), (const char *const[]){__VA_ARGS__})

static void test_words(void)
{
    char endless[200];
    memset(endless, '-', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    CHECK(PARSE("a", "-n5", "--rate=0.25", "-f", "--kind", "plain", "--fast=no", "-") == DF_OK);
    CHECK(v.steps == 5 && v.rate == 0.25 && !v.fast && v.kind == 0);
    CHECK(PARSE("-n", "7", "--", "a", "--rate") == DF_OK && v.steps == 7);
    CHECK(PARSE("a", "b", "c") == DF_USAGE);
    CHECK_TEXT(error.message, "'c' is one argument too many");
    CHECK(PARSE("-x") == DF_USAGE);
    CHECK_TEXT(error.message, "unknown option -x");
    CHECK(PARSE("-f1") == DF_USAGE);
    CHECK_TEXT(error.message, "-f takes no value: '-f1'");
    CHECK(PARSE("--steps") == DF_USAGE);
    CHECK_TEXT(error.message, "--steps needs a value: how many");
    CHECK(PARSE(endless) == DF_USAGE);
    CHECK_TEXT(error.message, "unknown option ----------------------------------------...");
    CHECK(PARSE("--rate", "0.5", "--name", "it", "a", "b") == DF_USAGE);
    CHECK_TEXT(error.message, "--name and --rate cannot go together");
    CHECK(PARSE("--fast", "--kind", "curved", "a", "b") == DF_USAGE);
    CHECK(strncmp(error.message, "--fast", 6) == 0);
    CHECK(PARSE("--fast", "--kind", "plain", "a", "b") == DF_OK);
}

static void test_peek(void)
{
    const char *const words[] = {"--kind=a", "--kinder", "--kind", "b", "--kind"};
    CHECK_TEXT(df_peek_option(words, 1, "kind"), "a");
    CHECK_TEXT(df_peek_option(words, 4, "kind"), "b");
    CHECK_TEXT(df_peek_option(words, 5, "kind"), "b");
    CHECK_TEXT(df_peek_option(words, 2, "kind"), "a");
    CHECK(!df_peek_option(words, 5, "steps"));
    CHECK(!df_peek_option((const char *const[]){"--", "--kind=a"}, 2, "kind"));
    CHECK(!df_peek_option((const char *const[]){"-kind=a"}, 1, "kind"));
}

static void test_showing(void)
{
    df_text json = {0}, shown = {0}, help = {0};
    CHECK(apply("rate=0.1 kind=curved") == DF_OK);
    df_settings_json(&json, &settings);
    CHECK_TEXT(json.bytes, "\"fast\":false,\"steps\":10,\"rate\":0.1,\"kind\":\"curved\",\"name\":null");
    for (const df_option *option = table; option->name; option++) {
        df_settings_show(&shown, &settings, option);
        df_text_add(&shown, ";");
    }
    CHECK_TEXT(shown.bytes, "no;10;0.1;curved;;");
    CHECK_TEXT(df_choice_name(table, "kind", 1), "curved");
    CHECK_TEXT(df_choice_name(table, "type", 1), "?");
    df_settings_help(&help, &settings);
    CHECK_TEXT(help.bytes, "Options:\n"
                           "  -f, --fast                  be fast\n"
                           "  -n, --steps N               how many [10]\n"
                           "  --rate R                    how much\n"
                           "  --kind KIND                 which: plain or curved\n"
                           "  --name A-LONG-NAME-FOR-A-NAME\n"
                           "                              what it is called\n");
    df_text_free(&json);
    df_text_free(&shown);
    df_text_free(&help);
}

int main(void)
{
    test_assignments();
    test_refusals();
    test_words();
    test_peek();
    test_showing();
    df_arena_free(&arena);
    return CHECK_DONE();
}
