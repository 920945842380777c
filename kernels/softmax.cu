// The softmax of rows [rows, columns] and its gradient, one warp per row.
#include "softmax.cuh"

template <class T>
__device__ void softmax(T* y, const T* x, unsigned rows, unsigned columns) {
    for (unsigned row = thread_in_grid() / WARP; row < rows; row += threads_in_grid() / WARP) {
        const T* scores = x + u64(row) * columns;
        const Softmax of_row = softmax_of(scores, columns);
        for (unsigned i = lane_in_warp(); i < columns; i += WARP) {
            y[u64(row) * columns + i] = narrow<T>(expf(widen(scores[i]) - of_row.largest) / of_row.sum);
        }
    }
}

// `dx = y (dy - sum(y dy))`
template <class T>
__device__ void softmax_grad(T* dx, const T* y, const T* dy, unsigned rows, unsigned columns) {
    for (unsigned row = thread_in_grid() / WARP; row < rows; row += threads_in_grid() / WARP) {
        const u64 first = u64(row) * columns;
        Sum part;
        for (unsigned i = lane_in_warp(); i < columns; i += WARP) {
            part.add(widen(y[first + i]) * widen(dy[first + i]));
        }
        const float mean = warp_sum(part.total);
        for (unsigned i = lane_in_warp(); i < columns; i += WARP) {
            dx[first + i] = narrow<T>(widen(y[first + i]) * (widen(dy[first + i]) - mean));
        }
    }
}

#define ENTRY(dtype, T)                                                                                   \
    KERNEL(softmax_##dtype, (T * y, const T* x, unsigned rows, unsigned columns)) {                       \
        softmax(y, x, rows, columns);                                                                     \
    }                                                                                                     \
    KERNEL(softmax_grad_##dtype, (T * dx, const T* y, const T* dy, unsigned rows, unsigned columns)) {    \
        softmax_grad(dx, y, dy, rows, columns);                                                           \
    }
FOR_EACH_DTYPE(ENTRY)
