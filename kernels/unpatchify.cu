// Assembles images from patches.
#include "patches.cuh"

// One element per thread, in the order of the images.
template <class T>
__device__ void unpatchify(T* images, const T* tokens, unsigned n, Patches patches) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) images[i] = tokens[patches.in_tokens(i)];
}

#define ENTRY(dtype, T)                                                                                \
    KERNEL(unpatchify_##dtype, (T * images, const T* tokens, unsigned n, Patches patches)) {             \
        unpatchify(images, tokens, n, patches);                                                        \
    }
FOR_EACH_DTYPE(ENTRY)
