/* cmd_generate.c -- `diffuse generate`: the man page and the completions of shells, from the tables that are parsed. */
#include "cli.h"

#include "diffuse/shape.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- what one can type ---- */

enum { TABLES_MOST = 64 };

/* All tables of a command, those of every method or sampler included; NULL-terminated. */
static void list_tables(const df_option *tables[TABLES_MOST + 1], const command *c)
{
    size_t count = 0;
    for (const section *s = c->sections; s && s->table; s++) tables[count++] = s->table;
    for (const df_paper *const *paper = df_papers; *paper; paper++) {
        for (const df_objective *const *o = (*paper)->objectives; c->methods && o && *o; o++)
            if ((*o)->options && count < TABLES_MOST) tables[count++] = (*o)->options;
        for (const df_sampler *const *s = (*paper)->samplers; c->samplers && s && *s; s++)
            if ((*s)->options && count < TABLES_MOST) tables[count++] = (*s)->options;
    }
    tables[count] = NULL;
}

/* The next option of the tables; NULL at the end. Two samplers may have options of one name: only the first counts. */
static const df_option *next_option(const df_option *const *tables, const df_option *option)
{
    size_t at = 0;
    bool found = !option;
    for (; tables[at]; at++)
        for (const df_option *o = tables[at]; o->name; o++) {
            if (!found) {
                found = o == option;
                continue;
            }
            bool seen = false;
            for (size_t i = 0; i <= at && !seen; i++)
                for (const df_option *before = tables[i]; before->name && before != o && !seen; before++)
                    seen = strcmp(before->name, o->name) == 0;
            if (!seen) return o;
        }
    return NULL;
}

static void add_shapes(df_text *out, const char *before)
{
    for (const df_shape *s = df_shapes; s->name; s++) df_text_add(out, " %s%s", before, s->name);
    for (const df_shape *s = df_shape_conventions; s->name; s++) df_text_add(out, " %s%s", before, s->name);
}

static void add_list(df_text *out, const char *const *names)
{
    for (; *names; names++) df_text_add(out, " %s", *names);
}

/* Names, each after a blank, that stand where usage or help say `shown`. Returns whether a file may stand there too. */
static bool add_operands(df_text *out, const char *shown)
{
    static const char *const files[] = {"FILE", "DATA", "TRUTH", "MODEL"};
    if (strcmp(shown, "SHAPE") == 0 || strcmp(shown, "DATA") == 0 || strcmp(shown, "TRUTH") == 0) add_shapes(out, "");
    else if (strcmp(shown, "MODEL") == 0 || strcmp(shown, "MODEL|POINTS") == 0) add_shapes(out, "exact:");
    else if (strcmp(shown, "[KEY]") == 0)
        for (const df_paper *const *paper = df_papers; *paper; paper++) df_text_add(out, " %s", (*paper)->key);
    else if (islower((unsigned char)*shown)) /* "this|that" */
        for (const char *at = shown; *at; at += strcspn(at, "|"), at += *at == '|')
            df_text_add(out, " %.*s", (int)strcspn(at, "|"), at);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strncmp(shown, files[i], strlen(files[i])) == 0) return true;
    return false;
}

static bool add_values(df_text *out, const df_option *const *tables, const df_option *option)
{
    const char *names[DF_NAMES_MOST + 1];
    for (; *tables; tables++)
        for (const df_option *o = *tables; o->name; o++)
            if (o->choices && strcmp(o->name, option->name) == 0) add_list(out, o->choices);
    if (option->kind != DF_WORD) return false;
    if (strncmp(option->name, "sampler", 7) == 0) df_sampler_names(names), add_list(out, names);
    else if (strcmp(option->name, "method") == 0) df_objective_names(names), add_list(out, names);
    else if (strcmp(option->name, "preset") == 0)
        for (const df_preset *preset = df_presets; preset->name; preset++) df_text_add(out, " %s", preset->name);
    else if (option->shown) return add_operands(out, option->shown);
    return false;
}

/* The first operand as the usage shows it; "" when there is none. */
static void first_operand(char out[64], const command *c)
{
    snprintf(out, 64, "%.*s", (int)strcspn(c->usage, " "), c->usage);
}

