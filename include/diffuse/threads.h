/* layer 1: threads.h -- a team of threads that do one piece of work together. */
#ifndef DIFFUSE_THREADS_H
#define DIFFUSE_THREADS_H

#include "diffuse/arena.h"

DF_BEGIN

/* NULL is a team of one: whoever calls. A team works for one caller at a time. */
typedef struct df_team df_team;

/* The processor cores that this process may use, at least 1. */
size_t df_cores(void);

enum { DF_THREADS_MOST = 1024 };

/* A team of `wanted` threads, the caller among them; 0: one a core. A thread that cannot start makes the team smaller
 * and is no failure. The threads end when the arena is freed. */
df_status df_team_start(df_team **started, df_arena *arena, size_t wanted, df_error *error) DF_MUST_CHECK;

size_t df_team_count(const df_team *team);

/* Every thread calls work(self, thread, threads) once, thread 0 being the caller; returns when all have. */
void df_team_run(df_team *team, void (*work)(void *self, size_t thread, size_t threads), void *self);

/* Inside work: returns when every thread of the team has called it, and sees all that they did before. */
void df_team_wait(df_team *team);

/* work(self, thread, item) for every item 0 .. items - 1, each by whichever thread is free; returns when all are done.
 * What an item comes to must not depend on the thread. */
void df_team_each(df_team *team, size_t items, void (*work)(void *self, size_t thread, size_t item), void *self);

DF_END
#endif
