// The gradient of a convolution by its images, and, with something around it, the transposed convolution: a
// product whose rows are the input channels and whose columns are the pixels of a phase. Each remainder of the
// stride is a phase; blockIdx.z counts them.
#include "conv2d.cuh"

#define PARAMETERS(T) \
    (T * dx, const T* dy, const T* weight, const T* bias, unsigned around, Convolution of)
#define CALL(T, product) conv2d_grad_input(dx, dy, weight, Around<T>{around, bias}, of, product)

PRODUCT_ENTRIES(conv2d_grad_input, PARAMETERS, CALL)