/* ---- man ---- */

/* Text with its hyphens and backslashes kept, and no line that starts as a request. */
static void add_roff(df_text *out, const char *text)
{
    for (bool start = true; *text; start = *text++ == '\n') {
        if (start && (*text == '.' || *text == '\'')) df_text_add(out, "\\&");
        if (*text == '-') df_text_add(out, "\\-");
        else if (*text == '\\') df_text_add(out, "\\e");
        else if (*text == '`') df_text_add(out, "\\(ga");
        else if (*text == '^') df_text_add(out, "\\(ha");
        else if (*text == '~') df_text_add(out, "\\(ti");
        else df_text_add_bytes(out, text, 1);
    }
}

static void man_line(df_text *out, const char *request, const char *text)
{
    df_text_add(out, "%s ", request);
    add_roff(out, text);
    df_text_add(out, "\n");
}

static void man_lines(df_text *out, const char *lines)
{
    df_text_add(out, ".PP\n.nf\n");
    add_roff(out, lines);
    df_text_add(out, ".fi\n");
}

static void man_options(df_text *out, const df_option *table)
{
    for (const df_option *o = table; o && o->name; o++) {
        df_text_add(out, ".TP\n");
        if (o->letter) df_text_add(out, "\\fB\\-%c\\fR, ", o->letter);
        df_text_add(out, "\\fB");
        add_roff(out, "--");
        add_roff(out, o->name);
        df_text_add(out, "\\fR");
        if (o->kind != DF_FLAG) df_text_add(out, " \\fI%s\\fR", o->shown ? o->shown : "NAME");
        df_text_add(out, "\n");
        add_roff(out, o->help);
        df_text text = {0};
        if (o->choices) {
            df_text_add(&text, ": ");
            df_add_names(&text, o->choices);
        }
        if (o->value && o->kind != DF_FLAG) df_text_add(&text, " [%s]", o->value);
        add_roff(out, text.bytes ? text.bytes : "");
        df_text_free_part(&text, out);
        df_text_add(out, "\n");
    }
}

static void man_command(df_text *out, const command *c)
{
    df_text text = {0};
    df_text_add(&text, "diffuse %s %s", c->name, c->usage);
    df_text_add(out, ".SS \"");
    add_roff(out, text.bytes ? text.bytes : "");
    df_text_add(out, "\"\n");
    add_roff(out, c->about);
    df_text_add(out, ".\n");
    df_text_free_part(&text, out);
    man_lines(out, c->examples);
    if (c->notes) {
        c->notes(&text);
        man_lines(out, text.bytes ? text.bytes : "");
        df_text_free_part(&text, out);
    }
    for (const section *s = c->sections; s && s->table; s++) {
        man_line(out, ".PP\n.I", s->title);
        man_options(out, s->table);
    }
    if (c->methods) df_text_add(out, ".PP\nand the options of the method: see METHODS.\n");
    if (c->samplers) df_text_add(out, ".PP\nand the options of the sampler: see SAMPLERS.\n");
}

static void man_plug(df_text *out, const char *name, const char *about, const df_option *table)
{
    man_line(out, ".SS", name);
    add_roff(out, about);
    df_text_add(out, ".\n");
    man_options(out, table);
}

static void man_name(df_text *out, const char *name, const char *about)
{
    man_line(out, ".TP\n.B", name);
    add_roff(out, about);
    df_text_add(out, "\n");
}

