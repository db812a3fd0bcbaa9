/* faults.c -- a library for LD_PRELOAD under which calls to the system fail, stop half way, or end the program.
 *
 *   FAULTS="CALL:K:WHAT ..."   the K-th CALL, or with K+ every one from there; CALL is a function's name, create for an
 *                              open that makes a file, or memory or file for all of a kind; WHAT is a number of errno
 *                              by name, kill, int (SIGINT, then goes on) or storm (every other call is interrupted,
 *                              the rest takes at most seven bytes)
 *   FAULTS_REPORT=FILE         at the end: how many calls the first fault waited for, how many struck, and how many
 *                              blocks and bytes the program itself never freed
 *   FAULTS_LOG=FILE            what was done to files, for replay.c
 *
 * The C library's own allocations fail like any other, but what it keeps to the end is no leak of the program. */
#define _GNU_SOURCE /* RTLD_NEXT, dladdr */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

/* The C library's function behind ours. */
static void *behind(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}
#define BEHIND(name)                                \
    static __typeof__(&name) name##_behind;         \
    if (!name##_behind) *(void **)&name##_behind = behind(#name)

static atomic_flag busy = ATOMIC_FLAG_INIT;

static void lock(void)
{
    while (atomic_flag_test_and_set(&busy)) continue;
}

static void unlock(void)
{
    atomic_flag_clear(&busy);
}

/* ---- which call fails, and how ---- */

enum { STORM = -1, KILL = -2, INTERRUPT = -3, FAULTS = 4 };

static const struct { const char *name; int number; } whats[] = {
    {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}, {"EAGAIN", EAGAIN},
    {"EACCES", EACCES}, {"EROFS", EROFS}, {"EMFILE", EMFILE}, {"storm", STORM}, {"kill", KILL}, {"int", INTERRUPT}};

static struct fault {
    char call[20];
    long at, seen;
    bool ever;
    int what;
} faults[FAULTS];
static size_t fault_count;
static long struck;
static bool over;

static void read_faults(const char *text)
{
    char what[16], ever;
    for (int size; text && fault_count < FAULTS; text += size) {
        struct fault *f = &faults[fault_count];
        if (sscanf(text, " %19[a-z_]:%ld%n", f->call, &f->at, &size) != 2) return;
        text += size;
        ever = *text;
        f->ever = ever == '+';
        if (sscanf(text += f->ever, ":%15[A-Za-z]%n", what, &size) != 1) abort();
        for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
            if (strcmp(whats[i].name, what) == 0) f->what = whats[i].number;
        if (!f->what) abort();
        fault_count++;
    }
}

/* What befalls this call: 0 nothing, a number of errno, STORM or KILL. */
static int fate(const char *call, const char *kind)
{
    int what = 0;
    if (over) return 0;
    lock();
    for (size_t i = 0; i < fault_count; i++) {
        struct fault *f = &faults[i];
        if (strcmp(f->call, call) != 0 && strcmp(f->call, kind) != 0) continue;
        const long seen = ++f->seen;
        if (seen < f->at || (seen > f->at && !f->ever)) continue;
        struck++;
        what = f->what == STORM && seen % 2 ? EINTR : f->what;
    }
    unlock();
    if (what == INTERRUPT) raise(SIGINT), what = 0;
    return what;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

/* Whether this call fails, with errno set. */
static bool fails(const char *call, const char *kind)
{
    const int what = fate(call, kind);
    if (what == KILL) die();
    if (what > 0) errno = what;
    return what > 0;
}

/* ---- memory: the C library's allocator, and which blocks the program has ---- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

enum { BLOCKS = 1 << 16 };
static struct { void *start; size_t size; } blocks[BLOCKS];
static size_t block_count;

static bool is_program(const void *place)
{
    static void *base;
    Dl_info about;
    if (!base && dladdr((void *)getauxval(AT_ENTRY), &about)) base = about.dli_fbase;
    return dladdr((void *)(size_t)place, &about) && about.dli_fbase == base;
}

static void *own(void *start, size_t size)
{
    if (!start) return NULL;
    lock();
    if (block_count < BLOCKS) blocks[block_count].start = start, blocks[block_count++].size = size;
    unlock();
    return start;
}

static void disown(void *start)
{
    if (!start) return;
    lock();
    for (size_t i = block_count; i-- > 0;)
        if (blocks[i].start == start) {
            blocks[i] = blocks[--block_count];
            break;
        }
    unlock();
}

#define FOR_CALLER(start, size) (is_program(__builtin_return_address(0)) ? own(start, size) : (start))

void *malloc(size_t size)
{
    if (fails("malloc", "memory")) return NULL;
    void *start = __libc_malloc(size);
    return FOR_CALLER(start, size);
}

void *calloc(size_t count, size_t size)
{
    if (fails("calloc", "memory")) return NULL;
    void *start = __libc_calloc(count, size);
    return FOR_CALLER(start, count * size);
}

void *realloc(void *old, size_t size)
{
    if (fails("realloc", "memory")) return NULL;
    void *start = __libc_realloc(old, size);
    if (start) disown(old);
    return FOR_CALLER(start, size);
}

void free(void *start)
{
    disown(start);
    __libc_free(start);
}

/* What the C library allocates in the program's name. */
char *strndup(const char *text, size_t most)
{
    const size_t size = strnlen(text, most);
    char *copy = fails("malloc", "memory") ? NULL : own(__libc_malloc(size + 1), size + 1);
    if (copy) memcpy(copy, text, size), copy[size] = '\0';
    return copy;
}

char *strdup(const char *text)
{
    return strndup(text, strlen(text));
}

char *realpath(const char *path, char *room)
{
    BEHIND(realpath);
    char *result = realpath_behind(path, room);
    return room || !result ? result : own(result, strlen(result) + 1);
}

/* ---- files ---- */

static int log_file = -1, report_file = -1;

static void put(int file, const void *bytes, size_t size)
{
    BEHIND(write);
    if (write_behind(file, bytes, size) != (ssize_t)size) abort();
}

__attribute__((format(printf, 2, 3))) static void say(int file, const char *format, ...)
{
    char line[8192];
    if (file < 0) return;
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put(file, line, (size_t)size);
}

int open(const char *path, int flags, ...)
{
    BEHIND(open);
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fails(flags & O_CREAT ? "create" : "open", "file")) return -1;
    const int file = open_behind(path, flags, mode);
    if (file >= 0) say(log_file, "%s %d %s\n", flags & O_CREAT ? "create" : "open", file, path);
    return file;
}

ssize_t read(int file, void *bytes, size_t size)
{
    BEHIND(read);
    const int what = fate("read", "file");
    if (what == KILL) die();
    if (what > 0) {
        errno = what;
        return -1;
    }
    return read_behind(file, bytes, what == STORM && size > 7 ? 1 + size % 7 : size);
}

/* Killed here, half of the bytes are written. */
ssize_t write(int file, const void *bytes, size_t size)
{
    BEHIND(write);
    const int what = fate("write", "file");
    if (what > 0) {
        errno = what;
        return -1;
    }
    if (what == STORM && size > 7) size = 1 + size % 7;
    if (what == KILL) size /= 2;
    const ssize_t wrote = write_behind(file, bytes, size);
    if (what == KILL) die();
    if (wrote <= 0 || log_file < 0) return wrote;
    say(log_file, "write %d %zd\n", file, wrote);
    put(log_file, bytes, (size_t)wrote);
    return wrote;
}

int fsync(int file)
{
    BEHIND(fsync);
    if (fails("fsync", "file")) return -1;
    say(log_file, "fsync %d\n", file);
    return fsync_behind(file);
}

/* As on Linux, a file is closed even where closing it fails. */
int close(int file)
{
    BEHIND(close);
    const bool failed = fails("close", "file");
    const int number = errno;
    say(log_file, "close %d\n", file);
    if (close_behind(file) != 0) return -1;
    if (failed) errno = number;
    return failed ? -1 : 0;
}

int rename(const char *from, const char *to)
{
    BEHIND(rename);
    if (fails("rename", "file")) return -1;
    const int status = rename_behind(from, to);
    if (status == 0) say(log_file, "rename %s %s\n", from, to);
    return status;
}

int unlink(const char *path)
{
    BEHIND(unlink);
    if (fails("unlink", "removal")) return -1;
    const int status = unlink_behind(path);
    if (status == 0) say(log_file, "unlink %s\n", path);
    return status;
}

int fchmod(int file, mode_t mode)
{
    BEHIND(fchmod);
    return fails("fchmod", "file") ? -1 : fchmod_behind(file, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    BEHIND(fopen);
    return fails("fopen", "file") ? NULL : fopen_behind(path, mode);
}

int fflush(FILE *stream)
{
    BEHIND(fflush);
    return fails("fflush", "stream") ? EOF : fflush_behind(stream);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *self)
{
    BEHIND(pthread_create);
    return fails("pthread_create", "thread") ? EAGAIN : pthread_create_behind(thread, attributes, start, self);
}

/* ---- beginning and end ---- */

/* On a number that the program does not use, so that it gets those it always gets. */
static int open_far(const char *path)
{
    BEHIND(open);
    BEHIND(close);
    const int file = path ? open_behind(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    const int far = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 200);
    if (file >= 0) close_behind(file);
    return far;
}

__attribute__((constructor)) static void begin(void)
{
    log_file = open_far(getenv("FAULTS_LOG"));
    report_file = open_far(getenv("FAULTS_REPORT"));
    read_faults(getenv("FAULTS"));
    alarm(120); /* a program that hangs is one that failed */
}

__attribute__((destructor)) static void end(void)
{
    size_t bytes = 0;
    if (over) return;
    over = true;
    for (size_t i = 0; i < block_count; i++) bytes += blocks[i].size;
    say(report_file, "%ld %ld %zu %zu\n", faults[0].seen, struck, block_count, bytes);
}

/* After main nothing fails any more: a compiler may have added what writes down how often each branch was taken. */
static int (*main_behind)(int count, char **words, char **environment);

static int run_main(int count, char **words, char **environment)
{
    const int status = main_behind(count, words, environment);
    end();
    return status;
}

int __libc_start_main(int (*start)(int, char **, char **), int count, char **words, void (*before)(void),
                      void (*after)(void), void (*loader)(void), void *stack);

int __libc_start_main(int (*start)(int, char **, char **), int count, char **words, void (*before)(void),
                      void (*after)(void), void (*loader)(void), void *stack)
{
    __typeof__(&__libc_start_main) begin_behind;
    *(void **)&begin_behind = behind("__libc_start_main");
    main_behind = start;
    return begin_behind(run_main, count, words, before, after, loader, stack);
}
