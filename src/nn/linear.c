/* linear.c -- the affine map and its three derivatives, each one matrix product.
 *
 *   forward    y(n, o)      = b(o) + sum_i x(n, i) W(o, i)
 *   backward   d_x(n, i)    = sum_o d_y(n, o) W(o, i)
 *              d_W(o, i)   += sum_n d_y(n, o) x(n, i)
 *              d_b(o)      += sum_n d_y(n, o)
 *   tangent    y_dot(n, o)  = sum_i x_dot(n, i) W(o, i)
 */
#include "diffuse/nn.h"

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
    kernels->gemm(y, out, layer->bias, 0, x, in, 1, layer->transposed, out, n, out, in);
}

void df_linear_backward(df_real *d_x, df_real *d_weight, df_real *d_bias, const df_real *d_y, const df_real *x,
                        const df_linear *layer, size_t n, const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    if (d_weight) {
        kernels->gemm(d_weight, in, d_weight, in, d_y, 1, out, x, in, out, in, n);
        const df_real one = 1;
        kernels->gemm(d_bias, out, d_bias, out, &one, 0, 0, d_y, out, 1, out, n);
    }
    if (d_x) kernels->gemm(d_x, in, NULL, 0, d_y, out, 1, layer->weight, in, n, in, out);
}

void df_linear_tangent(df_real *y_dot, const df_real *x_dot, const df_linear *layer, size_t n,
                       const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    kernels->gemm(y_dot, out, NULL, 0, x_dot, in, 1, layer->transposed, out, n, out, in);
}
