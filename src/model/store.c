/* store.c -- a model as one safetensors file: weights under PyTorch's names, everything else in the metadata. */
#include "diffuse/model.h"

#include "diffuse/file.h"
#include "diffuse/json.h"
#include "diffuse/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA "1"

/* ---- what a file holds: the same list is written and expected ---- */

enum { ENTRIES_MOST = 4 * (2 * 66 + DF_EXTRAS) + 3, NAME_ROOM = 64, DIM_MOST = 4096 };

typedef struct entry {
    char name[NAME_ROOM];
    size_t rows, columns; /* columns 0: rank 1 */
    df_real *values;
} entry;

typedef struct contents {
    entry entries[ENTRIES_MOST];
    size_t count;
} contents;

static void add_entry(contents *c, const char *prefix, const char *name, size_t rows, size_t columns, df_real *values)
{
    entry *e = &c->entries[c->count++];
    snprintf(e->name, sizeof e->name, "%s%s", prefix, name);
    e->rows = rows;
    e->columns = columns;
    e->values = values;
}

static void add_parameters(contents *c, const df_network *network, const char *prefix, df_real *values)
{
    for (size_t i = 0; values && i < network->tensor_count; i++) {
        const df_tensor *t = &network->tensors[i];
        add_entry(c, prefix, t->name, t->rows, t->columns, values + t->offset);
    }
}

static void list_contents(contents *c, const df_model *model)
{
    const df_network *network = &model->network;
    const size_t point_inputs = model->config.network.point_features == DF_POINTS_SINUSOIDAL ? 1 : model->dim;
    const size_t points = network->point_frequency_count, level = network->frequency_count - points;
    c->count = 0;
    if (points) add_entry(c, "", "points.frequencies", points / point_inputs, point_inputs, network->frequencies);
    if (level) add_entry(c, "", "level.frequencies", level, 1, network->frequencies + points);
    add_parameters(c, network, "net.", model->average);
    add_parameters(c, network, "raw.net.", model->raw);
    add_parameters(c, network, "adam.m.net.", model->m);
    add_parameters(c, network, "adam.v.net.", model->v);
    if ((model->m || model->objective->keeps_state) && model->state_size)
        add_entry(c, "", "method.state", model->state_size, 0, model->state);
}

static bool is_finite(const entry *e)
{
    const size_t count = e->rows * (e->columns ? e->columns : 1);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)e->values[i]) < HUGE_VAL)) return false;
    return true;
}

/* The first step of a learned schedule, which comes from the tensors, that has no more noise than the one before;
 * 0: none. */
static size_t stuck_step(const df_schedule *schedule)
{
    for (size_t t = 1; t <= schedule->steps; t++)
        if (!(df_log_ratio(schedule->levels[t - 1]) < df_log_ratio(schedule->levels[t]))) return t;
    return 0;
}

/* ---- configuration as JSON ---- */

static df_status set_from_json(df_settings *const *list, const df_json *member, df_arena *arena, df_error *error)
{
    df_settings *owner;
    const df_option *option = df_settings_find(list, member->name, &owner);
    if (!option) return df_fail(error, DF_INPUT, "unknown setting '%.60s' in diffuse.config", member->name);
    switch (member->kind) {
    case DF_JSON_NULL: return option->kind == DF_WORD ? DF_OK : df_fail(error, DF_INPUT, "setting %s is null",
                                                                        option->name);
    case DF_JSON_TRUE: return df_settings_set(owner, option, "yes", arena, error);
    case DF_JSON_FALSE: return df_settings_set(owner, option, "no", arena, error);
    case DF_JSON_STRING:
    case DF_JSON_NUMBER: return df_settings_set(owner, option, member->text, arena, error);
    default: return df_fail(error, DF_INPUT, "setting %s is a list", option->name);
    }
}

/* No default stands in for a setting that the file lacks, for defaults change: an older program did what `before`
 * says, and a setting that it had cannot be missing. A word that was not given may be. */
