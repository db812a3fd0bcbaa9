/* cmd_report.c -- `diffuse report`: a model on one page, with the drawings of `plot` and the figures of `eval`. */
#include "evaluate.h"
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const style[] = {
#include "cli/report.html.h"
};

enum { STEPS = 50, FILM_POINTS = 1000, SHOWN_POINTS = 5000, STRIP = 6, GRID = 48, DIM = 2, LIKELIHOOD_POINTS = 2000 };

typedef struct options {
    const char *against, *sampler, *log;
    double noise;
    uint64_t points, seed;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "against", .kind = DF_WORD, AT(against), .shown = "TRUTH", .also = "ref reference",
     .help = "a shape or a file of points; without it what the model learned"},
    {.name = "noise", .kind = DF_NUMBER, AT(noise), .value = "-1", .low = -1, .high = 10, .shown = "S",
     .help = "noise of the shape; -1: its own, or that the model learned"},
    {.name = "log", .kind = DF_WORD, AT(log), .shown = "FILE",
     .help = "what `diffuse train --log` wrote, for the loss"},
    {.name = "points", .letter = 'n', .kind = DF_COUNT, AT(points), .value = "10000", .low = 3, .high = 1e6,
     .shown = "N", .help = "samples to judge"},
    {.name = "sampler", .kind = DF_WORD, AT(sampler), .value = "ddim", .shown = "NAME", .help = "how samples are made"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S", .help = "decides every random number"},
    {0}};
#undef AT

typedef struct report {
    options own;
    output_options out;
    df_grid_config grid;
    df_schedule_config schedule;
    df_settings own_settings, output, grid_settings, schedule_settings;
    sampler_choice choice;
    evaluation e;
    df_level *levels;
    film film;
    double *t, *frames; /* (film.frames); (film.frames, film.points, 2) in the data's units */
    df_text html;
} report;

/* ---- text ---- */

static void heading(df_text *html, const char *title, const char *about)
{
    df_text_add(html, "<h2>%s</h2>\n<p>%s</p>\n", title, about);
}

static void fact(df_text *html, const char *name, const char *value)
{
    df_text_add(html, "<tr><td>%s</td><td>", name);
    df_html_add_text(html, value);
    df_text_add(html, "</td></tr>\n");
}

/* "noise-std 0.1", every setting that the model file holds. */
static void add_settings(df_text *html, df_model *model)
{
    df_model_settings all;
    df_model_list_settings(&all, model);
    df_text_add(html, "<details><summary>Every setting</summary>\n<div class=\"columns\">\n");
    for (df_settings *const *s = all.list; *s; s++)
        for (const df_option *option = (*s)->table; option->name; option++) {
            df_text value = {0};
            df_settings_show(&value, *s, option);
            df_text_add(html, "<div><span>%s</span><span>", option->name);
            df_html_add_text(html, value.bytes ? value.bytes : "");
            df_text_add(html, "</span></div>\n");
            df_text_free_part(&value, html);
        }
    df_text_add(html, "</div>\n</details>\n");
}

static void add_model(df_text *html, df_model *m)
{
    const df_config *c = &m->config;
    const df_schedule_config *s = &c->schedule;
    char text[600];
    snprintf(text, sizeof text, "%s, predicting %s", c->method,
             df_choice_name(df_config_options, "prediction-type", c->prediction));
    fact(html, "method", text);
    fact(html, "learned", c->data ? c->data : "?");
    snprintf(text, sizeof text, "%s of %s steps, %s points each, seed %llu%s", grouped(m->step),
             grouped(c->train_steps), grouped(c->batch_size), (unsigned long long)c->seed,
             m->m ? "; a checkpoint, to be resumed" : "");
    fact(html, "training", text);
    snprintf(text, sizeof text, "%s, T = %s, shift %g",
             df_choice_name(df_schedule_options, "beta-schedule", s->beta_schedule), grouped(s->timesteps), s->shift);
    fact(html, "schedule", text);
    snprintf(text, sizeof text, "%s weights: %llu %s layers of %llu, %s", grouped(m->network.parameter_count),
             (unsigned long long)c->network.layers, df_choice_name(df_network_options, "block", c->network.block),
             (unsigned long long)c->network.hidden,
             df_choice_name(df_network_options, "activation", c->network.activation));
    fact(html, "network", text);
}

