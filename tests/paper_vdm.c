/* paper_vdm.c -- what a learned schedule reaches: `paper_vdm PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/random.h"
#include "diffuse/subject.h"

#include <math.h>

enum { KNOTS = 241, POINTS = 1024 };

static df_subject exact, learned;
static double first[KNOTS], second[KNOTS]; /* E |r|^2 and E |r|^4 of the exact denoiser, gamma from -12 to 12 */

static double gamma_at(size_t k)
{
    return -12 + 0.1 * (double)k;
}

static void measure_levels(void)
{
    df_error error;
    void *scratch = exact.denoiser.scratch(exact.denoiser.self, &paper_arena, &error);
    static double x0[POINTS * 2], eps[POINTS * 2];
    double x[DF_ROWS * 2], guess[DF_ROWS * 2];
    CHECK(df_mixture_points(x0, NULL, &exact.mixture, 21, 0, POINTS, &paper_arena, &error) == DF_OK);
    for (size_t k = 0; k < KNOTS; k++) {
        const df_level level = df_level_from_ratio(exp(gamma_at(k) / 2));
        df_normal_rows(eps, POINTS, 2, (df_place){.seed = 22 + k, .purpose = DF_FOR_NOISE});
        for (size_t done = 0; done < POINTS; done += DF_ROWS) {
            df_add_noise(x, level, x0 + 2 * done, eps + 2 * done, DF_ROWS * 2);
            const df_question question = {.n = DF_ROWS, .x = x, .level = &level};
            exact.denoiser.answer(exact.denoiser.self, &question, &(df_answer){.eps = guess}, scratch);
            for (size_t r = 0; r < DF_ROWS; r++) {
                const double off = pow(guess[2 * r] - eps[2 * (done + r)], 2) +
                                   pow(guess[2 * r + 1] - eps[2 * (done + r) + 1], 2);
                first[k] += off / POINTS;
                second[k] += off * off / POINTS;
            }
        }
    }
}

static double between(const double *table, double gamma)
{
    const double at = (gamma + 12) / 0.1;
    const size_t k = at <= 0 ? 0 : at >= KNOTS - 1 ? KNOTS - 2 : (size_t)at;
    return table[k] + (at - (double)k) * (table[k + 1] - table[k]);
}

/* Variance of one example's term under gamma(t), t = k / count. */
static double variance_of(const double *gamma, size_t count)
{
    double mean = 0, square = 0;
    for (size_t k = 0; k < count; k++) {
        const double slope = (gamma[k + 1] - gamma[k]) * (double)count, middle = (gamma[k] + gamma[k + 1]) / 2;
        mean += 0.5 * slope * between(first, middle) / (double)count;
        square += 0.25 * slope * slope * between(second, middle) / (double)count;
    }
    return square - mean * mean;
}

typedef struct verdict {
    double learned, linear, optimum;
} verdict;

/* Of a model's learned schedule, of the straight line between its ends, and of the best gamma between them. */
static verdict judge(const char *name)
{
    static double gamma[1001], line[1001];
    df_error error;
    char file[1000];
    snprintf(file, sizeof file, "%s/%s.safetensors", paper_folder, name);
    CHECK(df_subject_load(&learned, &paper_arena, file, NULL, &error) == DF_OK);
    const size_t count = learned.schedule.steps - 1;
    for (size_t t = 0; t <= count; t++) gamma[t] = 2 * df_log_ratio(learned.schedule.levels[t + 1]);
    double mean = 0, root = 0;
    for (size_t t = 0; t <= count; t++) line[t] = gamma[0] + (gamma[count] - gamma[0]) * (double)t / (double)count;
    for (size_t t = 0; t < count; t++) {
        const double width = line[t + 1] - line[t], middle = (line[t] + line[t + 1]) / 2;
        mean += 0.5 * width * between(first, middle);
        root += 0.5 * width * sqrt(between(second, middle));
    }
    return (verdict){variance_of(gamma, count), variance_of(line, count), root * root - mean * mean};
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    df_error error;
    const df_schedule_config schedule = {.beta_schedule = DF_BETA_COSINE, .timesteps = 1000, .shift = 1};
    CHECK(df_subject_load(&exact, &paper_arena, "exact:swissroll", &schedule, &error) == DF_OK);
    measure_levels();
    static const char *const starts[] = {"geometric", "cosine", "linear"};
    for (size_t s = 0; s < 3; s++) {
        type("$D train swissroll -q -f --method vdm --beta-schedule %s %s -o %s.safetensors", starts[s],
             s ? "" : "--log run.csv", starts[s]);
        const verdict v = judge(starts[s]);
        claim("vdm", text("variance of the bound's estimate, gamma learned from %s", starts[s]),
              text("<= 1.15 x %.0f, < %.0f", v.optimum, v.linear), text("%.0f", v.learned),
              v.learned <= 1.15 * v.optimum && v.learned < v.linear);
    }
    const double kl = kl_of("geometric.safetensors", 4000);
    claim("vdm", "KL(truth || model), nats", "<= 0.05", text("%.4f", kl), kl <= 0.05);

    type("$D train swissroll -q -f --method vdm --train-steps 2500 -o waves.safetensors && "
         "$D train swissroll -q -f --method vdm --train-steps 2500 --point-features raw -o raw.safetensors");
    const double waves = kl_of("waves.safetensors", 2000), raw = kl_of("raw.safetensors", 2000);
    claim("vdm", "KL after 2,500 steps without Fourier features of the points, and with", "more than 1.5 times",
          text("%.3f, %.3f", raw, waves), raw > 1.5 * waves);

    type("$D data swissroll -n 4000 --seed 77 -q -f -o points.csv && "
         "$D likelihood geometric.safetensors points.csv --bound --steps 1000 --timestep-spacing trailing "
         "--variance-type fixed-large -q -f -o terms.csv && "
         "awk -F, 'NR > 1 { s += $NF } END { printf \"{\\\"nats\\\": %%.9g}\\n\", s }' terms.csv > bound.json");
    const double bound = number("bound.json", "nats"), entropy = 0.9641;
    claim("vdm", "bound of 1,000 steps, nats, not below the entropy", text("%.3f to %.3f", entropy - 0.06, entropy + 0.15),
          text("%.3f", bound), bound > entropy - 0.06 && bound < entropy + 0.15);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
