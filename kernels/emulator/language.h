// The CUDA extensions of C++, for kernels that are compiled as C++.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fibers.h"
#include "numbers.h"
#include "registry.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(...)

#define threadIdx (emulator::running->thread->index)
#define blockIdx (emulator::running->index)
#define blockDim (emulator::running->size)
#define gridDim (emulator::running->grid)
#define warpSize 32

// Defines a kernel and registers it by name.
#define KERNEL(name, ...)                                     \
    static void name __VA_ARGS__;                             \
    static const emulator::Entry entry_of_##name(#name, name); \
    static void name __VA_ARGS__

// Shared memory. The arrays are references, so that an index out of bounds is detected. They have exactly the declared
// alignment, so that loading a vector from an array that is aligned only for its elements is detected too.
#define SHARED_ALIGNED(alignment, T, name, ...)                                          \
    static const char key_of_##name = 0;                                                 \
    auto& name = *static_cast<emulator::Array<T __VA_ARGS__>*>(                          \
        emulator::shared_memory(&key_of_##name, sizeof(emulator::Array<T __VA_ARGS__>), alignment))
#define SHARED(T, ...) SHARED_ALIGNED(alignof(T), T, __VA_ARGS__)
#define SHARED_VECTORS(T, ...) SHARED_ALIGNED(16, T, __VA_ARGS__)
#define DYNAMIC_SHARED(T, name) T* const name = reinterpret_cast<T*>(emulator::running->dynamic_shared)

#define __syncthreads() emulator::wait_for_block(__LINE__)
#define __syncwarp() emulator::sync_warp(__LINE__)
#define __shfl_sync(...) emulator::shuffle(__LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) emulator::shuffle_xor(__LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) emulator::shuffle_down(__LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) emulator::shuffle_up(__LINE__, __VA_ARGS__)
#define __ballot_sync(...) emulator::ballot(__LINE__, __VA_ARGS__)
#define __any_sync(mask, is_so) (__ballot_sync(mask, is_so) != 0)
#define __all_sync(mask, is_so) (__ballot_sync(mask, !(is_so)) == 0)

struct float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline void sincospi(double x, double* sine, double* cosine) {
    *sine = std::sin(x * 3.14159265358979323846);
    *cosine = std::cos(x * 3.14159265358979323846);
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline unsigned __umulhi(unsigned x, unsigned y) { return unsigned(uint64_t(x) * y >> 32); }
inline unsigned __float_as_uint(float x) { return emulator::bits_of(x); }
inline float __uint_as_float(unsigned bits) { return emulator::of_bits(bits); }
using std::isfinite;
using std::isnan;
using std::max;
using std::min;

namespace emulator {

// The array type `T[2][3]`, as a named type.
template <class T>
using Array = T;

inline void sync_warp(unsigned line) { exchange(0xffffffffu, Post{}, line); }

// The value of lane `from`; NaN if the lane does not exist or is not in the mask.
template <class T>
T shuffle(unsigned line, unsigned mask, T value, unsigned from) {
    static_assert(sizeof(T) <= sizeof(Post), "a value that fits a post");
    Post post{};
    memcpy(&post, &value, sizeof value);
    const Post* posts = exchange(mask, post, line);
    memcpy(&value, &posts[from % LANES], sizeof value);
    return value;
}

template <class T>
T shuffle_xor(unsigned line, unsigned mask, T value, unsigned lanes) {
    return shuffle(line, mask, value, running->thread->lane ^ lanes);
}

// A lane whose source is past the end of the warp keeps its own value.
template <class T>
T shuffle_down(unsigned line, unsigned mask, T value, unsigned lanes) {
    const unsigned lane = running->thread->lane;
    return shuffle(line, mask, value, lane + lanes < LANES ? lane + lanes : lane);
}

template <class T>
T shuffle_up(unsigned line, unsigned mask, T value, unsigned lanes) {
    const unsigned lane = running->thread->lane;
    return shuffle(line, mask, value, lane >= lanes ? lane - lanes : lane);
}

inline unsigned ballot(unsigned line, unsigned mask, bool is_so) {
    const Post* posts = exchange(mask, Post{{is_so}}, line);
    unsigned lanes = 0;
    for (unsigned lane = 0; lane < LANES; lane++) {
        if (mask >> lane & 1 && posts[lane].words[0] == 1) lanes |= 1u << lane;
    }
    return lanes;
}

}  // namespace emulator
