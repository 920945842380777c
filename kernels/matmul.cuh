// Matrices as operands and outputs of a GEMM, for matmul.cu.
#pragma once
#include "product.cuh"

// A matrix with lines of `steps` elements, stored as [lines, steps] if lines are contiguous, otherwise as [steps,
// lines].
template <class T, bool LINES_TOGETHER>
struct Matrix {
    using Element = T;
    static constexpr bool ALONG_STEPS = LINES_TOGETHER;
    struct Line {
        const T* first;
        bool inside;
    };
    using Step = unsigned;

    const T* data;
    unsigned lines, steps;
    // Whether each run lies within a line and is aligned to 16 bytes.
    bool in_runs;

    __device__ Matrix(const T* data, unsigned lines, unsigned steps)
        : data(data), lines(lines), steps(steps),
          in_runs(LINES_TOGETHER && steps % RUN<T> == 0 && reinterpret_cast<size_t>(data) % 16 == 0) {}

    __device__ Line line(unsigned i) const {
        return {data + (LINES_TOGETHER ? size_t(i) * steps : size_t(i)), i < lines};
    }
    __device__ Step step(unsigned k) const { return k; }
    __device__ Step add(Step x, Step y) const { return x + y; }
    __device__ T at(const Line& line, Step k) const {
        if (!line.inside || k >= steps) return narrow<T>(0.0f);
        return line.first[LINES_TOGETHER ? size_t(k) : size_t(k) * lines];
    }
    __device__ Run<T> run(const Line& line, Step k, Step one) const {
        if (!in_runs || !line.inside || k >= steps) return run_by_elements(*this, line, k, one);
        return *reinterpret_cast<const Run<T>*>(line.first + k);
    }
};

// `epilogue(sum + bias[column])`, stored in a matrix [m, n].
template <class T>
struct MatrixOutput {
    static constexpr bool SUMS_ROWS = false;
    T* c;
    unsigned m, n;
    Epilogue<T> epilogue;

    __device__ void store(unsigned row, unsigned column, float sum) const {
        if (row < m && column < n) c[size_t(row) * n + column] = narrow<T>(epilogue(sum, column));
    }
};

// The sums of a part of k, stored in a matrix [m, n], and optionally those of the rows of a, [m].
struct PartOutput {
    static constexpr bool SUMS_ROWS = true;
    float *c, *row_sums;  // row_sums is null if it is not needed
    unsigned m, n;

    __device__ void store(unsigned row, unsigned column, float sum) const {
        if (row < m && column < n) c[size_t(row) * n + column] = sum;
    }
    __device__ bool sums_rows() const { return row_sums != nullptr && blockIdx.x == 0; }
    __device__ void store_row(unsigned row, float sum) const {
        if (row < m) row_sums[row] = sum;
    }
};

// Calls `product` with the operands a, [m, k] or transposed [k, m], and b, [k, n] or transposed [n, k].
template <class T, class Out, class Product>
__device__ void with_operands(const T* a, const T* b, const Out& out, unsigned m, unsigned n, unsigned k,
                              unsigned transpose_a, unsigned transpose_b, unsigned begin, unsigned end,
                              const Product& product) {
    if (transpose_a && transpose_b) product(Matrix<T, false>(a, m, k), Matrix<T, true>(b, n, k), out, begin, end);
    if (transpose_a && !transpose_b) product(Matrix<T, false>(a, m, k), Matrix<T, false>(b, n, k), out, begin, end);
    if (!transpose_a && transpose_b) product(Matrix<T, true>(a, m, k), Matrix<T, true>(b, n, k), out, begin, end);
    if (!transpose_a && !transpose_b) product(Matrix<T, true>(a, m, k), Matrix<T, false>(b, n, k), out, begin, end);
}

// The matrices with batch index blockIdx.z.
template <class T, class Product>
__device__ void with_matrices(T* c, const T* a, const T* b, Epilogue<T> epilogue, unsigned m, unsigned n, unsigned k,
                              unsigned transpose_a, unsigned transpose_b, const Product& product) {
    a += size_t(blockIdx.z) * m * k;
    b += size_t(blockIdx.z) * k * n;
    const MatrixOutput<T> out{c + size_t(blockIdx.z) * m * n, m, n, epilogue};
    with_operands(a, b, out, m, n, k, transpose_a, transpose_b, 0, k, product);
}

// One part of k of the matrices of a batch: blockIdx.z is part * batch + matrix, and a part has `k_of_part` steps, a
// multiple of those of a tile. The sums are written to parts [parts, batch, m, n] and, if `sums_rows` is set, those of
// the rows of a to row_parts [parts, batch, m].
template <class T, class Product>
__device__ void with_parts(float* parts, float* row_parts, const T* a, const T* b, unsigned sums_rows, unsigned m,
                           unsigned n, unsigned k, unsigned transpose_a, unsigned transpose_b, unsigned batch,
                           unsigned k_of_part, const Product& product) {
    const unsigned matrix = blockIdx.z % batch, begin = blockIdx.z / batch * k_of_part;
    const unsigned end = k - begin < k_of_part ? k : begin + k_of_part;
    const PartOutput out{parts + size_t(blockIdx.z) * m * n,
                         sums_rows ? row_parts + size_t(blockIdx.z) * m : nullptr, m, n};
    with_operands(a + size_t(matrix) * m * k, b + size_t(matrix) * k * n, out, m, n, k, transpose_a, transpose_b, begin,
                  end, product);
}
