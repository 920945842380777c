// The counter-based random generator Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011, doi 10.1145/2063384.2063405),
// with the same bits as `tensor::random`.
#pragma once

#include "common.cuh"

// Four random words: the block with index `index` of the sequence numbered `sequence`.
struct Words {
    unsigned of[4];
};

__device__ __forceinline__ Words philox(u64 key, u64 sequence, u64 index) {
    unsigned a = unsigned(index), b = unsigned(index >> 32);
    unsigned c = unsigned(sequence), d = unsigned(sequence >> 32);
    unsigned low = unsigned(key), high = unsigned(key >> 32);
    for (unsigned round = 0; round < 10; round++) {
        const unsigned of_a = __umulhi(a, 0xd2511f53u), of_c = __umulhi(c, 0xcd9e8d57u);
        const unsigned new_b = c * 0xcd9e8d57u, new_d = a * 0xd2511f53u;
        a = of_c ^ b ^ low;
        c = of_a ^ d ^ high;
        b = new_b;
        d = new_d;
        low += 0x9e3779b9u;
        high += 0xbb67ae85u;
    }
    return {{a, b, c, d}};
}

// A dropout mask of a stream: an element is dropped if its word is below the threshold, which is the probability times
// 2^32.
struct Mask {
    u64 key;
    u64 step;
    unsigned threshold;

    // Whether each of four elements, starting from `4 block`, is kept.
    __device__ __forceinline__ Words survive(u64 block) const {
        Words words = philox(key, step, block);
        for (unsigned j = 0; j < 4; j++) words.of[j] = words.of[j] >= threshold;
        return words;
    }

    __device__ __forceinline__ bool survives(u64 element) const { return survive(element / 4).of[element % 4]; }
};
