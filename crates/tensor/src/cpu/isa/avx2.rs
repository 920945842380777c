//! AVX2 with fused multiply-adds: 16 registers of 8 elements.
//!
//! A tile of 6 x 16 elements fills 12 of the registers; each step loads two vectors of the right operand and broadcasts
//! 6 elements of the left one for 12 multiply-adds. A panel of the right operand (16 columns, 24 KiB) stays in the L1
//! cache, a block of the left one (144 rows, 216 KiB) in L2, and a block of the right one (3 MiB) in L3.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_ps, _mm256_and_si256, _mm256_broadcast_ss, _mm256_cmpeq_epi32,
    _mm256_fmadd_ps, _mm256_i32gather_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_ps,
    _mm256_maskstore_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_permute2f128_ps, _mm256_set1_epi32,
    _mm256_setr_epi32, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_sub_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::Isa;
use super::simd::Simd;

/// [`Isa::Avx2`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2;

const LANES: usize = 8;

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each method has the safety contract of the trait's method"
)]
impl Simd for Avx2 {
    type Vector = __m256;
    type Mask = __m256i;
    type Square = [__m256; LANES];

    const ISA: Isa = Isa::Avx2;
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 6;
    const INNER_BLOCK: usize = 384;
    const COLUMN_BLOCK: usize = 2048;
    const ROW_BLOCK: usize = 144;
    const RIGHT_STAYS: bool = true;

    #[inline(always)]
    unsafe fn mask(bits: u16) -> __m256i {
        unsafe {
            let of_lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), of_lanes), of_lanes)
        }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256 {
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_broadcast_ss(&value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_some(mask: __m256i, from: *const f32) -> __m256 {
        unsafe { _mm256_maskload_ps(from, mask) }
    }

    #[inline(always)]
    unsafe fn load_into(elements: __m256, mask: __m256i, from: *const f32) -> __m256 {
        unsafe { _mm256_or_ps(elements, _mm256_maskload_ps(from, mask)) }
    }

    #[inline(always)]
    unsafe fn gather(from: *const f32, places: *const i32) -> __m256 {
        unsafe { _mm256_i32gather_ps::<4>(from, _mm256_loadu_si256(places.cast())) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, elements: __m256) {
        unsafe { _mm256_storeu_ps(to, elements) }
    }

    #[inline(always)]
    unsafe fn store_some(mask: __m256i, to: *mut f32, elements: __m256) {
        unsafe { _mm256_maskstore_ps(to, mask, elements) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn subtract(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn square() -> [__m256; LANES] {
        unsafe { [_mm256_setzero_ps(); LANES] }
    }

    #[inline(always)]
    unsafe fn transpose(square: &mut [__m256; LANES]) {
        *square = unsafe { transposed(*square) };
    }
}

/// The transpose of a square of 8 by 8 elements.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: [__m256; LANES]) -> [__m256; LANES] {
    let mut pairs = rows;
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    // fours[4 i + j]: half h holds the elements of column 4 h + j in rows 4 i to 4 i + 3.
    let mut fours = rows;
    for i in (0..LANES).step_by(4) {
        for half in 0..2 {
            let (low, high) = (pairs[i + half], pairs[i + half + 2]);
            fours[i + 2 * half] = _mm256_shuffle_ps::<0x44>(low, high);
            fours[i + 2 * half + 1] = _mm256_shuffle_ps::<0xee>(low, high);
        }
    }
    let mut columns = rows;
    for j in 0..4 {
        columns[j] = _mm256_permute2f128_ps::<0x20>(fours[j], fours[4 + j]);
        columns[4 + j] = _mm256_permute2f128_ps::<0x31>(fours[j], fours[4 + j]);
    }
    columns
}
