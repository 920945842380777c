// GEMM for generic operands, which need not be matrices in memory:
//
// The result is a single sequential sum, with an error of up to k / 2 epsilons, whereas other sums are compensated. Where
// k is long and the output is small, as in the gradient of a weight, k is split into parts (split-k), and the sums of the
// parts are added by a second kernel.
//
// An operand addresses its elements by a line (a row of a, or a column of b) and a step along k:
//
//   Element                      the stored type
//   ALONG_STEPS                  whether adjacent elements in memory are steps of one line, or lines
//   Line line(unsigned)          the precomputed data of a line
//   Step step(unsigned k)        the precomputed data of a step
//   Step add(Step, Step)         the sum of two steps, without a division
//   Element at(Line, Step)       the element, or zero outside of the operand
//   Run run(Line, Step, Step)    several elements along k, from this step on; the last argument is step(1)
//
// An output has `store(row, column, sum)` and ignores positions outside of it. If its SUMS_ROWS is true, it also takes the
// sums of the rows of a, by `store_row(row, sum)` in the blocks for which `sums_rows()` is true. A convolution is an
// implicit GEMM whose operands read images, so all GEMM kernels below serve both.
//
// The GEMM kernels are function objects that are called with the operands, the output and a range of k. `Naive` is the
// readable reference, `RegisterTiled` computes squares of outputs per thread, and `TensorCore` uses the tensor cores.
#pragma once
#include "mma.cuh"
#include "parts.cuh"

// The epilogue that is fused into a GEMM: an optional bias per channel, then an optional ReLU.
template <class T>
struct Epilogue {
    static constexpr unsigned BIAS = 1, RELU = 2;

    unsigned what;  // flags: BIAS and RELU
    const T* bias;  // read if BIAS is set

    __device__ float operator()(float sum, unsigned channel) const {
        if (what & BIAS) sum += widen(bias[channel]);
        // Written so that NaN is propagated.
        return what & RELU && sum <= 0.0f ? 0.0f : sum;
    }
};

// ---------------------------------------------------------------------------------------------------------
// The naive GEMM.

// The side of a tile, and of the square block of threads, each of which computes one output.
constexpr unsigned PLAIN = 16;

struct Naive {
    template <class A, class B, class Out>
    __device__ void operator()(const A& a, const B& b, const Out& out, unsigned k_begin, unsigned k_end) const;
};

template <class A, class B, class Out>
__device__ void Naive::operator()(const A& a, const B& b, const Out& out, unsigned k_begin,
                                    unsigned k_end) const {
    SHARED(float, a_tile, [PLAIN][PLAIN + 1]);
    SHARED(float, b_tile, [PLAIN][PLAIN + 1]);
    const unsigned x = threadIdx.x % PLAIN, y = threadIdx.x / PLAIN;
    const unsigned row = blockIdx.y * PLAIN, column = blockIdx.x * PLAIN;
    float sum = 0.0f;
    RowSums<Out, PLAIN> row_sums{out, {}};
    for (unsigned k = k_begin; k < k_end; k += PLAIN) {
        a_tile[y][x] = widen(a.at(a.line(row + y), a.step(k + x)));
        b_tile[y][x] = widen(b.at(b.line(column + y), b.step(k + x)));
        __syncthreads();
        for (unsigned i = 0; i < PLAIN; i++) sum += a_tile[y][i] * b_tile[x][i];
        row_sums.add([&](unsigned line) {
            float of_line = 0.0f;
            for (unsigned i = 0; i < PLAIN; i++) of_line += a_tile[line][i];
            return of_line;
        });
        __syncthreads();
    }
    out.store(row + y, column + x, sum);
    row_sums.store(row);
}

// ---------------------------------------------------------------------------------------------------------
// Common to the two fast GEMM kernels: how threads load tiles.

// The number of elements that a thread loads at once: 16 bytes, in one access for an aligned matrix.
template <class T>
constexpr unsigned RUN = 16 / sizeof(T);

template <class T>
struct alignas(16) Run {
    T elements[RUN<T>];
};

// A run of elements of any operand, loaded one by one.
template <class Operand, class Line, class Step>
__device__ Run<typename Operand::Element> run_by_elements(
    const Operand& operand, const Line& line, Step step, const Step& one) {
    Run<typename Operand::Element> run;
#pragma unroll
    for (unsigned i = 0; i < RUN<typename Operand::Element>; i++) {
        run.elements[i] = operand.at(line, step);
        step = operand.add(step, one);
    }
    return run;
}

