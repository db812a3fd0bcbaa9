/* min_snr.c -- Efficient Diffusion Training via Min-SNR Weighting Strategy.                  [min_snr]
 *
 * Hang, Gu, Li, Bao, Chen, Hu, Geng, Guo. ICCV 2023. arXiv:2303.09556
 *
 * Levels are tasks that pull one network in different directions. A plain loss of x0 neglects the levels without
 * noise, one of eps is ruled by them. Weigh the loss of x0 by the signal-to-noise ratio, but by no more than k.
 *
 *   weight of |x0 - D|^2      = min(SNR, k)                    SNR = alpha^2 / sigma^2      (Section 3.4)
 *   so that of |eps - guess|^2 is min(SNR, k) / SNR, and that of |v - guess|^2 is min(SNR, k) / (SNR + 1)
 *   soft: SNR k / (SNR + k), the same without a corner
 *   at SNR = 0 the weight is 1
 *
 * Paper -> here: gamma, k -> --snr-gamma;  the division by SNR or SNR + 1 is df_prediction_gain squared, for any
 *                prediction: the error of x0 is the gain times that of the prediction.
 *
 * Differs from the paper: k is 400, not 5. A level tells of details as thin as its noise, and above SNR = k it hardly
 * counts: with k = 5 nothing thinner than 0.45 does, while points are 0.05 thin, and 1/0.05^2 = 400. The network
 * predicts v where the paper's predicts x0, which alone does not tell what is thinner than the network's own errors.
 * The weight of v has a name of its own in the authors' code, vmin_snr; that of eps in its place is a silent mistake.
 * The soft weight is k-diffusion's.
 */
#include "diffuse/paper.h"

typedef struct learning {
    double k;
    bool soft;
} learning;

static const df_option options_table[] = {
    {.name = "snr-gamma", .kind = DF_NUMBER, .offset = offsetof(learning, k), .value = "400", .low = 1e-6, .high = 1e12,
     .shown = "K", .also = "min-snr-gamma min-snr-loss-weight",
     .help = "largest weight of an error of x0, 1 over the variance of the finest detail (Section 3.4)"},
    {.name = "soft-min-snr", .kind = DF_FLAG, .offset = offsetof(learning, soft), .also = "soft",
     .help = "SNR K/(SNR + K) instead of the smaller of SNR and K"},
    {0}};

static double target(const df_example *e, double *target)
{
    const learning *o = e->options;
    const double ratio = e->level.alpha / e->level.sigma, snr = ratio * ratio;
    df_prediction_target(target, e->prediction, e->level, e->x0, e->eps, e->dim);
    if (!(snr > 0)) return 1;

    const double weight = o->soft ? snr * o->k / (snr + o->k) : snr < o->k ? snr : o->k;
    const double gain = df_prediction_gain(e->prediction, e->level);
    return weight * gain * gain;
}

static const df_objective objective = {
    .name = "min_snr", .about = "squared error weighed by the signal-to-noise ratio, clamped", .settings = "shift=1",
    .options = options_table, .options_size = sizeof(learning), .target = target, .linear = true};

const df_paper df_paper_min_snr = {
    .key = "min_snr", .title = "Efficient Diffusion Training via Min-SNR Weighting Strategy",
    .authors = "Hang, Gu, Li, Bao, Chen, Hu, Geng, Guo", .venue = "ICCV 2023", .arxiv = "2303.09556", .year = 2023,
    .brings = "one clamped weight that lets all levels learn together",
    .claim = "as good as the plain loss of eps in 0.7 of its steps, and as that of v in as many",
    .check = "make papers PAPER=min_snr",
    .objectives = (const df_objective *const[]){&objective, NULL}};
