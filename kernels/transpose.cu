// Permutation of axes.
#include "axes.cuh"

// One output element per thread. Writes are coalesced, and so are reads if the last axis stays last.
#define ENTRY(dtype, T) \
    KERNEL(transpose_##dtype, (T * y, const T* x, unsigned n, Axes axes)) { copy_along(y, x, n, axes); }
FOR_EACH_DTYPE(ENTRY)

// Transposes one matrix [rows, columns] per blockIdx.z in square tiles, so that reads and writes are coalesced.
// Launched with blocks of 32 x 8 threads; the tile is padded by one column to avoid bank conflicts.
template <class T>
__device__ void transpose_matrices(T* y, const T* x, unsigned rows, unsigned columns) {
    constexpr unsigned SIDE = 32, STEP = 8;
    SHARED(T, square, [SIDE][SIDE + 1]);
    const u64 matrix = u64(blockIdx.z) * rows * columns;
    const unsigned first_row = blockIdx.y * SIDE, first_column = blockIdx.x * SIDE;
    for (unsigned i = threadIdx.y; i < SIDE; i += STEP) {
        const unsigned row = first_row + i, column = first_column + threadIdx.x;
        if (row < rows && column < columns) square[i][threadIdx.x] = x[matrix + u64(row) * columns + column];
    }
    __syncthreads();
    for (unsigned i = threadIdx.y; i < SIDE; i += STEP) {
        const unsigned row = first_row + threadIdx.x, column = first_column + i;
        if (row < rows && column < columns) y[matrix + u64(column) * rows + row] = square[threadIdx.x][i];
    }
}

#define MATRICES_ENTRY(dtype, T)                                                                    \
    KERNEL(transpose_matrices_##dtype, (T * y, const T* x, unsigned rows, unsigned columns)) {        \
        transpose_matrices(y, x, rows, columns);                                                    \
    }
FOR_EACH_DTYPE(MATRICES_ENTRY)
