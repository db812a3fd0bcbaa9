/* paper_zero_snr.c -- the mean of samples of a roll around (4, 0), learned without being centred. */
#include "papers.h"

static double mean_of(const char *file)
{
    type("awk -F, 'NR > 1 { sum += $1 } END { printf \"{\\\"mean\\\": %%.9f}\", sum / (NR - 1) }' %s > mean.json", file);
    return number("mean.json", "mean");
}

/* Of 20 steps of DDIM; below 0: too near the origin. */
static double bias_of(const char *model, const char *spacing, double mean)
{
    type("$D sample %s --steps 20 --timestep-spacing %s -n 20000 -q -f -o s.csv", model, spacing);
    return mean_of("s.csv") - mean;
}

int main(int count, char **arguments)
{
    static const char settings[] = "--scale none --beta-schedule scaled-linear --beta-start 8.5e-4 --beta-end 0.012 --shift 1";
    PAPER_START(count, arguments);
    type("$D data swissroll -n 20000 --seed 1 -q -o roll.csv && "
         "awk -F, 'NR == 1; NR > 1 { printf \"%%.7f,%%s\\n\", $1 + 4, $2 }' roll.csv > far.csv");
    type("$D train far.csv %s -q -o usual.safetensors", settings);
    type("$D train far.csv %s --zero-terminal-snr -q -o zero.safetensors", settings);
    const double mean = mean_of("far.csv"), leading = bias_of("usual.safetensors", "leading", mean),
                 trailing = bias_of("usual.safetensors", "trailing", mean),
                 fixed = bias_of("zero.safetensors", "trailing", mean);
    claim("zero_snr", "bias of the mean 4, usual schedule, leading steps", "below -0.15", text("%.3f", leading),
          leading < -0.15);
    claim("zero_snr", "the same, trailing steps", "below -0.15", text("%.3f", trailing), trailing < -0.15);
    claim("zero_snr", "zero terminal SNR, trailing steps", "within 0.02", text("%.3f", fixed), fabs(fixed) < 0.02);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
