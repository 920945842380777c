// Adam and AdamW: one launch for all parameters. What changes from step to step lies in device memory, where the
// host writes it, so that a step that was recorded can be run again.
#include "optimiser.cuh"

struct AdamParameter {
    float *value, *mean, *square;
    const float* gradient;
};

struct AdamStep {
    float kept, beta1, rest1, beta2, rest2, rate, root_correction, epsilon;
};

// With gradient g: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, and
// `p = kept p - rate m / (sqrt(v) root_correction + epsilon)`. One share a block.
KERNEL(adam_f32, (const AdamParameter* parameters, const Share* shares, const AdamStep* step)) {
    const AdamStep by = *step;
    const Share share = shares[blockIdx.x];
    const AdamParameter of = parameters[share.parameter];
    for_each_of(share, [=](unsigned i) {
        const float g = of.gradient[i];
        const float m = by.beta1 * of.mean[i] + by.rest1 * g;
        const float v = by.beta2 * of.square[i] + by.rest2 * g * g;
        of.mean[i] = m;
        of.square[i] = v;
        of.value[i] = by.kept * of.value[i] - by.rate * m / (sqrtf(v) * by.root_correction + by.epsilon);
    });
}
