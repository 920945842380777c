// `factor` times the sum over axes, and its gradient; with a factor of 1 / count it is the mean.
//
// `outputs` iterates over the kept axes and `summed` over the summed ones, with the strides of the input. Two kernels: one
// for sums along the last axis, where adjacent threads read adjacent terms, and one for all others, where they read terms
// of adjacent sums.
#include "axes.cuh"

// One warp per sum, each lane every 32nd term. Blocks of whole warps.
template <class T>
__device__ void sum_axes_along(T* y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed, float factor) {
    const unsigned warps = threads_in_grid() / WARP;
    for (unsigned output = thread_in_grid() / WARP; output < n; output += warps) {
        const T* first = x + outputs.place(output);
        Sum part;
        for (unsigned term = lane_in_warp(); term < count; term += WARP) part.add(widen(first[summed.place(term)]));
        const float sum = warp_sum(part.total);
        if (lane_in_warp() == 0) y[output] = narrow<T>(factor * sum);
    }
}

// A block of 32 x 8 threads for 32 sums, each thread every 8th term of one.
template <class T>
__device__ void sum_axes_across(T* y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed,
                                float factor) {
    constexpr unsigned PARTS = 8;
    SHARED(float, parts, [PARTS][WARP]);
    const unsigned output = blockIdx.x * WARP + threadIdx.x;
    Sum part;
    if (output < n) {
        const T* first = x + outputs.place(output);
        for (unsigned term = threadIdx.y; term < count; term += PARTS) part.add(widen(first[summed.place(term)]));
    }
    parts[threadIdx.y][threadIdx.x] = part.total;
    __syncthreads();
    if (threadIdx.y != 0 || output >= n) return;
    float sum = 0.0f;
    for (unsigned i = 0; i < PARTS; i++) sum += parts[i][threadIdx.x];
    y[output] = narrow<T>(factor * sum);
}

// `dx = factor dy`, broadcast along the summed axes, which have stride 0.
template <class T>
__device__ void sum_axes_grad(T* dx, const T* dy, unsigned n, Axes axes, float factor) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        dx[i] = narrow<T>(factor * widen(dy[axes.place(i)]));
    }
}

#define ENTRY(dtype, T)                                                                                        \
    KERNEL(sum_axes_along_##dtype,                                                                             \
           (T * y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed, float factor)) {           \
        sum_axes_along(y, x, n, outputs, count, summed, factor);                                               \
    }                                                                                                          \
    KERNEL(sum_axes_across_##dtype,                                                                            \
           (T * y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed, float factor)) {           \
        sum_axes_across(y, x, n, outputs, count, summed, factor);                                              \
    }                                                                                                          \
    KERNEL(sum_axes_grad_##dtype, (T * dx, const T* dy, unsigned n, Axes axes, float factor)) {                  \
        sum_axes_grad(dx, dy, n, axes, factor);                                                                \
    }
FOR_EACH_DTYPE(ENTRY)
