/* test_arena.c -- memory is zeroed, aligned, and refused when it is more than there can be. */
#include "diffuse/arena.h"

#include "check.h"

#include <stdint.h>

static bool is_zeroed(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

static void test_memory(void)
{
    df_arena arena = {0};
    df_error error;
    const size_t sizes[] = {1, 0, 63, 64, 65, 60000, 60000, 1 << 20, 3}; /* within a block, beyond its end, larger */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *bytes = df_alloc(&arena, sizes[i], 1, &error);
        CHECK(bytes && (uintptr_t)bytes % 64 == 0 && is_zeroed(bytes, sizes[i]));
        if (bytes) memset(bytes, 0xff, sizes[i]);
    }
    df_arena_free(&arena);
    df_arena_free(&arena);
}

static void test_limits(void)
{
    df_arena arena = {0};
    df_error error;
    CHECK(!df_alloc(&arena, SIZE_MAX / 8, 8, &error) && error.status == DF_LIMIT);
    CHECK(strstr(error.message, "are more than a machine has") != NULL);
    df_arena_free(&arena);
}

static int ended;

static void count_down(void *self)
{
    CHECK(*(const int *)self == 2 - ended);
    ended++;
}

static void test_ends(void)
{
    df_arena arena = {0};
    df_error error;
    static int order[] = {0, 1, 2};
    for (size_t i = 0; i < 3; i++) CHECK(df_arena_at_end(&arena, count_down, &order[i], &error) == DF_OK);
    df_arena_free(&arena);
    CHECK(ended == 3);
}

int main(void)
{
    test_memory();
    test_limits();
    test_ends();
    return CHECK_DONE();
}
