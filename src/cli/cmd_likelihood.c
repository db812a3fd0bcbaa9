/* cmd_likelihood.c -- `diffuse likelihood`: how probable points are under a model, in nats. */
#include "cli.h"

#include "diffuse/random.h"
#include "diffuse/subject.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    uint64_t ode_steps, seed;
    double least, most;
    bool ode, bound;
    const char *sampler;
} options;

#define AT(member) .offset = offsetof(options, member)
static const df_option table[] = {
    {.name = "ode-steps", .kind = DF_COUNT, AT(ode_steps), .value = "64", .low = 2, .high = 100000, .shown = "N",
     .help = "Runge-Kutta steps of the probability-flow ODE"},
    {.name = "least", .kind = DF_NUMBER, AT(least), .value = "0.005", .low = 1e-6, .high = 1, .shown = "S",
     .help = "cut-off: the density after this much noise, sigma/alpha, stands for the data's"},
    {.name = "most", .kind = DF_NUMBER, AT(most), .value = "50", .low = 1, .high = 1e6, .shown = "S",
     .help = "cut-off: at this sigma/alpha the points are taken to be Gaussian"},
    {.name = "ode", .kind = DF_FLAG, AT(ode),
     .help = "use the ODE for exact: and ideal: too, instead of their closed form"},
    {.name = "bound", .kind = DF_FLAG, AT(bound), .help = "the variational bound of the discrete chain instead"},
    {.name = "sampler", .kind = DF_WORD, AT(sampler), .value = "ddpm", .shown = "NAME",
     .help = "whose chain --bound is about"},
    {.name = "seed", .letter = 's', .kind = DF_COUNT, AT(seed), .value = "0", .low = 0,
     .high = 9007199254740992.0, .shown = "S",
     .help = "decides the noise of --bound"},
    {0}};
#undef AT

typedef struct request {
    options own;
    slice_options typed_slice;
    slice chosen;
    output_options out;
    df_schedule_config schedule;
    df_grid_config grid;
    df_settings own_settings, slices, output, schedule_settings, grid_settings;
    sampler_choice choice;
    df_subject subject;
    df_team *team;
    double least, most; /* cut-offs of the density, in sigma/alpha; least 0: none */
    df_table table;
    double *x, *values; /* (rows, dim) scaled; (rows) */
} request;

/* ---- what was typed ---- */

static bool by_ode_wanted(const request *q)
{
    return q->subject.is_model || q->own.ode;
}

static bool has_points_only(const df_subject *s)
{
    return !s->is_model && !(s->mixture.s > 0);
}

/* Refuses what would have no effect. */
static df_status check_options(const request *q, df_error *error)
{
    static const char *const of_ode[] = {"ode-steps", "most", "ode", NULL}, *const of_cut_off[] = {"least", NULL};
    static const char *const of_bound[] = {"sampler", "seed", NULL},
        closed_form[] = "the ODE\n  add --ode to use it instead of the closed form";
    const df_settings *own = &q->own_settings;
    if (q->own.bound) {
        DF_TRY(refuse_all(&q->slices, "densities, and the terms of --bound are means over all points", error));
        DF_TRY(refuse_idle(own, of_ode, "the ODE, and --bound uses none", error));
        return refuse_idle(own, of_cut_off, "densities, and --bound has no cut-off", error);
    }
    DF_TRY(refuse_idle(own, of_bound, "--bound", error));
    DF_TRY(refuse_all(&q->grid_settings, "--bound", error));
    DF_TRY(refuse_all(&q->choice.settings, "--bound", error));
    DF_TRY(refuse_all(&q->schedule_settings, "--bound", error));
    if (by_ode_wanted(q)) return DF_OK;
    DF_TRY(refuse_idle(own, of_ode, closed_form, error));
    return has_points_only(&q->subject) ? DF_OK : refuse_idle(own, of_cut_off, closed_form, error);
}

