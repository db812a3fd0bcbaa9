/* test_process.c -- schedules against their papers, levels and steps as inverses, grids, and conversions. */
#include "check.h"

#include "diffuse/random.h"
#include "diffuse/sampler.h"

static df_arena arena;
static df_error error;

/* As typed: "beta-schedule=linear timesteps=50"; the rest has its default. */
static df_status schedule_from(df_schedule *schedule, const char *assignments)
{
    df_schedule_config config;
    df_settings settings = {.table = df_schedule_options, .values = &config};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    DF_TRY(df_settings_apply(list, assignments, &arena, &error));
    return df_schedule_init(schedule, &config, &arena, &error);
}

static df_schedule make(const char *assignments)
{
    df_schedule schedule = {0};
    const df_status status = schedule_from(&schedule, assignments);
    if (status != DF_OK) fprintf(stderr, "%s: %s\n", assignments, error.message);
    CHECK(status == DF_OK);
    return schedule;
}

static double square(double a)
{
    return a * a;
}

static double abar(const df_schedule *schedule, size_t t)
{
    return square(schedule->levels[t].alpha);
}

static double ratio(df_level level)
{
    return level.sigma / level.alpha;
}

static double uniform(uint64_t index)
{
    double u[2];
    df_uniforms(u, (df_place){.seed = 2385, .index = index}, 0);
    return u[0];
}

/* ---- schedules ---- */

/* What is left of the data at the last step, from the table of what other programs ship. */
static void test_terminal_signal(void)
{
    static const struct {
        const char *assignments;
        double want, tolerance;
    } cases[] = {
        {"timesteps=1000", 4.0e-5, 5e-7},
        {"timesteps=50", 7.74e-6, 5e-9}, /* and not the 0.603 of unscaled betas */
        {"timesteps=100", 2.0e-5, 5e-7},
        {"timesteps=10 betas-as-given=yes", 0.904, 5e-4},
        {"timesteps=20 betas-as-given=yes", 0.817, 5e-4},
        {"timesteps=50 betas-as-given=yes", 0.603, 5e-4},
        {"timesteps=100 betas-as-given=yes", 0.364, 5e-4},
        {"timesteps=200 betas-as-given=yes", 0.132, 5e-4},
        {"timesteps=250 betas-as-given=yes", 0.080, 5e-4},
        {"timesteps=500 betas-as-given=yes", 0.0064, 5e-5},
        {"timesteps=1000 beta-schedule=scaled-linear beta-start=8.5e-4 beta-end=0.012", 4.7e-3, 5e-5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200];
        snprintf(line, sizeof line, "beta-schedule=linear shift=1 %s", cases[i].assignments);
        const df_schedule schedule = make(line);
        CHECK_NEAR(abar(&schedule, schedule.steps), cases[i].want, cases[i].tolerance);
    }
}

/* Every step of a linear schedule of T = 7, where the betas pass 1 and are held at 0.999. */
static void test_betas(void)
{
    const df_schedule linear = make("beta-schedule=linear timesteps=7 shift=1");
    const df_schedule scaled = make(
        "beta-schedule=scaled-linear timesteps=7 shift=1 betas-as-given=yes beta-start=0.01 beta-end=0.64");
    double signal = 1, signal_of_scaled = 1;
    int capped = 0;
    for (size_t t = 1; t <= 7; t++) {
        const double place = (double)(t - 1) / 6;
        const double beta = 1000.0 / 7 * (1e-4 + place * (0.02 - 1e-4));
        capped += beta > 0.999;
        signal *= 1 - fmin(beta, 0.999);
        signal_of_scaled *= 1 - square(0.1 + place * 0.7);
        CHECK_NEAR(abar(&linear, t) / signal, 1, 1e-12);
        CHECK_NEAR(abar(&scaled, t) / signal_of_scaled, 1, 1e-13);
    }
    CHECK(capped == 4);
}

static double cosine_signal(double t, double steps)
{
    return square(cos((t / steps + 0.008) / 1.008 * acos(-1) / 2));
}

