//! The product for processors with AVX-512: tiles in registers, panels in the caches.
//!
//! A tile of up to 14 x 32 numbers of the output stays in 28 of the 32 vector registers while it sums over a
//! block of the inner size: each step loads two vectors of B and broadcasts 14 numbers of A for 28
//! multiply-adds. Both matrices are first copied into panels, in the order in which tiles read them: a panel
//! of A (14 rows, 22 KiB) stays in the first cache, a block of B (500 KiB) in the second.
//!
//! Each number of the output is one chain of multiply-adds for each block of the inner size, in order; no
//! choice that depends on the number of threads changes it.

use std::arch::x86_64::{
    __m512, __mmask16, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
};

use super::pack::{pack_columns, pack_rows};
use super::{Matrix, Start};
use crate::memory::Buffer;

/// The most rows of a tile.
pub(crate) const TILE_ROWS: usize = 14;
/// Numbers in a vector register.
pub(super) const LANES: usize = 16;
/// The most columns of a tile: two vectors.
pub(crate) const TILE_COLUMNS: usize = 2 * LANES;
/// The most steps of the inner size that a tile sums before it goes back to memory.
pub(crate) const INNER_BLOCK: usize = 392;
/// Columns of B that are packed at once.
const COLUMN_BLOCK: usize = 10 * TILE_COLUMNS;

/// Where the output lies: a row-major matrix of which this product writes some rows and columns.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub(super) start: *mut f32,
    pub(super) row_stride: usize,
}

/// `out = a b` for the rows of `a` and the columns of `b`, starting from what `start` says.
///
/// # Safety
/// The processor has AVX-512F. `out` points to `a.rows` rows of at least `b.columns` numbers, `row_stride`
/// apart, which nobody else touches meanwhile. A bias in `start` has `b.columns` numbers.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn product(out: Output, a: Matrix<'_>, b: Matrix<'_>, start: Start<'_>) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let inner = balanced(k.max(1), INNER_BLOCK);
    let tile_rows = balanced(m, TILE_ROWS);
    let mut packed_a = Buffer::of(size_of::<f32>() * m * inner);
    let mut packed_b = Buffer::of(size_of::<f32>() * inner * COLUMN_BLOCK.min(n.next_multiple_of(LANES)));
    for first in (0..k.max(1)).step_by(inner) {
        let steps = inner.min(k - first);
        let packed_a: &mut [f32] = bytemuck::cast_slice_mut(packed_a.bytes_mut());
        // SAFETY: the processor has AVX-512F, as the caller vouches.
        unsafe { pack_rows(packed_a, a, first, steps, tile_rows) };
        for column in (0..n).step_by(COLUMN_BLOCK) {
            let columns = COLUMN_BLOCK.min(n - column);
            let packed_b: &mut [f32] = bytemuck::cast_slice_mut(packed_b.bytes_mut());
            // SAFETY: as above.
            unsafe { pack_columns(packed_b, b, first, steps, column, columns) };
            // After the first block of the inner size every tile goes on from what it has written.
            let start = if first == 0 { start.at_column(column) } else { Start::Output };
            for row in (0..m).step_by(tile_rows) {
                let rows = tile_rows.min(m - row);
                let of_a = packed_a[row * steps..].as_ptr();
                for within in (0..columns).step_by(TILE_COLUMNS) {
                    let width = TILE_COLUMNS.min(columns - within);
                    let of_b = packed_b[within * steps..].as_ptr();
                    // SAFETY: the tile's rows and columns lie within the output; its panels hold `steps`
                    // steps each, as they were packed just now.
                    unsafe {
                        let c = out.start.add(row * out.row_stride + column + within);
                        tile(rows, width, steps, of_a, of_b, c, out.row_stride, start.at_column(within));
                    }
                }
            }
        }
    }
}

/// The size of equal parts that are at most `most` long.
pub(crate) fn balanced(whole: usize, most: usize) -> usize {
    whole.div_ceil(whole.div_ceil(most).max(1)).max(1)
}

/// One tile, by the kernel of its size.
///
/// # Safety
/// As [`kernel`], with `rows` and the vectors of `width` for its sizes.
#[target_feature(enable = "avx512f")]
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn tile(
    rows: usize,
    width: usize,
    steps: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    row_stride: usize,
    start: Start<'_>,
) {
    let vectors = width.div_ceil(LANES);
    let mask = (u32::MAX >> (32 - (width - LANES * (vectors - 1)) as u32)) as __mmask16;
    macro_rules! of_size {
        ($($rows:literal)*) => {
            match (rows, vectors) {
                $(
                    // SAFETY: handed on.
                    ($rows, 1) => unsafe { kernel::<$rows, 1>(steps, a, b, c, row_stride, mask, start) },
                    // SAFETY: handed on.
                    ($rows, _) => unsafe { kernel::<$rows, 2>(steps, a, b, c, row_stride, mask, start) },
                )*
                _ => unreachable!("a tile has 1 to 14 rows"),
            }
        };
    }
    of_size!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// `c = start + a b` for a tile of `ROWS` rows and `VECTORS` vectors, the last of them under `mask`.
///
/// # Safety
/// The processor has AVX-512F; `a` points to `steps * ROWS` numbers, `b` to `steps * VECTORS * 16`; the
/// tile's rows at `c`, `row_stride` apart, can be written, and read where `start` says so; a bias has the
/// tile's columns.
#[target_feature(enable = "avx512f")]
unsafe fn kernel<const ROWS: usize, const VECTORS: usize>(
    steps: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    row_stride: usize,
    mask: __mmask16,
    start: Start<'_>,
) {
    // SAFETY: every pointer stays within what the caller vouches for; vectors at the right edge are read and
    // written under the mask.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        for step in 0..steps {
            let of_b: [__m512; VECTORS] =
                std::array::from_fn(|v| _mm512_loadu_ps(b.add((step * VECTORS + v) * LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let of_a = _mm512_set1_ps(*a.add(step * ROWS + row));
                for (sum, of_b) in sums.iter_mut().zip(of_b) {
                    *sum = _mm512_fmadd_ps(of_a, of_b, *sum);
                }
            }
        }
        let mask_of = |v: usize| if v + 1 == VECTORS { mask } else { __mmask16::MAX };
        for (row, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = c.add(row * row_stride + v * LANES);
                let sum = match start {
                    Start::Zero => sum,
                    Start::Output => _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask_of(v), to)),
                    Start::Bias(bias) => {
                        _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask_of(v), bias.as_ptr().add(v * LANES)))
                    }
                };
                _mm512_mask_storeu_ps(to, mask_of(v), sum);
            }
        }
    }
}
