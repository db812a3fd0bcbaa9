/* main.c -- finds the sub-command, says what went wrong, ends with the status that tells it. */
#include "cli.h"

#include <fcntl.h>
#include <fenv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const command *const commands[] = {&command_data,   &command_noise,  &command_train,  &command_ema, &command_sample,
                                   &command_encode, &command_decode, &command_interpolate, &command_eval,
                                   &command_compare, &command_likelihood, &command_field, &command_info,
                                   &command_plot,   &command_report, &command_papers, &command_list,
                                   &command_generate, NULL};

const char program_about[] = "train and sample diffusion models on 2-D point clouds";
const char program_examples[] = "  diffuse train swissroll -o roll.safetensors\n"
                                "  diffuse sample roll.safetensors -n 10000 -o samples.csv\n"
                                "  diffuse plot samples.csv -o samples.svg\n";
const char program_habits[] =
    "Points go to standard output or to the file after -o, all talk to standard error; - is standard input\n"
    "or output. The same command with the same --seed gives the same bytes on every machine.\n";
const char program_statuses[] =
    "0 done, 1 the answer is no, 2 wrong usage, 3 bad data or model file, 4 could not read or\n"
    "write, 5 out of memory or over a stated limit, 6 diverged.\n";

static const command *find_command(const char *name)
{
    for (const command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0) return *c;
    return NULL;
}

static df_status unknown_command(const char *name, df_error *error)
{
    const char *names[32];
    size_t count = 0;
    for (const command *const *c = commands; *c; c++) names[count++] = (*c)->name;
    names[count] = NULL;
    const char *near = df_nearest_name(name, names);
    return df_fail(error, DF_USAGE, "there is no command '%.60s'%s%s%s", name, near ? "\n  did you mean 'diffuse " : "",
                   near ? near : "", near ? "'?" : "\n  `diffuse help` lists the commands");
}

static void print_short_help(FILE *out)
{
    fprintf(out, "diffuse -- %s\n\n%s\n`diffuse help` lists the commands, `diffuse help COMMAND` explains one.\n",
            program_about, program_examples);
}

static void print_help(void)
{
    printf("diffuse -- %s\n\nusage: diffuse COMMAND [options]\n\n%s\ncommands:\n", program_about, program_examples);
    for (const command *const *c = commands; *c; c++) printf("  %-12s %s\n", (*c)->name, (*c)->about);
    printf("  %-12s %s\n\n", "help", "this page, or `diffuse help COMMAND`");
    printf("%s\nexit status: %s", program_habits, program_statuses);
}

static void add_method(df_text *out, words typed)
{
    const char *name = df_peek_option(typed.word, typed.count, "method");
    const df_objective *method = df_find_objective(name ? name : "ddpm", NULL);
    if (!method) return;
    df_text title = {0};
    df_text_add(&title, "Method %s", method->name);
    if (method->options) help_table(out, title.bytes, method->options);
    if (method->settings) df_text_add(out, "\n%s has other defaults: %s\n", title.bytes, method->settings);
    df_text_free_part(&title, out);
}

static void add_sampler(df_text *out, words typed)
{
    sampler_choice choice;
    df_error error;
    if (choose_sampler(&choice, typed, "ddim", &error) != DF_OK) return;
    df_text title = {0};
    df_text_add(&title, "Sampler %s", choice.sampler->name);
    help_table(out, title.bytes, choice.settings.table);
    df_text_free_part(&title, out);
}

static df_status print_command_help(const command *c, words typed, df_error *error)
{
    df_text out = {0};
    df_text_add(&out, "diffuse %s -- %s\n\nusage: diffuse %s %s\n\n%s\n", c->name, c->about, c->name, c->usage,
                c->examples);
    if (c->notes) c->notes(&out);
    for (const section *s = c->sections; s && s->table; s++) help_table(&out, s->title, s->table);
    if (c->methods) add_method(&out, typed);
    if (c->samplers) add_sampler(&out, typed);
    return print_text(&out, error);
}

static void print_version(void)
{
    printf("diffuse %s, numerics %s, MIT licence\n", VERSION, DF_NUMERICS);
    printf("built by %s; network in %s; kernels here: ",
#if defined(__clang__)
           "clang " __clang_version__,
#elif defined(__GNUC__)
           "gcc " __VERSION__,
#else
           "an unknown compiler",
#endif
           sizeof(df_real) == sizeof(float) ? "float" : "double");
    for (const char *const *name = df_kernels_names(); *name; name++) printf("%s%s", *name, name[1] ? ", " : "\n");
}

static bool asks_for_help(words typed)
{
    for (size_t i = 0; i < typed.count && strcmp(typed.word[i], "--") != 0; i++)
        if (strcmp(typed.word[i], "--help") == 0 || strcmp(typed.word[i], "-h") == 0) return true;
    return false;
}

static df_status check_kernels(df_error *error)
{
    const char *wanted = getenv("DIFFUSE_SIMD");
    if (!wanted || !*wanted || df_kernels_named(wanted)) return DF_OK;
    df_text known = {0};
    df_add_names(&known, df_kernels_names());
    df_fail(error, DF_USAGE, "DIFFUSE_SIMD is '%.40s'; this machine has %s", wanted, known.bytes ? known.bytes : "");
    df_text_free(&known);
    return DF_USAGE;
}

/* Whoever opens the next file must not get the number of a closed standard stream: occupy those that are
 * closed, in the direction that cannot work. */
static void occupy_standard_streams(void)
{
    for (int stream = 0; stream < 3; stream++)
        if (fcntl(stream, F_GETFD) == -1 && open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) == -1) return;
}

static df_status run(words typed, const char **name, df_arena *arena, df_error *error)
{
    const char *first = typed.count ? typed.word[0] : NULL;
    if (!first) {
        print_short_help(stderr);
        return DF_USAGE;
    }
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
        print_version();
        return DF_OK;
    }
    words rest = {typed.word + 1, typed.count - 1};
    bool help = asks_for_help(rest);
    if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        if (!rest.count || strcmp(rest.word[0], "help") == 0) {
            print_help();
            return DF_OK;
        }
        help = true;
        first = rest.word[0];
        rest = (words){rest.word + 1, rest.count - 1};
    }
    const command *c = find_command(first);
    if (!c) return unknown_command(first, error);
    *name = c->name;
    if (help) return print_command_help(c, rest, error);
    DF_TRY(check_kernels(error));
    return c->run(rest, arena, error);
}

int main(int count, char **arguments)
{
    df_arena arena = {0};
    df_error error = {0};
    const char *name = NULL;
    occupy_standard_streams();
    fesetenv(FE_DFL_ENV); /* whatever a preloaded library has made of it */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_DFL); /* a reader that goes away is no error to talk about, whatever the parent ignores */
    df_status status = run((words){(const char *const *)arguments + 1, count > 0 ? (size_t)count - 1 : 0}, &name,
                           &arena, &error);
    if (status == DF_OK) status = check_printed(&error);
    if (status != DF_OK && status != DF_STOPPED && error.message[0])
        fprintf(stderr, "diffuse%s%s: %s\n", name ? " " : "", name ? name : "", error.message);
    if (status == DF_USAGE && name) fprintf(stderr, "  `diffuse help %s` shows the options\n", name);
    df_arena_free(&arena);
    return (int)status;
}
