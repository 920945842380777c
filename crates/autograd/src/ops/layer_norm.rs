//! Layer normalisation (Ba, Kiros and Hinton, 2016, arXiv 1607.06450): normalises each row along the last axis, then
//! scales and shifts it.

mod fast;

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use tensor::gpu::{Argument, Call, Grid};
use tensor::sums::{self, pairwise};
use tensor::{DType, Error, Kernel, Real, Slice, Storage, Tensor, rows};

use crate::launch::channels::a_warp_for_each;
use crate::launch::parts::{sum_of_parts, terms_of_part};
use crate::moments::{Moments, check_eps};
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// The number of rows of one task, and of one partial sum over rows.
const BLOCK: usize = 64;

/// `y = (x - mean) / sqrt(variance + eps) * weight + bias` over the last axis, for `x: [.., d]` and
/// `weight`, `bias: [d]`. The variance is the mean of the squared deviations.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    /// Added to the variance; positive, and representable in 32 bits.
    pub eps: f64,
}

/// Computes `y`, and the mean and `rstd = 1 / sqrt(variance + eps)` of each row.
impl Kernel<3, 3> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn shapes(&self, [x, weight, bias]: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 3]> {
        check_eps("layer_norm", self.eps)?;
        match x.split_last() {
            Some((&d, rows)) if d > 0 && weight == [d] && bias == [d] => {
                Ok([x.to_vec(), rows.to_vec(), rows.to_vec()])
            }
            _ => {
                let expected = "rows [.., d] with d > 0, a weight [d] and a bias [d]";
                Err(Error::shape("layer_norm", expected, &[x, weight, bias]))
            }
        }
    }

    fn output_dtypes(&self) -> [Storage; 3] {
        [Storage::Same, Storage::Accumulator, Storage::Accumulator]
    }

    // ANCHOR: formula
    fn reference<A: Real>(&self, [x, weight, bias]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 3] {
        let rows = IxDyn(&x.shape()[..x.ndim() - 1]);
        let mut y = x.to_owned();
        let (mut means, mut rstds) = (ArrayD::zeros(rows.clone()), ArrayD::zeros(rows));
        for ((mut row, mean), rstd) in y.rows_mut().into_iter().zip(&mut means).zip(&mut rstds) {
            let moments = Moments::of(row.iter().copied());
            (*mean, *rstd) = (moments.mean, moments.rstd(A::from_f64(self.eps)));
            row.zip_mut_with(&weight, |x, &weight| *x = (*x - *mean) * *rstd * weight);
            row += &bias;
        }
        [y, means, rstds]
    }
    // ANCHOR_END: formula

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], outputs: [&Tensor; 3]) -> tensor::Result<()> {
        let (rows, d) = (outputs[1].len(), inputs[1].len());
        let arguments: Vec<Argument<'_>> = (outputs.into_iter().map(Argument::Out))
            .chain(inputs.map(Argument::In))
            .chain([Argument::F32(self.eps as f32), Argument::Size(rows), Argument::Size(d)])
            .collect();
        call.launch(self.name(), a_warp_for_each(call, rows)?, &arguments)
    }

    fn fast(&self, inputs: [Slice<'_>; 3], [y, means, rstds]: [&mut [f32]; 3]) -> bool {
        let [x, weight, bias] = inputs.map(|input| input.data);
        let (d, eps) = (weight.len(), self.eps as f32);
        let statistics = means.chunks_mut(BLOCK).zip(rstds.chunks_mut(BLOCK));
        let blocks = x.chunks(BLOCK * d).zip(y.chunks_mut(BLOCK * d)).zip(statistics);
        rows::each(x.len(), blocks, |((x, y), statistics)| {
            fast::normalise(x, y, [weight, bias], statistics.into(), eps)
        });
        true
    }
}

/// The gradient with respect to `x`, which also affects the mean and the variance of its row. With `g = weight dy` and
/// `z` the normalised row, `dx = (g - mean(g) - z mean(g z)) / sqrt(variance + eps)`.
#[derive(Debug, Clone, Copy)]
struct LayerNormGradInput;

