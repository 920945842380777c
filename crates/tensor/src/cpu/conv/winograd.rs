//! Convolutions by Winograd's minimal filtering: tiles of 4 x 4 outputs with fewer multiplications.
//!
//! Inputs, filters and outputs are transformed tile by tile; in between, the tiles of all images form one matrix
//! multiplication over the channels for each point of the transform: 36 points for 3 x 3 kernels, 64 for 5 x 5, and 49
//! for 7 x 7, which are computed as 2 x 2 filters of 4 x 4 taps. For 16 outputs and one channel, direct convolution
//! takes 144, 400 and 784 multiplications; Winograd's filtering takes 36, 64 and 196. Kernels of 3 x 3 with a stride of
//! 2 take 81 instead of 144, by splitting the stride into phases; their transposes take the same number for 64 outputs.
//! Each output is one sum over the channels in a fixed order, so the results do not depend on how tiles are grouped or
//! on the number of threads, bit for bit.
//!
//! Rounding errors are larger than those of direct convolution, by a factor that tests bound. A non-finite value would
//! spread over its tile of 4 x 4 outputs, so each call returns whether all its results are finite; if not, the caller
//! computes the convolution directly.

mod grad_weight;
mod lanes;
mod points;
mod product;
#[cfg(test)]
mod tests;
mod tiling;
mod transforms;
mod weights;

use self::points::{Axis, Phases, outputs};
use self::tiling::Tiling;
pub(super) use self::weights::Weights;
use super::{Convolution, Epilogue, vector};
use crate::Isa;

/// The cross-correlation `y[o][i] = sum over c and t of x[c][s i + t - before] * weight[o][c][t]` with a stride `s`, or
/// the input gradient of a convolution in this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Correlation {
    n: usize,
    c: usize,
    o: usize,
    image: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    kernel: [usize; 2],
    /// Whether the weight is stored as `[c, o, kernel]` and must be flipped: this is the input gradient of a
    /// convolution.
    is_turned: bool,
    /// Which side has two phases: neither for a stride of 1.
    phases: Phases,
}

/// `with_axes!(sizes, R, C => expression)` evaluates the expression with `R` and `C` bound to the [`Axis`] types for
/// the rows and columns of a [`Correlation`].
macro_rules! with_axes {
    ($sizes:expr, $R:ident, $C:ident => $expression:expr) => {
        match ($sizes.kernel, $sizes.phases) {
            ([3, 3], Phases::One) => with_axes!(@ F43, $R, $C => $expression),
            ([5, 5], Phases::One) => with_axes!(@ F45, $R, $C => $expression),
            ([7, 7], Phases::One) => with_axes!(@ F44, $R, $C => $expression),
            ([3, 3], Phases::OfInputs) => with_axes!(@ Strided, $R, $C => $expression),
            ([3, 3], Phases::OfOutputs) => with_axes!(@ Transposed, $R, $C => $expression),
            other => unreachable!("no Winograd algorithm for {other:?}"),
        }
    };
    // The gradient with respect to a 5 x 5 weight takes 2 x 2 filters of three taps: with one filter of five taps the
    // rounding errors are too large.
    (grad_weight $sizes:expr, $R:ident, $C:ident => $expression:expr) => {
        match ($sizes.kernel, $sizes.phases) {
            ([3, 3] | [5, 5], Phases::One) => with_axes!(@ F43, $R, $C => $expression),
            ([7, 7], Phases::One) => with_axes!(@ F44, $R, $C => $expression),
            ([3, 3], Phases::OfInputs) => with_axes!(@ Strided, $R, $C => $expression),
            other => unreachable!("no Winograd algorithm for the weight gradient of {other:?}"),
        }
    };
    (@ $axis:ident, $R:ident, $C:ident => $expression:expr) => {{
        type $R = crate::cpu::conv::winograd::points::$axis;
        type $C = crate::cpu::conv::winograd::points::$axis;
        $expression
    }};
}
use with_axes;

/// The smallest number of channels for which the transforms pay off.
const MIN_CHANNELS: usize = 16;
/// The number of vector lanes assumed by [`Correlation::is_worth_it`]; a constant, so that the choice is the same on
/// every CPU.
const LANES: usize = 16;

impl Correlation {
    /// The forward convolution, if its stride and kernel are supported.
    pub(super) fn forward(sizes: &Convolution) -> Option<Self> {
        let Convolution { n, c, image, o, kernel, stride, padding, out } = *sizes;
        let is_padded_less = padding[0] < kernel[0] && padding[1] < kernel[1];
        let phases = match (stride, kernel) {
            ([1, 1], [3, 3] | [5, 5] | [7, 7]) if is_padded_less => Phases::One,
            ([2, 2], [3, 3]) if padding == [1, 1] => Phases::OfInputs,
            _ => return None,
        };
        let this = Self { n, c, o, image, out, before: padding, kernel, is_turned: false, phases };
        (!image.contains(&0)).then_some(this)
    }

