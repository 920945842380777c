// Matrix multiplication with optionally transposed operands and a fused epilogue: `c = epilogue(op(a) op(b) + bias)`.
// Blocks cover c in x and y; blockIdx.z indexes the batch.
//
// There are three kernels (product.cuh): the naive one, which is the reference for the others; a register-tiled one for
// f32; and one on the tensor cores for 16-bit types and optionally for f32 rounded to tf32. The fast ones have several
// tile sizes, because small tiles keep all SMs busy with a small matrix.
#include "matmul.cuh"

#define PARAMETERS(T)                                                                                   \
    (T * c, const T* a, const T* b, const T* bias, unsigned epilogue, unsigned m, unsigned n, unsigned k, \
     unsigned transpose_a, unsigned transpose_b)
#define CALL(T, product) \
    with_matrices(c, a, b, Epilogue<T>{epilogue, bias}, m, n, k, transpose_a, transpose_b, product)

PRODUCT_ENTRIES(matmul, PARAMETERS, CALL)
TILE_ENTRIES_OF_FRAGMENTS(matmul, tf32, float, PARAMETERS, CALL)
