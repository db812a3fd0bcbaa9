/* paper_score_sde.c -- what the score SDE paper claims, with trained networks: `paper_score_sde PROGRAM FOLDER`. */
#include "papers.h"

#include "diffuse/measure.h"
#include "diffuse/table.h"

static df_error failure;

/* The points in FOLDER/name. */
static df_table points(const char *name)
{
    char path[1000];
    df_table table = {0};
    snprintf(path, sizeof path, "%s/%s", paper_folder, name);
    CHECK(df_table_read(&table, &paper_arena, path, NULL, &failure) == DF_OK && table.columns == 2);
    return table;
}

/* The median distance between the latents of the same points. */
static double apart(const char *one, const char *other)
{
    const df_table a = points(one), b = points(other);
    double *gaps = df_alloc(&paper_arena, 2 * a.rows, sizeof *gaps, &failure);
    CHECK(a.rows == b.rows && gaps);
    if (a.rows != b.rows || !gaps) return (double)NAN;
    for (size_t r = 0; r < a.rows; r++)
        gaps[r] = hypot(a.values[2 * r] - b.values[2 * r], a.values[2 * r + 1] - b.values[2 * r + 1]);
    return df_median(gaps, gaps + a.rows, a.rows);
}

/* Section 4.3: what the ODE encodes a point as is decided by the data, not by the network. */
static void check_encoding(void)
{
    type("$D data swissroll -n 1000 --seed 77 -q -f -o points.csv");
    type("$D encode vp0.safetensors points.csv -q -f -o a.csv && $D encode vp1.safetensors points.csv -q -f -o b.csv");
    type("$D encode exact:swissroll points.csv -q -f -o exact.csv");
    const double nets = apart("a.csv", "b.csv"), exact = apart("a.csv", "exact.csv");
    claim("score_sde", "two networks encode a point alike (median distance to each other, to the exact latent)",
          "< 0.1", text("%.4f, %.4f", nets, exact), nets < 0.1 && exact < 0.1);
}

static double ks_of(const char *options, double *thickness)
{
    type("$D sample ve.safetensors -q -f -n 10000 --sampler pc --sde ve --sigma-max 10 --sigma-min 0.02 --rho 100 %s "
         "-o s.csv", options);
    type("$D eval s.csv --against swissroll -q -f --json -o s.json");
    *thickness = number("s.json", "thickness");
    return number("s.json", "ks");
}

/* Table 1: a corrector, at equal predictor steps and at equal calls. */
static void check_corrector(void)
{
    double thick[3];
    const double p = ks_of("--steps 20 --corrector-steps 0", &thick[0]), pc = ks_of("--steps 20", &thick[1]);
    const double twice = ks_of("--steps 40 --corrector-steps 0", &thick[2]);
    claim("score_sde", "a corrector mends 20 coarse steps of VE (ks and thickness of P, PC)", "PC better",
          text("%.4f %.3f, %.4f %.3f", p, thick[0], pc, thick[1]), pc < p && fabs(thick[1] - 1) < fabs(thick[0] - 1));
    claim("score_sde", "P with 40 steps, as many calls as PC (reported)", "-", text("%.4f %.3f", twice, thick[2]),
          twice >= 0);
}

/* Section 4.3: fewer calls for a looser tolerance. */
static void check_tolerance(void)
{
    type("$D compare vp0.safetensors --samplers rk45:rtol=1e-3:atol=1e-3,rk45,rk45:rtol=1e-7:atol=1e-7,ddim --steps 2 "
         "-n 2000 --fine-steps 1000 -q -f -o trade.csv");
    char path[1000], line[300], measured[100] = "";
    double before = 0, gap[4] = {0};
    int rising = 1, row = 0;
    snprintf(path, sizeof path, "%s/trade.csv", paper_folder);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        const char *calls = strstr(line, ",2,"), *last = strrchr(line, ',');
        if (!calls || !last || row > 2) continue;
        const double count = strtod(calls + 3, NULL);
        gap[row++] = strtod(last + 1, NULL);
        rising = rising && count > before;
        before = count;
        snprintf(measured + strlen(measured), sizeof measured - strlen(measured), "%s%g", row > 1 ? ", " : "", count);
    }
    fclose(file);
    claim("score_sde", "RK45 costs as it is told: calls for tolerances 1e-3, 1e-5, 1e-7", "rising", measured,
          rising && row == 3 && gap[1] <= gap[0]);
}

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll -q -f --method score_sde -o vp0.safetensors");
    type("$D train swissroll -q -f --method score_sde --seed 1 -o vp1.safetensors");
    type("$D train swissroll -q -f --method score_sde --beta-schedule sub-vp -o sub.safetensors");
    type("$D train swissroll -q -f --method score_sde --beta-schedule geometric -o ve.safetensors");
    const double vp = kl_of("vp0.safetensors", 10000), sub = kl_of("sub.safetensors", 10000),
                 ve = kl_of("ve.safetensors", 10000);
    claim("score_sde", "KL(truth || model) on the roll, VP, by the ODE, nats", "<= 0.05", text("%.4f", vp), vp <= 0.05);
    claim("score_sde", "the same for VE", "<= 0.06", text("%.4f", ve), ve <= 0.06);
    claim("score_sde", "the same for sub-VP (less than VP? reported)", "<= 0.06", text("%.4f", sub), sub <= 0.06);
    check_encoding();
    check_corrector();
    check_tolerance();
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
