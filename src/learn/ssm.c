/* ssm.c -- Sliced Score Matching: A Scalable Approach to Density and Score Estimation.       [ssm]
 *
 * Song, Garg, Shi, Ermon. UAI 2019. arXiv:1905.07088
 *
 * The distance of a score to the true one can be had without knowing the true one: after integrating by parts only the
 * divergence of the score and its length are left. The divergence needs as many derivatives as there are columns, so it
 * is asked along random directions v only. No noise is told to the network and none is to be guessed.
 *
 *   J = E [div s + 1/2 |s|^2] = 1/2 E |s - s*|^2 - 1/2 E |s*|^2                              exact (Sec. 2.1)
 *   J = E_v E [v.(ds/dx) v + 1/2 (v.s)^2]                                                    ssm (Sec. 3.1)
 *   J = E_v E [v.(ds/dx) v + 1/2 |s|^2]                                                      ssm-vr (Sec. 3.1)
 *
 * The gradient of v.(ds/dx) v goes back through a tangent: df_network_tangent_backward. Data on thin curves have scores
 * without bound, so that x is noised, anew each time, and s is the score of what is noised; each level counts sigma^2
 * of it (2006.09011 calls that lambda). With eps = -sigma s the loss has no small denominators:
 *
 *   sigma^2 J = E [1/2 |eps|^2 - sigma v.(d eps/dx) v]
 *
 * Paper -> here: s_theta -> -eps/sigma of whatever the network predicts;  M slices -> --slices.
 *
 * Differs from the paper: it adds no noise, for its densities have none of that trouble. Their code makes v of length 1
 * for ssm, which divides J by the number of columns; here E v v^T = I. It draws Gaussian v for ssm-vr in toy
 * experiments and signs elsewhere; here signs, unless told otherwise.
 */
#include "diffuse/paper.h"

#include "diffuse/random.h"

enum { SSM, SSM_VR, EXACT };
static const char *const estimators[] = {"ssm", "ssm-vr", "exact", NULL};

enum { RADEMACHER, GAUSSIAN };
static const char *const projections[] = {"rademacher", "gaussian", NULL};

typedef struct learning {
    int estimator, projection;
    uint64_t slices;
} learning;

#define AT(member) .offset = offsetof(learning, member)
static const df_option learning_options[] = {
    {.name = "estimator", .kind = DF_CHOICE, AT(estimator), .choices = estimators, .value = "ssm-vr",
     .help = "J sliced, sliced with |s|^2 as it is (both Sec. 3.1), or with every column (Sec. 2.1)"},
    {.name = "slices", .kind = DF_COUNT, AT(slices), .value = "1", .low = 1, .high = 1000, .shown = "M",
     .idle_with = "estimator=exact", .help = "directions for each point, unless exact (Sec. 3.1)"},
    {.name = "projection", .kind = DF_CHOICE, AT(projection), .choices = projections, .value = "rademacher",
     .idle_with = "estimator=exact", .help = "the law of v, signs or normals, unless exact (Sec. 3.1)"},
    {0}};

static size_t room(const df_network *network, const df_schedule *schedule)
{
    (void)schedule;
    return 2 * DF_ROWS * network->config.dim; /* of what is at least as large as df_real */
}

/* v:(n, dim), direction number `slice` of each row. */
static void draw_directions(const df_learning *l, df_real *v, size_t n, size_t slice)
{
    const learning *o = l->options;
    const size_t dim = l->network->config.dim;
    for (size_t r = 0; r < n; r++) {
        const df_place place = {.seed = l->seed, .index = (l->step - 1) * l->batch + l->first + r,
                                .step = (uint32_t)slice, .purpose = DF_FOR_METHOD};
        for (size_t i = 0; i < dim; i++) {
            double pair[2];
            (o->projection == GAUSSIAN ? df_normals : df_uniforms)(pair, place, (uint32_t)(i / 2));
            const double z = pair[i % 2];
            v[r * dim + i] = (df_real)(o->estimator == EXACT ? i == slice
                                       : o->projection == GAUSSIAN ? z : z < 0.5 ? -1 : 1);
        }
    }
}

/* The sum of one slice's loss over the rows; d_output and d_output_dot get its gradient times share. */
static double slice_loss(df_learning *l, const df_real *v, df_real *output_dot, size_t n, size_t slices, double share)
{
    const int estimator = ((const learning *)l->options)->estimator;
    const size_t dim = l->network->config.dim;
    const double part = 1 / (double)slices, trace_part = estimator == EXACT ? 1 : part;
    double loss = 0;
    for (size_t r = 0; r < n; r++) {
        const df_level level = l->levels[r];
        const double one = 1, zero = 0, weight = l->weights[r];
        double of_x, of_output, along = 0, length = 0, trace = 0;
        df_prediction_read(NULL, &of_x, l->prediction, level, &one, &zero, 1); /* eps is linear in both */
        df_prediction_read(NULL, &of_output, l->prediction, level, &zero, &one, 1);
        for (size_t i = r * dim; i < (r + 1) * dim; i++) {
            const double eps = of_x * (double)l->x[i] + of_output * (double)l->pass.output[i], vi = (double)v[i];
            along += vi * eps;
            length += eps * eps;
            trace += vi * (of_x * vi + of_output * (double)output_dot[i]);
        }
        loss += weight * (part * 0.5 * (estimator == SSM ? along * along : length) - trace_part * level.sigma * trace);
        for (size_t i = r * dim; i < (r + 1) * dim; i++) {
            const double eps = of_x * (double)l->x[i] + of_output * (double)l->pass.output[i], vi = (double)v[i];
            const double by_eps = estimator == SSM ? along * vi : eps, scale = share * weight * of_output;
            l->d_output[i] = (df_real)(scale * part * by_eps);
            output_dot[i] = (df_real)(-scale * trace_part * level.sigma * vi);
        }
    }
    return loss;
}

static double block(df_learning *l, const df_weights *weights, size_t n, double share, df_real *d_parameters)
{
    const learning *o = l->options;
    const size_t dim = l->network->config.dim, slices = o->estimator == EXACT ? dim : (size_t)o->slices;
    df_real *v = (df_real *)(void *)l->room, *output_dot = v + DF_ROWS * dim;
    double loss = 0;
    df_network_forward(l->network, weights, &l->pass, l->x, l->labels, false, n);
    for (size_t slice = 0; slice < slices; slice++) {
        draw_directions(l, v, n, slice);
        df_network_tangent(l->network, weights, &l->pass, v, output_dot, n);
        loss += slice_loss(l, v, output_dot, n, slices, share);
        if (d_parameters)
            df_network_tangent_backward(l->network, weights, &l->pass, l->d_output, output_dot, d_parameters, n);
    }
    return loss;
}

static const df_objective objective = {
    .name = "ssm", .about = "the score by its divergence along random directions, without guessing noise",
    .options = learning_options, .options_size = sizeof(learning),
    .settings = "beta-schedule=geometric sigma-start=0.1 sigma-end=20 shift=1 timesteps=20 prediction-type=eps",
    .tangents = true, .room = room, .block = block};

const df_paper df_paper_ssm = {
    .key = "ssm", .title = "Sliced Score Matching: A Scalable Approach to Density and Score Estimation",
    .authors = "Song, Garg, Shi, Ermon", .venue = "UAI 2019, PMLR 115, 574-584", .arxiv = "1905.07088", .year = 2019,
    .brings = "the score from data alone, by derivatives along random directions",
    .claim = "one random direction learns the score as well as all of them, and J comes near its least value",
    .check = "make papers PAPER=ssm",
    .objectives = (const df_objective *const[]){&objective, NULL}};
