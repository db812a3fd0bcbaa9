/* plot_chart.c -- training logs and comparisons of samplers as charts. */
#include "plot.h"

#include "diffuse/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPHS_MOST = 24, ROW_MOST = 1 << 16, LOG_FROM = 5 /* a logarithmic axis from this ratio on */ };

bool is_in_list(const char *list, const char *name)
{
    const size_t size = strlen(name);
    if (!list) return true;
    for (;; list++) {
        if (strncmp(list, name, size) == 0 && (list[size] == ',' || !list[size])) return true;
        list = strchr(list, ',');
        if (!list) return false;
    }
}

/* A column's name as people read it. */
static const char *spoken(const char *name, df_arena *arena, df_error *error)
{
    char *copy = df_copy_text(arena, name, error);
    for (char *c = copy; c && *c; c++)
        if (*c == '_') *c = ' ';
    return copy;
}

/* Positive, and of different sizes. */
static bool is_logarithmic(const df_graph *graph)
{
    double least = HUGE_VAL, most = 0;
    for (size_t l = 0; l < graph->count; l++)
        for (size_t k = 0; k < graph->lines[l].count; k++) {
            const double y = graph->lines[l].y[k];
            if (y < least) least = y;
            if (y > most) most = y;
        }
    return least > 0 && most > LOG_FROM * least;
}

/* ---- training logs ---- */

static df_status header_of_json(df_text *csv, const df_json *first, const char *path, df_error *error)
{
    for (const df_json *key = first->child; key; key = key->next) {
        if (df_csv_needs_quotes(key->name))
            return df_fail(error, DF_INPUT, "%s:1: '%.40s' cannot be the name of a column", path, key->name);
        df_text_add(csv, "%s%s", key->name, key->next ? "," : "\n");
    }
    return DF_OK;
}

/* Adds the numbers of {"step":1,...}, which stand under the same names as in the first line. */
static df_status row_of_json(df_text *csv, const df_json *row, const df_json *first, const char *path, size_t line,
                             df_error *error)
{
    const df_json *m = row->child;
    for (const df_json *key = first->child; key; key = key->next, m = m->next) {
        double number;
        if (!m || strcmp(m->name, key->name) != 0 || m->kind != DF_JSON_NUMBER || !df_parse_double(m->text, &number))
            return df_fail(error, DF_INPUT, "%s:%zu: expected the number '%.40s' there, as in the first line", path,
                           line, key->name);
        df_text_add(csv, "%s%s", m->text, key->next ? "," : "\n");
    }
    return DF_OK;
}

/* Lines of JSON become the table that the same log is as CSV. Only the first line is kept: a log may be long. */
static df_status rows_of_json(df_text *csv, const plot_source *s, df_arena *arena, df_error *error)
{
    const df_json *first = NULL;
    df_status status = DF_OK;
    size_t line = 1;
    for (const char *at = s->bytes, *end; status == DF_OK && *at; at = *end ? end + 1 : end, line++) {
        df_arena of_line = {0};
        df_json *row;
        end = at + strcspn(at, "\n");
        if (end == at) continue;
        status = end - at > ROW_MOST ? DF_INPUT
                                     : df_json_parse(&row, first ? &of_line : arena, at, (size_t)(end - at), error);
        if (status == DF_OK && row->kind == DF_JSON_OBJECT) {
            if (!first) status = header_of_json(csv, first = row, s->path, error);
            if (status == DF_OK) status = row_of_json(csv, row, first, s->path, line, error);
        } else if (status != DF_LIMIT) {
            status = df_fail(error, DF_INPUT, "%s:%zu: this is no JSON object of at most %d bytes", s->path, line,
                             ROW_MOST);
        }
        df_arena_free(&of_line);
    }
    return status;
}

static df_status read_log(df_table *log, plot_source *s, df_arena *arena, df_error *error)
{
    df_text csv = {0};
    if (*s->bytes != '{') return df_table_parse(log, arena, s->path, s->bytes, s->size, NULL, error);
    df_status status = rows_of_json(&csv, s, arena, error);
    const size_t size = csv.size;
    char *kept = status == DF_OK ? df_text_keep(&csv, arena, error) : NULL;
    df_text_free(&csv);
    if (!kept) return status == DF_OK ? DF_LIMIT : status;
    return df_table_parse(log, arena, s->path, kept, size, NULL, error);
}

/* Losses share a graph: of the points learned, and of those held out. */
static bool is_loss(const char *column)
{
    return strcmp(column, "loss") == 0 || strncmp(column, "held_out", 8) == 0;
}

static double *column_of(const df_table *t, size_t column, df_arena *arena, df_error *error)
{
    double *values = df_alloc(arena, t->rows, sizeof *values, error);
    for (size_t r = 0; values && r < t->rows; r++) values[r] = t->values[r * t->columns + column];
    return values;
}