static df_status add_missing(df_settings *const *list, const df_json *config, df_arena *arena, df_error *error)
{
    for (; *list; list++)
        for (const df_option *o = (*list)->table; o->name; o++) {
            if (o->kind == DF_WORD || df_json_member(config, o->name)) continue;
            if (!o->before) return df_fail(error, DF_INPUT, "diffuse.config lacks the setting %s", o->name);
            DF_TRY(df_settings_set(*list, o, o->before, arena, error));
        }
    return DF_OK;
}

/* ---- numbers and names as JSON arrays ---- */

static void add_numbers(df_text *out, const double *values, size_t count)
{
    df_text_add(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i) df_text_add(out, ",");
        df_json_add_number(out, values[i]);
    }
    df_text_add(out, "]");
}

static void add_names(df_text *out, const char *const *names, size_t count)
{
    df_text_add(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i) df_text_add(out, ",");
        df_json_add_string(out, names[i]);
    }
    df_text_add(out, "]");
}

/* ---- writing ---- */

enum { TEXTS = 5 };

static void add_tensors(df_tensor_view *views, const contents *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const entry *e = &c->entries[i];
        df_tensor_view *v = &views[i];
        *v = (df_tensor_view){.name = e->name, .dtype = sizeof(df_real) == sizeof(float) ? "F32" : "F64",
                              .rank = e->columns ? 2 : 1, .shape = {e->rows, e->columns},
                              .bytes = (const unsigned char *)e->values};
        v->size = e->rows * (e->columns ? e->columns : 1) * sizeof(df_real);
    }
}

/* What could not be loaded again is not written: training went wrong in the last step before. */
static df_status check_sound(const df_model *model, const contents *c, df_arena *arena, df_error *error)
{
    static const char hint[] = "try a smaller --lr, such as";
    const unsigned long long step = (unsigned long long)model->step;
    const double less = model->config.lr / 10;
    for (size_t i = 0; i < c->count; i++)
        if (!is_finite(&c->entries[i]))
            return df_fail(error, DF_DIVERGED,
                           "training diverged at step %llu: tensor '%s' is no longer finite\n  %s %g", step,
                           c->entries[i].name, hint, less);
    if (!model->objective->reschedule) return DF_OK;
    df_schedule learned = model->schedule;
    DF_NEW(arena, learned.levels, learned.steps + 1, error);
    memcpy(learned.levels, model->schedule.levels, (learned.steps + 1) * sizeof *learned.levels);
    model->objective->reschedule(&learned, &model->network, model->average, model->objective_options);
    const size_t stuck = stuck_step(&learned);
    if (!stuck) return DF_OK;
    return df_fail(error, DF_DIVERGED, "training diverged at step %llu: the learned schedule no longer grows after "
                   "its step %zu\n  %s %g", step, stuck - 1, hint, less);
}

df_status df_model_save(const df_model *model, const char *path, bool overwrite, bool checkpoint, df_error *error)
{
    df_model copy = *model;
    if (!checkpoint) copy.m = copy.v = NULL;
    df_model_settings settings;
    df_model_list_settings(&settings, &copy);

    df_text texts[TEXTS] = {{0}};
    df_text_add(&texts[0], "{");
    for (df_settings *const *s = settings.list; *s; s++) df_settings_json(&texts[0], *s);
    df_text_add(&texts[0], "}");
    add_names(&texts[1], model->names, model->dim);
    add_numbers(&texts[2], model->transform.mean, model->dim);
    add_numbers(&texts[3], model->transform.scale, model->dim);
    df_json_add_number(&texts[4], checkpoint ? model->loss_sum : 0);
    char step[32], crc[32];
    snprintf(step, sizeof step, "%llu", (unsigned long long)model->step);
    snprintf(crc, sizeof crc, "%08x", (unsigned)model->data_crc);
    const df_metadata metadata[] = {
        {"format", "pt"}, {"producer", "diffuse"}, {"diffuse.schema", SCHEMA}, {"diffuse.numerics", DF_NUMERICS},
        {"diffuse.kind", checkpoint ? "checkpoint" : "model"}, {"diffuse.step", step},
        {"diffuse.config", texts[0].bytes},
        {"diffuse.columns", texts[1].bytes}, {"diffuse.mean", texts[2].bytes}, {"diffuse.scale", texts[3].bytes},
        {"diffuse.data_crc32c", crc}, {"diffuse.loss_sum", texts[4].bytes}};

    df_arena arena = {0};
    contents *c = df_alloc(&arena, 1, sizeof *c, error);
    df_tensor_view *views = df_alloc(&arena, ENTRIES_MOST, sizeof *views, error);
    df_status status = DF_OK;
    for (size_t i = 0; i < TEXTS; i++)
        if (!c || !views || texts[i].failed)
            status = df_fail(error, DF_LIMIT, "%s: out of memory while saving", path);
    if (status == DF_OK) {
        list_contents(c, &copy);
        status = check_sound(&copy, c, &arena, error);
    }
    if (status == DF_OK) {
        add_tensors(views, c);
        status = df_safetensors_write(path, overwrite, metadata, sizeof metadata / sizeof *metadata, views,
                                      c->count, error);
    }
    df_arena_free(&arena);
    for (size_t i = 0; i < TEXTS; i++) df_text_free(&texts[i]);
    return status;
}

