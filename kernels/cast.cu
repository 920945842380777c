// Conversion to another element type, rounding to nearest.
#include "map.cuh"

template <class To, class From>
__device__ void cast(To* y, const From* x, unsigned n) {
    const auto of_pack = [=](unsigned i) {
        const Pack<From> from = pack_at(x, i);
        Pack<To> to;
        for (unsigned j = 0; j < PACK; j++) to.values[j] = narrow<To>(widen(from.values[j]));
        return to;
    };
    write_packs(y, n, of_pack, [=](unsigned i) { return narrow<To>(widen(x[i])); });
}

#define ENTRY(dtype, T)                                                                          \
    KERNEL(cast_to_f32_##dtype, (float* y, const T* x, unsigned n)) { cast(y, x, n); }           \
    KERNEL(cast_to_f16_##dtype, (__half * y, const T* x, unsigned n)) { cast(y, x, n); }         \
    KERNEL(cast_to_bf16_##dtype, (__nv_bfloat16 * y, const T* x, unsigned n)) { cast(y, x, n); }
FOR_EACH_DTYPE(ENTRY)
