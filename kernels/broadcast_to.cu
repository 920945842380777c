// A tensor repeated along axes; the gradient is a sum over them.
#include "axes.cuh"

// One element of the output a thread. Along an axis that is repeated the stride is 0.
#define ENTRY(dtype, T) \
    KERNEL(broadcast_to_##dtype, (T * y, const T* x, unsigned n, Axes axes)) { copy_along(y, x, n, axes); }
FOR_EACH_DTYPE(ENTRY)