static void test_cosine(void)
{
    static const size_t lengths[] = {13, 50, 1000, 4000};
    for (size_t i = 0; i < 4; i++) {
        char line[60];
        snprintf(line, sizeof line, "beta-schedule=cosine shift=1 timesteps=%zu", lengths[i]);
        const size_t all = lengths[i];
        const double steps = (double)all;
        const df_schedule schedule = make(line);
        for (size_t t = 1; t < all; t++)
            CHECK_NEAR(abar(&schedule, t) / (cosine_signal((double)t, steps) / cosine_signal(0, steps)), 1,
                       1e-9);
        CHECK_NEAR(abar(&schedule, all) / abar(&schedule, all - 1), 0.001, 1e-12); /* beta_T is capped */
    }
}

static void test_shift(void)
{
    const df_schedule plain = make("timesteps=113 shift=1"), shifted = make("timesteps=113 shift=0.2385");
    const df_schedule zero = make("timesteps=113 shift=0.2385 zero-terminal-snr=yes");
    for (size_t t = 1; t <= 113; t++)
        CHECK_NEAR(ratio(shifted.levels[t]) / ratio(plain.levels[t]), 0.2385, 1e-14);
    CHECK(zero.levels[113].alpha == 0 && zero.levels[113].sigma == 1);
}

/* Algorithm 1 of Lin et al.: sqrt(abar) shifted and scaled, its first value kept. */
static void test_zero_terminal_snr(void)
{
    static const char *const families[] = {"linear", "scaled-linear", "cosine"};
    for (size_t f = 0; f < 3; f++) {
        char line[100];
        snprintf(line, sizeof line, "beta-schedule=%s shift=1", families[f]);
        const df_schedule plain = make(line);
        snprintf(line, sizeof line, "beta-schedule=%s shift=1 zero-terminal-snr=yes", families[f]);
        const df_schedule zero = make(line);
        const double first = plain.levels[1].alpha, last = plain.levels[1000].alpha;
        CHECK(zero.levels[1000].alpha == 0 && zero.levels[1000].sigma == 1);
        CHECK_NEAR(zero.levels[1].alpha / first, 1, 5e-16);
        CHECK_NEAR(zero.levels[1].sigma / plain.levels[1].sigma, 1, 1e-10);
        for (size_t t = 2; t < 1000; t++)
            CHECK_NEAR(zero.levels[t].alpha, (plain.levels[t].alpha - last) * first / (first - last), 1e-15);
    }
}

static void check_levels(const df_schedule *schedule)
{
    CHECK(schedule->levels[0].alpha == 1 && schedule->levels[0].sigma == 0);
    double off = 0;
    bool rising = true;
    for (size_t t = 1; t <= schedule->steps; t++) {
        const df_level level = schedule->levels[t];
        off = fmax(off, fabs(square(level.alpha) + square(level.sigma) - 1));
        rising = rising && df_log_ratio(level) > df_log_ratio(schedule->levels[t - 1]) &&
                 level.alpha < schedule->levels[t - 1].alpha;
    }
    CHECK_NEAR(off, 0, 1e-15);
    CHECK(rising);
}

static void test_every_schedule_rises(void)
{
    static const char *const families[] = {"linear", "scaled-linear", "cosine", "sub-vp", "geometric", "flow", "gvp"};
    static const char *const lengths[] = {"2", "7", "50", "1000", "20000"};
    static const char *const changes[] = {"shift=1", "shift=0.3", "shift=77", "shift=1 zero-terminal-snr=yes",
                                          "shift=0.3 zero-terminal-snr=yes"};
    for (size_t f = 0; f < 7; f++)
        for (size_t l = 0; l < 5; l++)
            for (size_t c = 0; c < (f < 3 ? 5 : 3); c++) {
                char line[120];
                snprintf(line, sizeof line, "beta-schedule=%s timesteps=%s %s", families[f], lengths[l],
                         changes[c]);
                const int failed = checks_failed;
                const df_schedule schedule = make(line);
                check_levels(&schedule);
                if (checks_failed != failed) fprintf(stderr, "  in %s\n", line);
            }
}