// Loads successive tiles of LINES x STEPS, a few runs per thread. Adjacent threads load adjacent runs.
template <class Operand, unsigned LINES, unsigned STEPS, unsigned THREADS>
struct Reader {
    using T = typename Operand::Element;
    static constexpr unsigned RUNS_OF_LINE = STEPS / RUN<T>;
    static constexpr unsigned COUNT = LINES * RUNS_OF_LINE / THREADS;
    static_assert(COUNT * THREADS == LINES * RUNS_OF_LINE, "the threads share a tile evenly");

    const Operand& operand;
    typename Operand::Step one, tile, steps[COUNT];
    typename Operand::Line lines[COUNT];
    Run<T> runs[COUNT];

    // The line in the tile, and the first step in the tile, of the i-th run of this thread.
    static __device__ unsigned line(unsigned i) {
        const unsigned at = threadIdx.x + i * THREADS;
        return Operand::ALONG_STEPS ? at / RUNS_OF_LINE : at % LINES;
    }
    static __device__ unsigned step(unsigned i) {
        const unsigned at = threadIdx.x + i * THREADS;
        return (Operand::ALONG_STEPS ? at % RUNS_OF_LINE : at / LINES) * RUN<T>;
    }

    __device__ Reader(const Operand& operand, unsigned first_line, unsigned k)
        : operand(operand), one(operand.step(1)), tile(operand.step(STEPS)) {
#pragma unroll
        for (unsigned i = 0; i < COUNT; i++) {
            lines[i] = operand.line(first_line + line(i));
            steps[i] = operand.step(k + step(i));
        }
    }

    __device__ void read() {
#pragma unroll
        for (unsigned i = 0; i < COUNT; i++) {
            runs[i] = operand.run(lines[i], steps[i], one);
            steps[i] = operand.add(steps[i], tile);
        }
    }
};

// ---------------------------------------------------------------------------------------------------------
// The register-tiled GEMM.

// A square tile of SIDE x SIDE outputs; each thread computes SQUARES x SQUARES squares of 4 x 4 of them.
template <unsigned SIDE, unsigned SQUARES>
struct RegisterTiled {
    static constexpr unsigned STEPS = 16;
    static constexpr unsigned ACROSS = SIDE / (4 * SQUARES);
    static constexpr unsigned THREADS = ACROSS * ACROSS;

    // Double-buffered tiles of each operand: one is read while the next is written. The lines of a step are contiguous,
    // so that a thread loads four of them at once.
    struct alignas(16) Shared {
        float a[2][STEPS][SIDE + 4], b[2][STEPS][SIDE + 4];
    };
    Shared& shared;

    template <class A, class B, class Out>
    __device__ void operator()(const A& a, const B& b, const Out& out, unsigned k_begin, unsigned k_end) const;
};

__device__ inline float element(const float4& four, unsigned i) {
    return i == 0 ? four.x : i == 1 ? four.y : i == 2 ? four.z : four.w;
}

template <class Reader>
__device__ void write_by_steps(float* tile, unsigned line_count, const Reader& reader) {
#pragma unroll
    for (unsigned i = 0; i < Reader::COUNT; i++) {
#pragma unroll
        for (unsigned j = 0; j < RUN<typename Reader::T>; j++) {
            tile[(reader.step(i) + j) * line_count + reader.line(i)] = widen(reader.runs[i].elements[j]);
        }
    }
}

template <unsigned SIDE, unsigned SQUARES>
template <class A, class B, class Out>
__device__ void RegisterTiled<SIDE, SQUARES>::operator()(const A& a, const B& b, const Out& out, unsigned k_begin,
                                                       unsigned k_end) const {
    constexpr unsigned APART = SIDE / SQUARES, OUTPUTS = 4 * SQUARES;
    const unsigned x = threadIdx.x % ACROSS * 4, y = threadIdx.x / ACROSS * 4;
    const unsigned row = blockIdx.y * SIDE, column = blockIdx.x * SIDE;
    Reader<A, SIDE, STEPS, THREADS> reads_a(a, row, k_begin);
    Reader<B, SIDE, STEPS, THREADS> reads_b(b, column, k_begin);
    float sums[OUTPUTS][OUTPUTS] = {};
    RowSums<Out, SIDE> row_sums{out, {}};
    unsigned now = 0;
    if (k_begin < k_end) {
        reads_a.read();
        reads_b.read();
    }
    for (unsigned k = k_begin; k < k_end; k += STEPS) {
        write_by_steps(&shared.a[now][0][0], SIDE + 4, reads_a);
        write_by_steps(&shared.b[now][0][0], SIDE + 4, reads_b);
        // One barrier per iteration suffices: the tile that the next iteration overwrites is no longer read.
        __syncthreads();
        if (k + STEPS < k_end) {
            reads_a.read();
            reads_b.read();
        }
        row_sums.add([&](unsigned line) {
            float of_line = 0.0f;
#pragma unroll
            for (unsigned step = 0; step < STEPS; step++) of_line += shared.a[now][step][line];
            return of_line;
        });
#pragma unroll
        for (unsigned step = 0; step < STEPS; step++) {
            float4 of_a[SQUARES], of_b[SQUARES];
#pragma unroll
            for (unsigned square = 0; square < SQUARES; square++) {
                of_a[square] = *reinterpret_cast<const float4*>(&shared.a[now][step][square * APART + y]);
                of_b[square] = *reinterpret_cast<const float4*>(&shared.b[now][step][square * APART + x]);
            }
#pragma unroll
            for (unsigned i = 0; i < OUTPUTS; i++) {
#pragma unroll
                for (unsigned j = 0; j < OUTPUTS; j++) {
                    sums[i][j] += element(of_a[i / 4], i % 4) * element(of_b[j / 4], j % 4);
                }
            }
        }
        now ^= 1;
    }
#pragma unroll
    for (unsigned i = 0; i < OUTPUTS; i++) {
#pragma unroll
        for (unsigned j = 0; j < OUTPUTS; j++) {
            out.store(row + i / 4 * APART + y + i % 4, column + j / 4 * APART + x + j % 4, sums[i][j]);
        }
    }
    row_sums.store(row);
}

