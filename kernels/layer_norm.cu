// Layer normalisation (Ba, Kiros and Hinton, 2016, arXiv 1607.06450) of rows of d elements and its gradients. One warp per
// row; sums over rows use blocks of 32 x 8 threads over adjacent columns.
#include "common.cuh"

// The row of this thread's warp; it may be past the last row.
__device__ inline unsigned row_of_warp() { return thread_in_grid() / WARP; }

// `y = (x - mean) rstd weight + bias`, with `rstd = 1 / sqrt(variance + eps)`.
template <class T>
__device__ void layer_norm(T* y, float* means, float* rstds, const T* x, const T* weight, const T* bias,
                           float eps, unsigned rows, unsigned d) {
    const unsigned row = row_of_warp();
    if (row >= rows) return;
    x += size_t(row) * d;
    y += size_t(row) * d;
    // The terms of a mean are divided before they are added, so that no sum overflows; the second pass corrects the
    // rounding of the mean, so that equal values have zero deviation.
    Sum sum, rest, squares;
    for (unsigned i = lane_in_warp(); i < d; i += WARP) sum.add(widen(x[i]) / float(d));
    const float first = warp_sum(sum.total);
    for (unsigned i = lane_in_warp(); i < d; i += WARP) rest.add((widen(x[i]) - first) / float(d));
    const float mean = first + warp_sum(rest.total);
    float largest = 0.0f;
    for (unsigned i = lane_in_warp(); i < d; i += WARP) largest = fmaxf(largest, fabsf(widen(x[i]) - mean));
    const float scale = scale_of(warp_max(largest));
    for (unsigned i = lane_in_warp(); i < d; i += WARP) {
        const float deviation = (widen(x[i]) - mean) / scale;
        squares.add(deviation * deviation);
    }
    const float rstd = 1.0f / (sqrtf(warp_sum(squares.total) / float(d) + eps / scale / scale) * scale);
    for (unsigned i = lane_in_warp(); i < d; i += WARP) {
        y[i] = narrow<T>((widen(x[i]) - mean) * rstd * widen(weight[i]) + widen(bias[i]));
    }
    if (lane_in_warp() == 0) {
        means[row] = mean;
        rstds[row] = rstd;
    }
}

// With `g = weight dy` and z the normalised row, `dx = (g - mean(g) - z mean(g z)) rstd`.
template <class T>
__device__ void layer_norm_grad_input(T* dx, const T* x, const T* weight, const float* means,
                                      const float* rstds, const T* dy, unsigned rows, unsigned d) {
    const unsigned row = row_of_warp();
    if (row >= rows) return;
    x += size_t(row) * d;
    dx += size_t(row) * d;
    dy += size_t(row) * d;
    const float mean = means[row], rstd = rstds[row];
    Sum sum_g, sum_gz;
    for (unsigned i = lane_in_warp(); i < d; i += WARP) {
        const float g = widen(dy[i]) * widen(weight[i]);
        sum_g.add(g);
        sum_gz.add(g * ((widen(x[i]) - mean) * rstd));
    }
    const float mean_g = warp_sum(sum_g.total) / float(d), mean_gz = warp_sum(sum_gz.total) / float(d);
    for (unsigned i = lane_in_warp(); i < d; i += WARP) {
        const float g = widen(dy[i]) * widen(weight[i]), z = (widen(x[i]) - mean) * rstd;
        dx[i] = narrow<T>((g - mean_g - z * mean_gz) * rstd);
    }
}

// `dweight = sum(dy z)` and `dbias = sum(dy)` over the `rows_of_part` rows of part blockIdx.y, into [parts, d]. Models
// have thousands of rows per column, so a single part would leave SMs idle.
template <class T>
__device__ void layer_norm_grad_affine(float* dweight, float* dbias, const T* x, const float* means,
                                       const float* rstds, const T* dy, unsigned rows, unsigned d,
                                       unsigned rows_of_part) {
    SHARED(float, of_weight, [8][WARP]);
    SHARED(float, of_bias, [8][WARP]);
    const unsigned lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const unsigned column = blockIdx.x * WARP + lane;
    const unsigned end = min(rows, (blockIdx.y + 1) * rows_of_part);
    Sum with_z, plain;
    for (unsigned row = blockIdx.y * rows_of_part + warp; column < d && row < end; row += 8) {
        const size_t i = size_t(row) * d + column;
        with_z.add(widen(dy[i]) * ((widen(x[i]) - means[row]) * rstds[row]));
        plain.add(widen(dy[i]));
    }
    of_weight[warp][lane] = with_z.total;
    of_bias[warp][lane] = plain.total;
    __syncthreads();
    if (warp > 0 || column >= d) return;
    for (unsigned other = 1; other < 8; other++) {
        with_z.add(of_weight[other][lane]);
        plain.add(of_bias[other][lane]);
    }
    dweight[size_t(blockIdx.y) * d + column] = with_z.total;
    dbias[size_t(blockIdx.y) * d + column] = plain.total;
}

#define ENTRY(dtype, T)                                                                                      \
    KERNEL(layer_norm_##dtype, (T * y, float* means, float* rstds, const T* x, const T* weight,           \
                                const T* bias, float eps, unsigned rows, unsigned d)) {                      \
        layer_norm(y, means, rstds, x, weight, bias, eps, rows, d);                                       \
    }                                                                                                        \
    KERNEL(layer_norm_grad_input_##dtype, (T * dx, const T* x, const T* weight, const float* means,          \
                                           const float* rstds, const T* dy, unsigned rows, unsigned d)) { \
        layer_norm_grad_input(dx, x, weight, means, rstds, dy, rows, d);                                  \
    }                                                                                                        \
    KERNEL(layer_norm_grad_affine_##dtype, (float* dweight, float* dbias, const T* x, const float* means,    \
                                            const float* rstds, const T* dy, unsigned rows, unsigned d,   \
                                            unsigned rows_of_part)) {                                        \
        layer_norm_grad_affine(dweight, dbias, x, means, rstds, dy, rows, d, rows_of_part);               \
    }
FOR_EACH_DTYPE(ENTRY)
