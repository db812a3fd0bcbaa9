/* cmd_field.c -- `diffuse field`: density, score and denoiser over the plane, or at given points, to check against. */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    double sigma, limits;
    const char *grid, *at;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "sigma", .kind = DF_NUMBER, AT(sigma), .value = "0.3", .low = 1e-9, .high = 1e9, .shown = "S",
     .help = "the level, x = x0 + sigma eps, in the data's units"},
    {.name = "grid", .kind = DF_WORD, AT(grid), .value = "80x80", .shown = "WxH",
     .help = "columns and rows of the grid"},
    {.name = "limits", .kind = DF_NUMBER, AT(limits), .value = "0", .low = 0, .high = 1e9, .shown = "R",
     .help = "the grid goes from -R to R in both directions; 0: around the data"},
    {.name = "at", .kind = DF_WORD, AT(at), .shown = "FILE",
     .help = "instead of a grid, points with columns x,y,sigma"},
    {0}};
#undef AT

typedef struct request {
    options own;
    output_options out;
    df_schedule_config schedule;
    df_settings own_settings, output, schedule_settings;
    df_subject subject;
    void *scratch;
    df_flow flow;
} request;

enum { DIM = 2, FIELD_COLUMNS = 7, AT_COLUMNS = 12 };

/* Everything about places x at level (1, sigma), all in the data's units; v in scaled units. */
typedef struct answers {
    double x0[DF_ROWS * DIM], eps[DF_ROWS * DIM], v[DF_ROWS * DIM], score[DF_ROWS * DIM], log_density[DF_ROWS];
} answers;

static void log_densities(request *q, double *values, const double *scaled, size_t n, double ratio)
{
    const df_subject *s = &q->subject;
    double y[DF_ROWS * DIM];
    if (s->is_model) {
        memcpy(y, scaled, n * DIM * sizeof *y);
        q->flow.from = ratio;
        df_flow_run(&q->flow, y, values, n);
        const double variance = 1 + q->flow.to * q->flow.to;
        for (size_t r = 0; r < n; r++)
            values[r] += df_log_gaussian(y + r * DIM, DIM, variance);
    } else {
        for (size_t r = 0; r < n; r++) values[r] = df_mixture_log_density(&s->mixture, 1, ratio, scaled + r * DIM);
    }
    for (size_t r = 0; r < n; r++) values[r] -= df_log_volume(&s->transform);
}

/* n <= DF_ROWS places. */
static void ask(request *q, answers *a, const double *x, size_t n, double sigma)
{
    const df_transform *t = &q->subject.transform;
    const double scale = t->scale[0], ratio = sigma / scale, norm = sqrt(1 + ratio * ratio);
    const df_level level = {1, ratio};
    double scaled[DF_ROWS * DIM];
    memcpy(scaled, x, n * DIM * sizeof *x);
    df_transform_apply(t, scaled, n);
    const df_question question = {.n = n, .x = scaled, .level = &level};
    const df_answer to = {.x0 = a->x0, .eps = a->eps};
    q->subject.denoiser.answer(q->subject.denoiser.self, &question, &to, q->scratch);
    for (size_t i = 0; i < n * DIM; i++) {
        a->v[i] = (a->eps[i] - ratio * a->x0[i]) / norm;
        a->score[i] = -a->eps[i] / sigma;
        a->x0[i] = t->mean[i % DIM] + scale * a->x0[i];
    }
    log_densities(q, a->log_density, scaled, n, ratio);
}

static df_status check(const request *q, df_error *error)
{
    const df_transform *t = &q->subject.transform;
    if (q->subject.dim != DIM)
        return df_fail(error, DF_INPUT, "%s works on %zu columns; a field needs 2", q->subject.name, q->subject.dim);
    if (t->scale[0] != t->scale[1])
        return df_fail(error, DF_INPUT,
                       "%s was scaled column by column, so one sigma means different things in x and y",
                       q->subject.name);
    return DF_OK;
}

