/* paper_ssm.c -- what sliced score matching learns at one level, sigma = 0.2: `paper_ssm PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/math.h"
#include "diffuse/measure.h"
#include "diffuse/model.h"
#include "diffuse/random.h"
#include "diffuse/subject.h"

#include <math.h>
#include <stdlib.h>

enum { N = 50000 };
static const double SIGMA = 0.2;

/* J = E [div s + 1/2 |s|^2] of a trained score, -1/2 E |s*|^2, and E |s - s*|^2 / E |s*|^2; on the same points. */
typedef struct judged {
    double j, least, error, missing, missing_error;
} judged;

static judged judge(const char *name)
{
    static df_model model;
    static double x[2 * N], gap[N];
    df_error error;
    char file[1000];
    judged out = {0};
    snprintf(file, sizeof file, "%s/%s.safetensors", paper_folder, name);
    CHECK(df_model_load(&model, &paper_arena, file, &error) == DF_OK);
    const df_denoiser denoiser = df_model_denoiser(&model);
    void *scratch = denoiser.scratch(denoiser.self, &paper_arena, &error);
    CHECK(scratch != NULL);
    df_mixture truth;
    df_reference roll;
    CHECK(df_reference_load(&roll, &paper_arena, "swissroll", -1, 0, &error) == DF_OK);
    df_reference_points(&roll, 0, N, x);
    df_transform_apply(&model.transform, x, N);
    CHECK(df_mixture_scaled(&truth, &paper_arena, &roll.mixture, model.transform.mean, model.transform.scale[0],
                            &error) == DF_OK);
    const df_level level = {1, SIGMA};
    const double s2 = SIGMA * SIGMA;
    double length = 0;
    for (size_t r = 0; r < N; r++) {
        double z[2], mean[2], d[2], d_dot[2], divergence = 0, s = 0, miss = 0, true_s = 0;
        df_normals(z, (df_place){.seed = 78, .index = r, .purpose = DF_FOR_NOISE}, 0);
        for (size_t i = 0; i < 2; i++) x[2 * r + i] += SIGMA * z[i];
        const df_posterior wanted = {.mean = mean};
        df_mixture_posterior(&wanted, &truth, 1, SIGMA, x + 2 * r);
        for (size_t i = 0; i < 2; i++) {
            const double along[2] = {i == 0, i == 1};
            const df_question q = {.n = 1, .x = x + 2 * r, .level = &level, .x_dot = along};
            const df_answer a = {.x0 = d, .x0_dot = d_dot};
            denoiser.answer(denoiser.self, &q, &a, scratch);
            divergence += (d_dot[i] - 1) / s2;
        }
        for (size_t i = 0; i < 2; i++) {
            s += pow((d[i] - x[2 * r + i]) / s2, 2);
            true_s += pow((mean[i] - x[2 * r + i]) / s2, 2);
            miss += pow((d[i] - mean[i]) / s2, 2);
        }
        out.j += (divergence + s / 2) / N;
        out.least -= true_s / 2 / N;
        out.missing += miss / N;
        length += true_s / N;
        gap[r] = divergence + s / 2 - (miss / 2 - true_s / 2); /* 0 on average, whatever the score */
    }
    out.missing /= length;
    df_mean_error(&out.error, &out.missing_error, gap, N);
    return out;
}

/* The trace of the covariance of single examples' gradients. */
static double gradient_noise(const char *estimator)
{
    enum { EXAMPLES = 1000 };
    static df_model model;
    df_error error;
    char file[1000];
    snprintf(file, sizeof file, "%s/vr.safetensors", paper_folder);
    CHECK(df_model_load(&model, &paper_arena, file, &error) == DF_OK);
    const size_t count = model.network.parameter_count;
    df_real *gradient = calloc(count, sizeof *gradient);
    double *sum = calloc(count, sizeof *sum), square = 0, x[2 * EXAMPLES];
    df_reference roll;
    CHECK(df_reference_load(&roll, &paper_arena, "swissroll", -1, 0, &error) == DF_OK);
    df_reference_points(&roll, 0, EXAMPLES, x);
    df_transform_apply(&model.transform, x, EXAMPLES);
    df_settings values = {.table = model.objective->options, .values = model.objective_options},
        *list[] = {&values, NULL};
    CHECK(df_settings_apply(list, estimator, &paper_arena, &error) == DF_OK);
    df_learning l = {.network = &model.network, .objective = model.objective, .options = model.objective_options,
                     .prediction = (df_prediction)model.config.prediction, .schedule = &model.schedule, .data = x,
                     .rows = EXAMPLES, .seed = 5, .batch = 1};
    CHECK(df_learning_init(&l, &paper_arena, &error) == DF_OK);
    for (uint64_t step = 1; step <= EXAMPLES; step++) {
        memset(gradient, 0, count * sizeof *gradient);
        df_learning_step(&l, &model.denoiser.weights, step, gradient);
        for (size_t i = 0; i < count; i++) {
            sum[i] += (double)gradient[i] / EXAMPLES;
            square += (double)gradient[i] * (double)gradient[i] / EXAMPLES;
        }
    }
    for (size_t i = 0; i < count; i++) square -= sum[i] * sum[i];
    free(gradient), free(sum);
    return square;
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    const char *key = "ssm", *one = "-T 1 --sigma-end 0.2";
    type("$D train swissroll -q -f --method ssm %s -o vr.safetensors", one);
    type("$D train swissroll -q -f --method ssm %s --estimator ssm -o plain.safetensors", one);
    type("$D train swissroll -q -f --method ssm %s --estimator exact -o exact.safetensors", one);
    type("$D train swissroll -q -f --method ncsn %s -o dsm.safetensors", one);
    const judged vr = judge("vr"), plain = judge("plain"), exact = judge("exact"), dsm = judge("dsm");
    claim(key, "J at sigma 0.2 over its least value, ssm-vr", "0.95 to 1.05",
          text("%.3f (%.2f / %.2f)", vr.j / vr.least, vr.j, vr.least), fabs(vr.j / vr.least - 1) <= 0.05);
    claim(key, "J + 1/2 E|s*|^2 - 1/2 E|s - s*|^2, standard errors", "0 +- 3",
          text("%.1f", vr.error / vr.missing_error), fabs(vr.error) <= 3 * vr.missing_error);
    claim(key, "J of one slice over J of every column", "0.9 to 1.1", text("%.3f", vr.j / exact.j),
          fabs(vr.j / exact.j - 1) <= 0.1);
    const double noise = gradient_noise("estimator=ssm-vr"), plain_noise = gradient_noise("estimator=ssm");
    claim(key, "variance of gradients, ssm-vr over ssm", "< 1", text("%.2f", noise / plain_noise), noise < plain_noise);
    claim(key, "E|s - s*|^2 / E|s*|^2: denoising, exact, ssm-vr, ssm", "the first least",
          text("%.4f %.4f %.4f %.4f", dsm.missing, exact.missing, vr.missing, plain.missing),
          dsm.missing <= exact.missing && dsm.missing <= vr.missing && dsm.missing <= plain.missing);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
