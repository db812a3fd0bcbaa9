/* paper_ncsn.c -- what the NCSN paper claims, with trained networks: `paper_ncsn PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/measure.h"
#include "diffuse/model.h"
#include "diffuse/shape.h"
#include "diffuse/random.h"
#include "diffuse/table.h"

static df_error failure;

/* A model and the exact answer in its units. */
typedef struct pupil {
    df_model model;
    df_mixture mixture;
    df_denoiser learned, exact;
} pupil;

static void load(pupil *p, const char *name)
{
    char path[1000];
    df_cloud cloud;
    df_mixture mixture;
    const df_shape *shape = df_find_shape("swissroll");
    snprintf(path, sizeof path, "%s/%s", paper_folder, name);
    CHECK(df_model_load(&p->model, &paper_arena, path, &failure) == DF_OK);
    CHECK(df_cloud_open(&cloud, &paper_arena, shape, shape->noise, &failure) == DF_OK);
    CHECK(df_cloud_mixture(&mixture, &paper_arena, &cloud, df_cloud_node_count(&cloud), &failure) == DF_OK);
    CHECK(df_mixture_scaled(&p->mixture, &paper_arena, &mixture, p->model.transform.mean, p->model.transform.scale[0],
                            &failure) == DF_OK);
    p->learned = df_model_denoiser(&p->model);
    p->exact = df_denoiser_of_mixture(&p->mixture);
}

/* eps:(n, 2) at x:(n, 2) with alpha = 1. */
static void ask(double *eps, const df_denoiser *d, double sigma, const double *x, size_t n)
{
    void *scratch = d->scratch(d->self, &paper_arena, &failure);
    const df_level level = {1, sigma};
    for (size_t r = 0; r < n; r += DF_ROWS) {
        const df_question question = {.n = n - r < DF_ROWS ? n - r : DF_ROWS, .x = x + 2 * r, .level = &level};
        d->answer(d->self, &question, &(df_answer){.eps = eps + 2 * r}, scratch);
    }
}

static double squares(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (a[i] - (b ? b[i] : 0)) * (a[i] - (b ? b[i] : 0));
    return sum;
}

enum { MOST = 6400 };
static double x[2 * MOST], eps[2 * MOST], guess[2 * MOST], right[2 * MOST];

/* Places of a grid around the roll that are more than 0.3 from it. */
static size_t far_away(const df_mixture *m)
{
    size_t n = 0;
    for (int k = 0; k < 6400; k++) {
        const double at[2] = {-2.5 + 5.0 * (k % 80) / 79, -2.5 + 5.0 * (k / 80) / 79};
        double nearest = HUGE_VAL;
        for (size_t j = 0; j < m->count; j++)
            nearest = fmin(nearest, hypot(at[0] - m->nodes[2 * j], at[1] - m->nodes[2 * j + 1]));
        if (nearest > 0.3) memcpy(x + 2 * n++, at, sizeof at);
    }
    return n;
}

/* |score - exact score|^2 / |exact score|^2 there. */
static double error_far_away(const pupil *p, double sigma)
{
    const size_t n = far_away(&p->mixture);
    ask(guess, &p->learned, sigma, x, n);
    ask(right, &p->exact, sigma, x, n);
    return squares(guess, right, 2 * n) / squares(right, NULL, 2 * n);
}

/* Section 3.2.1: where there are no data, no score is learned, unless noise carries the data there. */
static void check_far_away(void)
{
    static pupil one, all;
    type("$D train swissroll -q -f --method ncsn --timesteps 1 --sigma-end 0.01 -o one.safetensors");
    load(&one, "one.safetensors");
    load(&all, "ncsn.safetensors");
    const double tiny = error_far_away(&one, 0.01);
    const double same = error_far_away(&all, 0.01), noisy = error_far_away(&all, 0.5);
    printf("relative error off the roll: %.4f from sigma 0.01 alone; from all levels %.4f at 0.01, %.4f at 0.5\n", tiny,
           same, noisy);
    claim("ncsn", "noise makes the score learnable where no data are (relative error, sigma 0.01 alone to 0.5)",
          "> 5 times less", text("%.0f times (%.1f at 0.01)", tiny / noisy, tiny / same), tiny > 5 * noisy);
}

/* n points of the roll with noise: x, and the noise in eps. */
static void noised(const pupil *p, double sigma, size_t n)
{
    CHECK(df_mixture_points(x, NULL, &p->mixture, 11, 0, n, &paper_arena, &failure) == DF_OK);
    df_normal_rows(eps, n, 2, (df_place){.seed = 12, .purpose = DF_FOR_MEASURE});
    df_add_noise(x, (df_level){1, sigma}, x, eps, 2 * n);
}

