// The gradient of attention with respect to its packed input. The attention probabilities are recomputed from the saved
// log-sum-exp, `p = exp(scale q . k - lse)`. With `dp = dy . v` and `delta = dy . y`, the gradient of a score is
// `ds = p (dp - delta)`, and `dq = scale sum(ds k)`, `dk = scale sum(ds q)`, `dv = sum(p dy)`.
//
// Sums over keys and sums over queries are separate kernels, so the probabilities are computed twice; in return, each
// sum has a fixed order and needs no atomics. blockIdx.x indexes the heads of all examples.
#include "attention.cuh"

// `delta = dy . y` of each query, [n, n_heads, t]; one warp per query.
template <class T>
__device__ void attention_grad_deltas(float* deltas, const T* y, const T* dy, const Heads& heads) {
    const Head head(heads);
    const unsigned query = (blockIdx.y * blockDim.x + threadIdx.x) / WARP;
    if (query >= head.t) return;
    const float delta = warp_dot(y + head.output(query), dy + head.output(query), head.width);
    if (lane_in_warp() == 0) deltas[head.row(query)] = delta;
}

// The probability and the score gradient of a (query, key) pair.
struct OfPair {
    float weight, dscore;

    __device__ OfPair(float score, float dp, float row_lse, float delta)
        : weight(expf(score - row_lse)), dscore(weight * (dp - delta)) {}
};

// The naive kernel: one thread per token loops over the other tokens, with the token first as a query and then as a
// key. It needs `2 width` floats of dynamic shared memory per thread.
template <class T>
__device__ void attention_grad_plain(T* dqkv, const T* qkv, const float* lse, const float* deltas, const T* dy,
                                     const Heads& heads) {
    DYNAMIC_SHARED(float, memory);
    const Head head(heads);
    const unsigned token = blockIdx.y * blockDim.x + threadIdx.x, width = head.width;
    if (token >= head.t) return;
    float *dk = memory + threadIdx.x * 2 * width, *dv = dk + width, *dq = dk;
    const auto pair = [&](unsigned query, unsigned key) {
        const float score = head.scale * dot(qkv + head.query(query), qkv + head.key(key), width);
        const float dp = dot(dy + head.output(query), qkv + head.value(key), width);
        return OfPair(score, dp, lse[head.row(query)], deltas[head.row(query)]);
    };
    for (unsigned i = 0; i < width; i++) dq[i] = 0.0f;
    for (unsigned key = 0; key < head.t; key++) {
        const float dscore = pair(token, key).dscore;
        for (unsigned i = 0; i < width; i++) dq[i] += dscore * widen(qkv[head.key(key) + i]);
    }
    for (unsigned i = 0; i < width; i++) {
        dqkv[head.query(token) + i] = narrow<T>(head.scale * dq[i]);
        dk[i] = dv[i] = 0.0f;
    }
    for (unsigned query = 0; query < head.t; query++) {
        const OfPair of_query = pair(query, token);
        for (unsigned i = 0; i < width; i++) {
            dk[i] += of_query.dscore * widen(qkv[head.query(query) + i]);
            dv[i] += of_query.weight * widen(dy[head.output(query) + i]);
        }
    }
    for (unsigned i = 0; i < width; i++) {
        dqkv[head.key(token) + i] = narrow<T>(head.scale * dk[i]);
        dqkv[head.value(token) + i] = narrow<T>(dv[i]);
    }
}

// The gradients of SIDE queries, looping over tiles of SIDE keys.
template <class T, unsigned WIDTH, unsigned SIDE>
__device__ void attention_grad_queries(T* dqkv, const T* qkv, const float* lse, const float* deltas, const T* dy,
                             const Heads& heads) {
    constexpr unsigned ROWS = SIDE / ACROSS;
    SHARED_VECTORS(float, q, [SIDE][WIDTH + 4]);
    SHARED_VECTORS(float, dy_tile, [SIDE][WIDTH + 4]);
    SHARED_VECTORS(float, k, [SIDE][WIDTH + 4]);
    SHARED_VECTORS(float, v, [SIDE][WIDTH + 4]);
    SHARED(float, dscores, [SIDE][SIDE + 1]);
    const Head head(heads);
    const unsigned x = threadIdx.x % ACROSS, row = threadIdx.x / ACROSS * ROWS, first = blockIdx.y * SIDE;
    load_tile(q, qkv, head, first, [&](unsigned token) { return head.query(token); });
    load_tile(dy_tile, dy, head, first, [&](unsigned token) { return head.output(token); });
    float dq[ROWS][WIDTH / ACROSS] = {}, row_lse[ROWS], delta[ROWS];
#pragma unroll
    for (unsigned i = 0; i < ROWS; i++) {
        const size_t place = head.row(min(first + row + i, head.t - 1));
        row_lse[i] = lse[place];
        delta[i] = deltas[place];
    }
    for (unsigned key = 0; key < head.t; key += SIDE) {
        __syncthreads();
        load_tile(k, qkv, head, key, [&](unsigned token) { return head.key(token); });
        load_tile(v, qkv, head, key, [&](unsigned token) { return head.value(token); });
        __syncthreads();
        float scores[ROWS][ROWS] = {}, dp[ROWS][ROWS] = {};
        add_dots(scores, q, row, k, x);
        add_dots(dp, dy_tile, row, v, x);
#pragma unroll
        for (unsigned i = 0; i < ROWS; i++) {
#pragma unroll
            for (unsigned j = 0; j < ROWS; j++) {
                const OfPair pair(head.scale * scores[i][j], dp[i][j], row_lse[i], delta[i]);
                dscores[row + i][x + ACROSS * j] = key + x + ACROSS * j < head.t ? pair.dscore : 0.0f;
            }
        }
        // A row is written and read by threads of the same half-warp, so a warp barrier suffices.
        __syncwarp();
        add_products(dq, dscores, row, k, x);
    }
    for (unsigned i = 0; i < ROWS && first + row + i < head.t; i++) {
        store_features(dqkv + head.query(first + row + i), dq[i], head.scale, x, head.width);
    }
}

