// Sums that are computed in parts [parts, n], which a second kernel adds in a fixed order.
#pragma once
#include "common.cuh"

// The sum over the parts of element i.
__device__ __forceinline__ float sum_over_parts(const float* parts, unsigned n_parts, unsigned n, unsigned i) {
    Sum sum;
#pragma unroll 4
    for (unsigned part = 0; part < n_parts; part++) sum.add(parts[size_t(part) * n + i]);
    return sum.total;
}
