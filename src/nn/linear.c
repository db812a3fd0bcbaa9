/* linear.c -- the affine map and its three derivatives, each one matrix product.
 *
 *   forward    y(n, o)      = b(o) + sum_i x(n, i) W(o, i)
 *   backward   d_x(n, i)    = start(n, i) + sum_o d_y(n, o) W(o, i)
 *   gradient   d_W(o, i)    = d_W(o, i) or 0 + sum_n d_y(n, o) x(n, i)
 *              d_b(o)       = d_b(o) or 0 + sum_n d_y(n, o)
 *   tangent    y_dot(n, o)  = sum_i x_dot(n, i) W(o, i)
 */
#include "diffuse/nn.h"

void df_linear_forward(df_real *y, const df_real *x, const df_linear *layer, size_t n, const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    kernels->gemm(y, out, layer->bias, 0, x, in, 1, layer->transposed, out, n, out, in);
}

void df_linear_backward(df_real *d_x, const df_real *start, const df_real *d_y, const df_linear *layer, size_t n,
                        const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    kernels->gemm(d_x, in, start, in, d_y, out, 1, layer->weight, in, n, in, out);
}

void df_linear_gradient(df_real *d_weight, df_real *d_bias, bool add, const df_real *d_y, const df_real *x,
                        const df_linear *layer, size_t first, size_t count, size_t n, const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    const df_real one = 1;
    d_weight += first * in;
    d_y += first;
    kernels->gemm(d_weight, in, add ? d_weight : NULL, in, d_y, 1, out, x, in, count, in, n);
    if (d_bias) kernels->gemm(d_bias + first, out, add ? d_bias + first : NULL, out, &one, 0, 0, d_y, out, 1, count, n);
}

void df_linear_tangent(df_real *y_dot, const df_real *x_dot, const df_linear *layer, size_t n,
                       const df_kernels *kernels)
{
    const size_t in = layer->inputs, out = layer->outputs;
    kernels->gemm(y_dot, out, NULL, 0, x_dot, in, 1, layer->transposed, out, n, out, in);
}
