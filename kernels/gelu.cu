// Exact GELU (Hendrycks and Gimpel, 2016, arXiv 1606.08415), and its gradient.
#include "map.cuh"

constexpr float ONE_OVER_ROOT_2 = 0.707106781f;
constexpr float ONE_OVER_ROOT_TAU = 0.398942280f;

// `P(x)`, the cumulative distribution function of the standard normal distribution, which is precise also in the tails.
__device__ __forceinline__ float probability_below(float x) { return 0.5f * erfcf(-x * ONE_OVER_ROOT_2); }

// `x P(x)`
template <class T>
__device__ void gelu(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return x * probability_below(x); });
}

// `dx = (P(x) + x density(x)) dy` with the density `e^(-x^2 / 2) / sqrt(2 pi)`, the derivative of P.
template <class T>
__device__ void gelu_grad(T* dx, const T* x, const T* dy, unsigned n) {
    map2(dx, x, dy, n, [](float x, float dy) {
        const float density = ONE_OVER_ROOT_TAU * expf(-0.5f * x * x);
        return (probability_below(x) + x * density) * dy;
    });
}

#define ENTRY(dtype, T)                                                    \
    KERNEL(gelu_##dtype, (T * y, const T* x, unsigned n)) { gelu(y, x, n); } \
    KERNEL(gelu_grad_##dtype, (T * dx, const T* x, const T* dy, unsigned n)) { gelu_grad(dx, x, dy, n); }
FOR_EACH_DTYPE(ENTRY)