/* The cut-offs, as far as the denoiser knows them; those that were typed must be within. */
static df_status choose_cut_offs(request *q, df_error *error)
{
    q->least = q->own.least;
    q->most = q->own.most;
    fit_cut_offs(&q->least, &q->most, &q->subject.denoiser);
    if (df_settings_given(&q->own_settings, "least") && q->least != q->own.least)
        return df_fail(error, DF_USAGE, "--least %g is below %g, the least sigma/alpha that %s knows",
                       q->own.least, q->least, q->subject.name);
    if (df_settings_given(&q->own_settings, "most") && q->most != q->own.most)
        return df_fail(error, DF_USAGE, "--most %g is above %g, the largest sigma/alpha that %s knows",
                       q->own.most, q->most, q->subject.name);
    if (!(q->least < q->most)) return df_fail(error, DF_USAGE, "--least %g is not below --most %g", q->least, q->most);
    if (!by_ode_wanted(q) && !has_points_only(&q->subject)) q->least = 0;
    return DF_OK;
}

static df_status check_values(const request *q, df_error *error)
{
    for (size_t r = 0; r < q->table.rows; r++)
        if (!(fabs(q->values[r]) < HUGE_VAL))
            return df_fail(error, DF_DIVERGED, "%s:%zu: ln p of this point is not finite under %s", q->table.path,
                           q->table.lines[r], q->subject.name);
    return DF_OK;
}

/* ---- the density ---- */

static df_status by_ode(double *values, request *q, size_t steps, size_t rows, df_arena *arena, df_error *error)
{
    const df_flow flow = {.denoiser = &q->subject.denoiser, .from = q->least, .to = q->most, .steps = steps};
    return df_log_likelihood(values, &flow, q->x, rows, q->team, arena, error);
}

/* The largest change on the first points when the ODE takes half as many steps. */
static df_status tolerance(double *most, request *q, df_arena *arena, df_error *error)
{
    double coarse[DF_ROWS];
    const size_t rows = q->table.rows < DF_ROWS ? q->table.rows : DF_ROWS;
    DF_TRY(by_ode(coarse, q, q->own.ode_steps / 2, rows, arena, error));
    *most = 0;
    for (size_t r = 0; r < rows; r++) *most = fmax(*most, fabs(coarse[r] - q->values[r]));
    return DF_OK;
}

static df_status densities(request *q, df_arena *arena, df_error *error)
{
    const df_subject *s = &q->subject;
    if (by_ode_wanted(q)) return by_ode(q->values, q, q->own.ode_steps, q->table.rows, arena, error);
    df_log_densities(q->values, &s->mixture, q->least, q->x, q->table.rows, q->team);
    return DF_OK;
}

static df_status write_densities(request *q, df_arena *arena, df_error *error)
{
    const size_t columns = q->table.columns;
    const char **names;
    double *row;
    df_table_writer writer;
    DF_NEW(arena, names, columns + 1, error);
    DF_NEW(arena, row, columns + 1, error);
    for (size_t c = 0; c < columns; c++) names[c] = q->table.names[c];
    names[columns] = "log_density";
    DF_TRY(df_table_open(&writer, output_path(&q->out), q->out.overwrite, columns + 1, slice_names(&q->chosen, names),
                         q->table.rows, error));
    for (size_t r = 0; r < q->table.rows; r++) {
        memcpy(row, q->table.values + r * columns, columns * sizeof *row);
        row[columns] = q->values[r];
        const df_status status = df_table_write(&writer, row, 1, error);
        if (status != DF_OK) {
            df_table_abandon(&writer);
            return status;
        }
    }
    return df_table_close(&writer, error);
}

/* A single point has a mean, but no error of it. */
static double mean_of(const double *values, size_t n, double *error)
{
    double mean = values[0];
    *error = MISSING;
    if (n > 1) df_mean_error(&mean, error, values, n);
    return mean;
}

