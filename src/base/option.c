/* option.c -- option tables: everything that is known about a setting is said once. */
#include "diffuse/option.h"

#include "diffuse/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

static void *value_of(const df_settings *settings, const df_option *option)
{
    return (char *)settings->values + option->offset;
}

void df_add_names(df_text *out, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        const char *before = i == 0 ? "" : names[i + 1] ? ", " : " or ";
        df_text_add(out, "%s%s", before, names[i]);
    }
}

static df_status wrong_value(const df_option *option, const char *text, const char *wanted, df_error *error)
{
    char shown[128];
    df_printable(shown, sizeof shown, text);
    return df_fail(error, DF_USAGE, "--%s: '%s' is not %s", option->name, shown, wanted);
}

static df_status out_of_range(const df_option *option, const char *text, df_error *error)
{
    return df_fail(error, DF_USAGE, "--%s: %s is out of range; it goes from %.10g to %.10g", option->name, text,
                   option->low, option->high);
}

static df_status set_choice(int *value, const df_option *option, const char *text, df_error *error)
{
    for (int i = 0; option->choices[i]; i++)
        if (strcmp(option->choices[i], text) == 0) {
            *value = i;
            return DF_OK;
        }
    char shown[128];
    df_printable(shown, sizeof shown, text);
    df_text known = {0};
    df_add_names(&known, option->choices);
    const char *near = df_nearest_name(text, option->choices);
    df_fail(error, DF_USAGE, "--%s: '%s' is not known; it can be %s%s%s%s", option->name, shown,
            known.bytes ? known.bytes : "", near ? "\n  did you mean '" : "", near ? near : "", near ? "'?" : "");
    df_text_free(&known);
    return DF_USAGE;
}

df_status df_settings_set(df_settings *settings, const df_option *option, const char *text, df_arena *arena,
                          df_error *error)
{
    void *value = value_of(settings, option);
    switch (option->kind) {
    case DF_FLAG:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) return wrong_value(option, text, "yes or no", error);
        *(bool *)value = strcmp(text, "yes") == 0;
        break;
    case DF_COUNT: {
        uint64_t count;
        if (!df_parse_count(text, &count))
            return wrong_value(option, text, "a whole number such as 500, 10k or 1e6", error);
        if (!((double)count >= option->low && (double)count <= option->high)) return out_of_range(option, text, error);
        *(uint64_t *)value = count;
        break;
    }
    case DF_NUMBER: {
        double number;
        if (!df_parse_double(text, &number)) return wrong_value(option, text, "a number such as 0.25 or 1e-3", error);
        if (!(number >= option->low && number <= option->high)) return out_of_range(option, text, error);
        *(double *)value = number;
        break;
    }
    case DF_CHOICE:
        DF_TRY(set_choice(value, option, text, error));
        break;
    case DF_WORD: {
        char *copy = df_copy_text(arena, text, error);
        if (!copy) return DF_LIMIT;
        *(const char **)value = copy;
        break;
    }
    }
    settings->given |= UINT64_C(1) << (option - settings->table);
    return DF_OK;
}

void df_settings_defaults(df_settings *settings)
{
    df_error error;
    for (const df_option *option = settings->table; option->name; option++) {
        if (option->kind == DF_WORD) *(const char **)value_of(settings, option) = option->value;
        else if (!option->value) memset(value_of(settings, option), 0, option->kind == DF_FLAG ? sizeof(bool)
                                        : option->kind == DF_CHOICE ? sizeof(int) : sizeof(double));
        else {
            const df_status status = df_settings_set(settings, option, option->value, NULL, &error);
            assert(status == DF_OK);
            (void)status;
        }
    }
    settings->given = 0;
}

const df_option *df_settings_find(df_settings *const *list, const char *name, df_settings **owner)
{
    for (; *list; list++)
        for (const df_option *option = (*list)->table; option->name; option++)
            if (strcmp(option->name, name) == 0) {
                *owner = *list;
                return option;
            }
    return NULL;
}

bool df_settings_given(const df_settings *settings, const char *name)
{
    for (size_t i = 0; settings->table[i].name; i++)
        if (strcmp(settings->table[i].name, name) == 0) return settings->given >> i & 1;
    return false;
}

static bool holds_word(const char *words, const char *word)
{
    const size_t size = strlen(word);
    for (const char *at = words; at && (at = strstr(at, word)); at += size)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == 0)) return true;
    return false;
}