/* 1 - abar_1 is beta_1 to the last digit, however small: nothing is subtracted from 1. */
static void test_first_step_is_precise(void)
{
    const df_schedule tiny =
        make("beta-schedule=linear betas-as-given=yes beta-start=2.385e-9 beta-end=0.01 shift=1");
    CHECK_NEAR(square(tiny.levels[1].sigma) / 2.385e-9, 1, 1e-15);
    const double second = 2.385e-9 + (0.01 - 2.385e-9) / 999;
    CHECK_NEAR(square(tiny.levels[2].sigma) / (2.385e-9 + second - 2.385e-9 * second), 1, 1e-15);
    const df_schedule cosine = make("shift=1");
    const double a = 0.008 / 1.008 * acos(-1) / 2, b = a + 0.001 / 1.008 * acos(-1) / 2;
    CHECK_NEAR(square(cosine.levels[1].sigma) / (sin(a + b) * sin(b - a) / square(cos(a))), 1, 1e-10);
}

static void check_refused(const char *assignments, const char *part)
{
    df_schedule schedule;
    CHECK(schedule_from(&schedule, assignments) == DF_USAGE);
    if (!strstr(error.message, part)) fprintf(stderr, "%s: %s\n", assignments, error.message);
    CHECK(strstr(error.message, part) != NULL);
}

static void test_refused_schedules(void)
{
    check_refused("timesteps=0", "timesteps");
    check_refused("timesteps=100001", "timesteps");
    check_refused("shift=0", "shift");
    check_refused("beta-end=1", "beta-end");
    check_refused("beta-start=-0.1", "beta-start");
    check_refused("beta-schedule=sigmoid", "sigmoid");
    check_refused("timesteps=1 zero-terminal-snr=yes", "at least 2");
    check_refused("beta-schedule=linear beta-start=0.02385 beta-end=0.02", "0.02385");
    check_refused("beta-schedule=linear beta-end=0.999", "nothing of the data is left after step");
}

/* ---- levels ---- */

static void test_ratios(void)
{
    for (uint64_t i = 0; i < 200; i++) {
        const double wanted = exp(60 * (uniform(i) - 0.5));
        const df_level level = df_level_from_ratio(wanted);
        CHECK_NEAR(ratio(level) / wanted, 1, 1e-15);
        CHECK_NEAR(square(level.alpha) + square(level.sigma), 1, 1e-15);
        CHECK_NEAR(df_log_ratio(level), log(wanted), 1e-13);
    }
    const df_level clean = df_level_from_ratio(0), noise = df_level_from_ratio(HUGE_VAL);
    CHECK(clean.alpha == 1 && clean.sigma == 0 && noise.alpha == 0 && noise.sigma == 1);
    CHECK(df_log_ratio(clean) == -HUGE_VAL && df_log_ratio(noise) == HUGE_VAL);
}

static void test_noising(void)
{
    const double x0[3] = {2.385, -17, 0}, eps[3] = {0.75, 0.5, -3};
    double x[3];
    df_add_noise(x, (df_level){0.8, 0.6}, x0, eps, 3);
    for (size_t i = 0; i < 3; i++) CHECK(x[i] == 0.8 * x0[i] + 0.6 * eps[i]);
}

static void check_inverse(const df_schedule *schedule, double t)
{
    const df_level level = df_schedule_level(schedule, t);
    CHECK_NEAR(square(level.alpha) + square(level.sigma), 1, 2e-15);
    CHECK_NEAR(df_schedule_step(schedule, level), t, 1e-9);
    const df_level other_scale = {2.385 * level.alpha, 2.385 * level.sigma};
    CHECK_NEAR(df_schedule_step(schedule, other_scale), t, 1e-9);
}

