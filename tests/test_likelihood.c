/* test_likelihood.c -- the likelihood by the ODE and the bound by the score, where the answers are known. */
#include "exact.h"

#include "diffuse/random.h"

static const double PLACE[] = {0.385, -1.2, 0.9}; /* of the Gaussian, in three dimensions */
static const double SPREAD = 0.7;

/* ---- likelihood ---- */

static void log_likelihood(double *values, const df_denoiser *denoiser, double least, size_t steps,
                           const double *x, size_t n)
{
    df_flow flow = {.denoiser = denoiser, .from = least, .to = 50, .steps = steps};
    CHECK(df_log_likelihood(values, &flow, x, n, NULL, &arena, &error) == DF_OK);
}

static void test_likelihood_is_the_density(void)
{
    enum { N = 16 };
    static const char *const names[] = {"swissroll", "moons", "8gaussians", "tree"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const df_mixture mixture = open_shape(names[i], 0);
        const df_denoiser oracle = df_denoiser_of_mixture(&mixture);
        const double *x = draw(&mixture, 21, N);
        double values[N], miss = 0, size = 0;
        log_likelihood(values, &oracle, 0.001, 64, x, N);
        for (size_t r = 0; r < N; r++) {
            const double off = values[r] - df_mixture_log_density(&mixture, 1, 0, x + 2 * r);
            miss += off / N;
            size += fabs(off) / N;
        }
        printf("likelihood of %s, %zu nodes: off by %.1e, in size %.1e nats\n", names[i], mixture.count, miss,
               size);
        CHECK_NEAR(miss, 0, 1e-3);
        CHECK_NEAR(size, 0, 5e-3);
    }
}

/* Standard normal data are at every level what sampling starts from, so no end is too near. */
static void test_likelihood_of_normals(void)
{
    enum { N = 20 };
    const df_mixture normal = make_gaussian((double[]){0, 0, 0}, 1);
    const df_denoiser exact = df_denoiser_of_mixture(&normal);
    df_flow flow = {.denoiser = &exact, .from = 0.0385, .to = 2.385, .steps = 64};
    double x[N * 3], values[N];
    df_normal_rows(x, N, 3, (df_place){.seed = 14});
    CHECK(df_log_likelihood(values, &flow, x, N, NULL, &arena, &error) == DF_OK);
    for (size_t r = 0; r < N; r++)
        CHECK_NEAR(values[r], df_mixture_log_density(&normal, 1, flow.from, x + 3 * r), 1e-6);
}

/* A Gaussian's way is known: y - m grows like the standard deviation. */
static void flow_errors(double *of_place, double *of_density, size_t steps)
{
    enum { N = 20 };
    const df_mixture gaussian = make_gaussian(PLACE, SPREAD);
    const df_denoiser denoiser = df_denoiser_of_mixture(&gaussian);
    df_flow flow = {.denoiser = &denoiser, .from = 0.0385, .to = 23.85, .steps = steps};
    double y[N * 3], ratio[N];
    df_normal_rows(y, N, 3, (df_place){.seed = 14});
    const double growth = sqrt((square(SPREAD) + square(flow.to)) / (square(SPREAD) + square(flow.from)));
    double want[N * 3];
    for (size_t i = 0; i < N * 3; i++) want[i] = PLACE[i % 3] + growth * (y[i] - PLACE[i % 3]);
    CHECK(df_flow_init(&flow, &arena, &error) == DF_OK);
    df_flow_run(&flow, y, ratio, N);
    *of_place = *of_density = 0;
    for (size_t i = 0; i < N * 3; i++) *of_place = fmax(*of_place, fabs(y[i] - want[i]));
    for (size_t r = 0; r < N; r++) *of_density = fmax(*of_density, fabs(ratio[r] - 3 * log(growth)));
}

/* The median error of the roll's log density, against many steps. */
static double likelihood_error(const df_denoiser *denoiser, const double *x, size_t n, const double *fine,
                               size_t steps)
{
    double *values = reserve(n, sizeof *values);
    log_likelihood(values, denoiser, 0.02, steps, x, n);
    for (size_t r = 0; r < n; r++) values[r] = fabs(values[r] - fine[r]);
    return median(values, n);
}

