// Element-wise selection between two tensors by a mask of zeros and ones; its gradients are selections too.
#include "common.cuh"

template <class T>
__device__ void select(T* z, const T* x, const T* y, unsigned n, const unsigned* mask) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) z[i] = mask[i] == 1 ? x[i] : y[i];
}

#define ENTRY(dtype, T)                                                                       \
    KERNEL(select_##dtype, (T * z, const T* x, const T* y, unsigned n, const unsigned* mask)) { \
        select(z, x, y, n, mask);                                                             \
    }
FOR_EACH_DTYPE(ENTRY)