/* ---- reading: nothing in the file is believed before it is checked ---- */

static df_status read_metadata(const df_safetensors *file, const char *name, const char **value, df_error *error)
{
    *value = df_safetensors_meta(file, name);
    return *value ? DF_OK
        : df_fail(error, DF_INPUT, "there is no %s in its metadata, so it was not written by diffuse", name);
}

static df_status read_json(const df_safetensors *file, const char *name, df_json_kind kind, df_json **value,
                           df_arena *arena, df_error *error)
{
    const char *text;
    DF_TRY(read_metadata(file, name, &text, error));
    df_error inner;
    const df_status status = df_json_parse(value, arena, text, strlen(text), &inner);
    if (status != DF_OK) return df_fail(error, status, "%s: %.300s", name, inner.message);
    if ((*value)->kind != kind)
        return df_fail(error, DF_INPUT, "%s is not %s", name, kind == DF_JSON_OBJECT ? "an object" : "a list");
    return DF_OK;
}

static df_status read_numbers(const df_safetensors *file, const char *name, double *values, size_t count, bool positive,
                              df_arena *arena, df_error *error)
{
    df_json *list;
    DF_TRY(read_json(file, name, DF_JSON_ARRAY, &list, arena, error));
    if (list->count != count)
        return df_fail(error, DF_INPUT, "%s has %zu entries for %zu columns", name, list->count, count);
    const df_json *item = list->child;
    for (size_t i = 0; i < count; i++, item = item->next)
        if (item->kind != DF_JSON_NUMBER || !df_parse_double(item->text, &values[i]) || (positive && !(values[i] > 0)))
            return df_fail(error, DF_INPUT, "%s: entry %zu is not a %snumber", name, i + 1,
                           positive ? "positive " : "");
    return DF_OK;
}

static df_status read_names(df_model *model, const df_safetensors *file, df_arena *arena, df_error *error)
{
    df_json *list;
    DF_TRY(read_json(file, "diffuse.columns", DF_JSON_ARRAY, &list, arena, error));
    if (list->count < 1 || list->count > DIM_MOST)
        return df_fail(error, DF_INPUT, "it has %zu columns; 1 to %d are possible", list->count, DIM_MOST);
    model->dim = list->count;
    DF_NEW(arena, model->names, model->dim, error);
    size_t i = 0;
    for (const df_json *item = list->child; item; item = item->next) {
        if (item->kind != DF_JSON_STRING || df_csv_needs_quotes(item->text))
            return df_fail(error, DF_INPUT, "the name of column %zu cannot stand in a CSV", i + 1);
        model->names[i++] = item->text;
    }
    return DF_OK;
}

