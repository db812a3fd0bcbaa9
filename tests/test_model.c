/* test_model.c -- a model reads back as it was, resumes as if never stopped, and damaged ones are refused. */
#include "check.h"

#include "diffuse/file.h"
#include "diffuse/model.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *path;
static df_error error;

static const char small[] = "data=moons points=40 timesteps=13 hidden=2 layers=1 point-waves=1 level-waves=1 "
                            "batch-size=7 train-steps=10 warmup=3 log-every=4 ema-decay=0.9 holdout=0.2 shift=0.7";

/* A model and all that its training needs. */
typedef struct run {
    df_arena arena;
    df_model model;
    df_data data;
    df_training training;
} run;

static void load_data(run *r)
{
    const df_config *c = &r->model.config;
    CHECK(df_data_load(&r->data, &r->arena, c->data, c->columns, c->points, c->noise, c->seed, &error) == DF_OK);
}

static df_status prepare_threads(run *r, const char *settings, size_t threads)
{
    df_model *model = &r->model;
    df_model_settings s;
    df_team *team;
    *r = (run){0};
    DF_TRY(df_team_start(&team, &r->arena, threads, &error));
    model->objective = df_find_objective("ddpm", NULL);
    df_model_list_settings(&s, model);
    for (df_settings *const *one = s.list; *one; one++) df_settings_defaults(*one);
    DF_TRY(df_settings_apply(s.list, small, &r->arena, &error));
    DF_TRY(df_settings_apply(s.list, settings, &r->arena, &error));
    load_data(r);
    model->dim = r->data.dim;
    model->names = r->data.names;
    model->data_crc = r->data.crc;
    DF_TRY(df_transform_fit(&model->transform, &r->arena, &r->data, model->config.scaling, &error));
    DF_TRY(df_model_build(model, &r->arena, &error));
    return df_training_init(&r->training, model, &r->data, team, &r->arena, &error);
}

static df_status prepare(run *r, const char *settings)
{
    return prepare_threads(r, settings, 1);
}

static void train_to(run *r, uint64_t step)
{
    while (r->model.step < step) {
        CHECK(df_training_step(&r->training, &error) == DF_OK);
        if (r->model.step % r->model.config.log_every == 0) df_training_mean_loss(&r->training);
    }
}

static void end(run *r)
{
    df_arena_free(&r->arena);
}

/* ---- round trip and resuming ---- */

static bool same_numbers(const df_real *a, const df_real *b, size_t count)
{
    return a && b && memcmp(a, b, count * sizeof *a) == 0;
}

static bool same_settings(df_model *a, df_model *b)
{
    df_model_settings of_a, of_b;
    df_model_list_settings(&of_a, a);
    df_model_list_settings(&of_b, b);
    bool same = true;
    for (size_t i = 0; of_a.list[i]; i++)
        for (const df_option *o = of_a.list[i]->table; o->name; o++) {
            df_text x = {0}, y = {0};
            df_settings_show(&x, of_a.list[i], o);
            df_settings_show(&y, of_b.list[i], o);
            if (strcmp(x.bytes ? x.bytes : "", y.bytes ? y.bytes : "") != 0) same = false;
            df_text_free(&x);
            df_text_free(&y);
        }
    return same;
}

static void check_same_model(df_model *a, df_model *b)
{
    const size_t count = a->network.parameter_count;
    CHECK(same_settings(a, b));
    CHECK(b->network.parameter_count == count);
    CHECK(a->dim == b->dim && strcmp(a->names[0], b->names[0]) == 0 && strcmp(a->names[1], b->names[1]) == 0);
    CHECK(a->data_crc == b->data_crc && a->step == b->step);
    CHECK(memcmp(a->transform.mean, b->transform.mean, a->dim * sizeof(double)) == 0);
    CHECK(memcmp(a->transform.scale, b->transform.scale, a->dim * sizeof(double)) == 0);
    CHECK(same_numbers(a->network.frequencies, b->network.frequencies, a->network.frequency_count));
    CHECK(same_numbers(a->average, b->average, count));
    CHECK(same_numbers(a->raw, b->raw, count));
}

