// Matrix multiplication with optionally transposed operands and a fused epilogue: `c = epilogue(op(a) op(b) + bias)`.
// Blocks cover c in x and y; blockIdx.z indexes the batch.
//
// There are three kernels (product.cuh): the naive one, which is the reference for the others; a register-tiled one for
// f32; and one on the tensor cores for 16-bit types and optionally for f32 rounded to tf32. The fast ones have several
// tile sizes, because small tiles keep all SMs busy with a small matrix.
#include "matmul.cuh"
#include "parts.cuh"

#define PARAMETERS(T)                                                                                   \
    (T * c, const T* a, const T* b, const T* bias, unsigned epilogue, unsigned m, unsigned n, unsigned k, \
     unsigned transpose_a, unsigned transpose_b)
#define CALL(T, product) \
    with_matrices(c, a, b, Epilogue<T>{epilogue, bias}, m, n, k, transpose_a, transpose_b, product)

PRODUCT_ENTRIES(matmul, PARAMETERS, CALL)
TILE_ENTRIES_OF_FRAGMENTS(matmul, tf32, float, PARAMETERS, CALL)

// One part of k each (split-k), and optionally the sums of the rows of a in the same pass: for the gradients of a linear
// layer with respect to its weight and its bias, a is the transposed gradient of the output.
#define PARTS_PARAMETERS(T)                                                                                  \
    (float * parts, float* row_parts, const T* a, const T* b, unsigned sums_rows, unsigned m, unsigned n,    \
     unsigned k, unsigned transpose_a, unsigned transpose_b, unsigned batch, unsigned k_of_part)
#define PARTS_CALL(T, product) \
    with_parts(parts, row_parts, a, b, sums_rows, m, n, k, transpose_a, transpose_b, batch, k_of_part, product)

PRODUCT_ENTRIES(matmul_parts, PARTS_PARAMETERS, PARTS_CALL)

// `c[i] = epilogue(parts[0, i] + parts[1, i] + ..)` with rows of `columns` elements, and
// `row_sums[i] = row_parts[0, i] + row_parts[1, i] + ..`.
template <class T>
__device__ void sum_of_products(T* c, T* row_sums, const float* parts, const float* row_parts, Epilogue<T> epilogue,
                                unsigned n_parts, unsigned n, unsigned columns, unsigned n_rows) {
    for (unsigned i = thread_in_grid(); i < n + n_rows; i += threads_in_grid()) {
        if (i < n) {
            c[i] = narrow<T>(epilogue(sum_over_parts(parts, n_parts, n, i), i % columns));
        } else {
            row_sums[i - n] = narrow<T>(sum_over_parts(row_parts, n_parts, n_rows, i - n));
        }
    }
}

#define SUM_ENTRY(dtype, T)                                                                                       \
    KERNEL(matmul_sum_of_parts_##dtype,                                                                           \
           (T * c, T * row_sums, const float* parts, const float* row_parts, const T* bias, unsigned epilogue,    \
            unsigned n_parts, unsigned n, unsigned columns, unsigned n_rows)) {                                   \
        sum_of_products(c, row_sums, parts, row_parts, Epilogue<T>{epilogue, bias}, n_parts, n, columns, n_rows); \
    }
FOR_EACH_DTYPE(SUM_ENTRY)
