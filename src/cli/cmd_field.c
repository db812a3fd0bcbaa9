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
    {.name = "grid", .kind = DF_WORD, AT(grid), .value = "80x80", .shown = "WxH", .help = "columns and rows of the grid"},
    {.name = "limits", .kind = DF_NUMBER, AT(limits), .value = "0", .low = 0, .high = 1e9, .shown = "R",
     .help = "the grid goes from -R to R in both directions; 0: around the data"},
    {.name = "at", .kind = DF_WORD, AT(at), .shown = "FILE", .help = "instead of a grid, points with columns x,y,sigma"},
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

/* Everything about one place x at level (1, sigma), all in the data's units; v in scaled units. */
typedef struct answer {
    double x0[DIM], eps[DIM], v[DIM], score[DIM], log_density;
} answer;

static double log_density(request *q, const double *scaled, double ratio)
{
    df_subject *s = &q->subject;
    double value, y[DIM] = {scaled[0], scaled[1]};
    if (!s->is_model) return df_mixture_log_density(&s->mixture, 1, ratio, scaled) - df_log_volume(&s->transform);
    q->flow.from = ratio;
    df_flow_run(&q->flow, y, &value, 1);
    const double variance = 1 + ODE_MOST * ODE_MOST;
    value -= 0.5 * ((y[0] * y[0] + y[1] * y[1]) / variance + 2 * df_log(2 * DF_PI * variance));
    return value - df_log_volume(&s->transform);
}

static answer ask(request *q, const double *x, double sigma)
{
    const df_transform *t = &q->subject.transform;
    const double scale = t->scale[0], ratio = sigma / scale, norm = sqrt(1 + ratio * ratio);
    const df_level level = {1, ratio};
    double scaled[DIM], x0[DIM];
    answer a;
    for (size_t i = 0; i < DIM; i++) scaled[i] = (x[i] - t->mean[i]) / scale;
    const df_question question = {.n = 1, .x = scaled, .level = &level};
    const df_answer to = {.x0 = x0, .eps = a.eps};
    q->subject.denoiser.answer(q->subject.denoiser.self, &question, &to, q->scratch);
    for (size_t i = 0; i < DIM; i++) {
        a.x0[i] = t->mean[i] + scale * x0[i];
        a.v[i] = (a.eps[i] - ratio * x0[i]) / norm;
        a.score[i] = -a.eps[i] / sigma;
    }
    a.log_density = log_density(q, scaled, ratio);
    return a;
}

static df_status check(const request *q, df_error *error)
{
    const df_transform *t = &q->subject.transform;
    if (q->subject.dim != DIM) return df_fail(error, DF_INPUT, "%s works on %zu columns; a field needs 2", q->subject.name, q->subject.dim);
    if (t->scale[0] != t->scale[1])
        return df_fail(error, DF_INPUT, "%s was scaled column by column, so one sigma means different things in x and y", q->subject.name);
    return DF_OK;
}

static df_status check_sigma(const request *q, double sigma, df_error *error)
{
    const df_level least = q->subject.denoiser.least, most = q->subject.denoiser.most;
    const double ratio = sigma / q->subject.transform.scale[0];
    if (!(sigma > 0) || (q->subject.is_model && (ratio * least.alpha < least.sigma || ratio * most.alpha > most.sigma || ratio > ODE_MOST)))
        return df_fail(error, DF_USAGE, "sigma %g is outside of what %s knows", sigma, q->subject.name);
    return DF_OK;
}

static df_status write_grid(request *q, df_table_writer *writer, size_t width, size_t height, df_error *error)
{
    const df_transform *t = &q->subject.transform;
    const double half = q->own.limits > 0 ? q->own.limits : 2.5 * t->scale[0];
    const double middle[DIM] = {q->own.limits > 0 ? 0 : t->mean[0], q->own.limits > 0 ? 0 : t->mean[1]};
    for (size_t j = 0; j < height; j++)
        for (size_t i = 0; i < width; i++) {
            const double x[DIM] = {middle[0] + half * (2 * (double)i / (double)(width - 1) - 1),
                                   middle[1] + half * (2 * (double)j / (double)(height - 1) - 1)};
            const answer a = ask(q, x, q->own.sigma);
            const double row[FIELD_COLUMNS] = {x[0], x[1], a.log_density, a.score[0], a.score[1], a.x0[0], a.x0[1]};
            DF_TRY(df_table_write(writer, row, 1, error));
        }
    return DF_OK;
}

