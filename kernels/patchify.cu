// Splits images into patches, in the order (row, column, channel) within a patch.
#include "patches.cuh"

// One element per thread, in the order of the images.
template <class T>
__device__ void patchify(T* tokens, const T* images, unsigned n, Patches patches) {
    for (unsigned i = thread_in_grid(); i < n; i += threads_in_grid()) tokens[patches.in_tokens(i)] = images[i];
}

#define ENTRY(dtype, T)                                                                              \
    KERNEL(patchify_##dtype, (T * tokens, const T* images, unsigned n, Patches patches)) {             \
        patchify(tokens, images, n, patches);                                                        \
    }
FOR_EACH_DTYPE(ENTRY)
