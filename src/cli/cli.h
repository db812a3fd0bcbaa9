/* layer 7: cli.h -- what the sub-commands share. */
#ifndef DIFFUSE_CLI_H
#define DIFFUSE_CLI_H

#include "diffuse/subject.h"
#include "diffuse/table.h"

/* What was typed after the sub-command's name. */
typedef struct words {
    const char *const *word;
    size_t count;
} words;

/* Options under a title. A list ends with a section that has no table. */
typedef struct section {
    const char *title;
    const df_option *table;
} section;

/* Help, man page and completion all come from this. */
typedef struct command {
    const char *name;
    const char *about;    /* one line */
    const char *usage;    /* operands: "MODEL [options]" */
    const char *examples; /* lines to type, each indented by two blanks */
    const section *sections;     /* the options; NULL: none */
    void (*notes)(df_text *out); /* lines on what the command makes; NULL: none */
    bool methods, samplers;      /* takes the options of the method, or of the sampler, that it is told */
    df_status (*run)(words typed, df_arena *arena, df_error *error);
} command;

extern const command command_data, command_noise, command_train, command_sample, command_encode, command_decode,
    command_interpolate, command_eval, command_likelihood, command_ema,
    command_field, command_compare,
    command_info, command_plot, command_report, command_papers, command_list, command_generate;

/* NULL-terminated, in the order of the help. */
extern const command *const commands[];

#define VERSION "0.1.0"

/* What the help and the man page say of the program itself. */
extern const char program_about[], program_examples[], program_habits[], program_statuses[];

/* ---- options that many commands have ---- */

typedef struct output_options {
    uint64_t threads;
    const char *output;
    bool overwrite, quiet;
} output_options;

/* output_table is without --threads, for what is done at once. */
extern const df_option work_table[];
#define output_table (work_table + 1)

/* Writes a page to `path` and says so. */
df_status write_page(const char *path, const output_options *to, const df_text *html, df_error *error);

/* Whether all that was printed has gone out. */
df_status check_printed(df_error *error);

/* Writes text to standard output and frees it. Incomplete for want of memory, none of it is written. */
df_status print_text(df_text *text, df_error *error);

/* What -o names, or "-". */
const char *output_path(const output_options *options);

/* Parses words into settings (all set to their defaults first) and exactly `wanted` operands; `names` says
 * what they are, for the message when one is missing: "MODEL POINTS". */
df_status parse(df_settings *const *list, words typed, const char **operands, size_t wanted, const char *names,
                df_arena *arena, df_error *error);

/* The same without setting defaults first, with `least` to `most` operands; those missing are NULL. */
df_status parse_words(df_settings *const *list, words typed, const char **operands, size_t least, size_t most,
                      const char *names, df_arena *arena, df_error *error);

/* Refuses those of the options, a NULL-terminated list of names, that were given though they would have no effect:
 * "--rho is for --timestep-spacing karras". */
df_status refuse_idle(const df_settings *given, const char *const *names, const char *purpose, df_error *error);

/* The same for all options of these settings. */
df_status refuse_all(const df_settings *given, const char *purpose, df_error *error);

/* The same for the options that are for shapes only, or for files only. */
df_status check_data_options(const char *data, const df_settings *given, df_error *error);

/* The same for the betas of a schedule that is not made of them. */
df_status check_schedule_options(const df_settings *given, df_error *error);

void help_table(df_text *out, const char *title, const df_option *table);

/* A measure that is not available, in a double. */
#define MISSING ((double)NAN)

/* ---- talk ---- */

/* To standard error, unless -q was given. */
void say(const output_options *options, const char *format, ...) DF_PRINTF(2, 3);

/* 12345678 as "12,345,678", in one of a few rotating buffers. */
const char *grouped(uint64_t count);

/* "1 point", "2,000 points", in the same buffers. */
const char *plural(uint64_t count, const char *noun);

/* ---- slice.c: a part of a result's rows, so that many machines can share the work ---- */

