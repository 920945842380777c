// The logarithm of the softmax of rows [rows, columns] and its gradient, one warp per row.
#include "softmax.cuh"

template <class T>
__device__ void log_softmax(T* y, const T* x, unsigned rows, unsigned columns) {
    for (unsigned row = thread_in_grid() / WARP; row < rows; row += threads_in_grid() / WARP) {
        const T* scores = x + u64(row) * columns;
        const Softmax of_row = softmax_of(scores, columns);
        const float ln_sum = logf(of_row.sum);
        for (unsigned i = lane_in_warp(); i < columns; i += WARP) {
            y[u64(row) * columns + i] = narrow<T>((widen(scores[i]) - of_row.largest) - ln_sum);
        }
    }
}

// `dx = dy - softmax(x) sum(dy)`
template <class T>
__device__ void log_softmax_grad(T* dx, const T* x, const T* dy, unsigned rows, unsigned columns) {
    for (unsigned row = thread_in_grid() / WARP; row < rows; row += threads_in_grid() / WARP) {
        const u64 first = u64(row) * columns;
        const Softmax of_row = softmax_of(x + first, columns);
        Sum part;
        for (unsigned i = lane_in_warp(); i < columns; i += WARP) part.add(widen(dy[first + i]));
        const float of_dy = warp_sum(part.total);
        for (unsigned i = lane_in_warp(); i < columns; i += WARP) {
            const float probability = expf(widen(x[first + i]) - of_row.largest) / of_row.sum;
            dx[first + i] = narrow<T>(widen(dy[first + i]) - probability * of_dy);
        }
    }
}

#define ENTRY(dtype, T)                                                                                     \
    KERNEL(log_softmax_##dtype, (T * y, const T* x, unsigned rows, unsigned columns)) {                     \
        log_softmax(y, x, rows, columns);                                                                   \
    }                                                                                                       \
    KERNEL(log_softmax_grad_##dtype, (T * dx, const T* x, const T* dy, unsigned rows, unsigned columns)) {  \
        log_softmax_grad(dx, x, dy, rows, columns);                                                         \
    }
FOR_EACH_DTYPE(ENTRY)
