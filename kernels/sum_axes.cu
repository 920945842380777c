// `factor` times the sum over axes, and its gradient; with a factor of 1 / count it is the mean.
//
// `outputs` iterates over the kept axes and `summed` over the summed ones, with the strides of the input. There are two
// kernels: one for sums along the last axis, in which adjacent threads read adjacent terms, and one for all others, in
// which they read terms of adjacent sums.
#include "axes.cuh"

// A sum may be computed in parts, one for each blockIdx.y, which another kernel adds; then y is [parts, n] in f32. A
// thread loads four terms before it adds the first of them, each to a separate sum.

// The sum of the terms from `first` up to `end` in steps.
template <class T>
__device__ __forceinline__ float sum_of_terms(const T* x, const Axes& summed, unsigned first, unsigned end, unsigned step) {
    Sum sums[4];
    unsigned term = first;
    for (; term + 3 * step < end; term += 4 * step) {
        T loaded[4];
#pragma unroll
        for (unsigned j = 0; j < 4; j++) loaded[j] = x[summed.place(term + j * step)];
#pragma unroll
        for (unsigned j = 0; j < 4; j++) sums[j].add(widen(loaded[j]));
    }
    for (; term < end; term += step) sums[0].add(widen(x[summed.place(term)]));
    return (sums[0].total + sums[1].total) + (sums[2].total + sums[3].total);
}

// The end of the part of this block.
__device__ __forceinline__ unsigned end_of_part(unsigned count, unsigned of_part) {
    const unsigned begin = blockIdx.y * of_part;
    return count - begin < of_part ? count : begin + of_part;
}

// One warp per sum; each lane adds every 32nd term. Launched with blocks of whole warps.
template <class Out, class T>
__device__ void sum_axes_along(Out* y, const T* x, unsigned n, const Axes& outputs, unsigned count, const Axes& summed,
                               float factor, unsigned of_part) {
    const unsigned warps = threads_in_grid() / WARP, begin = blockIdx.y * of_part, end = end_of_part(count, of_part);
    for (unsigned output = thread_in_grid() / WARP; output < n; output += warps) {
        const T* first = x + outputs.place(output);
        const float sum = warp_sum(sum_of_terms(first, summed, begin + lane_in_warp(), end, WARP));
        if (lane_in_warp() == 0) y[size_t(blockIdx.y) * n + output] = narrow<Out>(factor * sum);
    }
}

// A block of 32 x 8 threads computes 32 sums; each thread adds every 8th term of one sum.
template <class Out, class T>
__device__ void sum_axes_across(Out* y, const T* x, unsigned n, const Axes& outputs, unsigned count, const Axes& summed,
                                float factor, unsigned of_part) {
    constexpr unsigned PARTS = 8;
    SHARED(float, parts, [PARTS][WARP]);
    const unsigned output = blockIdx.x * WARP + threadIdx.x;
    float part = 0.0f;
    if (output < n) {
        const T* first = x + outputs.place(output);
        const unsigned begin = blockIdx.y * of_part + threadIdx.y;
        part = sum_of_terms(first, summed, begin, end_of_part(count, of_part), PARTS);
    }
    parts[threadIdx.y][threadIdx.x] = part;
    __syncthreads();
    if (threadIdx.y != 0 || output >= n) return;
    float sum = 0.0f;
    for (unsigned i = 0; i < PARTS; i++) sum += parts[i][threadIdx.x];
    y[size_t(blockIdx.y) * n + output] = narrow<Out>(factor * sum);
}

// `dx = factor dy`, broadcast along the summed axes, which have stride 0.
template <class T>
__device__ void sum_axes_grad(T* dx, const T* dy, unsigned n, Axes axes, float factor) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        dx[i] = narrow<T>(factor * widen(dy[axes.place(i)]));
    }
}

#define ENTRY(dtype, T)                                                                                             \
    KERNEL(sum_axes_along_##dtype, (T * y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed,       \
                           float factor, unsigned of_part)) {                                                       \
        sum_axes_along(y, x, n, outputs, count, summed, factor, of_part);                                           \
    }                                                                                                               \
    KERNEL(sum_axes_across_##dtype, (T * y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed,      \
                           float factor, unsigned of_part)) {                                                       \
        sum_axes_across(y, x, n, outputs, count, summed, factor, of_part);                                          \
    }                                                                                                               \
    KERNEL(sum_axes_along_parts_##dtype, (float* y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed,\
                           float factor, unsigned of_part)) {                                                       \
        sum_axes_along(y, x, n, outputs, count, summed, factor, of_part);                                           \
    }                                                                                                               \
    KERNEL(sum_axes_across_parts_##dtype, (float* y, const T* x, unsigned n, Axes outputs, unsigned count, Axes summed,\
                           float factor, unsigned of_part)) {                                                       \
        sum_axes_across(y, x, n, outputs, count, summed, factor, of_part);                                          \
    }                                                                                                               \
    KERNEL(sum_axes_grad_##dtype, (T * dx, const T* dy, unsigned n, Axes axes, float factor)) {                     \
        sum_axes_grad(dx, dy, n, axes, factor);                                                                     \
    }
FOR_EACH_DTYPE(ENTRY)
