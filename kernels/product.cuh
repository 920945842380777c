// Matrix products whose operands need not be matrices in memory:
// out(row, column) = sum over k of a(row, k) b(column, k), added up in f32 in the order of k.
//
// That is one chain: it may be off by k / 2 epsilons, where other sums are compensated. The gradient by a convolution's
// weight is cut into parts; of a linear layer's weight gradient k is the number of rows of the batch.
//
// An operand says where its elements are, by a line (a row of a, or a column of b) and a step along k:
//
//   Element                      the stored type
//   ALONG_STEPS                  whether neighbours in memory are steps of one line, or lines
//   Line line(unsigned)          what is worked out once for a line
//   Step step(unsigned k)        what is worked out once for a step
//   Step add(Step, Step)         the sum of two steps, without a division
//   Element at(Line, Step)       the element, or zero outside of the operand
//   Run run(Line, Step, Step)    several elements along k, from this step on; the last argument is step(1)
//
// An output has `store(row, column, sum)` and ignores what lies outside of it. A convolution is such a product
// with operands that read images, so all products here serve both.
//
// The products are types that are called with the operands, the output and a range of k. `InPlain` is the one to
// read. `InRegisters` gives each thread squares of outputs, and `OfFragments` uses the tensor cores.
#pragma once
#include "mma.cuh"

// What is done to a sum where it is written: a number is added for each channel, then perhaps it is rectified.
template <class T>
struct Around {
    static constexpr unsigned BIAS = 1, RELU = 2;

    unsigned what;  // a sum of these
    const T* bias;  // read where it is asked for

    __device__ float operator()(float sum, unsigned channel) const {
        if (what & BIAS) sum += widen(bias[channel]);
        // Written so that a NaN stays one.
        return what & RELU && sum <= 0.0f ? 0.0f : sum;
    }
};

// ---------------------------------------------------------------------------------------------------------
// The plain product.

// The side of a tile, and of the square block of threads that each compute one output of it.
constexpr unsigned PLAIN = 16;

struct InPlain {
    template <class A, class B, class Out>
    __device__ void operator()(const A& a, const B& b, const Out& out, unsigned k_begin, unsigned k_end) const;
};

template <class A, class B, class Out>
__device__ void InPlain::operator()(const A& a, const B& b, const Out& out, unsigned k_begin,
                                    unsigned k_end) const {
    SHARED(float, a_tile, [PLAIN][PLAIN + 1]);
    SHARED(float, b_tile, [PLAIN][PLAIN + 1]);
    const unsigned x = threadIdx.x % PLAIN, y = threadIdx.x / PLAIN;
    const unsigned row = blockIdx.y * PLAIN, column = blockIdx.x * PLAIN;
    float sum = 0.0f;
    for (unsigned k = k_begin; k < k_end; k += PLAIN) {
        a_tile[y][x] = widen(a.at(a.line(row + y), a.step(k + x)));
        b_tile[y][x] = widen(b.at(b.line(column + y), b.step(k + x)));
        __syncthreads();
        for (unsigned i = 0; i < PLAIN; i++) sum += a_tile[y][i] * b_tile[x][i];
        __syncthreads();
    }
    out.store(row + y, column + x, sum);
}

// ---------------------------------------------------------------------------------------------------------
// What the two fast products share: how threads read tiles.

// Elements that a thread reads at once: 16 bytes, which a matrix can give in one access.
template <class T>
constexpr unsigned RUN = 16 / sizeof(T);

template <class T>
struct alignas(16) Run {
    T elements[RUN<T>];
};

// The run of any operand, element by element.
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

// Reads one tile of LINES x STEPS after the other, a few runs a thread. Neighbouring threads read neighbours.
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
// The product in registers.

// A square tile of SIDE x SIDE outputs; each thread computes SQUARES x SQUARES squares of 4 x 4 of them.
template <unsigned SIDE, unsigned SQUARES>
struct InRegisters {
    static constexpr unsigned STEPS = 16;
    static constexpr unsigned ACROSS = SIDE / (4 * SQUARES);
    static constexpr unsigned THREADS = ACROSS * ACROSS;

