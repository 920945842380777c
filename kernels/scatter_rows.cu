// Scatter-add of rows: x [n, k, d] is added to the rows [n, k] of [n, t, d].
#include "common.cuh"

// One output element per thread, which scans all k indices and adds the matching rows in order. Without atomics,
// repeated calls give the same bits. Adjacent threads scan for the same row.
template <class T>
__device__ void scatter_rows(T* y, const T* x, const unsigned* rows, unsigned n, unsigned t, unsigned k, unsigned d) {
    const unsigned elements = n * t * d;
    for (unsigned i = thread_in_grid(); i < elements; i += threads_in_grid()) {
        const unsigned row = i / d, image = row / t;
        Sum sum;
        for (unsigned place = image * k; place < (image + 1) * k; place++) {
            if (rows[place] == row % t) sum.add(widen(x[place * d + i % d]));
        }
        y[i] = narrow<T>(sum.total);
    }
}

#define ENTRY(dtype, T)                                                                                            \
    KERNEL(scatter_rows_##dtype,                                                                                   \
           (T * y, const T* x, const unsigned* rows, unsigned n, unsigned t, unsigned k, unsigned d)) {              \
        scatter_rows(y, x, rows, n, t, k, d);                                                                      \
    }
FOR_EACH_DTYPE(ENTRY)
