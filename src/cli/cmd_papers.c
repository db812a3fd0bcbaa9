/* cmd_papers.c -- `diffuse papers`: what the program holds, and where each paper's file is. */
#include "cli.h"

#include <stdio.h>

static df_status show_list(void)
{
    for (const df_paper *const *paper = df_papers; *paper; paper++)
        printf("%-12s %d  %s\n%19s%s\n", (*paper)->key, (*paper)->year, (*paper)->title, "", (*paper)->brings);
    return DF_OK;
}

static void add_options(df_text *out, const char *role, const char *name, const char *about, const df_option *options)
{
    df_text_add(out, "\n%s %s: %s\n", role, name, about);
    if (options) help_table(out, NULL, options);
}

static df_status show_paper(const df_paper *paper, df_error *error)
{
    df_text out = {0};
    df_text_add(&out, "%s. %s. %s. arXiv:%s\nBrings: %s.\n", paper->authors, paper->title, paper->venue, paper->arxiv,
                paper->brings);
    for (const df_objective *const *o = paper->objectives; o && *o; o++) {
        add_options(&out, "train --method", (*o)->name, (*o)->about, (*o)->options);
        if ((*o)->settings) df_text_add(&out, "  other defaults of train: %s\n", (*o)->settings);
    }
    for (const df_sampler *const *s = paper->samplers; s && *s; s++)
        add_options(&out, "sample --sampler", (*s)->name, (*s)->about, (*s)->options);
    if (paper->claim) df_text_add(&out, "\nClaim: %s.\nChecked by: %s\n", paper->claim, paper->check);
    return print_text(&out, error);
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    df_settings *const none[] = {NULL};
    const char *key;
    if (!typed.count) return show_list();
    DF_TRY(parse(none, typed, &key, 1, "KEY", arena, error));
    const df_paper *paper = df_find_paper(key);
    if (!paper) return df_fail(error, DF_USAGE, "there is no paper '%.60s' here; `diffuse papers` lists them", key);
    return show_paper(paper, error);
}

const command command_papers = {
    .name = "papers", .about = "the papers the program holds: key, year, title, what each brings", .usage = "[KEY]",
    .examples = "  diffuse papers\n  diffuse papers ddim\n", .run = run};
