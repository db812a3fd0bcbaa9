/* layer 1: option.h -- one table per struct of settings: parsing, help, ranges, hints and stored configuration. */
#ifndef DIFFUSE_OPTION_H
#define DIFFUSE_OPTION_H

#include "diffuse/text.h"

DF_BEGIN

typedef enum df_option_kind {
    DF_FLAG,   /* bool: present or not; in files "yes" or "no" */
    DF_COUNT,  /* uint64_t */
    DF_NUMBER, /* double */
    DF_CHOICE, /* int: index into `choices` */
    DF_WORD    /* const char *: any text */
} df_option_kind;

/* One setting. A table ends with an entry whose name is NULL. */
typedef struct df_option {
    const char *name; /* "train-steps", typed as --train-steps */
    char letter;      /* 'n' for -n; 0: none */
    df_option_kind kind;
    size_t offset;     /* of the value in the struct that the table describes */
    const char *value; /* the default as one would type it; NULL: 0, no, or not given */
    const char *before; /* of a setting younger than the first model files: what programs without it did */
    double low, high;  /* accepted range of counts and numbers, ends included */
    const char *const *choices; /* NULL-terminated names */
    const char *shown; /* what --help calls the value: "FILE", "N" */
    const char *also;  /* names other programs use, separated by blanks: only hints */
    const char *not_with; /* the option of the same table that this one cannot be given together with */
    const char *idle_with; /* settings of the same table, "name=value name=value ...", with which it has no effect */
    const char *help;
} df_option;

/* A table, the struct that it describes, and which of its options were given. */
typedef struct df_settings {
    const char *title; /* for --help, and "only for <title>" */
    const df_option *table;
    void *values;
    uint64_t given; /* bit i: option i was given by the user or a preset */
} df_settings;

/* Sets every value of the struct to its default. */
void df_settings_defaults(df_settings *settings);

/* Sets one option from text, checking kind and range. `arena` keeps DF_WORD texts. */
df_status df_settings_set(df_settings *settings, const df_option *option, const char *text, df_arena *arena,
                          df_error *error) DF_MUST_CHECK;

/* The option of that name in any of the NULL-terminated list of settings, or NULL; *owner is set to its settings. */
const df_option *df_settings_find(df_settings *const *list, const char *name, df_settings **owner);

bool df_settings_given(const df_settings *settings, const char *name);

/* Applies "name=value name=value ...". */
df_status df_settings_apply(df_settings *const *list, const char *assignments, df_arena *arena,
                            df_error *error) DF_MUST_CHECK;

/* Refuses options that were given though they contradict another, or have no effect beside it. */
df_status df_settings_check(df_settings *const *list, df_error *error) DF_MUST_CHECK;

/* The value of an option as df_settings_set would read it. */
void df_settings_show(df_text *out, const df_settings *settings, const df_option *option);

/* Appends the options as members of a JSON object that is being written; a word that was not given is null. */
void df_settings_json(df_text *out, const df_settings *settings);

/* The name of a choice: df_choice_name(table, "activation", 0) is "silu". */
const char *df_choice_name(const df_option *table, const char *option, int choice);

/* The help text of a table. */
void df_settings_help(df_text *out, const df_settings *settings);

/* Parses a command line into settings and operands (whatever is not an option; "--" ends options), and checks them.
 * `words` need not outlive the call except where DF_WORD values and operands point into it. */
df_status df_settings_parse(df_settings *const *list, const char *const *words, size_t count, const char **operands,
                            size_t *operand_count, size_t operands_most, df_arena *arena,
                            df_error *error) DF_MUST_CHECK;

/* The value after the last --name among the words, before they are parsed in earnest; NULL when absent. For
 * options that decide which other options exist. */
const char *df_peek_option(const char *const *words, size_t count, const char *name);

/* "a, b or c" from a NULL-terminated list. */
void df_add_names(df_text *out, const char *const *names);

DF_END
#endif
