/* paper_edm.c -- what EDM promises of a trained model: `paper_edm PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/table.h"

enum { SEEDS = 3 };

/* The largest excess of the loss over the exact denoiser's, over levels from 0.01 to 20. The profile has
 * E |D - D*|^2 / s^2; lambda = (s^2 + 1) / s^2 makes it the loss. */
static double worst_excess(void)
{
    char path[1000];
    df_table profile;
    df_error error;
    double worst = 0;
    snprintf(path, sizeof path, "%s/profile.csv", paper_folder);
    CHECK(df_table_read(&profile, &paper_arena, path, NULL, &error) == DF_OK);
    for (size_t r = 0; r < profile.rows; r++) {
        const double s = profile.values[2 * r], excess = profile.values[2 * r + 1] * (1 + s * s);
        if (s >= 0.01 && s <= 20 && !(excess <= worst)) worst = excess;
    }
    return profile.rows ? worst : (double)NAN;
}

static void check_training(void)
{
    type("$D train swissroll --method edm -q -f -o edm.safetensors");
    const double kl = kl_of("edm.safetensors", 5000);
    claim("edm", "KL of the model, default training", "<= 0.05 nats", text("%.4f", kl), kl <= 0.05);

    type("$D eval edm.safetensors -q -f --sampler heun --steps 18 --profile profile.csv --json -o report.json");
    const double worst = worst_excess(), thickness = number("report.json", "thickness"),
                 off = number("report.json", "off_shape"), ks = number("report.json", "ks");
    claim("edm", "largest excess loss of any level", "<= 0.02 of about 2", text("%.4f", worst), worst <= 0.02);
    claim("edm", "Heun in 18 steps, 35 evaluations: thickness, off, KS", "0.9 to 1.15, <= 0.01, <= 0.04",
          text("%.3f, %.4f, %.4f", thickness, off, ks),
          thickness >= 0.9 && thickness <= 1.15 && off <= 0.01 && ks <= 0.04);
}

static void judge(const char *churn, double *off, double *ks)
{
    type("$D sample early.safetensors -q -f -n 10000 --sampler heun --steps 64 --s-churn %s -o s.csv", churn);
    type("$D eval s.csv --against swissroll -q -f --json -o report.json");
    *off += number("report.json", "off_shape") / SEEDS;
    *ks += number("report.json", "ks") / SEEDS;
}

/* The mean of a few networks that were stopped early, and were not taught means over the data. */
static void check_churn(void)
{
    double off[2] = {0, 0}, ks[2] = {0, 0};
    for (int seed = 0; seed < SEEDS; seed++) {
        type("$D train swissroll --method edm -q -f --target sample --train-steps 800 --seed %d -o early.safetensors", seed);
        judge("0", &off[0], &ks[0]);
        judge("20", &off[1], &ks[1]);
    }
    claim("edm", "churn mends an early network, 64 steps: off", "at most half of what it is without",
          text("%.4f of %.4f", off[1], off[0]), off[1] <= 0.5 * off[0]);
    claim("edm", "and KS", "less than without", text("%.4f of %.4f", ks[1], ks[0]), ks[1] < ks[0]);
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    check_training();
    check_churn();
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
