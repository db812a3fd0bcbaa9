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
    df_team *team;
    struct lane *lanes; /* one a thread */
} request;

/* What a thread needs. */
typedef struct lane {
    void *scratch;
    df_flow flow;
} lane;

enum { DIM = 2, FIELD_COLUMNS = 7, AT_COLUMNS = 12, BLOCKS = 64 };

/* Everything about places x at level (1, sigma), all in the data's units; v in scaled units. */
typedef struct answers {
    double x0[DF_ROWS * DIM], eps[DF_ROWS * DIM], v[DF_ROWS * DIM], score[DF_ROWS * DIM], log_density[DF_ROWS];
} answers;

static void log_densities(const request *q, df_flow *flow, double *values, const double *scaled, size_t n,
                          double ratio)
{
    const df_subject *s = &q->subject;
    double y[DF_ROWS * DIM];
    if (s->is_model) {
        memcpy(y, scaled, n * DIM * sizeof *y);
        flow->from = ratio;
        df_flow_run(flow, y, values, n);
        const double variance = 1 + flow->to * flow->to;
        for (size_t r = 0; r < n; r++)
            values[r] += df_log_gaussian(y + r * DIM, DIM, variance);
    } else {
        for (size_t r = 0; r < n; r++) values[r] = df_mixture_log_density(&s->mixture, 1, ratio, scaled + r * DIM);
    }
    for (size_t r = 0; r < n; r++) values[r] -= df_log_volume(&s->transform);
}

