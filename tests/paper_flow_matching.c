/* paper_flow_matching.c -- what trained flows show: `paper_flow_matching PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/model.h"

#include <math.h>

/* The energy distance of 4,000 points made in so many Euler steps. */
static double energy(const char *model, int steps)
{
    type("$D sample %s.safetensors -n 4000 --sampler flow --method euler --steps %d -q -f -o points.csv && "
         "$D eval points.csv --against swissroll -q -f --json -o energy.json", model, steps);
    return number("energy.json", "energy");
}

/* ---- straightness: S = E integral |(Z_1 - Z_0) - dZ/du|^2 du along the model's own paths (2209.03003, Section 3.1) ---- */

enum { STEPS = 100, PATHS = 1024 };

static double path[STEPS + 1][PATHS * 2]; /* on straight lines: x / (alpha + sigma) */

static void record(df_walk *walk, size_t step, void *self)
{
    const df_level level = walk->levels[step];
    (void)self;
    for (size_t i = 0; i < walk->n * 2; i++)
        path[step][2 * walk->first + i] = walk->x[i] / (level.alpha + level.sigma);
}

static double time_of(df_level level)
{
    return level.sigma / (level.alpha + level.sigma);
}

static double straightness(const char *name)
{
    static df_model model;
    static double x[PATHS * 2];
    static int method = 0; /* Euler */
    df_error error;
    df_level levels[STEPS + 1];
    char file[1000];
    snprintf(file, sizeof file, "%s/%s.safetensors", paper_folder, name);
    CHECK(df_model_load(&model, &paper_arena, file, &error) == DF_OK);
    const df_denoiser denoiser = df_model_denoiser(&model);
    const df_grid_config grid = {.steps = STEPS, .spacing = DF_SPACING_FLOW};
    CHECK(df_grid_init(levels, &grid, &model.schedule, &error) == DF_OK);
    df_sampling sampling = {.denoiser = &denoiser, .sampler = df_find_sampler("flow", NULL), .options = &method,
                            .levels = levels, .steps = STEPS, .hook = record};
    CHECK(df_sampling_init(&sampling, &paper_arena, &error) == DF_OK);
    df_sampling_start(&sampling, 0, PATHS, x);
    CHECK(df_sampling_run(&sampling, 0, PATHS, x, &error) == DF_OK);
    double bend = 0;
    for (size_t i = 0; i < STEPS; i++) {
        const double du = time_of(levels[i + 1]) - time_of(levels[i]);
        const double whole = time_of(levels[STEPS]) - time_of(levels[0]);
        for (size_t j = 0; j < PATHS * 2; j++) {
            const double miss = (path[STEPS][j] - path[0][j]) / whole - (path[i + 1][j] - path[i][j]) / du;
            bend += miss * miss * fabs(du) / PATHS;
        }
    }
    return bend;
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    const char *key = "flow_matching";
    type("$D train swissroll -q -f --method flow-matching -o flow.safetensors");
    const double kl = kl_of("flow.safetensors", 4000);
    claim(key, "KL(truth || model), nats", "<= 0.05", text("%.4f", kl), kl <= 0.05);

    type("$D train swissroll -q -f --method flow-matching --coupling ot -o ot.safetensors");
    const double alone = energy("flow", 2), paired = energy("ot", 2);
    claim(key, "energy distance of 2 Euler steps, OT pairs over independent", "<= 1/3", text("%.4f / %.3f", paired, alone),
          paired <= alone / 3);

    type("$D train swissroll -q -f --method flow-matching --reflow flow.safetensors -o reflow.safetensors");
    const double once = energy("flow", 1), again = energy("reflow", 1);
    claim(key, "energy distance of 1 Euler step, reflowed over first flow", "<= 1/10", text("%.4f / %.3f", again, once),
          again <= once / 10);

    const double bent = straightness("flow"), straight = straightness("reflow");
    claim(key, "bend of the paths, reflowed over first flow", "<= 1/5", text("%.2e / %.2e", straight, bent),
          straight <= bent / 5);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
