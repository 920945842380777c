// `y[c] = sum over n and the plane of x[n, c, ..]` in parts [parts, c]: the gradient of a bias. Blocks of 256 threads (see
// channels.cuh).
#include "channels.cuh"

template <class T>
__device__ void sum_of_channels(float* parts, const T* x, unsigned of_part, unsigned n, unsigned c, unsigned plane) {
    const ShareOfChannel share = share_of_thread(of_part, n, c, plane);
    ChannelSums sums;
    for_share(
        share, [=](const Element& at) { return widen(x[at.offset]); },
        [&](unsigned j, float value) { sums.of[j].add(value); });
    const float sum = sum_of_channel(share, sums.total());
    if (writes(share)) parts[place_of_part(share)] = sum;
}

#define ENTRY(dtype, T)                                                                                              \
    KERNEL(sum_of_channels_##dtype,                                                                                  \
           (float* parts, const T* x, unsigned of_part, unsigned n, unsigned c, unsigned plane)) {                   \
        sum_of_channels(parts, x, of_part, n, c, plane);                                                             \
    }
FOR_EACH_DTYPE(ENTRY)
