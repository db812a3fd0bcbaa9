/* paper_edm2.c -- what EDM2 promises of training: `paper_edm2 PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/model.h"
#include "diffuse/random.h"
#include "diffuse/shape.h"

enum { LEVELS = 12, ROWS = 64 * 64, WAVES = 16 };

static df_error error;

static bool load(df_model *model, const char *name)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", paper_folder, name);
    const bool loaded = df_model_load(model, &paper_arena, path, &error) == DF_OK;
    CHECK(loaded);
    return loaded;
}

/* The loss of v, per coordinate, that the exact denoiser has at one level. */
static double unavoidable(const df_denoiser *exact, const df_mixture *roll, df_level level, void *scratch)
{
    static double points[2 * ROWS], eps[2 * ROWS], x[2 * ROWS], x0[2 * ROWS], guess[2 * ROWS];
    double sum = 0;
    CHECK(df_mixture_points(points, NULL, roll, 5, 0, ROWS, &paper_arena, &error) == DF_OK);
    df_normal_rows(eps, ROWS, 2, (df_place){.seed = 9});
    df_add_noise(x, level, points, eps, 2 * ROWS);
    for (size_t r = 0; r < ROWS; r += DF_ROWS) {
        const df_question question = {.n = DF_ROWS, .x = x + 2 * r, .level = &level};
        exact->answer(exact->self, &question, &(df_answer){.x0 = x0 + 2 * r, .eps = guess + 2 * r}, scratch);
    }
    for (size_t i = 0; i < 2 * ROWS; i++) {
        const double miss = (x0[i] - points[i]) / level.sigma; /* the gain of v is sigma */
        sum += miss * miss / (2 * ROWS);
    }
    return sum;
}

/* The largest relative distance of exp(u) to it, at levels from 0.01 to 20. */
static double worst_uncertainty(void)
{
    static df_model model;
    const df_shape *shape = df_find_shape("swissroll");
    df_cloud cloud;
    df_mixture raw, roll;
    if (!load(&model, "edm2.safetensors")) return (double)NAN;
    CHECK(df_cloud_open(&cloud, &paper_arena, shape, shape->noise, &error) == DF_OK);
    CHECK(df_cloud_mixture(&raw, &paper_arena, &cloud, df_cloud_node_count(&cloud), &error) == DF_OK);
    CHECK(df_mixture_scaled(&roll, &paper_arena, &raw, model.transform.mean, model.transform.scale[0], &error) ==
          DF_OK);
    const df_denoiser exact = df_denoiser_of_mixture(&roll);
    void *scratch = exact.scratch(exact.self, &paper_arena, &error);
    const df_real *w = model.average + model.network.tensors[2 * model.network.linears].offset;
    double worst = 0;
    for (int i = 0; i < LEVELS; i++) {
        const df_level level = df_level_from_ratio(0.01 * pow(2000, (double)i / (LEVELS - 1)));
        const double place = (df_schedule_step(&model.schedule, level) - 1) / (double)(model.schedule.steps - 1);
        double u = 0;
        for (int k = 0; k < WAVES; k++) u += (double)w[k] * cos(DF_PI * k * place);
        const double want = unavoidable(&exact, &roll, level, scratch), off = fabs(exp(u) / want - 1);
        printf("sigma %.4f: exp(u) %.4f, unavoidable %.4f\n", level.sigma / level.alpha, exp(u), want);
        if (!(off <= worst)) worst = off;
    }
    return worst;
}

/* The relative distance of two models' parameters. */
static double distance(const char *a, const char *b)
{
    static df_model one, two;
    double apart = 0, size = 0;
    if (!load(&one, a) || !load(&two, b)) return (double)NAN;
    for (size_t i = 0; i < one.network.parameter_count; i++) {
        const double x = (double)one.average[i], y = (double)two.average[i];
        apart += (x - y) * (x - y);
        size += y * y;
    }
    return sqrt(apart / size);
}

static double kl_of_width(double width)
{
    type("$D ema constant.safetensors --width %g -q -f -o width.safetensors", width);
    return kl_of("width.safetensors", 2000);
}

static void check_averages(void)
{
    static const char constant[] = "--lr-schedule constant --train-steps 3000";
    type("$D train swissroll --method edm2 %s -q -f -o constant.safetensors", constant);
    type("$D train swissroll --method edm2 %s --ema-width 0.075 --ema-width-2 0.2 -q -f -o tracked.safetensors",
         constant);
    type("$D ema constant.safetensors --width 0.075 -q -f -o made.safetensors");
    type("$D ema tracked.safetensors --width 0.075 -q -f -o tracked.safetensors");
    const double apart = distance("made.safetensors", "tracked.safetensors");
    claim("edm2", "an average made afterwards from the tracked one", "< 2 %", text("%.4f %%", 100 * apart),
          apart < 0.02);
    const double gap = fabs(kl_of("made.safetensors", 2000) - kl_of("tracked.safetensors", 2000));
    claim("edm2", "and in KL", "<= 0.005 nats", text("%.5f", gap), gap <= 0.005);

    type("$D train swissroll --method edm2 %s --ema-decay 0 -q -f -o raw.safetensors", constant);
    const double raw = kl_of("raw.safetensors", 2000), narrow = kl_of_width(0.005), middle = kl_of_width(0.1),
                 wide = kl_of_width(0.28);
    claim("edm2", "KL without, with narrow, middle, wide average", "falls, falls, rises",
          text("%.3f, %.3f, %.3f, %.3f", raw, narrow, middle, wide), raw > narrow && narrow > middle && middle < wide);
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll --method edm2 -q -f -o edm2.safetensors");
    const double kl = kl_of("edm2.safetensors", 5000);
    claim("edm2", "KL of the model, default training", "<= 0.05 nats", text("%.4f", kl), kl <= 0.05);
    const double worst = worst_uncertainty();
    claim("edm2", "exp(u) from the unavoidable loss, every level", "<= 10 %", text("%.1f %%", 100 * worst),
          worst <= 0.1);
    check_averages();
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