static df_status unknown_option(df_settings *const *list, const char *name, df_error *error)
{
    enum { MOST = 128 };
    const char *names[MOST + 1];
    size_t count = 0;
    const char *near = NULL;
    for (; *list; list++)
        for (const df_option *option = (*list)->table; option->name; option++) {
            if (holds_word(option->also, name)) near = option->name;
            if (count < MOST) names[count++] = option->name;
        }
    names[count] = NULL;
    if (!near) near = df_nearest_name(name, names);
    char shown[128];
    df_printable(shown, sizeof shown, name);
    return df_fail(error, DF_USAGE, "unknown option --%s%s%s%s", shown, near ? "\n  did you mean --" : "",
                   near ? near : "", near ? "?" : "");
}

df_status df_settings_apply(df_settings *const *list, const char *assignments, df_arena *arena, df_error *error)
{
    while (*assignments) {
        const size_t size = strcspn(assignments, " ");
        char word[256];
        if (size >= sizeof word) return df_fail(error, DF_USAGE, "assignment too long: %.40s...", assignments);
        memcpy(word, assignments, size);
        word[size] = 0;
        char *value = strchr(word, '=');
        if (!value) return df_fail(error, DF_USAGE, "'%s' is not of the form name=value", word);
        *value++ = 0;
        df_settings *owner;
        const df_option *option = df_settings_find(list, word, &owner);
        if (!option) return unknown_option(list, word, error);
        DF_TRY(df_settings_set(owner, option, value, arena, error));
        assignments += size;
        assignments += strspn(assignments, " ");
    }
    return DF_OK;
}

void df_settings_show(df_text *out, const df_settings *settings, const df_option *option)
{
    const void *value = value_of(settings, option);
    switch (option->kind) {
    case DF_FLAG: df_text_add(out, "%s", *(const bool *)value ? "yes" : "no"); break;
    case DF_COUNT: df_text_add(out, "%llu", (unsigned long long)*(const uint64_t *)value); break;
    case DF_NUMBER: df_json_add_number(out, *(const double *)value); break;
    case DF_CHOICE: df_text_add(out, "%s", option->choices[*(const int *)value]); break;
    case DF_WORD: df_text_add(out, "%s", *(const char *const *)value ? *(const char *const *)value : ""); break;
    }
}

void df_settings_json(df_text *out, const df_settings *settings)
{
    for (const df_option *o = settings->table; o->name; o++) {
        const void *value = value_of(settings, o);
        if (out->size && out->bytes[out->size - 1] != '{') df_text_add(out, ",");
        df_json_add_string(out, o->name);
        df_text_add(out, ":");
        switch (o->kind) {
        case DF_FLAG: df_text_add(out, "%s", *(const bool *)value ? "true" : "false"); break;
        case DF_CHOICE: df_json_add_string(out, o->choices[*(const int *)value]); break;
        case DF_WORD:
            if (*(const char *const *)value) df_json_add_string(out, *(const char *const *)value);
            else df_text_add(out, "null");
            break;
        default: df_settings_show(out, settings, o);
        }
    }
}

const char *df_choice_name(const df_option *table, const char *option, int choice)
{
    for (; table->name; table++)
        if (strcmp(table->name, option) == 0) return table->choices[choice];
    return "?";
}

