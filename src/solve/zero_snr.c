/* zero_snr.c -- Zero terminal SNR: start sampling where training ended.                       [zero_snr]
 *
 * Lin, Liu, Li, Yang. WACV 2024. arXiv:2305.08891
 *
 * Sampling starts from pure noise, but the last level of the usual schedules still holds a trace of the data, and their
 * mean survives any noise. A model that was trained so reads a mean into whatever it is given, and from pure noise it
 * reads a mean of 0: samples of data with another mean come out too near 0, deterministic ones above all. The remedy is
 * a schedule, a choice of prediction and a grid, which are part of the core; this file only says where they are.
 *
 *   q_t  <- (q_t - q_T) q_1/(q_1 - q_T),  q = sqrt(abar)        --zero-terminal-snr: src/process/schedule.c  (Alg. 1)
 *   v     = alpha eps - sigma x0, as eps is no question without signal: src/denoiser/convert.c               (Sec. 3.2)
 *   t_k   = round(T - k T/N), which begins at T                 --timestep-spacing trailing: src/core/grid.c (Sec. 3.3)
 * From pure noise the first answer is D = E x0, whatever x is.
 *
 * Paper -> here: sqrt(abar) -> alpha;  S, the number of steps -> N.
 *
 * Differs from the paper: x0 and velocity are allowed beside v, for which alpha = 0 is as good; eps and score are
 * refused (src/model/model.c). The rescaling of guidance, the fourth part of the paper, is not here.
 */
#include "diffuse/paper.h"

const df_paper df_paper_zero_snr = {
    .key = "zero_snr", .title = "Common Diffusion Noise Schedules and Sample Steps are Flawed",
    .authors = "Lin, Liu, Li, Yang", .venue = "WACV 2024", .arxiv = "2305.08891", .year = 2024,
    .brings = "a last level without any of the data: train --zero-terminal-snr, sample --timestep-spacing trailing",
    .claim = "off-centre data (mean 4, --scale none) lose 0.33 of their mean in 20 steps of DDIM, with this under 0.02",
    .check = "make papers PAPER=zero_snr, and build/tests/test_zero_snr in make test"};