// The gradients of SIDE keys and their values, looping over tiles of SIDE queries.
template <class T, unsigned WIDTH, unsigned SIDE>
__device__ void attention_grad_keys(T* dqkv, const T* qkv, const float* lse, const float* deltas, const T* dy,
                          const Heads& heads) {
    constexpr unsigned ROWS = SIDE / ACROSS;
    SHARED_VECTORS(float, k, [SIDE][WIDTH + 4]);
    SHARED_VECTORS(float, v, [SIDE][WIDTH + 4]);
    SHARED_VECTORS(float, q, [SIDE][WIDTH + 4]);
    SHARED_VECTORS(float, dy_tile, [SIDE][WIDTH + 4]);
    SHARED(float, weights, [SIDE][SIDE + 1]);
    SHARED(float, dscores, [SIDE][SIDE + 1]);
    const Head head(heads);
    const unsigned x = threadIdx.x % ACROSS, row = threadIdx.x / ACROSS * ROWS, first = blockIdx.y * SIDE;
    load_tile(k, qkv, head, first, [&](unsigned token) { return head.key(token); });
    load_tile(v, qkv, head, first, [&](unsigned token) { return head.value(token); });
    float dk[ROWS][WIDTH / ACROSS] = {}, dv[ROWS][WIDTH / ACROSS] = {};
    for (unsigned query = 0; query < head.t; query += SIDE) {
        __syncthreads();
        load_tile(q, qkv, head, query, [&](unsigned token) { return head.query(token); });
        load_tile(dy_tile, dy, head, query, [&](unsigned token) { return head.output(token); });
        __syncthreads();
        float scores[ROWS][ROWS] = {}, dp[ROWS][ROWS] = {};
        add_dots(scores, k, row, q, x);
        add_dots(dp, v, row, dy_tile, x);
#pragma unroll
        for (unsigned j = 0; j < ROWS; j++) {
            const bool inside = query + x + ACROSS * j < head.t;
            const size_t place = head.row(inside ? query + x + ACROSS * j : 0);
            const float row_lse = lse[place], delta = deltas[place];
#pragma unroll
            for (unsigned i = 0; i < ROWS; i++) {
                const OfPair pair(head.scale * scores[i][j], dp[i][j], row_lse, delta);
                weights[row + i][x + ACROSS * j] = inside ? pair.weight : 0.0f;
                dscores[row + i][x + ACROSS * j] = inside ? pair.dscore : 0.0f;
            }
        }
        // A row is written and read by threads of the same half-warp, so a warp barrier suffices.
        __syncwarp();
        add_products(dv, weights, row, dy_tile, x);
        add_products(dk, dscores, row, q, x);
    }
    for (unsigned i = 0; i < ROWS && first + row + i < head.t; i++) {
        store_features(dqkv + head.key(first + row + i), dk[i], head.scale, x, head.width);
        store_features(dqkv + head.value(first + row + i), dv[i], 1.0f, x, head.width);
    }
}

#define PARAMETERS(T) \
    (T * dqkv, const T* qkv, const float* lse, const float* deltas, const T* dy, Heads heads)
#define ENTRY(dtype, T)                                                                            \
    KERNEL(attention_grad_deltas_##dtype, (float* deltas, const T* y, const T* dy, Heads heads)) { \
        attention_grad_deltas(deltas, y, dy, heads);                                               \
    }                                                                                              \
    KERNEL(attention_grad_plain_##dtype, PARAMETERS(T)) {                                          \
        attention_grad_plain(dqkv, qkv, lse, deltas, dy, heads);                              \
    }                                                                                              \
    KERNEL(attention_grad_queries_width64_##dtype, PARAMETERS(T)) {                                \
        attention_grad_queries<T, 64, 32>(dqkv, qkv, lse, deltas, dy, heads);                 \
    }                                                                                              \
    KERNEL(attention_grad_queries_width128_##dtype, PARAMETERS(T)) {                               \
        attention_grad_queries<T, 128, 16>(dqkv, qkv, lse, deltas, dy, heads);                \
    }                                                                                              \
    KERNEL(attention_grad_keys_width64_##dtype, PARAMETERS(T)) {                                   \
        attention_grad_keys<T, 64, 32>(dqkv, qkv, lse, deltas, dy, heads);                    \
    }                                                                                              \
    KERNEL(attention_grad_keys_width128_##dtype, PARAMETERS(T)) {                                  \
        attention_grad_keys<T, 128, 16>(dqkv, qkv, lse, deltas, dy, heads);                   \
    }
FOR_EACH_DTYPE(ENTRY)
