// What optimisers share: the list of all parameters, and the blocks' shares of it, so that one launch steps them all.
#pragma once

#include "common.cuh"

// The elements of one parameter that one block steps, none of which another block steps.
struct Share {
    unsigned parameter, first, count;
};

// Calls `step(i)` for each element of the share.
template <class Step>
__device__ __forceinline__ void for_each_of(const Share& share, Step step) {
    for (unsigned i = threadIdx.x; i < share.count; i += blockDim.x) step(share.first + i);
}
