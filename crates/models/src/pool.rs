//! Layers without parameters: pooling, channel dropout, reshaping.

use autograd::ops::max_pool2d::MaxPool2d;
use autograd::{Param, Var};
use tensor::random::Stream;

use crate::module::Role;
use crate::range;
use crate::{Mode, Module, Result};

/// Max-pooling with square windows.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool {
    /// The side of a window.
    pub kernel: usize,
    /// The stride between windows.
    pub stride: usize,
    /// Rows and columns of padding with minus infinity around the image.
    pub padding: usize,
}

impl MaxPool {
    /// Windows of 2 by 2 with stride 2, which halve the sides.
    pub const HALVING: Self = Self { kernel: 2, stride: 2, padding: 0 };
}

impl MaxPool {
    fn windows(self) -> MaxPool2d {
        MaxPool2d::square(self.kernel, self.stride, self.padding)
    }
}

impl Module for MaxPool {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(x.max_pool2d(self.windows())?)
    }

    fn role(&self) -> Role<'_> {
        Role::MaxPool(self.windows())
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Global max-pooling: `[n, c, h, w]` to `[n, c]`.
#[derive(Debug, Clone, Copy)]
pub struct GlobalMaxPool;

impl Module for GlobalMaxPool {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Flatten.forward(&x.adaptive_max_pool([1, 1])?, mode)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Channel dropout (Tompson et al., 2015, arXiv 1411.4280): in training, zeroes whole channels with probability `p` and
/// divides the others by `1 - p`.
#[derive(Debug, Clone, Copy)]
pub struct ChannelDropout {
    /// The probability, in [0, 1).
    pub p: f64,
    /// The stream of random numbers, which together with the step determines the mask.
    pub stream: Stream,
}

impl Module for ChannelDropout {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        range::BELOW_ONE.check("dropout", self.p)?;
        match mode {
            Mode::Training { step } if self.p > 0.0 => Ok(x.channel_dropout(self.p, self.stream, step)?),
            _ => Ok(x.clone()),
        }
    }

    fn role(&self) -> Role<'_> {
        Role::Dropout
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Flattens `[n, c, h, w]` to `[n, c h w]`.
#[derive(Debug, Clone, Copy)]
pub struct Flatten;

impl Module for Flatten {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let n = x.shape().first().copied().unwrap_or(0);
        Ok(x.reshape(&[n, x.shape().iter().skip(1).product()])?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Reshapes each row of `[n, d]` to `shape`, which has `d` elements.
#[derive(Debug, Clone)]
pub struct Unflatten(pub Vec<usize>);

impl Module for Unflatten {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let n = x.shape().first().copied().unwrap_or(0);
        Ok(x.reshape(&[&[n], self.0.as_slice()].concat())?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::{DType, Tensor};

    use super::*;

    #[test]
    fn max_pooling_uses_the_requested_windows() {
        let x = Tensor::from_vec((0..32).map(f64::from).collect(), &[1, 2, 4, 4]).unwrap();
        assert_eq!(GlobalMaxPool.output(&x).unwrap().to_f64_vec(), [15.0, 31.0]);
        assert_eq!(MaxPool::HALVING.output(&x).unwrap().to_f64_vec()[..4], [5.0, 7.0, 13.0, 15.0]);
        let stem = MaxPool { kernel: 3, stride: 2, padding: 1 };
        assert_eq!(stem.output(&x).unwrap().to_f64_vec()[..4], [5.0, 7.0, 13.0, 15.0]);
    }

    #[test]
    fn unflattening_undoes_flattening_and_refuses_another_size() {
        let x = Tensor::from_vec((0..12).map(f64::from).collect(), &[2, 3, 2, 1]).unwrap();
        let flat = Flatten.output(&x).unwrap();
        assert_eq!(flat.shape(), [2, 6]);
        let back = Unflatten(vec![3, 2, 1]).output(&flat).unwrap();
        assert_eq!((back.shape(), back.to_f64_vec()), (x.shape(), x.to_f64_vec()));
        assert!(Unflatten(vec![5]).output(&flat).is_err());
        // An empty batch keeps the shape of the images.
        assert_eq!(Flatten.output(&Tensor::zeros(&[0, 3, 2, 1], DType::F64)).unwrap().shape(), [0, 6]);
    }

    #[test]
    fn channels_are_dropped_in_training_only_and_differ_between_steps() {
        let layer = ChannelDropout { p: 0.5, stream: Stream::new(0, "dropout") };
        let tape = Tape::new();
        let x = tape.constant(&Tensor::full(1.0, &[4, 16, 1, 1], DType::F32));
        let of = |mode| layer.forward(&x, mode).unwrap().value().to_f64_vec();
        let [first, second] = [0, 1].map(|step| of(Mode::Training { step }));
        assert!(first.contains(&0.0) && first.contains(&2.0) && first != second);
        assert_eq!(of(Mode::Evaluation), x.value().to_f64_vec());
        for p in [-0.1, 1.0, f64::NAN] {
            let refused = ChannelDropout { p, ..layer }.forward(&x, Mode::Training { step: 0 }).unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!("dropout: expected a number from 0 and below 1, got {p}")
            );
        }
    }
}
