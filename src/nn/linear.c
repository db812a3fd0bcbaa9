/* linear.c -- the affine map and its three derivatives, each one matrix product.
 *
 *   forward    y(n, o)      = b(o) + sum_i x(n, i) W(o, i)
 *   backward   d_x(n, i)    = sum_o d_y(n, o) W(o, i)
 *              d_W(o, i)   += sum_n d_y(n, o) x(n, i)
 *              d_b(o)      += sum_n d_y(n, o)
 *   tangent    y_dot(n, o)  = sum_i x_dot(n, i) W(o, i)
 */
#include "diffuse/nn.h"

#include <string.h>

/* Square by square, so that neither side of the copy leaves the cache. */
void df_linear_transpose(df_real *transposed, const df_real *weight, size_t outputs, size_t inputs)
{
    enum { SIDE = 16 };
    for (size_t row = 0; row < outputs; row += SIDE)
        for (size_t column = 0; column < inputs; column += SIDE)
            for (size_t o = row; o < outputs && o < row + SIDE; o++)
                for (size_t i = column; i < inputs && i < column + SIDE; i++)
                    transposed[i * outputs + o] = weight[o * inputs + i];
}

void df_linear_forward(df_real *y, const df_real *x, const df_linear *layer, size_t n, const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    for (size_t r = 0; r < n; r++) memcpy(y + r * out, layer->bias, out * sizeof *y);
    kernels->gemm(y, out, x, in, 1, layer->transposed, out, n, out, in);
}

void df_linear_backward(df_real *d_x, df_real *d_weight, df_real *d_bias, const df_real *d_y, const df_real *x,
                        const df_linear *layer, size_t n, const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    if (d_weight) {
        kernels->gemm(d_weight, in, d_y, 1, out, x, in, out, in, n);
        for (size_t r = 0; r < n; r++)
            for (size_t o = 0; o < out; o++) d_bias[o] += d_y[r * out + o];
    }
    if (d_x) {
        memset(d_x, 0, n * in * sizeof *d_x);
        kernels->gemm(d_x, in, d_y, out, 1, layer->weight, in, n, in, out);
    }
}

void df_linear_tangent(df_real *y_dot, const df_real *x_dot, const df_linear *layer, size_t n,
                       const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    memset(y_dot, 0, n * out * sizeof *y_dot);
    kernels->gemm(y_dot, out, x_dot, in, 1, layer->transposed, out, n, out, in);
}