static df_status read_config(df_model *model, const df_safetensors *file, df_arena *arena, df_error *error)
{
    df_json *json;
    DF_TRY(read_json(file, "diffuse.config", DF_JSON_OBJECT, &json, arena, error));
    const df_json *method = df_json_member(json, "method");
    if (!method || method->kind != DF_JSON_STRING) return df_fail(error, DF_INPUT, "diffuse.config names no method");
    model->objective = df_find_objective(method->text, NULL);
    if (!model->objective)
        return df_fail(error, DF_INPUT, "method '%.60s' is not known here; a newer diffuse may have written it",
                       method->text);
    df_model_settings settings;
    df_model_list_settings(&settings, model);
    DF_TRY(df_model_default_settings(&settings, model->objective, arena, error));
    for (const df_json *member = json->child; member; member = member->next)
        DF_TRY(set_from_json(settings.list, member, arena, error));
    return add_missing(settings.list, json, arena, error);
}

static df_status read_count(const df_safetensors *file, const char *name, uint64_t *value, df_error *error)
{
    const char *text;
    DF_TRY(read_metadata(file, name, &text, error));
    return df_parse_uint64(text, value) ? DF_OK : df_fail(error, DF_INPUT, "%s '%.40s' is not a number", name, text);
}

static df_status read_loss_sum(df_model *model, const df_safetensors *file, df_error *error)
{
    const char *text;
    DF_TRY(read_metadata(file, "diffuse.loss_sum", &text, error));
    return df_parse_double(text, &model->loss_sum) ? DF_OK : df_fail(error, DF_INPUT,
                                                                     "diffuse.loss_sum '%.40s' is not a number", text);
}

static df_status read_crc(df_model *model, const df_safetensors *file, df_error *error)
{
    const char *text;
    unsigned value;
    DF_TRY(read_metadata(file, "diffuse.data_crc32c", &text, error));
    if (strlen(text) != 8 || strspn(text, "0123456789abcdef") != 8 || sscanf(text, "%8x", &value) != 1)
        return df_fail(error, DF_INPUT, "diffuse.data_crc32c is not 8 hexadecimal digits");
    model->data_crc = value;
    return DF_OK;
}

static df_status read_entry(const entry *e, const df_safetensors *file, df_error *error)
{
    const df_tensor_view *v = df_safetensors_find(file, e->name);
    if (!v) return df_fail(error, DF_INPUT, "tensor '%s' is missing", e->name);
    const size_t rank = e->columns ? 2 : 1;
    if (v->rank != rank || v->shape[0] != e->rows || (rank == 2 && v->shape[1] != e->columns))
        return df_fail(error, DF_INPUT, "tensor '%s' does not have the shape [%zu%s%.0zu] of its configuration",
                       e->name, e->rows, rank == 2 ? ", " : "", e->columns);
    if (strcmp(v->dtype, "F32") != 0 && strcmp(v->dtype, "F64") != 0)
        return df_fail(error, DF_INPUT, "tensor '%s' has type %.16s; F32 is wanted", e->name, v->dtype);
    const size_t count = e->rows * (e->columns ? e->columns : 1);
    for (size_t i = 0; i < count; i++) e->values[i] = (df_real)df_tensor_at(v, i);
    return is_finite(e) ? DF_OK : df_fail(error, DF_INPUT, "tensor '%s' holds a number that is not finite", e->name);
}

static df_status read_tensors(df_model *model, const df_safetensors *file, df_arena *arena, df_error *error)
{
    contents *c;
    DF_NEW(arena, c, 1, error);
    list_contents(c, model);
    if (file->tensor_count != c->count)
        return df_fail(error, DF_INPUT, "it has %zu tensors where its configuration needs %zu",
                       file->tensor_count, c->count);
    for (size_t i = 0; i < c->count; i++) DF_TRY(read_entry(&c->entries[i], file, error));
    return DF_OK;
}

