// Running statistics of a batch norm: `running = (1 - momentum) running + momentum batch`.
#include "common.cuh"

KERNEL(running_mean_f32, (float* running, const float* batch, unsigned n, float momentum)) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) {
        running[i] = (1.0f - momentum) * running[i] + momentum * batch[i];
    }
}
