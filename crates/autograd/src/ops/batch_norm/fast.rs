//! Batch normalisation in `f32`: parallel per-channel sums and element-wise maps.
//!
//! `x` is `[n, c, plane]`. With planes of more than one element a channel is a list of rows; with planes of one
//! element it is a column, and strips of columns are read together. Every sum has a fixed order.

use tensor::rows;

use crate::moments::Moments as Exact;

/// The number of columns summed together.
const STRIP: usize = 64;
/// The number of rows of one partial sum over columns, and of one task.
const BLOCK: usize = 64;

/// The memory layout of `[n, c, ..]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    channels: usize,
    /// Elements of one channel of one example.
    plane: usize,
}

impl Layout {
    pub(crate) fn of(shape: &[usize]) -> Self {
        Self { channels: shape[1], plane: shape[2..].iter().product() }
    }

    /// The planes of one channel, one for each example.
    fn planes(self, x: &[f32], channel: usize) -> impl Iterator<Item = &[f32]> {
        x.chunks_exact(self.plane).skip(channel).step_by(self.channels)
    }

    /// The number of elements of one task of a map.
    fn task(self) -> usize {
        self.channels * if self.plane == 1 { BLOCK } else { self.plane }
    }
}

/// Running count, mean and sum of squared deviations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    count: f64,
    pub(crate) mean: f64,
    /// The sum of the squared deviations from the mean.
    pub(crate) squares: f64,
}

impl Moments {
    /// Merges the moments of a group (Chan, Golub and LeVeque, 1983, doi 10.2307/2683386). Only the difference of the means
    /// is used, so values far from zero lose no precision.
    fn join(&mut self, count: usize, mean: f64, squares: f64) {
        let (count, step) = (count as f64, mean - self.mean);
        let total = self.count + count;
        self.mean += step * count / total;
        self.squares += squares + step * step * self.count * count / total;
        self.count = total;
    }

    /// Merges a group by its moments in 32 bits, or by its elements where the squares overflow 32 bits.
    #[inline(always)]
    fn join_group(&mut self, mean: f32, squares: f32, x: impl ExactSizeIterator<Item = f32> + Clone) {
        if squares.is_finite() {
            return self.join(x.len(), f64::from(mean), f64::from(squares));
        }
        let exact = Exact::of(x.clone().map(f64::from));
        self.join(x.len(), exact.mean, exact.variance(1.0));
    }
}

/// The moments of each channel; each group is read twice while it is in the cache.
pub(crate) fn moments(x: &[f32], layout: Layout) -> Vec<Moments> {
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

/// `[sum(dy z), sum(dy)]` of each channel, with `z = (x - mean) rstd`.
pub(crate) fn sums(x: &[f32], dy: &[f32], [mean, rstd]: [&[f32]; 2], layout: Layout) -> Vec<[f64; 2]> {
    let mut sums = vec![[0.0; 2]; layout.channels];
    if layout.plane == 1 {
        rows::each(x.len(), sums.chunks_mut(STRIP).enumerate(), |(strip, sums)| {
            sums_of_columns([x, dy], [mean, rstd], strip * STRIP, sums);
        });
    } else {
        rows::each(x.len(), sums.iter_mut().enumerate(), |(channel, sums)| {
            *sums = sums_of_planes([x, dy], [mean[channel], rstd[channel]], layout, channel);
        });
    }
    sums
}

/// `y = (x - mean) scale + shift`, with `mean`, `scale` and `shift` of each channel.
pub(crate) fn normalise(x: &[f32], y: &mut [f32], channels: [&[f32]; 3], layout: Layout) {
    let tasks = x.chunks(layout.task()).zip(y.chunks_mut(layout.task()));
    rows::each(x.len(), tasks, |(x, y)| normalise_task(x, y, channels, layout));
}

/// The coefficients of `dx` in one channel: `of_dy dy + of_z z + of_x (x - mean) + shift`, with `z = (x - mean) rstd`.
/// `z` is computed first: where `x` is huge, `of_z rstd` would underflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gradient {
    pub(crate) of_dy: f32,
    pub(crate) of_z: f32,
    pub(crate) of_x: f32,
    pub(crate) mean: f32,
    pub(crate) rstd: f32,
    pub(crate) shift: f32,
}