static void answer(df_model *model, df_arena *arena, double x0[4])
{
    const double x[4] = {0.385, -1.21, 2.385, 0.077};
    const df_level level = df_schedule_level(&model->schedule, 7.3);
    df_model_refresh(model);
    const df_denoiser denoiser = df_model_denoiser(model);
    const df_question question = {.n = 2, .x = x, .level = &level};
    denoiser.answer(denoiser.self, &question, &(df_answer){.x0 = x0}, denoiser.scratch(denoiser.self, arena, &error));
}

/* Frequencies that no network of this configuration would have come back from the file, whatever else is in it. */
static void test_features(void)
{
    const char *const points[] = {"raw", "fourier", "sinusoidal"}, *const levels[] = {"raw", "harmonic", "sinusoidal"};
    for (size_t i = 0; i < 9; i++) {
        run r;
        df_arena arena = {0};
        df_model loaded;
        char settings[120];
        snprintf(settings, sizeof settings, "point-features=%s point-waves=3 level-features=%s level-waves=4", points[i / 3],
                 levels[i % 3]);
        CHECK(prepare(&r, settings) == DF_OK);
        for (size_t k = 0; k < r.model.network.frequency_count; k++)
            r.model.network.frequencies[k] = (df_real)(0.385 + (double)k);
        CHECK(df_model_save(&r.model, path, true, i % 2, &error) == DF_OK);
        CHECK(df_model_load(&loaded, &arena, path, &error) == DF_OK);
        check_same_model(&r.model, &loaded);
        df_arena_free(&arena);
        end(&r);
    }
}

static void test_round_trip(void)
{
    run r;
    df_arena arena = {0};
    df_model loaded;
    double before[4], after[4];
    CHECK(prepare(&r, "seed=2385 noise=0.077") == DF_OK);
    train_to(&r, 10);
    CHECK(df_model_save(&r.model, path, true, false, &error) == DF_OK);
    CHECK(df_model_load(&loaded, &arena, path, &error) == DF_OK);
    check_same_model(&r.model, &loaded);
    CHECK(loaded.m == NULL && loaded.v == NULL && loaded.loss_sum == 0);
    answer(&r.model, &r.arena, before);
    answer(&loaded, &arena, after);
    CHECK(memcmp(before, after, sizeof before) == 0);
    CHECK(df_model_save(&r.model, path, false, false, &error) == DF_USAGE);
    df_arena_free(&arena);
    end(&r);
}

static void test_resume(const char *settings)
{
    run whole, part, rest = {0};
    CHECK(prepare(&whole, settings) == DF_OK);
    train_to(&whole, 10);
    CHECK(prepare(&part, settings) == DF_OK);
    train_to(&part, 6);
    CHECK(df_model_save(&part.model, path, true, true, &error) == DF_OK);
    end(&part);
    CHECK(df_model_load(&rest.model, &rest.arena, path, &error) == DF_OK);
    load_data(&rest);
    CHECK(df_training_init(&rest.training, &rest.model, &rest.data, NULL, &rest.arena, &error) == DF_OK);
    CHECK(rest.model.step == 6 && rest.model.loss_sum > 0);
    train_to(&rest, 10);
    const size_t count = whole.model.network.parameter_count;
    check_same_model(&whole.model, &rest.model);
    CHECK(same_numbers(whole.model.m, rest.model.m, count));
    CHECK(same_numbers(whole.model.v, rest.model.v, count));
    CHECK(whole.training.loss == rest.training.loss && whole.training.rate == rest.training.rate);
    CHECK(whole.training.gradient_norm == rest.training.gradient_norm);
    CHECK(df_training_mean_loss(&whole.training) == df_training_mean_loss(&rest.training));
    CHECK(df_training_held_out(&whole.training) == df_training_held_out(&rest.training));
    end(&whole);
    end(&rest);
}

/* Any number of threads: more than there are blocks of rows, and rows of a weight, too. */
static void test_threads(const char *settings)
{
    static const size_t threads[] = {2, 3, 7};
    run alone, team;
    CHECK(prepare_threads(&alone, settings, 1) == DF_OK);
    train_to(&alone, 3);
    const size_t count = alone.model.network.parameter_count;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        CHECK(prepare_threads(&team, settings, threads[i]) == DF_OK);
        train_to(&team, 3);
        check_same_model(&alone.model, &team.model);
        CHECK(same_numbers(alone.model.m, team.model.m, count) && same_numbers(alone.model.v, team.model.v, count));
        CHECK(alone.training.loss == team.training.loss);
        CHECK(alone.training.gradient_norm == team.training.gradient_norm);
        end(&team);
    }
    end(&alone);
}

