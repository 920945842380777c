// Batch normalisation by given statistics, for x [n, c, plane]; one thread for each number. The gradients by weight
// and bias are those of batch_norm.cu.
#include "common.cuh"

// `1 / sqrt(variance + eps)` of each channel; NaN of a variance that has overflowed, of which zero would make plausible
// elements.
KERNEL(batch_norm_running_inverse_f32, (float* inverses, const float* variances, float eps, unsigned c)) {
    for (unsigned i = thread_in_grid(); i < c; i += threads_in_grid()) {
        const float variance = variances[i];
        inverses[i] = isfinite(variance) ? 1.0f / sqrtf(variance + eps) : NAN;
    }
}

// `dx = dy weight inverse`
template <class T>
__device__ void batch_norm_running_grad_input(T* dx, const T* dy, const T* weight, const float* inverses, unsigned n,
                                   unsigned c, unsigned plane) {
    for (unsigned i = thread_in_grid(); i < n * c * plane; i += threads_in_grid()) {
        const unsigned channel = i / plane % c;
        dx[i] = narrow<T>(widen(dy[i]) * widen(weight[channel]) * inverses[channel]);
    }
}

#define ENTRY(dtype, T)                                                                           \
    KERNEL(batch_norm_running_grad_input_##dtype, (T * dx, const T* dy, const T* weight,          \
                                                   const float* inverses, unsigned n, unsigned c, \
                                                   unsigned plane)) {                             \
        batch_norm_running_grad_input(dx, dy, weight, inverses, n, c, plane);                     \
    }
FOR_EACH_DTYPE(ENTRY)
