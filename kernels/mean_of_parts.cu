// `factor` times the sum of the parts that the blocks or rows of a loss have left: its second pass, by one block.
#include "common.cuh"

KERNEL(mean_of_parts, (float* mean, const float* parts, unsigned count, float factor)) {
    Sum part;
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x) part.add(parts[i]);
    const float sum = block_sum(part.total);
    if (threadIdx.x == 0) *mean = factor * sum;
}
