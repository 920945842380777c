// Walks over axes: where an element lies in memory whose neighbours along each axis are a stride apart.
#pragma once

#include "common.cuh"

// Axes that lie side by side in both places count as one, so few are left; the innermost comes last.
constexpr unsigned MOST_AXES = 8;

struct Axes {
    unsigned rank;
    unsigned lengths[MOST_AXES];
    unsigned strides[MOST_AXES];

    // Where the element numbered `i`, in the order of these axes, lies.
    __device__ __forceinline__ unsigned place(unsigned i) const {
        unsigned place = 0;
        // Unrolled, so that every index is known and the lengths stay where the launch has put them.
#pragma unroll
        for (unsigned axis = MOST_AXES; axis > 0; axis--) {
            if (axis > rank) continue;
            place += i % lengths[axis - 1] * strides[axis - 1];
            i /= lengths[axis - 1];
        }
        return place;
    }
};

// `y[i] = x[place of i]`: axes in another order, or repeated by a stride of 0.
template <class T>
__device__ __forceinline__ void copy_along(T* y, const T* x, unsigned n, const Axes& axes) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) y[i] = x[axes.place(i)];
}
