/* test_min_snr.c -- the weights of every prediction are one weight of x0. */
#include "exact.h"

#include "diffuse/paper.h"

typedef struct weighing {
    double k;
    bool soft;
} weighing;

static double weight_of(const weighing *w, df_prediction kind, df_level level)
{
    const df_objective *objective = df_find_objective("min_snr", NULL);
    double target;
    void *options = reserve(1, DF_OBJECTIVE_OPTIONS);
    char line[80];
    df_settings settings = {.table = objective->options, .values = options};
    df_settings *const list[] = {&settings, NULL};
    df_settings_defaults(&settings);
    snprintf(line, sizeof line, "snr-gamma=%.17g soft-min-snr=%s", w->k, w->soft ? "yes" : "no");
    CHECK(df_settings_apply(list, line, &arena, &error) == DF_OK);
    const df_example example = {.options = options, .prediction = kind, .level = level, .dim = 1,
                                .x0 = &(double){0.4}, .eps = &(double){-1.1}};
    const double weight = objective->target(&example, &target);
    double want;
    df_prediction_target(&want, kind, level, example.x0, example.eps, 1);
    CHECK(target == want);
    return weight;
}

/* The published formula of each prediction, which differ by SNR and SNR + 1. */
static void test_weights(void)
{
    static const weighing ways[] = {{5, false}, {5, true}, {400, false}, {400, true}};
    for (size_t k = 0; k < 4; k++)
        for (double ln = -6; ln <= 6; ln += 0.37) {
            const weighing *w = &ways[k];
            const df_level level = df_level_from_ratio(exp(ln));
            const double snr = exp(-2 * ln), of_x0 = w->soft ? snr * w->k / (snr + w->k) : fmin(snr, w->k);
            CHECK_NEAR(weight_of(w, DF_PREDICT_X0, level) / of_x0, 1, 1e-12);
            CHECK_NEAR(weight_of(w, DF_PREDICT_EPS, level) / (of_x0 / snr), 1, 1e-12);
            CHECK_NEAR(weight_of(w, DF_PREDICT_V, level) / (of_x0 / (snr + 1)), 1, 1e-12);
        }
}

static void test_pure_noise(void)
{
    CHECK(weight_of(&(weighing){5, false}, DF_PREDICT_V, (df_level){0, 1}) == 1);
    CHECK(weight_of(&(weighing){5, true}, DF_PREDICT_X0, (df_level){0, 1}) == 1);
}

/* A weight that grows without bound is that of the plain loss of eps. */
static void test_no_clamp(void)
{
    for (double ln = -6; ln <= 6; ln += 1.1)
        CHECK_NEAR(weight_of(&(weighing){1e12, false}, DF_PREDICT_EPS, df_level_from_ratio(exp(ln))), 1, 1e-12);
}

int main(void)
{
    test_weights();
    test_pure_noise();
    test_no_clamp();
    df_arena_free(&arena);
    return CHECK_DONE();
}