static void add_facts(report *r)
{
    df_text *html = &r->html;
    char text[300];
    df_text_add(html, "<h1>");
    df_html_add_text(html, r->e.target);
    df_text_add(html, "</h1>\n<div class=\"scroll\"><table class=\"facts\">\n");
    if (r->e.subject.is_model) add_model(html, &r->e.subject.model);
    fact(html, "judged against", r->e.reference.name);
    snprintf(text, sizeof text, "%s by %s in %s, seed %llu", plural(r->e.n, "point"), r->choice.sampler->name,
             plural(r->grid.steps, "step"), (unsigned long long)r->own.seed);
    fact(html, "samples", text);
    df_text_add(html, "</table></div>\n");
    if (r->e.subject.is_model) add_settings(html, &r->e.subject.model);
}

/* ---- drawings ---- */

static df_status add_plane(report *r, const df_figure *figure, const char *width, df_arena *arena, df_error *error)
{
    df_text_add(&r->html, "<div class=\"scroll %s\">\n", width);
    DF_TRY(df_draw_plane(&r->html, figure, arena, error));
    df_text_add(&r->html, "</div>\n");
    return DF_OK;
}

static df_status add_chart(report *r, const df_chart *chart, df_arena *arena, df_error *error)
{
    df_text_add(&r->html, "<div class=\"scroll chart\">\n");
    DF_TRY(df_draw_chart(&r->html, chart, arena, error));
    df_text_add(&r->html, "</div>\n");
    return DF_OK;
}

static df_status true_points(double **x, const report *r, size_t *count, df_arena *arena, df_error *error)
{
    const size_t most = df_reference_most(&r->e.reference);
    *count = most < SHOWN_POINTS ? most : SHOWN_POINTS;
    DF_NEW(arena, *x, *count * DIM, error);
    df_reference_points(&r->e.reference, 0, *count, *x);
    return DF_OK;
}

static df_status add_player(report *r, df_arena *arena, df_error *error)
{
    const df_film reverse = {.caption = "", .frames = r->film.frames, .points = r->film.points, .t = r->t,
                             .x = r->frames};
    double *truth;
    df_player player = {.title = "", .films = &reverse, .count = 1, .frames = r->film.frames};
    DF_TRY(true_points(&truth, r, &player.ghost_points, arena, error));
    player.ghost = truth;
    heading(&r->html, "From noise to data",
            "The first samples on their way, with true points behind. Press play, drag the slider, or click a point to "
            "follow it.");
    return df_draw_player(&r->html, &player, arena, error);
}

/* The frames at evenly spaced times. */
static df_status add_strip(report *r, df_arena *arena, df_error *error)
{
    df_panel panels[STRIP] = {{0}};
    char captions[STRIP][32];
    const size_t last = r->film.frames - 1, count = r->film.frames < STRIP ? r->film.frames : STRIP;
    for (size_t p = 0, k = 0; p < count; p++) {
        const double t = r->t[0] + (r->t[last] - r->t[0]) * (double)p / (double)(count - 1);
        while (k < last - (count - 1 - p) && fabs(r->t[k + 1] - t) < fabs(r->t[k] - t)) k++;
        snprintf(captions[p], sizeof captions[p], "t = %.2f", r->t[k]);
        panels[p] = (df_panel){.caption = captions[p], .points = r->frames + k * r->film.points * DIM,
                               .count = r->film.points};
        k++;
    }
    return add_plane(r, &(df_figure){.panels = panels, .rows = 1, .columns = count}, "widest", arena, error);
}