static void test_order_of_the_flow(void)
{
    double place[3], density[3];
    for (size_t i = 0; i < 3; i++) flow_errors(&place[i], &density[i], (size_t)32 << i);
    for (size_t i = 0; i < 2; i++) {
        CHECK_NEAR(log2(place[i] / place[i + 1]), 4, 0.2);
        CHECK_NEAR(log2(density[i] / density[i + 1]), 4, 0.2);
    }
    enum { N = 48 };
    const df_mixture roll = open_shape("swissroll", 0.15);
    const df_denoiser oracle = df_denoiser_of_mixture(&roll);
    const double *x = draw(&roll, 22, N);
    double fine[N];
    log_likelihood(fine, &oracle, 0.02, 320, x, N);
    const double coarse = likelihood_error(&oracle, x, N, fine, 40),
                 half = likelihood_error(&oracle, x, N, fine, 80);
    printf("order of the flow: %.2f and %.2f on a gaussian, of the roll's likelihood %.2f\n",
           log2(place[1] / place[2]), log2(density[1] / density[2]), log2(coarse / half));
    CHECK_NEAR(log2(coarse / half), 4, 0.3);
}

/* The roll after so much noise is so much less likely; the ODE that stops there says the same. */
static void test_cut_off_of_the_roll(const df_mixture *roll, const df_denoiser *oracle)
{
    enum { N = 8000, FEW = 16 };
    static const double known[][2] = {{0.02, 0.006}, {0.05, 0.099}};
    static double lost[N];
    const double *x = draw(roll, 51, N);
    for (size_t i = 0; i < 2; i++) {
        double values[FEW], worst = 0;
        log_likelihood(values, oracle, known[i][0], 64, x, FEW);
        for (size_t r = 0; r < N; r++) {
            const double after = df_mixture_log_density(roll, 1, known[i][0], x + 2 * r);
            lost[r] = df_mixture_log_density(roll, 1, 0, x + 2 * r) - after;
            if (r < FEW) worst = fmax(worst, fabs(values[r] - after));
        }
        const estimate bias = estimate_of(lost, N);
        printf("cut-off at %.2f: %.4f +- %.4f nats, the ODE off by at most %.1e\n", known[i][0], bias.mean,
               bias.error, worst);
        check_estimate(bias, known[i][1], 0.0005);
        CHECK(bias.mean > ERRORS * bias.error);
        CHECK_NEAR(worst, 0, 1e-3);
    }
}

/* ---- the score's bound on the divergence ---- */

static df_score_report score_kl(const df_denoiser *denoiser, const df_mixture *mixture, double least,
                                double most)
{
    enum { N = 400 };
    const df_denoiser truth = df_denoiser_of_mixture(mixture);
    df_score_report report;
    CHECK(df_score_kl(&report, denoiser, &truth, mixture, draw(mixture, 41, N), N, least, most, 3, NULL, &arena,
                      &error) == DF_OK);
    CHECK_NEAR(report.prior + report.integral + report.cut_off, report.bound,
               1e-12 * (1 + fabs(report.bound)));
    return report;
}

/* The exact denoiser, but every coordinate of its D is off by OFF q / sqrt(1 + q^2), q = sigma / alpha. */
static const double OFF = 0.385;

static void answer_off(const void *self, const df_question *question, const df_answer *answer, void *scratch)
{
    const df_denoiser exact = df_denoiser_of_mixture(self);
    const double q = question->level->sigma / question->level->alpha;
    exact.answer(self, question, answer, scratch);
    for (size_t i = 0; i < question->n * exact.dim; i++) answer->x0[i] += OFF * q / sqrt(1 + square(q));
}

/* Then the score error is dim OFF^2 / (1 + q^2) at every level, and its integral over ln q is elementary. */
static void check_known_error(const df_mixture *mixture)
{
    const double least = 0.01, most = 23.85, size = (double)mixture->dim * square(OFF);
    df_denoiser denoiser = df_denoiser_of_mixture(mixture);
    CHECK(score_kl(&denoiser, mixture, least, most).integral == 0);
    denoiser.answer = answer_off;
    const df_score_report report = score_kl(&denoiser, mixture, least, most);
    for (size_t k = 0; k < DF_SCORE_LEVELS; k++)
        CHECK_NEAR(report.error[k] * (1 + square(report.sigma[k])) / size, 1, 1e-9);
    const double integral = size * (log(most / least) - 0.5 * log((1 + square(most)) / (1 + square(least))));
    CHECK_NEAR(report.integral / integral, 1, 1e-3);
}

