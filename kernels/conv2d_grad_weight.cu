// The gradient of a convolution with respect to its weight: an implicit GEMM whose rows are the output channels, whose
// columns are the (input channel, kernel offset), summed over the pixels of all images. The pixels are split into parts
// by blockIdx.z, whose sums are written to `parts [parts, o, c, kh, kw]`; sum_of_parts.cu adds them.
#include "conv2d.cuh"

#define PARAMETERS(T) \
    (float * parts, const T* x, const T* dy, Convolution of, unsigned pixels_of_part)
#define CALL(T, product) conv2d_grad_weight(parts, x, dy, of, pixels_of_part, product)

PRODUCT_ENTRIES(conv2d_grad_weight, PARAMETERS, CALL)
