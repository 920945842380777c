// Dropout (Srivastava et al., 2014, JMLR 15): `scale x` for kept elements, and 0 for dropped ones. The mask depends
// only on the stream's key, the step and the element, so the backward pass recomputes it.
#include "map.cuh"
#include "philox.cuh"

static_assert(PACK == 4, "a thread takes as many elements as a block of random words has");

// The step is read from device memory, so that a recorded training step can be replayed with other masks.
template <class T>
__device__ void dropout(T* y, const T* x, unsigned n, u64 key, const u64* step, unsigned threshold, float scale) {
    const Mask mask = {key, *step, threshold};
    const auto of_pack = [=](unsigned i) {
        Pack<T> pack = pack_at(x, i);
        const Words survive = mask.survive(i);
        for (unsigned j = 0; j < PACK; j++) {
            pack.values[j] = narrow<T>(survive.of[j] ? scale * widen(pack.values[j]) : 0.0f);
        }
        return pack;
    };
    write_packs(y, n, of_pack, [=](unsigned i) {
        return narrow<T>(mask.survives(i) ? scale * widen(x[i]) : 0.0f);
    });
}

#define ENTRY(dtype, T)                                                                                       \
    KERNEL(dropout_##dtype,                                                                                   \
           (T * y, const T* x, unsigned n, u64 key, const u64* step, unsigned threshold, float scale)) {        \
        dropout(y, x, n, key, step, threshold, scale);                                                        \
    }
FOR_EACH_DTYPE(ENTRY)
