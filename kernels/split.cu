// The combined gradient of a latent with two heads: `dz = weight dfirst + (1 - weight) dsecond`.
#include "map.cuh"

// The weight is read from device memory, so that a recorded step can be replayed with another weight.
template <class T>
__device__ void mix(T* dz, const T* dfirst, const T* dsecond, unsigned n, const float* weight) {
    const float of_first = *weight, of_second = 1.0f - *weight;
    map2(dz, dfirst, dsecond, n, [=](float first, float second) { return of_first * first + of_second * second; });
}

#define ENTRY(dtype, T)                                                                                          \
    KERNEL(mix_##dtype, (T * dz, const T* dfirst, const T* dsecond, unsigned n, const float* weight)) {            \
        mix(dz, dfirst, dsecond, n, weight);                                                                     \
    }
FOR_EACH_DTYPE(ENTRY)
