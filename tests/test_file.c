/* test_file.c -- files are read whole or refused, and written whole or not at all. */
#define _XOPEN_SOURCE 700 /* mkdtemp, symlink */
#include "check.h"

#include "diffuse/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static df_error error;

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (!file) exit(1);
    fputs(text, file);
    fclose(file);
}

static bool holds(const char *path, const char *wanted)
{
    char got[256] = "";
    FILE *file = fopen(path, "r");
    if (!file) return false;
    const size_t size = fread(got, 1, sizeof got - 1, file);
    fclose(file);
    return size == strlen(wanted) && memcmp(got, wanted, size) == 0;
}

static int files_here(void)
{
    int count = 0;
    DIR *directory = opendir(".");
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (directory) closedir(directory);
    return count;
}

static bool message_is(const char *wanted)
{
    if (strcmp(error.message, wanted) == 0) return true;
    fprintf(stderr, "got  \"%s\"\nwant \"%s\"\n", error.message, wanted);
    return false;
}

/* Reading. */

static void test_read(void)
{
    df_arena arena = {0};
    char *bytes = NULL;
    size_t size = 0;
    put("in.txt", "2.385\n-17\n");
    CHECK(df_read_file(&arena, "in.txt", 100, &bytes, &size, &error) == DF_OK);
    CHECK(size == 10);
    CHECK_TEXT(bytes, "2.385\n-17\n");
    CHECK(df_read_file(&arena, "in.txt", 10, &bytes, &size, &error) == DF_OK && size == 10);
    CHECK(df_read_file(&arena, "in.txt", 9, &bytes, &size, &error) == DF_LIMIT);
    CHECK(message_is("in.txt has more than 9 bytes, the most that is read"));
    CHECK(df_read_file(&arena, "none.txt", 9, &bytes, &size, &error) == DF_IO);
    CHECK(message_is("cannot read none.txt: No such file or directory"));
    CHECK(df_read_file(&arena, ".", 9, &bytes, &size, &error) == DF_IO);
    CHECK(message_is(". is a directory; name a file in it"));
    put("in.txt", "");
    CHECK(df_read_file(&arena, "in.txt", 0, &bytes, &size, &error) == DF_OK && size == 0 && bytes[0] == '\0');
    unlink("in.txt");
    df_arena_free(&arena);
}

static void test_read_huge_before_allocating(void)
{
    df_arena arena = {0};
    char *bytes;
    size_t size;
    put("huge", "");
    CHECK(truncate("huge", (off_t)1 << 40) == 0);
    CHECK(df_read_file(&arena, "huge", 1 << 20, &bytes, &size, &error) == DF_LIMIT);
    CHECK(arena.last == NULL);
    unlink("huge");
}

static void write_all(int descriptor, size_t size)
{
    char block[777];
    memset(block, 'p', sizeof block);
    while (size > 0) {
        const ssize_t wrote = write(descriptor, block, size < sizeof block ? size : sizeof block);
        if (wrote <= 0) _exit(1);
        size -= (size_t)wrote;
    }
}

/* Reads `size` bytes that another process sends through a pipe, on standard input. */
static df_status read_pipe(df_arena *arena, size_t sent, size_t most, char **bytes, size_t *size)
{
    int ends[2];
    if (pipe(ends) != 0) exit(1);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        write_all(ends[1], sent);
        _exit(0);
    }
    close(ends[1]);
    const int before = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    const df_status status = df_read_file(arena, "-", most, bytes, size, &error);
    dup2(before, STDIN_FILENO);
    close(before);
    waitpid(child, NULL, 0);
    return status;
}

static void test_read_pipe(void)
{
    df_arena arena = {0};
    char *bytes = NULL;
    size_t size = 0;
    CHECK(read_pipe(&arena, 300001, 300001, &bytes, &size) == DF_OK);
    CHECK(size == 300001 && strspn(bytes, "p") == size);
    CHECK(read_pipe(&arena, 300001, 300000, &bytes, &size) == DF_LIMIT);
    CHECK(message_is("standard input has more than 300000 bytes, the most that is read"));
    CHECK(read_pipe(&arena, 0, 10, &bytes, &size) == DF_OK && size == 0 && *bytes == '\0');
    df_arena_free(&arena);
}

/* Writing. */

