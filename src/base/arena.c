/* arena.c -- a chain of zeroed blocks, freed together. */
#include "diffuse/arena.h"

#include <stdlib.h>
#include <string.h>

/* With a block of one byte, memory is asked for each time, and can be refused each time. */
#ifndef DF_BLOCK
#define DF_BLOCK 65536
#endif
enum { ALIGN = 64 };

struct df_arena_block {
    struct df_arena_block *before;
    size_t size, used;
};

struct df_arena_end {
    struct df_arena_end *before;
    void (*end)(void *self);
    void *self;
};

static struct df_arena_block *block_new(struct df_arena_block *before, size_t size)
{
    struct df_arena_block *block = calloc(1, sizeof *block + size);
    if (!block) return NULL;
    block->before = before;
    block->size = size;
    return block;
}

void *df_alloc(df_arena *arena, size_t count, size_t size, df_error *error)
{
    const size_t most = SIZE_MAX / 2;
    if (count > most / size) {
        df_fail(error, DF_LIMIT, "out of memory: %zu objects of %zu bytes are more than a machine has",
                count, size);
        return NULL;
    }
    const size_t bytes = count * size + ALIGN;
    if (!arena->last || arena->last->size - arena->last->used < bytes) {
        struct df_arena_block *block = block_new(arena->last, bytes > DF_BLOCK ? bytes : DF_BLOCK);
        if (!block) {
            df_fail(error, DF_LIMIT, "out of memory: %zu bytes were asked for and not given", bytes);
            return NULL;
        }
        arena->last = block;
    }
    char *free_space = (char *)(arena->last + 1) + arena->last->used;
    const size_t skip = (ALIGN - (uintptr_t)free_space % ALIGN) % ALIGN;
    arena->last->used += skip + count * size;
    return free_space + skip;
}

char *df_copy_text(df_arena *arena, const char *text, df_error *error)
{
    const size_t size = strlen(text) + 1;
    char *copy = df_alloc(arena, size, 1, error);
    if (copy) memcpy(copy, text, size);
    return copy;
}

df_status df_arena_at_end(df_arena *arena, void (*end)(void *self), void *self, df_error *error)
{
    struct df_arena_end *added;
    DF_NEW(arena, added, 1, error);
    *added = (struct df_arena_end){.before = arena->ends, .end = end, .self = self};
    arena->ends = added;
    return DF_OK;
}

void df_arena_free(df_arena *arena)
{
    for (; arena->ends; arena->ends = arena->ends->before) arena->ends->end(arena->ends->self);
    while (arena->last) {
        struct df_arena_block *before = arena->last->before;
        free(arena->last);
        arena->last = before;
    }
}