/* A network that claims to be larger than the file that holds it is refused before anything is allocated for it. */
static df_status check_network(const df_model *model, const df_safetensors *file, df_error *error)
{
    const df_network_config *n = &model->config.network;
    if (model->objective->brings_network) return DF_OK;
    const uint64_t inputs = n->point_features == DF_POINTS_RAW ? model->dim : 2 * n->point_waves;
    const uint64_t frequencies = n->point_features == DF_POINTS_FOURIER ? model->dim * n->point_waves : 0;
    const uint64_t least = sizeof(float) * (2 * n->hidden * (inputs + n->hidden * (n->layers - 1) + 1) + frequencies);
    if (least > file->file_size)
        return df_fail(error, DF_INPUT, "a network of %llu layers of %llu does not fit in its %zu bytes",
                       (unsigned long long)n->layers, (unsigned long long)n->hidden, file->file_size);
    return DF_OK;
}

/* The same of all numbers, which methods add to: the weights are there twice, as they are and averaged. */
static df_status check_numbers(const df_model *model, const df_safetensors *file, df_error *error)
{
    const df_network *n = &model->network;
    const size_t state = model->objective->keeps_state ? model->state_size : 0;
    const size_t numbers = 2 * n->parameter_count + n->frequency_count + state;
    if (numbers > file->file_size / sizeof(float))
        return df_fail(error, DF_INPUT, "a model of %zu numbers does not fit in its %zu bytes", numbers,
                       file->file_size);
    return DF_OK;
}

static df_status read_model(df_model *model, const df_safetensors *file, df_arena *arena, df_error *error)
{
    const char *schema, *kind;
    DF_TRY(read_metadata(file, "diffuse.schema", &schema, error));
    if (strcmp(schema, SCHEMA) != 0)
        return df_fail(error, DF_INPUT, "it has schema %.16s; this program reads schema " SCHEMA, schema);
    DF_TRY(read_metadata(file, "diffuse.kind", &kind, error));
    DF_TRY(read_names(model, file, arena, error));
    DF_TRY(read_config(model, file, arena, error));
    DF_TRY(read_count(file, "diffuse.step", &model->step, error));
    if (model->step > model->config.train_steps)
        return df_fail(error, DF_INPUT, "diffuse.step %llu is beyond its %llu training steps",
                       (unsigned long long)model->step, (unsigned long long)model->config.train_steps);
    DF_TRY(read_loss_sum(model, file, error));
    DF_TRY(read_crc(model, file, error));
    model->transform.dim = model->dim;
    DF_NEW(arena, model->transform.mean, model->dim, error);
    DF_NEW(arena, model->transform.scale, model->dim, error);
    DF_TRY(read_numbers(file, "diffuse.mean", model->transform.mean, model->dim, false, arena, error));
    DF_TRY(read_numbers(file, "diffuse.scale", model->transform.scale, model->dim, true, arena, error));
    DF_TRY(check_network(model, file, error));
    DF_TRY(df_model_plan(model, arena, error));
    DF_TRY(check_numbers(model, file, error));
    DF_TRY(df_model_reserve(model, arena, error));
    if (strcmp(kind, "checkpoint") == 0) {
        DF_NEW(arena, model->m, model->network.parameter_count, error);
        DF_NEW(arena, model->v, model->network.parameter_count, error);
    } else if (strcmp(kind, "model") != 0) {
        return df_fail(error, DF_INPUT, "diffuse.kind '%.20s' is neither model nor checkpoint", kind);
    }
    DF_TRY(read_tensors(model, file, arena, error));
    df_model_refresh(model);
    const size_t stuck = stuck_step(&model->schedule);
    if (!stuck) return DF_OK;
    return df_fail(error, DF_INPUT, "its learned schedule has no more noise at step %zu than before it", stuck);
}

df_status df_model_parse(df_model *model, df_arena *arena, const char *path, const df_safetensors *file,
                         df_error *error)
{
    df_error inner = {0};
    *model = (df_model){0};
    const df_status status = read_model(model, file, arena, &inner);
    if (status == DF_OK) return DF_OK;
    char shown[900];
    df_printable(shown, sizeof shown, inner.message);
    return df_fail(error, status == DF_USAGE ? DF_INPUT : status, "%s: %s", path, shown);
}

df_status df_model_load(df_model *model, df_arena *arena, const char *path, df_error *error)
{
    df_safetensors file;
    DF_TRY(df_safetensors_read(&file, arena, path, error));
    return df_model_parse(model, arena, path, &file, error);
}