static df_status add_samples(report *r, df_arena *arena, df_error *error)
{
    double *truth;
    df_panel panels[2] = {{.caption = "true points"}, {.caption = "samples", .points = r->e.x, .series = 1}};
    DF_TRY(true_points(&truth, r, &panels[0].count, arena, error));
    panels[0].points = truth;
    panels[1].count = r->e.n < SHOWN_POINTS ? r->e.n : SHOWN_POINTS;
    heading(&r->html, "Samples beside data", "As many of each as are easily seen; the measures below use all of them.");
    return add_plane(r, &(df_figure){.panels = panels, .rows = 1, .columns = 2}, "wide", arena, error);
}

static df_status add_loss(report *r, df_arena *arena, df_error *error)
{
    plot_source log = {.path = r->own.log, .name = "loss", .kind = PLOT_LOG};
    df_chart chart;
    if (!r->own.log) return DF_OK;
    DF_TRY(df_read_file(arena, log.path, (size_t)1 << 30, &log.bytes, &log.size, error));
    if (strncmp(log.bytes, "step,loss", 9) != 0 && strncmp(log.bytes, "{\"step\":", 8) != 0)
        return df_fail(error, DF_INPUT, "--log: %s is no training log, which begins with step,loss", log.path);
    DF_TRY(plot_logs(&chart, &log, 1, &(plot_options){.columns = "loss,held_out"}, arena, error));
    chart.title = NULL;
    heading(&r->html, "Loss",
            "What training made small, by step. It cannot reach zero: part of the noise cannot be told from the data.");
    return add_chart(r, &chart, arena, error);
}

/* ---- the likelihood map ---- */

static void lay_grid(df_field *field, double *x, const df_transform *t)
{
    const double reach = 2.5;
    *field = (df_field){.columns = GRID, .rows = GRID, .left = t->mean[0] - reach * t->scale[0],
                        .right = t->mean[0] + reach * t->scale[0], .bottom = t->mean[1] - reach * t->scale[1],
                        .top = t->mean[1] + reach * t->scale[1]};
    for (size_t k = 0; k < GRID * GRID; k++) {
        x[2 * k] = field->left + (field->right - field->left) * (double)(k % GRID) / (GRID - 1);
        x[2 * k + 1] = field->bottom + (field->top - field->bottom) * (double)(k / GRID) / (GRID - 1);
    }
}

static df_status add_map(report *r, df_arena *arena, df_error *error)
{
    df_field of_model, of_truth;
    double *x, *model, *truth;
    const bool known = has_density(&r->e.reference);
    DF_NEW(arena, x, GRID * GRID * DIM, error);
    DF_NEW(arena, model, GRID * GRID, error);
    DF_NEW(arena, truth, GRID * GRID, error);
    lay_grid(&of_model, x, &r->e.subject.transform);
    DF_TRY(evaluation_density(model, &r->e, x, GRID * GRID, arena, error));
    if (known) df_log_densities(truth, &r->e.reference.mixture, 0, x, GRID * GRID, r->e.team);
    of_truth = of_model;
    of_model.log_density = model;
    of_truth.log_density = truth;
    const df_panel panels[] = {{.caption = "ln p of the model", .field = &of_model},
                               {.caption = "ln p of the truth", .field = &of_truth}};
    heading(&r->html, "Likelihood", "The log density over the plane, in nats, by the probability-flow ODE.");
    return add_plane(r, &(df_figure){.panels = panels, .rows = 1, .columns = known ? 2 : 1}, known ? "wide" : "", arena,
                     error);
}

/* ---- measures ---- */

static df_status add_levels(report *r, df_arena *arena, df_error *error)
{
    double sigma[DF_SCORE_LEVELS];
    if (isnan(r->e.results[SCORE_KL_BOUND].value)) return DF_OK;
    for (size_t k = 0; k < DF_SCORE_LEVELS; k++) sigma[k] = r->e.score.sigma[k] * r->e.subject.transform.scale[0];
    const df_line line = {.count = DF_SCORE_LEVELS, .x = sigma, .y = r->e.score.error};
    const df_graph graph = {.caption = "E |D - D*|\xc2\xb2 / sigma\xc2\xb2", .lines = &line, .count = 1, .log_y = true};
    const df_chart chart = {.x_name = "sigma, in the data's units", .graphs = &graph, .rows = 1, .columns = 1,
                            .log_x = true};
    heading(&r->html, "Where the model is wrong",
            "How far its denoiser D is from the exact one, D*, at each level of noise; the area under the curve over "
            "ln sigma is what score_kl_bound adds up.");
    return add_chart(r, &chart, arena, error);
}

