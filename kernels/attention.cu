// Multi-head attention (Vaswani et al., 2017, arXiv 1706.03762): y = softmax(scale q k^T) v in each head, and the
// log-sum-exp (lse) of each row of scores. The attention probabilities are not stored: sums are relative to the running
// maximum and rescaled when it grows (online softmax: Milakov and Gimelshein, 2018, arXiv 1805.02867; FlashAttention:
// Dao et al., 2022, arXiv 2205.14135). blockIdx.x indexes the heads of all examples.
#include "attention.cuh"

// The naive kernel: one thread per query loops over the keys, with `width` floats of dynamic shared memory per thread.
template <class T>
__device__ void attention_plain(T* y, float* lse, const T* qkv, const Heads& heads) {
    DYNAMIC_SHARED(float, memory);
    const Head head(heads);
    const unsigned query = blockIdx.y * blockDim.x + threadIdx.x, width = head.width;
    if (query >= head.t) return;
    float* values = memory + threadIdx.x * width;
    for (unsigned i = 0; i < width; i++) values[i] = 0.0f;
    float largest = -INFINITY, sum = 0.0f;
    for (unsigned key = 0; key < head.t; key++) {
        const float score = head.scale * dot(qkv + head.query(query), qkv + head.key(key), width);
        const float before = largest;
        largest = fmaxf(largest, score);
        const float shift = shift_of(largest), shrink = expf(before - shift), weight = expf(score - shift);
        sum = sum * shrink + weight;
        const T* v = qkv + head.value(key);
        for (unsigned i = 0; i < width; i++) values[i] = values[i] * shrink + weight * widen(v[i]);
    }
    for (unsigned i = 0; i < width; i++) y[head.output(query) + i] = narrow<T>(values[i] / sum);
    lse[head.row(query)] = largest + logf(sum);
}

// A block of QUERIES queries loops over tiles of KEYS keys, each of up to WIDTH features.
template <class T, unsigned WIDTH, unsigned QUERIES, unsigned KEYS>
__device__ void attention_tiled(T* y, float* lse, const T* qkv, const Heads& heads) {
    constexpr unsigned ROWS = QUERIES / ACROSS, COLUMNS = KEYS / ACROSS;
    SHARED_VECTORS(float, q, [QUERIES][WIDTH + 4]);
    SHARED_VECTORS(float, k, [KEYS][WIDTH + 4]);
    SHARED_VECTORS(float, v, [KEYS][WIDTH + 4]);
    SHARED(float, weights, [QUERIES][KEYS + 1]);
    const Head head(heads);
    const unsigned x = threadIdx.x % ACROSS, row = threadIdx.x / ACROSS * ROWS, first = blockIdx.y * QUERIES;
    load_tile(q, qkv, head, first, [&](unsigned token) { return head.query(token); });
    float values[ROWS][WIDTH / ACROSS] = {}, largest[ROWS], sums[ROWS] = {};
#pragma unroll
    for (unsigned i = 0; i < ROWS; i++) largest[i] = -INFINITY;
    for (unsigned key = 0; key < head.t; key += KEYS) {
        __syncthreads();
        load_tile(k, qkv, head, key, [&](unsigned token) { return head.key(token); });
        load_tile(v, qkv, head, key, [&](unsigned token) { return head.value(token); });
        __syncthreads();
        float scores[ROWS][COLUMNS] = {};
        add_dots(scores, q, row, k, x);
#pragma unroll
        for (unsigned i = 0; i < ROWS; i++) {
            float now = largest[i], sum = 0.0f;
#pragma unroll
            for (unsigned j = 0; j < COLUMNS; j++) {
                scores[i][j] = key + x + ACROSS * j < head.t ? head.scale * scores[i][j] : -INFINITY;
                now = fmaxf(now, scores[i][j]);
            }
            now = max_of_16(now);
            const float shift = shift_of(now), shrink = expf(largest[i] - shift);
            largest[i] = now;
#pragma unroll
            for (unsigned j = 0; j < COLUMNS; j++) {
                const float weight = expf(scores[i][j] - shift);
                weights[row + i][x + ACROSS * j] = weight;
                sum += weight;
            }
            sums[i] = sums[i] * shrink + sum_of_16(sum);
#pragma unroll
            for (float& value : values[i]) value *= shrink;
        }
        // A row of probabilities is written and read by threads of the same half-warp, so a warp barrier suffices.
        __syncwarp();
        add_products(values, weights, row, v, x);
    }
    for (unsigned i = 0; i < ROWS; i++) {
        const unsigned query = first + row + i;
        if (query >= head.t) return;
        store_features(y + head.output(query), values[i], 1.0f / sums[i], x, head.width);
        if (x == 0) lse[head.row(query)] = largest[i] + logf(sums[i]);
    }
}

#define ENTRY(dtype, T)                                                                       \
    KERNEL(attention_plain_##dtype, (T * y, float* lse, const T* qkv, Heads heads)) {    \
        attention_plain(y, lse, qkv, heads);                                             \
    }                                                                                         \
    KERNEL(attention_width64_##dtype, (T * y, float* lse, const T* qkv, Heads heads)) {  \
        attention_tiled<T, 64, 64, 32>(y, lse, qkv, heads);                              \
    }                                                                                         \
    KERNEL(attention_width128_##dtype, (T * y, float* lse, const T* qkv, Heads heads)) { \
        attention_tiled<T, 128, 32, 16>(y, lse, qkv, heads);                             \
    }
FOR_EACH_DTYPE(ENTRY)
