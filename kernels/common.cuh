// Common definitions: element types, entry points, indices, and block sums in a fixed order.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Defines an entry point: `KERNEL(add_f32, (float* z, const float* x, unsigned n)) { ... }`.
#define KERNEL(name, ...) extern "C" __global__ void name __VA_ARGS__
// Declares static shared memory: `SHARED(float, tile, [32][33]);`. The emulator fills it with NaN for each block.
#define SHARED(T, name, ...) __shared__ T name __VA_ARGS__
// Like SHARED, but aligned for loads of 16 bytes; an array of floats is otherwise aligned to 4.
#define SHARED_VECTORS(T, name, ...) __shared__ __align__(16) T name __VA_ARGS__
// Declares dynamic shared memory, whose size is set at launch.
#define DYNAMIC_SHARED(T, name)                                     \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    T* const name = reinterpret_cast<T*>(dynamic_shared)
#else
#include "emulator/language.h"
#endif

using u64 = unsigned long long;

// Expands `ENTRY(suffix, type)` for every element type.
#define FOR_EACH_DTYPE(ENTRY) ENTRY(f32, float) ENTRY(f16, __half) ENTRY(bf16, __nv_bfloat16)

constexpr unsigned WARP = 32;
constexpr unsigned EVERY_LANE = 0xffffffffu;

// 16-bit types are used for storage only: values are widened on load and rounded on store.
__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(__half x) { return __half2float(x); }
__device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class T>
__device__ __forceinline__ T narrow(float x);
template <>
__device__ __forceinline__ float narrow(float x) {
    return x;
}
template <>
__device__ __forceinline__ __half narrow(float x) {
    return __float2half(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 narrow(float x) {
    return __float2bfloat16(x);
}

// The index of the thread in the grid along x, and the number of threads along x.
__device__ __forceinline__ unsigned thread_in_grid() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ unsigned threads_in_grid() { return gridDim.x * blockDim.x; }

__device__ __forceinline__ unsigned lane_in_warp() { return threadIdx.x % WARP; }

// Compensated summation, whose rounding error does not grow with the number of terms (Kahan, 1965, doi
// 10.1145/363707.363723). `rest` is the rounding error of the last addition, which is subtracted from the next term.
struct Sum {
    float total = 0.0f, rest = 0.0f;

    __device__ __forceinline__ void add(float x) {
        const float term = x - rest, after = total + term;
        // An infinite total is not compensated.
        rest = isfinite(after) ? (after - total) - term : 0.0f;
        total = after;
    }
};

// The divisor of deviations before they are squared: 1, or `largest`, the largest deviation, if up to 2^32 squares
// might overflow.
__device__ __forceinline__ float scale_of(float largest) { return largest > 0x1p46f ? largest : 1.0f; }

// The pairwise sum over the lanes of a warp, with the same bits in each lane.
__device__ __forceinline__ float warp_sum(float x) {
    for (unsigned apart = WARP / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(EVERY_LANE, x, apart);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
    for (unsigned apart = WARP / 2; apart > 0; apart /= 2) x = fmaxf(x, __shfl_xor_sync(EVERY_LANE, x, apart));
    return x;
}

// Combines the results of the warps of a block by `of_warp`, for blocks of whole warps along x; every thread gets the
// same bits.
template <class Combine>
__device__ __forceinline__ float over_block(float x, float nothing, Combine of_warp) {
    SHARED(float, of_warps, [WARP]);
    x = of_warp(x);
    __syncthreads();  // A previous call may still be reading.
    if (lane_in_warp() == 0) of_warps[threadIdx.x / WARP] = x;
    __syncthreads();
    return of_warp(lane_in_warp() < blockDim.x / WARP ? of_warps[lane_in_warp()] : nothing);
}

__device__ inline float block_sum(float x) {
    return over_block(x, 0.0f, [](float x) { return warp_sum(x); });
}

__device__ inline float block_max(float x) {
    return over_block(x, -INFINITY, [](float x) { return warp_max(x); });
}
