// Adaptive max-pooling: window i of `size` along an axis of `image` pixels is
// `floor(i image / size) .. ceil((i + 1) image / size)`. Windows overlap if `size` does not divide `image`.
#include "windows.cuh"

struct Covering {
    unsigned image[2], size[2];

    __device__ unsigned from(unsigned axis, unsigned i) const { return i * image[axis] / size[axis]; }
    __device__ unsigned to(unsigned axis, unsigned i) const {
        return ((i + 1) * image[axis] + size[axis] - 1) / size[axis];
    }
    __device__ unsigned first_with(unsigned axis, unsigned pixel) const {
        return pixel * size[axis] / image[axis];
    }
    __device__ unsigned last_with(unsigned axis, unsigned pixel) const {
        return ((pixel + 1) * size[axis] + image[axis] - 1) / image[axis] - 1;
    }
};

#define ENTRY(dtype, T) WINDOWS_ENTRY(adaptive_max_pool, Covering, dtype, T)
FOR_EACH_DTYPE(ENTRY)