static void add_number(df_text *html, double value, const char *format)
{
    df_text_add(html, "<td>");
    if (!isnan(value)) df_text_add(html, strcmp(format, "ratio") == 0 ? "%.2f" : "%.5f", value);
    df_text_add(html, "</td>");
}

static void add_measures(report *r)
{
    df_text *html = &r->html;
    heading(html, "Measures",
            "Floor: what as many true points give (nll: their entropy). \xc2\xb1: the floor's spread, or the standard "
            "error of the value. Ratio: value / floor, where the floor stands clear of zero.");
    df_text_add(html, "<div class=\"scroll\"><table>\n<tr><th>measure</th><th>value</th><th>floor</th><th>\xc2\xb1</th>"
                      "<th>ratio</th><th>points</th><th class=\"about\">what it is</th></tr>\n");
    for (size_t m = 0; m < MEASURES; m++) {
        const result *it = &r->e.results[m];
        df_text_add(html, "<tr><td>%s</td>", measures[m].name);
        add_number(html, it->value, "value");
        add_number(html, it->floor, "value");
        add_number(html, it->error, "value");
        add_number(html, result_ratio(it), "ratio");
        df_text_add(html, "<td>%s</td><td class=\"about\">%s", isnan(it->value) ? "" : grouped(it->n),
                    isnan(it->value) ? "not available here: " : "");
        df_html_add_text(html, measures[m].about);
        df_text_add(html, "</td></tr>\n");
    }
    df_text_add(html, "</table></div>\n");
    df_text_add(html, "<p>nll, kl: by the ODE from sigma/alpha = %g, whose law stands for the data's, to %g, where it "
                      "is Gaussian.</p>\n", r->e.least, r->e.most);
}

/* ---- the command ---- */

static df_status sample(report *r, df_arena *arena, df_error *error)
{
    film *f = &r->film;
    const df_subject *s = &r->e.subject;
    const uint64_t usual = r->choice.sampler->all_steps ? s->schedule.steps : STEPS;
    f->steps = r->grid.steps ? r->grid.steps : usual;
    f->frames = f->steps < STEPS ? f->steps + 1 : STEPS + 1;
    f->points = r->own.points < FILM_POINTS ? r->own.points : FILM_POINTS;
    f->dim = DIM;
    r->e.n = r->own.points;
    DF_NEW(arena, f->x, f->frames * f->points * DIM, error);
    DF_NEW(arena, r->t, f->frames, error);
    DF_TRY(evaluation_sample(&r->e, 0, r->e.n, &r->levels, &r->choice, &r->grid_settings, &r->grid, film_record, f,
                             arena, error));
    for (size_t k = 0; k < f->frames; k++)
        r->t[k] = df_schedule_step(&s->schedule, r->levels[film_step(f, k)]) / (double)s->schedule.steps;
    df_transform_undo(&s->transform, f->x, f->frames * f->points);
    r->frames = f->x;
    return DF_OK;
}

static df_status compose(report *r, df_arena *arena, df_error *error)
{
    df_html_begin(&r->html, r->e.target);
    for (size_t i = 0; i < sizeof style / sizeof *style; i++) df_text_add(&r->html, "%s", style[i]);
    df_text_add(&r->html, "<main>\n");
    add_facts(r);
    DF_TRY(add_player(r, arena, error));
    DF_TRY(add_strip(r, arena, error));
    DF_TRY(add_samples(r, arena, error));
    add_measures(r);
    DF_TRY(add_map(r, arena, error));
    DF_TRY(add_levels(r, arena, error));
    DF_TRY(add_loss(r, arena, error));
    df_text_add(&r->html, "</main>\n");
    df_html_end(&r->html);
    return r->html.failed ? df_fail(error, DF_LIMIT, "out of memory") : DF_OK;
}