/* The files of all slices, joined in order, are the file of the whole: the slice with row 0 has the header. */
typedef struct slice_options {
    const char *shard, *range;
} slice_options;

extern const df_option slice_table[];

typedef struct slice {
    uint64_t first, end; /* rows first .. end - 1, perhaps none */
    bool whole;          /* neither --shard nor --range was given */
} slice;

/* What --shard or --range choose of `rows` rows. */
df_status choose_slice(slice *chosen, const slice_options *typed, uint64_t rows, const output_options *to,
                       df_error *error) DF_MUST_CHECK;

/* The header of that slice: `names`, or NULL for none. */
const char *const *slice_names(const slice *chosen, const char *const *names);

/* ---- merge.c ---- */

/* Joins the tables of earlier comparisons, of a NULL-terminated list of files. */
df_status merge(const char *const *paths, const output_options *to, df_arena *arena, df_error *error) DF_MUST_CHECK;

/* ---- film.c ---- */

/* The first points of a sampling on their way, in scaled units. */
typedef struct film {
    size_t frames, steps, dim; /* frames: at least 2, at most steps + 1 */
    uint64_t points;
    double *x; /* (frames, points, dim) */
} film;

/* The step after which a frame is taken; evenly spaced. */
size_t film_step(const film *f, size_t frame);

/* A hook for df_sampling; `self` is the film. */
void film_record(df_walk *walk, size_t step, void *self);

/* ---- screen.c ---- */

/* Refuses a terminal that cannot show braille, and says what to do otherwise. */
df_status check_terminal(const char *otherwise, df_error *error);

/* In letters; 80 by 24 when it does not say. */
void terminal_size(size_t *width, size_t *height);

/* ---- watch.c ---- */

/* Pictures of a model in training, on the terminal of standard error. Training computes the same with and without. */
typedef struct watch watch;

df_status watch_open(watch **opened, df_model *model, df_arena *arena, df_error *error);

/* Draws over the last picture and leaves the cursor on the line below. */
void watch_show(watch *w);

/* ---- models as samplers see them ---- */

/* The probability-flow ODE behind likelihoods: cut-offs in sigma/alpha, and Runge-Kutta steps. */
#define ODE_LEAST 0.005
#define ODE_MOST 50.0
enum { ODE_STEPS = 64 };

/* Narrows cut-offs to what the denoiser knows. Sampling starts from a Gaussian at its most noisy level, so
 * that the density at *most is that Gaussian wherever it lies. */
void fit_cut_offs(double *least, double *most, const df_denoiser *denoiser);

typedef struct sampler_choice {
    const df_sampler *sampler;
    df_settings settings;
    char options[DF_SAMPLER_OPTIONS];
} sampler_choice;

/* The sampler named by --sampler among the words, or `otherwise`, with its options at their defaults. */
df_status choose_sampler(sampler_choice *choice, words typed, const char *otherwise, df_error *error);

extern const df_option grid_table[];

/* Fills in what was not given: steps (`steps` unless the sampler wants all), and the part of the default
 * range that the model knows. *levels: grid->steps + 1 of them. */
df_status make_grid(df_level **levels, df_settings *given, df_grid_config *grid, const df_sampler *sampler,
                    uint64_t steps, const df_schedule *schedule, df_arena *arena, df_error *error);

/* *x:(rows, dim), in the data's units: the columns of the table that have the subject's names, or all when
 * there are as many. */
df_status subject_points(double **x, const df_subject *subject, const df_table *table, df_arena *arena,
                         df_error *error);

/* The shape that exact: names or that a model learned, and the noise it has there (negative: the shape's
 * own); NULL: none. */
const char *learned_shape(double *noise, const df_subject *subject);

/* df_subject_load with the schedule typed for exact: and ideal:, which is refused for a model file. */
df_status load_subject(df_subject *subject, const char *name, const df_settings *schedule, df_arena *arena,
                       df_error *error);

#endif
