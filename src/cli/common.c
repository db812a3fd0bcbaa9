/* common.c -- options, talk and models, as all sub-commands use them. */
#include "cli.h"

#include "diffuse/shape.h"
#include "diffuse/threads.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AT(member) .offset = offsetof(output_options, member)
const df_option work_table[] = {
    {.name = "threads", .kind = DF_COUNT, AT(threads), .value = "0", .low = 0, .high = DF_THREADS_MOST, .shown = "N",
     .also = "num-threads jobs",
     .help = "threads to work with, for the same result; 0: one for each core (and one in all to train a "
                              "small network on small minibatches)"},
    {.name = "output", .letter = 'o', .kind = DF_WORD, AT(output), .shown = "FILE", .also = "out save",
     .help = "where the result goes; -: standard output"},
    {.name = "force", .letter = 'f', .kind = DF_FLAG, AT(overwrite), .also = "overwrite",
     .help = "overwrite FILE if it exists"},
    {.name = "quiet", .letter = 'q', .kind = DF_FLAG, AT(quiet), .also = "silent", .help = "say nothing but errors"},
    {0}};
#undef AT

const char *output_path(const output_options *options)
{
    return options->output ? options->output : "-";
}

df_status write_page(const char *path, const output_options *to, const df_text *html, df_error *error)
{
    df_output output;
    DF_TRY(df_output_open(&output, path, to->overwrite, error));
    df_output_add(&output, html->bytes, html->size);
    DF_TRY(df_output_close(&output, error));
    if (strcmp(path, "-") != 0)
        say(to, "%s: %zu kB of HTML, to be opened in a browser\n", path, (html->size + 500) / 1000);
    return DF_OK;
}

df_status check_printed(df_error *error)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return DF_OK;
    return df_fail(error, DF_IO, "cannot write standard output: %s", strerror(errno));
}

df_status print_text(df_text *text, df_error *error)
{
    df_status status = DF_OK;
    if (text->failed) status = df_fail(error, DF_LIMIT, "out of memory");
    else fwrite(text->bytes, 1, text->size, stdout);
    df_text_free(text);
    return status == DF_OK ? check_printed(error) : status;
}

#define AT(member) .offset = offsetof(df_grid_config, member)
static const char *const spacings[] = {"karras", "leading", "linspace", "trailing", "quad", "flow", NULL};
const df_option grid_table[] = {
    {.name = "steps", .kind = DF_COUNT, AT(steps), .value = "0", .low = 0, .high = 1e6, .shown = "N",
     .also = "num-inference-steps sampling-timesteps",
     .help = "denoising steps; 0: as many as the command or sampler usually takes"},
    {.name = "timestep-spacing", .kind = DF_CHOICE, AT(spacing), .value = "karras", .choices = spacings,
     .also = "spacing skip-type",
     .help = "levels of the steps, from sigma/alpha by Karras et al. or from the model's own timesteps"},
    {.name = "sigma-min", .kind = DF_NUMBER, AT(sigma_min), .value = "0.01", .low = 1e-9, .high = 1e9,
     .shown = "S", .help = "least sigma/alpha before clean data (karras)"},
    {.name = "sigma-max", .kind = DF_NUMBER, AT(sigma_max), .value = "20", .low = 1e-9, .high = 1e9,
     .shown = "S", .help = "sigma/alpha of the start (karras)"},
    {.name = "rho", .kind = DF_NUMBER, AT(rho), .value = "7", .low = 0.1, .high = 100, .shown = "R",
     .help = "larger: more steps at low noise (karras)"},
    {0}};
#undef AT

/* An option of a sampler or objective that is not the chosen one is worth a better answer than "unknown". */
static const char *owner_elsewhere(const char *word)
{
    const char *names[DF_NAMES_MOST + 1];
    const size_t size = strcspn(word + 2, "=");
    df_sampler_names(names);
    for (size_t i = 0; names[i]; i++)
        for (const df_option *o = df_find_sampler(names[i], NULL)->options; o && o->name; o++)
            if (strlen(o->name) == size && strncmp(o->name, word + 2, size) == 0) return names[i];
    return NULL;
}

static df_status check_owner(df_settings *const *list, const char *word, df_error *error)
{
    df_settings *owner;
    char name[64];
    if (strncmp(word, "--", 2) != 0 || !df_settings_find(list, "sampler", &owner)) return DF_OK;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *sampler = df_settings_find(list, name, &owner) ? NULL : owner_elsewhere(word);
    if (!sampler) return DF_OK;
    return df_fail(error, DF_USAGE, "--%s is an option of another sampler\n  add --sampler %s", name, sampler);
}

