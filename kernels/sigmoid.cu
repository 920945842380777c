// The logistic sigmoid, and its gradient computed from its output.
#include "map.cuh"

// `1 / (1 + e^-x)`, computed with `e^-|x|`, which never overflows; small results keep their precision.
template <class T>
__device__ void sigmoid(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) {
        const float small = expf(-fabsf(x));
        return (x < 0.0f ? small : 1.0f) / (1.0f + small);
    });
}

// `dx = y (1 - y) dy`
template <class T>
__device__ void sigmoid_grad(T* dx, const T* y, const T* dy, unsigned n) {
    map2(dx, y, dy, n, [](float y, float dy) { return y * (1.0f - y) * dy; });
}

#define ENTRY(dtype, T)                                                          \
    KERNEL(sigmoid_##dtype, (T * y, const T* x, unsigned n)) { sigmoid(y, x, n); } \
    KERNEL(sigmoid_grad_##dtype, (T * dx, const T* y, const T* dy, unsigned n)) { sigmoid_grad(dx, y, dy, n); }
FOR_EACH_DTYPE(ENTRY)
