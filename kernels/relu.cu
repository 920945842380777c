// ReLU, and its gradient computed from its output.
#include "map.cuh"

// `max(x, 0)`, written so that NaN is propagated.
template <class T>
__device__ void relu(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return x <= 0.0f ? 0.0f : x; });
}

// `dx = dy` where y is positive, 0 where it is zero, and NaN where it is NaN.
template <class T>
__device__ void relu_grad(T* dx, const T* y, const T* dy, unsigned n) {
    map2(dx, y, dy, n, [](float y, float dy) { return isnan(y) ? y : y > 0.0f ? dy : 0.0f; });
}

#define ENTRY(dtype, T)                                                    \
    KERNEL(relu_##dtype, (T * y, const T* x, unsigned n)) { relu(y, x, n); } \
    KERNEL(relu_grad_##dtype, (T * dx, const T* y, const T* dy, unsigned n)) { relu_grad(dx, y, dy, n); }
FOR_EACH_DTYPE(ENTRY)
