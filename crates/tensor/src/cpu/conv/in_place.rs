//! Matrix multiplications that read their second matrix from the padded images in place, without packing.
//!
//! Packing costs about as much as four rows of a GEMM. With few rows, reading each element again for every kernel
//! offset costs less, even though the last vector of a row of pixels is not full. The results equal those of packed
//! panels, bit for bit.

use super::gemm::Right;
use super::im2col::LANES;
use crate::cpu::gemm::balanced;
use crate::cpu::isa::simd::Simd;
use crate::{Init, each_isa};

/// Packing costs as much as this many rows of a GEMM.
const ROWS_OF_PACKING: usize = 4;
/// With more steps, the elements that a tile reads leave the L1 cache before the next rows read them.
const STEPS_NEARBY: usize = 256;
/// The rows of the largest tile. A GEMM with at most this many rows reads each element once.
const ROWS_OF_TILE: usize = 13;

/// Whether a GEMM of `rows` rows is faster without packing, for `pixels` pixels that occupy `lanes` vector lanes.
pub(super) fn is_worth_it(rows: usize, steps: usize, [pixels, lanes]: [usize; 2]) -> bool {
    let unpacked = rows.saturating_mul(lanes);
    unpacked <= (rows + ROWS_OF_PACKING).saturating_mul(pixels)
        && (rows <= ROWS_OF_TILE || steps <= STEPS_NEARBY)
}

/// The pixels in one register: the index that lane 0 reads at step 0, the index of its output, and the number of lanes.
#[derive(Clone, Copy, Default)]
struct Part {
    place: usize,
    pixel: usize,
    lanes: usize,
}

each_isa! {
    /// `out[row][pixel] = init + sum over steps of left[row][step] right[step][pixel]`, with the left operand in
    /// panels.
    ///
    /// # Safety
    /// The CPU supports `S`, and `right.steps` are some of the steps for which `right.columns.reach` was computed.
    pub(super) unsafe fn multiply<S: Simd>(
        out: &mut [f32],
        row_stride: usize,
        left: &[f32],
        rows: usize,
        right: Right<'_>,
        init: Init<'_>,
    ) {
        let Right { source, columns, steps } = right;
        assert!(columns.in_place && columns.reach < source.len(), "all reads lie within the source");
        assert!(out.len() >= (rows - 1) * row_stride + columns.len, "the output holds the matrix product");
        assert!(left.len() >= rows * steps.len(), "the panels hold all steps of all rows");
        let inner = balanced(steps.len(), S::INNER_BLOCK);
        let tile_rows = balanced(rows, S::TILE_ROWS);
        for first in (0..steps.len()).step_by(inner) {
            let steps = &steps[first..steps.len().min(first + inner)];
            let is_added = first > 0 || matches!(init, Init::Accumulate);
            let left = &left[first * rows..];
            let mut pixel = 0;
            for vectors in columns.vectors.chunks(S::TILE_COLUMNS / LANES) {
                let mut parts = [Part { place: vectors[0].runs[0].origin as usize, ..Part::default() }; 2];
                for (index, part) in parts.iter_mut().enumerate() {
                    let Some(vector) = vectors.get(index * S::LANES / LANES) else { continue };
                    let within = index * S::LANES % LANES;
                    let place = vector.runs[0].origin as usize + within;
                    let lanes = vector.len.saturating_sub(within).min(S::LANES);
                    *part = Part { place, pixel, lanes };
                    pixel += lanes;
                }
                for row in (0..rows).step_by(tile_rows) {
                    let left = left[row * steps.len()..].as_ptr();
                    // SAFETY: the asserts check the bounds of the panels, of whole vectors of the source and of the
                    // output.
                    unsafe {
                        let to = out.as_mut_ptr().add(row * row_stride);
                        let here = tile_rows.min(rows - row);
                        tile::<S>(here, left, source.as_ptr(), steps, parts, to, row_stride, is_added);
                    }
                }
            }
        }
    }
}

/// Multiplies the rows of a tile with two registers of pixels.
///
/// # Safety
/// The CPU supports `S`; `left` points to `rows` elements for each step; for both parts, a whole vector can be read at
/// every step, and the part's lanes can be written in each row.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn tile<S: Simd>(
    rows: usize,
    left: *const f32,
    source: *const f32,
    steps: &[usize],
    parts: [Part; 2],
    to: *mut f32,
    row_stride: usize,
    is_added: bool,
) {
    macro_rules! of_rows {
        ($($rows:literal)*) => {
            match rows {
                // SAFETY: the requirements of `kernel` are those of this function, which the caller guarantees.
                $($rows => unsafe { kernel::<S, $rows>(left, source, steps, parts, to, row_stride, is_added) },)*
                _ => unreachable!("a tile has 1 to 13 rows"),
            }
        };
    }
    of_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13)
}

/// [`tile`] for a constant number of rows.
///
/// # Safety
/// The requirements of [`tile`], with `ROWS` rows.
#[inline(always)]
unsafe fn kernel<S: Simd, const ROWS: usize>(
    left: *const f32,
    source: *const f32,
    steps: &[usize],
    parts: [Part; 2],
    to: *mut f32,
    row_stride: usize,
    is_added: bool,
) {
    if ROWS > S::TILE_ROWS {
        unreachable!("a tile has at most `TILE_ROWS` rows");
    }
    // SAFETY: by the requirements, `left` holds `ROWS` elements a step, whole vectors can be read at each step, and
    // only the lanes of a part are written.
    unsafe {
        let from = [source.add(parts[0].place), source.add(parts[1].place)];
        let mut sums = [[S::zero(); 2]; ROWS];
        for (step, &of_step) in steps.iter().enumerate() {
            let of_source = [S::load(from[0].add(of_step)), S::load(from[1].add(of_step))];
            for (row, sums) in sums.iter_mut().enumerate() {
                let of_left = S::splat(*left.add(step * ROWS + row));
                sums[0] = S::multiply_add(of_left, of_source[0], sums[0]);
                sums[1] = S::multiply_add(of_left, of_source[1], sums[1]);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (part, &sum) in parts.iter().zip(sums) {
                let (to, lanes) = (to.add(row * row_stride + part.pixel), S::first(part.lanes));
                let sum = if is_added { S::add(sum, S::load_some(lanes, to)) } else { sum };
                S::store_some(lanes, to, sum);
            }
        }
    }
}
