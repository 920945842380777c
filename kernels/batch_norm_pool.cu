// Fused batch normalisation, max-pooling and ReLU, and its gradients, for x [n, c, h, w]; the statistics are computed
// by batch_norm.cu. The backward pass finds the maxima again, so they are not stored.
#include "norm.cuh"
#include "windows.cuh"

// The maximum of window (i, j) of the normalised plane, and its position.
template <class T>
__device__ Largest largest_normalised(const T* plane, const Moving& windows, unsigned i, unsigned j, const Norm& norm) {
    return largest_of_window(windows, i, j, [&](unsigned place) { return norm.y(widen(plane[place])); });
}

// One thread per window.
template <class T>
__device__ void batch_norm_pool(T* y, const T* x, const T* weight, const T* bias, const float* means,
                                const float* rstds, const Moving& windows, unsigned n, unsigned c) {
    const unsigned pixels = windows.image[0] * windows.image[1], oh = windows.size[0], ow = windows.size[1];
    for (unsigned at = thread_in_grid(); at < n * c * oh * ow; at += threads_in_grid()) {
        const unsigned plane = at / (oh * ow);
        const Norm norm = norm_of(plane % c, weight, bias, means, rstds);
        const Largest largest =
            largest_normalised(x + size_t(plane) * pixels, windows, at / ow % oh, at % ow, norm);
        y[at] = narrow<T>(relu_of(largest.value));
    }
}

// `dweight = sum(dy z)` and `dbias = sum(dy)` over the maxima of a channel, in parts [parts, c]; `plane` counts windows.
template <class T>
__device__ void batch_norm_pool_grad_affine(float* dweight, float* dbias, const T* dy, const T* x, const T* weight,
                                            const T* bias, const float* means, const float* rstds,
                                            const Moving& windows, unsigned of_part, unsigned n, unsigned c,
                                            unsigned plane) {
    const ShareOfChannel share = share_of_thread(of_part, n, c, plane);
    const Norm norm = norm_of(share.channel < c ? share.channel : 0, weight, bias, means, rstds);
    const unsigned pixels = windows.image[0] * windows.image[1], ow = windows.size[1];
    ChannelSums of_weight, of_bias;
    for_share(
        share,
        [=](const Element& at) {
            const T* image = x + (size_t(at.image) * share.c + share.channel) * pixels;
            const Largest largest = largest_normalised(image, windows, at.pixel / ow, at.pixel % ow, norm);
            const float of_y = through_relu(largest.value, widen(dy[at.offset]));
            return float2{of_y * norm.z(widen(image[largest.place])), of_y};
        },
        [&](unsigned j, float2 terms) {
            of_weight.of[j].add(terms.x);
            of_bias.of[j].add(terms.y);
        });
    const float with_z = sum_of_channel(share, of_weight.total()), plain = sum_of_channel(share, of_bias.total());
    if (!writes(share)) return;
    dweight[place_of_part(share)] = with_z;
    dbias[place_of_part(share)] = plain;
}

// One thread per pixel, which checks for each window that contains it, in order, whether the pixel is its maximum.
template <class T>
__device__ void batch_norm_pool_grad_input(T* dx, const T* x, const T* dy, const T* weight, const T* bias,
                                           const float* means, const float* rstds, const float* dweight,
                                           const float* dbias, const float* dmean, const float* dvariance,
                                           const Moving& windows, unsigned n, unsigned c, unsigned plane) {
    const NormGradient gradient{float(n * plane), dweight, dbias, dmean, dvariance};
    const unsigned width = windows.image[1], of_plane = windows.size[0] * windows.size[1];
    for (unsigned at = thread_in_grid(); at < n * c * plane; at += threads_in_grid()) {
        const unsigned channel = at / plane % c, place = at % plane;
        const Norm norm = norm_of(channel, weight, bias, means, rstds);
        const T* image = x + (at - place);
        float of_y = 0.0f;
        for_windows_with(windows, place / width, place % width, [&](unsigned i, unsigned j) {
            const Largest largest = largest_normalised(image, windows, i, j, norm);
            const size_t window = size_t(at / plane) * of_plane + i * windows.size[1] + j;
            if (largest.place == place) of_y += through_relu(largest.value, widen(dy[window]));
        });
        dx[at] = narrow<T>(gradient(channel, norm, widen(x[at]), of_y));
    }
}

#define ENTRY(dtype, T)                                                                                            \
    KERNEL(batch_norm_pool_##dtype, (T * y, const T* x, const T* weight, const T* bias, const float* means,        \
                                     const float* rstds, Moving windows, unsigned n, unsigned c)) {                \
        batch_norm_pool(y, x, weight, bias, means, rstds, windows, n, c);                                          \
    }                                                                                                              \
    KERNEL(batch_norm_pool_grad_affine_##dtype, (float* dweight, float* dbias, const T* dy, const T* x,            \
                                                 const T* weight, const T* bias, const float* means,               \
                                                 const float* rstds, Moving windows, unsigned of_part, unsigned n, \
                                                 unsigned c, unsigned plane)) {                                    \
        batch_norm_pool_grad_affine(dweight, dbias, dy, x, weight, bias, means, rstds, windows, of_part, n, c,     \
                                    plane);                                                                        \
    }                                                                                                              \
    KERNEL(batch_norm_pool_grad_input_##dtype, (T * dx, const T* x, const T* dy, const T* weight, const T* bias,   \
                                                const float* means, const float* rstds, const float* dweight,      \
                                                const float* dbias, const float* dmean, const float* dvariance,    \
                                                Moving windows, unsigned n, unsigned c, unsigned plane)) {         \
        batch_norm_pool_grad_input(dx, x, dy, weight, bias, means, rstds, dweight, dbias, dmean, dvariance,        \
                                   windows, n, c, plane);                                                          \
    }
FOR_EACH_DTYPE(ENTRY)
