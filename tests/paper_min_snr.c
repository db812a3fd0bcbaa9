/* paper_min_snr.c -- what min-SNR weights are worth: `paper_min_snr PROGRAM FOLDER`.
 *
 * Mean divergences of a few seeds that are taught samples, as in the paper, on the paper's cosine schedule as it is:
 * shifted to fine detail, it already does what the weights do. "3.4 times faster" is asked as: as good in 0.7 of the
 * steps.
 */
#include "papers.h"

enum { SEEDS = 5, FEW = 1400, MANY = 2000 };

static double kl_after(int steps, const char *options)
{
    double sum = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
        type("$D train swissroll -q -f --target sample --shift 1 --train-steps %d --seed %d %s -o m.safetensors", steps, seed, options);
        sum += kl_of("m.safetensors", 2000) / SEEDS;
    }
    return sum;
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    const double weighted = kl_after(FEW, "--method min_snr"), eps = kl_after(MANY, "--prediction-type eps"),
                 v = kl_after(FEW, ""), x0 = kl_after(FEW, "--prediction-type x0"),
                 five = kl_after(FEW, "--method min_snr --snr-gamma 5");
    claim("min_snr", "KL after 1,400 steps, plain loss of eps after 2,000", "not above it",
          text("%.3f and %.3f", weighted, eps), weighted <= eps);
    claim("min_snr", "and of v after 1,400", "within a fifth of it", text("%.3f and %.3f", weighted, v),
          weighted <= 1.2 * v);
    claim("min_snr", "plain loss of x0 after 1,400", "never gets there, >= 1 nat", text("%.2f", x0), x0 >= 1);
    claim("min_snr", "the clamp of images, 5 instead of 400", "more than twice that: blind to fine detail", text("%.3f", five),
          five > 2 * weighted);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
