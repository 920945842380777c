// The cross-entropy of logits [n, c] with labels, its gradient, and both in one pass; no probability is stored.
//
// One warp per row; each lane processes every 32nd class. Each row writes its loss to `parts`; mean_of_parts computes
// the mean. A row is read from memory once, and then from the cache.
#include "softmax.cuh"

// Selects the loss, the gradient or both.
enum class Pass { Loss, Grad, Both };

// `loss = log sum e^x - x[label]` and `dx = (softmax(x) - one_hot(label)) dloss / n`
template <Pass PASS, class T>
__device__ __forceinline__ void softmax_cross_entropy(float* parts, T* dx, const T* x, const unsigned* labels,
                                                      const float* dloss, unsigned n, unsigned c) {
    const float weight = PASS == Pass::Loss ? 0.0f : *dloss / float(n);
    for (unsigned row = thread_in_grid() / WARP; row < n; row += threads_in_grid() / WARP) {
        const T* logits = x + u64(row) * c;
        const unsigned label = labels[row];
        const Softmax softmax = softmax_of(logits, c);
        if (PASS != Pass::Grad && lane_in_warp() == 0) {
            // The maximum is subtracted separately: adding it to the logarithm would lose the precision of a small
            // loss.
            parts[row] = logf(softmax.sum) - (widen(logits[label]) - softmax.largest);
        }
        for (unsigned i = lane_in_warp(); PASS != Pass::Loss && i < c; i += WARP) {
            const float probability = expf(widen(logits[i]) - softmax.largest) / softmax.sum;
            dx[u64(row) * c + i] = narrow<T>(weight * (probability - (i == label ? 1.0f : 0.0f)));
        }
    }
}

#define ENTRY(dtype, T)                                                                                         \
    KERNEL(softmax_cross_entropy_parts_##dtype,                                                                 \
           (float* parts, const T* x, const unsigned* labels, unsigned n, unsigned c)) {                          \
        softmax_cross_entropy<Pass::Loss, T>(parts, nullptr, x, labels, nullptr, n, c);                         \
    }                                                                                                           \
    KERNEL(softmax_cross_entropy_grad_##dtype,                                                                  \
           (T * dx, const T* x, const unsigned* labels, const float* dloss, unsigned n, unsigned c)) {            \
        softmax_cross_entropy<Pass::Grad, T>(nullptr, dx, x, labels, dloss, n, c);                              \
    }                                                                                                           \
    KERNEL(softmax_cross_entropy_with_grad_##dtype, (float* parts, T* dx, const T* x, const unsigned* labels,     \
                                                     const float* dloss, unsigned n, unsigned c)) {             \
        softmax_cross_entropy<Pass::Both, T>(parts, dx, x, labels, dloss, n, c);                                \
    }
FOR_EACH_DTYPE(ENTRY)
