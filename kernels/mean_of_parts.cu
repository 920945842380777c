// The second pass of a loss, in one block: `factor` times the sum of the partial sums of its blocks or rows.
#include "common.cuh"

KERNEL(mean_of_parts, (float* mean, const float* parts, unsigned count, float factor)) {
    Sum part;
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x) part.add(parts[i]);
    const float sum = block_sum(part.total);
    if (threadIdx.x == 0) *mean = factor * sum;
}
