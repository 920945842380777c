// Gathers a training batch from a data set that is stored on the device: selects, augments and normalises images.
//
// Augmentations depend only on the stream's key, the step and the image, with the same random words as
// `data::Augmentation` on the host.
#include "philox.cuh"

struct Batch {
    // The number of images, and the index of the first of them in the output.
    unsigned n, behind;
    unsigned c, h, w;
    // Bytes are normalised: (byte / 255 - shift) / scale.
    float shift, scale;
    // The augmentation. 0: none. 1: rotation by a random angle per image; 2: by one angle for all. 3: random crop of
    // the reflection-padded image, with a random horizontal flip.
    unsigned change;
    // The largest angle, in radians, or the width of the border.
    float extent;
};

// The augmentation of one image.
struct Change {
    float cosine, sine;
    int down, right;
    unsigned mirror;
};

// The source of an output pixel; black outside of the image.
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

__device__ inline Change drawn(const Batch& of, u64 key, u64 step, unsigned image) {
    Change change = {1.0f, 0.0f, 0, 0, 0};
    if (of.change == 0) return change;
    const Words words = philox(key, step, of.change == 2 ? 0 : image);
    if (of.change == 3) {
        const int border = int(of.extent);
        change.mirror = words.of[0] >> 31;
        change.down = int(below(words.of[1], 2 * border + 1)) - border;
        change.right = int(below(words.of[2], 2 * border + 1)) - border;
    } else {
        // Computed in half turns: unlike that of `sin`, the argument reduction of `sincospi` needs no array.
        constexpr double PI = 3.14159265358979323846;
        double sine, cosine;
        sincospi((2.0 * (double(words.of[0]) / 4294967296.0) - 1.0) * double(of.extent) / PI, &sine, &cosine);
        change.cosine = float(cosine);
        change.sine = float(sine);
    }
    return change;
}

__device__ __forceinline__ Source turned(const Batch& of, const Change& by, unsigned row, unsigned column) {
    const float x = float(column) - 0.5f * float(of.w - 1), y = float(row) - 0.5f * float(of.h - 1);
    const float from_x =
        __fadd_rn(__fadd_rn(__fmul_rn(by.cosine, x), __fmul_rn(by.sine, y)), 0.5f * float(of.w - 1));
    const float from_y =
        __fadd_rn(__fsub_rn(__fmul_rn(by.cosine, y), __fmul_rn(by.sine, x)), 0.5f * float(of.h - 1));
    const int to_column = int(rintf(from_x)), to_row = int(rintf(from_y));
    return {to_row, to_column, to_row >= 0 && to_row < int(of.h) && to_column >= 0 && to_column < int(of.w)};
}

__device__ __forceinline__ Source source(const Batch& of, const Change& by, unsigned row, unsigned column) {
    switch (of.change) {
        case 0: return {int(row), int(column), true};
        case 3: {
            const int from = by.mirror ? int(of.w - 1 - column) : int(column);
            return {reflected(int(row) + by.down, int(of.h)), reflected(from + by.right, int(of.w)), true};
        }
        default: return turned(of, by, row, column);
    }
}

__device__ __forceinline__ float pixel_of(unsigned char byte, const Batch& of) {
    return (float(byte) / 255.0f - of.shift) / of.scale;
}
__device__ __forceinline__ float pixel_of(float value, const Batch&) { return value; }

// Images [n, c h w] and labels [n] of the rows order[first], order[first + 1], ... A block processes one image at a
// time, whose augmentation is drawn once; one thread per pixel, for all channels.
template <class Stored>
__device__ void gather_batch(float* images, unsigned* labels, const Stored* pixels, const unsigned char* all_labels,
                             const unsigned* order, const unsigned* first, const Batch& of, u64 key, const u64* step) {
    SHARED(Change, of_image, [1]);
    const unsigned plane = of.h * of.w;
    for (unsigned image = blockIdx.x; image < of.n; image += gridDim.x) {
        const unsigned row = order[*first + image], to = of.behind + image;
        __syncthreads();  // The change of the image before may still be read.
        if (threadIdx.x == 0) {
            of_image[0] = drawn(of, key, *step, image);
            labels[image] = all_labels[row];
        }
        __syncthreads();
        const Change by = of_image[0];
        for (unsigned pixel = threadIdx.x; pixel < plane; pixel += blockDim.x) {
            const Source from = source(of, by, pixel / of.w, pixel % of.w);
            for (unsigned channel = 0; channel < of.c; channel++) {
                const Stored* of_channel = pixels + (u64(row) * of.c + channel) * plane;
                const Stored value = from.inside ? of_channel[from.row * of.w + from.column] : Stored(0);
                images[(u64(to) * of.c + channel) * plane + pixel] = pixel_of(value, of);
            }
        }
    }
}

#define ENTRY(stored, Stored)                                                                                        \
    KERNEL(gather_batch_##stored,                                                                                    \
           (float* images, unsigned* labels, const Stored* pixels, const unsigned char* all_labels,                  \
            const unsigned* order, const unsigned* first, Batch of, u64 key, const u64* step)) {                     \
        gather_batch(images, labels, pixels, all_labels, order, first, of, key, step);                               \
    }
ENTRY(u8, unsigned char)
ENTRY(f32, float)
