//! Batch normalisation with max-pooling and ReLU in `f32`, one plane of the images at a time.
//!
//! A plane is normalised into a buffer that stays in the cache and is pooled there. The backward pass normalises again
//! and scatters the gradient of the outputs into a second buffer. The sums run over whole planes, in the order of
//! [`batch_norm::fast`](crate::ops::batch_norm::fast).

use tensor::{FusedActivation, Map2, rows};

use crate::ops::batch_norm::fast::{self, Gradient, Layout, Norm};
use crate::ops::max_pool2d::windows::{Largest, Plan, scatter};
use crate::ops::relu::ReluGrad;

/// The planes of a batch of images, with their normalisation and their windows.
pub(super) struct Planes<'a> {
    norm: Norm<'a>,
    plan: Plan<'a>,
    /// The number of elements of a plane.
    len: usize,
    channels: usize,
    images: usize,
}

/// Buffers for one plane.
struct Buffers {
    normalised: Vec<f32>,
    maxima: Vec<f32>,
    place_of: Vec<f32>,
    gradient: Vec<f32>,
}

impl<'a> Planes<'a> {
    /// The planes of `x`, which is not empty.
    pub(super) fn new(largest: &'a Largest, norm: Norm<'a>, x: &[f32]) -> Self {
        let (channels, len) = (norm.mean.len(), largest.image[0] * largest.image[1]);
        Self { norm, plan: Plan::new(largest), len, channels, images: x.len() / (channels * len) }
    }

    fn buffers(&self) -> Buffers {
        let of = |len: usize| vec![0.0; len];
        let (len, windows) = (self.len, self.plan.n_windows());
        Buffers { normalised: of(len), maxima: of(windows), place_of: of(windows), gradient: of(len) }
    }

    /// Computes the maxima of the normalised plane and their indices.
    fn maxima(&self, x: &[f32], channel: usize, buffers: &mut Buffers) {
        let Buffers { normalised, maxima, place_of, .. } = buffers;
        let (norm, layout) = (self.norm.of(channel..channel + 1), Layout::of_plane(self.len));
        fast::normalise_task(x, normalised, norm, layout, |y| y);
        self.plan.of_plane(normalised, [maxima, place_of]);
    }

    /// Computes the gradient with respect to the normalised plane from that with respect to its outputs.
    fn gradient_of_plane(&self, x: &[f32], dy: &[f32], channel: usize, buffers: &mut Buffers) {
        self.maxima(x, channel, buffers);
        let Buffers { maxima, place_of, gradient, .. } = buffers;
        let dmaxima = maxima.iter().zip(dy).map(|(&y, &dy)| ReluGrad.formula_f32(y, dy));
        scatter(gradient, dmaxima, place_of);
    }

    /// Writes `relu(max(normalised))` of every window.
    pub(super) fn pool(&self, x: &[f32], y: &mut [f32]) {
        let windows = self.plan.n_windows();
        let images = x.chunks(self.channels * self.len).zip(y.chunks_mut(self.channels * windows));
        rows::each(x.len(), images, |(x, y)| {
            let mut buffers = self.buffers();
            let planes = x.chunks_exact(self.len).zip(y.chunks_exact_mut(windows)).enumerate();
            for (channel, (x, y)) in planes {
                self.maxima(x, channel, &mut buffers);
                y.iter_mut().zip(&buffers.maxima).for_each(|(y, &max)| *y = FusedActivation::Relu.of(max));
            }
        });
    }

    /// Writes `sum(dy z)` and `sum(dy)` of each channel.
    pub(super) fn sums(&self, x: &[f32], dy: &[f32], [with_z, plain]: [&mut [f32]; 2]) {
        let channels = with_z.iter_mut().zip(plain).enumerate();
        rows::each(x.len(), channels, |(channel, (with_z, plain))| {
            let (mut buffers, mut sums) = (self.buffers(), [0.0; 2]);
            let norm = self.norm.of(channel..channel + 1);
            for place in (0..self.images).map(|image| image * self.channels + channel) {
                let windows = self.plan.n_windows();
                let (x, dy) = (&x[place * self.len..][..self.len], &dy[place * windows..][..windows]);
                self.gradient_of_plane(x, dy, channel, &mut buffers);
                let of_plane = fast::sums_of_plane(x, &buffers.gradient, norm);
                sums.iter_mut().zip(of_plane).for_each(|(sum, of_plane)| *sum += of_plane);
            }
            [*with_z, *plain] = sums.map(|sum| sum as f32);
        });
    }

    /// Writes the gradient of `x`.
    pub(super) fn gradient(&self, [x, dy]: [&[f32]; 2], dx: &mut [f32], coefficients: &[Gradient]) {
        let (of_image, windows) = (self.channels * self.len, self.plan.n_windows());
        let images = x.chunks(of_image).zip(dy.chunks(self.channels * windows)).zip(dx.chunks_mut(of_image));
        rows::each(x.len(), images, |((x, dy), dx)| {
            let mut buffers = self.buffers();
            let planes =
                x.chunks_exact(self.len).zip(dy.chunks_exact(windows)).zip(dx.chunks_exact_mut(self.len));
            for (channel, ((x, dy), dx)) in planes.enumerate() {
                self.gradient_of_plane(x, dy, channel, &mut buffers);
                let of_channel = &coefficients[channel..channel + 1];
                let layout = Layout::of_plane(self.len);
                fast::gradient_task([x, &buffers.gradient], dx, of_channel, layout, |_, dy| dy);
            }
        });
    }
}
