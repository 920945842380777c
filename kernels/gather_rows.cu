// Gathers rows [n, k] of x [n, t, d] as [n, k, d].
#include "common.cuh"

// One output element per thread.
template <class T>
__device__ void gather_rows(T* y, const T* x, const unsigned* rows, unsigned n, unsigned t, unsigned k, unsigned d) {
    const unsigned elements = n * k * d;
    for (unsigned i = thread_in_grid(); i < elements; i += threads_in_grid()) {
        const unsigned place = i / d, image = place / k;
        y[i] = x[(image * t + rows[place]) * d + i % d];
    }
}

#define ENTRY(dtype, T)                                                                                            \
    KERNEL(gather_rows_##dtype,                                                                                    \
           (T * y, const T* x, const unsigned* rows, unsigned n, unsigned t, unsigned k, unsigned d)) {              \
        gather_rows(y, x, rows, n, t, k, d);                                                                       \
    }
FOR_EACH_DTYPE(ENTRY)