/* What the model learned, if that was a file that is still there. */
static const char *learned_file(const report *r)
{
    const df_subject *s = &r->e.subject;
    double noise;
    if (strncmp(r->e.target, "ideal:", 6) == 0) return r->e.target + 6;
    if (!s->is_model || learned_shape(&noise, s) || !s->model.config.data) return NULL;
    return access(s->model.config.data, R_OK) == 0 ? s->model.config.data : NULL;
}

static df_status load(report *r, df_arena *arena, df_error *error)
{
    static const char *const of_shapes[] = {"noise", NULL};
    if (df_find_shape(r->e.target))
        return df_fail(error, DF_USAGE, "%s is a shape, not a model\n  try exact:%s", r->e.target, r->e.target);
    const df_status status = evaluation_subject(&r->e, &r->schedule_settings, arena, error);
    if (status == DF_INPUT && !names_subject(r->e.target))
        return df_fail(error, DF_INPUT, "%s is no model\n  `diffuse eval` judges points, `diffuse plot` draws them",
                       r->e.target);
    DF_TRY(status);
    if (r->e.subject.dim != DIM)
        return df_fail(error, DF_INPUT, "%s works on %zu columns; a report draws the plane and needs 2", r->e.target,
                       r->e.subject.dim);
    DF_TRY(evaluation_reference(&r->e, r->own.against ? r->own.against : learned_file(r), r->own.noise, arena, error));
    return r->e.reference.shape ? DF_OK
        : refuse_idle(&r->own_settings, of_shapes, "shapes, and the truth is a file", error);
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static report r;
    DF_TRY(choose_sampler(&r.choice, typed, "ddim", error));
    r.own_settings = (df_settings){.table = table, .values = &r.own};
    r.output = (df_settings){.table = work_table, .values = &r.out};
    r.grid_settings = (df_settings){.table = grid_table, .values = &r.grid};
    r.schedule_settings = (df_settings){.table = df_schedule_options, .values = &r.schedule};
    df_settings *const list[] = {&r.own_settings, &r.grid_settings, &r.choice.settings, &r.schedule_settings,
                                 &r.output, NULL};
    DF_TRY(parse(list, typed, &r.e.target, 1, "MODEL", arena, error));
    if (!r.out.output)
        return df_fail(error, DF_USAGE, "-o is missing: where the page goes\n  add -o report.html");
    DF_TRY(df_output_check(r.out.output, r.out.overwrite, error));
    DF_TRY(df_team_start(&r.e.team, arena, r.out.threads, error));
    r.e.seed = r.own.seed;
    r.e.likelihood_points = LIKELIHOOD_POINTS;
    DF_TRY(load(&r, arena, error));
    DF_TRY(sample(&r, arena, error));
    DF_TRY(evaluate(&r.e, arena, error));
    df_status status = compose(&r, arena, error);
    if (status == DF_OK) status = write_page(r.out.output, &r.out, &r.html, error);
    df_text_free(&r.html);
    return status;
}

static void notes(df_text *out)
{
    df_text_add(out, "FILE gets one page of HTML that needs nothing but a browser: what the model is, its samples on\n"
                     "their way from noise and beside data, the measures of `diffuse eval`, the density, the error by\n"
                     "level, and with --log the loss.\n");
}

static const section sections[] = {{"Options", table}, {"Steps", grid_table},
                                   {"Schedule (of exact: and ideal:)", df_schedule_options},
                                   {"Threads and output", work_table}, {0}};

const command command_report = {
    .name = "report", .about = "a model on one page: settings, samples, measures, density, error and loss",
    .usage = "MODEL -o REPORT.html [options]",
    .examples = "  diffuse report roll.safetensors -o report.html\n"
                "  diffuse report roll.safetensors --against swissroll --log run.csv -o report.html\n"
                "  diffuse report exact:swissroll -o exact.html\n",
    .sections = sections, .notes = notes, .run = run};
