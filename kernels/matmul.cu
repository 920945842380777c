// The product of two matrices, either of them transposed where it is read, and what is done around it:
// `c = epilogue(op(a) op(b) + bias)`. Blocks stand over c in x and y; blockIdx.z counts the products of a batch.
//
// Three kernels compute it, all by product.cuh: the plain one to be read and to judge the others by, one in
// registers for f32, and one on the tensor cores for 16 bits and, where it is asked for, f32 rounded to tf32.
// The fast ones come in several tiles, since small tiles keep all processors busy with a small matrix.
#include "matmul.cuh"

#define PARAMETERS(T)                                                                                   \
    (T * c, const T* a, const T* b, const T* bias, unsigned around, unsigned m, unsigned n, unsigned k, \
     unsigned transpose_a, unsigned transpose_b)
#define CALL(T, product) \
    with_matrices(c, a, b, Around<T>{around, bias}, m, n, k, transpose_a, transpose_b, product)

PRODUCT_ENTRIES(matmul, PARAMETERS, CALL)
TILE_ENTRIES_OF_FRAGMENTS(matmul, tf32, float, PARAMETERS, CALL)