df_status parse_words(df_settings *const *list, words typed, const char **operands, size_t least, size_t most,
                      const char *names, df_arena *arena, df_error *error)
{
    size_t count;
    for (size_t i = 0; i < typed.count && strcmp(typed.word[i], "--") != 0; i++)
        DF_TRY(check_owner(list, typed.word[i], error));
    for (size_t i = 0; i < most; i++) operands[i] = NULL;
    DF_TRY(df_settings_parse(list, typed.word, typed.count, operands, &count, most, arena, error));
    if (count >= least) return DF_OK;
    for (size_t skip = count; skip > 0; skip--) names += strcspn(names, " ") + 1;
    return df_fail(error, DF_USAGE, "%.*s is missing", (int)strcspn(names, " "), names);
}

df_status parse(df_settings *const *list, words typed, const char **operands, size_t wanted, const char *names,
                df_arena *arena, df_error *error)
{
    for (df_settings *const *s = list; *s; s++) df_settings_defaults(*s);
    return parse_words(list, typed, operands, wanted, wanted, names, arena, error);
}

df_status refuse_idle(const df_settings *given, const char *const *names, const char *purpose, df_error *error)
{
    for (; *names; names++)
        if (df_settings_given(given, *names)) return df_fail(error, DF_USAGE, "--%s is for %s", *names, purpose);
    return DF_OK;
}

df_status refuse_all(const df_settings *given, const char *purpose, df_error *error)
{
    for (const df_option *option = given->table; option->name; option++)
        DF_TRY(refuse_idle(given, (const char *const[]){option->name, NULL}, purpose, error));
    return DF_OK;
}

df_status check_data_options(const char *data, const df_settings *given, df_error *error)
{
    static const char *const of_shapes[] = {"points", "noise", NULL}, *const of_files[] = {"columns", NULL};
    char purpose[128];
    const bool is_shape = df_find_shape(data) != NULL;
    snprintf(purpose, sizeof purpose, "%s, and %.80s is a %s", is_shape ? "files" : "shapes", data,
             is_shape ? "shape" : "file");
    return refuse_idle(given, is_shape ? of_files : of_shapes, purpose, error);
}

df_status check_schedule_options(const df_settings *given, df_error *error)
{
    static const char *const of_betas[] = {"beta-start", "beta-end", "betas-as-given", NULL};
    static const char *const of_geometric[] = {"sigma-start", "sigma-end", NULL};
    const df_schedule_config *config = given->values;
    const int kind = config->beta_schedule;
    if (kind != DF_BETA_LINEAR && kind != DF_BETA_SCALED_LINEAR && kind != DF_BETA_SUB_VP)
        DF_TRY(refuse_idle(given, of_betas, "--beta-schedule linear, scaled-linear or sub-vp", error));
    if (kind == DF_BETA_GEOMETRIC) return DF_OK;
    return refuse_idle(given, of_geometric, "--beta-schedule geometric", error);
}

void help_table(df_text *out, const char *title, const df_option *table)
{
    df_settings_help(out, &(df_settings){.title = title, .table = table});
}

void say(const output_options *options, const char *format, ...)
{
    if (options->quiet) return;
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    df_make_printable(text);
    fputs(text, stderr);
}

enum { BUFFERS = 8, ROOM = 64 };

static char *next_buffer(void)
{
    static char buffers[BUFFERS][ROOM];
    static unsigned next;
    return buffers[next++ % BUFFERS];
}

const char *grouped(uint64_t count)
{
    char digits[24], *out = next_buffer(), *to = out;
    const int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return out;
}

const char *plural(uint64_t count, const char *noun)
{
    char *out = next_buffer();
    const char *number = grouped(count);
    size_t used = strlen(number);
    memcpy(out, number, used); /* NOLINT(bugprone-not-null-terminated-result): the next line ends it */
    snprintf(out + used, ROOM - used, " %s%s", noun, count == 1 ? "" : "s");
    return out;
}

