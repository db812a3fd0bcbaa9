/* simd.c -- which instruction sets this machine has. */
#include "diffuse/kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* DF_SETS is the list of sets the build compiled: X(scalar) X(avx2) X(avx512). */
#define X(set) extern const df_kernels df_kernels_##set;
DF_SETS
#undef X

static bool runs_here(const char *name)
{
#if defined(__x86_64__) || defined(__i386__)
    if (strcmp(name, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (strcmp(name, "avx512") == 0) return __builtin_cpu_supports("avx512f");
#endif
    return strcmp(name, "scalar") == 0 || strcmp(name, "neon") == 0;
}

const df_kernels *df_kernels_named(const char *name)
{
#define X(set) if (strcmp(name, #set) == 0 && runs_here(#set)) return &df_kernels_##set;
    DF_SETS
#undef X
    return NULL;
}

const char *const *df_kernels_names(void)
{
    static const char *names[8];
    size_t count = 0;
#define X(set) if (runs_here(#set)) names[count++] = #set;
    DF_SETS
#undef X
    names[count] = NULL;
    return names;
}

static const df_kernels *choose(void)
{
    const char *wanted = getenv("DIFFUSE_SIMD");
    const df_kernels *chosen = wanted ? df_kernels_named(wanted) : NULL;
    if (chosen) return chosen;
#define X(set) if (runs_here(#set)) chosen = &df_kernels_##set;
    DF_SETS
#undef X
    return chosen;
}

/* Threads that ask at the same time for the first time all come to the same answer. */
const df_kernels *df_kernels_get(void)
{
    static const df_kernels *_Atomic chosen;
    const df_kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!kernels) atomic_store_explicit(&chosen, kernels = choose(), memory_order_relaxed);
    return kernels;
}
