// Element-wise multiplication; its gradients are multiplications too.
#include "map.cuh"

template <class T>
__device__ void mul(T* z, const T* x, const T* y, unsigned n) {
    map2(z, x, y, n, [](float x, float y) { return x * y; });
}

#define ENTRY(dtype, T) \
    KERNEL(mul_##dtype, (T * z, const T* x, const T* y, unsigned n)) { mul(z, x, y, n); }
FOR_EACH_DTYPE(ENTRY)
