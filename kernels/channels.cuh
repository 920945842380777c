// Iteration over the elements of each channel of [n, c, plane], for per-channel sums.
#pragma once
#include "common.cuh"

// The channels of a block of 256 threads. Where a plane has fewer elements than a warp, as in [n, c], 32 adjacent
// threads process 32 adjacent channels; otherwise the whole block processes one.
constexpr unsigned CHANNELS_OF_BLOCK = 32;

// The part of a channel that this thread sums.
struct ShareOfChannel {
    unsigned channel, first, step, count, c, plane;

    // The offset of element i of the channel.
    __device__ size_t operator()(unsigned i) const {
        return (size_t(i / plane) * c + channel) * plane + i % plane;
    }
};

__device__ inline bool side_by_side(unsigned plane) { return plane < CHANNELS_OF_BLOCK; }

__device__ inline ShareOfChannel share_of_thread(unsigned n, unsigned c, unsigned plane) {
    if (!side_by_side(plane)) return {blockIdx.x, threadIdx.x, blockDim.x, n * plane, c, plane};
    const unsigned channel = blockIdx.x * CHANNELS_OF_BLOCK + threadIdx.x % CHANNELS_OF_BLOCK;
    const unsigned first = threadIdx.x / CHANNELS_OF_BLOCK, step = blockDim.x / CHANNELS_OF_BLOCK;
    return {channel, first, step, channel < c ? n * plane : 0, c, plane};
}

// Whether this thread writes the result of its channel.
__device__ inline bool writes(const ShareOfChannel& share) { return share.first == 0 && share.channel < share.c; }

// Reduces the parts of the threads of each channel with `combine`, starting from `nothing`; all threads get the result.
template <class Combine>
__device__ __forceinline__ float over_side_by_side(float part, float nothing, Combine combine) {
    SHARED(float, parts, [1024]);
    __syncthreads();
    parts[threadIdx.x] = part;
    __syncthreads();
    float all = nothing;
    for (unsigned i = threadIdx.x % CHANNELS_OF_BLOCK; i < blockDim.x; i += CHANNELS_OF_BLOCK) {
        all = combine(all, parts[i]);
    }
    return all;
}

// The sum over the threads of each channel; all threads get the result.
__device__ inline float sum_of_channel(const ShareOfChannel& share, float part) {
    if (!side_by_side(share.plane)) return block_sum(part);
    return over_side_by_side(part, 0.0f, [](float a, float b) { return a + b; });
}

// The maximum over the threads of each channel.
__device__ inline float max_of_channel(const ShareOfChannel& share, float part) {
    if (!side_by_side(share.plane)) return block_max(part);
    return over_side_by_side(part, -INFINITY, [](float a, float b) { return fmaxf(a, b); });
}