    // Two tiles of each operand: one is computed with while the next is written. The lines of a step lie
    // together, so that a thread reads four of them at once.
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
__device__ void InRegisters<SIDE, SQUARES>::operator()(const A& a, const B& b, const Out& out, unsigned k_begin,
                                                       unsigned k_end) const {
    constexpr unsigned APART = SIDE / SQUARES, OUTPUTS = 4 * SQUARES;
    const unsigned x = threadIdx.x % ACROSS * 4, y = threadIdx.x / ACROSS * 4;
    const unsigned row = blockIdx.y * SIDE, column = blockIdx.x * SIDE;
    Reader<A, SIDE, STEPS, THREADS> reads_a(a, row, k_begin);
    Reader<B, SIDE, STEPS, THREADS> reads_b(b, column, k_begin);
    float sums[OUTPUTS][OUTPUTS] = {};
    unsigned now = 0;
    if (k_begin < k_end) {
        reads_a.read();
        reads_b.read();
    }
    for (unsigned k = k_begin; k < k_end; k += STEPS) {
        write_by_steps(&shared.a[now][0][0], SIDE + 4, reads_a);
        write_by_steps(&shared.b[now][0][0], SIDE + 4, reads_b);
        // The one barrier of a round: the tile that the next round overwrites was left before it.
        __syncthreads();
        if (k + STEPS < k_end) {
            reads_a.read();
            reads_b.read();
        }
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
}

// ---------------------------------------------------------------------------------------------------------
// The product of fragments.

// A tile of SIDE x SIDE outputs by warps that stand ROWS x COLUMNS. In words of 32 bits, one of f32 or two of
// 16 bits, a tile of an operand is 16 wide, and an instruction takes 8 of them: the layout of the words is the
// same for all types, so only the instruction differs.
template <unsigned SIDE, unsigned ROWS, unsigned COLUMNS>
struct OfFragments {
    static constexpr unsigned WORDS = 16;
    // With four words more, the eight lines and four words of a fragment lie in 32 different banks.
    static constexpr unsigned LINE = WORDS + 4;
    static constexpr unsigned THREADS = 32 * ROWS * COLUMNS;

    struct alignas(16) Shared {
        unsigned a[2][SIDE][LINE], b[2][SIDE][LINE];
    };
    Shared& shared;

    template <class A, class B, class Out>
    __device__ void operator()(const A& a, const B& b, const Out& out, unsigned k_begin, unsigned k_end) const;
};

// The words of a run as the tensor cores take them.
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
__device__ void OfFragments<SIDE, ROWS, COLUMNS>::operator()(const A& a, const B& b, const Out& out,
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
}

// ---------------------------------------------------------------------------------------------------------
// Entry points. An operation says its PARAMETERS(T) and what it does by a product, `CALL(T, product)`; these write
// the plain kernels and the fast ones, f32 in registers and 16 bits on the tensor cores.

#define PLAIN_ENTRY(name, dtype, T, PARAMETERS, CALL) \
    KERNEL(name##_plain_##dtype, PARAMETERS(T)) { CALL(T, InPlain{}); }
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

// Threads that compute 4 x 4 or, in the large tile, 8 x 8 outputs each.
#define TILE_ENTRIES_IN_REGISTERS(name, PARAMETERS, CALL)                  \
    TILE_ENTRY(name, f32, float, PARAMETERS, CALL, 32, InRegisters<32, 1>) \
    TILE_ENTRY(name, f32, float, PARAMETERS, CALL, 64, InRegisters<64, 1>) \
    TILE_ENTRY(name, f32, float, PARAMETERS, CALL, 128, InRegisters<128, 2>)

// Four warps or, in the large tile, eight.
#define TILE_ENTRIES_OF_FRAGMENTS(name, dtype, T, PARAMETERS, CALL)         \
    TILE_ENTRY(name, dtype, T, PARAMETERS, CALL, 64, OfFragments<64, 2, 2>) \
    TILE_ENTRY(name, dtype, T, PARAMETERS, CALL, 128, OfFragments<128, 2, 4>)

#define PRODUCT_ENTRIES(name, PARAMETERS, CALL)                    \
    PLAIN_ENTRIES(name, PARAMETERS, CALL)                          \
    TILE_ENTRIES_IN_REGISTERS(name, PARAMETERS, CALL)              \
    TILE_ENTRIES_OF_FRAGMENTS(name, f16, __half, PARAMETERS, CALL) \
    TILE_ENTRIES_OF_FRAGMENTS(name, bf16, __nv_bfloat16, PARAMETERS, CALL)