static df_status write_text(const char *path, bool overwrite, const char *text)
{
    df_output output;
    const df_status status = df_output_open(&output, path, overwrite, &error);
    if (status != DF_OK) return status;
    df_output_print(&output, "%s", text);
    return df_output_close(&output, &error);
}

static void test_write(void)
{
    df_output output;
    CHECK(df_output_open(&output, "out.txt", false, &error) == DF_OK);
    df_output_add(&output, "2.385", 5);
    df_output_print(&output, ",%d\n", -17);
    CHECK(output.written == 10);
    CHECK(access("out.txt", F_OK) != 0);
    CHECK(files_here() == 1);
    df_output_flush(&output);
    CHECK(access("out.txt", F_OK) != 0);
    CHECK(df_output_close(&output, &error) == DF_OK);
    CHECK(holds("out.txt", "2.385,-17\n"));
    CHECK(files_here() == 1);
    df_output_abandon(&output);
    CHECK(holds("out.txt", "2.385,-17\n"));
    unlink("out.txt");
}

static void test_write_more_than_the_buffer(void)
{
    enum { LINES = 40000, LONG = 200000 };
    df_output output;
    char *block = malloc(LONG + 1);
    if (!block) exit(1);
    memset(block, 'b', LONG);
    block[LONG] = '\0';
    CHECK(df_output_open(&output, "big", false, &error) == DF_OK);
    for (int i = 0; i < LINES; i++) df_output_print(&output, "line %05d\n", i);
    df_output_print(&output, "%s", block);
    df_output_add(&output, block, LONG);
    CHECK(df_output_close(&output, &error) == DF_OK);
    CHECK(output.written == 11 * LINES + 2 * LONG);

    df_arena arena = {0};
    char *bytes = NULL, line[16];
    size_t size = 0;
    CHECK(df_read_file(&arena, "big", SIZE_MAX, &bytes, &size, &error) == DF_OK);
    CHECK(size == 11 * LINES + 2 * LONG);
    int wrong = 0;
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, "line %05d\n", i);
        wrong += memcmp(bytes + 11 * i, line, 11) != 0;
    }
    CHECK(wrong == 0);
    CHECK(strspn(bytes + 11 * LINES, "b") == 2 * LONG);
    df_arena_free(&arena);
    free(block);
    unlink("big");
}

static void test_existing_file(void)
{
    put("roll.csv", "old");
    CHECK(write_text("roll.csv", false, "new") == DF_USAGE);
    CHECK(message_is("roll.csv exists; use -f to overwrite it, or another name"));
    CHECK(df_output_check("roll.csv", false, &error) == DF_USAGE);
    CHECK(holds("roll.csv", "old"));
    CHECK(chmod("roll.csv", 0640) == 0);
    CHECK(write_text("roll.csv", true, "new") == DF_OK);
    CHECK(holds("roll.csv", "new"));
    struct stat about;
    CHECK(stat("roll.csv", &about) == 0 && (about.st_mode & 0777) == 0640);
    CHECK(files_here() == 1);
    unlink("roll.csv");
}

static void test_abandon(void)
{
    df_output output;
    put("roll.csv", "old");
    CHECK(df_output_open(&output, "roll.csv", true, &error) == DF_OK);
    df_output_print(&output, "half");
    df_output_flush(&output);
    CHECK(files_here() == 2);
    df_output_abandon(&output);
    df_output_abandon(&output);
    CHECK(files_here() == 1);
    CHECK(holds("roll.csv", "old"));
    unlink("roll.csv");
}

/* What a killed program has left goes; what only looks like it, or is still written, stays. */
static void test_leftovers(void)
{
    static const char *const others[] = {".roll.csv.1.tmp", ".roll.csv.x.0.tmp", ".roll.csv.1.0.tmp~", ".roll.csvs.1.0.tmp",
                                         "roll.csv.1.0.tmp"};
    enum { OTHERS = sizeof others / sizeof *others };
    for (size_t i = 0; i < OTHERS; i++) put(others[i], "other");
    put(".roll.csv.1.0.tmp", "half");
    put(".roll.csv.999999.17.tmp", "half");
    CHECK(df_output_check("roll.csv", false, &error) == DF_OK);
    CHECK(files_here() == OTHERS);
    put(".roll.csv.1.0.tmp", "half");
    CHECK(write_text("roll.csv", false, "new") == DF_OK);
    CHECK(holds("roll.csv", "new") && files_here() == OTHERS + 1);
    for (size_t i = 0; i < OTHERS; i++) CHECK(holds(others[i], "other") && unlink(others[i]) == 0);
    unlink("roll.csv");
}

