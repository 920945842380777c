// The mapping from images [n, c, h, w] to their patches, tokens [n, t, side * side * c].
#pragma once

#include "common.cuh"

struct Patches {
    unsigned c, h, w, side;

    // The offset in the tokens of the element at offset `i` in the images.
    __device__ __forceinline__ unsigned in_tokens(unsigned i) const {
        const unsigned x = i % w, y = i / w % h, channel = i / (w * h) % c, image = i / (w * h * c);
        const unsigned patch = (image * (h / side) + y / side) * (w / side) + x / side;
        return ((patch * side + y % side) * side + x % side) * c + channel;
    }
};
