// Element-wise division, and the gradient of the divisor; that of the dividend is a division too.
#include "map.cuh"

template <class T>
__device__ void div_of_each(T* z, const T* x, const T* y, unsigned n) {
    map2(z, x, y, n, [](float x, float y) { return x / y; });
}

// `-(quotient dx)`, where `dx` is the gradient of the dividend
template <class T>
__device__ void divisor_grad(T* dy, const T* quotient, const T* dx, unsigned n) {
    map2(dy, quotient, dx, n, [](float quotient, float dx) { return -(quotient * dx); });
}

#define ENTRY(dtype, T)                                                                               \
    KERNEL(div_##dtype, (T * z, const T* x, const T* y, unsigned n)) { div_of_each(z, x, y, n); }       \
    KERNEL(divisor_grad_##dtype, (T * dy, const T* quotient, const T* dx, unsigned n)) {              \
        divisor_grad(dy, quotient, dx, n);                                                            \
    }
FOR_EACH_DTYPE(ENTRY)
