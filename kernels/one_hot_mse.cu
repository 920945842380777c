// Mean squared error of x [rows, c] with one-hot labels, and its gradient. `n` is the number of elements.
#include "common.cuh"

template <class T>
__device__ __forceinline__ float from_label(const T* x, const unsigned* labels, unsigned i, unsigned c) {
    return widen(x[i]) - (i % c == labels[i / c] ? 1.0f : 0.0f);
}

// Each block writes the sum of its squares; mean_of_parts adds them.
template <class T>
__device__ void one_hot_mse_parts(float* parts, const T* x, const unsigned* labels, unsigned n, unsigned c) {
    Sum sum;
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        const float d = from_label(x, labels, i, c);
        sum.add(d * d);
    }
    const float of_block = block_sum(sum.total);
    if (threadIdx.x == 0) parts[blockIdx.x] = of_block;
}

// `dx = 2 (x - one_hot(label)) dloss / n`
template <class T>
__device__ void one_hot_mse_grad(T* dx, const T* x, const unsigned* labels, const float* dloss, unsigned n,
                                 unsigned c) {
    const float factor = 2.0f * *dloss / float(n);
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        dx[i] = narrow<T>(factor * from_label(x, labels, i, c));
    }
}

#define ENTRY(dtype, T)                                                                                          \
    KERNEL(one_hot_mse_parts_##dtype,                                                                            \
           (float* parts, const T* x, const unsigned* labels, unsigned n, unsigned c)) {                           \
        one_hot_mse_parts(parts, x, labels, n, c);                                                               \
    }                                                                                                            \
    KERNEL(one_hot_mse_grad_##dtype,                                                                             \
           (T * dx, const T* x, const unsigned* labels, const float* dloss, unsigned n, unsigned c)) {             \
        one_hot_mse_grad(dx, x, labels, dloss, n, c);                                                            \
    }
FOR_EACH_DTYPE(ENTRY)
