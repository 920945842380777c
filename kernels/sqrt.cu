// The square root and its gradient.
#include "map.cuh"

template <class T>
__device__ void sqrt_of_each(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return sqrtf(x); });
}

// `dx = dy / (2 sqrt x)`
template <class T>
__device__ void sqrt_grad(T* dx, const T* x, const T* dy, unsigned n) {
    map2(dx, x, dy, n, [](float x, float dy) { return dy / (2.0f * sqrtf(x)); });
}

#define ENTRY(dtype, T)                                                            \
    KERNEL(sqrt_##dtype, (T * y, const T* x, unsigned n)) { sqrt_of_each(y, x, n); } \
    KERNEL(sqrt_grad_##dtype, (T * dx, const T* x, const T* dy, unsigned n)) { sqrt_grad(dx, x, dy, n); }
FOR_EACH_DTYPE(ENTRY)
