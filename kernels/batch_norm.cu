// Batch normalisation in training mode (Ioffe and Szegedy, 2015, arXiv 1502.03167) and its gradients, for x [n, c, plane].
// Channel sums are over n and the plane, in blocks of 256 threads (see channels.cuh); all else is one thread per element.
// Where `relu` is 1, a ReLU follows; the gradients then start from dy behind it.
#include "norm.cuh"

// The mean, the unbiased variance, and `rstd = 1 / sqrt(variance + eps)` with the biased variance, of each channel. The
// terms of the mean are divided before they are added, so that no sum overflows; the second pass corrects the rounding of
// the mean, so that equal values have no deviation. Deviations are divided by `scale_of` before they are squared.
template <class T>
__device__ void batch_norm_statistics(float* means, float* variances, float* rstds, const T* x, float eps,
                                      unsigned n, unsigned c, unsigned plane) {
    const ShareOfChannel share = share_of_thread(n, c, plane);
    const float count = float(n * plane);
    Sum sum, rest, of_squares;
    for (unsigned i = share.first; i < share.count; i += share.step) sum.add(widen(x[share(i)]) / count);
    const float first = sum_of_channel(share, sum.total);
    for (unsigned i = share.first; i < share.count; i += share.step) rest.add((widen(x[share(i)]) - first) / count);
    const float mean = first + sum_of_channel(share, rest.total);
    float largest = 0.0f;
    for (unsigned i = share.first; i < share.count; i += share.step) {
        largest = fmaxf(largest, fabsf(widen(x[share(i)]) - mean));
    }
    const float scale = scale_of(max_of_channel(share, largest));
    for (unsigned i = share.first; i < share.count; i += share.step) {
        const float deviation = (widen(x[share(i)]) - mean) / scale;
        of_squares.add(deviation * deviation);
    }
    const float squares = sum_of_channel(share, of_squares.total);
    if (!writes(share)) return;
    means[share.channel] = mean;
    variances[share.channel] = squares / (count - 1.0f) * scale * scale;
    rstds[share.channel] = 1.0f / (sqrtf(squares / count + eps / scale / scale) * scale);
}

// `y = (x - mean) rstd weight + bias`
template <class T>
__device__ void batch_norm(T* y, const T* x, const T* weight, const T* bias, const float* means,
                           const float* rstds, unsigned relu, unsigned n, unsigned c, unsigned plane) {
    for (unsigned i = thread_in_grid(); i < n * c * plane; i += threads_in_grid()) {
        const float sum = norm_of(i / plane % c, weight, bias, means, rstds).y(widen(x[i]));
        y[i] = narrow<T>(relu ? relu_of(sum) : sum);
    }
}

// `dweight = sum(dy z)`, with z the normalised x, and `dbias = sum(dy)`.
template <class T>
__device__ void batch_norm_grad_affine(float* dweight, float* dbias, const T* x, const T* weight, const T* bias,
                                       const float* means, const float* rstds, const T* dy, unsigned relu,
                                       unsigned n, unsigned c, unsigned plane) {
    const ShareOfChannel share = share_of_thread(n, c, plane);
    const unsigned channel = share.channel < c ? share.channel : 0;
    Sum of_weight, of_bias;
    for (unsigned i = share.first; i < share.count; i += share.step) {
        const Norm norm = norm_of(channel, weight, bias, means, rstds);
        const float pixel = widen(x[share(i)]), behind = widen(dy[share(i)]);
        const float of_y = relu ? through_relu(norm.y(pixel), behind) : behind;
        of_weight.add(of_y * norm.z(pixel));
        of_bias.add(of_y);
    }
    const float with_z = sum_of_channel(share, of_weight.total), plain = sum_of_channel(share, of_bias.total);
    if (!writes(share)) return;
    dweight[channel] = with_z;
    dbias[channel] = plain;
}

template <class T>
__device__ void batch_norm_grad_input(T* dx, const T* x, const T* dy, const T* weight, const T* bias,
                                      const float* means, const float* rstds, const float* dweight,
                                      const float* dbias, const float* dmean, const float* dvariance, unsigned relu,
                                      unsigned n, unsigned c, unsigned plane) {
    const NormGradient gradient{float(n * plane), dweight, dbias, dmean, dvariance};
    for (unsigned i = thread_in_grid(); i < n * c * plane; i += threads_in_grid()) {
        const unsigned channel = i / plane % c;
        const Norm norm = norm_of(channel, weight, bias, means, rstds);
        const float pixel = widen(x[i]), behind = widen(dy[i]);
        dx[i] = narrow<T>(gradient(channel, norm, pixel, relu ? through_relu(norm.y(pixel), behind) : behind));
    }
}

#define ENTRY(dtype, T)                                                                                            \
    KERNEL(batch_norm_statistics_##dtype, (float* means, float* variances, float* rstds, const T* x, float eps,    \
                                           unsigned n, unsigned c, unsigned plane)) {                              \
        batch_norm_statistics(means, variances, rstds, x, eps, n, c, plane);                                       \
    }                                                                                                              \
    KERNEL(batch_norm_##dtype, (T * y, const T* x, const T* weight, const T* bias, const float* means,             \
                                const float* rstds, unsigned relu, unsigned n, unsigned c, unsigned plane)) {      \
        batch_norm(y, x, weight, bias, means, rstds, relu, n, c, plane);                                           \
    }                                                                                                              \
    KERNEL(batch_norm_grad_affine_##dtype, (float* dweight, float* dbias, const T* x, const T* weight,             \
                                            const T* bias, const float* means, const float* rstds, const T* dy,    \
                                            unsigned relu, unsigned n, unsigned c, unsigned plane)) {              \
        batch_norm_grad_affine(dweight, dbias, x, weight, bias, means, rstds, dy, relu, n, c, plane);              \
    }                                                                                                              \
    KERNEL(batch_norm_grad_input_##dtype, (T * dx, const T* x, const T* dy, const T* weight, const T* bias,        \
                                           const float* means, const float* rstds, const float* dweight,           \
                                           const float* dbias, const float* dmean, const float* dvariance,         \
                                           unsigned relu, unsigned n, unsigned c, unsigned plane)) {               \
        batch_norm_grad_input(dx, x, dy, weight, bias, means, rstds, dweight, dbias, dmean, dvariance, relu, n, c, \
                              plane);                                                                              \
    }
FOR_EACH_DTYPE(ENTRY)
