// The absolute value and its gradient.
#include "map.cuh"

template <class T>
__device__ void abs_of_each(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return fabsf(x); });
}

// `dx = sign(x) dy` with `sign(0) = 0`; NaN at NaN
template <class T>
__device__ void abs_grad(T* dx, const T* x, const T* dy, unsigned n) {
    map2(dx, x, dy, n, [](float x, float dy) {
        const float signed_dy = x > 0.0f ? dy : x < 0.0f ? -dy : 0.0f;
        return isnan(x) ? x : signed_dy;
    });
}

#define ENTRY(dtype, T)                                                          \
    KERNEL(abs_##dtype, (T * y, const T* x, unsigned n)) { abs_of_each(y, x, n); } \
    KERNEL(abs_grad_##dtype, (T * dx, const T* x, const T* dy, unsigned n)) { abs_grad(dx, x, dy, n); }
FOR_EACH_DTYPE(ENTRY)