static void say_mean(const request *q, const char *of, double mean, double error)
{
    const double ln2 = 0.69314718055994530942;
    say(&q->out, "  %-34s %12.5f ", of, mean);
    if (!isnan(error)) say(&q->out, "+- %.5f ", error);
    say(&q->out, "nats  %12.5f bits\n", mean / ln2);
}

/* Nats and bits, a point and a coordinate, in the data's units and scaled: said once each, so that no reader
 * has to guess. */
static void say_units(const request *q, const char *what, double mean, double error)
{
    const double volume = df_log_volume(&q->subject.transform), dim = (double)q->subject.dim;
    say(&q->out, "%s, mean of %s points:\n", what, grouped(q->table.rows));
    say_mean(q, "a point, in the data's units", mean, error);
    say_mean(q, "a coordinate, in the data's units", mean / dim, error / dim);
    say_mean(q, "a point, scaled to unit variance", mean + volume, error);
}

static df_status run_density(request *q, df_arena *arena, df_error *error)
{
    double se, change = 0;
    for (size_t c = 0; c < q->table.columns; c++)
        if (strcmp(q->table.names[c], "log_density") == 0)
            return df_fail(error, DF_USAGE, "%s already has a column log_density", q->table.path);
    DF_TRY(densities(q, arena, error));
    DF_TRY(check_values(q, error));
    if (by_ode_wanted(q)) DF_TRY(tolerance(&change, q, arena, error));
    for (size_t r = 0; r < q->table.rows; r++) q->values[r] -= df_log_volume(&q->subject.transform);
    DF_TRY(write_densities(q, arena, error));
    if (q->table.rows == 0) return DF_OK; /* no points, no mean */
    const double mean = mean_of(q->values, q->table.rows, &se);
    say_units(q, "ln p", mean, se);
    if (by_ode_wanted(q))
        say(&q->out, "  ODE of %s steps over sigma/alpha %g to %g; half as many change a point by at most %.1e\n",
            grouped(q->own.ode_steps), q->least, q->most, change);
    else if (q->least > 0)
        say(&q->out, "  in closed form, after noise of sigma/alpha %g: without it the points have no density\n",
            q->least);
    else
        say(&q->out, "  in closed form\n");
    return DF_OK;
}

/* ---- the bound ---- */

static df_status write_terms(const request *q, const df_bound *bound, double prior, const double *terms,
                             df_error *error)
{
    static const char *const names[] = {"step", "t", "sigma_over_alpha", "nats"};
    df_table_writer writer;
    DF_TRY(df_table_open(&writer, output_path(&q->out), q->out.overwrite, 4, names, bound->steps + 1, error));
    df_status status = DF_OK;
    for (size_t i = 0; i <= bound->steps && status == DF_OK; i++) {
        const df_level level = bound->levels[i > 0 ? i - 1 : 0];
        const double row[] = {(double)i, df_schedule_step(&q->subject.schedule, level),
                              level.alpha > 0 ? level.sigma / level.alpha : 1e308, i > 0 ? terms[i - 1] : prior};
        status = df_table_write(&writer, row, 1, error);
    }
    if (status == DF_OK) return df_table_close(&writer, error);
    df_table_abandon(&writer);
    return status;
}

/* What 1503.03585 reports, in bits a point of scaled data. k: the mean bound on ln p; null: that of ln N(x; 0, I). */
static void say_k(const request *q, const char *of, double k, double null)
{
    const double ln2 = 0.69314718055994530942;
    say(&q->out, "  %-34s K %9.5f  K - L_null %9.5f bits\n", of, k / ln2, (k - null) / ln2);
}

