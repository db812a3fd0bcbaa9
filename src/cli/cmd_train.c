/* cmd_train.c -- `diffuse train`: points in, a model file out. */
#include "cli.h"

#include "diffuse/shape.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct options {
    const char *preset, *resume, *log;
    uint64_t save_every, seeds;
    double time_limit;
    bool dry_run, watch;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "preset", .kind = DF_WORD, AT(preset), .shown = "NAME",
     .help = "start from a known configuration; `diffuse list presets`"},
    {.name = "resume", .kind = DF_WORD, AT(resume), .shown = "FILE",
     .help = "go on from a checkpoint, with its settings"},
    {.name = "log", .kind = DF_WORD, AT(log), .shown = "FILE",
     .help = "write the loss to FILE as CSV, or as JSON lines when it ends in .jsonl"},
    {.name = "save-every", .kind = DF_COUNT, AT(save_every), .value = "1000", .low = 0, .high = 1e9,
     .shown = "N", .also = "checkpoint-every",
     .help = "steps between checkpoints at the model's path; 0: none"},
    {.name = "seeds", .kind = DF_COUNT, AT(seeds), .value = "1", .low = 1, .high = 1000, .shown = "K",
     .help = "train K models, with seeds from --seed on"},
    {.name = "time-limit", .kind = DF_NUMBER, AT(time_limit), .value = "0", .low = 0, .high = 1e9,
     .shown = "SECONDS", .help = "stop after so long, leaving a checkpoint; 0: no limit"},
    {.name = "watch", .kind = DF_FLAG, AT(watch), .not_with = "dry-run",
     .help = "on a terminal: draw samples of the model while it learns"},
    {.name = "dry-run", .kind = DF_FLAG, AT(dry_run), .help = "show all settings and the size of the model, and stop"},
    {0}};
#undef AT

typedef struct job {
    options own;
    output_options out;
    df_model model;
    df_model_settings settings;
    df_settings own_settings, output;
    df_data data;
    df_team *team;
    df_training training;
    const char *path, *log_path;
    FILE *log;
    bool log_failed;
    watch *watch;                /* NULL: nobody watches */
    double started, shown, pause; /* seconds: when progress was shown, and for how long it is then not */
    double loss;                 /* mean since the last row of the log, or so far */
    double floor;                /* the exact denoiser's loss; negative: not known */
    uint64_t started_at, saved;  /* steps: that this run began with, that are in the file */
} job;

static volatile sig_atomic_t stop_signal, save_signal;

static void on_stop(int number)
{
    stop_signal = number;
}

static void on_save(int number)
{
    save_signal = number;
}

