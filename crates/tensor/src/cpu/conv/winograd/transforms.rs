//! The transforms of Winograd's filtering; each vector lane transforms a tile of its own.
//!
//! The coefficients are constants and every loop over them is unrolled, so each transform is a sequence of additions
//! and fused multiply-adds. The two rows of a pair of points share their even and odd halves.

use super::points::{Axis, MOST, OUTPUTS, Phases};
use crate::Isa;
use crate::cpu::isa::simd::Simd;

/// Repeats a block for each of these values that is below a constant, fully unrolled.
macro_rules! unroll {
    ($i:ident in [$($value:literal)*] below $count:expr => $body:block) => {
        $(if $value < $count {
            let $i: usize = $value;
            $body
        })*
    };
    ($i:ident < $count:expr => $body:block) => {
        unroll!($i in [0 1 2 3 4 5 6 7 8] below $count => $body)
    };
}

/// The vectors of one row or column of a tile; vectors beyond its length are unused.
type Line<S> = [<S as Simd>::Vector; MOST];

/// One of the three transform matrices of an axis, with a row for each point.
pub(super) trait Matrix {
    /// The number of columns.
    const COLUMNS: usize;
    /// The number of rows.
    const ROWS: usize;

    /// Multiplies the matrix with a line.
    ///
    /// # Safety
    /// The CPU supports `S`.
    unsafe fn times<S: Simd>(line: &Line<S>) -> Line<S>;
}

/// A matrix whose transpose is also needed.
pub(super) trait Turned: Matrix {
    /// Multiplies the transposed matrix with a line.
    ///
    /// # Safety
    /// The CPU supports `S`.
    unsafe fn transposed_times<S: Simd>(line: &Line<S>) -> Line<S>;
}

/// `Bᵀ`, which transforms the inputs of a tile.
pub(super) struct OfInput<A>(std::marker::PhantomData<A>);
/// `A`, whose transpose gives the outputs of a tile.
pub(super) struct OfOutput<A>(std::marker::PhantomData<A>);
/// `G`, which transforms the taps of a filter.
pub(super) struct OfKernel<A>(std::marker::PhantomData<A>);

/// An index into a line, kept in range by a remainder: unrolled code must compile for indices that are never reached.
#[inline(always)]
const fn at(place: usize) -> usize {
    place % MOST
}

/// Multiplies a line of inputs with the rows of `Bᵀ`: for each point, the product of `t - p` over all other points `p`.
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
unsafe fn polynomials<S: Simd, A: Axis>(d: &Line<S>) -> Line<S> {
    let (zeros, pairs) = (A::SET.zeros, A::SET.pairs);
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let mut out = [S::zero(); MOST];
        unroll!(pair in [0 1 2] below pairs => {
            let (mut even, mut odd) = (d[at(2 * (pairs - 1 + zeros))], d[at(2 * pairs - 1)]);
            unroll!(k in [0 1] below (pairs - 1) => {
                let coefficient = S::splat(A::SET.others[pair][k]);
                even = S::multiply_add(coefficient, d[at(2 * (k + zeros))], even);
                odd = S::multiply_add(coefficient, d[at(2 * k + 1)], odd);
            });
            out[at(zeros + 2 * pair)] = S::multiply_add(S::splat(A::SET.odd[pair]), odd, even);
            out[at(zeros + 2 * pair + 1)] = S::multiply_add(S::splat(-A::SET.odd[pair]), odd, even);
        });
        let (mut zero, mut infinity) = (d[at(2 * pairs)], d[at(2 * pairs + zeros)]);
        unroll!(k in [0 1 2] below pairs => {
            let coefficient = S::splat(A::SET.all[k]);
            zero = S::multiply_add(coefficient, d[2 * k], zero);
            infinity = S::multiply_add(coefficient, d[at(2 * k + zeros)], infinity);
        });
        if zeros == 1 {
            out[0] = zero;
        }
        out[at(A::FILTERED - 1)] = infinity;
        out
    }
}

