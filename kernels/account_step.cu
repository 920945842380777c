// Accumulates the statistics of a training step over an epoch, so that nothing is copied to the CPU before the epoch
// ends.
#include "common.cuh"

// The sums of an epoch. The host reads them as floats in this order, a compensated sum as its total and its
// compensation.
struct Sums {
    Sum loss, mse, cross_entropy;
    // Sums over the steps in which both gradients are non-zero, followed by the number of those steps.
    Sum cosine, norm_ratio;
    float opposed;
    // The number of steps before the first non-finite loss.
    float finite;
};

// `x` and `y` are the gradients of the two losses with respect to the latent. Launched with one block.
template <class T>
__device__ void account_step(Sums* sums, const float* loss, const float* mse, const float* cross_entropy, const T* x,
                             const T* y, unsigned n) {
    Sum of_xx, of_yy, of_xy;
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) {
        const float of_x = widen(x[i]), of_y = widen(y[i]);
        of_xx.add(of_x * of_x);
        of_yy.add(of_y * of_y);
        of_xy.add(of_x * of_y);
    }
    const float xx = block_sum(of_xx.total), yy = block_sum(of_yy.total), xy = block_sum(of_xy.total);
    if (threadIdx.x > 0) return;
    Sums sum = *sums;
    sum.loss.add(*loss);
    sum.mse.add(*mse);
    sum.cross_entropy.add(*cross_entropy);
    const bool finite = isfinite(sum.loss.total) && isfinite(sum.mse.total) && isfinite(sum.cross_entropy.total);
    if (finite) sum.finite += 1.0f;
    const float cosine = xy / (sqrtf(xx) * sqrtf(yy)), norm_ratio = sqrtf(xx) / sqrtf(yy);
    if (isfinite(cosine) && isfinite(norm_ratio)) {
        sum.cosine.add(cosine);
        sum.norm_ratio.add(norm_ratio);
        sum.opposed += 1.0f;
    }
    *sums = sum;
}

#define ENTRY(dtype, T)                                                                                               \
    KERNEL(account_step_##dtype, (float* sums, const float* loss, const float* mse, const float* cross_entropy,       \
                                  const T* x, const T* y, unsigned n)) {                                              \
        account_step(reinterpret_cast<Sums*>(sums), loss, mse, cross_entropy, x, y, n);                               \
    }
FOR_EACH_DTYPE(ENTRY)
