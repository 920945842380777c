// Batch normalisation in training mode (Ioffe and Szegedy, 2015, arXiv 1502.03167) and its gradients, for x [n, c,
// plane]. Channel sums are over n and the plane, in blocks of 256 threads and in parts (see channels.cuh); all other
// kernels use one thread per element. If `relu` is 1, a ReLU follows, and dy is the gradient with respect to its
// output.
#include "norm.cuh"

// For a part of each channel, [parts, c]: the mean, the sum of squared scaled deviations from it, and the scale by
// which the deviations are divided before they are squared (`scale_of`). The terms of the mean are divided before they
// are added, so that no sum overflows; the second pass corrects the rounding of the mean, so that equal values have
// zero deviation.
template <class T>
__device__ void batch_norm_statistics(float* means, float* squares, float* scales, const T* x, unsigned of_part,
                                      unsigned n, unsigned c, unsigned plane) {
    const ShareOfChannel share = share_of_thread(of_part, n, c, plane);
    const unsigned begin = blockIdx.y * of_part;
    const float count = float(min(of_part, n * plane - begin));
    const auto load = [=](const Element& at) { return widen(x[at.offset]); };
    ChannelSums sums, rests, of_squares;
    for_share(share, load, [&](unsigned j, float value) { sums.of[j].add(value / count); });
    const float first = sum_of_channel(share, sums.total());
    for_share(share, load, [&](unsigned j, float value) { rests.of[j].add((value - first) / count); });
    const float mean = first + sum_of_channel(share, rests.total());
    float largest = 0.0f;
    for_share(share, load, [&](unsigned, float value) { largest = fmaxf(largest, fabsf(value - mean)); });
    const float scale = scale_of(max_of_channel(share, largest));
    for_share(share, load, [&](unsigned j, float value) {
        const float deviation = (value - mean) / scale;
        of_squares.of[j].add(deviation * deviation);
    });
    const float square = sum_of_channel(share, of_squares.total());
    if (!writes(share)) return;
    means[place_of_part(share)] = mean;
    squares[place_of_part(share)] = square;
    scales[place_of_part(share)] = scale;
}

// The mean, the unbiased variance, and `rstd = 1 / sqrt(variance + eps)` with the biased variance, of each channel,
// computed from those of its parts (Chan, Golub and LeVeque, 1983): the sum of squared deviations of a part from the
// common mean is that from its own mean plus `size (mean of the part - mean)^2`. One warp per channel.
KERNEL(batch_norm_statistics_of_parts,
       (float* means, float* variances, float* rstds, const float* part_means, const float* part_squares,
        const float* part_scales, float eps, unsigned n_parts, unsigned of_part, unsigned count, unsigned c)) {
    const unsigned channel = thread_in_grid() / WARP;
    if (channel >= c) return;
    const float n = float(count);
    const auto size = [=](unsigned part) { return float(min(of_part, count - part * of_part)); };
    float sum = 0.0f, rest = 0.0f, largest = 0.0f, scale = 1.0f, squares = 0.0f;
    for (unsigned part = lane_in_warp(); part < n_parts; part += WARP) {
        sum += part_means[size_t(part) * c + channel] * (size(part) / n);
    }
    const float first = warp_sum(sum);
    for (unsigned part = lane_in_warp(); part < n_parts; part += WARP) {
        rest += (part_means[size_t(part) * c + channel] - first) * (size(part) / n);
    }
    const float mean = first + warp_sum(rest);
    for (unsigned part = lane_in_warp(); part < n_parts; part += WARP) {
        largest = fmaxf(largest, fabsf(part_means[size_t(part) * c + channel] - mean));
        scale = fmaxf(scale, part_scales[size_t(part) * c + channel]);
    }
    scale = fmaxf(warp_max(scale), scale_of(warp_max(largest)));
    for (unsigned part = lane_in_warp(); part < n_parts; part += WARP) {
        const size_t at = size_t(part) * c + channel;
        const float shrunk = part_scales[at] / scale, deviation = (part_means[at] - mean) / scale;
        squares += part_squares[at] * shrunk * shrunk + size(part) * deviation * deviation;
    }
    squares = warp_sum(squares);
    if (lane_in_warp() != 0) return;
    means[channel] = mean;
    variances[channel] = squares / (n - 1.0f) * scale * scale;
    rstds[channel] = 1.0f / (sqrtf(squares / n + eps / scale / scale) * scale);
}

