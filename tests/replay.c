/* replay.c LOG TARGET VERSION [file|directory] -- what a power loss could leave of TARGET.
 *
 * LOG is what faults.c wrote of a run. After each of its operations the power fails. Of renames that were not synced
 * any may have reached the disk; of bytes that were not, all, none, half, zeros in their place, or zeros before the
 * last write. TARGET must be a whole version and none before the last that was synced; after the end, none but the
 * last. Prints how many such states there are and how many of them lost something -- with file or directory, as if
 * the run did not sync that -- and writes the versions to VERSION.1, VERSION.2, ... */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES = 1000, DESCRIPTORS = 256, NAME = 256, WAYS = 5 };

/* Written from its beginning to its end, before it gets the target's name. */
typedef struct file {
    char name[NAME], *bytes;
    size_t size, synced, last; /* bytes in it, on the disk, and before the last write */
} file;

static const char *target, *forgotten = "";
static file files[FILES];
static size_t file_count;
static file *held[DESCRIPTORS], directory; /* what a descriptor stands for; NULL: nothing of interest */
static file *versions[FILES];              /* what TARGET has been; the first is what was there before: NULL */
static size_t latest, synced;              /* of the versions: as programs see TARGET, and on the disk */
static size_t states, lost;

static void fail(const char *what)
{
    fprintf(stderr, "replay: %s\n", what);
    exit(2);
}

static file **slot(FILE *log)
{
    int number;
    if (fscanf(log, "%d", &number) != 1 || number < 0 || number >= DESCRIPTORS) fail("a descriptor is missing");
    return &held[number];
}

/* Without the folders in front, as all happens in one; what is left of the name of a folder is nothing, or a dot. */
static void name(char to[NAME], FILE *log)
{
    char path[4096];
    if (fscanf(log, "%4095s", path) != 1) fail("a name is missing");
    const char *slash = strrchr(path, '/');
    snprintf(to, NAME, "%.255s", slash ? slash + 1 : path);
}

static void create(FILE *log)
{
    file **to = slot(log), *made = &files[file_count++];
    if (file_count == FILES) fail("too many files");
    name(made->name, log);
    *to = made;
}

static void add(FILE *log)
{
    file *to = *slot(log), other = {0};
    size_t size;
    if (!to || to == &directory) to = &other;
    if (fscanf(log, "%zu", &size) != 1 || fgetc(log) != '\n') fail("a size is missing");
    to->bytes = realloc(to->bytes, to->size + size + 1);
    if (!to->bytes || fread(to->bytes + to->size, 1, size, log) != size) fail("bytes are missing");
    if (strcmp(to->name, target) == 0) lost++; /* half a file has the target's name */
    to->last = to->size;
    to->size += size;
    free(other.bytes);
}

static void rename_file(FILE *log)
{
    char from[NAME], to[NAME];
    name(from, log), name(to, log);
    for (size_t i = file_count; i-- > 0;)
        if (strcmp(files[i].name, from) == 0) {
            strcpy(files[i].name, to);
            if (strcmp(to, target) == 0) versions[++latest] = &files[i];
            return;
        }
    fail("a file is renamed that was not made");
}

/* One operation of the log; false at its end. */
static bool perform(FILE *log)
{
    char word[16], path[NAME];
    if (fscanf(log, "%15s", word) != 1) return false;
    if (strcmp(word, "create") == 0) create(log);
    else if (strcmp(word, "write") == 0) add(log);
    else if (strcmp(word, "rename") == 0) rename_file(log);
    else if (strcmp(word, "unlink") == 0) name(path, log);
    else if (strcmp(word, "close") == 0) *slot(log) = NULL;
    else if (strcmp(word, "open") == 0) {
        file **to = slot(log);
        name(path, log);
        *to = !*path || strcmp(path, ".") == 0 ? &directory : NULL;
    } else if (strcmp(word, "fsync") == 0) {
        file *of = *slot(log);
        if (of == &directory && strcmp(forgotten, "directory") != 0) synced = latest;
        else if (of && strcmp(forgotten, "file") != 0) of->synced = of->size;
    } else fail("an unknown operation");
    return true;
}

static bool is_zero(const file *f, size_t from, size_t to)
{
    while (from < to && f->bytes[from] == 0) from++;
    return from >= to;
}

/* Whether all of a file is on the disk, in one of the ways in which that can be. */
static bool is_kept(const file *f, int way)
{
    const size_t half = f->synced + (f->size - f->synced) / 2;
    const size_t kept[WAYS] = {f->size, f->synced, half, f->size, f->size};
    const size_t zeros[WAYS] = {0, 0, 0, f->size, f->last};
    return kept[way] == f->size && is_zero(f, f->synced, zeros[way]);
}

/* The power fails now. */
static void crash(void)
{
    for (size_t v = synced; v <= latest; v++)
        for (int way = 0; way < WAYS; way++) {
            states++;
            if (versions[v] && !is_kept(versions[v], way)) lost++;
        }
}

static void write_version(const char *prefix, size_t number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.%zu", prefix, number);
    FILE *to = fopen(path, "wb");
    const file *version = versions[number];
    const bool whole = to && fwrite(version->bytes, 1, version->size, to) == version->size;
    if (!whole || fclose(to) != 0) fail("a version cannot be written");
}

int main(int count, char **arguments)
{
    FILE *log = count < 4 ? NULL : fopen(arguments[1], "rb");
    if (!log) fail("LOG TARGET VERSION [file|directory], and LOG must be there");
    target = arguments[2];
    if (count > 4) forgotten = arguments[4];
    while (perform(log)) crash();
    lost += latest - synced;
    for (size_t v = 1; v <= latest; v++) write_version(arguments[3], v);
    printf("%zu %zu\n", states, lost);
    return 0;
}