/* Words from `column` on, going on at HELP_COLUMN in the next line when this one is full. */
static void help_wrapped(df_text *out, const char *words, size_t column)
{
    for (size_t size; (size = strcspn(words, " ")) > 0; words += strspn(words, " ")) {
        const bool first = column == HELP_COLUMN;
        if (!first && column + 1 + size > HELP_WIDTH) {
            df_text_add(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (!first) {
            df_text_add(out, " ");
            column++;
        }
        df_text_add(out, "%.*s", (int)size, words);
        column += size;
        words += size;
    }
    df_text_add(out, "\n");
}

void df_settings_help(df_text *out, const df_settings *settings)
{
    if (settings->title) df_text_add(out, "%s:\n", settings->title);
    for (const df_option *option = settings->table; option->name; option++) {
        df_text line = {0}, words = {0};
        df_text_add(&line, "  ");
        if (option->letter) df_text_add(&line, "-%c, ", option->letter);
        df_text_add(&line, "--%s", option->name);
        if (option->kind != DF_FLAG) df_text_add(&line, " %s", option->shown ? option->shown : "NAME");
        df_text_add(&words, "%s", option->help);
        if (option->choices) {
            df_text_add(&words, ": ");
            df_add_names(&words, option->choices);
        }
        if (option->value && !(option->kind == DF_FLAG)) df_text_add(&words, " [%s]", option->value);
        df_text_add(out, "%-*s", HELP_COLUMN, line.bytes ? line.bytes : "");
        if (line.size + 2 > HELP_COLUMN) df_text_add(out, "\n%*s", HELP_COLUMN, "");
        help_wrapped(out, words.bytes ? words.bytes : "", HELP_COLUMN);
        df_text_free_part(&line, out);
        df_text_free_part(&words, out);
    }
}

const char *df_peek_option(const char *const *words, size_t count, const char *name)
{
    const size_t size = strlen(name);
    const char *value = NULL;
    for (size_t i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strncmp(words[i], "--", 2) == 0 && strncmp(words[i] + 2, name, size) == 0) {
            if (words[i][2 + size] == '=') value = words[i] + 3 + size;
            if (words[i][2 + size] == 0 && i + 1 < count) value = words[i + 1];
        }
    return value;
}

/* Refuses an option without effect, as another one of its table is now. */
static df_status check_idle(const df_settings *settings, const df_option *option, df_error *error)
{
    for (const df_option *other = settings->table; option->idle_with && other->name; other++) {
        df_status status = DF_OK;
        df_text setting = {0};
        df_text_add(&setting, "%s=", other->name);
        df_settings_show(&setting, settings, other);
        if (setting.failed) status = df_fail(error, DF_LIMIT, "out of memory");
        else if (holds_word(option->idle_with, setting.bytes))
            status = df_fail(error, DF_USAGE, "--%s has no effect with --%s %s", option->name, other->name,
                             setting.bytes + strlen(other->name) + 1);
        df_text_free(&setting);
        DF_TRY(status);
    }
    return DF_OK;
}

df_status df_settings_check(df_settings *const *list, df_error *error)
{
    for (; *list; list++)
        for (const df_option *option = (*list)->table; option->name; option++) {
            if (!df_settings_given(*list, option->name)) continue;
            if (option->not_with && df_settings_given(*list, option->not_with))
                return df_fail(error, DF_USAGE, "--%s and --%s cannot go together", option->not_with, option->name);
            DF_TRY(check_idle(*list, option, error));
        }
    return DF_OK;
}

static const df_option *find_letter(df_settings *const *list, char letter, df_settings **owner)
{
    for (; *list; list++)
        for (const df_option *option = (*list)->table; option->name; option++)
            if (option->letter == letter) {
                *owner = *list;
                return option;
            }
    return NULL;
}

/* "-n", "-n5", "--name", "--name=value": finds the option, or NULL, and the part of the word that is its value. */
static const df_option *find_option(df_settings *const *list, const char *word, df_settings **owner, const char **value,
                                    df_error *error)
{
    *value = NULL;
    const df_option *option = NULL;
    if (word[1] != '-') {
        option = find_letter(list, word[1], owner);
        if (!option) df_fail(error, DF_USAGE, "unknown option %.2s", word);
        else if (word[2]) *value = word + 2;
        return option;
    }
    char name[128];
    const size_t size = strcspn(word + 2, "=");
    if (size >= sizeof name) {
        df_fail(error, DF_USAGE, "unknown option %.40s...", word);
        return NULL;
    }
    memcpy(name, word + 2, size);
    name[size] = 0;
    option = df_settings_find(list, name, owner);
    if (!option) unknown_option(list, name, error);
    else if (word[2 + size] == '=') *value = word + 3 + size;
    return option;
}


df_status df_settings_parse(df_settings *const *list, const char *const *words, size_t count, const char **operands,
                            size_t *operand_count, size_t operands_most, df_arena *arena, df_error *error)
{
    bool options_end = false;
    *operand_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *word = words[i];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
            continue;
        }
        if (options_end || word[0] != '-' || word[1] == 0) {
            if (*operand_count == operands_most)
                return df_fail(error, DF_USAGE, "'%.100s' is one argument too many", word);
            operands[(*operand_count)++] = word;
            continue;
        }
        df_settings *owner;
        const char *value;
        const df_option *option = find_option(list, word, &owner, &value, error);
        if (!option) return error->status;
        if (option->kind == DF_FLAG) {
            if (value && word[1] != '-')
                return df_fail(error, DF_USAGE, "-%c takes no value: '%.100s'", option->letter, word);
            if (!value) value = "yes";
        } else if (!value) {
            if (++i == count) return df_fail(error, DF_USAGE, "--%s needs a value: %s", option->name, option->help);
            value = words[i];
        }
        DF_TRY(df_settings_set(owner, option, value, arena, error));
    }
    return df_settings_check(list, error);
}