static void test_levels_and_steps(void)
{
    static const char *const lines[] = {"",
                                        "beta-schedule=linear timesteps=50 shift=1",
                                        "timesteps=2 zero-terminal-snr=yes",
                                        "zero-terminal-snr=yes",
                                        "timesteps=13 shift=20",
                                        "timesteps=1"};
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        const df_schedule schedule = make(lines[l]);
        const double all = (double)schedule.steps;
        for (uint64_t i = 0; i < 300; i++) check_inverse(&schedule, all * uniform(i));
        for (uint64_t i = 0; i < 30; i++) check_inverse(&schedule, uniform(i)); /* below the first step */
        for (uint64_t i = 0; i < 30; i++)
            check_inverse(&schedule, all - 0.999 * uniform(i)); /* the last interval */
        double before = -HUGE_VAL;
        for (size_t t = 0; t <= schedule.steps; t++) {
            const df_level level = df_schedule_level(&schedule, (double)t);
            CHECK(level.alpha == schedule.levels[t].alpha && level.sigma == schedule.levels[t].sigma);
            CHECK_NEAR(df_schedule_step(&schedule, level), (double)t, 1e-9);
            const df_level after = df_schedule_level(&schedule, (double)t + 0.385);
            CHECK(t == schedule.steps || df_log_ratio(after) > df_log_ratio(level));
            CHECK(t == 0 || df_log_ratio(level) > before);
            before = df_log_ratio(after);
        }
        CHECK(df_schedule_step(&schedule, (df_level){1, 0}) == 0);
        CHECK(df_schedule_step(&schedule, (df_level){0, 1}) == all);
        CHECK(df_schedule_level(&schedule, -1).sigma == 0);
        CHECK(df_schedule_level(&schedule, all + 1).sigma == schedule.levels[schedule.steps].sigma);
    }
}

static void test_between_steps(void)
{
    const df_schedule schedule = make("timesteps=50");
    const df_level between = df_schedule_level(&schedule, 20.25);
    CHECK_NEAR(df_log_ratio(between),
               0.75 * df_log_ratio(schedule.levels[20]) + 0.25 * df_log_ratio(schedule.levels[21]), 1e-13);
    CHECK_NEAR(df_schedule_level(&schedule, 0.385).sigma, 0.385 * schedule.levels[1].sigma, 1e-17);
    const df_schedule zero = make("timesteps=50 zero-terminal-snr=yes");
    const df_level last = df_schedule_level(&zero, 49.75);
    CHECK_NEAR(1 / ratio(last), 0.25 / ratio(zero.levels[49]), 1e-14);
}

static void test_labels(void)
{
    const df_schedule schedule = make("timesteps=50 zero-terminal-snr=yes");
    const double float_rounding = 3e-6;
    for (uint64_t i = 0; i < 100; i++) {
        const double t = 50 * uniform(i);
        const df_level level = df_schedule_level(&schedule, t);
        const double c = df_log_ratio(level);
        CHECK_NEAR((double)df_level_label(DF_LABEL_STEP, &schedule, level), t, float_rounding);
        CHECK_NEAR((double)df_level_label(DF_LABEL_LOG_RATIO, &schedule, level), fmin(fmax(c, -10), 10) / 4,
                   float_rounding);
    }
    CHECK(df_level_label(DF_LABEL_LOG_RATIO, &schedule, (df_level){0, 1}) == (df_real)2.5);
    CHECK(df_level_label(DF_LABEL_LOG_RATIO, &schedule, (df_level){1, 0}) == (df_real)-2.5);
    CHECK(df_level_label(DF_LABEL_STEP, &schedule, (df_level){0, 1}) == 50);
    CHECK(df_level_label(DF_LABEL_STEP, &schedule, (df_level){1, 0}) == 0);
}

/* ---- grids ---- */

enum { T = 1000 };
static df_level levels[2 * T + 1];

static df_status lay(const df_schedule *schedule, int spacing, size_t steps, double sigma_min,
                     double sigma_max)
{
    return df_grid_init(
        levels,
        &(df_grid_config){
            .steps = steps, .spacing = spacing, .sigma_min = sigma_min, .sigma_max = sigma_max, .rho = 7},
        schedule, &error);
}

static void check_falling(const df_schedule *schedule, size_t steps)
{
    const double rounding = 1e-9;
    bool falling = true;
    for (size_t i = 0; i < steps; i++)
        falling = falling && df_log_ratio(levels[i + 1]) < df_log_ratio(levels[i]);
    CHECK(falling);
    CHECK(levels[steps].alpha == 1 && levels[steps].sigma == 0);
    CHECK(levels[0].sigma <= schedule->levels[schedule->steps].sigma * (1 + rounding));
    CHECK(levels[steps - 1].sigma >= schedule->levels[1].sigma * (1 - rounding));
}

