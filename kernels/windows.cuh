// The maximum of each window of an image with its position, and the gradient, for max_pool2d.cu and
// adaptive_max_pool.cu. A `Windows` defines, for each axis, the sizes of the image and of the output (`image`, `size`),
// the range of window i (`from`, `to`), and the windows that contain a pixel (`first_with`, `last_with`).
#pragma once
#include "common.cuh"

// One thread per window of each plane. The result is the first maximum in row-major order, or the first NaN; padding is
// ignored.
template <class T, class Windows>
__device__ void largest(T* y, float* places, const T* x, const Windows& windows,
                        unsigned planes) {
    const unsigned h = windows.image[0], w = windows.image[1], oh = windows.size[0], ow = windows.size[1];
    for (unsigned at = thread_in_grid(); at < planes * oh * ow; at += threads_in_grid()) {
        const unsigned i = at / ow % oh, j = at % ow;
        const T* plane = x + size_t(at / (oh * ow)) * h * w;
        unsigned place = windows.from(0, i) * w + windows.from(1, j);
        float largest = widen(plane[place]);
        for (unsigned row = windows.from(0, i); row < windows.to(0, i); row++) {
            for (unsigned column = windows.from(1, j); column < windows.to(1, j); column++) {
                const float number = widen(plane[row * w + column]);
                if (number > largest || (number != number && largest == largest)) {
                    largest = number;
                    place = row * w + column;
                }
            }
        }
        y[at] = narrow<T>(largest);
        places[at] = float(place);
    }
}

// One thread per pixel, which checks the windows that contain it, in order, for whether it is their maximum.
template <class T, class Windows>
__device__ void largest_grad(T* dx, const T* dy, const float* places, const Windows& windows,
                             unsigned planes) {
    const unsigned h = windows.image[0], w = windows.image[1], oh = windows.size[0], ow = windows.size[1];
    for (unsigned at = thread_in_grid(); at < planes * h * w; at += threads_in_grid()) {
        const unsigned row = at / w % h, column = at % w;
        const size_t plane = size_t(at / (h * w)) * oh * ow;
        const float place = float(row * w + column);
        float sum = 0.0f;
        for (unsigned i = windows.first_with(0, row); i < oh && i <= windows.last_with(0, row); i++) {
            for (unsigned j = windows.first_with(1, column); j < ow && j <= windows.last_with(1, column); j++) {
                const size_t window = plane + i * ow + j;
                if (places[window] == place) sum += widen(dy[window]);
            }
        }
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
