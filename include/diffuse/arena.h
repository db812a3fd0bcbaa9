/* layer 1: arena.h -- one owner for all the memory of a run; inner loops never allocate. */
#ifndef DIFFUSE_ARENA_H
#define DIFFUSE_ARENA_H

#include "diffuse/status.h"

DF_BEGIN

/* Memory handed out lives until df_arena_free. Start from `df_arena a = {0}`. */
typedef struct df_arena {
    struct df_arena_block *last;
    struct df_arena_end *ends;
} df_arena;

/* `count` zeroed objects of `size` > 0 bytes, aligned to 64. NULL when memory is exhausted or count * size
 * overflows, with `error` filled in (DF_LIMIT). A count of 0 gives a valid pointer. */
void *df_alloc(df_arena *arena, size_t count, size_t size, df_error *error) DF_MUST_CHECK;

/* Sets pointer to `count` zeroed objects of its type, or returns DF_LIMIT from the calling function. */
#define DF_NEW(arena, pointer, count, error)                                  \
    do {                                                                      \
        (pointer) = df_alloc((arena), (count), sizeof *(pointer), (error));   \
        if (!(pointer)) return DF_LIMIT;                                      \
    } while (0)

/* A copy of a string, NULL when memory is exhausted. */
char *df_copy_text(df_arena *arena, const char *text, df_error *error) DF_MUST_CHECK;

/* Has end(self) called when the arena is freed, before its memory goes; the last one asked for comes first. */
df_status df_arena_at_end(df_arena *arena, void (*end)(void *self), void *self, df_error *error) DF_MUST_CHECK;

void df_arena_free(df_arena *arena);

DF_END
#endif