static df_status run_grid(request *q, df_error *error)
{
    static const char *const names[] = {"x", "y", "log_density", "score_x", "score_y", "x0_x", "x0_y"};
    unsigned width, height;
    char end;
    df_table_writer writer;
    if (sscanf(q->own.grid, "%5ux%5u%c", &width, &height, &end) != 2 || width < 2 || height < 2 || width > 10000 || height > 10000)
        return df_fail(error, DF_USAGE, "--grid: '%.40s' is not of the form 80x80, each from 2 to 10000", q->own.grid);
    DF_TRY(check_sigma(q, q->own.sigma, error));
    DF_TRY(df_table_open(&writer, q->out.output ? q->out.output : "-", q->out.overwrite, FIELD_COLUMNS, names, (uint64_t)width * height, error));
    const df_status status = write_grid(q, &writer, width, height, error);
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

static df_status write_answers(request *q, df_table_writer *writer, const df_table *points, df_error *error)
{
    for (size_t r = 0; r < points->rows; r++) {
        const double *p = points->values + 3 * r;
        if (check_sigma(q, p[2], error) != DF_OK)
            return df_fail(error, DF_INPUT, "%s:%zu: sigma %g is outside of what %s knows", points->path, points->lines[r], p[2], q->subject.name);
        const answer a = ask(q, p, p[2]);
        const double row[AT_COLUMNS] = {p[0], p[1], p[2], a.x0[0], a.x0[1], a.eps[0], a.eps[1], a.v[0], a.v[1], a.score[0], a.score[1], a.log_density};
        DF_TRY(df_table_write(writer, row, 1, error));
    }
    return DF_OK;
}

static df_status run_at(request *q, df_arena *arena, df_error *error)
{
    static const char *const names[] = {"x", "y", "sigma", "x0_x", "x0_y", "eps_x", "eps_y", "v_x", "v_y", "score_x", "score_y", "log_density"};
    df_table points;
    df_table_writer writer;
    DF_TRY(df_table_read(&points, arena, q->own.at, "x,y,sigma", error));
    DF_TRY(df_table_open(&writer, q->out.output ? q->out.output : "-", q->out.overwrite, AT_COLUMNS, names, points.rows, error));
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
    df_settings *const list[] = {&q.own_settings, &q.schedule_settings, &q.output, NULL};
    DF_TRY(parse(list, typed, &name, 1, "MODEL", arena, error));
    static const char *const of_grid[] = {"sigma", "grid", "limits", NULL};
    if (q.own.at) DF_TRY(refuse_idle(&q.own_settings, of_grid, "grids, and --at gives points and their sigma", error));
    DF_TRY(load_subject(&q.subject, name, &q.schedule_settings, arena, error));
    DF_TRY(check(&q, error));
    q.scratch = q.subject.denoiser.scratch(q.subject.denoiser.self, arena, error);
    if (!q.scratch) return DF_LIMIT;
    q.flow = (df_flow){.denoiser = &q.subject.denoiser, .to = ODE_MOST, .steps = ODE_STEPS};
    DF_TRY(df_flow_init(&q.flow, arena, error));
    return q.own.at ? run_at(&q, arena, error) : run_grid(&q, error);
}

static void help(df_text *out, words typed)
{
    (void)typed;
    help_table(out, "Options", table);
    help_table(out, "Output", output_table);
}

const command command_field = {
    .name = "field", .about = "density, score and denoiser on a grid or at given points", .usage = "MODEL [options]",
    .examples = "  diffuse field roll.safetensors --sigma 0.3 --grid 80x80 -o field.csv\n"
                "  diffuse field exact:swissroll --at q.csv -o answers.csv\n",
    .help = help, .run = run};
