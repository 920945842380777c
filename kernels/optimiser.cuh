// Common to optimisers: the list of all parameters, divided into chunks for blocks, so that one launch updates all of
// them.
#pragma once

#include "common.cuh"

// A chunk: the elements of one parameter that one block updates.
struct Share {
    unsigned parameter, first, count;
};

// Calls `step(i)` for each element of the chunk.
template <class Step>
__device__ __forceinline__ void for_each_of(const Share& share, Step step) {
    for (unsigned i = threadIdx.x; i < share.count; i += blockDim.x) step(share.first + i);
}
