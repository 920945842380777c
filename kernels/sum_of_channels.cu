// `y[c] = sum over n and the plane of x[n, c, ..]`: the gradient of a bias. Blocks of 256 threads (see channels.cuh).
#include "channels.cuh"

template <class T>
__device__ void sum_of_channels(T* y, const T* x, unsigned n, unsigned c, unsigned plane) {
    const ShareOfChannel share = share_of_thread(n, c, plane);
    Sum part;
    for (unsigned i = share.first; i < share.count; i += share.step) part.add(widen(x[share(i)]));
    const float sum = sum_of_channel(share, part.total);
    if (writes(share)) y[share.channel] = narrow<T>(sum);
}

#define ENTRY(dtype, T)                                                                            \
    KERNEL(sum_of_channels_##dtype, (T * y, const T* x, unsigned n, unsigned c, unsigned plane)) { \
        sum_of_channels(y, x, n, c, plane);                                                        \
    }
FOR_EACH_DTYPE(ENTRY)