static void generate_man(df_text *out)
{
    const char *names[DF_NAMES_MOST + 1];
    df_text_add(out, ".TH DIFFUSE 1 \"\" \"diffuse %s\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\ndiffuse \\- ",
                VERSION);
    add_roff(out, program_about);
    df_text_add(out, "\n.SH SYNOPSIS\n.B diffuse\n.I COMMAND\n.RI [ options ]\n.SH DESCRIPTION\n");
    add_roff(out, program_habits);
    df_text_add(out, "Brackets after an option hold its default.\n");
    man_lines(out, program_examples);
    df_text_add(out, ".SH COMMANDS\n");
    for (const command *const *c = commands; *c; c++) man_command(out, *c);
    df_text_add(out, ".SH METHODS\n");
    df_objective_names(names);
    for (size_t i = 0; names[i]; i++) {
        const df_objective *o = df_find_objective(names[i], NULL);
        man_plug(out, o->name, o->about, o->options);
    }
    df_text_add(out, ".SH SAMPLERS\n");
    df_sampler_names(names);
    for (size_t i = 0; names[i]; i++) {
        const df_sampler *s = df_find_sampler(names[i], NULL);
        man_plug(out, s->name, s->about, s->options);
    }
    df_text_add(out, ".SH SHAPES\n");
    for (const df_shape *s = df_shapes; s->name; s++) man_name(out, s->name, s->about);
    for (const df_shape *s = df_shape_conventions; s->name; s++) man_name(out, s->name, s->about);
    df_text_add(out, ".SH PRESETS\n");
    for (const df_preset *p = df_presets; p->name; p++) man_name(out, p->name, p->about);
    df_text_add(out, ".SH EXIT STATUS\n");
    add_roff(out, program_statuses);
    df_text_add(out, ".SH ENVIRONMENT\n");
    man_name(out, "DIFFUSE_SIMD",
             "The set of kernels to use, of those that `diffuse --version` lists. The results are the same.");
}

/* ---- bash ---- */

static void bash_command(df_text *out, const command *c)
{
    const df_option *tables[TABLES_MOST + 1];
    df_text all = {0}, operands = {0};
    char shown[64];
    list_tables(tables, c);
    first_operand(shown, c);
    df_text_add(out, "    %s)\n        case $before in\n", c->name);
    for (const df_option *o = NULL; (o = next_option(tables, o));) {
        df_text_add(&all, " --%s", o->name);
        if (o->kind == DF_FLAG) continue;
        df_text values = {0};
        const bool files = add_values(&values, tables, o);
        df_text_add(out, "        ");
        if (o->letter) df_text_add(out, "-%c|", o->letter);
        df_text_add(out, "--%s) names=\"%s\"%s ;;\n", o->name, values.bytes ? values.bytes + 1 : "",
                    files ? " files=yes" : "");
        df_text_free_part(&values, out);
    }
    const bool files = add_operands(&operands, shown);
    df_text_add(out, "        *) case $word in -*) names=\"%s\" ;; *) names=\"%s\"%s ;; esac ;;\n        esac ;;\n",
                all.bytes ? all.bytes + 1 : "", operands.bytes ? operands.bytes + 1 : "", files ? " files=yes" : "");
    df_text_free_part(&all, out);
    df_text_free_part(&operands, out);
}

static void generate_bash(df_text *out)
{
    df_text_add(out, "# bash completion for diffuse %s, printed by `diffuse generate bash`.\n"
                     "_diffuse()\n"
                     "{\n"
                     "    # bash takes = and : for ends of words, diffuse does not.\n"
                     "    local line=${COMP_LINE:0:COMP_POINT} names= files= start=\n"
                     "    local word=${line##*[[:blank:]]} typed\n"
                     "    read -ra typed <<<\"${line%%\"$word\"}\"\n"
                     "    local before=${typed[${#typed[@]} - 1]} command=${typed[1]-}\n"
                     "    [[ $word == --*=* ]] && before=${word%%%%=*} word=${word#*=}\n"
                     "    case $command in\n"
                     "    '' | help)\n        names=\"", VERSION);
    for (const command *const *c = commands; *c; c++) df_text_add(out, "%s ", (*c)->name);
    df_text_add(out, "help\" ;;\n");
    for (const command *const *c = commands; *c; c++) bash_command(out, *c);
    df_text_add(out, "    esac\n"
                     "    [[ $COMP_WORDBREAKS == *:* && $word == *:* ]] && start=${word%%:*}:\n"
                     "    mapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$word\"\n"
                     "                             [[ -z $files ]] || compgen -f -- \"$word\")\n"
                     "    COMPREPLY=(\"${COMPREPLY[@]#\"$start\"}\")\n"
                     "    [[ -z $files ]] || compopt -o filenames 2>/dev/null\n"
                     "}\n"
                     "complete -F _diffuse diffuse\n");
}

