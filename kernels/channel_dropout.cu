// Channel dropout (Tompson et al., 2015, arXiv 1411.4280): one random decision per channel of each example of
// [n, c, plane].
#include "common.cuh"
#include "philox.cuh"

// One element per thread; all elements of a channel use the same random word.
template <class T>
__device__ void channel_dropout(T* y, const T* x, unsigned n, unsigned plane, u64 key, const u64* step,
                                unsigned threshold, float scale) {
    const Mask mask = {key, *step, threshold};
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        y[i] = narrow<T>(mask.survives(i / plane) ? scale * widen(x[i]) : 0.0f);
    }
}

#define ENTRY(dtype, T)                                                                                        \
    KERNEL(channel_dropout_##dtype, (T * y, const T* x, unsigned n, unsigned plane, u64 key, const u64* step,    \
                                     unsigned threshold, float scale)) {                                       \
        channel_dropout(y, x, n, plane, key, step, threshold, scale);                                          \
    }
FOR_EACH_DTYPE(ENTRY)
