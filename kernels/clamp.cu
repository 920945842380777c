// Clamping of elements to an interval, and its derivative.
#include "map.cuh"

// A comparison with NaN is false, so NaN is propagated.
template <class T>
__device__ void clamp(T* y, const T* x, unsigned n, float low, float high) {
    map(y, x, n, [=](float x) {
        const float at_least = x < low ? low : x;
        return at_least > high ? high : at_least;
    });
}

// 1 in the closed interval, 0 outside, NaN at NaN
template <class T>
__device__ void clamp_inside(T* inside, const T* x, unsigned n, float low, float high) {
    map(inside, x, n, [=](float x) { return isnan(x) ? x : x < low || x > high ? 0.0f : 1.0f; });
}

#define ENTRY(dtype, T)                                                                                       \
    KERNEL(clamp_##dtype, (T * y, const T* x, unsigned n, float low, float high)) { clamp(y, x, n, low, high); } \
    KERNEL(clamp_inside_##dtype, (T * inside, const T* x, unsigned n, float low, float high)) {               \
        clamp_inside(inside, x, n, low, high);                                                                \
    }
FOR_EACH_DTYPE(ENTRY)
