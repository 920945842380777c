// A slice along one axis, and its gradient, which is 0 outside of the slice.
#include "common.cuh"

// In memory the slice consists of runs of `length` elements, one in every `stride` elements, starting at `start`. One
// element per thread.
template <class T>
__device__ void slice(T* y, const T* x, unsigned n, unsigned start, unsigned length, unsigned stride) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) y[i] = x[i / length * stride + start + i % length];
}

template <class T>
__device__ void slice_grad(T* dx, const T* dy, unsigned n, unsigned start, unsigned length, unsigned stride) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        // Before the start, the unsigned difference wraps around to a large value.
        const unsigned within = i % stride - start;
        dx[i] = within < length ? dy[i / stride * length + within] : narrow<T>(0.0f);
    }
}

#define ENTRY(dtype, T)                                                                                        \
    KERNEL(slice_##dtype, (T * y, const T* x, unsigned n, unsigned start, unsigned length, unsigned stride)) {   \
        slice(y, x, n, start, length, stride);                                                                 \
    }                                                                                                          \
    KERNEL(slice_grad_##dtype,                                                                                 \
           (T * dx, const T* dy, unsigned n, unsigned start, unsigned length, unsigned stride)) {                \
        slice_grad(dx, dy, n, start, length, stride);                                                          \
    }
FOR_EACH_DTYPE(ENTRY)
