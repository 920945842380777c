// Broadcasting along axes; the gradient is a sum over them.
#include "axes.cuh"

// One output element per thread. A broadcast axis has stride 0.
#define ENTRY(dtype, T) \
    KERNEL(broadcast_to_##dtype, (T * y, const T* x, unsigned n, Axes axes)) { copy_along(y, x, n, axes); }
FOR_EACH_DTYPE(ENTRY)
