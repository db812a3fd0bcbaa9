/* cmd_list.c -- `diffuse list`: the names one can type. */
#include "cli.h"

#include "diffuse/shape.h"

#include <stdio.h>
#include <string.h>

static void line(const char *name, const char *about)
{
    printf("%-26s %s\n", name, about);
}

static void list_shapes(void)
{
    for (const df_shape *shape = df_shapes; shape->name; shape++) line(shape->name, shape->about);
    for (const df_shape *shape = df_shape_conventions; shape->name; shape++) line(shape->name, shape->about);
}

static void list_samplers(void)
{
    const char *names[DF_NAMES_MOST + 1];
    df_sampler_names(names);
    for (size_t i = 0; names[i]; i++) line(names[i], df_find_sampler(names[i], NULL)->about);
}

static void list_methods(void)
{
    const char *names[DF_NAMES_MOST + 1];
    df_objective_names(names);
    for (size_t i = 0; names[i]; i++) line(names[i], df_find_objective(names[i], NULL)->about);
}

static void list_presets(void)
{
    for (const df_preset *preset = df_presets; preset->name; preset++) line(preset->name, preset->about);
}

static const struct {
    const char *name;
    void (*print)(void);
} lists[] = {{"shapes", list_shapes}, {"samplers", list_samplers}, {"methods", list_methods},
             {"presets", list_presets}};

enum { LISTS = sizeof lists / sizeof *lists };

static df_status say_what(const char *what, const char *const *names, df_error *error)
{
    if (!what) return df_fail(error, DF_USAGE, "say what to list: shapes, samplers, methods or presets");
    const char *near = df_nearest_name(what, names);
    return df_fail(error, DF_USAGE,
                   "there is no list '%.60s'; it can be shapes, samplers, methods or presets%s%s%s", what,
                   near ? "\n  did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    const char *what;
    df_settings *const none[] = {NULL};
    const char *names[LISTS + 1] = {0};
    for (size_t i = 0; i < LISTS; i++) names[i] = lists[i].name;
    DF_TRY(parse_words(none, typed, &what, 0, 1, "", arena, error));
    for (size_t i = 0; what && i < LISTS; i++)
        if (strcmp(what, lists[i].name) == 0) {
            lists[i].print();
            return DF_OK;
        }
    return say_what(what, names, error);
}

const command command_list = {
    .name = "list", .about = "the names one can type: shapes, samplers, methods, presets",
    .usage = "shapes|samplers|methods|presets",
    .examples = "  diffuse list shapes\n  diffuse list presets\n", .run = run};
