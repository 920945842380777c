//! Cache blocking for matrix multiplication over packed panels (Goto and van de Geijn, 2008, doi 10.1145/1356052.1356053).
//!
//! Each element of the output is a chain of multiply-adds for each block of the inner dimension, in a fixed order,
//! which does not depend on the number of threads.

use super::pack::{pack_columns, pack_rows};
use super::tile::{PANEL_GRAIN, tile};
use super::{Init, Matrix};
use crate::cpu::isa::simd::Simd;
use crate::memory::Buffer;

/// The output: a row-major matrix, of which one call writes some rows and columns.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    pub(crate) to: *mut f32,
    pub(crate) row_stride: usize,
}

/// `out = init + a b` for the rows of `a` and the columns of `b`.
///
/// # Safety
/// The CPU supports `S`. `out.to` points to `a.rows` rows of at least `b.columns` elements, `row_stride` apart, which
/// nothing else accesses during the call. A bias in `init` has at least `b.columns` elements.
pub(super) unsafe fn multiply<S: Simd>(out: Output, a: Matrix<'_>, b: Matrix<'_>, init: Init<'_>) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let inner = balanced(k.max(1), S::INNER_BLOCK);
    let tile_rows = balanced(m, S::TILE_ROWS);
    // With few rows, each panel of the right operand is read once, so it is packed just before use and stays in
    // the L1 cache.
    let few = S::RIGHT_STAYS && m <= S::ROW_BLOCK;
    let column_block = if few { S::TILE_COLUMNS } else { S::COLUMN_BLOCK };
    let mut packed_a = floats(m * inner);
    let mut packed_b = floats(inner * column_block.min(n.next_multiple_of(PANEL_GRAIN)));
    let packed_a: &mut [f32] = bytemuck::cast_slice_mut(packed_a.bytes_mut());
    let packed_b: &mut [f32] = bytemuck::cast_slice_mut(packed_b.bytes_mut());
    for first in (0..k.max(1)).step_by(inner) {
        let steps = inner.min(k - first);
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe { pack_rows::<S>(packed_a, a, first, steps, tile_rows) };
        for column in (0..n).step_by(column_block) {
            let columns = column_block.min(n - column);
            // After the first block of the inner size every tile accumulates into its previous output.
            let init = if first == 0 { init.at_column(column) } else { Init::Accumulate };
            // SAFETY: the caller guarantees that the CPU supports `S` and that these rows and columns lie within the
            // output.
            unsafe {
                pack_columns::<S>(packed_b, b, first, steps, column, columns);
                let out = Output { to: out.to.add(column), ..out };
                of_panels::<S>(out, [m, steps, columns], [packed_a, packed_b], init);
            }
        }
    }
}

/// `out = init + a b` for packed panels: `m` rows and `n` columns, summed over `k`.
///
/// # Safety
/// The CPU supports `S`. `out.to` points to `m` rows of at least `n` elements, `row_stride` apart, which nothing else
/// accesses during the call. A bias in `init` has `n` elements.
pub(crate) unsafe fn of_panels<S: Simd>(
    out: Output,
    [m, k, n]: [usize; 3],
    [a, b]: [&[f32]; 2],
    init: Init<'_>,
) {
    assert!(a.len() >= m * k, "the panels on the left hold all steps of all rows");
    assert!(
        b.len() >= n.next_multiple_of(PANEL_GRAIN) * k,
        "the panels on the right hold all steps of all columns"
    );
    let tile_rows = balanced(m, S::TILE_ROWS);
    let one = |row: usize, column: usize| {
        let (rows, width) = (tile_rows.min(m - row), S::TILE_COLUMNS.min(n - column));
        let (of_a, of_b) = (a[row * k..].as_ptr(), b[column * k..].as_ptr());
        // SAFETY: the tile's rows and columns lie within the output; its panels hold `k` steps each.
        unsafe {
            let to = out.to.add(row * out.row_stride + column);
            tile::<S>(rows, width, k, of_a, of_b, to, out.row_stride, init.at_column(column));
        }
    };
    let rows_at_once = (S::ROW_BLOCK / tile_rows).max(1) * tile_rows;
    for first in (0..m).step_by(rows_at_once.min(m).max(1)) {
        let rows = || (first..m.min(first.saturating_add(rows_at_once))).step_by(tile_rows);
        let columns = || (0..n).step_by(S::TILE_COLUMNS);
        if S::RIGHT_STAYS {
            columns().for_each(|column| rows().for_each(|row| one(row, column)));
        } else {
            rows().for_each(|row| columns().for_each(|column| one(row, column)));
        }
    }
}

/// The size of the fewest equal parts of length at most `most`, rounded up.
pub(crate) fn balanced(whole: usize, most: usize) -> usize {
    whole.div_ceil(whole.div_ceil(most).max(1)).max(1)
}

/// A buffer of `len` elements.
pub(crate) fn floats(len: usize) -> Buffer {
    Buffer::of(size_of::<f32>() * len)
}
