//! Packs what [`Reads`](super::reads::Reads) names into panels for the tiles of the matrix product.

use std::arch::x86_64::{
    __m512, _mm512_i32gather_ps, _mm512_loadu_si512, _mm512_mask_loadu_ps, _mm512_maskz_loadu_ps,
    _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::product::{Output, Right};
use super::reads::{LANES, Vector};
use crate::Start;
use crate::gemm::avx512::{TILE_COLUMNS, tile};
use crate::gemm::pack::transposed;

/// The numbers of one vector of pixels for one step.
///
/// # Safety
/// The processor has AVX-512F; every place of `vector` can be read from `source` on.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn read(source: *const f32, vector: &Vector) -> __m512 {
    // SAFETY: masked lanes are not read, and the others are places of the vector.
    unsafe {
        if vector.n_runs == 0 {
            return _mm512_i32gather_ps::<4>(_mm512_loadu_si512(vector.places.as_ptr().cast()), source);
        }
        let at = |run: usize| source.wrapping_offset(vector.runs[run].origin as isize);
        let mut numbers = _mm512_maskz_loadu_ps(vector.runs[0].lanes, at(0));
        for run in 1..vector.n_runs {
            numbers = _mm512_mask_loadu_ps(numbers, vector.runs[run].lanes, at(run));
        }
        numbers
    }
}

/// Panels of 32 pixels: for each step the numbers of the pixels beside each other.
///
/// # Safety
/// The processor has AVX-512F; `vectors` are some of the columns' and the steps some of those that their
/// `reach` was computed with.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pack_pixels(panels: &mut [f32], right: Right<'_>, vectors: &[Vector]) {
    let Right { source, columns, steps } = right;
    assert!(columns.reach < source.len(), "the source holds what is read");
    for (panel, vectors) in
        panels.chunks_mut(TILE_COLUMNS * steps.len()).zip(vectors.chunks(TILE_COLUMNS / LANES))
    {
        let width = LANES * vectors.len();
        assert!(panel.len() >= width * steps.len(), "a panel holds all pixels of all steps");
        for (place, vector) in vectors.iter().enumerate() {
            let to = panel.as_mut_ptr().wrapping_add(place * LANES);
            for (step, &of_step) in steps.iter().enumerate() {
                // SAFETY: the two asserts vouch for what is read and written.
                unsafe {
                    let numbers = read(source.as_ptr().add(of_step), vector);
                    _mm512_storeu_ps(to.add(step * width), numbers);
                }
            }
        }
    }
}

/// Panels of 32 steps: for each pixel the numbers of the steps beside each other.
///
/// # Safety
/// As [`pack_pixels`].
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pack_steps(panels: &mut [f32], right: Right<'_>, vectors: &[Vector]) {
    let Right { source, columns, steps } = right;
    assert!(columns.reach < source.len(), "the source holds what is read");
    let pixels: usize = vectors.iter().map(|vector| vector.len).sum();
    for (panel, steps) in panels.chunks_mut(TILE_COLUMNS * pixels).zip(steps.chunks(TILE_COLUMNS)) {
        let width = steps.len().next_multiple_of(LANES);
        assert!(panel.len() >= width * pixels, "a panel holds all steps of all pixels");
        for (place, steps) in steps.chunks(LANES).enumerate() {
            let mut first = 0;
            for vector in vectors {
                let mut square = [_mm512_setzero_ps(); LANES];
                for (row, &of_step) in square.iter_mut().zip(steps) {
                    // SAFETY: the assert vouches for every place of every vector and step.
                    *row = unsafe { read(source.as_ptr().add(of_step), vector) };
                }
                for (pixel, &line) in transposed(square)[..vector.len].iter().enumerate() {
                    let to = (first + pixel) * width + place * LANES;
                    // SAFETY: `to + 16 <= width * pixels`, which the panel holds.
                    unsafe { _mm512_storeu_ps(panel.as_mut_ptr().add(to), line) };
                }
                first += vector.len;
            }
        }
    }
}

/// `out = start + a b` for packed panels: `m` rows and `n` columns, summed over `k`.
///
/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn product(
    out: Output<'_>,
    [m, k, n]: [usize; 3],
    tile_rows: usize,
    [a, b]: [&[f32]; 2],
    start: Start<'_>,
) {
    let Output { numbers, row_stride } = out;
    assert!(numbers.len() >= (m - 1) * row_stride + n, "the output holds the product");
    assert!(a.len() >= m * k && b.len() >= n.next_multiple_of(LANES) * k, "the panels hold all steps");
    for row in (0..m).step_by(tile_rows) {
        let rows = tile_rows.min(m - row);
        for column in (0..n).step_by(TILE_COLUMNS) {
            let width = TILE_COLUMNS.min(n - column);
            // SAFETY: the tile lies within the output and the panels, as the asserts say.
            unsafe {
                let to = numbers.as_mut_ptr().add(row * row_stride + column);
                tile(rows, width, k, a[row * k..].as_ptr(), b[column * k..].as_ptr(), to, row_stride, start);
            }
        }
    }
}
