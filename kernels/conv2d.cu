// Convolution of images with a fused epilogue, `y[n, o] = epilogue(sum over c of x[n, c] * weight[o, c] + bias[o])`, as
// an implicit GEMM whose rows are the output channels and whose columns are the output pixels.
#include "conv2d.cuh"

#define PARAMETERS(T) \
    (T * y, const T* x, const T* weight, const T* bias, unsigned epilogue, Convolution of)
#define CALL(T, product) conv2d(y, x, weight, Epilogue<T>{epilogue, bias}, of, product)

PRODUCT_ENTRIES(conv2d, PARAMETERS, CALL)
