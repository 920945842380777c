// The element-wise minimum; its gradients are computed by maximum.cu.
#include "map.cuh"

template <class T>
__device__ void minimum(T* z, const T* x, const T* y, unsigned n) {
    map2(z, x, y, n, [](float x, float y) { return isnan(x) || isnan(y) ? x + y : x < y ? x : y; });
}

#define ENTRY(dtype, T) \
    KERNEL(minimum_##dtype, (T * z, const T* x, const T* y, unsigned n)) { minimum(z, x, y, n); }
FOR_EACH_DTYPE(ENTRY)
