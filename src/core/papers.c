/* papers.c -- looking things up in the list of papers. */
#include "diffuse/paper.h"

#include <string.h>

const df_paper *const df_papers[] = {
#define X(key) &df_paper_##key,
    DF_PAPERS(X)
#undef X
    NULL};

const df_paper *df_find_paper(const char *key)
{
    for (const df_paper *const *paper = df_papers; *paper; paper++)
        if (strcmp((*paper)->key, key) == 0) return *paper;
    return NULL;
}

/* Walks over every objective (or sampler) of every paper. */
#define EACH(kind, list, item)                                         \
    for (const df_paper *const *p = df_papers; *p; p++)                \
        for (const kind *const *item = (*p)->list; item && *item; item++)

const df_objective *df_find_objective(const char *name, const df_paper **paper)
{
    EACH(df_objective, objectives, item)
    if (strcmp((*item)->name, name) == 0) {
        if (paper) *paper = *p;
        return *item;
    }
    return NULL;
}

const df_sampler *df_find_sampler(const char *name, const df_paper **paper)
{
    EACH(df_sampler, samplers, item)
    if (strcmp((*item)->name, name) == 0) {
        if (paper) *paper = *p;
        return *item;
    }
    return NULL;
}

void df_objective_names(const char *names[DF_NAMES_MOST + 1])
{
    size_t count = 0;
    EACH(df_objective, objectives, item)
    if (count < DF_NAMES_MOST) names[count++] = (*item)->name;
    names[count] = NULL;
}

void df_sampler_names(const char *names[DF_NAMES_MOST + 1])
{
    size_t count = 0;
    EACH(df_sampler, samplers, item)
    if (count < DF_NAMES_MOST) names[count++] = (*item)->name;
    names[count] = NULL;
}
