// Kernels with one planted fault each, which the emulator must detect, and correct counterparts.
#include "common.cuh"

// The sum of each row of [n, 64] by repeated halving, with or without the required barrier.
template <bool HAS_BARRIER>
__device__ void row_sums(float* sums, const float* x) {
    SHARED(float, part, [64]);
    part[threadIdx.x] = x[blockIdx.x * 64 + threadIdx.x];
    for (unsigned apart = 32; apart > 0; apart /= 2) {
        if (HAS_BARRIER || apart != 16) __syncthreads();
        if (threadIdx.x < apart) part[threadIdx.x] += part[threadIdx.x + apart];
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}

KERNEL(planted_nothing, (float* sums, const float* x)) { row_sums<true>(sums, x); }
KERNEL(planted_missing_barrier, (float* sums, const float* x)) { row_sums<false>(sums, x); }

// A tile is reused. Without the second barrier, a fast thread overwrites data that a slow thread still reads.
template <bool HAS_BARRIER>
__device__ void reversed_rows(float* out, const float* x) {
    SHARED(float, tile, [32]);
    for (unsigned row = 0; row < 2; row++) {
        tile[threadIdx.x] = x[row * 32 + threadIdx.x];
        __syncthreads();
        out[row * 32 + threadIdx.x] = tile[31 - threadIdx.x];
        if (HAS_BARRIER) __syncthreads();
    }
}

KERNEL(planted_no_second_fault, (float* out, const float* x)) { reversed_rows<true>(out, x); }
KERNEL(planted_missing_second_barrier, (float* out, const float* x)) { reversed_rows<false>(out, x); }

KERNEL(planted_barrier_in_a_branch, (float* out)) {
    if (threadIdx.x < 32) __syncthreads();
    out[threadIdx.x] = 1.0f;
}

KERNEL(planted_two_barriers, (float* out)) {
    if (threadIdx.x % 2 == 0) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = 1.0f;
}

KERNEL(planted_half_a_warp, (float* out)) {
    float x = 1.0f;
    if (threadIdx.x < 16) x = __shfl_sync(EVERY_LANE, x, 0);
    out[threadIdx.x] = x;
}

// `offset` shifts every read and write; 0 is correct.
KERNEL(planted_offset, (float* out, const float* x, unsigned from, unsigned to)) {
    out[threadIdx.x + to] = x[threadIdx.x + from];
}

KERNEL(planted_past_a_shared_array, (float* out, unsigned n)) {
    SHARED(float, part, [64]);
    for (unsigned i = 0; i < n; i++) part[i] = 1.0f;
    out[threadIdx.x] = part[threadIdx.x];
}

// Loads of four floats from an array that is aligned for one float, and from one that is aligned for four.
KERNEL(planted_misaligned_vector, (float* out)) {
    SHARED(float, part, [64]);
    part[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = reinterpret_cast<const float4*>(&part[threadIdx.x / 4 * 4])->y;
}

KERNEL(planted_aligned_vector, (float* out)) {
    SHARED_VECTORS(float, part, [64]);
    part[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = reinterpret_cast<const float4*>(&part[threadIdx.x / 4 * 4])->y;
}

KERNEL(planted_past_the_dynamic_memory, (float* out, unsigned n)) {
    DYNAMIC_SHARED(float, part);
    for (unsigned i = 0; i < n; i++) part[i] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = part[threadIdx.x];
}

// Unwritten shared memory is NaN.
KERNEL(planted_unwritten_memory, (float* out)) {
    SHARED(float, part, [64]);
    out[threadIdx.x] = part[threadIdx.x];
    __syncthreads();
    part[threadIdx.x] = 1.0f;
}

// The results of all warp functions, one row of 32 for each.
KERNEL(planted_warp_words, (unsigned* out)) {
    const unsigned lane = threadIdx.x, odd = __ballot_sync(EVERY_LANE, lane % 2 == 1);
    const unsigned words[] = {
        __shfl_sync(EVERY_LANE, lane, 5),          __shfl_up_sync(EVERY_LANE, lane, 1),
        __shfl_down_sync(EVERY_LANE, lane, 1),     __shfl_xor_sync(EVERY_LANE, lane, 3),
        odd,                                       unsigned(__any_sync(EVERY_LANE, lane == 7)),
        unsigned(__all_sync(EVERY_LANE, lane < 7)),
    };
    for (unsigned word = 0; word < 7; word++) out[word * 32 + lane] = words[word];
    __syncwarp();
}

// The half-warps exchange values separately, then all lanes do.
KERNEL(planted_parts_of_a_warp, (float* out)) {
    float x = float(threadIdx.x);
    if (threadIdx.x < 16) x += __shfl_xor_sync(0x0000ffffu, x, 1);
    out[threadIdx.x] = warp_sum(x);
}

// The index of the thread, for each block shape.
KERNEL(planted_places, (unsigned* out)) {
    const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const unsigned place = thread + block * blockDim.x * blockDim.y * blockDim.z;
    out[place] = place;
}

KERNEL(planted_round_trip_f16, (__half * out, const float* x, unsigned n)) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) out[i] = narrow<__half>(x[i]);
}

KERNEL(planted_round_trip_bf16, (__nv_bfloat16 * out, const float* x, unsigned n)) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) out[i] = narrow<__nv_bfloat16>(x[i]);
}

KERNEL(planted_widen_f16, (float* out, const __half* x, unsigned n)) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) out[i] = widen(x[i]);
}
