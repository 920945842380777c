// Adam and AdamW: one launch for all parameters, with everything that changes from step to step in device memory.
//
// Weights and running means are f32. With 16-bit types the gradients come in that type, multiplied by a factor
// that keeps small ones above zero, and the weights are stored in it a second time, for the model to compute with.
#include "optimiser.cuh"

template <class T>
struct AdamParameter {
    float *value, *mean, *square;
    const T* gradient;
    T* copy;  // or null
};

// The settings, which the host writes.
struct AdamConfig {
    double learning_rate, beta1, beta2, epsilon, weight_decay, gradient_factor;
};

// What follows from them for one step.
struct AdamStep {
    float kept, beta1, rest1, beta2, rest2, rate, root_correction, epsilon, gradient_factor;
};

// Counts the step and works out its numbers: `rate = learning_rate / (1 - beta1^t)` and so on. One thread.
KERNEL(adam_begin, (AdamStep * step, u64* steps, const AdamConfig* config)) {
    const double t = double(++*steps);
    const AdamConfig of = *config;
    *step = {
        float(1.0 - of.learning_rate * of.weight_decay),
        float(of.beta1),
        float(1.0 - of.beta1),
        float(of.beta2),
        float(1.0 - of.beta2),
        float(of.learning_rate / (1.0 - pow(of.beta1, t))),
        float(1.0 / sqrt(1.0 - pow(of.beta2, t))),
        float(of.epsilon),
        float(of.gradient_factor),
    };
}

// With gradient g: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, and
// `p = kept p - rate m / (sqrt(v) root_correction + epsilon)`. One share a block.
template <class T>
__device__ void adam(const AdamParameter<T>* parameters, const Share* shares, const AdamStep* step) {
    const AdamStep by = *step;
    const Share share = shares[blockIdx.x];
    const AdamParameter<T> of = parameters[share.parameter];
    for_each_of(share, [=](unsigned i) {
        const float g = widen(of.gradient[i]) / by.gradient_factor;
        const float m = by.beta1 * of.mean[i] + by.rest1 * g;
        const float v = by.beta2 * of.square[i] + by.rest2 * g * g;
        const float p = by.kept * of.value[i] - by.rate * m / (sqrtf(v) * by.root_correction + by.epsilon);
        of.mean[i] = m;
        of.square[i] = v;
        of.value[i] = p;
        if (of.copy) of.copy[i] = narrow<T>(p);
    });
}

#define ENTRY(dtype, T)                                                                                          \
    KERNEL(adam_##dtype, (const AdamParameter<T>* parameters, const Share* shares, const AdamStep* step)) {        \
        adam(parameters, shares, step);                                                                          \
    }
FOR_EACH_DTYPE(ENTRY)
