/* paper_analytic_dpm.c -- on a trained model: the bound and the samples of three variances, in few steps. */
#include "papers.h"

enum { STEPS = 40 };

/* On -ln p of a point, nats in scaled units. */
static double bound_of(const char *sampler)
{
    double sum = 0;
    type("$D likelihood roll.safetensors points.csv --bound --sampler %s --steps %d --timestep-spacing trailing "
         "-q -f -o terms.csv", sampler, STEPS);
    for (size_t row = 0; row <= STEPS; row++) sum += cell("terms.csv", row, "nats");
    return sum;
}

static double ks_of(const char *sampler)
{
    type("$D sample roll.safetensors --sampler %s --steps 20 -n 10000 -q -f -o s.csv", sampler);
    type("$D eval s.csv --against swissroll --json -q -f -o s.json");
    return number("s.json", "ks");
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll -q -o roll.safetensors && $D data swissroll -n 4000 --seed 5 -q -o points.csv");
    const double large = bound_of("ddpm --variance-type fixed-large"), analytic = bound_of("analytic_dpm");
    claim("analytic_dpm", "bound of 40 steps, nats, and DDPM's with its larger variance", text("below %.3f", large),
          text("%.3f", analytic), analytic < large);
    const double small = ks_of("ddpm"), best = ks_of("analytic_dpm");
    claim("analytic_dpm", "mass along the roll after 20 steps, and DDPM's (ks)", text("below half of %.4f", small),
          text("%.4f", best), best < small / 2);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