/* n <= DF_ROWS places. */
static void ask(const request *q, size_t thread, answers *a, const double *x, size_t n, double sigma)
{
    const df_transform *t = &q->subject.transform;
    const double scale = t->scale[0], ratio = sigma / scale, norm = sqrt(1 + ratio * ratio);
    const df_level level = {1, ratio};
    double scaled[DF_ROWS * DIM];
    memcpy(scaled, x, n * DIM * sizeof *x);
    df_transform_apply(t, scaled, n);
    const df_question question = {.n = n, .x = scaled, .level = &level};
    const df_answer to = {.x0 = a->x0, .eps = a->eps};
    q->subject.denoiser.answer(q->subject.denoiser.self, &question, &to, q->lanes[thread].scratch);
    for (size_t i = 0; i < n * DIM; i++) {
        a->v[i] = (a->eps[i] - ratio * a->x0[i]) / norm;
        a->score[i] = -a->eps[i] / sigma;
        a->x0[i] = t->mean[i % DIM] + scale * a->x0[i];
    }
    log_densities(q, &q->lanes[thread].flow, a->log_density, scaled, n, ratio);
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

/* Places of the grid, or given ones, that are answered together. */
typedef struct chunk {
    const request *q;
    const grid *grid;
    const df_table *points;
    size_t first, n;
    double rows[BLOCKS * DF_ROWS * AT_COLUMNS];
} chunk;

static void answer_grid(void *self, size_t thread, size_t block)
{
    chunk *c = self;
    const grid *g = c->grid;
    const size_t done = block * DF_ROWS, n = c->n - done < DF_ROWS ? c->n - done : DF_ROWS, first = c->first + done;
    double *row = c->rows + done * FIELD_COLUMNS;
    answers a;
    double x[DF_ROWS * DIM] = {0};
    for (size_t r = 0; r < n; r++) {
        x[2 * r] = place(g, (first + r) % g->width, g->width, 0);
        x[2 * r + 1] = place(g, (first + r) / g->width, g->height, 1);
    }
    ask(c->q, thread, &a, x, n, c->q->own.sigma);
    for (size_t r = 0; r < n; r++, row += FIELD_COLUMNS) {
        const size_t i = DIM * r, j = i + 1;
        const double values[FIELD_COLUMNS] = {x[i], x[j], a.log_density[r], a.score[i], a.score[j], a.x0[i], a.x0[j]};
        memcpy(row, values, sizeof values);
    }
}

/* Chunk by chunk: `answer` for each of its blocks, then the rows in order. */
static df_status write_chunks(const request *q, df_table_writer *writer, chunk *c, size_t all,
                              void (*answer)(void *self, size_t thread, size_t block), df_error *error)
{
    const size_t most = BLOCKS * DF_ROWS;
    for (c->first = 0; c->first < all; c->first += c->n) {
        c->n = all - c->first < most ? all - c->first : most;
        df_team_each(q->team, (c->n + DF_ROWS - 1) / DF_ROWS, answer, c);
        DF_TRY(df_table_write(writer, c->rows, c->n, error));
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
    static chunk c;
    c.q = q;
    c.grid = &g;
    const df_status status = write_chunks(q, &writer, &c, g.width * g.height, answer_grid, error);
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

/* Rows from `first` on that share a sigma, before `end`. */
static size_t count_alike(const df_table *points, size_t first, size_t end)
{
    size_t n = 1;
    while (first + n < end && points->values[3 * (first + n) + 2] == points->values[3 * first + 2]) n++;
    return n;
}

static void answer_points(void *self, size_t thread, size_t block)
{
    chunk *c = self;
    const size_t begin = c->first + block * DF_ROWS, last = c->first + c->n;
    const size_t end = begin + DF_ROWS < last ? begin + DF_ROWS : last;
    double *row = c->rows + block * DF_ROWS * AT_COLUMNS;
    answers a;
    double x[DF_ROWS * DIM];
    for (size_t at = begin, n; at < end; at += n) {
        const double *from = c->points->values + 3 * at, sigma = from[2];
        n = count_alike(c->points, at, end);
        for (size_t r = 0; r < n; r++) memcpy(x + DIM * r, from + 3 * r, DIM * sizeof *x);
        ask(c->q, thread, &a, x, n, sigma);
        for (size_t r = 0; r < n; r++, row += AT_COLUMNS) {
            const size_t i = DIM * r, j = i + 1;
            const double values[AT_COLUMNS] = {x[i], x[j], sigma, a.x0[i], a.x0[j], a.eps[i], a.eps[j], a.v[i], a.v[j],
                                               a.score[i], a.score[j], a.log_density[r]};
            memcpy(row, values, sizeof values);
        }
    }
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
    static chunk c;
    c.q = q;
    c.points = &points;
    const df_status status = write_chunks(q, &writer, &c, points.rows, answer_points, error);
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

static df_status open_lanes(request *q, df_arena *arena, df_error *error)
{
    const df_denoiser *denoiser = &q->subject.denoiser;
    DF_NEW(arena, q->lanes, df_team_count(q->team), error);
    for (size_t k = 0; k < df_team_count(q->team); k++) {
        lane *l = &q->lanes[k];
        l->scratch = denoiser->scratch(denoiser->self, arena, error);
        if (!l->scratch) return DF_LIMIT;
        l->flow = (df_flow){.denoiser = denoiser, .to = ODE_MOST, .steps = ODE_STEPS};
        fit_cut_offs(&l->flow.from, &l->flow.to, denoiser);
        DF_TRY(df_flow_init(&l->flow, arena, error));
    }
    return DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static request q;
    const char *name;
    q.own_settings = (df_settings){.table = table, .values = &q.own};
    q.output = (df_settings){.table = work_table, .values = &q.out};
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
    DF_TRY(df_team_start(&q.team, arena, q.out.threads, error));
    DF_TRY(open_lanes(&q, arena, error));
    return q.own.at ? run_at(&q, arena, error) : run_grid(&q, error);
}

static void notes(df_text *out)
{
    df_text_add(out, "FILE gets, row of the grid by row from below, x,y,log_density,score_x,score_y,x0_x,x0_y: of\n"
                     "x = x0 + sigma eps the density in nats, its gradient, and E[x0 | x], all in the data's units.\n"
                     "With --at it gets x,y,sigma and x0, eps = (x - x0)/sigma, score = -eps/sigma, log_density, and\n"
                     "v = (eps - r x0)/sqrt(1 + r^2) in scaled units, with r = sigma / the model's scale.\n");
}

static const section sections[] = {{"Options", table}, {"Threads and output", work_table}, {0}};

const command command_field = {
    .name = "field", .about = "density, score and denoiser on a grid or at given points", .usage = "MODEL [options]",
    .examples = "  diffuse field roll.safetensors --sigma 0.3 --grid 80x80 -o field.csv\n"
                "  diffuse field exact:swissroll --at q.csv -o answers.csv\n",
    .sections = sections, .notes = notes, .run = run};
