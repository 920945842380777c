// Batch normalisation with running statistics, for x [n, c, plane]; one thread per element. The gradients of weight
// and bias are computed by batch_norm.cu.
#include "common.cuh"

// `rstd = 1 / sqrt(variance + eps)` of each channel; NaN for an infinite variance, because zero would give outputs that
// look valid.
KERNEL(batch_norm_running_inverse_f32, (float* rstds, const float* variances, float eps, unsigned c)) {
    for (unsigned i = thread_in_grid(); i < c; i += threads_in_grid()) {
        const float variance = variances[i];
        rstds[i] = isfinite(variance) ? 1.0f / sqrtf(variance + eps) : NAN;
    }
}

// `dx = dy weight rstd`
template <class T>
__device__ void batch_norm_running_grad_input(T* dx, const T* dy, const T* weight, const float* rstds, unsigned n,
                                   unsigned c, unsigned plane) {
    for (unsigned i = thread_in_grid(); i < n * c * plane; i += threads_in_grid()) {
        const unsigned channel = i / plane % c;
        dx[i] = narrow<T>(widen(dy[i]) * widen(weight[channel]) * rstds[channel]);
    }
}

#define ENTRY(dtype, T)                                                                           \
    KERNEL(batch_norm_running_grad_input_##dtype, (T * dx, const T* dy, const T* weight,          \
                                                   const float* rstds, unsigned n, unsigned c, \
                                                   unsigned plane)) {                             \
        batch_norm_running_grad_input(dx, dy, weight, rstds, n, c, plane);                     \
    }
FOR_EACH_DTYPE(ENTRY)
