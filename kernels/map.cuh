// Element-wise functions: every thread processes four adjacent elements (8 or 16 bytes) at a time.
#pragma once

#include "common.cuh"

constexpr unsigned PACK = 4;

// Four adjacent elements, loaded and stored as one vector.
template <class T>
struct __align__(PACK * sizeof(T)) Pack {
    T values[PACK];
};

template <class T>
__device__ __forceinline__ Pack<T> pack_at(const T* x, unsigned i) {
    return reinterpret_cast<const Pack<T>*>(x)[i];
}

// `out[i] = f(i)` for i below n. `pack(i)` computes the four elements from 4 i on, `one(i)` one element of the
// remainder.
template <class T, class OfPack, class OfOne>
__device__ __forceinline__ void write_packs(T* out, unsigned n, OfPack pack, OfOne one) {
    for (unsigned i = thread_in_grid(); i < n / PACK; i += threads_in_grid()) {
        reinterpret_cast<Pack<T>*>(out)[i] = pack(i);
    }
    const unsigned rest = n / PACK * PACK + thread_in_grid();
    if (rest < n) out[rest] = one(rest);
}

// `out = f(x)`
template <class T, class F>
__device__ __forceinline__ void map(T* out, const T* x, unsigned n, F f) {
    const auto of_pack = [=](unsigned i) {
        Pack<T> pack = pack_at(x, i);
        for (unsigned j = 0; j < PACK; j++) pack.values[j] = narrow<T>(f(widen(pack.values[j])));
        return pack;
    };
    write_packs(out, n, of_pack, [=](unsigned i) { return narrow<T>(f(widen(x[i]))); });
}

// `out = f(x, y)`
template <class T, class F>
__device__ __forceinline__ void map2(T* out, const T* x, const T* y, unsigned n, F f) {
    const auto of_pack = [=](unsigned i) {
        Pack<T> of_x = pack_at(x, i);
        const Pack<T> of_y = pack_at(y, i);
        for (unsigned j = 0; j < PACK; j++) {
            of_x.values[j] = narrow<T>(f(widen(of_x.values[j]), widen(of_y.values[j])));
        }
        return of_x;
    };
    write_packs(out, n, of_pack, [=](unsigned i) { return narrow<T>(f(widen(x[i]), widen(y[i]))); });
}