// `y = (x - mean) rstd weight + bias`, followed by the optional ReLU.
template <class T>
__device__ void batch_norm(T* y, const T* x, const T* weight, const T* bias, const float* means,
                           const float* rstds, unsigned relu, unsigned n, unsigned c, unsigned plane) {
    for (unsigned i = thread_in_grid(); i < n * c * plane; i += threads_in_grid()) {
        const float sum = norm_of(i / plane % c, weight, bias, means, rstds).y(widen(x[i]));
        y[i] = narrow<T>(relu ? relu_of(sum) : sum);
    }
}

// `dweight = sum(dy z)`, with z the normalised x, and `dbias = sum(dy)`, in parts [parts, c].
template <class T>
__device__ void batch_norm_grad_affine(float* dweight, float* dbias, const T* x, const T* weight, const T* bias,
                                       const float* means, const float* rstds, const T* dy, unsigned relu,
                                       unsigned of_part, unsigned n, unsigned c, unsigned plane) {
    const ShareOfChannel share = share_of_thread(of_part, n, c, plane);
    const Norm norm = norm_of(share.channel < c ? share.channel : 0, weight, bias, means, rstds);
    ChannelSums of_weight, of_bias;
    for_share(
        share, [=](const Element& at) { return float2{widen(x[at.offset]), widen(dy[at.offset])}; },
        [&](unsigned j, float2 pixel_and_dy) {
            const float pixel = pixel_and_dy.x, behind = pixel_and_dy.y;
            const float of_y = relu ? through_relu(norm.y(pixel), behind) : behind;
            of_weight.of[j].add(of_y * norm.z(pixel));
            of_bias.of[j].add(of_y);
        });
    const float with_z = sum_of_channel(share, of_weight.total()), plain = sum_of_channel(share, of_bias.total());
    if (!writes(share)) return;
    dweight[place_of_part(share)] = with_z;
    dbias[place_of_part(share)] = plain;
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
    KERNEL(batch_norm_statistics_##dtype, (float* means, float* squares, float* scales, const T* x,                \
                                           unsigned of_part, unsigned n, unsigned c, unsigned plane)) {            \
        batch_norm_statistics(means, squares, scales, x, of_part, n, c, plane);                                    \
    }                                                                                                              \
    KERNEL(batch_norm_##dtype, (T * y, const T* x, const T* weight, const T* bias, const float* means,             \
                                const float* rstds, unsigned relu, unsigned n, unsigned c, unsigned plane)) {      \
        batch_norm(y, x, weight, bias, means, rstds, relu, n, c, plane);                                           \
    }                                                                                                              \
    KERNEL(batch_norm_grad_affine_##dtype, (float* dweight, float* dbias, const T* x, const T* weight,             \
                                            const T* bias, const float* means, const float* rstds, const T* dy,    \
                                            unsigned relu, unsigned of_part, unsigned n, unsigned c,               \
                                            unsigned plane)) {                                                     \
        batch_norm_grad_affine(dweight, dbias, x, weight, bias, means, rstds, dy, relu, of_part, n, c, plane);     \
    }                                                                                                              \
    KERNEL(batch_norm_grad_input_##dtype, (T * dx, const T* x, const T* dy, const T* weight, const T* bias,        \
                                           const float* means, const float* rstds, const float* dweight,           \
                                           const float* dbias, const float* dmean, const float* dvariance,         \
                                           unsigned relu, unsigned n, unsigned c, unsigned plane)) {               \
        batch_norm_grad_input(dx, x, dy, weight, bias, means, rstds, dweight, dbias, dmean, dvariance, relu, n, c, \
                              plane);                                                                              \
    }
FOR_EACH_DTYPE(ENTRY)
