// Adam (Kingma and Ba, 2015, arXiv 1412.6980) and AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101): one launch for all
// parameters. The host writes the settings of each step to device memory, so that a recorded step can be replayed.
#include "optimiser.cuh"

struct AdamParameter {
    float *value, *mean, *square;
    const float* gradient;
};

struct AdamStep {
    float kept, beta1, rest1, beta2, rest2, step_size, root_correction, epsilon;
};

// With gradient g: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, and
// `p = kept p - step_size m / (sqrt(v) root_correction + epsilon)`. One chunk of a parameter per block.
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
        of.value[i] = by.kept * of.value[i] - by.step_size * m / (sqrtf(v) * by.root_correction + by.epsilon);
    });
}
