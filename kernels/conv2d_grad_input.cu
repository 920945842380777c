// The gradient of a convolution with respect to its images or, with an epilogue, the transposed convolution: an
// implicit GEMM whose rows are the input channels and whose columns are the pixels of a phase. Each remainder modulo
// the stride is a phase; blockIdx.z indexes the phases.
#include "conv2d.cuh"

#define PARAMETERS(T) \
    (T * dx, const T* dy, const T* weight, const T* bias, unsigned epilogue, Convolution of)
#define CALL(T, product) conv2d_grad_input(dx, dy, weight, Epilogue<T>{epilogue, bias}, of, product)

PRODUCT_ENTRIES(conv2d_grad_input, PARAMETERS, CALL)