/* The exact law of scaled points, when the subject is that of a shape or learned one; else count is 0. */
static df_status find_truth(df_mixture *truth, const request *q, df_arena *arena, df_error *error)
{
    double noise;
    df_reference reference;
    const df_subject *s = &q->subject;
    const char *shape = learned_shape(&noise, s);
    *truth = s->mixture;
    if (!s->is_model || !shape) return DF_OK;
    for (size_t i = 1; i < s->dim; i++)
        if (s->transform.scale[i] != s->transform.scale[0]) return DF_OK;
    DF_TRY(df_reference_load(&reference, arena, shape, noise, 0, error));
    if (!reference.has_density || reference.dim != s->dim) return DF_OK;
    return df_mixture_scaled(truth, arena, &reference.mixture, s->transform.mean, s->transform.scale[0], error);
}

/* K as it is, and with the first step tied to the forward kernel, N(x0; alpha x1, sigma^2), as 1503.03585 has it;
 * beside each what it cannot exceed: minus the entropy of the data, and of the data after the first step of noise. */
static df_status say_all_k(const request *q, const df_bound *bound, double mean, double decoder, df_arena *arena,
                           df_error *error)
{
    const size_t dim = q->subject.dim, rows = q->table.rows;
    const df_level first = bound->levels[bound->steps - 1];
    const double s2 = first.sigma * first.sigma, n = (double)rows;
    double null = 0, square = 0, clean = 0, noised = 0, *x;
    df_mixture truth;
    DF_NEW(arena, x, rows * dim, error);
    DF_TRY(find_truth(&truth, q, arena, error));
    df_normal_rows(x, rows, dim, (df_place){.seed = bound->seed, .purpose = DF_FOR_MEASURE});
    df_add_noise(x, first, q->x, x, rows * dim);
    for (size_t r = 0; r < rows; r++) {
        null += df_log_gaussian(q->x + r * dim, dim, 1) / n;
        for (size_t i = r * dim; i < (r + 1) * dim; i++) square += q->x[i] * q->x[i] / n;
        if (truth.count) noised += df_mixture_log_density(&truth, first.alpha, first.sigma, x + r * dim) / n;
        if (truth.s > 0) clean += df_mixture_log_density(&truth, 1, 0, q->x + r * dim) / n;
    }
    const double tied = 0.5 * ((double)dim * (df_log(2 * DF_PI * s2) + first.alpha * first.alpha) + s2 * square);
    say_k(q, "this chain, scaled", mean, null);
    if (truth.s > 0) say_k(q, "  at most, by the data", clean, null);
    say_k(q, "with its first kernel tied", mean + decoder - tied, null);
    if (truth.count) say_k(q, "  at most, by the data and beta_1", noised, null);
    return DF_OK;
}

static df_status run_bound(request *q, df_arena *arena, df_error *error)
{
    df_level *levels;
    double prior, se, *terms;
    DF_TRY(make_grid(&levels, &q->grid_settings, &q->grid, q->choice.sampler, 50, &q->subject.schedule, arena, error));
    DF_NEW(arena, terms, q->grid.steps, error);
    df_sampling sampling = {.denoiser = &q->subject.denoiser, .sampler = q->choice.sampler,
                            .options = q->choice.options, .levels = levels, .steps = q->grid.steps,
                            .seed = q->own.seed, .team = q->team};
    DF_TRY(df_sampling_init(&sampling, arena, error));
    const df_bound bound = {.denoiser = sampling.denoiser, .sampler = sampling.sampler, .options = sampling.options,
                            .levels = levels, .steps = sampling.steps, .pilot = sampling.walks->pilot,
                            .seed = sampling.seed, .team = q->team};
    DF_TRY(df_bound_terms(&bound, &prior, terms, q->values, q->x, q->table.rows, arena, error));
    DF_TRY(check_values(q, error));
    for (size_t r = 0; r < q->table.rows; r++) q->values[r] = -q->values[r] - df_log_volume(&q->subject.transform);
    DF_TRY(write_terms(q, &bound, prior, terms, error));
    const double mean = mean_of(q->values, q->table.rows, &se);
    say_units(q, "variational bound, at most ln p", mean, se);
    say(&q->out, "  chain of %s in %s steps: prior %.5f, decoder %.5f, steps between %.5f nats of -ln p, scaled\n",
        q->choice.sampler->name,
        grouped(bound.steps), prior, terms[bound.steps - 1],
        -mean - df_log_volume(&q->subject.transform) - prior - terms[bound.steps - 1]);
    return say_all_k(q, &bound, mean + df_log_volume(&q->subject.transform), terms[bound.steps - 1], arena, error);
}