/* The loss of each level is what cannot be learned there, and hardly more. */
static void check_levels(void)
{
    static pupil p;
    double worst = 0;
    load(&p, "ncsn.safetensors");
    for (size_t t = 1; t <= p.model.schedule.steps; t++) {
        const df_level level = p.model.schedule.levels[t];
        const double sigma = level.sigma / level.alpha;
        noised(&p, sigma, MOST);
        ask(guess, &p.learned, sigma, x, MOST);
        ask(right, &p.exact, sigma, x, MOST);
        const double loss = squares(guess, eps, 2 * MOST) / (2 * MOST);
        const double least = squares(right, eps, 2 * MOST) / (2 * MOST);
        printf("sigma %.4f: loss %.4f, irreducible %.4f\n", sigma, loss, least);
        if (sigma <= 3 && !(loss / least - 1 <= worst)) worst = loss / least - 1;
    }
    claim("ncsn", "every level up to 3 learns all there is to learn: loss over the irreducible loss", "<= 1.1",
          text("%.3f", 1 + worst), worst <= 0.1);
}

/* What is learned is the score of the noised density, not that of the data. */
static void check_optimum(void)
{
    static pupil p;
    enum { N = 4000 };
    const double sigma = 0.1;
    load(&p, "ncsn.safetensors");
    noised(&p, sigma, N);
    ask(guess, &p.learned, sigma, x, N);
    ask(right, &p.exact, sigma, x, N);
    const double to_noised = squares(guess, right, 2 * N) / squares(right, NULL, 2 * N);
    ask(right, &p.exact, 1e-4, x, N);
    for (size_t i = 0; i < 2 * N; i++) right[i] *= sigma / 1e-4; /* the clean score in the same units */
    const double to_clean = squares(guess, right, 2 * N) / squares(right, NULL, 2 * N);
    claim("ncsn", "the optimum is the score of the noised density (relative error at 0.1: to it, to the clean score)",
          "< 0.05, > 0.5", text("%.4f, %.2f", to_noised, to_clean), to_noised < 0.05 && to_clean > 0.5);
}

/* Two heaps of 80 % and 20 %, and the roll, by annealed Langevin dynamics. */
static void check_langevin(void)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/heaps.csv", paper_folder);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (!file) return;
    fprintf(file, "x,y\n");
    for (uint64_t r = 0; r < 20000; r++) {
        double z[2];
        df_normals(z, (df_place){.seed = 1, .index = r}, 0);
        const double at = r % 5 ? 5 : -5;
        fprintf(file, "%.6f,%.6f\n", at + z[0], at + z[1]);
    }
    fclose(file);
    type("$D train heaps.csv -q -f --method ncsn --train-steps 4000 -o heaps.safetensors");
    type("$D sample heaps.safetensors -q -f --sampler langevin -n 5000 -o drawn.csv");
    df_table table = {0};
    snprintf(path, sizeof path, "%s/drawn.csv", paper_folder);
    CHECK(df_table_read(&table, &paper_arena, path, NULL, &failure) == DF_OK && table.rows == 5000);
    double share = 0;
    for (size_t r = 0; r < table.rows; r++) share += table.values[2 * r] + table.values[2 * r + 1] > 0 ? 1.0 / 5000 : 0;
    claim("ncsn", "annealed Langevin gives the heavy of two heaps its share, 0.8", "0.75 to 0.85", text("%.3f", share),
          share >= 0.75 && share <= 0.85);

    type("$D sample ncsn.safetensors -q -f --sampler langevin -n 5000 -o drawn.csv");
    type("$D eval drawn.csv --against swissroll -q -f --json -o langevin.json");
    const double ks = number("langevin.json", "ks"), thickness = number("langevin.json", "thickness");
    claim("ncsn", "Langevin on the roll, 50 levels of 20 steps: Kolmogorov distance, thickness", "<= 0.04, 0.9 to 1.15",
          text("%.4f, %.3f", ks, thickness), ks <= 0.04 && thickness >= 0.9 && thickness <= 1.15);
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll -q -f --method ncsn -o ncsn.safetensors");
    const double kl = kl_of("ncsn.safetensors", 10000);
    claim("ncsn", "KL(truth || model) on the roll, by the ODE, nats", "<= 0.05", text("%.4f", kl), kl <= 0.05);
    check_langevin();
    check_far_away();
    check_levels();
    check_optimum();
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
