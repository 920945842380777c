// Concatenation along an axis; the gradients are slices.
#include "common.cuh"

// The output consists of alternating runs of `of_x` elements of x and `of_y` elements of y; one element per thread.
template <class T>
__device__ void concat(T* z, const T* x, const T* y, unsigned n, unsigned of_x, unsigned of_y) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        const unsigned turn = i / (of_x + of_y), within = i % (of_x + of_y);
        z[i] = within < of_x ? x[turn * of_x + within] : y[turn * of_y + within - of_x];
    }
}

#define ENTRY(dtype, T)                                                                                    \
    KERNEL(concat_##dtype, (T * z, const T* x, const T* y, unsigned n, unsigned of_x, unsigned of_y)) {      \
        concat(z, x, y, n, of_x, of_y);                                                                    \
    }
FOR_EACH_DTYPE(ENTRY)