static size_t find_graph(df_graph *graphs, size_t *count, const char *column)
{
    const char *caption = is_loss(column) ? "loss" : column;
    for (size_t g = 0; g < *count; g++)
        if (strcmp(graphs[g].caption, caption) == 0) return g;
    graphs[*count].caption = caption;
    return (*count)++;
}

/* One line for each column but the first. A single log has colours for its losses, several have one each. */
static df_status add_log(df_graph *graphs, size_t *count, df_line (*lines)[GRAPHS_MOST], const df_table *log,
                         const char *name, size_t series, bool several, const char *columns, df_arena *arena,
                         df_error *error)
{
    const double *x = column_of(log, 0, arena, error);
    for (size_t c = 1; x && c < log->columns; c++) {
        const char *column = log->names[c];
        if (!is_in_list(columns, column)) continue;
        if (*count == GRAPHS_MOST) return df_fail(error, DF_LIMIT, "%s has more columns than a chart", log->path);
        const size_t g = find_graph(graphs, count, column);
        if (graphs[g].count == GRAPHS_MOST) return df_fail(error, DF_LIMIT, "a chart holds fewer logs than these");
        const bool held_out = is_loss(column) && strcmp(column, "loss") != 0;
        char label[128];
        if (several) snprintf(label, sizeof label, "%.80s%s", name, held_out ? ", held out" : "");
        else snprintf(label, sizeof label, "%.80s", held_out ? column : "learned points");
        df_line *line = &lines[g][graphs[g].count++];
        *line = (df_line){.name = several || is_loss(column) ? spoken(label, arena, error) : NULL, .count = log->rows,
                          .series = several ? series : held_out,
                          .style = several && held_out ? DF_LINE_DASHED : DF_LINE_SOLID,
                          .x = x, .y = column_of(log, c, arena, error)};
        if (!line->y || (!line->name && (several || is_loss(column)))) return DF_LIMIT;
        graphs[g].lines = lines[g];
    }
    return x ? DF_OK : DF_LIMIT;
}

static df_status finish_graphs(df_graph *graphs, size_t count, df_arena *arena, df_error *error)
{
    for (size_t g = 0; g < count; g++) {
        const bool rate = strcmp(graphs[g].caption, "lr") == 0; /* it falls to 0, which no logarithmic axis has */
        graphs[g].log_y = !rate && is_logarithmic(&graphs[g]);
        graphs[g].caption = rate ? "learning rate" : spoken(graphs[g].caption, arena, error);
        if (!graphs[g].caption) return DF_LIMIT;
    }
    return DF_OK;
}

df_status plot_logs(df_chart *chart, plot_source *sources, size_t count, const plot_options *options, df_arena *arena,
                    df_error *error)
{
    static df_line lines[GRAPHS_MOST][GRAPHS_MOST];
    df_graph *graphs;
    size_t rows = 0;
    DF_NEW(arena, graphs, GRAPHS_MOST, error);
    for (size_t f = 0; f < count; f++) {
        df_table log;
        DF_TRY(read_log(&log, &sources[f], arena, error));
        DF_TRY(add_log(graphs, &rows, lines, &log, sources[f].name, f, count > 1, options->columns, arena, error));
    }
    if (!rows) return df_fail(error, DF_USAGE, "--columns names none of the columns of %s", sources[0].path);
    DF_TRY(finish_graphs(graphs, rows, arena, error));
    for (size_t g = 0; g < rows; g++) graphs[g].height = g == 0 ? 0.42 : 0.16;
    if (count == 1 && graphs[0].count == 1) lines[0][0].name = NULL;
    *chart = (df_chart){.title = options->title, .x_name = "step", .graphs = graphs, .rows = rows, .columns = 1};
    if (!chart->title && count == 1) chart->title = sources[0].name;
    return DF_OK;
}

/* ---- comparisons ---- */

enum { FIELDS_MOST = 64, LINES_MOST = 1000 };

/* Fields of a line, cut in place at commas, without their quotes; the next line in *at. */
static size_t cut_line(char **at, char **fields)
{
    char *end = *at + strcspn(*at, "\r\n"), *c = *at;
    size_t count = 0;
    *at = end + strspn(end, "\r\n");
    *end = 0;
    while (count < FIELDS_MOST) {
        const bool quoted = *c == '"';
        fields[count++] = c + quoted;
        char *stop = quoted ? strchr(c + 1, '"') : c;
        if (!stop) stop = c;
        char *comma = stop + strcspn(stop, ",");
        if (quoted) *stop = 0;
        if (!*comma) break;
        *comma = 0;
        c = comma + 1;
    }
    return count;
}