/// Multiplies a line of `columns` vectors with the powers of each point, divided by the denominators of `G` if
/// `is_divided`.
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
unsafe fn powers<S: Simd, A: Axis>(d: &Line<S>, columns: usize, is_divided: bool) -> Line<S> {
    let (zeros, pairs) = (A::SET.zeros, A::SET.pairs);
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let mut out = [S::zero(); MOST];
        unroll!(pair in [0 1 2] below pairs => {
            let (mut even, mut odd) = (d[0], d[1]);
            unroll!(k in [2 3 4] below columns => {
                let half = if k % 2 == 1 { &mut odd } else { &mut even };
                *half = S::multiply_add(S::splat(A::SET.powers[pair][k / 2 * 2]), d[k], *half);
            });
            let mut scale = A::SET.powers[pair][1];
            if is_divided {
                even = S::multiply(S::splat(A::SET.factors[pair]), even);
                scale *= A::SET.factors[pair];
            }
            out[at(zeros + 2 * pair)] = S::multiply_add(S::splat(scale), odd, even);
            out[at(zeros + 2 * pair + 1)] = S::multiply_add(S::splat(-scale), odd, even);
        });
        if zeros == 1 {
            out[0] = if is_divided { S::multiply(S::splat(A::SET.factor_of_zero), d[0]) } else { d[0] };
        }
        out[at(A::FILTERED - 1)] = d[at(columns - 1)];
        out
    }
}

/// Multiplies a line with the transpose of the matrix of [`powers`].
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
unsafe fn transposed_powers<S: Simd, A: Axis>(m: &Line<S>, columns: usize, is_divided: bool) -> Line<S> {
    let (zeros, pairs) = (A::SET.zeros, A::SET.pairs);
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let mut out = [S::zero(); MOST];
        unroll!(pair in [0 1 2] below pairs => {
            let (plus, minus) = (m[at(zeros + 2 * pair)], m[at(zeros + 2 * pair + 1)]);
            let mut halves = [S::add(plus, minus), S::subtract(plus, minus)];
            if is_divided {
                let factor = S::splat(A::SET.factors[pair]);
                halves = [S::multiply(factor, halves[0]), S::multiply(factor, halves[1])];
            }
            unroll!(k in [0 1 2 3 4] below columns => {
                let power = A::SET.powers[pair][k];
                out[k] = match (pair, k) {
                    (0, 0) => halves[0],
                    (0, _) => S::multiply(S::splat(power), halves[k % 2]),
                    (_, 0) => S::add(out[0], halves[0]),
                    _ => S::multiply_add(S::splat(power), halves[k % 2], out[k]),
                };
            });
        });
        if zeros == 1 {
            out[0] = match is_divided {
                true => S::multiply_add(S::splat(A::SET.factor_of_zero), m[0], out[0]),
                false => S::add(m[0], out[0]),
            };
        }
        out[at(columns - 1)] = S::add(out[at(columns - 1)], m[at(A::FILTERED - 1)]);
        out
    }
}

/// Every second vector of a line, starting with `first`.
macro_rules! every_other {
    ($line:ident from $first:literal below $count:expr) => {{
        let mut out = [S::zero(); MOST];
        unroll!(k < $count => { out[k] = $line[at(2 * k + $first)]; });
        out
    }};
}

impl<A: Axis> Matrix for OfInput<A> {
    const COLUMNS: usize = A::INPUTS;
    const ROWS: usize = A::POINTS;

    #[inline(always)]
    unsafe fn times<S: Simd>(d: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe {
            let (mut out, plain) = match A::PHASES {
                Phases::One => return polynomials::<S, A>(d),
                Phases::OfInputs => {
                    let outer = every_other!(d from 0 below A::FILTERED);
                    (polynomials::<S, A>(&outer), every_other!(d from 1 below OUTPUTS))
                }
                Phases::OfOutputs => (polynomials::<S, A>(d), *d),
            };
            unroll!(k < OUTPUTS => { out[at(A::FILTERED + k)] = plain[k]; });
            out
        }
    }
}

impl<A: Axis> Matrix for OfOutput<A> {
    const COLUMNS: usize = A::OUT;
    const ROWS: usize = A::POINTS;

    #[inline(always)]
    unsafe fn times<S: Simd>(y: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe {
            let (mut out, plain) = match A::PHASES {
                Phases::One => return powers::<S, A>(y, OUTPUTS, false),
                Phases::OfInputs => (powers::<S, A>(y, OUTPUTS, false), *y),
                Phases::OfOutputs => {
                    let outer = every_other!(y from 1 below OUTPUTS);
                    (powers::<S, A>(&outer, OUTPUTS, false), every_other!(y from 0 below OUTPUTS))
                }
            };
            unroll!(k < OUTPUTS => { out[at(A::FILTERED + k)] = plain[k]; });
            out
        }
    }
}

