/* file.c -- whole files in, whole files out: a reader with a limit, a writer that replaces a file at once. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "diffuse/file.h"

#include "diffuse/conditions.h"
#include "diffuse/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

/* Reading. */

static const char *input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* The system may lack memory, too. */
static df_status system_status(void)
{
    return errno == ENOMEM ? DF_LIMIT : DF_IO;
}

static df_status cannot_read(df_error *error, const char *path)
{
    return df_fail(error, system_status(), "cannot read %s: %s", input_name(path), strerror(errno));
}

static df_status too_large(df_error *error, const char *path, size_t most)
{
    return df_fail(error, DF_LIMIT, "%s has more than %zu bytes, the most that is read", input_name(path),
                   most);
}

static int open_existing(const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = open(path, flags | O_CLOEXEC);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static ssize_t read_some(int descriptor, char *bytes, size_t room)
{
    ssize_t size;
    do {
        size = read(descriptor, bytes, room);
    } while (size < 0 && errno == EINTR);
    return size;
}

/* A file whose size is known. One that shrinks meanwhile is read to its end, one that grows to that size. */
static df_status read_sized(df_arena *arena, int descriptor, const char *path, size_t room, char **bytes,
                            size_t *size, df_error *error)
{
    DF_NEW(arena, *bytes, room + 1, error);
    *size = 0;
    while (*size < room) {
        const ssize_t got = read_some(descriptor, *bytes + *size, room - *size);
        if (got < 0) return cannot_read(error, path);
        if (got == 0) break;
        *size += (size_t)got;
    }
    return DF_OK;
}

static df_status collect(df_text *text, int descriptor, const char *path, size_t most, df_error *error)
{
    char chunk[BUFFER / 8];
    for (;;) {
        const ssize_t got = read_some(descriptor, chunk, sizeof chunk);
        if (got < 0) return cannot_read(error, path);
        if (got == 0) return DF_OK;
        if ((size_t)got > most - text->size) return too_large(error, path, most);
        df_text_add_bytes(text, chunk, (size_t)got);
        if (text->failed) return df_fail(error, DF_LIMIT, "out of memory while reading %s", input_name(path));
    }
}

/* A pipe, a terminal, a device: the size shows at the end. */
static df_status read_stream(df_arena *arena, int descriptor, const char *path, size_t most, char **bytes,
                             size_t *size, df_error *error)
{
    df_text text = {0};
    df_status status = collect(&text, descriptor, path, most, error);
    if (status == DF_OK) {
        *size = text.size;
        *bytes = df_alloc(arena, text.size + 1, 1, error);
        if (!*bytes) status = DF_LIMIT;
        else if (text.size) memcpy(*bytes, text.bytes, text.size);
    }
    df_text_free(&text);
    return status;
}

static df_status read_open(df_arena *arena, int descriptor, const char *path, size_t most, char **bytes,
                           size_t *size, df_error *error)
{
    struct stat about;
    if (fstat(descriptor, &about) != 0) return cannot_read(error, path);
    if (S_ISDIR(about.st_mode))
        return df_fail(error, DF_IO, "%s is a directory; name a file in it", input_name(path));
    /* Files that the kernel makes up while they are read say that they are empty. */
    if (!S_ISREG(about.st_mode) || about.st_size == 0)
        return read_stream(arena, descriptor, path, most, bytes, size, error);
    if ((uint64_t)about.st_size > most) return too_large(error, path, most);
    return read_sized(arena, descriptor, path, (size_t)about.st_size, bytes, size, error);
}

df_status df_read_file(df_arena *arena, const char *path, size_t most, char **bytes, size_t *size,
                       df_error *error)
{
    const int descriptor = strcmp(path, "-") == 0 ? STDIN_FILENO : open_existing(path, O_RDONLY);
    if (descriptor < 0) return cannot_read(error, path);
    const df_status status = read_open(arena, descriptor, path, most, bytes, size, error);
    if (descriptor != STDIN_FILENO) close(descriptor);
    return status;
}

/* Writing. */

static bool is_standard_output(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0;
}

static const char *output_name(const char *path)
{
    return is_standard_output(path) ? "standard output" : path;
}

static df_status cannot_write(df_error *error, const char *path)
{
    if (errno == EPIPE) return df_fail(error, DF_IO, "%s: broken pipe", output_name(path));
    return df_fail(error, system_status(), "cannot write %s: %s", output_name(path), strerror(errno));
}

/* What stands at `path` before the output is opened. */
typedef enum { NOTHING, A_FILE, A_STREAM } place;

static df_status look_at(const char *path, bool overwrite, place *found, mode_t *mode, df_error *error)
{
    *found = A_STREAM;
    if (is_standard_output(path)) return DF_OK;
    struct stat about;
    if (stat(path, &about) != 0) {
        const int reason = errno;
        *found = NOTHING;
        if (lstat(path, &about) == 0)
            return df_fail(error, DF_IO, "cannot write %s: it is a symbolic link that leads nowhere", path);
        errno = reason;
        return reason == ENOENT ? DF_OK : cannot_write(error, path);
    }
    if (S_ISDIR(about.st_mode)) return df_fail(error, DF_IO, "%s is a directory; name a file in it", path);
    if (!S_ISREG(about.st_mode)) return DF_OK;
    *found = A_FILE;
    *mode = about.st_mode & 0777;
    if (!overwrite)
        return df_fail(error, DF_USAGE, "%s exists; use -f to overwrite it, or another name", path);
    return DF_OK;
}

static size_t directory_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash + 1 - path) : 0;
}

