// The convolution of images with what is done around it: `y[n, o] = epilogue(sum over c of x[n, c] * weight[o, c]
// + bias[o])`, as a product whose rows are the output channels and whose columns are the output pixels.
#include "conv2d.cuh"

#define PARAMETERS(T) \
    (T * y, const T* x, const T* weight, const T* bias, unsigned around, Convolution of)
#define CALL(T, product) conv2d(y, x, weight, Around<T>{around, bias}, of, product)

PRODUCT_ENTRIES(conv2d, PARAMETERS, CALL)
