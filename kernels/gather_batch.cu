// Gathers a training batch from a data set stored on the device as bytes: selected, augmented, normalised.
//
// Augmentations are functions of the stream's key, the step and the image, with the same random words as
// `data::Augmentation` on the host.
#include "philox.cuh"

struct Batch {
    unsigned n, c, h, w;
    // Normalised: (byte / 255 - shift) / scale.
    float shift, scale;
    // 0: none. 1: rotated by a random angle per image; 2: by one angle for all. 3: random crop of the reflection-padded
    // image, with a random horizontal flip.
    unsigned change;
    // The largest angle, in radians, or the width of the border.
    float extent;
};

// The source of an output pixel; black outside the image.
struct Source {
    int row, column;
    bool inside;
};

__device__ __forceinline__ int reflected(int at, int length) {
    if (at < 0) return -at;
    return at < length ? at : 2 * length - 2 - at;
}

// An integer in 0..bound from a random word.
__device__ __forceinline__ unsigned below(unsigned word, unsigned bound) { return __umulhi(word, bound); }

__device__ __forceinline__ Source turned(const Batch& of, unsigned word, unsigned row, unsigned column) {
    const double angle = (2.0 * (double(word) / 4294967296.0) - 1.0) * double(of.extent);
    const float cosine = float(cos(angle)), sine = float(sin(angle));
    const float x = float(column) - 0.5f * float(of.w - 1), y = float(row) - 0.5f * float(of.h - 1);
    const float from_x = __fadd_rn(__fadd_rn(__fmul_rn(cosine, x), __fmul_rn(sine, y)), 0.5f * float(of.w - 1));
    const float from_y = __fadd_rn(__fsub_rn(__fmul_rn(cosine, y), __fmul_rn(sine, x)), 0.5f * float(of.h - 1));
    const int to_column = int(rintf(from_x)), to_row = int(rintf(from_y));
    return {to_row, to_column, to_row >= 0 && to_row < int(of.h) && to_column >= 0 && to_column < int(of.w)};
}

__device__ __forceinline__ Source cropped(const Batch& of, const Words& words, unsigned row, unsigned column) {
    const int border = int(of.extent);
    const bool mirror = words.of[0] >> 31;
    const int from = mirror ? int(of.w - 1 - column) : int(column);
    const int down = int(below(words.of[1], 2 * border + 1)) - border;
    const int right = int(below(words.of[2], 2 * border + 1)) - border;
    return {reflected(int(row) + down, int(of.h)), reflected(from + right, int(of.w)), true};
}

__device__ __forceinline__ Source source(const Batch& of, u64 key, u64 step, unsigned image, unsigned row,
                                         unsigned column) {
    switch (of.change) {
        case 1: return turned(of, philox(key, step, image).of[0], row, column);
        case 2: return turned(of, philox(key, step, 0).of[0], row, column);
        case 3: return cropped(of, philox(key, step, image), row, column);
        default: return {int(row), int(column), true};
    }
}

// Images [n, c h w] and labels [n] of the rows order[first], order[first + 1], ... One pixel of all channels per thread.
KERNEL(gather_batch_f32,
       (float* images, unsigned* labels, const unsigned char* pixels, const unsigned char* all_labels,
        const unsigned* order, const unsigned* first, Batch of, u64 key, const u64* step)) {
    const unsigned plane = of.h * of.w, all = of.n * plane;
    for (unsigned i = thread_in_grid(); i < all; i += threads_in_grid()) {
        const unsigned image = i / plane, pixel = i % plane, row = order[*first + image];
        const Source from = source(of, key, *step, image, pixel / of.w, pixel % of.w);
        for (unsigned channel = 0; channel < of.c; channel++) {
            const unsigned char* of_channel = pixels + (u64(row) * of.c + channel) * plane;
            const float byte = from.inside ? float(of_channel[from.row * of.w + from.column]) : 0.0f;
            images[(u64(image) * of.c + channel) * plane + pixel] = (byte / 255.0f - of.shift) / of.scale;
        }
        if (pixel == 0) labels[image] = all_labels[row];
    }
}
