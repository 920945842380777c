//! Matrix multiplication (GEMM) in `f32`, with a micro-kernel for each instruction set.

mod blocks;
mod pack;
mod tile;

pub(crate) use self::blocks::{Output, balanced, floats, of_panels};
pub(crate) use self::pack::pack_rows;
pub(crate) use self::tile::{PANEL_GRAIN, tile};
use super::isa::simd::Simd;
use super::isa::with_isa;
use super::loops;
use crate::Isa;

/// A matrix in row-major storage, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// The initial value of the output of a matrix multiplication.
#[derive(Debug, Clone, Copy)]
pub enum Init<'a> {
    /// Zero.
    Zero,
    /// The current content of the output.
    Accumulate,
    /// A bias with one element per column.
    Bias(&'a [f32]),
}

impl Init<'_> {
    /// The same initial value for the columns from `column` on.
    fn at_column(self, column: usize) -> Self {
        match self {
            Init::Bias(bias) => Init::Bias(&bias[column..]),
            other => other,
        }
    }
}

impl<'a> Matrix<'a> {
    /// Creates a matrix over `data`, which holds `stored_rows * stored_columns` elements in row-major order. With
    /// `transposed`, the matrix is the transpose of the stored one.
    pub fn new(data: &'a [f32], stored_rows: usize, stored_columns: usize, transposed: bool) -> Self {
        assert_eq!(data.len(), stored_rows * stored_columns, "a matrix has rows times columns elements");
        let (rows, columns) = (stored_rows, stored_columns);
        if transposed {
            Self { data, rows: columns, columns: rows, row_stride: 1, column_stride: stored_columns }
        } else {
            Self { data, rows, columns, row_stride: stored_columns, column_stride: 1 }
        }
    }

    /// The submatrix of these rows.
    pub(crate) fn rows(self, range: std::ops::Range<usize>) -> Self {
        let data = &self.data[(range.start * self.row_stride).min(self.data.len())..];
        Self { data, rows: range.len(), ..self }
    }

    /// The submatrix of these columns.
    fn columns(self, range: std::ops::Range<usize>) -> Self {
        let data = &self.data[(range.start * self.column_stride).min(self.data.len())..];
        Self { data, columns: range.len(), ..self }
    }
}

/// `out = init + a b` for `a` `[m, k]` and `b` `[k, n]`, where `out` `[m, n]` is row-major.
///
/// Each element is one sum in a fixed order, so the result does not depend on the number of threads, bit for bit.
pub fn gemm_f32(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, init: Init<'_>) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "the inner sizes of a matrix multiplication agree");
    assert_eq!(out.len(), m * n, "the output has rows times columns elements");
    if let Init::Bias(bias) = init {
        assert_eq!(bias.len(), n, "a bias has an element for each column");
    }
    if m * n == 0 {
        return;
    }
    in_spans(Isa::best(), out, a, b, init);
}

/// The largest inner dimension that is summed in one piece; longer sums are split into two halves.
pub(crate) const SPAN: usize = 1 << 15;

/// GEMM with the tiles of `isa`. A longer inner dimension than [`SPAN`] is halved recursively, which bounds rounding
/// errors.
fn in_spans(isa: Isa, out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, init: Init<'_>) {
    let k = a.columns;
    if k <= SPAN {
        return by_tiles(isa, out, a, b, init);
    }
    let half = (k / 2).next_multiple_of(SPAN);
    in_spans(isa, out, a.columns(0..half), b.rows(0..half), init);
    let mut rest = floats(out.len());
    let rest: &mut [f32] = bytemuck::cast_slice_mut(rest.bytes_mut());
    in_spans(isa, rest, a.columns(half..k), b.rows(half..k), Init::Zero);
    out.iter_mut().zip(&*rest).for_each(|(out, &rest)| *out += rest);
}

/// GEMM with the tiles of `isa`, which the CPU supports.
fn by_tiles(isa: Isa, out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, init: Init<'_>) {
    // SAFETY: the caller passes a supported `isa`, so the CPU supports `S`.
    with_isa!(isa, S => unsafe { shared::<S>(out, a, b, init) });
}

/// The number of multiply-adds that cost as much as one element of an element-wise loop.
const MULTIPLY_ADDS_OF_ELEMENT: usize = 32;

