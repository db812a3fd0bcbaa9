/* paper_dpm_solver.c -- ten steps of order 2 against ten of DDIM, and noise that mends what a network gets wrong. */
#include "papers.h"

static double of_samples(const char *sampler, int steps, const char *name)
{
    type("$D sample roll.safetensors --sampler %s --steps %d -n 10000 -q -f -o s.csv", sampler, steps);
    type("$D eval s.csv --against swissroll --json -q -f -o s.json");
    return number("s.json", name);
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll -q -o roll.safetensors");

    const double ddim = of_samples("ddim", 20, "ks"), two_m = of_samples("dpmpp_2m", 10, "ks");
    claim("dpm_solver", "mass along the roll after 10 steps of 2M, and 20 of DDIM (ks)", text("below %.4f", ddim),
          text("%.4f", two_m), two_m < ddim);

    const double ode = of_samples("dpmpp_2m", 20, "off_shape"), sde = of_samples("dpmpp_2m_sde", 20, "off_shape");
    claim("dpm_solver", "points off the roll after 20 steps of SDE-2M, and of 2M", text("below %.4f", ode),
          text("%.4f", sde), sde < ode);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
