/* threads.c -- POSIX threads that meet at one barrier: to begin a piece of work, between its phases, and at its end. */
#ifdef __linux__
#define _GNU_SOURCE /* for sched_getaffinity, which POSIX has no name for */
#endif
#include "diffuse/threads.h"

#include "diffuse/conditions.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* Looks at the barrier before a thread goes to sleep: some tens of microseconds, longer than a phase of training. */
enum { PATIENCE = 4000, STACK = 1 << 20 };

typedef struct member {
    struct df_team *team;
    size_t index;
    pthread_t thread;
} member;

struct df_team {
    size_t count;
    int patience;
    member *members; /* (count): members[0] is the caller */
    void (*work)(void *self, size_t thread, size_t threads); /* NULL: go home */
    void *self;

    atomic_size_t arrived;
    atomic_uint round; /* of the barrier; changes under the lock, once all have arrived */
    pthread_mutex_t lock;
    pthread_cond_t next_round;
};

size_t df_cores(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
#endif
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (size_t)cores : 1;
}

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

void df_team_wait(df_team *team)
{
    if (!team) return;
    const unsigned round = atomic_load(&team->round);
    if (atomic_fetch_add(&team->arrived, 1) + 1 == team->count) {
        atomic_store(&team->arrived, 0);
        pthread_mutex_lock(&team->lock);
        atomic_store(&team->round, round + 1);
        pthread_cond_broadcast(&team->next_round);
        pthread_mutex_unlock(&team->lock);
        return;
    }
    for (int i = 0; i < team->patience; i++) {
        if (atomic_load(&team->round) != round) return;
        pause_briefly();
    }
    pthread_mutex_lock(&team->lock);
    while (atomic_load(&team->round) == round) pthread_cond_wait(&team->next_round, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

static void *live(void *self)
{
    const member *me = self;
    df_team *team = me->team;
    pthread_mutex_lock(&team->lock); /* until the team is complete */
    pthread_mutex_unlock(&team->lock);
    for (;;) {
        df_team_wait(team);
        if (!team->work) return NULL;
        team->work(team->self, me->index, team->count);
        df_team_wait(team);
    }
}

void df_team_run(df_team *team, void (*work)(void *self, size_t thread, size_t threads), void *self)
{
    if (df_team_count(team) == 1) {
        work(self, 0, 1);
        return;
    }
    team->work = work;
    team->self = self;
    df_team_wait(team);
    work(self, 0, team->count);
    df_team_wait(team);
}

static void stop(void *self)
{
    df_team *team = self;
    team->work = NULL;
    df_team_wait(team);
    for (size_t i = 1; i < team->count; i++) pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->next_round);
    pthread_mutex_destroy(&team->lock);
}

/* Starts members until one cannot. */
static void start_members(df_team *team, size_t wanted)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) return;
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the caller's business */
    for (; team->count < wanted; team->count++) {
        member *m = &team->members[team->count];
        *m = (member){.team = team, .index = team->count};
        if (pthread_create(&m->thread, &attributes, live, m) != 0) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

df_status df_team_start(df_team **started, df_arena *arena, size_t wanted, df_error *error)
{
    df_team *team;
    const size_t cores = df_cores();
    if (wanted == 0) wanted = cores;
    if (wanted > DF_THREADS_MOST) wanted = DF_THREADS_MOST;
    DF_TRY(df_check_arithmetic(error)); /* the threads inherit it */
    DF_NEW(arena, team, 1, error);
    DF_NEW(arena, team->members, wanted, error);
    *started = team;
    team->count = 1;
    team->patience = wanted <= cores ? PATIENCE : 0;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->next_round, NULL);
    DF_TRY(df_arena_at_end(arena, stop, team, error));
    pthread_mutex_lock(&team->lock);
    start_members(team, wanted);
    pthread_mutex_unlock(&team->lock);
    return DF_OK;
}

size_t df_team_count(const df_team *team)
{
    return team ? team->count : 1;
}

typedef struct share {
    void (*work)(void *self, size_t thread, size_t item);
    void *self;
    size_t items;
    atomic_size_t next;
} share;

static void take_items(void *self, size_t thread, size_t threads)
{
    (void)threads;
    share *s = self;
    for (size_t item; (item = atomic_fetch_add(&s->next, 1)) < s->items;) s->work(s->self, thread, item);
}

void df_team_each(df_team *team, size_t items, void (*work)(void *self, size_t thread, size_t item), void *self)
{
    share s = {.work = work, .self = self, .items = items};
    df_team_run(team, take_items, &s);
}