static df_status check_sigma(const request *q, double sigma, df_error *error)
{
    const double scale = q->subject.transform.scale[0];
    double least = 1e-9, most = 1e9;
    if (q->subject.is_model) {
        least = 0;
        most = ODE_MOST;
        fit_cut_offs(&least, &most, &q->subject.denoiser);
    }
    if (sigma >= least * scale && sigma <= most * scale) return DF_OK;
    return df_fail(error, DF_USAGE, "sigma %g is outside of what %s knows, %g to %g", sigma, q->subject.name,
                   least * scale, most * scale);
}

typedef struct grid {
    size_t width, height;
    double half, middle[DIM]; /* it goes from middle - half to middle + half */
} grid;

static double place(const grid *g, size_t i, size_t count, size_t axis)
{
    return g->middle[axis] + g->half * (2 * (double)i / (double)(count - 1) - 1);
}

static df_status write_grid(request *q, df_table_writer *writer, const grid *g, df_error *error)
{
    const size_t all = g->width * g->height;
    answers a;
    double x[DF_ROWS * DIM];
    for (size_t done = 0; done < all; done += DF_ROWS) {
        const size_t n = all - done < DF_ROWS ? all - done : DF_ROWS;
        for (size_t r = 0; r < n; r++) {
            x[2 * r] = place(g, (done + r) % g->width, g->width, 0);
            x[2 * r + 1] = place(g, (done + r) / g->width, g->height, 1);
        }
        ask(q, &a, x, n, q->own.sigma);
        for (size_t r = 0; r < n; r++) {
            const double *at = x + 2 * r, *score = a.score + 2 * r, *x0 = a.x0 + 2 * r;
            const double row[FIELD_COLUMNS] = {at[0], at[1], a.log_density[r], score[0], score[1], x0[0], x0[1]};
            DF_TRY(df_table_write(writer, row, 1, error));
        }
    }
    return DF_OK;
}

static df_status parse_grid(grid *g, const request *q, df_error *error)
{
    const df_transform *t = &q->subject.transform;
    unsigned width, height;
    char end;
    if (sscanf(q->own.grid, "%5ux%5u%c", &width, &height, &end) != 2 || width < 2 || height < 2 ||
        width > 10000 || height > 10000)
        return df_fail(error, DF_USAGE, "--grid: '%.40s' is not of the form 80x80, each from 2 to 10000", q->own.grid);
    *g = (grid){.width = width, .height = height, .half = 2.5 * t->scale[0], .middle = {t->mean[0], t->mean[1]}};
    if (q->own.limits > 0) *g = (grid){.width = width, .height = height, .half = q->own.limits};
    return DF_OK;
}