/* ---- zsh ---- */

/* Within single quotes, and within a specification, where brackets and colons have a meaning. */
static void add_zsh(df_text *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') df_text_add(out, "'\\'");
        else if (strchr("[]:\\", *text)) df_text_add(out, "\\");
        df_text_add_bytes(out, text, 1);
    }
}

/* ":WHAT:action", where names, files or either may stand. */
static void zsh_action(df_text *out, const char *what, const char *names, bool files)
{
    df_text_add(out, ":");
    add_zsh(out, what);
    df_text_add(out, ":%s", files && names ? " _diffuse_name_or_file" : files ? "_files" : names ? "(" : " ");
    if (names) add_zsh(out, files ? names : names + 1);
    df_text_add(out, names && !files ? ")'" : "'");
}

static void zsh_option(df_text *out, const df_option *const *tables, const df_option *o)
{
    const bool flag = o->kind == DF_FLAG;
    df_text_add(out, " \\\n            ");
    if (o->letter) df_text_add(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, flag ? "" : "+",
                               o->name, flag ? "" : "=");
    else df_text_add(out, "'--%s%s[", o->name, flag ? "" : "=");
    add_zsh(out, o->help);
    df_text_add(out, "]");
    if (flag) {
        df_text_add(out, "'");
        return;
    }
    df_text values = {0};
    const bool files = add_values(&values, tables, o);
    zsh_action(out, o->shown ? o->shown : "NAME", values.bytes, files);
    df_text_free_part(&values, out);
}

static void zsh_command(df_text *out, const command *c)
{
    const df_option *tables[TABLES_MOST + 1];
    df_text operands = {0};
    char shown[64];
    list_tables(tables, c);
    first_operand(shown, c);
    df_text_add(out, "    %s)\n        _arguments -s -S", c->name);
    for (const df_option *o = NULL; (o = next_option(tables, o));) zsh_option(out, tables, o);
    df_text_add(out, " \\\n            '1");
    const bool files = add_operands(&operands, shown);
    zsh_action(out, shown, operands.bytes, files);
    df_text_add(out, files ? " '*:FILE:_files' ;;\n" : " ;;\n");
    df_text_free_part(&operands, out);
}

static void generate_zsh(df_text *out)
{
    df_text_add(out, "#compdef diffuse\n# zsh completion for diffuse %s, printed by `diffuse generate zsh`.\n"
                     "_diffuse_name_or_file() { compadd -- \"$@\"; _files }\n"
                     "local -a commands=(\n", VERSION);
    for (const command *const *c = commands; *c; c++) {
        df_text_add(out, "    '%s:", (*c)->name);
        add_zsh(out, (*c)->about);
        df_text_add(out, "'\n");
    }
    df_text_add(out, "    'help:what diffuse or one of its commands does')\n"
                     "(( CURRENT > 2 )) || { _describe command commands; return }\n"
                     "shift words\n(( CURRENT-- ))\n"
                     "case $words[1] in\n"
                     "    help) _describe command commands ;;\n");
    for (const command *const *c = commands; *c; c++) zsh_command(out, *c);
    df_text_add(out, "esac\n");
}

/* ---- the command ---- */

static const struct {
    const char *name;
    void (*make)(df_text *out);
} kinds[] = {{"man", generate_man}, {"bash", generate_bash}, {"zsh", generate_zsh}};

static df_status run(words typed, df_arena *arena, df_error *error)
{
    df_settings *const none[] = {NULL};
    const char *what;
    DF_TRY(parse(none, typed, &what, 1, "man|bash|zsh", arena, error));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, what) != 0) continue;
        df_text text = {0};
        kinds[i].make(&text);
        return print_text(&text, error);
    }
    return df_fail(error, DF_USAGE, "'%.60s' cannot be generated; it can be man, bash or zsh", what);
}

const command command_generate = {
    .name = "generate", .about = "the man page, and completion for a shell", .usage = "man|bash|zsh",
    .examples = "  diffuse generate man > diffuse.1\n  source <(diffuse generate bash)\n", .run = run};
