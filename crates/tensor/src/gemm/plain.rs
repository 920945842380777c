//! Vectors of 16 numbers for any processor, as slow as they are plain: with them the tests go through what is written
//! over [`Simd`] in the sizes of AVX-512, whatever the processor.

use super::simd::Simd;
use crate::Widest;

/// No vectors at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

const LANES: usize = 16;

#[allow(clippy::undocumented_unsafe_blocks, reason = "each hands on what the trait's caller vouches for")]
impl Simd for Plain {
    type Vector = [f32; LANES];
    type Mask = u16;
    type Square = [[f32; LANES]; LANES];

    const LANES: usize = LANES;
    const TILE_ROWS: usize = 14;
    const INNER_BLOCK: usize = 392;
    const COLUMN_BLOCK: usize = 320;
    const ROW_BLOCK: usize = usize::MAX;
    const RIGHT_STAYS: bool = false;

    unsafe fn compiled<W: Widest>(work: W) -> W::Output {
        work.run()
    }

    unsafe fn mask(bits: u16) -> u16 {
        bits
    }

    unsafe fn zero() -> [f32; LANES] {
        [0.0; LANES]
    }

    unsafe fn splat(number: f32) -> [f32; LANES] {
        [number; LANES]
    }

    unsafe fn load(from: *const f32) -> [f32; LANES] {
        unsafe { Self::load_some(u16::MAX, from) }
    }

    unsafe fn load_some(mask: u16, from: *const f32) -> [f32; LANES] {
        unsafe { Self::load_into([0.0; LANES], mask, from) }
    }

    unsafe fn load_into(mut numbers: [f32; LANES], mask: u16, from: *const f32) -> [f32; LANES] {
        for (lane, number) in numbers.iter_mut().enumerate().filter(|(lane, _)| mask >> lane & 1 == 1) {
            *number = unsafe { from.wrapping_add(lane).read() };
        }
        numbers
    }

    unsafe fn gather(from: *const f32, places: *const i32) -> [f32; LANES] {
        std::array::from_fn(|lane| unsafe { *from.wrapping_offset(*places.add(lane) as isize) })
    }

    unsafe fn store(to: *mut f32, numbers: [f32; LANES]) {
        unsafe { Self::store_some(u16::MAX, to, numbers) }
    }

    unsafe fn store_some(mask: u16, to: *mut f32, numbers: [f32; LANES]) {
        for (lane, number) in numbers.into_iter().enumerate().filter(|(lane, _)| mask >> lane & 1 == 1) {
            unsafe { to.wrapping_add(lane).write(number) };
        }
    }

    unsafe fn add(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    unsafe fn multiply_add(a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    unsafe fn square() -> [[f32; LANES]; LANES] {
        [[0.0; LANES]; LANES]
    }

    unsafe fn transpose(square: &mut [[f32; LANES]; LANES]) {
        let rows = *square;
        *square = std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]));
    }
}
