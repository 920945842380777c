//! Convolutions of stride 1 by Winograd's minimal filtering, in 4 x 4 outputs at a time: fewer multiplications.
//!
//! A tile of inputs, a filter and a tile of outputs are each transformed; in between, the tiles of all images make one
//! matrix multiplication over the channels for each of 36 points (3 x 3 kernels), 64 (5 x 5) or 49 (7 x 7, as 2 x 2
//! filters of 4 x 4 taps). Direct, 16 outputs take 144, 400 and 784 multiplications a channel; here 36, 64 and 196.
//! Each output is one sum over the channels in one order, so neither the tiles that are computed together nor the number of
//! threads change a bit.
//!
//! Rounding errors are larger than those of a direct sum, by a factor that tests bound. A value that is not finite
//! spreads over the tile of 4 x 4 outputs that it is part of.

mod grad_weight;
mod lanes;
mod points;
mod product;
#[cfg(test)]
mod tests;
mod tiling;
mod transforms;

use self::points::OUTPUTS;
use self::tiling::Tiling;
use super::{Around, Convolution};
use crate::Isa;

/// `y[o][i] = sum over c and t of x[c][i + t - before] * weight[o][c][t]`: a convolution of stride 1, or its gradient by the
/// input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Correlation {
    n: usize,
    c: usize,
    o: usize,
    image: [usize; 2],
    out: [usize; 2],
    before: [usize; 2],
    kernel: [usize; 2],
    /// Whether the weight is that of the convolution whose gradient this is: `[c, o, kernel]`, turned around.
    is_turned: bool,
}

/// `with_axes!(kernel, R, C => expression)`: the expression with the filterings of both axes of a kernel that
/// [`Correlation::filters`] takes.
macro_rules! with_axes {
    ($kernel:expr, $R:ident, $C:ident => $expression:expr) => {
        with_axes!(@ $kernel, F45, $R, $C => $expression)
    };
    // The gradient by a weight of 5 x 5 takes 2 x 2 filters of three taps: by one of five its rounding errors are too large.
    (grad_weight $kernel:expr, $R:ident, $C:ident => $expression:expr) => {
        with_axes!(@ $kernel, F43, $R, $C => $expression)
    };
    (@ $kernel:expr, $of_five:ident, $R:ident, $C:ident => $expression:expr) => {
        match $kernel {
            [3, 3] => with_axes!(@ F43, $R, $C => $expression),
            [5, 5] => with_axes!(@ $of_five, $R, $C => $expression),
            [7, 7] => with_axes!(@ F44, $R, $C => $expression),
            other => unreachable!("no filtering for a kernel of {other:?}"),
        }
    };
    (@ $axis:ident, $R:ident, $C:ident => $expression:expr) => {{
        type $R = crate::cpu::conv::winograd::points::$axis;
        type $C = crate::cpu::conv::winograd::points::$axis;
        $expression
    }};
}
use with_axes;

/// Fewer channels are not worth the transforms.
const FEWEST_CHANNELS: usize = 16;
/// Lanes that tiles are counted in here, whatever the CPU has.
const LANES: usize = 16;

impl Correlation {
    /// The convolution, if there is a filtering for its stride and kernel.
    pub(super) fn forward(sizes: &Convolution) -> Option<Self> {
        let Convolution { n, c, image, o, kernel, stride, padding, out } = *sizes;
        let is_known = stride == [1, 1] && [[3, 3], [5, 5], [7, 7]].contains(&kernel);
        let is_filled = !image.contains(&0) && padding[0] < kernel[0] && padding[1] < kernel[1];
        let this = Self { n, c, o, image, out, before: padding, kernel, is_turned: false };
        (is_known && is_filled).then_some(this)
    }

    /// The gradient of the convolution by its input, if there is a filtering for it.
    pub(super) fn backward(sizes: &Convolution) -> Option<Self> {
        let forward = Self::forward(sizes)?;
        let before = [0, 1].map(|axis| forward.kernel[axis] - 1 - forward.before[axis]);
        let (c, o, image, out) = (forward.o, forward.c, forward.out, forward.image);
        Some(Self { c, o, image, out, before, is_turned: true, ..forward })
    }

    /// Whether this takes clearly less time than a direct sum. The rule reads the sizes alone.
    pub(super) fn is_worth_it(&self) -> bool {
        let tiling = Tiling::new(self.n, self.out, LANES, product::VECTORS);
        let area = self.kernel[0] * self.kernel[1];
        let direct = (self.n * self.out[0] * self.out[1]).saturating_mul(area);
        let multiplications = match self.kernel {
            [3, 3] => 36,
            [5, 5] => 64,
            _ => 4 * 49,
        };
        let filtered = (tiling.groups() * LANES * tiling.tiles_of_unit()).saturating_mul(multiplications);
        self.c.min(self.o) >= FEWEST_CHANNELS && 2 * direct >= 3 * filtered
    }

    /// `y = epilogue(bias + correlation)`; the CPU supports `isa`.
    pub(super) fn compute(&self, y: &mut [f32], x: &[f32], weight: &[f32], around: Around<'_>, isa: Isa) {
        product::compute(self, y, x, weight, around, isa);
    }

    /// The gradient of the convolution by its weight; the CPU supports `isa`.
    pub(super) fn grad_weight(&self, dweight: &mut [f32], x: &[f32], dy: &[f32], isa: Isa) {
        grad_weight::compute(self, dweight, x, dy, isa);
    }

    #[inline]
    fn area(sides: [usize; 2]) -> usize {
        sides[0] * sides[1]
    }
}

/// The filters in a row that make one kernel of this size.
#[inline]
const fn filters(kernel: usize, taps: usize) -> usize {
    kernel.div_ceil(taps)
}

/// Rows or columns of inputs that `tiles` tiles in a row read, with all filters of a kernel.
#[inline]
const fn read_by(tiles: usize, kernel: usize, taps: usize) -> usize {
    OUTPUTS * tiles + taps * filters(kernel, taps) - 1
}

/// A pointer that tasks share; each writes its own part of what lies there.
#[derive(Debug, Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: who reads or writes through it vouches for that nobody else writes there meanwhile.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}