/* The schedule's own steps that sampler.h promises, k counted from clean data; quad's are pushed apart. */
static double promised(int spacing, double k, double n)
{
    switch (spacing) {
    case DF_SPACING_LEADING: return 1 + floor(k * T / n + 1e-9);
    case DF_SPACING_LINSPACE: return n > 1 ? 1 + floor(k * (T - 1) / (n - 1) + 0.5) : T;
    case DF_SPACING_TRAILING: return floor(T - (n - 1 - k) * T / n + 0.5);
    default: return floor(T * (k + 1) * (k + 1) / (n * n) + 0.5);
    }
}

static void test_grids(void)
{
    static const size_t counts[] = {1, 2, 7, 13, 50, 600, 999, T};
    const df_schedule schedule = make("");
    for (int spacing = DF_SPACING_KARRAS; spacing <= DF_SPACING_QUAD; spacing++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            const size_t n = counts[c];
            CHECK(lay(&schedule, spacing, n, 0.01, 20) == DF_OK);
            check_falling(&schedule, n);
            if (spacing == DF_SPACING_KARRAS) continue;
            double before = 0;
            for (size_t k = 0; k < n; k++) {
                const double t = fmax(promised(spacing, (double)k, (double)n),
                                      spacing == DF_SPACING_QUAD ? before + 1 : 1);
                CHECK_NEAR(df_schedule_step(&schedule, levels[n - 1 - k]), t, 1e-9);
                before = t;
            }
            const double first = df_schedule_step(&schedule, levels[0]);
            CHECK_NEAR(first, spacing == DF_SPACING_LEADING ? floor((double)((n - 1) * T / n)) + 1 : T, 1e-9);
        }
}

static void test_karras(void)
{
    const df_schedule schedule = make("");
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 2 * T, 0.01, 20) ==
          DF_OK); /* more than the schedule's own steps */
    check_falling(&schedule, 2 * T);
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 7, 0.01, 20) == DF_OK);
    for (int i = 0; i < 7; i++)
        CHECK_NEAR(ratio(levels[i]) /
                       pow(pow(20, 1 / 7.0) + i / 6.0 * (pow(0.01, 1 / 7.0) - pow(20, 1 / 7.0)), 7),
                   1, 1e-13);
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 1, 0.01, 20) == DF_OK);
    CHECK_NEAR(ratio(levels[0]), 20, 1e-13);
    const double least = ratio(schedule.levels[1]), most = ratio(schedule.levels[T]);
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 13, least, most) == DF_OK); /* all that the model knows */
    check_falling(&schedule, 13);
}

static void test_refused_grids(void)
{
    const df_schedule schedule = make("");
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 13, 20, 20) == DF_USAGE &&
          strstr(error.message, "--sigma-min 20"));
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 13, 0.001, 20) == DF_USAGE && strstr(error.message, "0.0019"));
    CHECK(lay(&schedule, DF_SPACING_KARRAS, 13, 0.01, 7000) == DF_USAGE && strstr(error.message, "6087"));
    for (int spacing = DF_SPACING_LEADING; spacing <= DF_SPACING_QUAD; spacing++)
        CHECK(lay(&schedule, spacing, T + 1, 0.01, 20) == DF_USAGE && strstr(error.message, "--steps 1001"));
}

/* ---- schedules that are not made of betas ---- */

static void test_other_schedules(void)
{
    const df_schedule linear = make("beta-schedule=linear shift=1"), sub_vp = make("beta-schedule=sub-vp shift=1"),
                      flow = make("beta-schedule=flow shift=1"), gvp = make("beta-schedule=gvp shift=1"),
                      geometric = make("beta-schedule=geometric shift=1 sigma-start=0.02 sigma-end=50 timesteps=10"),
                      shifted = make("beta-schedule=flow shift=0.25");
    for (size_t t = 1; t <= 1000; t++) {
        const double a2 = square(linear.levels[t].alpha), u = (double)t / 1001;
        CHECK_NEAR(ratio(sub_vp.levels[t]) / ((1 - a2) / sqrt(a2)), 1, 1e-10);
        CHECK_NEAR(ratio(flow.levels[t]) / (u / (1 - u)), 1, 1e-12);
        CHECK_NEAR(ratio(shifted.levels[t]) / (0.25 * u / (1 - u)), 1, 1e-12);
        CHECK_NEAR(ratio(gvp.levels[t]) / tan(1.57079632679489662 * u), 1, 1e-12);
    }
    CHECK_NEAR(ratio(geometric.levels[1]), 0.02, 1e-15);
    CHECK_NEAR(ratio(geometric.levels[10]), 50, 1e-12);
    for (size_t t = 2; t <= 10; t++)
        CHECK_NEAR(ratio(geometric.levels[t]) / ratio(geometric.levels[t - 1]), pow(2500, 1.0 / 9), 1e-12);
}