/* What diverges leaves the weights of the step before. */
static void test_divergence(void)
{
    run r;
    df_real before[64];
    CHECK(prepare(&r, "lr=1e9 clip-grad-norm=0 warmup=0 batch-size=3") == DF_OK);
    const size_t count = r.model.network.parameter_count;
    df_status status = DF_OK;
    CHECK(count <= 64);
    for (size_t i = 0; status == DF_OK && i < 10; i++) {
        memcpy(before, r.model.raw, count * sizeof *before);
        status = df_training_step(&r.training, &error);
    }
    CHECK(status == DF_DIVERGED);
    CHECK(strstr(error.message, "training diverged at step") && strstr(error.message, "try a smaller --lr"));
    CHECK(same_numbers(before, r.model.raw, count));
    end(&r);
}

static void test_refused_combinations(void)
{
    static const char *const combinations[] = {
        "zero-terminal-snr=yes prediction-type=eps", "point-features=sinusoidal point-waves=0",
        "level-features=sinusoidal level-waves=0", "hidden=4096 layers=64", "timesteps=1 zero-terminal-snr=yes",
            "holdout=0.0001"};
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        run r;
        CHECK(prepare(&r, combinations[i]) != DF_OK);
        end(&r);
    }
}

/* ---- damaged files ---- */

static char *bytes; /* of a sound file, and their number */
static size_t size;

static void read_sound_file(df_arena *arena, bool checkpoint)
{
    run r;
    CHECK(prepare(&r, "holdout=0") == DF_OK);
    train_to(&r, checkpoint ? 6 : 10);
    CHECK(df_model_save(&r.model, path, true, checkpoint, &error) == DF_OK);
    CHECK(df_read_file(arena, path, 1 << 20, &bytes, &size, &error) == DF_OK);
    end(&r);
}

static void write_file(const char *text, size_t count)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(text, 1, count, file) == count);
    if (file) fclose(file);
}

static bool all_finite(const df_real *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)values[i]) < HUGE_VAL)) return false;
    return true;
}

static bool is_sound(const df_model *m)
{
    const size_t count = m->network.parameter_count;
    for (size_t i = 0; i < m->dim; i++)
        if (!(m->transform.scale[i] > 0) || !(fabs(m->transform.mean[i]) < HUGE_VAL)) return false;
    return all_finite(m->raw, count) && all_finite(m->average, count) && m->schedule.steps > 0;
}

/* The verdict on the file as it is now; a model that loads must be sound. */
static df_status verdict(void)
{
    df_arena arena = {0};
    df_model model;
    error.message[0] = 0;
    const df_status status = df_model_load(&model, &arena, path, &error);
    if (status == DF_OK) CHECK(is_sound(&model));
    else CHECK(error.message[0] && error.status == status && status != DF_USAGE);
    df_arena_free(&arena);
    return status;
}

/* Writes the sound file with `from`, which must be there, replaced by `to`, and the header's checksum disabled. */
static void write_edited(const char *from, const char *to)
{
    const char *header = bytes + 8, *at = strstr(header, from);
    char *sum = strstr(bytes + 8, "diffuse.header_crc32c");
    df_text text = {0};
    CHECK(at != NULL);
    if (!at) return;
    if (sum) memcpy(sum, "edited!", strlen("edited!"));
    const size_t before = (size_t)(at - header), length = (size_t)(unsigned char)bytes[0] +
        256 * (size_t)(unsigned char)bytes[1];
    const size_t edited = length - strlen(from) + strlen(to);
    for (size_t i = 0; i < 8; i++) df_text_add_bytes(&text, &(char){(char)(edited >> 8 * i)}, 1);
    df_text_add_bytes(&text, header, before);
    df_text_add_bytes(&text, to, strlen(to));
    df_text_add_bytes(&text, at + strlen(from), size - 8 - before - strlen(from));
    write_file(text.bytes, text.size);
    df_text_free(&text);
}

static void check_refused(const char *from, const char *to, const char *message)
{
    write_edited(from, to);
    const df_status status = verdict();
    const bool good = (status == DF_INPUT || status == DF_LIMIT) && strstr(error.message, message);
    CHECK(good);
    if (!good)
        fprintf(stderr, "    %s -> %s: status %d, \"%s\", want \"%s\"\n", from, to, (int)status, error.message,
                message);
}

