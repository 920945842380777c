// `sum[i] = parts[0, i] + parts[1, i] + ..`: adds the partial sums of blocks in a fixed order and stores the result in the
// type of the call. One thread per element.
#include "parts.cuh"

template <class T>
__device__ void sum_of_parts(T* sums, const float* parts, unsigned n_parts, unsigned n) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        sums[i] = narrow<T>(sum_over_parts(parts, n_parts, n, i));
    }
}

#define ENTRY(dtype, T)                                                                          \
    KERNEL(sum_of_parts_##dtype, (T * sums, const float* parts, unsigned n_parts, unsigned n)) { \
        sum_of_parts(sums, parts, n_parts, n);                                                   \
    }
FOR_EACH_DTYPE(ENTRY)