impl Kernel<5, 1> for LayerNormGradInput {
    fn name(&self) -> &'static str {
        "layer_norm_grad_input"
    }

    fn shapes(&self, inputs: [&[usize]; 5]) -> tensor::Result<[Vec<usize>; 1]> {
        let [x, weight, mean, rstd, dy] = inputs;
        match x.split_last() {
            Some((&d, rows)) if weight == [d] && [mean, rstd] == [rows; 2] && x == dy => Ok([x.to_vec()]),
            _ => Err(Error::shape(self.name(), "the inputs and outputs of layer_norm", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 5] {
        use Storage::{Accumulator, Same};
        [Same, Same, Accumulator, Accumulator, Same]
    }

    // ANCHOR: gradient
    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 5]) -> [ArrayD<A>; 1] {
        let [x, weight, means, rstds, dy] = inputs;
        let d = A::of(weight.len());
        let mut dx = dy.to_owned();
        let statistics = means.iter().zip(&rstds);
        for ((mut row, x), (&mean, &rstd)) in dx.rows_mut().into_iter().zip(x.rows()).zip(statistics) {
            let z = x.mapv(|x| (x - mean) * rstd);
            row *= &weight;
            let mean_g = pairwise(row.iter().copied()) / d;
            let mean_gz = pairwise(row.iter().zip(&z).map(|(&g, &z)| g * z)) / d;
            row.zip_mut_with(&z, |g, &z| *g = (*g - mean_g - z * mean_gz) * rstd);
        }
        [dx]
    }
    // ANCHOR_END: gradient

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 5], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        let [_, weight, mean, ..] = inputs;
        let mut arguments = vec![Argument::Out(dx)];
        arguments.extend(inputs.map(Argument::In));
        arguments.extend([mean.len(), weight.len()].map(Argument::Size));
        call.launch(self.name(), a_warp_for_each(call, mean.len())?, &arguments)
    }

    fn fast(&self, inputs: [Slice<'_>; 5], [dx]: [&mut [f32]; 1]) -> bool {
        let [x, weight, means, rstds, dy] = inputs.map(|input| input.data);
        let d = weight.len();
        let statistics = means.chunks(BLOCK).zip(rstds.chunks(BLOCK));
        let blocks = x.chunks(BLOCK * d).zip(dy.chunks(BLOCK * d)).zip(dx.chunks_mut(BLOCK * d));
        rows::each(x.len(), blocks.zip(statistics), |(((x, dy), dx), (means, rstds))| {
            fast::gradient_by_input([x, dy], dx, weight, [means, rstds]);
        });
        true
    }
}

/// The gradients of `weight` and `bias`: `sum(dy z)` and `sum(dy)` over the rows.
#[derive(Debug, Clone, Copy)]
struct LayerNormGradAffine;

