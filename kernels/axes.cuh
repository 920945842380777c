// Strided indexing over several axes.
#pragma once

#include "common.cuh"

// The maximum number of axes. The host merges adjacent axes, so few remain; the innermost is last.
constexpr unsigned MAX_AXES = 8;

struct Axes {
    unsigned rank;
    unsigned lengths[MAX_AXES];
    unsigned strides[MAX_AXES];

    // The offset of element `i` in the order of these axes.
    __device__ __forceinline__ unsigned place(unsigned i) const {
        // This condition is the same for all threads; a single axis needs no division.
        if (rank == 1) return i * strides[0];
        unsigned place = 0;
        // Unrolled, so that every index is a compile-time constant and the lengths stay in constant memory.
#pragma unroll
        for (unsigned axis = MAX_AXES; axis > 0; axis--) {
            if (axis > rank) continue;
            place += i % lengths[axis - 1] * strides[axis - 1];
            i /= lengths[axis - 1];
        }
        return place;
    }
};

// `y[i] = x[place(i)]`: a permutation of axes, or a broadcast by a stride of 0.
template <class T>
__device__ __forceinline__ void copy_along(T* y, const T* x, unsigned n, const Axes& axes) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) y[i] = x[axes.place(i)];
}