/* JSON within a JSON string: ' stands for \". */
static const char *quoted(const char *text)
{
    static char buffers[2][512];
    static unsigned next;
    char *out = buffers[next++ % 2], *to = out;
    for (; *text; text++) {
        if (*text == '\'') *to++ = '\\';
        *to++ = *text == '\'' ? '"' : *text;
    }
    *to = 0;
    return out;
}

static const struct {
    const char *from, *to, *message;
} edits[] = {
    {"'hidden':2", "'hiden':2", "unknown setting 'hiden'"},
    {"'method':'ddpm'", "'method':'tomorrow'", "method 'tomorrow' is not known here"},
    {"'method':'ddpm'", "'method':7", "names no method"},
    {"'method':'ddpm',", "", "names no method"},
    {"'hidden':2", "'hidden':[2]", "setting hidden is a list"},
    {"'hidden':2", "'hidden':null", "setting hidden is null"},
    {"'hidden':2", "'hidden':2.5", "'2.5' is not a whole number"},
    {"'hidden':2", "'hidden':-2", "'-2' is not a whole number"},
    {"'hidden':2", "'hidden':1e30", "'1e30' is not a whole number"},
    {"'hidden':2", "'hidden':2,'hidden':2", "hidden"},
    {"'hidden':2", "'hidden':3", "does not have the shape"},
    {"'hidden':2", "'hidden':4096", "does not fit"},
    {"'layers':1", "'layers':20", "tensors where its configuration needs 90"},
    {"'layers':1", "'layers':64", "a model of 815 numbers does not fit in its"},
    {"'layers':1", "'layers':2", "tensors where its configuration needs"},
    {"'point-waves':1", "'point-waves':4096", "does not fit"},
    {"'point-waves':1", "'point-waves':2", "does not have the shape"},
    {"'level-waves':1", "'level-waves':2", "does not have the shape"},
    {"'point-features':'fourier'", "'point-features':'raw'", "tensors"},
    {"'prediction-type':'v'", "'prediction-type':'w'", "'w' is not known"},
    {"'zero-terminal-snr':false", "'zero-terminal-snr':0", "'0' is not yes or no"},
    {"'beta-schedule':'cosine','timesteps':13,'beta-start':0.0001",
     "'beta-schedule':'linear','timesteps':13,'beta-start':0.5",
     "is above --beta-end"},
    {"'train-steps':10", "'train-steps':9", "diffuse.step 10 is beyond its 9 training steps"},
    {"\"diffuse.schema\":\"1\"", "\"diffuse.schema\":\"2\"", "it has schema 2; this program reads schema 1"},
    {"\"diffuse.kind\":\"model\"", "\"diffuse.kind\":\"modal\"", "'modal' is neither model nor checkpoint"},
    {"\"diffuse.kind\":\"model\"", "\"diffuse.kind\":\"checkpoint\"", "tensors where its configuration needs"},
    {"\"diffuse.step\":\"10\"", "\"diffuse.step\":\"-1\"", "diffuse.step '-1' is not a number"},
    {"\"diffuse.step\":\"10\"", "\"diffuse.step\":\"99999999999999999999\"", "is not a number"},
    {"\"diffuse.config\":\"{", "\"diffuse.config\":\"[{", "diffuse.config"},
    {"\"diffuse.config\":\"{", "\"diffuse.config\":\"", "diffuse.config"},
    {"\"diffuse.config\":\"{", "\"diffuse.config\":\"[7]\",\"spare\":\"{", "diffuse.config is not an object"},
    {"['x','y']", "[]", "it has 0 columns"},
    {"['x','y']", "['x']", "has 2 entries for 1 columns"},
    {"['x','y']", "['x','y','z']", "has 2 entries for 3 columns"},
    {"['x','y']", "['x','']", "column 2 cannot stand in a CSV"},
    {"['x','y']", "['x,z','y']", "column 1 cannot stand in a CSV"},
    {"['x','y']", "['x','7']", "column 2 cannot stand in a CSV"},
    {"['x','y']", "['x',' y']", "column 2 cannot stand in a CSV"},
    {"['x','y']", "['x','y\\\\u001b[31m']", "column 2 cannot stand in a CSV"},
    {"['x','y']", "['x',7]", "column 2 cannot stand in a CSV"},
    {"['x','y']", "'x'", "diffuse.columns is not a list"},
    {"\"diffuse.mean\":\"[", "\"diffuse.mean\":\"[0,", "has 3 entries for 2 columns"},
    {"\"diffuse.mean\":\"[", "\"diffuse.mean\":\"[nan,", "diffuse.mean"},
    {"\"diffuse.mean\":\"[", "\"diffuse.mean\":\"[1e999,", "diffuse.mean"},
    {"\"diffuse.mean\":\"[", "\"diffuse.mean\":\"[0,null]\",\"spare\":\"[", "diffuse.mean: entry 2 is not a number"},
    {"\"diffuse.mean\":\"[", "\"diffuse.mean\":\"[1e999,0]\",\"spare\":\"[", "diffuse.mean: entry 1 is not a number"},
    {"\"diffuse.scale\":\"[", "\"diffuse.scale\":\"[-", "entry 1 is not a positive number"},
    {"\"diffuse.loss_sum\":\"0\"", "\"diffuse.loss_sum\":\"inf\"", "diffuse.loss_sum 'inf' is not a number"},
    {"\"diffuse.data_crc32c\":\"", "\"diffuse.data_crc32c\":\"0", "diffuse.data_crc32c is not 8 hexadecimal digits"},
    {"\"net.0.weight\"", "\"net.0.wight\"", "tensor 'net.0.weight' is missing"},
    {"\"net.0.bias\":{\"dtype\":\"F", "\"net.0.bias\":{\"dtype\":\"I", "has type I"},
    {"\"shape\":[2,7]", "\"shape\":[7,2]", "tensor 'net.0.weight' does not have the shape [2, 7]"},
    {"\"shape\":[2],", "\"shape\":[1,2],", "does not have the shape [2] of its configuration"},
    {"\"shape\":[2,7]", "\"shape\":[14]", "tensor 'net.0.weight' does not have the shape [2, 7]"},
};