static void catch_signal(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void catch_signals(void)
{
    struct sigaction hangup;
    catch_signal(SIGINT, on_stop, (int)SA_RESETHAND); /* a second one ends the program at once */
    catch_signal(SIGTERM, on_stop, (int)SA_RESETHAND);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup's wish */
        catch_signal(SIGHUP, on_stop, (int)SA_RESETHAND);
    catch_signal(SIGUSR1, on_save, 0);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- words ---- */

/* Of a network that a method brings, only the width is chosen here. */
static df_status check_own_network(const job *j, df_error *error)
{
    static const char *const idle[] = {"layers", "activation", "block", "point-features", "point-waves", "point-scale",
                                       "level-features", "level-waves", "level-scale", "random-output", NULL},
        *const asked[] = {"prediction-type", "label", NULL};
    char purpose[128];
    snprintf(purpose, sizeof purpose, "the usual network, and method %s brings its own", j->model.objective->name);
    DF_TRY(refuse_idle(&j->settings.network, idle, purpose, error));
    return refuse_idle(&j->settings.config, asked, purpose, error);
}

static double terminal_signal(const df_model *model)
{
    const double alpha = model->schedule.levels[model->schedule.steps].alpha;
    return alpha * alpha;
}

static void say_start(const job *j)
{
    const df_config *c = &j->model.config;
    df_text shift = {0};
    if (c->schedule.shift != 1) df_text_add(&shift, " shifted by %g", c->schedule.shift);
    const df_shape *shape = df_find_shape(j->data.source);
    if (shape && strchr(shape->name, ':')) say(&j->out, "%s: %s\n", shape->name, shape->convention);
    say(&j->out, "learning %s points of %s: %s, %s-prediction, %s schedule%s, T = %s\n", grouped(j->data.rows),
        strcmp(j->data.source, "-") == 0 ? "standard input" : j->data.source,
        c->method, df_choice_name(df_config_options, "prediction-type", c->prediction),
        df_choice_name(df_schedule_options, "beta-schedule", c->schedule.beta_schedule),
        shift.bytes ? shift.bytes : "", grouped(c->schedule.timesteps));
    df_text_free(&shift);
    const double left = terminal_signal(&j->model), many = 0.01;
    say(&j->out, "signal left at step T: alpha-bar %.3g\n", left);
    if (left > many)
        say(&j->out,
            "warning: sampling starts from pure noise, but at step T %.3g %% of the variance is still the data's;\n"
            "  samples will come out shrunken. %s\n", 100 * left,
            j->model.config.schedule.beta_schedule == DF_BETA_GEOMETRIC ? "Raise --sigma-end or --shift"
            : "Drop --betas-as-given, or use --beta-schedule cosine, or\n"
              "  --zero-terminal-snr with --prediction-type v");
}

enum { FLOOR_ROWS = 16384 };

static size_t floor_rows(const job *j)
{
    return j->training.learning.rows < FLOOR_ROWS ? j->training.learning.rows : FLOOR_ROWS;
}

/* On a shape whose density is known: the loss that the exact denoiser has, which is all that cannot be learned. */
static df_status find_floor(job *j, df_arena *arena, df_error *error)
{
    df_mixture mixture;
    j->floor = -1;
    if (j->model.objective->block || j->model.denoiser.coupled || j->out.quiet) return DF_OK;
    const df_status status = df_training_exact(&mixture, &j->model, arena, error);
    if (status != DF_OK) return status == DF_NO ? DF_OK : status;
    const df_denoiser exact = df_denoiser_of_mixture(&mixture);
    return df_learning_floor(&j->floor, &j->training.learning, &exact, j->training.learning.data, floor_rows(j),
                             arena, error);
}

/* What the averaged network loses on the same rows, levels and noise beyond what the exact denoiser does. */
static double excess_loss(job *j)
{
    df_learning *l = &j->training.learning;
    df_model_refresh(&j->model);
    return df_learning_evaluate(l, &j->model.denoiser.weights, l->data, floor_rows(j)) - j->floor;
}

/* Pictures take at most a tenth of the time. */
static void show_picture(job *j)
{
    const double before = seconds();
    watch_show(j->watch);
    j->shown = seconds();
    j->pause = 9 * (j->shown - before) > 0.2 ? 9 * (j->shown - before) : 0.2;
}

static void show_progress(job *j)
{
    const df_model *model = &j->model;
    const double now = seconds();
    const bool last = model->step == model->config.train_steps;
    if (j->out.quiet || !isatty(2) || (now - j->shown < j->pause && !last)) return;
    j->shown = now;
    j->pause = 0.1;
    if (j->watch) show_picture(j);
    const uint64_t done = model->step - j->started_at, left = model->config.train_steps - model->step;
    const double rate = (double)done / (now - j->started + 1e-9);
    const uint64_t within = model->step % model->config.log_every;
    const double loss = within ? model->loss_sum / (double)within : j->loss;
    fprintf(stderr, "\rstep %llu of %llu   loss %.4f   %s points/s   %.0f s left   ", (unsigned long long)model->step,
            (unsigned long long)model->config.train_steps, loss,
            grouped((uint64_t)(rate * (double)model->config.batch_size)), (double)left / rate);
    if (last) fprintf(stderr, "\n");
}

/* ---- the log: rows that depend on the run alone, never on the clock ---- */

static bool is_jsonl(const char *path)
{
    const size_t size = strlen(path);
    return size > 6 && strcmp(path + size - 6, ".jsonl") == 0;
}

/* The step that a row of an earlier run of this log is about; 0: its header, or no row at all. */
static uint64_t row_step(const char *row)
{
    static const char key[] = "{\"step\":";
    return strtoull(strncmp(row, key, sizeof key - 1) == 0 ? row + sizeof key - 1 : row, NULL, 10);
}

/* How a log of this run begins: with its header, or with the first key. */
static const char *log_start(const job *j)
{
    if (is_jsonl(j->log_path)) return "{\"step\":";
    return j->training.held_out ? "step,loss,gradient_norm,lr,held_out\n" : "step,loss,gradient_norm,lr\n";
}

/* Keeps the rows of an interrupted run up to the step it is resumed from. */
static df_status keep_rows(job *j, df_arena *arena, df_error *error)
{
    char *bytes;
    size_t size;
    df_output output;
    DF_TRY(df_read_file(arena, j->log_path, (size_t)1 << 30, &bytes, &size, error));
    if (size > 0 && strncmp(bytes, log_start(j), strlen(log_start(j))) != 0)
        return df_fail(error, DF_USAGE,
                       "%s is not the log of this run, so it cannot be continued; use another name", j->log_path);
    DF_TRY(df_output_open(&output, j->log_path, true, error));
    for (char *row = bytes, *end; row < bytes + size && (end = strchr(row, '\n')); row = end + 1)
        if (row_step(row) <= j->model.step) df_output_add(&output, row, (size_t)(end + 1 - row));
    return df_output_close(&output, error);
}

static df_status open_log(job *j, df_arena *arena, df_error *error)
{
    if (!j->log_path) return DF_OK;
    struct stat about;
    const bool goes_on = j->model.step > 0 && stat(j->log_path, &about) == 0 && S_ISREG(about.st_mode);
    if (goes_on) DF_TRY(keep_rows(j, arena, error));
    else DF_TRY(df_output_check(j->log_path, j->out.overwrite, error));
    j->log = fopen(j->log_path, goes_on ? "a" : "w");
    if (!j->log)
        return df_fail(error, errno == ENOMEM ? DF_LIMIT : DF_IO, "cannot write %s: %s", j->log_path, strerror(errno));
    fseek(j->log, 0, SEEK_END);
    if (ftell(j->log) <= 0 && !is_jsonl(j->log_path)) fputs(log_start(j), j->log);
    if (fflush(j->log) != 0) j->log_failed = true;
    return DF_OK;
}

static void log_row(job *j)
{
    df_training *t = &j->training;
    const unsigned long long step = (unsigned long long)j->model.step;
    j->loss = df_training_mean_loss(t);
    if (!j->log) return;
    const double held_out = t->held_out ? df_training_held_out(t) : 0;
    if (is_jsonl(j->log_path)) {
        fprintf(j->log, "{\"step\":%llu,\"loss\":%.9g,\"gradient_norm\":%.9g,\"lr\":%.9g", step, j->loss,
                t->gradient_norm, t->rate);
        if (t->held_out) fprintf(j->log, ",\"held_out\":%.9g", held_out);
        fprintf(j->log, "}\n");
    } else {
        fprintf(j->log, "%llu,%.9g,%.9g,%.9g", step, j->loss, t->gradient_norm, t->rate);
        if (t->held_out) fprintf(j->log, ",%.9g", held_out);
        fprintf(j->log, "\n");
    }
    if (fflush(j->log) != 0) j->log_failed = true;
}

/* ---- saving ---- */

/* Where this fails, the file is what it was: the last checkpoint, if there is one. */
static df_status save(job *j, bool checkpoint, df_error *error)
{
    const df_status status = df_model_save(&j->model, j->path, true, checkpoint, error);
    if (status == DF_OK) j->saved = j->model.step;
    if (status == DF_OK || status == DF_DIVERGED || !j->saved) return status;
    const df_error why = *error;
    return df_fail(error, status, "%s\n  to go on from the last checkpoint: diffuse train --resume %s%s%s", why.message,
                   j->path, j->log_path ? " --log " : "", j->log_path ? j->log_path : "");
}

static void say_how_to_go_on(const job *j)
{
    say(&j->out, "step %s of %s is saved; to go on: diffuse train --resume %s%s%s\n", grouped(j->model.step),
        grouped(j->model.config.train_steps), j->path, j->log_path ? " --log " : "", j->log_path ? j->log_path : "");
}

static df_status stop_early(job *j, const char *why, df_error *error)
{
    if (isatty(2) && !j->out.quiet) fprintf(stderr, "\n");
    say(&j->out, "%s; saving\n", why);
    DF_TRY(save(j, true, error));
    say_how_to_go_on(j);
    return stop_signal ? DF_STOPPED : DF_OK;
}

/* The state before the step that diverged is finite: it is kept, unless something older stands in its place. */
static df_status after_divergence(job *j, df_error *error)
{
    const df_error why = *error;
    if (!j->saved && j->model.step > 0 && access(j->path, F_OK) != 0) (void)!save(j, true, error);
    const size_t first_line = strcspn(why.message, "\n");
    if (j->saved)
        return df_fail(error, DF_DIVERGED, "%.*s\n  the state of step %llu is in %s%s", (int)first_line,
                       why.message, (unsigned long long)j->saved, j->path, why.message + first_line);
    return df_fail(error, DF_DIVERGED, "%.*s; nothing was written%s", (int)first_line, why.message,
                   why.message + first_line);
}

/* ---- one run ---- */

static df_status loop(job *j, df_error *error)
{
    df_model *model = &j->model;
    const df_config *c = &model->config;
    j->started = seconds();
    j->started_at = model->step;
    while (model->step < c->train_steps) {
        DF_TRY(df_training_step(&j->training, error));
        if (model->step % c->log_every == 0 || model->step == c->train_steps) log_row(j);
        show_progress(j);
        if (model->step == c->train_steps) break;
        if (stop_signal) return stop_early(j, "stopped", error);
        if (j->own.time_limit > 0 && seconds() - j->started > j->own.time_limit)
            return stop_early(j, "the time is up", error);
        if (save_signal || (j->own.save_every && model->step % j->own.save_every == 0)) {
            DF_TRY(save(j, true, error));
            if (save_signal) say(&j->out, "step %s is saved\n", grouped(j->saved));
            save_signal = 0;
        }
    }
    DF_TRY(save(j, false, error));
    say(&j->out, "wrote %s: %s weights, %s steps, loss %.4f%s, %.1f s\n", j->path,
        grouped(model->network.parameter_count), grouped(model->step), j->loss,
        j->training.learning.neighbours ? " of averaged targets" : j->training.learning.teacher ? " of a teacher" : "",
        seconds() - j->started);
    if (j->floor >= 0)
        say(&j->out, "the exact denoiser has loss %.4f; the network is %.4f above it on the same points\n",
            j->floor, excess_loss(j));
    if (j->log_failed) say(&j->out, "warning: %s is incomplete, it could not be written\n", j->log_path);
    return DF_OK;
}

/* Threads meet eight times a step: where a step is short, one is not slower, and much faster on a busy machine. */
static uint64_t threads_worth_while(const job *j)
{
    const double long_step = 1 << 24; /* multiply-adds, a good millisecond of one core */
    const double work = (double)j->model.config.batch_size * (double)j->model.network.parameter_count;
    return j->out.threads || work >= long_step ? j->out.threads : 1;
}

static df_status build(job *j, df_arena *arena, df_error *error)
{
    df_model *model = &j->model;
    const df_config *c = &model->config;
    DF_TRY(df_data_load(&j->data, arena, c->data, c->columns, c->points, c->noise, c->seed, error));
    if (j->own.resume) {
        if (j->data.crc != model->data_crc || j->data.dim != model->dim)
            return df_fail(error, DF_INPUT,
                           "%s is not what %s was trained on; the run cannot go on with other points",
                           j->data.source, j->own.resume);
    } else {
        model->dim = j->data.dim;
        model->names = j->data.names;
        model->data_crc = j->data.crc;
        DF_TRY(df_transform_fit(&model->transform, arena, &j->data, c->scaling, error));
        const double unit = model->objective->unit ? model->objective->unit(model->objective_options) : 1;
        for (size_t i = 0; i < model->dim; i++) model->transform.scale[i] *= unit;
        DF_TRY(df_model_build(model, arena, error));
    }
    DF_TRY(df_team_start(&j->team, arena, threads_worth_while(j), error));
    return df_training_init(&j->training, model, &j->data, j->team, arena, error);
}

static df_status print_settings(const job *j, df_error *error)
{
    df_text out = {0};
    for (df_settings *const *s = j->settings.list; *s; s++)
        for (const df_option *o = (*s)->table; o->name; o++) {
            df_text value = {0};
            df_settings_show(&value, *s, o);
            if (value.size) df_make_printable(value.bytes);
            if (value.size) df_text_add(&out, "%-18s %s\n", o->name, value.bytes);
            df_text_free_part(&value, &out);
        }
    const size_t weights = j->model.network.parameter_count;
    df_text_add(&out, "%-18s %s\n%-18s %.1f MB of weights, gradients, moments and averages\n", "weights",
                grouped(weights), "memory", 7 * (double)(weights * sizeof(df_real)) / 1e6);
    return print_text(&out, error);
}

static df_status run_one(job *j, df_arena *arena, df_error *error)
{
    const bool goes_on = j->own.resume && strcmp(j->path, j->own.resume) == 0;
    if (!j->own.dry_run) DF_TRY(df_output_check(j->path, j->out.overwrite || goes_on, error));
    DF_TRY(build(j, arena, error));
    if (!j->own.dry_run) signal(SIGPIPE, SIG_IGN); /* nobody who stops to read the talk or the log ends the training */
    say_start(j);
    if (j->own.dry_run) return print_settings(j, error);
    DF_TRY(find_floor(j, arena, error));
    if (j->own.watch) DF_TRY(watch_open(&j->watch, &j->model, arena, error));
    DF_TRY(open_log(j, arena, error));
    catch_signals();
    j->saved = goes_on ? j->model.step : 0;
    const df_status status = loop(j, error);
    if (j->log) fclose(j->log);
    j->log = NULL;
    return status == DF_DIVERGED ? after_divergence(j, error) : status;
}

/* "roll.safetensors" and seed 3 give "roll-3.safetensors". */
static const char *with_seed(const char *path, uint64_t seed, df_arena *arena, df_error *error)
{
    df_text name = {0};
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash)) dot = path + strlen(path);
    df_text_add(&name, "%.*s-%llu%s", (int)(dot - path), path, (unsigned long long)seed, dot);
    return df_text_keep(&name, arena, error);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static df_status run_seeds(job *j, df_error *error)
{
    double losses[1000];
    const uint64_t first = j->model.config.seed, count = j->own.seeds;
    const job start = *j;
    for (uint64_t k = 0; k < count; k++) {
        df_arena arena = {0};
        *j = start;
        df_model_list_settings(&j->settings, &j->model);
        j->model.config.seed = first + k;
        j->path = with_seed(start.path, first + k, &arena, error);
        if (start.log_path) j->log_path = with_seed(start.log_path, first + k, &arena, error);
        const bool named = j->path && (j->log_path || !start.log_path);
        const df_status status = named ? run_one(j, &arena, error) : DF_LIMIT;
        losses[k] = j->loss;
        df_arena_free(&arena);
        if (status != DF_OK) return status;
    }
    qsort(losses, count, sizeof *losses, compare_doubles);
    const double median = (losses[(count - 1) / 2] + losses[count / 2]) / 2;
    say(&start.out, "final loss of %s seeds: median %.4f, best %.4f, worst %.4f\n", grouped(count), median,
        losses[0], losses[count - 1]);
    return DF_OK;
}

/* ---- from words to a job ---- */

static df_status choose_method(df_model *model, words typed, df_error *error)
{
    const char *name = df_peek_option(typed.word, typed.count, "method");
    model->objective = df_find_objective(name ? name : "ddpm", NULL);
    if (model->objective) return DF_OK;
    const char *names[DF_NAMES_MOST + 1];
    df_objective_names(names);
    const char *near = df_nearest_name(name, names);
    return df_fail(error, DF_USAGE, "--method: '%.60s' is not known%s%s%s", name,
                   near ? "\n  did you mean '" : "", near ? near : "",
                   near ? "'?" : "; `diffuse list methods` has them all");
}

static df_status apply_preset(job *j, words typed, df_arena *arena, df_error *error)
{
    const char *name = df_peek_option(typed.word, typed.count, "preset");
    if (!name) return DF_OK;
    const char *names[64];
    size_t count = 0;
    for (const df_preset *p = df_presets; p->name; p++) {
        names[count++] = p->name;
        if (strcmp(p->name, name) != 0) continue;
        DF_TRY(df_settings_apply(j->settings.list, p->settings, arena, error));
        /* only what is typed counts as given */
        for (df_settings *const *s = j->settings.list; *s; s++) (*s)->given = 0;
        return DF_OK;
    }
    names[count] = NULL;
    const char *near = df_nearest_name(name, names);
    return df_fail(error, DF_USAGE, "--preset: '%.60s' is not known%s%s%s", name,
                   near ? "\n  did you mean '" : "", near ? near : "",
                   near ? "'?" : "; `diffuse list presets` has them all");
}

static df_status resume(job *j, const char *data, df_arena *arena, df_error *error)
{
    for (df_settings *const *s = j->settings.list; *s; s++)
        for (size_t i = 0; (*s)->table[i].name; i++)
            if ((*s)->given >> i & 1)
                return df_fail(error, DF_USAGE,
                               "--%s is settled by the checkpoint and cannot be given with --resume",
                               (*s)->table[i].name);
    if (j->own.preset) return df_fail(error, DF_USAGE, "--preset cannot go with --resume; the checkpoint settles it");
    if (j->own.seeds > 1) return df_fail(error, DF_USAGE, "--seeds cannot go with --resume");
    DF_TRY(df_model_load(&j->model, arena, j->own.resume, error));
    if (!j->model.m)
        return df_fail(error, DF_INPUT, "%s is a finished model of %s steps; there is nothing to resume",
                       j->own.resume, grouped(j->model.step));
    df_model_list_settings(&j->settings, &j->model);
    if (data) j->model.config.data = data;
    if (!j->path) j->path = j->own.resume;
    return DF_OK;
}

/* What is missing, and what cannot go together. */
static df_status check(const job *j, df_error *error)
{
    if (!j->model.config.data) return df_fail(error, DF_USAGE, "DATA is missing: a shape such as swissroll, or a file");
    if (!j->path && !j->own.dry_run)
        return df_fail(error, DF_USAGE, "-o is missing: where the model goes, such as -o roll.safetensors");
    if (j->path && strcmp(j->path, "-") == 0)
        return df_fail(error, DF_USAGE, "a model cannot go to standard output; give a file's name after -o");
    if (j->path && j->log_path && strcmp(j->path, j->log_path) == 0)
        return df_fail(error, DF_USAGE, "-o and --log both name %s; the log needs another name", j->path);
    if (j->own.seeds > 1 && j->own.dry_run) return df_fail(error, DF_USAGE, "--seeds cannot go with --dry-run");
    if (j->own.seeds > 1 && j->own.time_limit > 0)
        return df_fail(error, DF_USAGE, "--time-limit cannot go with --seeds, as each model would need its own time");
    if (j->own.watch && (j->out.quiet || !isatty(2)))
        return df_fail(error, DF_USAGE, "--watch draws on a terminal, and %s\n  drop %s",
                       j->out.quiet ? "--quiet wants nothing there" : "standard error is none",
                       j->out.quiet ? "one of the two" : "--watch, or follow the log: --log run.csv");
    if (j->own.watch) DF_TRY(check_terminal("train without --watch", error));
    DF_TRY(check_data_options(j->model.config.data, &j->settings.config, error));
    DF_TRY(check_schedule_options(&j->settings.schedule, error));
    return j->model.objective->brings_network ? check_own_network(j, error) : DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static job j;
    const char *data;
    DF_TRY(choose_method(&j.model, typed, error));
    df_model_list_settings(&j.settings, &j.model);
    j.own_settings = (df_settings){.title = "Run", .table = table, .values = &j.own};
    j.output = (df_settings){.title = "Threads and output", .table = work_table, .values = &j.out};
    df_settings *const list[] = {&j.own_settings, &j.settings.config, &j.settings.schedule, &j.settings.network,
                                 &j.settings.objective, &j.output, NULL};
    df_settings_defaults(&j.own_settings);
    df_settings_defaults(&j.output);
    DF_TRY(df_model_default_settings(&j.settings, j.model.objective, arena, error));
    DF_TRY(apply_preset(&j, typed, arena, error));
    DF_TRY(parse_words(list, typed, &data, 0, 1, "DATA", arena, error));
    j.path = j.out.output;
    j.log_path = j.own.log;
    if (data && df_settings_given(&j.settings.config, "data"))
        return df_fail(error, DF_USAGE, "DATA is given twice, as '%.60s' and as '%.60s'", data, j.model.config.data);
    if (j.own.resume) DF_TRY(resume(&j, data, arena, error));
    else if (data) j.model.config.data = data;
    DF_TRY(check(&j, error));

    const df_status status = j.own.seeds > 1 ? run_seeds(&j, error) : run_one(&j, arena, error);
    if (status == DF_STOPPED) {
        df_arena_free(arena);
        signal(stop_signal, SIG_DFL);
        raise(stop_signal);
    }
    if (status == DF_OK && !j.own.dry_run && j.own.seeds == 1 && j.model.step == j.model.config.train_steps)
        say(&j.out, "next: diffuse sample %s -n 10000 -o samples.csv\n", j.path);
    return status;
}

static void notes(df_text *out)
{
    df_text_add(out, "Ctrl-C, SIGTERM and SIGHUP save a checkpoint after the step at hand and stop; a second one\n"
                     "stops at once. SIGUSR1 saves a checkpoint and goes on.\n");
}

static const section sections[] = {{"Run", table}, {"Training", df_config_options}, {"Schedule", df_schedule_options},
                                   {"Network", df_network_options}, {"Threads and output", work_table}, {0}};

const command command_train = {
    .name = "train", .about = "learn the points of a shape or a file", .usage = "DATA -o MODEL [options]",
    .examples = "  diffuse train swissroll -o roll.safetensors\n"
                "  diffuse train roll.csv -o roll.safetensors --log run.csv\n"
                "  diffuse train dino --preset tiny-diffusion-fixed -o dino.safetensors\n"
                "  diffuse train --resume roll.safetensors\n",
    .sections = sections, .notes = notes, .methods = true, .run = run};