static void test_two_writers(void)
{
    int ready[2], go[2], status = -1;
    char letter = 0;
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    const pid_t other = fork();
    if (other == 0) {
        df_output output;
        if (df_output_open(&output, "roll.csv", true, &error) != DF_OK) _exit(1);
        df_output_print(&output, "theirs");
        if (write(ready[1], "r", 1) != 1 || read(go[0], &letter, 1) != 1) _exit(2);
        _exit(df_output_close(&output, &error) == DF_OK ? 0 : 3);
    }
    CHECK(read(ready[0], &letter, 1) == 1);
    CHECK(write_text("roll.csv", true, "ours") == DF_OK);
    CHECK(holds("roll.csv", "ours") && files_here() == 2);
    CHECK(write(go[1], "g", 1) == 1);
    CHECK(waitpid(other, &status, 0) == other && status == 0);
    CHECK(holds("roll.csv", "theirs") && files_here() == 1);
    unlink("roll.csv");
    close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
}

static void test_links(void)
{
    put("target", "old");
    CHECK(symlink("target", "link") == 0 && symlink("nowhere", "dangling") == 0);
    CHECK(write_text("link", true, "new") == DF_OK);
    CHECK(holds("target", "new"));
    struct stat about;
    CHECK(lstat("link", &about) == 0 && S_ISLNK(about.st_mode));
    CHECK(write_text("dangling", true, "new") == DF_IO);
    CHECK(message_is("cannot write dangling: it is a symbolic link that leads nowhere"));
    CHECK(files_here() == 3);
    unlink("link"), unlink("dangling"), unlink("target");
}

static void test_impossible_places(void)
{
    CHECK(df_output_check("none/out.csv", false, &error) == DF_IO);
    CHECK(message_is("cannot write none/out.csv: No such file or directory"));
    CHECK(write_text("none/out.csv", false, "x") == DF_IO);
    CHECK(write_text(".", true, "x") == DF_IO);
    CHECK(message_is(". is a directory; name a file in it"));
    CHECK(df_output_check("fine.csv", false, &error) == DF_OK);
    CHECK(df_output_check("-", false, &error) == DF_OK);
    CHECK(df_output_check("/dev/null", false, &error) == DF_OK);
    CHECK(files_here() == 0);
    put("file", "");
    CHECK(write_text("file/out.csv", false, "x") == DF_IO);
    unlink("file");

    /* Writing to an output that did not open does nothing, and closing it says why. */
    df_output output;
    CHECK(df_output_open(&output, "none/out.csv", false, &error) == DF_IO);
    df_output_add(&output, "x", 1);
    df_output_print(&output, "x");
    df_output_flush(&output);
    error = (df_error){0};
    CHECK(df_output_close(&output, &error) == DF_IO);
    CHECK(message_is("cannot write none/out.csv: No such file or directory"));
}

static void test_longest_name(void)
{
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    CHECK(write_text(name, false, "x") == DF_OK);
    CHECK(holds(name, "x") && files_here() == 1);
    unlink(name);
}

static void test_full_device(void)
{
    CHECK(write_text("/dev/full", false, "x") == DF_IO);
    CHECK(message_is("cannot write /dev/full: No space left on device"));
    CHECK(write_text("/dev/null", false, "x") == DF_OK);
    CHECK(files_here() == 0);
}

static df_status write_too_much(const char *path)
{
    df_output output;
    const df_status status = df_output_open(&output, path, true, &error);
    if (status != DF_OK) return status;
    for (int i = 0; i < 100000; i++) df_output_print(&output, "%d\n", i);
    return df_output_close(&output, &error);
}

static void test_size_limit(void)
{
    struct rlimit before, small;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    put("roll.csv", "old");
    signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 100000;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const df_status status = write_too_much("roll.csv");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(status == DF_IO);
    CHECK(message_is("cannot write roll.csv: File too large"));
    CHECK(holds("roll.csv", "old"));
    CHECK(files_here() == 1);
    unlink("roll.csv");
}