/* ---- */

/* The table without the rows that are not asked for. */
static df_status keep_slice(request *q, df_error *error)
{
    DF_TRY(choose_slice(&q->chosen, &q->typed_slice, q->table.rows, &q->out, error));
    q->table.values += q->chosen.first * q->table.columns;
    q->table.lines += q->chosen.first;
    q->table.rows = q->chosen.end - q->chosen.first;
    return DF_OK;
}

static df_status run(words typed, df_arena *arena, df_error *error)
{
    static request q;
    const char *operands[2];
    DF_TRY(choose_sampler(&q.choice, typed, "ddpm", error));
    q.own_settings = (df_settings){.table = table, .values = &q.own};
    q.slices = (df_settings){.table = slice_table, .values = &q.typed_slice};
    q.output = (df_settings){.table = work_table, .values = &q.out};
    q.schedule_settings = (df_settings){.table = df_schedule_options, .values = &q.schedule};
    q.grid_settings = (df_settings){.table = grid_table, .values = &q.grid};
    df_settings *const list[] = {&q.own_settings, &q.slices, &q.grid_settings, &q.choice.settings,
                                 &q.schedule_settings, &q.output, NULL};
    DF_TRY(parse(list, typed, operands, 2, "MODEL POINTS", arena, error));
    DF_TRY(df_output_check(output_path(&q.out), q.out.overwrite, error));
    DF_TRY(df_team_start(&q.team, arena, q.out.threads, error));
    DF_TRY(load_subject(&q.subject, operands[0], &q.schedule_settings, arena, error));
    DF_TRY(check_options(&q, error));
    if (!q.own.bound) DF_TRY(choose_cut_offs(&q, error));
    DF_TRY(df_table_read(&q.table, arena, operands[1], NULL, error));
    DF_TRY(keep_slice(&q, error));
    DF_TRY(subject_points(&q.x, &q.subject, &q.table, arena, error));
    df_transform_apply(&q.subject.transform, q.x, q.table.rows);
    DF_NEW(arena, q.values, q.table.rows, error);
    return q.own.bound ? run_bound(&q, arena, error) : run_density(&q, arena, error);
}

static void notes(df_text *out)
{
    df_text_add(out, "FILE gets the columns of POINTS and log_density, in nats and in the data's units. With --bound\n"
                     "it gets the terms of the bound on -ln p, means over the points, in nats and scaled units: step\n"
                     "0 is the prior, the last the decoder. K is the mean bound on ln p, L_null the mean of\n"
                     "ln N(x; 0, I) (1503.03585), and what K is at most is a mean over the same points.\n");
}

static const section sections[] = {{"Options", table}, {"Parts", slice_table}, {"Steps of --bound", grid_table},
                                   {"Schedule of exact: and ideal:, for --bound", df_schedule_options},
                                   {"Threads and output", work_table}, {0}};

const command command_likelihood = {
    .name = "likelihood", .about = "ln p of points under a model, exactly, or a bound on it",
    .usage = "MODEL POINTS [options]",
    .examples = "  diffuse likelihood roll.safetensors points.csv -o out.csv\n"
                "  diffuse likelihood exact:swissroll points.csv -o out.csv\n"
                "  diffuse likelihood roll.safetensors points.csv --bound --variance-type fixed-large -o terms.csv\n",
    .sections = sections, .notes = notes, .run = run};
