/* test_threads.c -- every thread works once, barriers hold, items are done once, and a missing thread is no failure. */
#include "check.h"
#include "diffuse/threads.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 7, PHASES = 2000, ITEMS = 1000 };

typedef struct phases {
    df_team *team;
    size_t at[MOST];
    atomic_size_t wrong;
} phases;

/* Between two waits every thread stands in the same phase; plain reads and writes, so that a sanitizer sees more. */
static void march(void *self, size_t thread, size_t threads)
{
    phases *p = self;
    for (size_t phase = 1; phase <= PHASES; phase++) {
        p->at[thread] = phase;
        df_team_wait(p->team);
        for (size_t i = 0; i < threads; i++)
            if (p->at[i] != phase) atomic_fetch_add(&p->wrong, 1);
        df_team_wait(p->team);
    }
}

static void mark(void *self, size_t thread, size_t item)
{
    (void)thread;
    ((unsigned char *)self)[item]++;
}

static bool all_are(const unsigned char *marks, size_t n, unsigned char value)
{
    for (size_t i = 0; i < n; i++)
        if (marks[i] != value) return false;
    return true;
}

static void count_in(void *self, size_t thread, size_t threads)
{
    (void)thread, (void)threads;
    atomic_fetch_add((atomic_size_t *)self, 1);
}

/* What a team of any size must do. */
static void check_team(df_team *team)
{
    static unsigned char marks[ITEMS];
    const size_t count = df_team_count(team);
    for (size_t rounds = 1; rounds <= 3; rounds++) {
        atomic_size_t calls = 0;
        df_team_run(team, count_in, &calls);
        CHECK(atomic_load(&calls) == count);
    }
    static phases p;
    p = (phases){.team = team};
    df_team_run(team, march, &p);
    CHECK(atomic_load(&p.wrong) == 0);
    CHECK(p.at[0] == PHASES && p.at[count - 1] == PHASES);
    memset(marks, 0, sizeof marks);
    df_team_each(team, ITEMS, mark, marks);
    CHECK(all_are(marks, ITEMS, 1));
    df_team_each(team, 0, mark, marks);
    df_team_each(team, 1, mark, marks);
    CHECK(marks[0] == 2 && all_are(marks + 1, ITEMS - 1, 1));
}

static void test_teams(void)
{
    check_team(NULL);
    for (size_t wanted = 1; wanted <= MOST; wanted++) {
        df_arena arena = {0};
        df_error error = {0};
        df_team *team = NULL;
        CHECK(df_team_start(&team, &arena, wanted, &error) == DF_OK);
        CHECK(df_team_count(team) == wanted);
        check_team(team);
        df_arena_free(&arena);
    }
}

static void test_cores(void)
{
    df_arena arena = {0};
    df_error error = {0};
    df_team *team = NULL;
    CHECK(df_cores() >= 1);
    CHECK(df_team_start(&team, &arena, 0, &error) == DF_OK);
    CHECK(df_team_count(team) == (df_cores() < DF_THREADS_MOST ? df_cores() : DF_THREADS_MOST));
    df_arena_free(&arena);
}

/* In a process of its own, which has no room for the stacks of that many threads. */
static void test_threads_that_cannot_start(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    fprintf(stderr, "skipped: sanitizers need all the address space there is\n");
#else
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit little = {64 << 20, 64 << 20};
        df_arena arena = {0};
        df_error error = {0};
        df_team *team = NULL;
        checks_failed = 0;
        CHECK(setrlimit(RLIMIT_AS, &little) == 0);
        CHECK(df_team_start(&team, &arena, 100, &error) == DF_OK);
        CHECK(df_team_count(team) >= 1 && df_team_count(team) < 100);
        atomic_size_t calls = 0;
        df_team_run(team, count_in, &calls);
        CHECK(atomic_load(&calls) == df_team_count(team));
        df_arena_free(&arena);
        _exit(checks_failed ? 1 : 0);
    }
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

int main(void)
{
    test_teams();
    test_cores();
    test_threads_that_cannot_start();
    return CHECK_DONE();
}
