// Stochastic gradient descent with momentum: one launch for all parameters, with the settings in device memory.
#include "optimiser.cuh"

struct SgdParameter {
    float *value, *velocity;
    const float* gradient;
};

struct SgdStep {
    float learning_rate, momentum;
    unsigned nesterov;
};

// With gradient g: `v = momentum v + g`, then `p = p - learning_rate (g + momentum v)` with Nesterov momentum, or
// `p = p - learning_rate v`.
KERNEL(sgd_f32, (const SgdParameter* parameters, const Share* shares, const SgdStep* step)) {
    const SgdStep by = *step;
    const Share share = shares[blockIdx.x];
    const SgdParameter of = parameters[share.parameter];
    for_each_of(share, [=](unsigned i) {
        const float g = of.gradient[i];
        const float v = by.momentum * of.velocity[i] + g;
        of.velocity[i] = v;
        of.value[i] -= by.learning_rate * (by.nesterov ? g + by.momentum * v : v);
    });
}
