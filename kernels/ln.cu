// The natural logarithm; its gradient is a division by the input.
#include "map.cuh"

template <class T>
__device__ void ln(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return logf(x); });
}

#define ENTRY(dtype, T) \
    KERNEL(ln_##dtype, (T * y, const T* x, unsigned n)) { ln(y, x, n); }
FOR_EACH_DTYPE(ENTRY)
