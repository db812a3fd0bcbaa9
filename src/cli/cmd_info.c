/* cmd_info.c -- `diffuse info`: what a model file holds; of any safetensors file, its tensors. */
#include "cli.h"

#include "diffuse/json.h"
#include "diffuse/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    bool json;
} options;

static const df_option table[] = {
    {.name = "json", .kind = DF_FLAG, .offset = offsetof(options, json), .help = "print JSON, for programs"},
    {0}};

typedef struct report {
    const char *path;
    df_safetensors file;
    df_model model;
    df_model_settings settings;
    bool is_model;
} report;

static double tensor_norm(const df_tensor_view *t)
{
    double sum = 0;
    if (strcmp(t->dtype, "F32") != 0 && strcmp(t->dtype, "F64") != 0) return -1;
    const size_t count = t->size / (strcmp(t->dtype, "F32") == 0 ? 4 : 8);
    for (size_t i = 0; i < count; i++) sum += df_tensor_at(t, i) * df_tensor_at(t, i);
    return sqrt(sum);
}

static void shape_text(char out[64], const df_tensor_view *t)
{
    size_t used = (size_t)snprintf(out, 64, "[");
    for (size_t i = 0; i < t->rank && used < 64; i++)
        used += (size_t)snprintf(out + used, 64 - used, "%s%zu", i ? ", " : "", t->shape[i]);
    if (used < 63) snprintf(out + used, 64 - used, "]");
}

/* ---- for people ---- */

static void print_model(const df_model *m)
{
    const df_config *c = &m->config;
    const df_schedule_config *s = &c->schedule;
    const double signal = m->schedule.levels[m->schedule.steps].alpha;
    char data[256];
    df_printable(data, sizeof data, c->data ? c->data : "?");
    printf("  method      %s, predicting %s; %s of %s steps of %s points, seed %llu\n", c->method,
           df_choice_name(df_config_options, "prediction-type", c->prediction), grouped(m->step),
           grouped(c->train_steps), grouped(c->batch_size), (unsigned long long)c->seed);
    printf("  data        %s, columns", data);
    for (size_t i = 0; i < m->dim; i++) printf(" %s", m->names[i]);
    printf(" (CRC-32C %08x)\n  scaling     ", (unsigned)m->data_crc);
    for (size_t i = 0; i < m->dim; i++)
        printf("%s(%s - %.6g)/%.6g", i ? ", " : "", m->names[i], m->transform.mean[i], m->transform.scale[i]);
    printf("\n  schedule    %s, T = %s, shift %g; alpha-bar at T %.3g\n",
           df_choice_name(df_schedule_options, "beta-schedule", s->beta_schedule), grouped(s->timesteps),
           s->shift, signal * signal);
    printf("  network     %s weights: %zu features, %llu %s layers of %llu, %s\n",
           grouped(m->network.parameter_count), m->network.features,
           (unsigned long long)c->network.layers, df_choice_name(df_network_options, "block", c->network.block),
           (unsigned long long)c->network.hidden, df_choice_name(df_network_options, "activation",
                                                                 c->network.activation));
}

static void print_report(const report *r)
{
    char path[1024];
    df_printable(path, sizeof path, r->path);
    printf("%s: %s\n", path, !r->is_model ? "a safetensors file, not a model of this program"
           : r->model.m ? "a checkpoint, to be resumed" : "a finished model");
    if (r->is_model) print_model(&r->model);
    printf("  %-26s %-6s %-14s %s\n", "tensor", "type", "shape", "norm");
    for (size_t i = 0; i < r->file.tensor_count; i++) {
        const df_tensor_view *t = &r->file.tensors[i];
        char name[64], shape[64];
        df_printable(name, sizeof name, t->name);
        shape_text(shape, t);
        const double norm = tensor_norm(t);
        printf("  %-26s %-6s %-14s ", name, t->dtype, shape);
        if (norm < 0) printf("-\n");
        else printf("%.6g\n", norm);
    }
}

/* ---- for programs: {"schema":1, ...}, keys only ever added ---- */

static void json_tensors(df_text *out, const df_safetensors *file)
{
    df_text_add(out, "\"tensors\":[");
    for (size_t i = 0; i < file->tensor_count; i++) {
        const df_tensor_view *t = &file->tensors[i];
        df_text_add(out, "%s{\"name\":", i ? "," : "");
        df_json_add_string(out, t->name);
        df_text_add(out, ",\"dtype\":\"%s\",\"shape\":[", t->dtype);
        for (size_t k = 0; k < t->rank; k++) df_text_add(out, "%s%zu", k ? "," : "", t->shape[k]);
        df_text_add(out, "]}");
    }
    df_text_add(out, "]");
}

static df_status print_json(const report *r, df_error *error)
{
    df_text out = {0};
    df_text_add(&out, "{\"schema\":1,\"file\":");
    df_json_add_string(&out, r->path);
    df_text_add(&out, ",\"crc32c\":\"%08x\",\"model\":", (unsigned)r->file.crc);
    if (r->is_model) {
        df_text_add(&out, "{\"kind\":\"%s\",\"step\":%llu,\"weights\":%zu,\"dim\":%zu",
                    r->model.m ? "checkpoint" : "model",
                    (unsigned long long)r->model.step, r->model.network.parameter_count, r->model.dim);
        for (df_settings *const *s = r->settings.list; *s; s++) df_settings_json(&out, *s);
        df_text_add(&out, "},");
    } else {
        df_text_add(&out, "null,");
    }
    json_tensors(&out, &r->file);
    df_text_add(&out, "}\n");
    return print_text(&out, error);
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static report r;
    options o;
    df_settings own = {.table = table, .values = &o};
    df_settings *const list[] = {&own, NULL};
    DF_TRY(parse(list, typed, &r.path, 1, "MODEL", arena, error));
    DF_TRY(df_safetensors_read(&r.file, arena, r.path, error));
    r.is_model = df_safetensors_meta(&r.file, "diffuse.schema") != NULL;
    if (r.is_model) {
        DF_TRY(df_model_parse(&r.model, arena, r.path, &r.file, error));
        df_model_list_settings(&r.settings, &r.model);
    }
    if (o.json) return print_json(&r, error);
    print_report(&r);
    return DF_OK;
}

static const section sections[] = {{"Options", table}, {0}};

const command command_info = {
    .name = "info", .about = "say what a model is, how it was trained, on what, and every tensor",
    .usage = "MODEL [--json]",
    .examples = "  diffuse info roll.safetensors\n  diffuse info roll.safetensors --json\n",
    .sections = sections, .run = run};