// ---------------------------------------------------------------------------------------------------------
// The tensor-core GEMM.

// A tile of SIDE x SIDE outputs, computed by ROWS x COLUMNS warps. In words of 32 bits (one f32 or two 16-bit
// elements), a tile of an operand is 16 wide, and an instruction uses 8 words. The layout of the words is the same for
// all types, so only the instruction differs.
template <unsigned SIDE, unsigned ROWS, unsigned COLUMNS>
struct TensorCore {
    static constexpr unsigned WORDS = 16;
    // Padded by four words, so that the eight lines and four words of a fragment are in 32 different banks.
    static constexpr unsigned LINE = WORDS + 4;
    static constexpr unsigned THREADS = 32 * ROWS * COLUMNS;

    struct alignas(16) Shared {
        unsigned a[2][SIDE][LINE], b[2][SIDE][LINE];
    };
    Shared& shared;

    template <class A, class B, class Out>
    __device__ void operator()(const A& a, const B& b, const Out& out, unsigned k_begin, unsigned k_end) const;
};

// The words of a run in the format of the tensor cores.
template <class T>
__device__ Run<T> to_fragment(Run<T> run) {
    if constexpr (sizeof(T) == 4) {
        for (unsigned i = 0; i < RUN<T>; i++) run.elements[i] = __uint_as_float(to_tf32(run.elements[i]));
    }
    return run;
}

template <class Reader>
__device__ void write_by_lines(unsigned* tile, unsigned line_length, const Reader& reader) {
    using T = typename Reader::T;
#pragma unroll
    for (unsigned i = 0; i < Reader::COUNT; i++) {
        unsigned* to = &tile[reader.line(i) * line_length + reader.step(i) * sizeof(T) / 4];
        *reinterpret_cast<Run<T>*>(to) = to_fragment(reader.runs[i]);
    }
}

