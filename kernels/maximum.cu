// The element-wise maximum, and the fraction of the gradient that its first input gets.
#include "map.cuh"

template <class T>
__device__ void maximum(T* z, const T* x, const T* y, unsigned n) {
    map2(z, x, y, n, [](float x, float y) { return isnan(x) || isnan(y) ? x + y : x > y ? x : y; });
}

// 1 if `x` is above `y`, 0 if it is below, 1/2 at a tie.
template <class T>
__device__ void maximum_share(T* share, const T* x, const T* y, unsigned n) {
    map2(share, x, y, n, [](float x, float y) {
        const float of_x = x > y ? 1.0f : x < y ? 0.0f : 0.5f;
        return isnan(x) || isnan(y) ? x + y : of_x;
    });
}

#define ENTRY(dtype, T)                                                                             \
    KERNEL(maximum_##dtype, (T * z, const T* x, const T* y, unsigned n)) { maximum(z, x, y, n); }     \
    KERNEL(maximum_share_##dtype, (T * share, const T* x, const T* y, unsigned n)) {                \
        maximum_share(share, x, y, n);                                                              \
    }
FOR_EACH_DTYPE(ENTRY)
