// Max-pooling with a fixed window and a stride.
#include "windows.cuh"

struct Moving {
    unsigned image[2], size[2], kernel[2], stride[2], padding[2];

    __device__ unsigned from(unsigned axis, unsigned i) const {
        return i * stride[axis] > padding[axis] ? i * stride[axis] - padding[axis] : 0;
    }
    __device__ unsigned to(unsigned axis, unsigned i) const {
        return min(image[axis], i * stride[axis] + kernel[axis] - padding[axis]);
    }
    __device__ unsigned first_with(unsigned axis, unsigned pixel) const {
        const unsigned before = pixel + padding[axis] + 1;
        return before > kernel[axis] ? (before - kernel[axis] + stride[axis] - 1) / stride[axis] : 0;
    }
    __device__ unsigned last_with(unsigned axis, unsigned pixel) const {
        return (pixel + padding[axis]) / stride[axis];
    }
};

#define ENTRY(dtype, T) WINDOWS_ENTRY(max_pool2d, Moving, dtype, T)
FOR_EACH_DTYPE(ENTRY)
