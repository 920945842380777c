//! Matrix products in `f32`, by tiles for processors with AVX-512, with AVX2, and for any.

pub(crate) mod simd;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod plain;
mod tile;
mod pack;
mod product;

pub(crate) use self::pack::pack_rows;
pub(crate) use self::product::{Output, balanced, floats, of_panels};
pub(crate) use self::simd::{Simd, compiled_for};

/// Who computes products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tiles {
    /// For AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// For AVX2 with fused multiply-adds.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// For any processor.
    Plain,
    /// For any processor, in the sizes of AVX-512.
    #[cfg(test)]
    Wide,
}

impl Tiles {
    /// The fastest on this processor.
    pub(crate) fn fastest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Plain
    }

    /// All that this processor can run.
    #[cfg(test)]
    pub(crate) fn all_here() -> Vec<Self> {
        let mut all = vec![Self::Plain, Self::Wide];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                all.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Self::Avx2);
            }
        }
        all
    }
}

/// `with_tiles!(tiles, S => expression)`: the expression with the kind of processor that `tiles` are for as the type `S`.
macro_rules! with_tiles {
    ($tiles:expr, $S:ident => $expression:expr) => {
        match $tiles {
            #[cfg(target_arch = "x86_64")]
            $crate::gemm::Tiles::Avx512 => {
                type $S = $crate::gemm::avx512::Avx512;
                $expression
            }
            #[cfg(target_arch = "x86_64")]
            $crate::gemm::Tiles::Avx2 => {
                type $S = $crate::gemm::avx2::Avx2;
                $expression
            }
            $crate::gemm::Tiles::Plain => {
                type $S = $crate::gemm::plain::Plain<8>;
                $expression
            }
            #[cfg(test)]
            $crate::gemm::Tiles::Wide => {
                type $S = $crate::gemm::plain::Plain<16>;
                $expression
            }
        }
    };
}
pub(crate) use with_tiles;

/// A matrix in row-major storage, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// What a product is added to.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// Nothing.
    Zero,
    /// What the output holds.
    Output,
    /// One number for each column.
    Bias(&'a [f32]),
}

impl Start<'_> {
    /// The same for the columns from this one on.
    fn at_column(self, column: usize) -> Self {
        match self {
            Start::Bias(bias) => Start::Bias(&bias[column..]),
            other => other,
        }
    }
}

impl<'a> Matrix<'a> {
    /// `data` holds `stored_rows * stored_columns` numbers, row after row; with `transposed` the matrix is
    /// the transpose of what is stored.
    pub fn new(data: &'a [f32], stored_rows: usize, stored_columns: usize, transposed: bool) -> Self {
        assert_eq!(data.len(), stored_rows * stored_columns, "a matrix has rows times columns numbers");
        let (rows, columns) = (stored_rows, stored_columns);
        if transposed {
            Self { data, rows: columns, columns: rows, row_stride: 1, column_stride: stored_columns }
        } else {
            Self { data, rows, columns, row_stride: stored_columns, column_stride: 1 }
        }
    }

    /// These rows of the matrix.
    fn rows(self, range: std::ops::Range<usize>) -> Self {
        let data = &self.data[(range.start * self.row_stride).min(self.data.len())..];
        Self { data, rows: range.len(), ..self }
    }

    /// These columns of the matrix.
    fn columns(self, range: std::ops::Range<usize>) -> Self {
        let data = &self.data[(range.start * self.column_stride).min(self.data.len())..];
        Self { data, columns: range.len(), ..self }
    }
}

/// `out = start + a b`, where `out` is row-major.
///
/// The bits of the result do not depend on the number of threads: each element is one sum in one order.
pub fn gemm_f32(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, start: Start<'_>) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "the inner sizes of a product agree");
    assert_eq!(out.len(), m * n, "the output has rows times columns numbers");
    if let Start::Bias(bias) = start {
        assert_eq!(bias.len(), n, "a bias has a number for each column");
    }
    if m * n == 0 {
        return;
    }
    in_spans(Tiles::fastest(), out, a, b, start);
}

/// Steps of the inner size that tiles sum up in one go; longer sums are sums of two halves.
pub(crate) const SPAN: usize = 1 << 15;

/// The product by these tiles: each half of a long inner size on its own, so that rounding errors do not grow with it.
fn in_spans(tiles: Tiles, out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, start: Start<'_>) {
    let k = a.columns;
    if k <= SPAN {
        return by_tiles(tiles, out, a, b, start);
    }
    let half = (k / 2).next_multiple_of(SPAN);
    in_spans(tiles, out, a.columns(0..half), b.rows(0..half), start);
    let mut rest = floats(out.len());
    let rest: &mut [f32] = bytemuck::cast_slice_mut(rest.bytes_mut());
    in_spans(tiles, rest, a.columns(half..k), b.rows(half..k), Start::Zero);
    out.iter_mut().zip(&*rest).for_each(|(out, &rest)| *out += rest);
}

/// The product by these tiles, which the processor can run.
fn by_tiles(tiles: Tiles, out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, start: Start<'_>) {
    // SAFETY: tiles are named only where the processor has been asked for what they need.
    with_tiles!(tiles, S => unsafe { shared::<S>(out, a, b, start) });
}

/// Below this many multiply-adds waking another thread costs more than it saves.
const WORTH_SHARING: usize = 1 << 20;

