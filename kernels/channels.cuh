// Iteration over the elements of each channel of [n, c, plane], for per-channel sums in parts.
//
// blockIdx.y is the part of each channel that a block reduces; a second kernel adds the parts. The parts depend only on
// the sizes, so the result has the same bits on any GPU.
#pragma once
#include "common.cuh"

// The number of channels of a block of 256 threads. If a plane has fewer elements than a warp has threads, as in [n,
// c], 32 adjacent threads process 32 adjacent channels; otherwise the whole block processes one channel.
constexpr unsigned CHANNELS_OF_BLOCK = 32;

// The number of elements that a thread loads before it adds the first of them, each to a separate sum.
constexpr unsigned IN_FLIGHT = 4;

// The elements of a channel that this thread reduces: every `step`-th, from `first` on and before `end`.
struct ShareOfChannel {
    unsigned channel, first, step, end, c, plane;
};

// An element of a channel: its offset, its image, and its position in the plane.
struct Element {
    size_t offset;
    unsigned image, pixel;
};

__device__ inline bool side_by_side(unsigned plane) { return plane < CHANNELS_OF_BLOCK; }

__device__ inline ShareOfChannel share_of_thread(unsigned of_part, unsigned n, unsigned c, unsigned plane) {
    const unsigned count = n * plane, begin = blockIdx.y * of_part;
    const unsigned end = count - begin < of_part ? count : begin + of_part;
    if (!side_by_side(plane)) return {blockIdx.x, begin + threadIdx.x, blockDim.x, end, c, plane};
    const unsigned channel = blockIdx.x * CHANNELS_OF_BLOCK + threadIdx.x % CHANNELS_OF_BLOCK;
    const unsigned first = threadIdx.x / CHANNELS_OF_BLOCK, step = blockDim.x / CHANNELS_OF_BLOCK;
    return {channel, begin + first, step, channel < c ? end : 0, c, plane};
}

// Calls `add(j, load(element))` for each element of the share, where j < IN_FLIGHT is the index of an independent sum.
// The position of an element is computed from the previous one without a division.
template <class Load, class Add>
__device__ __forceinline__ void for_share(const ShareOfChannel& share, Load load, Add add) {
    const unsigned near = share.step % share.plane, images = share.step / share.plane;
    const size_t of_image = size_t(share.c) * share.plane;
    Element at;
    at.image = share.first / share.plane;
    at.pixel = share.first % share.plane;
    at.offset = at.image * of_image + size_t(share.channel) * share.plane + at.pixel;
    const auto advance = [&] {
        at.image += images;
        at.pixel += near;
        at.offset += images * of_image + near;
        if (at.pixel < share.plane) return;
        at.image += 1;
        at.pixel -= share.plane;
        at.offset += of_image - share.plane;
    };
    unsigned i = share.first;
    for (; i + (IN_FLIGHT - 1) * share.step < share.end; i += IN_FLIGHT * share.step) {
        decltype(load(at)) loaded[IN_FLIGHT];
#pragma unroll
        for (unsigned j = 0; j < IN_FLIGHT; j++) {
            loaded[j] = load(at);
            advance();
        }
#pragma unroll
        for (unsigned j = 0; j < IN_FLIGHT; j++) add(j, loaded[j]);
    }
    for (; i < share.end; i += share.step) {
        add(0u, load(at));
        advance();
    }
}

// The sums of a thread; each adds every IN_FLIGHT-th element.
struct ChannelSums {
    Sum of[IN_FLIGHT];

    __device__ float total() const { return (of[0].total + of[1].total) + (of[2].total + of[3].total); }
};

// Whether this thread writes the result of its channel, and its index among the parts [parts, c].
__device__ inline bool writes(const ShareOfChannel& share) {
    const bool is_first = side_by_side(share.plane) ? threadIdx.x < CHANNELS_OF_BLOCK : threadIdx.x == 0;
    return is_first && share.channel < share.c;
}
__device__ inline size_t place_of_part(const ShareOfChannel& share) {
    return size_t(blockIdx.y) * share.c + share.channel;
}

// Combines the values of the threads of each channel with `combine`, starting with `nothing`; all threads get the
// result.
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