static void test_edits(void)
{
    df_arena arena = {0};
    read_sound_file(&arena, false);
    write_edited("", "");
    CHECK(verdict() == DF_OK);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_refused(quoted(edits[i].from), quoted(edits[i].to), edits[i].message);
    df_arena_free(&arena);
}

/* A scale of 0 would divide by it. */
static void test_scale_of_zero(void)
{
    run r;
    CHECK(prepare(&r, "") == DF_OK);
    r.model.transform.scale[1] = 0;
    CHECK(df_model_save(&r.model, path, true, false, &error) == DF_OK);
    CHECK(verdict() == DF_INPUT && strstr(error.message, "diffuse.scale: entry 2 is not a positive number"));
    end(&r);
}

static void test_missing_keys(void)
{
    static const char *const keys[] = {"diffuse.kind", "diffuse.step", "diffuse.config", "diffuse.columns",
                                       "diffuse.mean", "diffuse.scale", "diffuse.data_crc32c",
                                           "diffuse.loss_sum", "diffuse.schema"};
    df_arena arena = {0};
    read_sound_file(&arena, false);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char from[64], to[64], message[64];
        snprintf(from, sizeof from, "\"%s\":", keys[i]);
        snprintf(to, sizeof to, "\"other.%s\":", keys[i]);
        snprintf(message, sizeof message, "there is no %s in its metadata", keys[i]);
        check_refused(from, to, message);
    }
    df_arena_free(&arena);
}

/* The setting with its value, as it stands in the metadata. */
static void find_setting(char *out, size_t room, const char *name)
{
    char start[64];
    snprintf(start, sizeof start, "\\\"%s\\\":", name);
    const char *at = strstr(bytes + 8, start);
    CHECK(at != NULL);
    if (at) snprintf(out, room, "%.*s", (int)(strlen(start) + strcspn(at + strlen(start), ",}")), at);
}

