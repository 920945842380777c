//! AVX-512: 32 registers of 16 elements.
//!
//! A tile of 13 x 32 elements fills 26 of the registers; each step loads two vectors of the right operand and
//! broadcasts 13 elements of the left one for 26 multiply-adds. With 14 rows, some builds spill sums to memory, at less
//! than half the speed. A panel of the left operand (13 rows, 20 KiB) stays in the L1 cache, a block of the right one
//! (500 KiB) in L2.

use std::arch::x86_64::{
    __m512, __mmask16, _mm_sfence, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_fmadd_ps,
    _mm512_i32gather_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4,
    _mm512_storeu_ps, _mm512_stream_ps, _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps,
    _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::Isa;
use super::simd::Simd;

/// [`Isa::Avx512`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512;

const LANES: usize = 16;

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each method has the safety contract of the trait's method"
)]
impl Simd for Avx512 {
    type Vector = __m512;
    type Mask = __mmask16;
    type Square = [__m512; LANES];

    const ISA: Isa = Isa::Avx512;
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 13;
    const INNER_BLOCK: usize = 392;
    const COLUMN_BLOCK: usize = 320;
    const ROW_BLOCK: usize = usize::MAX;
    const RIGHT_STAYS: bool = false;

    #[inline(always)]
    unsafe fn mask(bits: u16) -> __mmask16 {
        bits
    }

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_some(mask: __mmask16, from: *const f32) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }

    #[inline(always)]
    unsafe fn load_into(elements: __m512, mask: __mmask16, from: *const f32) -> __m512 {
        unsafe { _mm512_mask_loadu_ps(elements, mask, from) }
    }

    #[inline(always)]
    unsafe fn gather(from: *const f32, places: *const i32) -> __m512 {
        unsafe { _mm512_i32gather_ps::<4>(_mm512_loadu_si512(places.cast()), from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, elements: __m512) {
        unsafe { _mm512_storeu_ps(to, elements) }
    }

    #[inline(always)]
    unsafe fn stream(to: *mut f32, elements: __m512) {
        match to.addr().is_multiple_of(size_of::<__m512>()) {
            true => unsafe { _mm512_stream_ps(to, elements) },
            false => unsafe { _mm512_storeu_ps(to, elements) },
        }
    }

    #[inline(always)]
    unsafe fn fence() {
        unsafe { _mm_sfence() };
    }

    #[inline(always)]
    unsafe fn store_some(mask: __mmask16, to: *mut f32, elements: __m512) {
        unsafe { _mm512_mask_storeu_ps(to, mask, elements) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn subtract(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn square() -> [__m512; LANES] {
        unsafe { [_mm512_setzero_ps(); LANES] }
    }

    #[inline(always)]
    unsafe fn transpose(square: &mut [__m512; LANES]) {
        *square = unsafe { transposed(*square) };
    }
}

/// The transpose of a square of 16 by 16 elements.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512; LANES]) -> [__m512; LANES] {
    let mut pairs = rows;
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    // fours[4 i + j]: quarter q holds the elements of column 4 q + j in rows 4 i to 4 i + 3.
    let mut fours = rows;
    for i in (0..LANES).step_by(4) {
        for half in 0..2 {
            let low = _mm512_castps_pd(pairs[i + half]);
            let high = _mm512_castps_pd(pairs[i + half + 2]);
            fours[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            fours[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    let mut columns = rows;
    for j in 0..4 {
        // Quarters 0 and 2 of both operands, then quarters 1 and 3.
        let even_low = _mm512_shuffle_f32x4::<0x88>(fours[j], fours[4 + j]);
        let odd_low = _mm512_shuffle_f32x4::<0xdd>(fours[j], fours[4 + j]);
        let even_high = _mm512_shuffle_f32x4::<0x88>(fours[8 + j], fours[12 + j]);
        let odd_high = _mm512_shuffle_f32x4::<0xdd>(fours[8 + j], fours[12 + j]);
        columns[j] = _mm512_shuffle_f32x4::<0x88>(even_low, even_high);
        columns[4 + j] = _mm512_shuffle_f32x4::<0x88>(odd_low, odd_high);
        columns[8 + j] = _mm512_shuffle_f32x4::<0xdd>(even_low, even_high);
        columns[12 + j] = _mm512_shuffle_f32x4::<0xdd>(odd_low, odd_high);
    }
    columns
}