/* What one row says. */
typedef struct record {
    const char *model, *sampler;
    double *values; /* one a column; NaN where it is no number */
    size_t line;    /* of the chart: rows of one model and sampler */
} record;

typedef struct comparison {
    char *names[FIELDS_MOST];
    size_t columns, model, sampler, calls;
    record *records;
    size_t count, lines, first[LINES_MOST], size[LINES_MOST]; /* of line l, its first row and the number of them */
    record floor; /* the row of the floor; its values are NULL without one */
} comparison;

static size_t find_name(const comparison *c, const char *name)
{
    for (size_t k = 0; k < c->columns; k++)
        if (strcmp(c->names[k], name) == 0) return k;
    return FIELDS_MOST;
}

static df_status read_names(comparison *c, char **at, const char *path, df_error *error)
{
    c->columns = cut_line(at, c->names);
    c->model = find_name(c, "model");
    c->sampler = find_name(c, "sampler");
    c->calls = find_name(c, "calls");
    if (c->sampler < c->columns && c->calls < c->columns) return DF_OK;
    return df_fail(error, DF_INPUT, "%s:1: expected columns sampler and calls among the first %d, with commas between",
                   path, FIELDS_MOST);
}

static df_status read_record(record *r, const comparison *c, char **at, double *values, const char *path, size_t line,
                             df_error *error)
{
    char *fields[FIELDS_MOST];
    const size_t count = cut_line(at, fields);
    if (count != c->columns)
        return df_fail(error, DF_INPUT, "%s:%zu: %zu fields where the header has %zu", path, line, count, c->columns);
    *r = (record){.model = c->model < count ? fields[c->model] : "", .sampler = fields[c->sampler], .values = values};
    for (size_t k = 0; k < count; k++)
        if (!df_parse_double(fields[k], &values[k])) values[k] = MISSING;
    if (!isnan(values[c->calls]) || strcmp(r->sampler, "floor") == 0) return DF_OK;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): read_names found `calls` among the columns */
    return df_fail(error, DF_INPUT, "%s:%zu: '%.40s' is not a number of calls", path, line, fields[c->calls]);
}

static bool is_one_line(const record *a, const record *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->sampler, b->sampler) == 0;
}

/* The line of the rows of the same model and sampler, perhaps a new one. */
static df_status find_line(comparison *c, record *r, const char *path, df_error *error)
{
    while (r->line < c->lines && !is_one_line(&c->records[c->first[r->line]], r)) r->line++;
    if (r->line == LINES_MOST)
        return df_fail(error, DF_LIMIT, "%s has more than %d lines for a chart", path, LINES_MOST);
    if (r->line == c->lines) c->first[c->lines++] = c->count;
    c->size[r->line]++;
    return DF_OK;
}

static df_status read_comparison(comparison *c, plot_source *s, df_arena *arena, df_error *error)
{
    char *at = s->bytes;
    double *values;
    DF_TRY(read_names(c, &at, s->path, error));
    const size_t rows_most = s->size / c->columns + 1; /* each has a byte, a comma or its end, for every field */
    DF_NEW(arena, c->records, rows_most, error);
    DF_NEW(arena, values, rows_most * c->columns, error);
    for (size_t line = 2; *at; line++, values += c->columns) {
        record r;
        DF_TRY(read_record(&r, c, &at, values, s->path, line, error));
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): read_record filled it in */
        if (strcmp(r.sampler, "floor") == 0) {
            c->floor = r;
            continue;
        }
        DF_TRY(find_line(c, &r, s->path, error));
        c->records[c->count++] = r;
    }
    return c->count ? DF_OK : df_fail(error, DF_INPUT, "%s holds no rows", s->path);
}

static bool ends_in(const char *name, const char *end)
{
    const size_t size = strlen(name), own = strlen(end);
    return size > own && strcmp(name + size - own, end) == 0;
}

/* A column of quality: of numbers, and none that belongs to another one. */
static bool is_measure(const comparison *c, size_t column)
{
    static const char *const others[] = {"_least", "_most", NULL};
    const char *name = c->names[column];
    if (column == c->model || column == c->sampler || column == c->calls || strcmp(name, "steps") == 0) return false;
    for (const char *const *end = others; *end; end++)
        if (ends_in(name, *end)) return false;
    for (size_t r = 0; r < c->count; r++)
        if (!isnan(c->records[r].values[column])) return true;
    return false;
}

static bool has_several_models(const comparison *c)
{
    for (size_t r = 1; r < c->count; r++)
        if (strcmp(c->records[r].model, c->records[0].model) != 0) return true;
    return false;
}