impl Kernel<4, 2> for LayerNormGradAffine {
    fn name(&self) -> &'static str {
        "layer_norm_grad_affine"
    }

    fn shapes(&self, inputs: [&[usize]; 4]) -> tensor::Result<[Vec<usize>; 2]> {
        let [x, mean, rstd, dy] = inputs;
        match x.split_last() {
            Some((&d, rows)) if [mean, rstd] == [rows; 2] && x == dy => Ok([vec![d], vec![d]]),
            _ => Err(Error::shape(self.name(), "the inputs and outputs of layer_norm", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 4] {
        use Storage::{Accumulator, Same};
        [Same, Accumulator, Accumulator, Same]
    }

    fn reference<A: Real>(&self, [x, means, rstds, dy]: [ArrayViewD<'_, A>; 4]) -> [ArrayD<A>; 2] {
        let d = x.shape()[x.ndim() - 1];
        let mut dweight = dy.to_owned();
        let statistics = means.iter().zip(&rstds);
        for ((mut row, x), (&mean, &rstd)) in dweight.rows_mut().into_iter().zip(x.rows()).zip(statistics) {
            row.zip_mut_with(&x, |dy, &x| *dy *= (x - mean) * rstd);
        }
        let over_rows = |x: ArrayViewD<'_, A>| {
            let rows = x.into_shape_with_order(IxDyn(&[means.len(), d])).expect("all rows have d elements");
            sums::sum_axis(rows, Axis(0))
        };
        [over_rows(dweight.view()), over_rows(dy)]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 4], sums: [&Tensor; 2]) -> tensor::Result<()> {
        /// The minimum number of rows in each part of the sum on a GPU.
        const ROWS: usize = 32;
        let (rows, d) = (inputs[1].len(), sums[0].len());
        let of_part = terms_of_part(rows, d.div_ceil(32), ROWS);
        let n_parts = rows.div_ceil(of_part);
        let parts = [call.scratch(&[n_parts, d], DType::F32)?, call.scratch(&[n_parts, d], DType::F32)?];
        let mut arguments: Vec<Argument<'_>> = parts.iter().map(Argument::Out).collect();
        arguments.extend(inputs.map(Argument::In));
        arguments.extend([rows, d, of_part].map(Argument::Size));
        let blocks = [call.size(d.div_ceil(32))?, call.size(n_parts)?, 1];
        call.launch(self.name(), Grid { blocks, threads: [256, 1, 1], shared: 0 }, &arguments)?;
        parts.iter().zip(sums).try_for_each(|(parts, sum)| sum_of_parts(call, parts, n_parts, sum))
    }

    fn fast(&self, inputs: [Slice<'_>; 4], [dweight, dbias]: [&mut [f32]; 2]) -> bool {
        let [x, means, rstds, dy] = inputs.map(|input| input.data);
        let d = dbias.len();
        // The sums of each block are computed first, then added in the order of the blocks.
        let mut partial = vec![0.0; 2 * d * means.len().div_ceil(BLOCK)];
        let statistics = means.chunks(BLOCK).zip(rstds.chunks(BLOCK));
        let blocks = x.chunks(BLOCK * d).zip(dy.chunks(BLOCK * d)).zip(statistics);
        rows::each(x.len(), partial.chunks_exact_mut(2 * d).zip(blocks), |(sums, ((x, dy), statistics))| {
            fast::add_gradients_of_affine([x, dy], sums, statistics.into());
        });
        let mut sums = vec![0.0f64; 2 * d];
        for partial in partial.chunks_exact(2 * d) {
            sums.iter_mut().zip(partial).for_each(|(sum, &part)| *sum += f64::from(part));
        }
        let outputs = dweight.iter_mut().chain(dbias);
        outputs.zip(sums).for_each(|(output, sum)| *output = sum as f32);
        true
    }
}

/// The tensors that [`LayerNorm`] saves.
#[derive(Debug)]
pub struct Saved {
    x: Tensor,
    weight: Tensor,
    /// The mean of each row, in the accumulator type.
    mean: Tensor,
    /// `1 / sqrt(variance + eps)` of each row, in the accumulator type.
    rstd: Tensor,
}

impl Op<3> for LayerNorm {
    const NAME: &'static str = "layer_norm";

    type Saved = Saved;

    fn saved_tensors(saved: &Saved) -> Option<Vec<&Tensor>> {
        Some(vec![&saved.x, &saved.weight, &saved.mean, &saved.rstd])
    }

    fn forward(&self, [x, weight, bias]: [&Tensor; 3]) -> Result<([Tensor; 1], Saved)> {
        let [y, mean, rstd] = tensor::run(self, [x, weight, bias])?;
        Ok(([y], Saved { x: x.clone(), weight: weight.clone(), mean, rstd }))
    }

    fn backward(
        &self,
        Saved { x, weight, mean, rstd }: &Saved,
        [dy]: [&Tensor; 1],
        [needed_x, needed_weight, needed_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let dx = if_needed(needed_x, || {
            let [dx] = tensor::run(&LayerNormGradInput, [x, weight, mean, rstd, dy])?;
            Ok(dx)
        })?;
        if !needed_weight && !needed_bias {
            return Ok([dx, None, None]);
        }
        let [dweight, dbias] = tensor::run(&LayerNormGradAffine, [x, mean, rstd, dy])?;
        Ok([dx, needed_weight.then_some(dweight), needed_bias.then_some(dbias)])
    }
}

impl<'t> Var<'t> {
    /// Normalises each row along the last axis to mean 0 and variance 1, then multiplies by `weight` and adds `bias`,
    /// both `[d]`.
    ///
    /// # Errors
    /// If `weight` and `bias` do not have the length of the last axis, the axis is empty, or `eps` is not positive.
    pub fn layer_norm(&self, weight: &Self, bias: &Self, eps: f64) -> Result<Self> {
        let [y] = self.tape.apply(LayerNorm { eps }, [self, weight, bias])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::LayerNorm;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<3> for LayerNorm {
        // `backward` reads the normalised values. Rows have a spread of at least 1 here, and the weights are below 2.
        const OUTPUT_SENSITIVITY: f64 = 4.0;

        const LINEAR: [bool; 3] = [false, true, true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 3>> {
            of_shape(shape(0..=2, 1..4), 1..6)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
            prop_oneof![
                of_shape(shape(1..=1, 64..150), 256..400),
                of_shape(shape(1..=2, 40..60), 1..40),
                of_shape(vec(tile(), 1).boxed(), 31..34)
            ]
            .boxed()
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
            swept([&LENGTHS; 2], &[3, 9, 2, 18], |[n, d]| of_shape(Just(vec![n]).boxed(), d..d + 1))
        }
    }

    fn of_shape(rows: BoxedStrategy<Vec<usize>>, d: Range<usize>) -> BoxedStrategy<Case<LayerNorm, 3>> {
        (rows, d, prop_oneof![Just(1e-5), Just(0.5)])
            .prop_then(|(mut shape, d, eps)| {
                let n: usize = shape.iter().product();
                shape.push(d);
                let x = values_around(&shape, |place| if place % 2 == 0 { 1.5 } else { -1.5 });
                (x, values(&[d]), values(&[d]), Just((n.max(d), eps)))
            })
            .prop_map(|(x, weight, bias, (reduced, eps))| Case {
                op: LayerNorm { eps },
                inputs: [x, weight, bias],
                reduced,
            })
            .boxed()
    }

    /// Values within 1/2 of a centre given for each position. If the values of a row are equal, the curvature of the
    /// normalisation grows as `eps` decreases, so rows need distinct centres.
    pub(crate) fn values_around(
        shape: &[usize],
        centre: impl Fn(usize) -> f64 + 'static,
    ) -> BoxedStrategy<Tensor> {
        let shape = shape.to_vec();
        values(&shape)
            .prop_map(move |offsets| {
                let offsets = offsets.to_f64_vec().into_iter().enumerate();
                let values = offsets.map(|(place, offset)| centre(place) + offset / 4.0).collect();
                Tensor::from_vec::<f64>(values, &shape).expect("the values fill the shape")
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests;
