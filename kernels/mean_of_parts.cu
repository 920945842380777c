// `factor` times the sum of the parts that the blocks or rows of a loss have left: its second pass, by one block.
#include "common.cuh"

KERNEL(mean_of_parts, (float* mean, const float* parts, unsigned count, float factor)) {
    float sum = 0.0f;
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x) sum += parts[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) *mean = factor * sum;
}
