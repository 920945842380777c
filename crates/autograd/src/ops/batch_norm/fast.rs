//! Batch normalisation in `f32`: parallel per-channel sums and element-wise maps.
//!
//! `x` is `[n, c, plane]`. If a plane has more than one element, a channel is a list of rows; otherwise it is a column,
//! and several columns are read together. Every sum has a fixed order.

use std::ops::Range;

use tensor::vector::{Binary, Unary};
use tensor::{FusedActivation, Map2, rows};

use crate::moments::Moments as Exact;
use crate::ops::relu::ReluGrad;

/// The number of columns that are summed together.
const STRIP: usize = 64;
/// The number of rows in one partial sum over columns, and in one task.
const BLOCK: usize = 64;

/// The memory layout of `[n, c, ..]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    channels: usize,
    /// The number of elements of one channel of one example.
    plane: usize,
}

impl Layout {
    pub(crate) fn of(shape: &[usize]) -> Self {
        Self { channels: shape[1], plane: shape[2..].iter().product() }
    }

    /// The layout of a single plane.
    pub(crate) fn of_plane(plane: usize) -> Self {
        Self { channels: 1, plane }
    }

    /// The planes of one channel, one for each example.
    fn planes(self, x: &[f32], channel: usize) -> impl Iterator<Item = &[f32]> {
        x.chunks_exact(self.plane).skip(channel).step_by(self.channels)
    }

    /// The number of elements in one task of an element-wise map.
    fn task(self) -> usize {
        self.channels * if self.plane == 1 { BLOCK } else { self.plane }
    }
}

/// The normalisation of each channel: `z = (x - mean) rstd` and `y = (x - mean) scale + shift`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) mean: &'a [f32],
    pub(crate) rstd: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
}

impl<'a> Norm<'a> {
    /// The normalisation of a range of channels.
    pub(crate) fn of(self, channels: Range<usize>) -> Self {
        let of = |values: &'a [f32]| &values[channels.clone()];
        Self { mean: of(self.mean), rstd: of(self.rstd), scale: of(self.scale), shift: of(self.shift) }
    }
}

/// `weight rstd` of each channel.
pub(crate) fn scales(weight: &[f32], rstd: &[f32]) -> Vec<f32> {
    weight.iter().zip(rstd).map(|(weight, rstd)| weight * rstd).collect()
}

/// `with_gate!(activation, gate => expression)` evaluates the expression with the function `gate(y, dy)`, which maps
/// the gradient `dy` with respect to the output of the activation to the gradient with respect to its input `y`.
macro_rules! with_gate {
    ($activation:expr, $gate:ident => $expression:expr) => {
        match $activation {
            FusedActivation::Identity => {
                let $gate = |_: f32, dy: f32| dy;
                $expression
            }
            FusedActivation::Relu => {
                let $gate = |y: f32, dy: f32| ReluGrad.formula_f32(y, dy);
                $expression
            }
        }
    };
}

/// Running count, mean and sum of squared deviations.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// The sum of the squared deviations from the mean.
    squares: f64,
}

impl Moments {
    /// Merges the moments of a group (Chan, Golub and LeVeque, 1983, doi 10.2307/2683386). Only the difference of the
    /// means is used, so values far from zero lose no precision.
    fn join(&mut self, count: usize, mean: f64, squares: f64) {
        let (count, step) = (count as f64, mean - self.mean);
        let total = self.count + count;
        self.mean += step * count / total;
        self.squares += squares + step * step * self.count * count / total;
        self.count = total;
    }

    /// Merges a group by its moments in 32 bits, or element by element if the squares overflow 32 bits.
    #[inline(always)]
    fn join_group(&mut self, mean: f32, squares: f32, x: impl ExactSizeIterator<Item = f32> + Clone) {
        if squares.is_finite() {
            return self.join(x.len(), f64::from(mean), f64::from(squares));
        }
        let exact = Exact::of(x.clone().map(f64::from));
        self.join(x.len(), exact.mean, exact.variance(1.0));
    }
}

/// The moments of each channel. Each group is read twice, the second time from the cache.
fn moments(x: &[f32], layout: Layout) -> Vec<Moments> {
    let mut moments = vec![Moments::default(); layout.channels];
    if layout.plane == 1 {
        rows::each(x.len(), moments.chunks_mut(STRIP).enumerate(), |(strip, moments)| {
            moments_of_columns(x, layout.channels, strip * STRIP, moments);
        });
    } else {
        rows::each(x.len(), moments.iter_mut().enumerate(), |(channel, moments)| {
            moments_of_planes(x, layout, channel, moments);
        });
    }
    moments
}

