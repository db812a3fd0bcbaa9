/* partial.c -- `diffuse eval --partial` and `--merge`: samples and likelihoods of an evaluation, made in parts.
 *
 * Most measures are no sums over parts: a Wasserstein or Kolmogorov distance sorts all points. So a part holds what
 * takes long to compute, the points and the ln p that belong to its rows, and the measures are taken of all of them
 * together, which gives the numbers of the single run to the last bit. */
#include "evaluate.h"

#include "diffuse/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char kind[] = "part of an evaluation";

/* Where the likelihoods of the samples before `row` end. Neither count is above a million, so nothing overflows. */
static size_t likelihood_row(const evaluation *e, size_t row)
{
    return row * evaluation_likelihood_points(e) / e->n;
}

static df_tensor_view numbers(const char *name, const double *values, size_t rows, size_t columns)
{
    return (df_tensor_view){.name = name, .dtype = "F64", .rank = columns ? 2 : 1, .shape = {rows, columns},
                            .bytes = (const unsigned char *)values,
                            .size = rows * (columns ? columns : 1) * sizeof *values};
}

df_status partial_write(const evaluation *e, size_t first, size_t end, const char *work, const output_options *to,
                        df_arena *arena, df_error *error)
{
    const size_t from = likelihood_row(e, first), until = likelihood_row(e, end);
    double *density;
    char rows[64];
    DF_NEW(arena, density, until - from, error);
    DF_TRY(evaluation_true_density(density, e, from, until, arena, error));
    snprintf(rows, sizeof rows, "%zu:%zu", first, end);
    const df_metadata metadata[] = {{"producer", "diffuse"}, {"diffuse.kind", kind}, {"diffuse.rows", rows},
                                    {"diffuse.work", work}};
    const df_tensor_view tensors[] = {numbers("log_density", density, until - from, 0),
                                      numbers("x", e->x, end - first, e->subject.dim)};
    DF_TRY(df_safetensors_write(output_path(to), to->overwrite, metadata, sizeof metadata / sizeof *metadata, tensors,
                                sizeof tensors / sizeof *tensors, error));
    say(to, "%s of %s; `diffuse eval %s --merge` with all parts and the same options judges them\n",
        plural(end - first, "point"), grouped(e->n), e->target);
    return DF_OK;
}

typedef struct part {
    const char *path;
    size_t first, end;
    df_safetensors file;
} part;

/* The first member of `a`, name and value, that is not the same in `b`. */
static void show_difference(char shown[60], const char *a, const char *b)
{
    const char *member = a;
    for (const char *at = a; *at && *at == *b; at++, b++)
        if (*at == ',' || *at == '{') member = at + 1;
    char text[60];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(member, ",}"), member);
    df_printable(shown, 60, text);
}

static df_status check_work(const part *p, const char *work, df_error *error)
{
    const char *its_work = df_safetensors_meta(&p->file, "diffuse.work");
    if (!its_work) return df_fail(error, DF_INPUT, "%s does not say what it is a part of", p->path);
    if (strcmp(its_work, work) == 0) return DF_OK;
    char there[60], here[60];
    show_difference(there, its_work, work);
    show_difference(here, work, its_work);
    return df_fail(error, DF_INPUT, "%s is part of another evaluation: %s there, %s here", p->path, there, here);
}

static df_status check_rows(part *p, const evaluation *e, df_error *error)
{
    const char *rows = df_safetensors_meta(&p->file, "diffuse.rows"), *colon = rows ? strchr(rows, ':') : NULL;
    char first[24] = "";
    uint64_t from, until;
    if (colon) snprintf(first, sizeof first, "%.*s", (int)(colon - rows), rows);
    if (!colon || !df_parse_uint64(first, &from) || !df_parse_uint64(colon + 1, &until) || from > until || until > e->n)
        return df_fail(error, DF_INPUT, "%s: its diffuse.rows are no part of %zu rows", p->path, e->n);
    p->first = (size_t)from;
    p->end = (size_t)until;
    return DF_OK;
}

/* The numbers of one tensor, all finite, to where they belong. */
static df_status take_numbers(double *values, const part *p, const df_tensor_view *wanted, df_error *error)
{
    const df_tensor_view *found = df_safetensors_find(&p->file, wanted->name);
    if (!found || strcmp(found->dtype, wanted->dtype) != 0 || found->rank != wanted->rank ||
        found->shape[0] != wanted->shape[0] || (wanted->rank == 2 && found->shape[1] != wanted->shape[1]))
        return df_fail(error, DF_INPUT, "%s has no tensor '%s' of %zu rows", p->path, wanted->name, wanted->shape[0]);
    for (size_t i = 0; i < found->size / sizeof *values; i++) {
        values[i] = df_tensor_at(found, i);
        if (!isfinite(values[i]))
            return df_fail(error, DF_INPUT, "%s: tensor '%s' holds a number that is not finite", p->path, wanted->name);
    }
    return DF_OK;
}

static df_status read_part(part *p, evaluation *e, const char *work, df_arena *arena, df_error *error)
{
    DF_TRY(df_safetensors_read(&p->file, arena, p->path, error));
    const char *its_kind = df_safetensors_meta(&p->file, "diffuse.kind");
    if (!its_kind || strcmp(its_kind, kind) != 0)
        return df_fail(error, DF_INPUT, "%s is no part that `diffuse eval --partial` wrote", p->path);
    DF_TRY(check_work(p, work, error));
    DF_TRY(check_rows(p, e, error));
    const size_t dim = e->subject.dim, from = likelihood_row(e, p->first), until = likelihood_row(e, p->end);
    const df_tensor_view density = numbers("log_density", NULL, until - from, 0),
                         x = numbers("x", NULL, p->end - p->first, dim);
    DF_TRY(take_numbers(e->density + from, p, &density, error));
    return take_numbers(e->x + p->first * dim, p, &x, error);
}

static int by_first_row(const void *left, const void *right)
{
    const part *a = left, *b = right;
    const int order = (a->first > b->first) - (a->first < b->first);
    return order ? order : (a->end > b->end) - (a->end < b->end);
}

/* Every row is in one part. */
static df_status check_whole(part *parts, size_t count, size_t n, df_error *error)
{
    size_t next = 0;
    qsort(parts, count, sizeof *parts, by_first_row);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].first < next)
            return df_fail(error, DF_INPUT, "rows %zu to %zu are in %s and in %s; name each part once", parts[i].first,
                           parts[i].end < next ? parts[i].end : next, parts[i - 1].path, parts[i].path);
        if (parts[i].first > next) break;
        next = parts[i].end;
    }
    if (next == n) return DF_OK;
    return df_fail(error, DF_INPUT, "row %zu of %zu, and perhaps others, are in none of the parts\n"
                   "  make the part that is missing", next, n);
}

df_status partial_merge(evaluation *e, const char *const *paths, size_t count, const char *work, df_arena *arena,
                        df_error *error)
{
    part *parts;
    DF_NEW(arena, parts, count, error);
    DF_NEW(arena, e->x, e->n * e->subject.dim, error);
    DF_NEW(arena, e->density, evaluation_likelihood_points(e), error);
    for (size_t i = 0; i < count; i++) {
        parts[i].path = paths[i];
        DF_TRY(read_part(&parts[i], e, work, arena, error));
    }
    return check_whole(parts, count, e->n, error);
}
