// Stochastic gradient descent with momentum: one launch for all parameters, its settings in device memory.
//
// Types as in adam.cu.
#include "optimiser.cuh"

template <class T>
struct SgdParameter {
    float *value, *velocity;
    const T* gradient;
    T* copy;  // or null
};

struct SgdStep {
    float rate, momentum, gradient_factor;
    unsigned nesterov;
};

// With gradient g: `v = momentum v + g`, then `p = p - rate (g + momentum v)` looking ahead, or `p = p - rate v`.
template <class T>
__device__ void sgd(const SgdParameter<T>* parameters, const Share* shares, const SgdStep* step) {
    const SgdStep by = *step;
    const Share share = shares[blockIdx.x];
    const SgdParameter<T> of = parameters[share.parameter];
    for_each_of(share, [=](unsigned i) {
        const float g = widen(of.gradient[i]) / by.gradient_factor;
        const float v = by.momentum * of.velocity[i] + g;
        const float p = of.value[i] - by.rate * (by.nesterov ? g + by.momentum * v : v);
        of.velocity[i] = v;
        of.value[i] = p;
        if (of.copy) of.copy[i] = narrow<T>(p);
    });
}

#define ENTRY(dtype, T)                                                                                        \
    KERNEL(sgd_##dtype, (const SgdParameter<T>* parameters, const Share* shares, const SgdStep* step)) {         \
        sgd(parameters, shares, step);                                                                         \
    }
FOR_EACH_DTYPE(ENTRY)
