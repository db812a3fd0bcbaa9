/* fuzz_csv.c -- the reader of CSV on any bytes. */
#include "fuzz_table.h"

static void try_bytes(const char *bytes, size_t size)
{
    try_table("fuzz.csv", bytes, size);
}