static df_status run_grid(request *q, df_error *error)
{
    static const char *const names[] = {"x", "y", "log_density", "score_x", "score_y", "x0_x", "x0_y"};
    grid g = {0};
    df_table_writer writer;
    DF_TRY(parse_grid(&g, q, error));
    DF_TRY(check_sigma(q, q->own.sigma, error));
    DF_TRY(df_table_open(&writer, output_path(&q->out), q->out.overwrite, FIELD_COLUMNS, names,
                         (uint64_t)g.width * g.height, error));
    const df_status status = write_grid(q, &writer, &g, error);
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

static df_status check_sigmas(const request *q, const df_table *points, df_error *error)
{
    for (size_t r = 0; r < points->rows; r++)
        if (check_sigma(q, points->values[3 * r + 2], error) != DF_OK) {
            df_error at = *error;
            return df_fail(error, DF_INPUT, "%s:%zu: %s", points->path, points->lines[r], at.message);
        }
    return DF_OK;
}

/* Rows from `first` on that share a sigma, at most DF_ROWS. */
static size_t count_alike(const df_table *points, size_t first)
{
    size_t n = 1;
    while (n < DF_ROWS && first + n < points->rows && points->values[3 * (first + n) +
                                                                     2] == points->values[3 * first + 2]) n++;
    return n;
}

static df_status write_answers(request *q, df_table_writer *writer, const df_table *points, df_error *error)
{
    answers a;
    double x[DF_ROWS * DIM];
    for (size_t done = 0, n; done < points->rows; done += n) {
        const double *from = points->values + 3 * done, sigma = from[2];
        n = count_alike(points, done);
        for (size_t r = 0; r < n; r++) memcpy(x + DIM * r, from + 3 * r, DIM * sizeof *x);
        ask(q, &a, x, n, sigma);
        for (size_t r = 0; r < n; r++) {
            const size_t i = DIM * r, j = i + 1;
            const double row[AT_COLUMNS] = {x[i], x[j], sigma, a.x0[i], a.x0[j], a.eps[i], a.eps[j], a.v[i], a.v[j],
                                            a.score[i], a.score[j], a.log_density[r]};
            DF_TRY(df_table_write(writer, row, 1, error));
        }
    }
    return DF_OK;
}

static df_status run_at(request *q, df_arena *arena, df_error *error)
{
    static const char *const names[] = {"x", "y", "sigma", "x0_x", "x0_y", "eps_x", "eps_y", "v_x", "v_y",
                                        "score_x", "score_y", "log_density"};
    df_table points;
    df_table_writer writer;
    DF_TRY(df_table_read(&points, arena, q->own.at, "x,y,sigma", error));
    DF_TRY(check_sigmas(q, &points, error));
    DF_TRY(df_table_open(&writer, output_path(&q->out), q->out.overwrite, AT_COLUMNS, names, points.rows, error));
    const df_status status = write_answers(q, &writer, &points, error);
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static request q;
    const char *name;
    q.own_settings = (df_settings){.table = table, .values = &q.own};
    q.output = (df_settings){.table = output_table, .values = &q.out};
    q.schedule_settings = (df_settings){.table = df_schedule_options, .values = &q.schedule};
    /* a level is all that is asked about, so its options are none of this command */
    df_settings_defaults(&q.schedule_settings);
    df_settings *const list[] = {&q.own_settings, &q.output, NULL};
    DF_TRY(parse(list, typed, &name, 1, "MODEL", arena, error));
    static const char *const of_grid[] = {"sigma", "grid", "limits", NULL};
    if (q.own.at) DF_TRY(refuse_idle(&q.own_settings, of_grid, "grids, and --at gives points and their sigma", error));
    DF_TRY(df_output_check(output_path(&q.out), q.out.overwrite, error));
    DF_TRY(load_subject(&q.subject, name, &q.schedule_settings, arena, error));
    DF_TRY(check(&q, error));
    q.scratch = q.subject.denoiser.scratch(q.subject.denoiser.self, arena, error);
    if (!q.scratch) return DF_LIMIT;
    q.flow = (df_flow){.denoiser = &q.subject.denoiser, .to = ODE_MOST, .steps = ODE_STEPS};
    fit_cut_offs(&q.flow.from, &q.flow.to, q.flow.denoiser);
    DF_TRY(df_flow_init(&q.flow, arena, error));
    return q.own.at ? run_at(&q, arena, error) : run_grid(&q, error);
}

static void help(df_text *out, words typed)
{
    (void)typed;
    df_text_add(out, "FILE gets, row of the grid by row from below, x,y,log_density,score_x,score_y,x0_x,x0_y: of\n"
                     "x = x0 + sigma eps the density in nats, its gradient, and E[x0 | x], all in the data's units.\n"
                     "With --at it gets x,y,sigma and x0, eps = (x - x0)/sigma, score = -eps/sigma, log_density, and\n"
                     "v = (eps - r x0)/sqrt(1 + r^2) in scaled units, with r = sigma / the model's scale.\n");
    help_table(out, "Options", table);
    help_table(out, "Output", output_table);
}

const command command_field = {
    .name = "field", .about = "density, score and denoiser on a grid or at given points", .usage = "MODEL [options]",
    .examples = "  diffuse field roll.safetensors --sigma 0.3 --grid 80x80 -o field.csv\n"
                "  diffuse field exact:swissroll --at q.csv -o answers.csv\n",
    .help = help, .run = run};
