//! The interpolation points of Winograd's minimal filtering F(4, r), and the coefficients of its transforms, derived by
//! the construction of Toom and Cook.
//!
//! Four outputs of a filter with `r` taps are `Aᵀ((G g) ⊙ (Bᵀ d))` for the taps `g` and `r + 3` inputs `d`: one
//! multiplication for each of `r + 3` points (Winograd 1980; Lavin and Gray 2015, arXiv 1509.09308). Two-dimensional
//! filters apply it along both axes. The points are infinity, pairs `±p`, and perhaps zero, so the two rows of a pair
//! differ in the signs of their odd columns only. They were chosen for small rounding errors in 32 bits.
//!
//! A stride of 2 splits three taps into two phases. The outer taps read inputs of one parity and form a filter of two
//! taps; the middle tap reads inputs of the other parity and takes four plain products. The gradient with respect to
//! the input, a transposed convolution, has the same phases in its outputs.

/// Outputs of one filter along an axis.
pub(super) const OUTPUTS: usize = 4;
/// The largest number of points along an axis.
pub(super) const MOST: usize = 9;
/// The largest number of pairs of points.
const MAX_PAIRS: usize = 3;

/// Which side of a filtering has twice the resolution of the other, and therefore two phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phases {
    /// Neither: a stride of 1.
    One,
    /// The inputs: a stride of 2.
    OfInputs,
    /// The outputs: the transpose of a stride of 2.
    OfOutputs,
}

/// The filtering along one axis.
pub(super) trait Axis: Copy + Send + Sync + 'static {
    /// Taps of the filter.
    const TAPS: usize;
    /// The coefficients of its transforms.
    const SET: Points;
    /// The phases of a tile.
    const PHASES: Phases = Phases::One;
    /// The points of the filter, or of its phase of two taps.
    const FILTERED: usize = Self::SET.zeros + 2 * Self::SET.pairs + 1;
    /// The number of products; with phases, one more for each output of the one-tap phase.
    const POINTS: usize = Self::FILTERED + if Self::HAS_PHASES { OUTPUTS } else { 0 };
    /// The number of transformed weights: all products of the one-tap phase share one.
    const WEIGHTS: usize = Self::FILTERED + Self::HAS_PHASES as usize;
    /// Inputs of a tile.
    const INPUTS: usize = Self::FILTERED + if matches!(Self::PHASES, Phases::OfInputs) { OUTPUTS } else { 0 };
    /// The offset in inputs from one tile to the next.
    const STEP: usize = if matches!(Self::PHASES, Phases::OfInputs) { 2 * OUTPUTS } else { OUTPUTS };
    /// Outputs of a tile.
    const OUT: usize = outputs(Self::PHASES);
    /// Whether there are two phases.
    const HAS_PHASES: bool = !matches!(Self::PHASES, Phases::One);
}

/// Outputs of a tile along an axis.
pub(super) const fn outputs(phases: Phases) -> usize {
    if matches!(phases, Phases::OfOutputs) { 2 * OUTPUTS } else { OUTPUTS }
}

/// The index of the transformed weight that product `point` uses; both indices are in row-major order.
#[inline(always)]
pub(super) const fn weights_of<R: Axis, C: Axis>(point: usize) -> usize {
    let (row, column) = (point / C::POINTS, point % C::POINTS);
    let row = if row < R::WEIGHTS { row } else { R::WEIGHTS - 1 };
    row * C::WEIGHTS + if column < C::WEIGHTS { column } else { C::WEIGHTS - 1 }
}

/// Three taps: 6 multiplications instead of 12.
#[derive(Debug, Clone, Copy)]
pub(super) struct F43;

impl Axis for F43 {
    const TAPS: usize = 3;
    const SET: Points = Points::new(true, &[0.75, 1.5]);
}

/// Four taps, of which two filters in a row make a kernel of seven: 7 multiplications instead of 16.
#[derive(Debug, Clone, Copy)]
pub(super) struct F44;

impl Axis for F44 {
    const TAPS: usize = 4;
    const SET: Points = Points::new(false, &[0.3125, 0.875, 1.8125]);
}

/// Five taps: 8 multiplications instead of 20.
#[derive(Debug, Clone, Copy)]
pub(super) struct F45;

impl Axis for F45 {
    const TAPS: usize = 5;
    const SET: Points = Points::new(true, &[0.5, 1.0, 2.0]);
}

