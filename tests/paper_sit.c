/* paper_sit.c -- what trained interpolants show: `paper_sit PROGRAM FOLDER`. */
#include "papers.h"

#include <math.h>

/* The share of 10,000 points that lie off the roll. */
static double off_shape(const char *how, int seed)
{
    type("$D sample hasty-%d.safetensors -n 10000 %s --steps 250 -q -f -o points.csv && "
         "$D eval points.csv --against swissroll -q -f --json -o off.json", seed, how);
    return number("off.json", "off_shape");
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll -q -f --method sit -o sit.safetensors");
    const double kl = kl_of("sit.safetensors", 4000);
    claim("sit", "KL(truth || model) by default, nats", "<= 0.05", text("%.4f", kl), kl <= 0.05);

    /* On gvp and vp the velocity is v, up to a factor of the level alone. */
    static const char *const paths[] = {"flow", "gvp", "linear"}, *const names[] = {"linear", "gvp", "vp"};
    static const char *const kinds[] = {"velocity", "eps", "score"};
    double best = HUGE_VAL;
    for (size_t p = 0; p < 3; p++) {
        double cell[3];
        for (size_t k = 0; k < 3; k++) {
            type("$D train swissroll -q -f --method sit --train-steps 2500 --beta-schedule %s --prediction-type %s "
                 "-o cell.safetensors", paths[p], k == 0 && p > 0 ? "v" : kinds[k]);
            cell[k] = kl_of("cell.safetensors", 1000);
            best = fmin(best, cell[k]);
        }
        claim("sit", text("KL of velocity, noise, score on the %s path, 2,500 steps", names[p]), "reported",
              text("%.3f, %.3f, %.3f", cell[0], cell[1], cell[2]), isfinite(cell[0] + cell[1] + cell[2]));
    }
    claim("sit", "best of the nine", "<= 0.1", text("%.4f", best), best <= 0.1);

    enum { SEEDS = 5 };
    double gain[SEEDS], ode[SEEDS], sde[SEEDS];
    for (int seed = 0; seed < SEEDS; seed++) {
        type("$D train swissroll -q -f --method sit --train-steps 1000 --seed %d -o hasty-%d.safetensors", seed, seed);
        ode[seed] = off_shape("--sampler sit --diffusion none", seed);
        sde[seed] = off_shape("--sampler sit --diffusion sigma", seed);
        gain[seed] = ode[seed] - sde[seed];
    }
    qsort(gain, SEEDS, sizeof *gain, compare);
    qsort(ode, SEEDS, sizeof *ode, compare);
    qsort(sde, SEEDS, sizeof *sde, compare);
    claim("sit", "after 1,000 steps, share off the roll in 250 calls, SDE against ODE (median of 5)", "SDE less",
          text("%.4f against %.4f", sde[SEEDS / 2], ode[SEEDS / 2]), gain[SEEDS / 2] > 0);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
