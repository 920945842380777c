// The maximum of each window of an image with its position, and the gradient, for max_pool2d.cu, adaptive_max_pool.cu
// and batch_norm_pool.cu. A type `Windows` defines, for each axis, the sizes of the image and of the output (`image`,
// `size`), the range of window i (`from`, `to`), and the windows that contain a pixel (`first_with`, `last_with`).
#pragma once
#include "common.cuh"

// Windows of a fixed size with a stride.
struct Moving {
    unsigned image[2], size[2], kernel[2], stride[2], padding[2];

    __device__ unsigned from(unsigned axis, unsigned i) const {
        return i * stride[axis] > padding[axis] ? i * stride[axis] - padding[axis] : 0;
    }
    __device__ unsigned to(unsigned axis, unsigned i) const {
        return min(image[axis], i * stride[axis] + kernel[axis] - padding[axis]);
    }
    __device__ unsigned first_with(unsigned axis, unsigned pixel) const {
        const unsigned before = pixel + padding[axis] + 1;
        return before > kernel[axis] ? (before - kernel[axis] + stride[axis] - 1) / stride[axis] : 0;
    }
    __device__ unsigned last_with(unsigned axis, unsigned pixel) const {
        return (pixel + padding[axis]) / stride[axis];
    }
};

// The maximum of a window and its position in the image.
struct Largest {
    float value;
    unsigned place;
};

// The first maximum of window (i, j) in row-major order, or the first NaN, where `value` returns the value at a
// position of the image; padding is ignored.
template <class Windows, class Value>
__device__ Largest largest_of_window(const Windows& windows, unsigned i, unsigned j, Value value) {
    const unsigned width = windows.image[1];
    const unsigned first = windows.from(0, i) * width + windows.from(1, j);
    Largest largest{value(first), first};
    for (unsigned row = windows.from(0, i); row < windows.to(0, i); row++) {
        for (unsigned column = windows.from(1, j); column < windows.to(1, j); column++) {
            const float number = value(row * width + column);
            if (number > largest.value || (number != number && largest.value == largest.value)) {
                largest = {number, row * width + column};
            }
        }
    }
    return largest;
}

// Calls `f(i, j)` for each window that contains a pixel, in row-major order.
template <class Windows, class F>
__device__ void for_windows_with(const Windows& windows, unsigned row, unsigned column, F f) {
    const unsigned oh = windows.size[0], ow = windows.size[1];
    for (unsigned i = windows.first_with(0, row); i < oh && i <= windows.last_with(0, row); i++) {
        for (unsigned j = windows.first_with(1, column); j < ow && j <= windows.last_with(1, column); j++) f(i, j);
    }
}

// One thread per window of each plane.
template <class T, class Windows>
__device__ void largest(T* y, float* places, const T* x, const Windows& windows,
                        unsigned planes) {
    const unsigned pixels = windows.image[0] * windows.image[1], oh = windows.size[0], ow = windows.size[1];
    for (unsigned at = thread_in_grid(); at < planes * oh * ow; at += threads_in_grid()) {
        const T* plane = x + size_t(at / (oh * ow)) * pixels;
        const Largest of_window = largest_of_window(windows, at / ow % oh, at % ow,
                                                    [&](unsigned place) { return widen(plane[place]); });
        y[at] = narrow<T>(of_window.value);
        places[at] = float(of_window.place);
    }
}

// One thread per pixel, which checks for each window that contains it, in order, whether the pixel is its maximum.
template <class T, class Windows>
__device__ void largest_grad(T* dx, const T* dy, const float* places, const Windows& windows,
                             unsigned planes) {
    const unsigned h = windows.image[0], w = windows.image[1], ow = windows.size[1];
    for (unsigned at = thread_in_grid(); at < planes * h * w; at += threads_in_grid()) {
        const size_t plane = size_t(at / (h * w)) * windows.size[0] * ow;
        const float place = float(at % (h * w));
        float sum = 0.0f;
        for_windows_with(windows, at / w % h, at % w, [&](unsigned i, unsigned j) {
            const size_t window = plane + i * ow + j;
            if (places[window] == place) sum += widen(dy[window]);
        });
        dx[at] = narrow<T>(sum);
    }
}

#define WINDOWS_ENTRY(name, Windows, dtype, T)                                                     \
    KERNEL(name##_##dtype, (T * y, float* places, const T* x, Windows windows, unsigned planes)) { \
        largest(y, places, x, windows, planes);                                                    \
    }                                                                                              \
    KERNEL(name##_grad_##dtype, (T * dx, const T* dy, const float* places, Windows windows,        \
                                 unsigned planes)) {                                               \
        largest_grad(dx, dy, places, windows, planes);                                             \
    }
