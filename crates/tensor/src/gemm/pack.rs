//! Copies matrices into panels, in the order in which tiles read them.

use std::arch::x86_64::{
    __m512, __mmask16, _MM_HINT_T0, _mm_prefetch, _mm512_castpd_ps, _mm512_castps_pd, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_unpackhi_pd, _mm512_unpackhi_ps,
    _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::Matrix;
use super::avx512::{LANES, TILE_COLUMNS};

/// Numbers of a matrix to be packed: `places` beside each other in a line, one line for each step.
struct Source<'a> {
    data: &'a [f32],
    place_stride: usize,
    step_stride: usize,
}

/// Panels of `tile_rows` rows: for each of `steps` steps, the numbers of the rows beside each other.
///
/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn pack_rows(
    panels: &mut [f32],
    a: Matrix<'_>,
    first: usize,
    steps: usize,
    tile_rows: usize,
) {
    for row in (0..a.rows).step_by(tile_rows) {
        let rows = tile_rows.min(a.rows - row);
        let start = row * a.row_stride + first * a.column_stride;
        let source = Source {
            data: a.data.get(start..).unwrap_or_default(),
            place_stride: a.row_stride,
            step_stride: a.column_stride,
        };
        // SAFETY: the processor has AVX-512F, as the caller vouches.
        unsafe { source.pack(&mut panels[row * steps..(row + rows) * steps], rows, rows, steps) };
    }
}

/// Panels of [`TILE_COLUMNS`] columns, the last one of one vector where that is enough: for each of `steps`
/// steps, the numbers of the columns beside each other, filled up with zeros.
///
/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pack_columns(
    panels: &mut [f32],
    b: Matrix<'_>,
    first: usize,
    steps: usize,
    column: usize,
    columns: usize,
) {
    for within in (0..columns).step_by(TILE_COLUMNS) {
        let filled = TILE_COLUMNS.min(columns - within);
        let width = filled.next_multiple_of(LANES);
        let start = (column + within) * b.column_stride + first * b.row_stride;
        let source = Source {
            data: b.data.get(start..).unwrap_or_default(),
            place_stride: b.column_stride,
            step_stride: b.row_stride,
        };
        // SAFETY: the processor has AVX-512F, as the caller vouches.
        unsafe { source.pack(&mut panels[within * steps..(within + width) * steps], width, filled, steps) };
    }
}

impl Source<'_> {
    /// `panel[step][place] = data[place * place_stride + step * step_stride]`, and zero from `filled` on.
    ///
    /// # Safety
    /// The processor has AVX-512F.
    #[target_feature(enable = "avx512f")]
    unsafe fn pack(&self, panel: &mut [f32], width: usize, filled: usize, steps: usize) {
        assert_eq!(panel.len(), width * steps, "a panel holds all places of all steps");
        if panel.is_empty() {
            return;
        }
        let last = (filled - 1) * self.place_stride + (steps - 1) * self.step_stride;
        assert!(last < self.data.len(), "the matrix holds what is packed");
        for place in (0..width).step_by(LANES) {
            let (stored, filled) = (lanes(width - place), lanes(filled - place));
            // SAFETY: the two asserts vouch for every line and every number that is read and written below;
            // all of them are named by the masks.
            unsafe {
                let to = panel.as_mut_ptr().add(place);
                let from = self.data.as_ptr().add(place * self.place_stride);
                match self.place_stride {
                    1 => self.copy(from, to, width, steps, filled, stored),
                    _ => self.turn(from, to, width, steps, filled, stored),
                }
            }
        }
    }

    /// Places lie beside each other: one vector for each step.
    ///
    /// # Safety
    /// The processor has AVX-512F; the lanes of `filled` can be read at each step, those of `stored` be
    /// written in each line.
    #[target_feature(enable = "avx512f")]
    unsafe fn copy(
        &self,
        from: *const f32,
        to: *mut f32,
        width: usize,
        steps: usize,
        filled: __mmask16,
        stored: __mmask16,
    ) {
        for step in 0..steps {
            fetch(from.wrapping_add((step + STEPS_AHEAD) * self.step_stride));
            // SAFETY: as the caller vouches.
            unsafe {
                let line = _mm512_maskz_loadu_ps(filled, from.add(step * self.step_stride));
                _mm512_mask_storeu_ps(to.add(step * width), stored, line);
            }
        }
    }

    /// Steps lie beside each other: 16 places by 16 steps are turned in registers.
    ///
    /// # Safety
    /// As [`Source::copy`], and `step_stride` is 1.
    #[target_feature(enable = "avx512f")]
    unsafe fn turn(
        &self,
        from: *const f32,
        to: *mut f32,
        width: usize,
        steps: usize,
        filled: __mmask16,
        stored: __mmask16,
    ) {
        debug_assert_eq!(self.step_stride, 1, "one of the two strides of a matrix is 1");
        let places = filled.count_ones() as usize;
        for step in (0..steps).step_by(LANES) {
            let here = LANES.min(steps - step);
            let mut square = [_mm512_setzero_ps(); LANES];
            for (place, row) in square[..places].iter_mut().enumerate() {
                fetch(from.wrapping_add(place * self.place_stride + step + BLOCKS_AHEAD * LANES));
                // SAFETY: as the caller vouches; steps beyond the last are masked.
                *row =
                    unsafe { _mm512_maskz_loadu_ps(lanes(here), from.add(place * self.place_stride + step)) };
            }
            for (line, &row) in transposed(square)[..here].iter().enumerate() {
                // SAFETY: as the caller vouches.
                unsafe { _mm512_mask_storeu_ps(to.add((step + line) * width), stored, row) };
            }
        }
    }
}

/// How far ahead memory is asked for: its lines lie too far apart for the processor to see what comes next.
const STEPS_AHEAD: usize = 16;
/// The same, in blocks of 16 steps.
const BLOCKS_AHEAD: usize = 4;

/// Asks for the line of memory at this address, which need not be one of ours: nothing is read.
#[inline(always)]
fn fetch(address: *const f32) {
    // SAFETY: a prefetch touches no memory and cannot fault.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// The first `count` lanes.
fn lanes(count: usize) -> __mmask16 {
    if count >= LANES { __mmask16::MAX } else { (1 << count) - 1 }
}

/// The transpose of a square of 16 by 16 numbers.
#[target_feature(enable = "avx512f")]
pub(crate) fn transposed(rows: [__m512; LANES]) -> [__m512; LANES] {
    let mut pairs = rows;
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    // fours[4 i + j] holds in its quarter q the numbers of column 4 q + j in the rows 4 i to 4 i + 3.
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
        // Quarters 0 and 2 of two, then quarters 1 and 3.
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
