// The hyperbolic tangent, and its gradient computed from its output.
#include "map.cuh"

template <class T>
__device__ void tanh_of_each(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return tanhf(x); });
}

// `dx = (1 - y^2) dy`
template <class T>
__device__ void tanh_grad(T* dx, const T* y, const T* dy, unsigned n) {
    map2(dx, y, dy, n, [](float y, float dy) { return (1.0f - y * y) * dy; });
}

#define ENTRY(dtype, T)                                                            \
    KERNEL(tanh_##dtype, (T * y, const T* x, unsigned n)) { tanh_of_each(y, x, n); } \
    KERNEL(tanh_grad_##dtype, (T * dx, const T* y, const T* dy, unsigned n)) { tanh_grad(dx, y, dy, n); }
FOR_EACH_DTYPE(ENTRY)