/* A file without the setting is refused, unless it may be older than that. */
static void check_lacking(const df_option *o)
{
    char setting[124] = "", from[126], message[64];
    find_setting(setting, sizeof setting, o->name);
    const bool last = strstr(bytes + 8, setting)[strlen(setting)] != ',';
    snprintf(from, sizeof from, "%s%s%s", last ? "," : "", setting, last ? "" : ",");
    snprintf(message, sizeof message, "lacks the setting %s", o->name);
    if (o->kind != DF_WORD && !o->before) {
        check_refused(from, "", message);
    } else if (strcmp(o->name, "method") != 0) {
        df_arena arena = {0};
        df_model model;
        write_edited(from, "");
        CHECK(df_model_load(&model, &arena, path, &error) == DF_OK);
        CHECK(strcmp(o->name, "target") != 0 || model.config.target == DF_TARGET_SAMPLE);
        df_arena_free(&arena);
    }
}

static void check_value_refused(const char *name, const char *value, const char *message)
{
    char from[128] = "", to[128];
    find_setting(from, sizeof from, name);
    snprintf(to, sizeof to, "\\\"%s\\\":%s", name, value);
    check_refused(from, to, message);
}

static void check_range(const df_option *o)
{
    char value[64];
    snprintf(value, sizeof value, "%.17g", o->high * 2 + 1);
    check_value_refused(o->name, value, o->kind == DF_COUNT && o->high > 4e15 ? "is not a whole number"
                        : "is out of range");
    if (o->kind == DF_COUNT && o->low == 0) return;
    snprintf(value, sizeof value, "%.17g", o->kind == DF_COUNT ? o->low - 1 : o->low > 0 ? o->low / 2 : o->low - 1);
    check_value_refused(o->name, value, "is out of range");
}

static void test_every_setting(void)
{
    df_arena arena = {0};
    run r;
    df_model_settings s;
    CHECK(prepare(&r, "") == DF_OK);
    read_sound_file(&arena, false);
    df_model_list_settings(&s, &r.model);
    for (df_settings *const *one = s.list; *one; one++)
        for (const df_option *o = (*one)->table; o->name; o++) {
            check_lacking(o);
            if (o->kind == DF_CHOICE) check_value_refused(o->name, "\\\"nonsense\\\"", "'nonsense' is not known");
            if (o->kind == DF_FLAG) check_value_refused(o->name, "7", "'7' is not yes or no");
            if (o->kind == DF_COUNT || o->kind == DF_NUMBER) check_range(o);
        }
    end(&r);
    df_arena_free(&arena);
}

static void stick(df_schedule *schedule, const df_network *network, const df_real *parameters, const void *options)
{
    (void)network, (void)parameters, (void)options;
    schedule->levels[3] = schedule->levels[2];
}

static void test_weights_that_are_not_finite(void)
{
    run r;
    CHECK(prepare(&r, "") == DF_OK);
    r.model.average[1] = (df_real)NAN;
    CHECK(df_model_save(&r.model, path, true, false, &error) == DF_DIVERGED);
    CHECK(strstr(error.message, "diverged at step 0: tensor 'net.0.weight' is no longer finite"));
    end(&r);

    df_arena arena = {0};
    const df_real not_finite = (df_real)HUGE_VAL;
    read_sound_file(&arena, false);
    memcpy(bytes + size - sizeof not_finite, &not_finite, sizeof not_finite);
    check_refused("diffuse.crc32c", "other.crc32c", "holds a number that is not finite");
    df_arena_free(&arena);
}

/* A method that learned a schedule which cannot be walked has diverged, however finite its weights are. */
static void test_stuck_schedule(void)
{
    run r;
    CHECK(prepare(&r, "") == DF_OK);
    df_objective learns = *r.model.objective;
    learns.reschedule = stick;
    r.model.objective = &learns;
    CHECK(df_model_save(&r.model, path, true, false, &error) == DF_DIVERGED);
    CHECK(strstr(error.message, "schedule no longer grows after its step 2"));
    end(&r);
}

static void test_extra_tensors(void)
{
    df_arena arena = {0};
    read_sound_file(&arena, true);
    check_refused("\"diffuse.kind\":\"checkpoint\"", "\"diffuse.kind\":\"model\"",
                  "tensors where its configuration needs");
    df_arena_free(&arena);
}

/* The verdict on bytes in memory, which a sanitizer guards on both sides. */
static df_status parse(df_model *model, df_arena *arena, const char *from, size_t count)
{
    df_safetensors file;
    char *copy = malloc(count + 1);
    if (!copy) abort();
    memcpy(copy, from, count);
    df_status status = df_safetensors_parse(&file, arena, "m", copy, count, &error);
    if (status == DF_OK) status = df_model_parse(model, arena, "m", &file, &error);
    free(copy);
    return status;
}