impl<A: Axis> Turned for OfOutput<A> {
    #[inline(always)]
    unsafe fn transposed_times<S: Simd>(m: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe {
            let mut out = transposed_powers::<S, A>(m, OUTPUTS, false);
            match A::PHASES {
                Phases::One => {}
                Phases::OfInputs => {
                    unroll!(k < OUTPUTS => { out[k] = S::add(out[k], m[at(A::FILTERED + k)]); });
                }
                Phases::OfOutputs => {
                    let outer = out;
                    unroll!(k < OUTPUTS => {
                        out[at(2 * k)] = m[at(A::FILTERED + k)];
                        out[at(2 * k + 1)] = outer[k];
                    });
                }
            }
            out
        }
    }
}

impl<A: Axis> Matrix for OfKernel<A> {
    const COLUMNS: usize = A::TAPS;
    const ROWS: usize = A::WEIGHTS;

    #[inline(always)]
    unsafe fn times<S: Simd>(g: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe {
            if !A::HAS_PHASES {
                return powers::<S, A>(g, A::TAPS, true);
            }
            let mut out = powers::<S, A>(&every_other!(g from 0 below 2), 2, true);
            out[at(A::FILTERED)] = g[1];
            out
        }
    }
}

impl<A: Axis> Turned for OfKernel<A> {
    #[inline(always)]
    unsafe fn transposed_times<S: Simd>(m: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe {
            if !A::HAS_PHASES {
                return transposed_powers::<S, A>(m, A::TAPS, true);
            }
            let mut out = transposed_powers::<S, A>(m, 2, true);
            (out[1], out[2]) = (m[at(A::FILTERED)], out[1]);
            out
        }
    }
}

/// `M line`. For portable vectors it is not inlined: their code is long, and inlining does not make the caller faster.
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
unsafe fn times<S: Simd, M: Matrix>(line: &Line<S>) -> Line<S> {
    #[inline(never)]
    unsafe fn apart<S: Simd, M: Matrix>(line: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe { M::times::<S>(line) }
    }
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe { if matches!(S::ISA, Isa::Portable) { apart::<S, M>(line) } else { M::times::<S>(line) } }
}

/// `Mᵀ line`, inlined as in [`times`].
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
unsafe fn transposed_times<S: Simd, M: Turned>(line: &Line<S>) -> Line<S> {
    #[inline(never)]
    unsafe fn apart<S: Simd, M: Turned>(line: &Line<S>) -> Line<S> {
        // SAFETY: the caller guarantees that the CPU supports `S`.
        unsafe { M::transposed_times::<S>(line) }
    }
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        if matches!(S::ISA, Isa::Portable) { apart::<S, M>(line) } else { M::transposed_times::<S>(line) }
    }
}

/// Computes `R X Cᵀ`: `load(i, j)` reads element `(i, j)` of `X`, and `store(k, vector)` writes element `k` of the
/// result in row-major order.
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
pub(super) unsafe fn to_points<S: Simd, R: Matrix, C: Matrix>(
    load: impl Fn(usize, usize) -> S::Vector,
    mut store: impl FnMut(usize, S::Vector),
) {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let mut rows = [[S::zero(); MOST]; MOST];
        unroll!(i < R::COLUMNS => {
            let mut line = [S::zero(); MOST];
            unroll!(j < C::COLUMNS => { line[j] = load(i, j); });
            rows[i] = times::<S, C>(&line);
        });
        unroll!(j < C::ROWS => {
            let mut line = [S::zero(); MOST];
            unroll!(i < R::COLUMNS => { line[i] = rows[i][j]; });
            let line = times::<S, R>(&line);
            unroll!(i < R::ROWS => { store(i * C::ROWS + j, line[i]); });
        });
    }
}

/// Computes `Rᵀ X C`: `load(k)` reads element `k` of `X` in row-major order, and `store(i, j, vector)` writes element
/// `(i, j)` of the result.
///
/// # Safety
/// The CPU supports `S`.
#[inline(always)]
pub(super) unsafe fn from_points<S: Simd, R: Turned, C: Turned>(
    load: impl Fn(usize) -> S::Vector,
    mut store: impl FnMut(usize, usize, S::Vector),
) {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let mut rows = [[S::zero(); MOST]; MOST];
        unroll!(j < C::ROWS => {
            let mut line = [S::zero(); MOST];
            unroll!(i < R::ROWS => { line[i] = load(i * C::ROWS + j); });
            let line = transposed_times::<S, R>(&line);
            unroll!(i < R::COLUMNS => { rows[i][j] = line[i]; });
        });
        unroll!(i < R::COLUMNS => {
            let line = transposed_times::<S, C>(&rows[i]);
            unroll!(j < C::COLUMNS => { store(i, j, line[j]); });
        });
    }
}
