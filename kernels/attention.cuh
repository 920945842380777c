// Common to attention and its gradient: the memory layout of a head, and the steps of the tiled kernels.
//
// A tiled kernel has 16 x 16 threads. The threads with equal y, a half-warp, compute the same rows of the tile,
// starting with `row`. Thread (x, y) computes columns x, x + 16, .. of a matrix product, and features 4 x .. 4 x + 3,
// 64 + 4 x .., and so on, of a weighted sum over the rows of another tile.
#pragma once
#include "common.cuh"

// qkv is [n, t, 3, n_heads, width]; outputs and their gradients are [n, t, n_heads, width]; per-query scalars are
// [n, n_heads, t].
struct Heads {
    unsigned n_heads, t, width;
    float scale;
};

// The head of this block, selected by blockIdx.x.
struct Head : Heads {
    unsigned example, head;

    __device__ explicit Head(const Heads& heads)
        : Heads(heads), example(blockIdx.x / heads.n_heads), head(blockIdx.x % heads.n_heads) {}

    // The offsets of a token's query, key and value in qkv, of its output, and of its per-query scalar.
    __device__ size_t query(unsigned token) const { return packed(token, 0); }
    __device__ size_t key(unsigned token) const { return packed(token, 1); }
    __device__ size_t value(unsigned token) const { return packed(token, 2); }
    __device__ size_t output(unsigned token) const {
        return ((size_t(example) * t + token) * n_heads + head) * width;
    }
    __device__ size_t row(unsigned token) const { return (size_t(example) * n_heads + head) * t + token; }

  private:
    __device__ size_t packed(unsigned token, unsigned part) const {
        return (((size_t(example) * t + token) * 3 + part) * n_heads + head) * width;
    }
};

template <class T>
__device__ float dot(const T* x, const T* y, unsigned width) {
    float dot = 0.0f;
    for (unsigned i = 0; i < width; i++) dot += widen(x[i]) * widen(y[i]);
    return dot;
}

// A dot product computed by one warp.
template <class T>
__device__ float warp_dot(const T* x, const T* y, unsigned width) {
    float dot = 0.0f;
    for (unsigned i = lane_in_warp(); i < width; i += WARP) dot += widen(x[i]) * widen(y[i]);
    return warp_sum(dot);
}

// The shift that is subtracted from the scores of a row before exponentiation: the running maximum, or 0 while all
// scores are minus infinity.
__device__ __forceinline__ float shift_of(float largest) { return largest == -INFINITY ? 0.0f : largest; }

constexpr unsigned ACROSS = 16;

__device__ inline float sum_of_16(float x) {
    for (unsigned apart = ACROSS / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(EVERY_LANE, x, apart);
    return x;
}

__device__ inline float max_of_16(float x) {
    for (unsigned apart = ACROSS / 2; apart > 0; apart /= 2) x = fmaxf(x, __shfl_xor_sync(EVERY_LANE, x, apart));
    return x;
}

// Loads the tokens from `first` on into a tile, with zeros after the last token and the last feature. Rows are padded
// by four floats to avoid bank conflicts.
template <unsigned TOKENS, unsigned LINE, class T, class Place>
__device__ void load_tile(float (&tile)[TOKENS][LINE], const T* data, const Heads& heads, unsigned first,
                          Place place) {
    constexpr unsigned WIDTH = LINE - 4;
    for (unsigned i = threadIdx.x; i < TOKENS * WIDTH; i += ACROSS * ACROSS) {
        const unsigned token = first + i / WIDTH, feature = i % WIDTH;
        const bool inside = token < heads.t && feature < heads.width;
        tile[i / WIDTH][feature] = inside ? widen(data[place(token) + feature]) : 0.0f;
    }
}

__device__ inline float4 four_of(const float& first) { return *reinterpret_cast<const float4*>(&first); }

// `dots[i][j] += a[row + i] . b[x + 16 j]`
template <unsigned ROWS, unsigned COLUMNS, unsigned A, unsigned B, unsigned LINE>
__device__ void add_dots(float (&dots)[ROWS][COLUMNS], const float (&a)[A][LINE], unsigned row,
                         const float (&b)[B][LINE], unsigned x) {
    for (unsigned feature = 0; feature < LINE - 4; feature += 4) {
        float4 of_b[COLUMNS];
#pragma unroll
        for (unsigned j = 0; j < COLUMNS; j++) of_b[j] = four_of(b[x + ACROSS * j][feature]);
#pragma unroll
        for (unsigned i = 0; i < ROWS; i++) {
            const float4 of_a = four_of(a[row + i][feature]);
#pragma unroll
            for (unsigned j = 0; j < COLUMNS; j++) {
                dots[i][j] += of_a.x * of_b[j].x + of_a.y * of_b[j].y + of_a.z * of_b[j].z + of_a.w * of_b[j].w;
            }
        }
    }
}

// `sums[i][..] += sum over j of weights[row + i][j] b[j][..]` for the features of this thread.
template <unsigned ROWS, unsigned FEATURES, unsigned A, unsigned LINE_A, unsigned B, unsigned LINE>
__device__ void add_products(float (&sums)[ROWS][FEATURES], const float (&weights)[A][LINE_A], unsigned row,
                             const float (&b)[B][LINE], unsigned x) {
    for (unsigned j = 0; j < B; j++) {
#pragma unroll
        for (unsigned four = 0; four < FEATURES; four += 4) {
            const float4 of_b = four_of(b[j][four * ACROSS + 4 * x]);
#pragma unroll
            for (unsigned i = 0; i < ROWS; i++) {
                const float weight = weights[row + i][j];
                sums[i][four] += weight * of_b.x;
                sums[i][four + 1] += weight * of_b.y;
                sums[i][four + 2] += weight * of_b.z;
                sums[i][four + 3] += weight * of_b.w;
            }
        }
    }
}

// Stores the features of one token computed by this thread, times a factor.
template <class T, unsigned FEATURES>
__device__ void store_features(T* to, const float (&values)[FEATURES], float factor, unsigned x, unsigned width) {
#pragma unroll
    for (unsigned i = 0; i < FEATURES; i++) {
        const unsigned feature = i / 4 * 4 * ACROSS + 4 * x + i % 4;
        if (feature < width) to[feature] = narrow<T>(factor * values[i]);
    }
}
