// Draws the masks of a step (`models::Masks`): the patches of each image with the smallest random words are kept.
//
// There is one random word for each patch of each image, in order, from the sequence of the step. The position of a
// patch is the number of patches with a smaller word, or with an equal word and a smaller index, as in a stable sort.
#include "philox.cuh"

struct Masks {
    unsigned n, patches, kept;
};

// Writes the kept [n, kept] and removed [n, patches - kept] patches, the position of each patch among both [n,
// patches], and the rows of the class token, the kept tokens and one mask token from which all tokens are restored [n,
// 1 + patches]. A block processes one image at a time; `words` has room for the words of one image.
KERNEL(draw_masks,
       (unsigned* kept, unsigned* removed, unsigned* restore, unsigned* rows, Masks of, u64 key, const u64* step)) {
    DYNAMIC_SHARED(unsigned, words);
    for (unsigned image = blockIdx.x; image < of.n; image += gridDim.x) {
        const u64 first = u64(image) * of.patches;
        __syncthreads();  // The words of the image before may still be read.
        // A random block of four words may belong to two images.
        for (u64 block = first / 4 + threadIdx.x; 4 * block < first + of.patches; block += blockDim.x) {
            const Words four = philox(key, *step, block);
#pragma unroll
            for (unsigned j = 0; j < 4; j++) {
                const u64 at = 4 * block + j;
                if (at >= first && at < first + of.patches) words[at - first] = four.of[j];
            }
        }
        __syncthreads();
        for (unsigned patch = threadIdx.x; patch < of.patches; patch += blockDim.x) {
            const unsigned word = words[patch];
            unsigned place = 0;
            for (unsigned other = 0; other < of.patches; other++) {
                place += words[other] < word || (words[other] == word && other < patch);
            }
            restore[first + patch] = place;
            rows[first + image + 1 + patch] = min(1 + place, 1 + of.kept);
            if (place < of.kept) {
                kept[u64(image) * of.kept + place] = patch;
            } else {
                removed[u64(image) * (of.patches - of.kept) + place - of.kept] = patch;
            }
        }
        if (threadIdx.x == 0) rows[first + image] = 0;
    }
}