/// Writes the mean, the unbiased variance and the rstd of each channel.
pub(crate) fn statistics(x: &[f32], layout: Layout, eps: f64, [means, variances, rstds]: [&mut [f32]; 3]) {
    let count = (x.len() / means.len()) as f64;
    for (channel, moments) in moments(x, layout).into_iter().enumerate() {
        means[channel] = moments.mean as f32;
        variances[channel] = (moments.squares / (count - 1.0)) as f32;
        rstds[channel] = (1.0 / (moments.squares / count + eps).sqrt()) as f32;
    }
}

/// `[sum(dy z), sum(dy)]` of each channel, where `dy` is the gradient with respect to `y` before its activation.
pub(crate) fn sums(
    x: &[f32],
    dy: &[f32],
    norm: Norm<'_>,
    activation: FusedActivation,
    layout: Layout,
) -> Vec<[f64; 2]> {
    let mut sums = vec![[0.0; 2]; layout.channels];
    with_gate!(activation, gate => {
        if layout.plane == 1 {
            rows::each(x.len(), sums.chunks_mut(STRIP).enumerate(), |(strip, sums)| {
                let strip = strip * STRIP..strip * STRIP + sums.len();
                sums_of_columns([x, dy], layout.channels, strip.clone(), norm.of(strip), sums, gate);
            });
        } else {
            rows::each(x.len(), sums.iter_mut().enumerate(), |(channel, sums)| {
                *sums = sums_of_planes([x, dy], norm.of(channel..channel + 1), layout, channel, gate);
            });
        }
    });
    sums
}

/// `[sum(dy z), sum(dy)]` of one plane.
pub(crate) fn sums_of_plane(x: &[f32], dy: &[f32], norm: Norm<'_>) -> [f64; 2] {
    sums_of_planes([x, dy], norm, Layout::of_plane(x.len()), 0, |_, dy| dy)
}

/// `y = activation((x - mean) scale + shift)`
pub(crate) fn normalise(
    x: &[f32],
    y: &mut [f32],
    norm: Norm<'_>,
    activation: FusedActivation,
    layout: Layout,
) {
    let tasks = x.chunks(layout.task()).zip(y.chunks_mut(layout.task()));
    match activation {
        FusedActivation::Identity => {
            rows::each(x.len(), tasks, |(x, y)| normalise_task(x, y, norm, layout, |y| y))
        }
        FusedActivation::Relu => rows::each(x.len(), tasks, |(x, y)| {
            normalise_task(x, y, norm, layout, |y| FusedActivation::Relu.of(y));
        }),
    }
}

/// The coefficients of `dx` in one channel: `of_dy dy + of_z z + of_x (x - mean) + shift`, with `z = (x - mean) rstd`.
/// `z` is computed first: where `x` is huge, `of_z rstd` would underflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gradient {
    /// The factor of `dy`, which is also the scale of the normalisation.
    pub(crate) of_dy: f32,
    pub(crate) of_z: f32,
    pub(crate) of_x: f32,
    pub(crate) mean: f32,
    pub(crate) rstd: f32,
    pub(crate) shift: f32,
    /// The bias, needed for the gradient of the activation.
    pub(crate) bias: f32,
}

impl Gradient {
    #[inline(always)]
    fn at(&self, x: f32, dy: f32, gate: impl Binary) -> f32 {
        let deviation = x - self.mean;
        let dy = gate(deviation * self.of_dy + self.bias, dy);
        self.of_dy * dy + self.of_z * (deviation * self.rstd) + self.of_x * deviation + self.shift
    }
}

/// Computes `dx` from the [`Gradient`] coefficients of each channel; `dy` is the gradient with respect to the output of
/// the activation.
pub(crate) fn gradient(
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    channels: &[Gradient],
    activation: FusedActivation,
    layout: Layout,
) {
    let task = layout.task();
    let tasks = x.chunks(task).zip(dy.chunks(task)).zip(dx.chunks_mut(task));
    with_gate!(activation, gate => rows::each(x.len(), tasks, |((x, dy), dx)| {
        gradient_task([x, dy], dx, channels, layout, gate);
    }));
}

