/* layer 4: paper.h -- the papers this program holds, in reading order: one file and one line each. */
#ifndef DIFFUSE_PAPER_H
#define DIFFUSE_PAPER_H

#include "diffuse/objective.h"
#include "diffuse/sampler.h"

DF_BEGIN

typedef struct df_paper {
    const char *key; /* of its file, and of its entry in REFERENCES.md */
    const char *title, *authors, *venue, *arxiv;
    int year;
    const char *brings; /* one line */
    const char *claim;  /* what is checked, in words */
    const char *check;  /* the command that checks it */
    const df_objective *const *objectives; /* NULL-terminated, or NULL */
    const df_sampler *const *samplers;     /* NULL-terminated, or NULL */
} df_paper;

/* To add a paper: write src/ROOM/key.c from its neighbour, add X(key) here and [key] to REFERENCES.md. */
#define DF_PAPERS(X) \
    X(dpm2015)       \
    X(ncsn)          \
    X(ssm)           \
    X(ddpm)          \
    X(ddim)          \
    X(score_sde)     \
    X(iddpm)         \
    X(vdm)           \
    X(dpm_solver)    \
    X(edm)           \
    X(analytic_dpm)  \
    X(flow_matching) \
    X(unipc)         \
    X(min_snr)       \
    X(zero_snr)      \
    X(edm2)          \
    X(sit)

#define X(key) extern const df_paper df_paper_##key;
DF_PAPERS(X)
#undef X

/* NULL-terminated. */
extern const df_paper *const df_papers[];

const df_paper *df_find_paper(const char *key);

/* By name among all papers, or NULL; *paper, unless NULL, is set to where it comes from. */
const df_objective *df_find_objective(const char *name, const df_paper **paper);
const df_sampler *df_find_sampler(const char *name, const df_paper **paper);

/* All names, NULL-terminated, for messages; at most DF_NAMES_MOST. */
enum { DF_NAMES_MOST = 64 };
void df_objective_names(const char *names[DF_NAMES_MOST + 1]);
void df_sampler_names(const char *names[DF_NAMES_MOST + 1]);

DF_END
#endif