/// The points of a filter of two taps.
const OF_TWO_TAPS: Points = Points::new(false, &[0.5, 1.25]);

/// Three taps with a stride of 2: 9 multiplications instead of 12.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strided;

impl Axis for Strided {
    const TAPS: usize = 3;
    const SET: Points = OF_TWO_TAPS;
    const PHASES: Phases = Phases::OfInputs;
}

/// The transpose of three taps with a stride of 2 and a padding of 1: outputs `2 i` are `g₁ d_i`, outputs `2 i + 1` are
/// `g₀ d_i + g₂ d_{i + 1}`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transposed;

impl Axis for Transposed {
    const TAPS: usize = 3;
    const SET: Points = OF_TWO_TAPS;
    const PHASES: Phases = Phases::OfOutputs;
}

/// The coefficients of an axis's transform matrices, whose rows are in this order: zero, the pairs, infinity.
#[derive(Debug)]
pub(super) struct Points {
    /// 1 if zero is one of the points.
    pub(super) zeros: usize,
    /// The number of pairs.
    pub(super) pairs: usize,
    /// The powers of the positive point of each pair.
    pub(super) powers: [[f32; MOST]; MAX_PAIRS],
    /// For each pair, the coefficients of the product of `t - p²` over the other pairs, the constant first; the last is
    /// 1.
    pub(super) others: [[f32; MAX_PAIRS]; MAX_PAIRS],
    /// The same product over all pairs.
    pub(super) all: [f32; MAX_PAIRS + 1],
    /// For each pair, the factor of the odd half of its rows in `Bᵀ`.
    pub(super) odd: [f32; MAX_PAIRS],
    /// For each pair, the factor of its rows in `G`: the reciprocal of the polynomial's denominator.
    pub(super) factors: [f32; MAX_PAIRS],
    /// The factor of the row of the point zero in `G`.
    pub(super) factor_of_zero: f32,
}

impl Points {
    const fn new(has_zero: bool, pairs: &[f64]) -> Self {
        let mut of = Self {
            zeros: has_zero as usize,
            pairs: pairs.len(),
            powers: [[0.0; MOST]; MAX_PAIRS],
            others: [[0.0; MAX_PAIRS]; MAX_PAIRS],
            all: [0.0; MAX_PAIRS + 1],
            odd: [0.0; MAX_PAIRS],
            factors: [0.0; MAX_PAIRS],
            factor_of_zero: 0.0,
        };
        let mut pair = 0;
        while pair < pairs.len() {
            let point = pairs[pair];
            let mut power = 0;
            let mut value = 1.0;
            while power < MOST {
                of.powers[pair][power] = value as f32;
                value *= point;
                power += 1;
            }
            let others = product(pairs, pair);
            let mut degree = 0;
            while degree < pairs.len() {
                of.others[pair][degree] = others[degree] as f32;
                degree += 1;
            }
            // With the point zero, the row of p is t (t + p) times the other factors in t²; without it, it is t + p
            // divided by p.
            of.odd[pair] = if has_zero { point } else { 1.0 / point } as f32;
            let mut divisor = if has_zero { 2.0 * point * point } else { 2.0 };
            let mut other = 0;
            while other < pairs.len() {
                if other != pair {
                    divisor *= point * point - pairs[other] * pairs[other];
                }
                other += 1;
            }
            of.factors[pair] = (1.0 / divisor) as f32;
            pair += 1;
        }
        let all = product(pairs, pairs.len());
        let mut degree = 0;
        while degree <= pairs.len() {
            of.all[degree] = all[degree] as f32;
            degree += 1;
        }
        of.factor_of_zero = (1.0 / all[0]) as f32;
        of
    }
}

/// The coefficients of the product of `t - p²` over all pairs but one, the constant first.
const fn product(pairs: &[f64], but: usize) -> [f64; MAX_PAIRS + 1] {
    let mut coefficients = [0.0; MAX_PAIRS + 1];
    coefficients[0] = 1.0;
    let mut pair = 0;
    while pair < pairs.len() {
        if pair != but {
            let square = pairs[pair] * pairs[pair];
            let mut degree = MAX_PAIRS;
            while degree > 0 {
                coefficients[degree] = coefficients[degree - 1] - square * coefficients[degree];
                degree -= 1;
            }
            coefficients[0] *= -square;
        }
        pair += 1;
    }
    coefficients
}