df_status choose_sampler(sampler_choice *choice, words typed, const char *otherwise, df_error *error)
{
    static const df_option none[] = {{0}};
    const char *name = df_peek_option(typed.word, typed.count, "sampler");
    if (!name) name = otherwise;
    choice->sampler = df_find_sampler(name, NULL);
    if (!choice->sampler) {
        const char *names[DF_NAMES_MOST + 1];
        df_text known = {0};
        df_sampler_names(names);
        df_add_names(&known, names);
        const char *near = df_nearest_name(name, names);
        df_fail(error, DF_USAGE, "--sampler: '%.60s' is not known; it can be %s%s%s%s", name,
                known.bytes ? known.bytes : "",
                near ? "\n  did you mean '" : "", near ? near : "", near ? "'?" : "");
        df_text_free(&known);
        return DF_USAGE;
    }
    choice->settings = (df_settings){.title = choice->sampler->name,
                                     .table = choice->sampler->options ? choice->sampler->options : none,
                                     .values = choice->options};
    return DF_OK;
}

/* The default range, as far as the model knows it. */
static void fit_range(df_grid_config *grid, const df_settings *given, const df_schedule *schedule)
{
    const df_level least = schedule->levels[1], most = schedule->levels[schedule->steps];
    const double low = least.sigma / least.alpha, high = most.alpha > 0 ? most.sigma / most.alpha : HUGE_VAL;
    if (!df_settings_given(given, "sigma-min") && grid->sigma_min < low) grid->sigma_min = low;
    if (!df_settings_given(given, "sigma-max") && grid->sigma_max > high) grid->sigma_max = high;
}

df_status make_grid(df_level **levels, df_settings *given, df_grid_config *grid, const df_sampler *sampler,
                    uint64_t steps, const df_schedule *schedule, df_arena *arena, df_error *error)
{
    static const char *const of_karras[] = {"sigma-min", "sigma-max", "rho", NULL};
    if (!df_settings_given(given, "timestep-spacing")) grid->spacing = sampler->spacing;
    if (grid->steps == 0) {
        grid->steps = sampler->all_steps ? schedule->steps : sampler->adaptive ? 2 : steps;
        if (sampler->all_steps && !df_settings_given(given, "timestep-spacing")) grid->spacing = DF_SPACING_TRAILING;
    }
    if (grid->spacing != DF_SPACING_KARRAS) DF_TRY(refuse_idle(given, of_karras, "--timestep-spacing karras", error));
    fit_range(grid, given, schedule);
    DF_NEW(arena, *levels, grid->steps + 1, error);
    return df_grid_init(*levels, grid, schedule, error);
}

static bool find_columns(size_t *columns, const df_table *table, const char *const *names, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        size_t c = 0;
        while (c < table->columns && strcmp(table->names[c], names[i]) != 0) c++;
        if (c == table->columns) return false;
        columns[i] = c;
    }
    return true;
}

df_status subject_points(double **x, const df_subject *subject, const df_table *table, df_arena *arena, df_error *error)
{
    const size_t dim = subject->dim;
    size_t *columns;
    DF_TRY(df_table_check_floats(table, error));
    DF_NEW(arena, columns, dim, error);
    DF_NEW(arena, *x, table->rows * dim, error);
    if ((!table->named && table->columns != dim) || !find_columns(columns, table, subject->names, dim)) {
        if (table->columns != dim)
            return df_fail(error, DF_INPUT, "%s has %zu columns; %s works on %zu, named %s, ...", table->path,
                           table->columns, subject->name, dim, subject->names[0]);
        for (size_t i = 0; i < dim; i++) columns[i] = i;
    }
    for (size_t r = 0; r < table->rows; r++)
        for (size_t i = 0; i < dim; i++) (*x)[r * dim + i] = table->values[r * table->columns + columns[i]];
    return DF_OK;
}

void fit_cut_offs(double *least, double *most, const df_denoiser *denoiser)
{
    const df_level low = denoiser->least, high = denoiser->most;
    if (*least * low.alpha < low.sigma) *least = low.sigma / low.alpha;
    if (*most * high.alpha > high.sigma) *most = high.sigma / high.alpha;
}

const char *learned_shape(double *noise, const df_subject *subject)
{
    *noise = -1;
    if (strncmp(subject->name, "exact:", 6) == 0) return subject->name + 6;
    if (!subject->is_model || !df_find_shape(subject->model.config.data)) return NULL;
    *noise = subject->model.config.noise;
    return subject->model.config.data;
}

df_status load_subject(df_subject *subject, const char *name, const df_settings *schedule, df_arena *arena,
                       df_error *error)
{
    DF_TRY(df_subject_load(subject, arena, name, schedule->values, error));
    if (!subject->is_model) return check_schedule_options(schedule, error);
    char purpose[128];
    snprintf(purpose, sizeof purpose, "exact: and ideal:; the schedule of %.60s is part of the model", name);
    return refuse_all(schedule, purpose, error);
}