/* Runs write_text("-") with standard output replaced by `descriptor`, or closed when that is negative. */
static df_status write_to_standard_output(int descriptor)
{
    fflush(stdout);
    const int before = dup(STDOUT_FILENO);
    if (descriptor >= 0) dup2(descriptor, STDOUT_FILENO);
    else close(STDOUT_FILENO);
    const df_status status = write_text("-", false, "x,y\n");
    dup2(before, STDOUT_FILENO);
    close(before);
    return status;
}

static void test_standard_output(void)
{
    int ends[2];
    char got[16] = "";
    CHECK(pipe(ends) == 0);
    CHECK(write_to_standard_output(ends[1]) == DF_OK);
    CHECK(read(ends[0], got, sizeof got) == 4);
    CHECK_TEXT(got, "x,y\n");
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK(write_to_standard_output(ends[1]) == DF_IO);
    CHECK(message_is("standard output: broken pipe"));
    close(ends[1]);
    CHECK(write_to_standard_output(-1) == DF_IO);
    CHECK(message_is("cannot write standard output: Bad file descriptor"));
    const int full = open("/dev/full", O_WRONLY);
    CHECK(write_to_standard_output(full) == DF_IO);
    CHECK(message_is("cannot write standard output: No space left on device"));
    close(full);
}

/* A pipe takes what fits, and a timer without SA_RESTART interrupts both sides: short writes and EINTR. */
static void tick(int number)
{
    (void)number;
}

static void read_slowly(int descriptor)
{
    char block[999];
    for (int expected = 0;;) {
        const ssize_t size = read(descriptor, block, sizeof block);
        if (size == 0) _exit(expected == 7 * 60000 % 251 ? 0 : 1);
        for (ssize_t i = 0; i < size; i++, expected = (expected + 1) % 251)
            if ((unsigned char)block[i] != expected) _exit(2);
    }
}

static void write_through_a_storm(const char *path)
{
    df_output output;
    CHECK(df_output_open(&output, path, false, &error) == DF_OK);
    unsigned char bytes[7];
    for (int i = 0; i < 7 * 60000; i++) {
        bytes[i % 7] = (unsigned char)(i % 251);
        if (i % 7 == 6) df_output_add(&output, bytes, sizeof bytes);
    }
    CHECK(df_output_close(&output, &error) == DF_OK);
}

static void test_interrupted_pipe(void)
{
    CHECK(mkfifo("pipe", 0600) == 0);
    const pid_t reader = fork();
    if (reader == 0) read_slowly(open("pipe", O_RDONLY));
    CHECK(df_output_check("pipe", false, &error) == DF_OK);
    const pid_t parent = getpid();
    const pid_t storm = fork();
    if (storm == 0)
        for (;;) kill(parent, SIGUSR1), nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    write_through_a_storm("pipe");
    int status = -1;
    while (waitpid(reader, &status, 0) < 0) continue;
    kill(storm, SIGKILL);
    while (waitpid(storm, NULL, 0) < 0) continue;
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(files_here() == 1);
    unlink("pipe");
}

static void test_crc32c(void)
{
    CHECK(df_crc32c(0, "123456789", 9) == 0xe3069283);
    CHECK(df_crc32c(df_crc32c(0, "1234", 4), "56789", 5) == 0xe3069283);
    CHECK(df_crc32c(0, "", 0) == 0);
    const char zeros[32] = {0};
    CHECK(df_crc32c(0, zeros, 32) == 0x8a9136aa);
}

int main(void)
{
    char directory[] = "/tmp/diffuse-test-XXXXXX";
    struct sigaction action = {.sa_handler = tick};
    sigaction(SIGUSR1, &action, NULL);
    if (!mkdtemp(directory) || chdir(directory) != 0) return 1;
    test_read();
    test_read_huge_before_allocating();
    test_read_pipe();
    test_write();
    test_write_more_than_the_buffer();
    test_existing_file();
    test_abandon();
    test_leftovers();
    test_two_writers();
    test_links();
    test_impossible_places();
    test_longest_name();
    test_full_device();
    test_size_limit();
    test_standard_output();
    test_interrupted_pipe();
    test_crc32c();
    CHECK(files_here() == 0);
    CHECK(chdir("/") == 0 && rmdir(directory) == 0);
    return CHECK_DONE();
}
