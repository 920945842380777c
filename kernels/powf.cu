// Powers with a constant exponent.
#include "map.cuh"

template <class T>
__device__ void powf_of_each(T* y, const T* x, unsigned n, float exponent) {
    map(y, x, n, [=](float x) { return powf(x, exponent); });
}

#define ENTRY(dtype, T) \
    KERNEL(powf_##dtype, (T * y, const T* x, unsigned n, float exponent)) { powf_of_each(y, x, n, exponent); }
FOR_EACH_DTYPE(ENTRY)