static void test_known_errors(const df_mixture *roll)
{
    const df_mixture gaussian = make_gaussian(PLACE, SPREAD);
    const df_mixture pair = make_mixture(1, 2, (double[]){-1.1, 0.8}, (double[]){0.3, 0.7}, 0.25);
    check_known_error(&gaussian);
    check_known_error(&pair);
    check_known_error(roll);
}

/* KL of two Gaussians after noise q. */
static double gaussian_kl(const df_mixture *from, const df_mixture *to, double q)
{
    const double p = square(from->s) + square(q), r = square(to->s) + square(q);
    double sum = 0;
    for (size_t i = 0; i < from->dim; i++)
        sum += 0.5 * (log(r / p) + p / r - 1 + square(from->nodes[i] - to->nodes[i]) / r);
    return sum;
}

/* The score error of another Gaussian's exact denoiser integrates to what the divergence of the two loses
 * between the ends. Between Gaussians that differ in their means alone nothing scatters. */
static void test_score_error_is_a_divergence(void)
{
    const df_mixture gaussian = make_gaussian(PLACE, SPREAD);
    const double spreads[] = {SPREAD, 0.95};
    for (size_t i = 0; i < 2; i++) {
        const df_mixture other = make_gaussian((double[]){0.7, -0.8, 0.5}, spreads[i]);
        const df_denoiser denoiser = df_denoiser_of_mixture(&other);
        const df_score_report report = score_kl(&denoiser, &gaussian, 0.02, 30);
        const double want = gaussian_kl(&gaussian, &other, 0.02) - gaussian_kl(&gaussian, &other, 30);
        printf("score error between gaussians: %.5f, their divergence falls by %.5f\n", report.integral,
               want);
        CHECK_NEAR(report.integral, want, (i == 0 ? 0 : ERRORS * report.bound_error) + 1e-3 * want);
    }
}

/* Of a Gaussian both are known. */
static void test_prior_and_cut_off(void)
{
    const df_mixture gaussian = make_gaussian(PLACE, SPREAD), start = make_gaussian((double[]){0, 0, 0}, 1);
    const df_denoiser exact = df_denoiser_of_mixture(&gaussian);
    double prior_before = HUGE_VAL, cut_off_before = 0;
    for (size_t i = 0; i < 3; i++) {
        const double most = 0.6 * pow(2, (double)i), least = 0.2 * pow(2, (double)i);
        const double p = square(SPREAD), q = p + square(least), cut_off = 1.5 * (log(q / p) + p / q - 1);
        const df_score_report wide = score_kl(&exact, &gaussian, 1e-9, most),
                              narrow = score_kl(&exact, &gaussian, least, 1e9);
        CHECK_NEAR(wide.prior, gaussian_kl(&gaussian, &start, most), ERRORS * wide.bound_error);
        CHECK_NEAR(wide.cut_off, 0, 1e-12);
        CHECK_NEAR(narrow.cut_off, cut_off, ERRORS * narrow.bound_error);
        CHECK_NEAR(narrow.prior, 0, 1e-6);
        CHECK(wide.prior < prior_before && narrow.cut_off > cut_off_before);
        prior_before = wide.prior;
        cut_off_before = narrow.cut_off;
    }
}

int main(void)
{
    const df_mixture roll = open_shape("swissroll", 0.05);
    const df_denoiser oracle = df_denoiser_of_mixture(&roll);
    test_likelihood_is_the_density();
    test_likelihood_of_normals();
    test_order_of_the_flow();
    test_cut_off_of_the_roll(&roll, &oracle);
    test_known_errors(&roll);
    test_score_error_is_a_divergence();
    test_prior_and_cut_off();
    df_arena_free(&arena);
    return CHECK_DONE();
}
