/* fuzz_npy.c -- the reader of NPY on any bytes. */
#include "fuzz_table.h"

static void try_bytes(const char *bytes, size_t size)
{
    try_table("fuzz.npy", bytes, size);
}