/// Splits the rows among threads, or the columns if there are more columns than rows.
///
/// # Safety
/// The CPU supports `S`.
unsafe fn shared<S: Simd>(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, init: Init<'_>) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let whole = Output { to: out.as_mut_ptr(), row_stride: n };
    if !loops::is_parallel(m.saturating_mul(k).saturating_mul(n) / MULTIPLY_ADDS_OF_ELEMENT) {
        // SAFETY: `out` has `m` rows of `n` elements and is borrowed mutably; the caller guarantees that the CPU
        // supports `S`.
        return unsafe { blocks::multiply::<S>(whole, a, b, init) };
    }
    let by_rows = m >= n;
    let (length, grain) = if by_rows { (m, 1) } else { (n, 16) };
    let part = length.div_ceil(rayon::current_num_threads()).next_multiple_of(grain);
    let address = whole.to as usize;
    rayon::scope(|scope| {
        for first in (0..length).step_by(part) {
            let range = first..length.min(first + part);
            scope.spawn(move |_| {
                let offset = if by_rows { range.start * n } else { range.start };
                // SAFETY: the offset lies within `out`.
                let begin = unsafe { (address as *mut f32).add(offset) };
                let part = Output { to: begin, row_stride: n };
                let (a, b, init) = match by_rows {
                    true => (a.rows(range), b, init),
                    false => {
                        let init = init.at_column(range.start);
                        (a, b.columns(range), init)
                    }
                };
                // SAFETY: the caller guarantees that the CPU supports `S`; the parts do not overlap, and the scope ends
                // before the borrow of `out` does.
                unsafe { blocks::multiply::<S>(part, a, b, init) };
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Compares every code path of a GEMM of this size with naive loops in 64 bits.
    fn check(m: usize, k: usize, n: usize, transpose: [bool; 2]) {
        let (a, b, bias) = (elements(m * k, 1), elements(k * n, 2), elements(n, 4));
        let at = |i: usize, l: usize| f64::from(if transpose[0] { a[l * m + i] } else { a[i * k + l] });
        let bt = |l: usize, j: usize| f64::from(if transpose[1] { b[j * k + l] } else { b[l * n + j] });
        let (a_rows, a_columns) = if transpose[0] { (k, m) } else { (m, k) };
        let (b_rows, b_columns) = if transpose[1] { (n, k) } else { (k, n) };
        let (of_a, of_b) = (
            Matrix::new(&a, a_rows, a_columns, transpose[0]),
            Matrix::new(&b, b_rows, b_columns, transpose[1]),
        );
        let before = elements(m * n, 3);
        for init in [Init::Zero, Init::Accumulate, Init::Bias(&bias)] {
            for isa in Isa::supported() {
                let mut out = before.clone();
                by_tiles(isa, &mut out, of_a, of_b, init);
                for (place, &got) in out.iter().enumerate() {
                    let (i, j) = (place / n, place % n);
                    let sum: f64 = (0..k).map(|l| at(i, l) * bt(l, j)).sum();
                    let expected = sum
                        + match init {
                            Init::Zero => 0.0,
                            Init::Accumulate => f64::from(before[place]),
                            Init::Bias(bias) => f64::from(bias[j]),
                        };
                    // Terms of at most 1: k + 1 roundings of a partial sum of at most k + 1.
                    let allowed = ((k + 1) * (k + 1)) as f64 * f64::from(f32::EPSILON) / 2.0;
                    let error = (f64::from(got) - expected).abs();
                    assert!(
                        error <= allowed,
                        "{isa:?} {m}x{k}x{n} {transpose:?} {init:?} at {i}, {j}: {got} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_edge_of_a_tile_agrees_with_plain_loops() {
        for m in [1, 2, 5, 6, 7, 12, 13, 14, 15, 27] {
            for n in [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65] {
                for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)]
                {
                    check(m, 7, n, [transpose_a, transpose_b]);
                }
            }
        }
    }

    #[test]
    fn every_edge_of_a_block_agrees_with_plain_loops() {
        for k in [0, 1, 7, 8, 9, 256, 257, 391, 392, 393, 800] {
            check(3, k, 5, [false, true]);
            check(3, k, 5, [true, false]);
        }
        check(16, 20, 321, [false, false]);
        check(30, 20, 700, [true, true]);
        check(150, 3, 40, [false, true]);
        check(3, 2, 2070, [false, false]);
    }

    #[test]
    fn a_long_inner_size_has_the_rounding_error_of_a_span() {
        for k in [SPAN + 1, 5 * SPAN + 3] {
            let (a, b) = (vec![0.1; 2 * k], vec![1.0; 3 * k]);
            let exact = k as f64 * f64::from(0.1f32);
            // Roundings in a block of up to 512 steps, over the blocks of a span of at least 64 steps each, and over
            // the halves.
            let allowed = (512.0 + 512.0 + 3.0) / 2.0 * f64::from(f32::EPSILON) * exact;
            for isa in Isa::supported() {
                let mut out = [f32::NAN; 6];
                let (a, b) = (Matrix::new(&a, 2, k, false), Matrix::new(&b, k, 3, false));
                in_spans(isa, &mut out, a, b, Init::Bias(&[0.0; 3]));
                let off = out.map(|sum| (f64::from(sum) - exact).abs());
                assert!(off.iter().all(|&off| off <= allowed), "{isa:?} {k}: {off:?} {allowed}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        for (m, k, n) in [(512, 784, 616), (616, 512, 784), (512, 616, 16), (16, 512, 616)] {
            let (a, b, bias) = (elements(m * k, 5), elements(n * k, 6), elements(n, 7));
            let product = |isa, threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut out = vec![0.0; m * n];
                let (a, b) = (Matrix::new(&a, m, k, false), Matrix::new(&b, n, k, true));
                pool.install(|| by_tiles(isa, &mut out, a, b, Init::Bias(&bias)));
                out
            };
            for isa in Isa::supported() {
                let one = product(isa, 1);
                for threads in [2, 3, 7] {
                    let same = one == product(isa, threads);
                    assert!(same, "{isa:?}: {threads} threads gave other bits than one");
                }
            }
        }
    }
}