/// Gives each thread some of the rows, or some of the columns where there are more of them.
///
/// # Safety
/// The processor is of the kind `S`.
unsafe fn shared<S: Simd>(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, start: Start<'_>) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let threads =
        if m.saturating_mul(k).saturating_mul(n) < WORTH_SHARING { 1 } else { rayon::current_num_threads() };
    let whole = Output { start: out.as_mut_ptr(), row_stride: n };
    if threads == 1 {
        // SAFETY: `out` has `m` rows of `n` numbers and is ours; the caller vouches for the processor.
        return unsafe { product::product::<S>(whole, a, b, start) };
    }
    let by_rows = m >= n;
    let (length, grain) = if by_rows { (m, 1) } else { (n, 16) };
    let part = length.div_ceil(threads).next_multiple_of(grain);
    let address = whole.start as usize;
    rayon::scope(|scope| {
        for first in (0..length).step_by(part) {
            let range = first..length.min(first + part);
            scope.spawn(move |_| {
                let offset = if by_rows { range.start * n } else { range.start };
                // SAFETY: the offset lies within `out`.
                let begin = unsafe { (address as *mut f32).add(offset) };
                let part = Output { start: begin, row_stride: n };
                let (a, b, start) = match by_rows {
                    true => (a.rows(range), b, start),
                    false => {
                        let start = match start {
                            Start::Bias(bias) => Start::Bias(&bias[range.clone()]),
                            other => other,
                        };
                        (a, b.columns(range), start)
                    }
                };
                // SAFETY: the caller vouches for the processor; the parts do not overlap, and the scope ends before
                // `out` is given back.
                unsafe { product::product::<S>(part, a, b, start) };
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Any product, by all ways of computing it, against plain loops in 64 bits.
    fn check(m: usize, k: usize, n: usize, transpose: [bool; 2]) {
        let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 4));
        let at = |i: usize, l: usize| f64::from(if transpose[0] { a[l * m + i] } else { a[i * k + l] });
        let bt = |l: usize, j: usize| f64::from(if transpose[1] { b[j * k + l] } else { b[l * n + j] });
        let (a_rows, a_columns) = if transpose[0] { (k, m) } else { (m, k) };
        let (b_rows, b_columns) = if transpose[1] { (n, k) } else { (k, n) };
        let (of_a, of_b) = (
            Matrix::new(&a, a_rows, a_columns, transpose[0]),
            Matrix::new(&b, b_rows, b_columns, transpose[1]),
        );
        let before = numbers(m * n, 3);
        for start in [Start::Zero, Start::Output, Start::Bias(&bias)] {
            for tiles in Tiles::all_here() {
                let mut out = before.clone();
                by_tiles(tiles, &mut out, of_a, of_b, start);
                for (place, &got) in out.iter().enumerate() {
                    let (i, j) = (place / n, place % n);
                    let sum: f64 = (0..k).map(|l| at(i, l) * bt(l, j)).sum();
                    let expected = sum
                        + match start {
                            Start::Zero => 0.0,
                            Start::Output => f64::from(before[place]),
                            Start::Bias(bias) => f64::from(bias[j]),
                        };
                    // Terms of at most 1: k + 1 roundings of a partial sum of at most k + 1.
                    let allowed = ((k + 1) * (k + 1)) as f64 * f64::from(f32::EPSILON) / 2.0;
                    let error = (f64::from(got) - expected).abs();
                    assert!(
                        error <= allowed,
                        "{tiles:?} {m}x{k}x{n} {transpose:?} {start:?} at {i}, {j}: {got} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_edge_of_a_tile_agrees_with_plain_loops() {
        for m in [1, 2, 5, 6, 7, 13, 14, 15, 29] {
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
    fn a_long_inner_size_is_off_by_the_roundings_of_a_span() {
        for k in [SPAN + 1, 5 * SPAN + 3] {
            let (a, b) = (vec![0.1; 2 * k], vec![1.0; 3 * k]);
            let exact = k as f64 * f64::from(0.1f32);
            // A block of up to 512 steps, the blocks of a span of at least 64 each, and the halves.
            let allowed = (512.0 + 512.0 + 3.0) / 2.0 * f64::from(f32::EPSILON) * exact;
            for tiles in Tiles::all_here() {
                let mut out = [f32::NAN; 6];
                let (a, b) = (Matrix::new(&a, 2, k, false), Matrix::new(&b, k, 3, false));
                in_spans(tiles, &mut out, a, b, Start::Bias(&[0.0; 3]));
                let off = out.map(|sum| (f64::from(sum) - exact).abs());
                assert!(off.iter().all(|&off| off <= allowed), "{tiles:?} {k}: {off:?} {allowed}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        for (m, k, n) in [(512, 784, 616), (616, 512, 784), (512, 616, 16), (16, 512, 616)] {
            let (a, b, bias) = (numbers(m * k, 5), numbers(n * k, 6), numbers(n, 7));
            let product = |tiles, threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut out = vec![0.0; m * n];
                let (a, b) = (Matrix::new(&a, m, k, false), Matrix::new(&b, n, k, true));
                pool.install(|| by_tiles(tiles, &mut out, a, b, Start::Bias(&bias)));
                out
            };
            for tiles in Tiles::all_here() {
                let one = product(tiles, 1);
                for threads in [2, 3, 7] {
                    let same = one == product(tiles, threads);
                    assert!(same, "{tiles:?}: {threads} threads gave other bits than one");
                }
            }
        }
    }
}
