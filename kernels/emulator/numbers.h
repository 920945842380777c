// The 16-bit types of CUDA, which are stored and converted but not used for arithmetic.
#pragma once

#include <cstdint>
#include <cstring>

struct __half {
    uint16_t bits;
};

struct __nv_bfloat16 {
    uint16_t bits;
};

namespace emulator {

inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

}  // namespace emulator

inline float __bfloat162float(__nv_bfloat16 x) { return emulator::of_bits(uint32_t(x.bits) << 16); }

// Rounds to nearest, ties to even: adding just under half of the last kept bit carries where needed.
inline __nv_bfloat16 __float2bfloat16(float x) {
    const uint32_t bits = emulator::bits_of(x);
    if (x != x) return {uint16_t(bits >> 16 | 0x40)};
    return {uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

inline float __half2float(__half x) {
    const uint32_t sign = uint32_t(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
    if (rest >= 0x7c00) return emulator::of_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    // The bits are those of a float with a shifted exponent; multiplying by 2^112 corrects it, also for subnormal
    // values.
    return emulator::of_bits(sign | emulator::bits_of(emulator::of_bits(rest << 13) * 0x1p112f));
}

inline __half __float2half(float x) {
    const uint32_t bits = emulator::bits_of(x), sign = bits >> 16 & 0x8000;
    const float size = emulator::of_bits(bits & 0x7fffffff);
    if (x != x) return {uint16_t(sign | 0x7e00)};
    if (size >= 65520.0f) return {uint16_t(sign | 0x7c00)};
    if (size < 0x1p-14f) {
        // For subnormal values the last place is 2^-24; after adding 0.5 it is the last bit of a float.
        return {uint16_t(sign | (emulator::bits_of(size + 0.5f) - emulator::bits_of(0.5f)))};
    }
    const uint32_t rebased = (bits & 0x7fffffff) - (112u << 23);
    return {uint16_t(sign | (rebased + 0xfff + (rebased >> 13 & 1)) >> 13)};
}
