// The maximum and the sum of exponentials of a row, computed by one warp.
#pragma once

#include "common.cuh"

// The largest logit of a row, and the sum of `e^(x - largest)`, which neither overflows nor underflows to zero.
struct Softmax {
    float largest, sum;
};

template <class T>
__device__ __forceinline__ Softmax softmax_of(const T* row, unsigned c) {
    float largest = -INFINITY;
    for (unsigned i = lane_in_warp(); i < c; i += WARP) largest = fmaxf(largest, widen(row[i]));
    largest = warp_max(largest);
    Sum sum;
    for (unsigned i = lane_in_warp(); i < c; i += WARP) sum.add(expf(widen(row[i]) - largest));
    return {largest, warp_sum(sum.total)};
}
