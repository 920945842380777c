// Replaces random patches of images by those of a mean image, each with the same probability, for masked training
// (`runs`).
//
// Patch p of image i is replaced if the 53 random bits starting with word 2 p of sequence i are below the threshold,
// which is the probability times 2^53. The key of the step is in device memory, so that a replay uses the current one.
#include "philox.cuh"

struct MaskedImages {
    unsigned n, c, h, w, side;
};

// Images [n, c, h, w]; one thread per pixel, for all channels.
KERNEL(mask_patches, (float* masked, const float* whole, const float* mean, const u64* key, MaskedImages of, u64 threshold)) {
    const unsigned plane = of.h * of.w, across = (of.w + of.side - 1) / of.side;
    for (unsigned i = thread_in_grid(); i < of.n * plane; i += threads_in_grid()) {
        const unsigned image = i / plane, pixel = i % plane;
        const unsigned patch = pixel / of.w / of.side * across + pixel % of.w / of.side;
        const Words words = philox(*key, image, patch / 2);
        const bool second = patch % 2 == 1;
        const unsigned low = second ? words.of[2] : words.of[0], high = second ? words.of[3] : words.of[1];
        const bool is_replaced = (u64(high) << 32 | low) >> 11 < threshold;
        for (unsigned channel = 0; channel < of.c; channel++) {
            const u64 at = (u64(image) * of.c + channel) * plane + pixel;
            masked[at] = is_replaced ? mean[channel * plane + pixel] : whole[at];
        }
    }
}
