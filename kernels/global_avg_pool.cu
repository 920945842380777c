// Global average pooling over planes of `pixels` elements, one warp per plane, and its gradient, one thread per pixel.
#include "common.cuh"

template <class T>
__device__ void global_avg_pool(T* y, const T* x, unsigned planes, unsigned pixels) {
    const unsigned plane = thread_in_grid() / WARP;
    if (plane >= planes) return;
    Sum part;
    for (unsigned i = lane_in_warp(); i < pixels; i += WARP) part.add(widen(x[size_t(plane) * pixels + i]));
    const float sum = warp_sum(part.total);
    if (lane_in_warp() == 0) y[plane] = narrow<T>(sum / float(pixels));
}

template <class T>
__device__ void global_avg_pool_grad(T* dx, const T* dy, unsigned planes, unsigned pixels) {
    for (unsigned i = thread_in_grid(); i < planes * pixels; i += threads_in_grid()) {
        dx[i] = narrow<T>(widen(dy[i / pixels]) / float(pixels));
    }
}

#define ENTRY(dtype, T)                                                                             \
    KERNEL(global_avg_pool_##dtype, (T * y, const T* x, unsigned planes, unsigned pixels)) {        \
        global_avg_pool(y, x, planes, pixels);                                                      \
    }                                                                                               \
    KERNEL(global_avg_pool_grad_##dtype, (T * dx, const T* dy, unsigned planes, unsigned pixels)) { \
        global_avg_pool_grad(dx, dy, planes, pixels);                                               \
    }
FOR_EACH_DTYPE(ENTRY)
