// The tensor-core instruction `mma` and its fragments: d += a b, where a has 16 rows, b has 8 columns, and d [16, 8] is
// in f32; all are distributed over the lanes of a warp.
//
// A row of a and a column of b are 8 words of 32 bits: 16 elements of 16 bits, or 8 of f32 rounded to tf32. In units of
// words, all types have the same layout. With i = lane / 4 and j = lane % 4, a lane holds
// the words (row i, word j), (i + 8, j), (i, j + 4), (i + 8, j + 4) of a,
// the words (word j, column i), (j + 4, i) of b, and
// the sums (row i, column 2 j), (i, 2 j + 1), (i + 8, 2 j), (i + 8, 2 j + 1) of d.
#pragma once
#include "common.cuh"

template <class T>
constexpr bool is_bf16 = false;
template <>
constexpr bool is_bf16<__nv_bfloat16> = true;

// Rounds f32 to tf32: the lower 13 bits are rounded, ties away from zero.
__device__ inline unsigned to_tf32(float x) {
#ifdef __CUDA_ARCH__
    unsigned word;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(x));
    return word;
#else
    return (__float_as_uint(x) + 0x1000u) & ~0x1fffu;
#endif
}

#ifndef __CUDACC__
// The contribution of a word of a and a word of b to a sum.
template <class T>
float dot_of_words(unsigned a, unsigned b) {
    if constexpr (sizeof(T) == 4) {
        return __uint_as_float(a) * __uint_as_float(b);
    } else {
        T of_a[2], of_b[2];
        memcpy(of_a, &a, sizeof a);
        memcpy(of_b, &b, sizeof b);
        return widen(of_a[0]) * widen(of_b[0]) + widen(of_a[1]) * widen(of_b[1]);
    }
}
#endif

#define MMA(shape, types)                                                 \
    asm volatile("mma.sync.aligned." shape ".row.col." types              \
                 " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])         \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

// `d += a b`, executed by all lanes of a warp.
template <class T>
__device__ inline void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#ifdef __CUDA_ARCH__
    if constexpr (sizeof(T) == 4) {
        MMA("m16n8k8", "f32.tf32.tf32.f32");
    } else if constexpr (is_bf16<T>) {
        MMA("m16n8k16", "f32.bf16.bf16.f32");
    } else {
        MMA("m16n8k16", "f32.f16.f16.f32");
    }
#elif !defined(__CUDACC__)
    const emulator::Post* lanes =
        emulator::exchange(EVERY_LANE, {{a[0], a[1], a[2], a[3], b[0], b[1]}}, __LINE__);
    const unsigned i = lane_in_warp() / 4, j = lane_in_warp() % 4;
    for (unsigned at = 0; at < 4; at++) {
        const unsigned column = 2 * j + at % 2;
        float sum = 0.0f;
        for (unsigned word = 0; word < 8; word++) {
            const unsigned of_a = lanes[i * 4 + word % 4].words[at / 2 + word / 4 * 2];
            const unsigned of_b = lanes[column * 4 + word % 4].words[4 + word / 4];
            sum += dot_of_words<T>(of_a, of_b);
        }
        d[at] += sum;
    }
#endif
}

// Loads the fragment of a whose first word is at `words` in shared memory, from rows of `length` words.
__device__ inline void load_a(unsigned (&a)[4], const unsigned* words, unsigned length) {
    const unsigned lane = lane_in_warp();
#ifdef __CUDA_ARCH__
    const unsigned at = __cvta_generic_to_shared(words + lane % 16 * length + lane / 16 * 4);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(at) : "memory");
#else
    for (unsigned i = 0; i < 4; i++) a[i] = words[(lane / 4 + i % 2 * 8) * length + lane % 4 + i / 2 * 4];
#endif
}

// Loads the fragment of b whose first word is at `words` in shared memory, from columns of `length` words.
__device__ inline void load_b(unsigned (&b)[2], const unsigned* words, unsigned length) {
    const unsigned lane = lane_in_warp();
#ifdef __CUDA_ARCH__
    const unsigned at = __cvta_generic_to_shared(words + lane % 8 * length + lane / 8 % 2 * 4);
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(b[0]), "=r"(b[1]) : "r"(at) : "memory");
#else
    for (unsigned i = 0; i < 2; i++) b[i] = words[lane / 4 * length + lane % 4 + i * 4];
#endif
}