/* A partial file is dir/.name.PID.ATTEMPT.tmp: hidden, and in the target's directory because a rename cannot cross
 * file systems. The name is cut so that the whole stays below 255 letters, the most that file systems take. It is
 * locked until it has the target's name; one that is not locked was left by a program that was killed. */
enum { NAME_MOST = 200, ROOM_FOR_NUMBERS = 64, ATTEMPTS = 100 };

static bool is_partial(const char *name, const char *target)
{
    const size_t size = strnlen(target, NAME_MOST);
    long process;
    int attempt, end = 0;
    if (name[0] != '.' || strncmp(name + 1, target, size) != 0) return false;
    const char *numbers = name + 1 + size;
    return sscanf(numbers, ".%ld.%d.tmp%n", &process, &attempt, &end) == 2 && end && !numbers[end] &&
           process != getpid();
}

static bool lock(int descriptor)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_SETLK, &all) == 0;
}

static void remove_unlocked(const char *path)
{
    const int descriptor = open_existing(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return;
    if (lock(descriptor)) unlink(path);
    close(descriptor);
}

/* Whatever goes wrong here has gone wrong before, and is no reason not to write. `path` is for names of files. */
static void remove_leftovers(const char *target, char *path, size_t room)
{
    const int size = (int)directory_size(target);
    snprintf(path, room, "%.*s", size ? size : 1, size ? target : ".");
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!is_partial(entry->d_name, target + size)) continue;
        snprintf(path, room, "%.*s%s", size, target, entry->d_name);
        remove_unlocked(path);
    }
    if (directory) closedir(directory);
}

/* A file just made may have been taken for a leftover before it was locked. Where files cannot be locked, none is. */
static bool is_ours(int descriptor)
{
    struct stat about;
    if (!lock(descriptor) && (errno == EACCES || errno == EAGAIN)) return false;
    return fstat(descriptor, &about) == 0 && about.st_nlink > 0;
}

static df_status create_partial(df_output *output, df_error *error)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    const size_t room = strlen(output->target) + ROOM_FOR_NUMBERS;
    const int directory = (int)directory_size(output->target);
    output->partial = malloc(room);
    if (!output->partial) return df_fail(error, DF_LIMIT, "out of memory while opening %s", output->path);
    remove_leftovers(output->target, output->partial, room);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        snprintf(output->partial, room, "%.*s.%.*s.%ld.%d.tmp", directory, output->target, NAME_MOST,
                 output->target + directory, (long)getpid(), attempt);
        output->descriptor = open(output->partial, flags, 0666);
        if (output->descriptor >= 0) {
            if (is_ours(output->descriptor)) return DF_OK;
            close(output->descriptor);
        } else if (errno != EEXIST && errno != EINTR) break;
    }
    const df_status status = cannot_write(error, output->path);
    free(output->partial);
    output->partial = NULL;
    return status;
}

static df_status open_file(df_output *output, place found, mode_t mode, df_error *error)
{
    output->target = found == A_FILE ? realpath(output->path, NULL) : strdup(output->path);
    if (!output->target) return cannot_write(error, output->path);
    DF_TRY(create_partial(output, error));
    if (found == A_FILE && fchmod(output->descriptor, mode) != 0) return cannot_write(error, output->path);
    return DF_OK;
}

static df_status open_stream(df_output *output, df_error *error)
{
    if (is_standard_output(output->path)) {
        output->descriptor = STDOUT_FILENO;
        return DF_OK;
    }
    output->descriptor = open_existing(output->path, O_WRONLY);
    return output->descriptor < 0 ? cannot_write(error, output->path) : DF_OK;
}

static df_status open_place(df_output *output, bool overwrite, df_error *error)
{
    place found;
    mode_t mode = 0;
    DF_TRY(look_at(output->path, overwrite, &found, &mode, error));
    output->buffer = malloc(BUFFER);
    if (!output->buffer) return df_fail(error, DF_LIMIT, "out of memory while opening %s", output->path);
    return found == A_STREAM ? open_stream(output, error) : open_file(output, found, mode, error);
}

df_status df_output_open(df_output *output, const char *path, bool overwrite, df_error *error)
{
    *output = (df_output){.path = path, .descriptor = -1};
    df_status status = df_check_locale(path, error);
    if (status == DF_OK) status = open_place(output, overwrite, error);
    if (status != DF_OK) {
        df_output_abandon(output);
        output->failure = *error;
    }
    return status;
}

