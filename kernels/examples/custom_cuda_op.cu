// The kernels of the example custom_cuda_op, compiled for a GPU by
//
//     nvcc --fatbin -arch=sm_80 -I kernels kernels/examples/custom_cuda_op.cu -o softplus.fatbin
#include "map.cuh"

// `ln(1 + e^x)`
template <class T>
__device__ void softplus(T* y, const T* x, unsigned n) {
    map(y, x, n, [](float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); });
}

// `dx = dy / (1 + e^-x)`
template <class T>
__device__ void softplus_grad(T* dx, const T* x, const T* dy, unsigned n) {
    map2(dx, x, dy, n, [](float x, float dy) { return dy / (1.0f + expf(-x)); });
}

#define ENTRY(dtype, T)                                                              \
    KERNEL(softplus_##dtype, (T * y, const T* x, unsigned n)) { softplus(y, x, n); } \
    KERNEL(softplus_grad_##dtype, (T * dx, const T* x, const T* dy, unsigned n)) { softplus_grad(dx, x, dy, n); }
FOR_EACH_DTYPE(ENTRY)