    /// The gradient of the convolution with respect to its input, if its stride and kernel are supported.
    pub(super) fn backward(sizes: &Convolution) -> Option<Self> {
        let forward = Self::forward(sizes)?;
        let (before, phases) = match forward.phases {
            Phases::One => ([0, 1].map(|axis| forward.kernel[axis] - 1 - forward.before[axis]), Phases::One),
            _ => ([0, 0], Phases::OfOutputs),
        };
        let (c, o, image, out) = (forward.o, forward.c, forward.out, forward.image);
        Some(Self { c, o, image, out, before, is_turned: true, phases, ..forward })
    }

    /// Whether Winograd's filtering takes clearly less time than direct convolution. The rule depends on the sizes
    /// alone: both the inputs and the outputs have at least [`MIN_CHANNELS`] channels, and the number of
    /// multiplications, including those for unused elements of tiles and lanes, is at most two thirds of the direct
    /// number.
    pub(super) fn is_worth_it(&self) -> bool {
        let tiling = Tiling::new(self.n, self.out, outputs(self.phases), LANES, product::VECTORS);
        let coarse = if self.phases == Phases::OfOutputs { self.image } else { self.out };
        let direct = (self.n * Self::area(coarse)).saturating_mul(Self::area(self.kernel));
        let multiplications = match (self.kernel, self.phases) {
            ([3, 3], Phases::One) => 36,
            ([3, 3], _) => 81,
            ([5, 5], _) => 64,
            _ => 4 * 49,
        };
        let filtered = (tiling.groups() * LANES * tiling.tiles_of_unit()).saturating_mul(multiplications);
        self.c.min(self.o) >= MIN_CHANNELS && 2 * direct >= 3 * filtered
    }

    /// Computes `y = activation(bias + correlation)` and returns whether all of it was finite before the activation.
    /// The CPU supports `isa`.
    #[must_use]
    pub(super) fn compute(
        &self,
        y: &mut [f32],
        x: &[f32],
        weight: &[f32],
        epilogue: Epilogue<'_>,
        isa: Isa,
    ) -> bool {
        self.compute_prepared(y, x, &self.weights(weight, isa), epilogue, isa)
    }

    /// The transformed weight that [`Self::compute`] uses; the CPU supports `isa`.
    pub(super) fn weights(&self, weight: &[f32], isa: Isa) -> Weights {
        Weights::new(self, weight, isa)
    }

    /// [`Self::compute`] with a weight transformed by [`Self::weights`]; the CPU supports `isa`.
    #[must_use]
    pub(super) fn compute_prepared(
        &self,
        y: &mut [f32],
        x: &[f32],
        weights: &Weights,
        epilogue: Epilogue<'_>,
        isa: Isa,
    ) -> bool {
        product::compute(self, y, x, weights, epilogue, isa)
    }

    /// The correlation without the sizes of its images: the fields on which the transform of a weight depends.
    fn without_images(&self) -> Self {
        Self { n: 0, image: [0; 2], out: [0; 2], before: [0; 2], ..*self }
    }

    /// Computes the gradient with respect to the weight and returns whether all of it is finite. The CPU supports
    /// `isa`.
    #[must_use]
    pub(super) fn grad_weight(&self, dweight: &mut [f32], x: &[f32], dy: &[f32], isa: Isa) -> bool {
        grad_weight::compute(self, dweight, x, dy, isa);
        // Zero times a finite number is zero; zero times infinity or NaN is NaN.
        vector::sum2(dweight, dweight, |dw, _| 0.0 * dw) == 0.0
    }

    #[inline]
    fn area(sides: [usize; 2]) -> usize {
        sides[0] * sides[1]
    }
}

/// The number of filters of `taps` taps along an axis that cover a kernel of this size.
#[inline]
const fn filters(kernel: usize, taps: usize) -> usize {
    kernel.div_ceil(taps)
}

/// The number of input rows (or columns) that `tiles` adjacent tiles read, with all filters of a kernel.
#[inline]
const fn read_by<A: Axis>(tiles: usize, kernel: usize) -> usize {
    A::STEP * (tiles - 1) + A::INPUTS + A::TAPS * (filters(kernel, A::TAPS) - 1)
}

/// A pointer that tasks share; each task accesses elements of its own.
#[derive(Debug, Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: every access is in an unsafe function whose caller guarantees that no other thread writes the same elements.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`: no element is written by one thread while another accesses it.
unsafe impl Sync for Shared {}