/* A pipe is not opened to try it: its reader would see it close again. */
df_status df_output_check(const char *path, bool overwrite, df_error *error)
{
    place found;
    mode_t mode;
    DF_TRY(look_at(path, overwrite, &found, &mode, error));
    if (is_standard_output(path)) return DF_OK;
    if (found == A_STREAM) return access(path, W_OK) == 0 ? DF_OK : cannot_write(error, path);
    df_output trial;
    DF_TRY(df_output_open(&trial, path, overwrite, error));
    df_output_abandon(&trial);
    return DF_OK;
}

void df_output_flush(df_output *output)
{
    const char *rest = output->buffer;
    while (output->used > 0 && output->failure.status == DF_OK) {
        const ssize_t size = write(output->descriptor, rest, output->used);
        if (size > 0) {
            rest += size;
            output->used -= (size_t)size;
        } else if (size == 0) {
            df_fail(&output->failure, DF_IO, "cannot write %s: it accepts no more bytes",
                    output_name(output->path));
        } else if (errno != EINTR) {
            cannot_write(&output->failure, output->path);
        }
    }
    output->used = 0;
}

void df_output_add(df_output *output, const void *bytes, size_t size)
{
    const char *rest = bytes;
    while (size > 0 && output->failure.status == DF_OK) {
        const size_t room = BUFFER - output->used;
        const size_t taken = size < room ? size : room;
        memcpy(output->buffer + output->used, rest, taken);
        output->used += taken;
        output->written += taken;
        rest += taken;
        size -= taken;
        if (output->used == BUFFER) df_output_flush(output);
    }
}

/* Prints into the buffer; only what does not fit there takes the way through memory of its own. */
void df_output_print(df_output *output, const char *format, ...)
{
    if (output->failure.status != DF_OK) return;
    const size_t room = BUFFER - output->used;
    va_list arguments;
    va_start(arguments, format);
    const int printed = vsnprintf(output->buffer + output->used, room, format, arguments);
    va_end(arguments);
    const size_t size = printed < 0 ? 0 : (size_t)printed;
    if (printed >= 0 && size < room) {
        output->used += size;
        output->written += size;
        return;
    }
    char *line = printed < 0 ? NULL : malloc(size + 1);
    if (!line) {
        df_fail(&output->failure, DF_LIMIT, "out of memory while writing %s", output_name(output->path));
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, size + 1, format, arguments);
    va_end(arguments);
    df_output_add(output, line, size);
    free(line);
}

static void fail_first(df_output *output)
{
    if (output->failure.status == DF_OK) cannot_write(&output->failure, output->path);
}

/* Without this a power loss could bring the old name back. Not every file system can do it, or needs it. Cuts `path`
 * down to its directory. */
static bool sync_directory(char *path)
{
    path[directory_size(path)] = '\0';
    const int descriptor = open_existing(*path ? path : ".", O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) return false;
    const bool synced = fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
    close(descriptor);
    return synced;
}

static void finish_stream(df_output *output)
{
    if (output->descriptor != STDOUT_FILENO && close(output->descriptor) != 0) fail_first(output);
    output->descriptor = -1;
}

/* A failed fsync is final: the kernel may have dropped the data, and a second call would report success. Closing the
 * file unlocks it, and comes after the rename for that. */
static void finish_file(df_output *output)
{
    if (output->failure.status == DF_OK && fsync(output->descriptor) != 0) fail_first(output);
    if (output->failure.status == DF_OK && rename(output->partial, output->target) != 0) fail_first(output);
    if (output->failure.status != DF_OK) return;
    free(output->partial);
    output->partial = NULL;
    finish_stream(output);
    if (output->failure.status == DF_OK && !sync_directory(output->target))
        df_fail(&output->failure, DF_IO, "%s is saved, but a power loss now could undo it: %s", output->path,
                strerror(errno));
}

df_status df_output_close(df_output *output, df_error *error)
{
    if (output->buffer) {
        df_output_flush(output);
        if (output->partial) finish_file(output);
        else finish_stream(output);
        df_output_abandon(output);
    }
    if (output->failure.status != DF_OK) *error = output->failure;
    return output->failure.status;
}

void df_output_abandon(df_output *output)
{
    if (!output->buffer) return;
    if (output->partial) unlink(output->partial);
    if (output->descriptor >= 0 && output->descriptor != STDOUT_FILENO) close(output->descriptor);
    free(output->partial);
    free(output->target);
    free(output->buffer);
    output->partial = output->target = output->buffer = NULL;
    output->descriptor = -1;
    output->used = 0;
}

/* CRC-32C: division by the polynomial 0x1edc6f41, lowest bit first, four bits at a time. */
uint32_t df_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    static const uint32_t remainder_of[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const unsigned char *byte = bytes;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        crc = crc >> 4 ^ remainder_of[crc & 15];
        crc = crc >> 4 ^ remainder_of[crc & 15];
    }
    return ~crc;
}