static const char *name_line(const comparison *c, const record *r, df_arena *arena, df_error *error)
{
    char text[256];
    const char *slash = strrchr(r->model, '/'), *model = slash ? slash + 1 : r->model, *dot = strrchr(model, '.');
    const int size = dot && dot != model ? (int)(dot - model) : (int)strlen(model);
    if (has_several_models(c)) snprintf(text, sizeof text, "%.*s, %.80s", size < 120 ? size : 120, model, r->sampler);
    else snprintf(text, sizeof text, "%.120s", r->sampler);
    return df_copy_text(arena, text, error);
}

/* x and y of the rows of one line, by ascending x. */
typedef struct sorted_row {
    double x, y, low, high;
} sorted_row;

static int by_x(const void *a, const void *b)
{
    const sorted_row *p = a, *q = b;
    return (p->x > q->x) - (p->x < q->x);
}

static size_t column_with(const comparison *c, size_t measure, const char *end)
{
    char name[128];
    snprintf(name, sizeof name, "%.100s%s", c->names[measure], end);
    return find_name(c, name);
}

static df_status fill_line(df_line *line, const comparison *c, size_t l, size_t measure, df_arena *arena,
                           df_error *error)
{
    const size_t least = column_with(c, measure, "_least"), most = column_with(c, measure, "_most");
    const bool around = least < c->columns && most < c->columns;
    sorted_row *rows;
    double *values;
    DF_NEW(arena, rows, c->size[l], error);
    for (size_t r = c->first[l]; r < c->count; r++) {
        const double *v = c->records[r].values;
        if (c->records[r].line == l)
            rows[line->count++] = (sorted_row){v[c->calls], v[measure], around ? v[least] : 0, around ? v[most] : 0};
    }
    qsort(rows, line->count, sizeof *rows, by_x);
    DF_NEW(arena, values, 4 * line->count, error);
    line->x = values;
    line->y = values + line->count;
    line->low = around ? values + 2 * line->count : NULL;
    line->high = around ? values + 3 * line->count : NULL;
    for (size_t k = 0; k < line->count; k++) {
        values[k] = rows[k].x;
        values[line->count + k] = rows[k].y;
        values[2 * line->count + k] = rows[k].low;
        values[3 * line->count + k] = rows[k].high;
    }
    return DF_OK;
}

static size_t add_floor(df_line *line, const comparison *c, size_t measure)
{
    if (!c->floor.values || isnan(c->floor.values[measure])) return 0;
    *line = (df_line){.name = "floor: true points", .count = 1, .style = DF_LINE_FLOOR,
                      .x = &c->floor.values[c->calls], .y = &c->floor.values[measure]};
    return 1;
}

static df_status fill_graph(df_graph *graph, const comparison *c, size_t measure, df_arena *arena, df_error *error)
{
    df_line *lines;
    DF_NEW(arena, lines, c->lines + 1, error);
    for (size_t l = 0; l < c->lines; l++) {
        lines[l] = (df_line){.name = name_line(c, &c->records[c->first[l]], arena, error), .series = l,
                             .style = DF_LINE_MARKED};
        if (!lines[l].name) return DF_LIMIT;
        DF_TRY(fill_line(&lines[l], c, l, measure, arena, error));
    }
    graph->count = c->lines;
    graph->count += add_floor(&lines[graph->count], c, measure);
    graph->lines = lines;
    graph->caption = spoken(c->names[measure], arena, error);
    graph->log_y = is_logarithmic(graph);
    return graph->caption ? DF_OK : DF_LIMIT;
}

df_status plot_comparisons(df_chart *chart, plot_source *sources, size_t count, const plot_options *options,
                           df_arena *arena, df_error *error)
{
    static comparison c;
    df_graph *graphs;
    size_t shown = 0;
    if (count > 1) return df_fail(error, DF_USAGE, "a chart is of one comparison; `diffuse compare` takes many models");
    DF_TRY(read_comparison(&c, &sources[0], arena, error));
    DF_NEW(arena, graphs, c.columns + 2, error);
    for (size_t k = 0; k < c.columns; k++)
        if (is_measure(&c, k) && is_in_list(options->columns, c.names[k]))
            DF_TRY(fill_graph(&graphs[shown++], &c, k, arena, error));
    if (!shown)
        return df_fail(error, options->columns ? DF_USAGE : DF_INPUT, "%s has no measure%s", sources[0].path,
                       options->columns ? " among those of --columns" : "");
    const size_t columns = shown < 3 ? shown : shown == 4 ? 2 : 3;
    *chart = (df_chart){.title = options->title, .x_name = "network evaluations per sample", .graphs = graphs,
                        .rows = (shown + columns - 1) / columns, .columns = columns, .log_x = true};
    if (!chart->title) chart->title = sources[0].name;
    return DF_OK;
}
