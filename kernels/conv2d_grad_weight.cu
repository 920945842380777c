// The gradient of a convolution by its weight: a product whose rows are the output channels, whose columns are the
// (input channel, tap), and which sums over the pixels of all images. The pixels are cut into parts, one for each
// blockIdx.z, whose sums go to `parts [parts, o, c, kh, kw]`; sum_of_parts.cu adds them up.
#include "conv2d.cuh"

#define PARAMETERS(T) \
    (float * parts, const T* x, const T* dy, Convolution of, unsigned pixels_of_part)
#define CALL(T, product) conv2d_grad_weight(parts, x, dy, of, pixels_of_part, product)

PRODUCT_ENTRIES(conv2d_grad_weight, PARAMETERS, CALL)
