// Sums that are computed in parts [parts, n], which a second kernel adds in a fixed order, and sums of rows within a GEMM.
#pragma once
#include "common.cuh"

// The sum over the parts of element i.
__device__ __forceinline__ float sum_over_parts(const float* parts, unsigned n_parts, unsigned n, unsigned i) {
    Sum sum;
#pragma unroll 4
    for (unsigned part = 0; part < n_parts; part++) sum.add(parts[size_t(part) * n + i]);
    return sum.total;
}

// The sums of the rows of a, if the output takes them: each of the first SIDE threads adds the elements of one row of the
// tile of a in shared memory, which is loaded anyway. Only one block of a row of blocks does so.
template <class Out, unsigned SIDE>
struct RowSums {
    const Out& out;
    Sum sum;

    // Adds `of_tile(row)`, the sum of this row of the tile; called between the barriers around the use of the tile.
    template <class OfTile>
    __device__ void add(OfTile of_tile) {
        if constexpr (Out::SUMS_ROWS) {
            if (threadIdx.x < SIDE && out.sums_rows()) sum.add(of_tile(threadIdx.x));
        }
    }
    __device__ void store(unsigned first_row) const {
        if constexpr (Out::SUMS_ROWS) {
            if (threadIdx.x < SIDE && out.sums_rows()) out.store_row(first_row + threadIdx.x, sum.total);
        }
    }
};
