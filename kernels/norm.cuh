// The normalisation of a channel and the gradient through it, for batch_norm.cu and batch_norm_pool.cu.
#pragma once
#include "channels.cuh"

// `z = (x - mean) rstd` and `y = z weight + bias`. y is rounded after each operation, without fused multiply-adds, so
// that the backward pass computes the same signs and maxima as the forward pass.
struct Norm {
    float mean, rstd, weight, bias;

    __device__ float z(float x) const { return (x - mean) * rstd; }
    __device__ float y(float x) const { return __fadd_rn(__fmul_rn(z(x), weight), bias); }
};

template <class T>
__device__ Norm norm_of(unsigned channel, const T* weight, const T* bias, const float* means, const float* rstds) {
    return {means[channel], rstds[channel], widen(weight[channel]), widen(bias[channel])};
}

// `max(y, 0)`, and the gradient with respect to y from that with respect to the result; NaN is propagated.
__device__ inline float relu_of(float y) { return y <= 0.0f ? 0.0f : y; }
__device__ inline float through_relu(float y, float dy) { return isnan(y) ? y : y > 0.0f ? dy : 0.0f; }

// Each of the `count` values of a channel also affects its mean and its variance:
// `dx = (dy - dbias / count - z dweight / count) weight rstd
//     + dmean / count + 2 (x - mean) dvariance / (count - 1)`
struct NormGradient {
    float count;
    const float *dweight, *dbias, *dmean, *dvariance;

    __device__ float operator()(unsigned channel, const Norm& norm, float x, float dy) const {
        const float through_y =
            (dy - dbias[channel] / count - norm.z(x) * (dweight[channel] / count)) * norm.weight * norm.rstd;
        const float through_variance = 2.0f * (x - norm.mean) * dvariance[channel] / (count - 1.0f);
        return through_y + dmean[channel] / count + through_variance;
    }
};