static bool says_number(size_t number)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%zu", number);
    const char *at = strstr(error.message, digits);
    return at && strcspn(at, "0123456789") == 0;
}

/* Every beginning is refused, with the number of bytes that are there and that should be. */
static void test_truncation(bool checkpoint)
{
    df_arena arena = {0};
    read_sound_file(&arena, checkpoint);
    const size_t header = 8 + (size_t)(unsigned char)bytes[0] + 256 * (size_t)(unsigned char)bytes[1];
    for (size_t length = 0; length < size; length++) {
        df_arena own = {0};
        df_model model;
        CHECK(parse(&model, &own, bytes, length) == DF_INPUT);
        if (length < 8) CHECK(says_number(8) && says_number(length));
        else if (length < header) CHECK(says_number(header - 8) && says_number(length - 8));
        else CHECK(says_number(length - header) && strstr(error.message, "of the data, which has"));
        df_arena_free(&own);
    }
    df_arena_free(&arena);
}

/* Any flip of a bit is refused, but in the name of the header's checksum, where it leaves the model as it was. */
static void test_bit_flips(bool checkpoint)
{
    static const char key[] = "diffuse.header_crc32c";
    df_arena arena = {0};
    df_model sound;
    read_sound_file(&arena, checkpoint);
    CHECK(parse(&sound, &arena, bytes, size) == DF_OK);
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        df_arena own = {0};
        df_model model;
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        const df_status status = parse(&model, &own, bytes, size);
        if (status == DF_OK) {
            accepted++;
            check_same_model(&sound, &model);
            CHECK(sound.loss_sum == model.loss_sum && !sound.m == !model.m);
            const size_t count = sound.network.parameter_count;
            if (checkpoint) CHECK(same_numbers(sound.m, model.m, count) && same_numbers(sound.v, model.v, count));
        } else {
            CHECK(status == DF_INPUT);
        }
        df_arena_free(&own);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    CHECK_BETWEEN(1, (double)accepted, 8 * (double)strlen(key));
    df_arena_free(&arena);
}

/* Claims of large networks must not make the reader work or allocate for them. */
static void test_huge_claims(void)
{
    static const struct {
        const char *from, *to;
    } claims[] = {{"'hidden':2,'layers':1", "'hidden':4096,'layers':2"},
                  {"'hidden':2,'layers':1", "'hidden':500,'layers':64"},
                  {"'point-waves':1", "'point-waves':4096"},
                  {"'hidden':2,'layers':1,'activation':'silu','block':'residual','point-features':'fourier','point-waves':1",
                   "'hidden':1000,'layers':1,'activation':'silu','block':'plain','point-features':'sinusoidal','point-waves':4096"}};
    df_arena arena = {0};
    read_sound_file(&arena, false);
    const clock_t start = clock();
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        check_refused(quoted(claims[i].from), quoted(claims[i].to), "does not fit in its");
    CHECK_BETWEEN(0, (double)(clock() - start) / CLOCKS_PER_SEC, 0.5);
    df_arena_free(&arena);
}

int main(int count, char **arguments)
{
    char own[256];
    snprintf(own, sizeof own, "%s/model.safetensors", count > 2 ? arguments[2] : ".");
    path = own;
    test_round_trip();
    test_features();
    test_resume("holdout=0.2");
    test_resume("prediction-type=eps beta-schedule=linear block=plain lr-schedule=linear weight-decay=0.01 clip-grad-norm=0.5");
    test_resume("prediction-type=x0 label=step loss=vlb activation=gelu layers=2 scale=per-column");
    test_threads("batch-size=7");
    test_threads("batch-size=700 hidden=67 layers=2 point-waves=9");
    test_threads("batch-size=193 hidden=19 block=plain random-output=yes prediction-type=eps beta-schedule=linear");
    test_divergence();
    test_refused_combinations();
    test_edits();
    test_scale_of_zero();
    test_missing_keys();
    test_every_setting();
    test_weights_that_are_not_finite();
    test_stuck_schedule();
    test_extra_tensors();
    test_huge_claims();
    test_truncation(false);
    test_truncation(true);
    test_bit_flips(false);
    test_bit_flips(true);
    unlink(path);
    return CHECK_DONE();
}