tensor::each_isa! {
    fn moments_of_planes(x: &[f32], layout: Layout, channel: usize, moments: &mut Moments) {
        for x in layout.planes(x, channel) {
            let first = rows::sum(x, x, |x, _| x) / x.len() as f32;
            // The correction for the rounding of the first sum, so that equal values have zero deviation.
            let mean = first + rows::sum(x, x, |x, _| x - first) / x.len() as f32;
            let squares = rows::sum(x, x, |x, _| (x - mean) * (x - mean));
            moments.join_group(mean, squares, x.iter().copied());
        }
    }

    fn moments_of_columns(x: &[f32], columns: usize, first: usize, moments: &mut [Moments]) {
        let width = moments.len();
        for block in x.chunks(BLOCK * columns) {
            let rows = || block.chunks_exact(columns).map(|row| &row[first..first + width]);
            let count = (block.len() / columns) as f32;
            let (mut means, mut rests, mut squares) = ([0.0f32; STRIP], [0.0f32; STRIP], [0.0f32; STRIP]);
            for row in rows() {
                means.iter_mut().zip(row).for_each(|(mean, &x)| *mean += x);
            }
            means.iter_mut().for_each(|mean| *mean /= count);
            // The correction for the rounding of the first sums, so that equal values have zero deviation.
            for row in rows() {
                let terms = rests.iter_mut().zip(&means).zip(row);
                terms.for_each(|((rest, &mean), &x)| *rest += x - mean);
            }
            means.iter_mut().zip(&rests).for_each(|(mean, rest)| *mean += rest / count);
            for row in rows() {
                for ((squares, &mean), &x) in squares.iter_mut().zip(&means).zip(row) {
                    *squares += (x - mean) * (x - mean);
                }
            }
            for (column, moments) in moments.iter_mut().enumerate() {
                moments.join_group(means[column], squares[column], rows().map(move |row| row[column]));
            }
        }
    }

    fn sums_of_planes<G: Binary>(
        x_and_dy: [&[f32]; 2],
        norm: Norm<'_>,
        layout: Layout,
        channel: usize,
        gate: G,
    ) -> [f64; 2] {
        let (mean, rstd, scale, shift) = (norm.mean[0], norm.rstd[0], norm.scale[0], norm.shift[0]);
        let [x, dy] = x_and_dy.map(|x| layout.planes(x, channel));
        let dy_of = move |x: f32, dy: f32| gate((x - mean) * scale + shift, dy);
        let mut sums = [0.0; 2];
        for (x, dy) in x.zip(dy) {
            sums[0] += f64::from(rows::sum(x, dy, |x, dy| dy_of(x, dy) * ((x - mean) * rstd)));
            sums[1] += f64::from(rows::sum(x, dy, dy_of));
        }
        sums
    }

    fn sums_of_columns<G: Binary>(
        x_and_dy: [&[f32]; 2],
        columns: usize,
        strip: Range<usize>,
        norm: Norm<'_>,
        sums: &mut [[f64; 2]],
        gate: G,
    ) {
        let [x, dy] = x_and_dy;
        for (x, dy) in x.chunks(BLOCK * columns).zip(dy.chunks(BLOCK * columns)) {
            let (mut with_z, mut plain) = ([0.0f32; STRIP], [0.0f32; STRIP]);
            for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
                let row = x[strip.clone()].iter().zip(&dy[strip.clone()]);
                let row = row.zip(norm.mean.iter().zip(norm.rstd).zip(norm.scale.iter().zip(norm.shift)));
                for ((with_z, plain), ((&x, &dy), ((&mean, &rstd), (&scale, &shift)))) in
                    with_z.iter_mut().zip(&mut plain).zip(row)
                {
                    let dy = gate((x - mean) * scale + shift, dy);
                    *with_z += dy * ((x - mean) * rstd);
                    *plain += dy;
                }
            }
            for (sums, (with_z, plain)) in sums.iter_mut().zip(with_z.into_iter().zip(plain)) {
                sums[0] += f64::from(with_z);
                sums[1] += f64::from(plain);
            }
        }
    }

    /// [`normalise`] for one task, with the activation `f`.
    pub(crate) fn normalise_task<F: Unary>(x: &[f32], y: &mut [f32], norm: Norm<'_>, layout: Layout, f: F) {
        let channels = || norm.mean.iter().zip(norm.scale).zip(norm.shift);
        if layout.plane == 1 {
            let c = layout.channels;
            for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
                for ((y, &x), ((&mean, &scale), &shift)) in y.iter_mut().zip(x).zip(channels()) {
                    *y = f((x - mean) * scale + shift);
                }
            }
        } else {
            let planes = x.chunks_exact(layout.plane).zip(y.chunks_exact_mut(layout.plane));
            for ((x, y), ((&mean, &scale), &shift)) in planes.zip(channels()) {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = f((x - mean) * scale + shift));
            }
        }
    }

    /// [`gradient`] for one task.
    pub(crate) fn gradient_task<G: Binary>(
        x_and_dy: [&[f32]; 2],
        dx: &mut [f32],
        channels: &[Gradient],
        layout: Layout,
        gate: G,
    ) {
        let ([x, dy], plane) = (x_and_dy, layout.plane);
        let groups = x.chunks_exact(plane).zip(dy.chunks_exact(plane)).zip(dx.chunks_exact_mut(plane));
        for (((x, dy), dx), gradient) in groups.zip(channels.iter().cycle()) {
            dx.iter_mut().zip(x).zip(dy).for_each(|((dx, &x), &dy)| *dx = gradient.at(x, dy, gate));
        }
    }
}
