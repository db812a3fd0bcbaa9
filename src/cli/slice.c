/* slice.c -- a part of the rows of a result: --shard and --range. */
#include "cli.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define AT(member) .offset = offsetof(slice_options, member)
const df_option slice_table[] = {
    {.name = "shard", .kind = DF_WORD, AT(shard), .shown = "K/N",
     .help = "only part K, from 0 to N - 1, of N parts of about the same size"},
    {.name = "range", .kind = DF_WORD, AT(range), .shown = "A:B", .not_with = "shard",
     .help = "only rows A to B - 1, counted from 0"},
    {0}};
#undef AT

/* The two numbers of "K/N" or "A:B". */
static bool split_pair(uint64_t pair[2], const char *text, char between)
{
    char first[32];
    const char *at = strchr(text, between);
    if (!at || at - text >= (ptrdiff_t)sizeof first) return false;
    snprintf(first, sizeof first, "%.*s", (int)(at - text), text);
    return df_parse_count(first, &pair[0]) && df_parse_count(at + 1, &pair[1]);
}

/* The first rows % n shards have one row more than the others. No product here can overflow. */
static uint64_t shard_start(uint64_t k, uint64_t n, uint64_t rows)
{
    const uint64_t more = rows % n;
    return k * (rows / n) + (k < more ? k : more);
}

static df_status choose_shard(slice *chosen, const char *typed, uint64_t rows, df_error *error)
{
    uint64_t pair[2];
    char shown[64];
    df_printable(shown, sizeof shown, typed);
    if (!split_pair(pair, typed, '/'))
        return df_fail(error, DF_USAGE, "--shard: '%s' is not of the form K/N, such as 0/4", shown);
    const unsigned long long k = pair[0], n = pair[1];
    if (n == 0) return df_fail(error, DF_USAGE, "--shard %s: there must be at least one shard, such as 0/4", shown);
    if (k >= n)
        return df_fail(error, DF_USAGE, "--shard %s: shards are counted from 0, so the last of %llu is %llu/%llu",
                       shown, n, n - 1, n);
    chosen->first = shard_start(k, n, rows);
    chosen->end = shard_start(k + 1, n, rows);
    return DF_OK;
}

static df_status choose_range(slice *chosen, const char *typed, uint64_t rows, df_error *error)
{
    uint64_t pair[2];
    char shown[64];
    df_printable(shown, sizeof shown, typed);
    if (!split_pair(pair, typed, ':'))
        return df_fail(error, DF_USAGE, "--range: '%s' is not of the form A:B, such as 0:1000", shown);
    if (pair[0] > pair[1])
        return df_fail(error, DF_USAGE, "--range %s: the first row comes after the end", shown);
    if (pair[1] > rows)
        return df_fail(error, DF_USAGE, "--range %s: there are %llu rows, so a range ends at %llu at most", shown,
                       (unsigned long long)rows, (unsigned long long)rows);
    chosen->first = pair[0];
    chosen->end = pair[1];
    return DF_OK;
}

df_status choose_slice(slice *chosen, const slice_options *typed, uint64_t rows, const output_options *to,
                       df_error *error)
{
    *chosen = (slice){.end = rows};
    chosen->whole = !typed->shard && !typed->range;
    if (chosen->whole) return DF_OK;
    if (df_table_is_npy(output_path(to)))
        return df_fail(error, DF_USAGE, "%s: an NPY file begins with its number of rows, so parts cannot be joined\n"
                       "  write parts as CSV", to->output);
    return typed->shard ? choose_shard(chosen, typed->shard, rows, error)
                        : choose_range(chosen, typed->range, rows, error);
}

const char *const *slice_names(const slice *chosen, const char *const *names)
{
    return chosen->first == 0 && chosen->end > 0 ? names : NULL;
}
