// Multiplication by a constant; the gradient is the same kernel.
#include "map.cuh"

template <class T>
__device__ void scale(T* y, const T* x, unsigned n, float factor) {
    map(y, x, n, [=](float x) { return factor * x; });
}

#define ENTRY(dtype, T) \
    KERNEL(scale_##dtype, (T * y, const T* x, unsigned n, float factor)) { scale(y, x, n, factor); }
FOR_EACH_DTYPE(ENTRY)
