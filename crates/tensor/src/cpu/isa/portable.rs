//! The portable fallback: vectors are arrays, vectorised by the compiler.
//!
//! With 8 lanes it is [`Isa::Portable`]. With 16 lanes it is `Isa::Wide`, which has the tile sizes of AVX-512, so that
//! tests cover generic code over [`Simd`] in those sizes on any machine.

use super::Isa;
use super::simd::Simd;

/// Vectors of 8 or 16 elements that need no special instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable<const LANES: usize>;

/// `a b + c`: one rounding if the target has fused multiply-adds, two otherwise.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}

#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each method has the safety contract of the trait's method"
)]
impl<const LANES: usize> Simd for Portable<LANES> {
    type Vector = [f32; LANES];
    type Mask = u16;
    type Square = [[f32; LANES]; LANES];

    const ISA: Isa = Isa::Portable;
    const LANES: usize = LANES;
    const TILE_ROWS: usize = if LANES == 16 { 13 } else { 6 };
    const INNER_BLOCK: usize = if LANES == 16 { 392 } else { 256 };
    const COLUMN_BLOCK: usize = if LANES == 16 { 320 } else { 2048 };
    const ROW_BLOCK: usize = if LANES == 16 { usize::MAX } else { 144 };
    const RIGHT_STAYS: bool = LANES != 16;

    #[inline(always)]
    unsafe fn mask(bits: u16) -> u16 {
        bits
    }

    #[inline(always)]
    unsafe fn zero() -> [f32; LANES] {
        [0.0; LANES]
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; LANES] {
        unsafe { from.cast::<[f32; LANES]>().read() }
    }

    #[inline(always)]
    unsafe fn load_some(mask: u16, from: *const f32) -> [f32; LANES] {
        unsafe { Self::load_into([0.0; LANES], mask, from) }
    }

    #[inline(always)]
    unsafe fn load_into(mut elements: [f32; LANES], mask: u16, from: *const f32) -> [f32; LANES] {
        for (lane, number) in elements.iter_mut().enumerate() {
            if mask >> lane & 1 == 1 {
                *number = unsafe { from.wrapping_add(lane).read() };
            }
        }
        elements
    }

    #[inline(always)]
    unsafe fn gather(from: *const f32, places: *const i32) -> [f32; LANES] {
        std::array::from_fn(|lane| unsafe { *from.wrapping_offset(*places.add(lane) as isize) })
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, elements: [f32; LANES]) {
        unsafe { to.cast::<[f32; LANES]>().write(elements) }
    }

    #[inline(always)]
    unsafe fn store_some(mask: u16, to: *mut f32, elements: [f32; LANES]) {
        for (lane, number) in elements.into_iter().enumerate() {
            if mask >> lane & 1 == 1 {
                unsafe { to.wrapping_add(lane).write(number) };
            }
        }
    }

    #[inline(always)]
    unsafe fn add(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    unsafe fn subtract(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    unsafe fn multiply(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn multiply_add(a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| multiply_add(a[lane], b[lane], c[lane]))
    }

    #[inline(always)]
    unsafe fn square() -> [[f32; LANES]; LANES] {
        [[0.0; LANES]; LANES]
    }

    #[inline(always)]
    unsafe fn transpose(square: &mut [[f32; LANES]; LANES]) {
        let rows = *square;
        *square = std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]));
    }
}
