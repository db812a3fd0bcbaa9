/* paper_unipc.c -- on a trained model: closer to the fine solution than the same solver without the corrector. */
#include "papers.h"

int main(int count, char **arguments)
{
    PAPER_START(count, arguments);
    type("$D train swissroll -q -o roll.safetensors");
    type("$D compare roll.safetensors --samplers ddim,unipc:solver-order=1,dpmpp_2m,unipc --steps 20 -q -o table.csv");
    enum { DDIM, UNIC, TWO_M, UNIPC };
    double missed[4];
    for (size_t row = DDIM; row <= UNIPC; row++) missed[row] = cell("table.csv", row, "displacement");
    claim("unipc", "UniC on DDIM, 20 steps: distance from the fine solution", text("below half of %.4f", missed[DDIM]),
          text("%.4f", missed[UNIC]), missed[UNIC] < missed[DDIM] / 2);
    claim("unipc", "UniPC-2, 20 steps: distance from the fine solution", text("below %.4f", missed[TWO_M]),
          text("%.4f", missed[UNIPC]), missed[UNIPC] < missed[TWO_M]);
    df_arena_free(&paper_arena);
    return CHECK_DONE();
}
