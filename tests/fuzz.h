/* fuzz.h -- a fuzz target is one function that tries some bytes and aborts when a promise is broken. `make fuzz` has
 * libFuzzer call it; without, the program tries every file named on its command line, and so the unit tests have it try
 * all that tests/corpus keeps for it. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void try_bytes(const char *bytes, size_t size);

static const char *trying = "";

#define MUST(condition)                                                                          \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "FAIL %s:%d: %s %s\n", __FILE__, __LINE__, #condition, trying);      \
            abort();                                                                             \
        }                                                                                        \
    } while (0)

#ifdef DF_FUZZER

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    try_bytes((const char *)bytes, size);
    return 0;
}

#else

/* The bytes have a block of their own, so that sanitizers and valgrind see a step beyond the last one. */
static void try_file(const char *path)
{
    static char bytes[1 << 20];
    trying = path;
    FILE *file = fopen(path, "rb");
    MUST(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    MUST(!ferror(file) && size < sizeof bytes);
    fclose(file);
    char *block = malloc(size ? size : 1);
    MUST(block);
    memcpy(block, bytes, size);
    try_bytes(block, size);
    free(block);
}

int main(int count, char **paths)
{
    for (int i = 1; i < count; i++) try_file(paths[i]);
    printf("%d passed, 0 failed\n", count - 1);
    return count < 2;
}

#endif
#endif
