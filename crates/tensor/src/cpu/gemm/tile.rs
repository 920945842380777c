//! The GEMM micro-kernel: one tile of rows and columns accumulated in registers.

use super::Init;
use crate::cpu::isa::simd::{Simd, prefetch};
use crate::each_isa;

/// Panels of the right operand have a multiple of this number of columns.
pub(crate) const PANEL_GRAIN: usize = 16;

each_isa! {
    /// Computes `c = init + a b` for a tile of `rows` rows and `width` columns with inner dimension `k`.
    ///
    /// # Safety
    /// The CPU supports `S`. `a` points to a panel of `k * rows` elements, and `b` to one of `k` times `width`
    /// elements, where `width` is rounded up to a multiple of [`PANEL_GRAIN`]. The tile's rows at `c`, `row_stride`
    /// apart, can be written, and read for [`Init::Accumulate`]. A bias in `init` has `width` elements.
    pub(crate) unsafe fn tile<S: Simd>(
        rows: usize,
        width: usize,
        k: usize,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        row_stride: usize,
        init: Init<'_>,
    ) {
        macro_rules! of_size {
            ($($rows:literal)*) => {
                match (rows, width > S::LANES) {
                    $(
                        // SAFETY: the requirements of `kernel` are those of this function, which the caller guarantees.
                        ($rows, false) => unsafe { kernel::<S, $rows, 1>(width, k, a, b, c, row_stride, init) },
                        // SAFETY: the requirements of `kernel` are those of this function, which the caller guarantees.
                        ($rows, true) => unsafe { kernel::<S, $rows, 2>(width, k, a, b, c, row_stride, init) },
                    )*
                    _ => unreachable!("a tile has 1 to 13 rows"),
                }
            };
        }
        of_size!(1 2 3 4 5 6 7 8 9 10 11 12 13)
    }
}

/// `c = init + a b` for a tile of `ROWS` rows and `VECTORS` vectors of columns.
///
/// # Safety
/// The requirements of [`tile`], with `ROWS` rows and `width` columns in `VECTORS` vectors.
#[inline(always)]
unsafe fn kernel<S: Simd, const ROWS: usize, const VECTORS: usize>(
    width: usize,
    k: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    row_stride: usize,
    init: Init<'_>,
) {
    if ROWS > S::TILE_ROWS {
        unreachable!("a tile has at most `TILE_ROWS` rows");
    }
    let b_stride = if VECTORS * S::LANES <= PANEL_GRAIN { PANEL_GRAIN } else { 2 * PANEL_GRAIN };
    // SAFETY: by the requirements, both panels hold `k` steps and the rows of the tile can be written; vectors at the
    // right edge are read and written under a mask.
    unsafe {
        for row in 0..ROWS {
            // Prefetch both ends of each row of the output, since a row may start within a cache line.
            prefetch(c.wrapping_add(row * row_stride));
            prefetch(c.wrapping_add(row * row_stride + VECTORS * S::LANES - 1));
        }
        // ANCHOR: loop
        let mut sums = [[S::zero(); VECTORS]; ROWS];
        for p in 0..k {
            let mut of_b = [S::zero(); VECTORS];
            for (v, of_b) in of_b.iter_mut().enumerate() {
                *of_b = S::load(b.add(p * b_stride + v * S::LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let of_a = S::splat(*a.add(p * ROWS + row));
                for (sum, of_b) in sums.iter_mut().zip(of_b) {
                    *sum = S::multiply_add(of_a, of_b, *sum);
                }
            }
        }
        // ANCHOR_END: loop
        let last = S::first(width - (VECTORS - 1) * S::LANES);
        let whole = width == VECTORS * S::LANES;
        for (row, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = c.add(row * row_stride + v * S::LANES);
                let masked = v + 1 == VECTORS && !whole;
                let read = |from: *const f32| match masked {
                    true => S::load_some(last, from),
                    false => S::load(from),
                };
                let sum = match init {
                    Init::Zero => sum,
                    Init::Accumulate => S::add(sum, read(to)),
                    Init::Bias(bias) => S::add(sum, read(bias.as_ptr().add(v * S::LANES))),
                };
                match masked {
                    true => S::store_some(last, to, sum),
                    false => S::store(to, sum),
                }
            }
        }
    }
}