template <unsigned SIDE, unsigned ROWS, unsigned COLUMNS>
template <class A, class B, class Out>
__device__ void TensorCore<SIDE, ROWS, COLUMNS>::operator()(const A& a, const B& b, const Out& out,
                                                             unsigned k_begin, unsigned k_end) const {
    using T = typename A::Element;
    constexpr unsigned STEPS = WORDS * 4 / sizeof(T);
    constexpr unsigned FRAGMENTS_A = SIDE / ROWS / 16, FRAGMENTS_B = SIDE / COLUMNS / 8;
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const unsigned warp_row = warp / COLUMNS * (SIDE / ROWS), warp_column = warp % COLUMNS * (SIDE / COLUMNS);
    const unsigned row = blockIdx.y * SIDE, column = blockIdx.x * SIDE;
    Reader<A, SIDE, STEPS, THREADS> reads_a(a, row, k_begin);
    Reader<B, SIDE, STEPS, THREADS> reads_b(b, column, k_begin);
    float sums[FRAGMENTS_A][FRAGMENTS_B][4] = {};
    RowSums<Out, SIDE> row_sums{out, {}};
    unsigned now = 0;
    if (k_begin < k_end) {
        reads_a.read();
        reads_b.read();
    }
    for (unsigned k = k_begin; k < k_end; k += STEPS) {
        write_by_lines(&shared.a[now][0][0], LINE, reads_a);
        write_by_lines(&shared.b[now][0][0], LINE, reads_b);
        __syncthreads();
        if (k + STEPS < k_end) {
            reads_a.read();
            reads_b.read();
        }
        row_sums.add([&](unsigned line) {
            float of_line = 0.0f;
#pragma unroll
            for (unsigned i = 0; i < STEPS / RUN<T>; i++) {
                const Run<T> run = reinterpret_cast<const Run<T>*>(&shared.a[now][line][0])[i];
#pragma unroll
                for (unsigned j = 0; j < RUN<T>; j++) of_line += widen(run.elements[j]);
            }
            return of_line;
        });
        // Reading an operand may diverge, but the instructions below require the whole warp.
        __syncwarp();
#pragma unroll
        for (unsigned word = 0; word < WORDS; word += 8) {
            unsigned of_a[FRAGMENTS_A][4], of_b[FRAGMENTS_B][2];
#pragma unroll
            for (unsigned i = 0; i < FRAGMENTS_A; i++) {
                load_a(of_a[i], &shared.a[now][warp_row + 16 * i][word], LINE);
            }
#pragma unroll
            for (unsigned j = 0; j < FRAGMENTS_B; j++) {
                load_b(of_b[j], &shared.b[now][warp_column + 8 * j][word], LINE);
            }
#pragma unroll
            for (unsigned i = 0; i < FRAGMENTS_A; i++) {
#pragma unroll
                for (unsigned j = 0; j < FRAGMENTS_B; j++) mma<T>(sums[i][j], of_a[i], of_b[j]);
            }
        }
        now ^= 1;
    }
#pragma unroll
    for (unsigned i = 0; i < FRAGMENTS_A; i++) {
#pragma unroll
        for (unsigned j = 0; j < FRAGMENTS_B; j++) {
#pragma unroll
            for (unsigned at = 0; at < 4; at++) {
                out.store(row + warp_row + 16 * i + lane / 4 + at / 2 * 8,
                          column + warp_column + 8 * j + lane % 4 * 2 + at % 2, sums[i][j][at]);
            }
        }
    }
    row_sums.store(row);
}

// ---------------------------------------------------------------------------------------------------------
// Entry points. An operation defines its PARAMETERS(T) and its use of a GEMM kernel, `CALL(T, product)`. These macros
// define the naive kernels and the fast ones, which are register-tiled for f32 and use tensor cores for 16-bit types.

#define PLAIN_ENTRY(name, dtype, T, PARAMETERS, CALL) \
    KERNEL(name##_plain_##dtype, PARAMETERS(T)) { CALL(T, Naive{}); }
#define TILE_ENTRY(name, dtype, T, PARAMETERS, CALL, side, ...) \
    KERNEL(name##_tile##side##_##dtype, PARAMETERS(T)) {        \
        using Tile = __VA_ARGS__;                               \
        SHARED(Tile::Shared, shared);                           \
        CALL(T, Tile{shared});                                  \
    }

#define PLAIN_ENTRIES(name, PARAMETERS, CALL)        \
    PLAIN_ENTRY(name, f32, float, PARAMETERS, CALL)  \
    PLAIN_ENTRY(name, f16, __half, PARAMETERS, CALL) \
    PLAIN_ENTRY(name, bf16, __nv_bfloat16, PARAMETERS, CALL)

// Each thread computes 4 x 4 or, in the large tile, 8 x 8 outputs.
#define TILE_ENTRIES_IN_REGISTERS(name, PARAMETERS, CALL)                  \
    TILE_ENTRY(name, f32, float, PARAMETERS, CALL, 32, RegisterTiled<32, 1>) \
    TILE_ENTRY(name, f32, float, PARAMETERS, CALL, 64, RegisterTiled<64, 1>) \
    TILE_ENTRY(name, f32, float, PARAMETERS, CALL, 128, RegisterTiled<128, 2>)

// Four warps compute a tile, and eight the large tile.
#define TILE_ENTRIES_OF_FRAGMENTS(name, dtype, T, PARAMETERS, CALL)         \
    TILE_ENTRY(name, dtype, T, PARAMETERS, CALL, 64, TensorCore<64, 2, 2>) \
    TILE_ENTRY(name, dtype, T, PARAMETERS, CALL, 128, TensorCore<128, 2, 4>)

#define PRODUCT_ENTRIES(name, PARAMETERS, CALL)                    \
    PLAIN_ENTRIES(name, PARAMETERS, CALL)                          \
    TILE_ENTRIES_IN_REGISTERS(name, PARAMETERS, CALL)              \
    TILE_ENTRIES_OF_FRAGMENTS(name, f16, __half, PARAMETERS, CALL) \
    TILE_ENTRIES_OF_FRAGMENTS(name, bf16, __nv_bfloat16, PARAMETERS, CALL)
