// Mean squared error, its gradient, and both in one pass.
//
// Each block writes the sum of its squares to `parts`; mean_of_parts adds them. The number of blocks depends only on n,
// so the same inputs give the same bits on any GPU.
#include "map.cuh"

template <class T>
__device__ __forceinline__ float difference(const T* x, const T* y, unsigned i) {
    return widen(x[i]) - widen(y[i]);
}

// `(x - y)^2`, summed over the elements of the block.
template <class T>
__device__ void mse_parts(float* parts, const T* x, const T* y, unsigned n) {
    Sum sum;
    for (unsigned i = thread_in_grid(); i < n / PACK; i += threads_in_grid()) {
        const Pack<T> of_x = pack_at(x, i), of_y = pack_at(y, i);
        for (unsigned j = 0; j < PACK; j++) {
            const float d = widen(of_x.values[j]) - widen(of_y.values[j]);
            sum.add(d * d);
        }
    }
    const unsigned rest = n / PACK * PACK + thread_in_grid();
    if (rest < n) sum.add(difference(x, y, rest) * difference(x, y, rest));
    const float of_block = block_sum(sum.total);
    if (threadIdx.x == 0) parts[blockIdx.x] = of_block;
}

// `dx = 2 (x - y) dloss / n`
template <class T>
__device__ void mse_grad(T* dx, const T* x, const T* y, const float* dloss, unsigned n) {
    const float factor = 2.0f * *dloss / float(n);
    map2(dx, x, y, n, [=](float x, float y) { return factor * (x - y); });
}

// The loss and its gradient in one pass, for a loss that is the last value of its graph, so its own gradient is known.
template <class T>
__device__ void mse_with_grad(float* parts, T* dx, const T* x, const T* y, const float* dloss, unsigned n) {
    const float factor = 2.0f * *dloss / float(n);
    Sum sum;
    for (unsigned i = thread_in_grid(); i < n / PACK; i += threads_in_grid()) {
        const Pack<T> of_x = pack_at(x, i), of_y = pack_at(y, i);
        Pack<T> of_dx;
        for (unsigned j = 0; j < PACK; j++) {
            const float d = widen(of_x.values[j]) - widen(of_y.values[j]);
            of_dx.values[j] = narrow<T>(factor * d);
            sum.add(d * d);
        }
        reinterpret_cast<Pack<T>*>(dx)[i] = of_dx;
    }
    const unsigned rest = n / PACK * PACK + thread_in_grid();
    if (rest < n) {
        const float d = difference(x, y, rest);
        dx[rest] = narrow<T>(factor * d);
        sum.add(d * d);
    }
    const float of_block = block_sum(sum.total);
    if (threadIdx.x == 0) parts[blockIdx.x] = of_block;
}

#define ENTRY(dtype, T)                                                                                            \
    KERNEL(mse_parts_##dtype, (float* parts, const T* x, const T* y, unsigned n)) { mse_parts(parts, x, y, n); }     \
    KERNEL(mse_grad_##dtype, (T * dx, const T* x, const T* y, const float* dloss, unsigned n)) {                     \
        mse_grad(dx, x, y, dloss, n);                                                                              \
    }                                                                                                              \
    KERNEL(mse_with_grad_##dtype,                                                                                  \
           (float* parts, T* dx, const T* x, const T* y, const float* dloss, unsigned n)) {                          \
        mse_with_grad(parts, dx, x, y, dloss, n);                                                                  \
    }
FOR_EACH_DTYPE(ENTRY)
