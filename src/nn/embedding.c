/* embedding.c -- a small network sees fine detail only when its inputs oscillate: waves of the coordinates.
 *
 *   forward    y = (x, sin F x, cos F x)
 *   backward   d_x += d_y_raw + F^T (cos F x * d_sin - sin F x * d_cos)
 *   tangent    y_dot = (x_dot, cos F x * F x_dot, -sin F x * F x_dot)
 *
 * Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions", 2006.10739.
 */
#include "diffuse/nn.h"

size_t df_embedding_width(const df_embedding *embedding)
{
    return (embedding->raw ? embedding->inputs : 0) + 2 * embedding->waves;
}

void df_embedding_forward(df_real *y, size_t y_row, const df_real *x, size_t x_row, const df_embedding *e, size_t n,
                          const df_kernels *kernels)
{
    const size_t raw = e->raw ? e->inputs : 0;
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < raw; i++) y[r * y_row + i] = x[r * x_row + i];
    kernels->waves(y + raw, y_row, x, x_row, e->frequencies, e->waves, e->inputs, n);
}

void df_embedding_backward(df_real *d_x, size_t x_row, const df_real *d_y, const df_real *y, size_t y_row,
                           const df_embedding *e, size_t n)
{
    const size_t raw = e->raw ? e->inputs : 0;
    for (size_t r = 0; r < n; r++) {
        df_real *out = d_x + r * x_row;
        const df_real *sine = y + r * y_row + raw, *cosine = sine + e->waves;
        const df_real *d_sine = d_y + r * y_row + raw, *d_cosine = d_sine + e->waves;
        for (size_t i = 0; i < raw; i++) out[i] += d_y[r * y_row + i];
        for (size_t w = 0; w < e->waves; w++) {
            const df_real d_phase = cosine[w] * d_sine[w] - sine[w] * d_cosine[w];
            for (size_t i = 0; i < e->inputs; i++) out[i] += e->frequencies[w * e->inputs + i] * d_phase;
        }
    }
}

void df_embedding_tangent(df_real *y_dot, const df_real *x_dot, size_t x_row, const df_real *y, size_t y_row,
                          const df_embedding *e, size_t n)
{
    const size_t raw = e->raw ? e->inputs : 0;
    for (size_t r = 0; r < n; r++) {
        const df_real *sine = y + r * y_row + raw, *cosine = sine + e->waves;
        df_real *sine_dot = y_dot + r * y_row + raw, *cosine_dot = sine_dot + e->waves;
        for (size_t i = 0; i < raw; i++) y_dot[r * y_row + i] = x_dot[r * x_row + i];
        for (size_t w = 0; w < e->waves; w++) {
            df_real phase_dot = 0;
            for (size_t i = 0; i < e->inputs; i++)
                phase_dot += e->frequencies[w * e->inputs + i] * x_dot[r * x_row + i];
            sine_dot[w] = cosine[w] * phase_dot;
            cosine_dot[w] = -sine[w] * phase_dot;
        }
    }
}
