// The exponential function; its gradient is a multiplication by the output.
#include "map.cuh"

template <class T>
__device__ void exp_of_each(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return expf(x); });
}

#define ENTRY(dtype, T) \
    KERNEL(exp_##dtype, (T * y, const T* x, unsigned n)) { exp_of_each(y, x, n); }
FOR_EACH_DTYPE(ENTRY)