impl Gradient {
    #[inline(always)]
    fn at(&self, x: f32, dy: f32) -> f32 {
        let deviation = x - self.mean;
        self.of_dy * dy + self.of_z * (deviation * self.rstd) + self.of_x * deviation + self.shift
    }
}

/// `dx` by the [`Gradient`] of each channel.
pub(crate) fn gradient(x: &[f32], dy: &[f32], dx: &mut [f32], channels: &[Gradient], layout: Layout) {
    let task = layout.task();
    let tasks = x.chunks(task).zip(dy.chunks(task)).zip(dx.chunks_mut(task));
    rows::each(x.len(), tasks, |((x, dy), dx)| gradient_task([x, dy], dx, channels, layout));
}

tensor::each_isa! {
    fn moments_of_planes(x: &[f32], layout: Layout, channel: usize, moments: &mut Moments) {
        for x in layout.planes(x, channel) {
            let first = rows::sum(x, x, |x, _| x) / x.len() as f32;
            // Corrects the rounding of the first sum, so that equal values have no deviation.
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
            // Corrects the rounding of the first sums, so that equal values have no deviation.
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

    fn sums_of_planes(x_and_dy: [&[f32]; 2], statistics: [f32; 2], layout: Layout, channel: usize) -> [f64; 2] {
        let [mean, rstd] = statistics;
        let [x, dy] = x_and_dy.map(|x| layout.planes(x, channel));
        let mut sums = [0.0; 2];
        for (x, dy) in x.zip(dy) {
            sums[0] += f64::from(rows::sum(x, dy, |x, dy| dy * ((x - mean) * rstd)));
            sums[1] += f64::from(rows::sum(dy, dy, |dy, _| dy));
        }
        sums
    }

    fn sums_of_columns(x_and_dy: [&[f32]; 2], statistics: [&[f32]; 2], first: usize, sums: &mut [[f64; 2]]) {
        let ([x, dy], [mean, rstd]) = (x_and_dy, statistics);
        let (columns, strip) = (mean.len(), first..first + sums.len());
        for (x, dy) in x.chunks(BLOCK * columns).zip(dy.chunks(BLOCK * columns)) {
            let (mut with_z, mut plain) = ([0.0f32; STRIP], [0.0f32; STRIP]);
            for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
                let row = x[strip.clone()].iter().zip(&dy[strip.clone()]);
                let row = row.zip(mean[strip.clone()].iter().zip(&rstd[strip.clone()]));
                for ((with_z, plain), ((&x, &dy), (&mean, &rstd))) in with_z.iter_mut().zip(&mut plain).zip(row) {
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

    fn normalise_task(x: &[f32], y: &mut [f32], channels: [&[f32]; 3], layout: Layout) {
        let [mean, scale, shift] = channels;
        if layout.plane == 1 {
            let c = layout.channels;
            for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
                let channels = mean.iter().zip(scale).zip(shift);
                for ((y, &x), ((&mean, &scale), &shift)) in y.iter_mut().zip(x).zip(channels) {
                    *y = (x - mean) * scale + shift;
                }
            }
        } else {
            let planes = x.chunks_exact(layout.plane).zip(y.chunks_exact_mut(layout.plane));
            for ((x, y), ((&mean, &scale), &shift)) in planes.zip(mean.iter().zip(scale).zip(shift)) {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * scale + shift);
            }
        }
    }

    fn gradient_task(x_and_dy: [&[f32]; 2], dx: &mut [f32], channels: &[Gradient], layout: Layout) {
        let ([x, dy], plane) = (x_and_dy, layout.plane);
        let groups = x.chunks_exact(plane).zip(dy.chunks_exact(plane)).zip(dx.chunks_exact_mut(plane));
        for (((x, dy), dx), gradient) in groups.zip(channels.iter().cycle()) {
            dx.iter_mut().zip(x).zip(dy).for_each(|((dx, &x), &dy)| *dx = gradient.at(x, dy));
        }
    }
}