/* ---- conversions: any reading of a prediction can be read again as any other kind ---- */

static void check_conversions(df_level level, uint64_t index)
{
    enum { N = 5 };
    double x0[N], eps[N], x[N];
    df_normal_rows(x0, 1, N, (df_place){.seed = 77, .index = index});
    df_normal_rows(eps, 1, N, (df_place){.seed = 78, .index = index});
    df_add_noise(x, level, x0, eps, N);
    for (df_prediction from = DF_PREDICT_EPS; from <= DF_PREDICT_VELOCITY; from++)
        for (df_prediction to = DF_PREDICT_EPS; to <= DF_PREDICT_VELOCITY; to++) {
            double predicted[N], x0_read[N], eps_read[N], again[N];
            df_prediction_target(predicted, from, level, x0, eps, N);
            df_prediction_read(x0_read, eps_read, from, level, x, predicted, N);
            df_prediction_target(predicted, to, level, x0_read, eps_read, N);
            df_prediction_read(again, NULL, to, level, x, predicted, N);
            df_prediction_read(NULL, eps_read, to, level, x, predicted, N);
            for (size_t i = 0; i < N; i++) {
                CHECK_NEAR(x0_read[i], x0[i], 1e-10);
                CHECK_NEAR(again[i], x0[i], 1e-10);
                CHECK_NEAR(eps_read[i], eps[i], 1e-10);
            }
        }
}

static void test_conversions(void)
{
    for (uint64_t i = 0; i < 100; i++) {
        const double gamma = i == 0 ? -14 : i == 1 ? 10 : -14 + 24 * uniform(i);
        check_conversions(df_level_from_ratio(exp(gamma / 2)), i);
    }
}

/* What an error means for eps is what it means for x0, times alpha / sigma; and is finite without signal. */
static void test_eps_gain(void)
{
    for (int kind = DF_PREDICT_EPS; kind <= DF_PREDICT_VELOCITY; kind++) {
        const df_prediction p = (df_prediction)kind;
        for (double ratio = 1e-3; ratio < 1e3; ratio *= 3) {
            const df_level level = df_level_from_ratio(ratio);
            CHECK_NEAR(df_prediction_eps_gain(p, level) * ratio / df_prediction_gain(p, level), 1, 1e-13);
        }
        const double last = df_prediction_eps_gain(p, (df_level){0, 1});
        CHECK(last == (p == DF_PREDICT_EPS || p == DF_PREDICT_SCORE ? 1 : 0));
    }
}

/* At pure noise eps says nothing about x0; v and x0 still do. */
static void test_conversions_of_pure_noise(void)
{
    const df_level noise = {0, 1};
    const double x0 = 2.385, eps = -0.75;
    double predicted, x0_read, eps_read;
    for (df_prediction kind = DF_PREDICT_X0; kind <= DF_PREDICT_V; kind++) {
        df_prediction_target(&predicted, kind, noise, &x0, &eps, 1);
        df_prediction_read(&x0_read, &eps_read, kind, noise, &eps, &predicted, 1);
        CHECK(x0_read == x0 && eps_read == eps);
    }
}

int main(void)
{
    test_eps_gain();
    test_terminal_signal();
    test_betas();
    test_cosine();
    test_shift();
    test_zero_terminal_snr();
    test_every_schedule_rises();
    test_first_step_is_precise();
    test_refused_schedules();
    test_ratios();
    test_noising();
    test_levels_and_steps();
    test_between_steps();
    test_labels();
    test_grids();
    test_karras();
    test_refused_grids();
    test_other_schedules();
    test_conversions();
    test_conversions_of_pure_noise();
    df_arena_free(&arena);
    return CHECK_DONE();
}
