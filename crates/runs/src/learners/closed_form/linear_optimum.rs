//! Linear models trained by gradient descent, compared with their exact optimum (`book/lbr.md`, section 4).

use models::train::Loss;
use models::{Adam, AdamConfig, Example, Linear, LossTrainer, Module, Schedule};
use ndarray::{Array1, Array2, Axis};
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};
use theory::{Corruption, Denoising, JointOptimum, Moments};

use super::noise::Noise;
use crate::images::Images;
use crate::store::{Array, Arrays};
use crate::training::Scalars;
use crate::{Error, Result};

/// The number of training samples, as in the authors' script.
const SAMPLES: usize = 256;

/// The number of targets of the supervised loss: random linear functions of the images.
const TARGETS: usize = 2;

/// The number of steps after which the gap is measured, evenly spaced on a logarithmic scale.
const MEASURED: usize = 24;

/// The training of a linear autoencoder with a known optimum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearOptimum {
    /// The loss.
    pub problem: Problem,
    /// The side of the images after averaging; unused for random samples.
    #[serde(serialize_with = "models::range::side")]
    pub side: usize,
    /// The number of dimensions of random samples of zeros and ones, as in the authors' script; if absent, the samples are
    /// images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "models::range::outputs")]
    pub coins: Option<usize>,
    /// The size of the code.
    #[serde(serialize_with = "models::range::width")]
    pub k: usize,
    /// Adam's initial learning rate, with a cosine schedule to zero.
    #[serde(serialize_with = "models::range::learning_rate")]
    pub rate: f64,
    /// The number of full-batch steps.
    #[serde(serialize_with = "models::range::steps")]
    pub steps: u64,
}

/// The loss of a linear autoencoder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Problem {
    /// The error of targets plus the weighted error of the images (`book/lbr.md`, section 4.1).
    Joint {
        /// The weight of reconstruction.
        #[serde(serialize_with = "models::range::non_negative")]
        lambda: f64,
    },
    /// The error of images reconstructed from fresh corruptions (section 4.2, scaled so that it converges).
    Denoising {
        /// The corruption.
        noise: Noise,
        /// The number of corruptions of each image in a step.
        #[serde(serialize_with = "models::range::steps")]
        views: usize,
    },
}

impl LinearOptimum {
    /// A short description for progress lines.
    pub(super) fn label(&self) -> String {
        let Self { problem, side, k, .. } = self;
        match problem {
            Problem::Joint { lambda } => format!("linear optimum, {side} x {side}, k = {k}, λ = {lambda}"),
            Problem::Denoising { noise, views } => {
                format!("linear denoising, {}, {views} views, k = {k}", noise.label())
            }
        }
    }

    /// The FLOP of all steps: encoder and decoder, forward and twice as much
    /// backward.
    pub(super) fn flops(&self) -> f64 {
        let columns = self.coins.unwrap_or(self.side * self.side);
        let views = match self.problem {
            Problem::Joint { .. } => 1,
            Problem::Denoising { views, .. } => views,
        };
        12.0 * (SAMPLES * views * columns * self.k) as f64 * self.steps as f64
    }

    /// The gap between the trained loss and the optimum, over steps and at the end. The joint loss is a sum over samples and
    /// pixels divided by both counts; the gap of denoising is that of the exact expectation, relative to the optimum.
    pub(super) fn train(&self, images: &Images) -> Result<(Scalars, Arrays)> {
        let x = self.samples(images)?;
        let (n, d) = x.dim();
        let model = Model::new(d, self.k)?;
        let stream = Stream::new(0, "linear optimum");
        let (steps, gaps, optimum) = match self.problem {
            Problem::Joint { lambda } => {
                let map = normal(&stream.child("targets"), TARGETS, d);
                let y = x.dot(&map.t()) / (d as f64).sqrt();
                let optimum =
                    JointOptimum::new(x.view(), y.view())?.solve(lambda, self.k)?.loss / (n * d) as f64;
                let (images, targets) = (tensor(&x)?, tensor(&y)?);
                let weight = TARGETS as f64 / d as f64;
                let measure = |model: &Model| -> Result<f64> {
                    let [v, z, w] = model.weights();
                    let codes = x.dot(&v.t());
                    let square = |gap: Array2<f64>| gap.iter().map(|gap| gap * gap).sum::<f64>();
                    let of = square(codes.dot(&w.t()) - &y) + lambda * square(codes.dot(&z.t()) - &x);
                    Ok(of / (n * d) as f64 - optimum)
                };
                let example = example(images, targets);
                let loss: Box<Loss<'_>> = Box::new(|tape, example, mode| {
                    let (images, targets) = (tape.constant(&example.images), tape.constant(example.target()));
                    let codes = model.encoder.forward(&images, mode)?;
                    let labels = model.classifier.forward(&codes, mode)?.mse(&targets)?;
                    let pixels = model.decoder.forward(&codes, mode)?.mse(&images)?;
                    Ok(labels.scale(weight)?.add(&pixels.scale(lambda)?)?)
                });
                let (steps, gaps) = self.train_by(&model, measure, |_| Ok(example.clone()), loss)?;
                (steps, gaps, optimum)
            }
            Problem::Denoising { noise, views } => {
                let x = &x - &x.mean_axis(Axis(0)).expect("there are samples");
                let moments = Moments::of(x.view(), &vec![0; n], 1)?;
                let denoising = Denoising::new(&moments)?;
                let deviation = (denoising.variances().sum() / d as f64).sqrt();
                let corruption = noise.corruption([1, self.side, self.side], deviation);
                let optimum = denoising.solve(&corruption, theory::Weights::RECONSTRUCTION, self.k)?.loss;
                // Gaps are relative to the optimum, which must be above rounding error.
                let rounding = (d * d) as f64 * f64::EPSILON * denoising.variances().sum();
                if optimum <= rounding {
                    return Err(Error::Usage(format!(
                        "linear denoising with a code of {} dimensions: expected an optimal error above 0 under {}, got 0; use a \
                         smaller k",
                        self.k,
                        noise.label()
                    )));
                }
                let target =
                    tensor(&ndarray::concatenate(Axis(0), &vec![x.view(); views]).expect("equal widths"))?;
                let measure = |model: &Model| -> Result<f64> {
                    let [v, z, _] = model.weights();
                    Ok(denoising.expected_loss(&corruption, v.view(), z.view())? / optimum - 1.0)
                };
                let examples = |step| {
                    let corrupted = corrupted(&x, &corruption, views, &stream.child("noise"), step)?;
                    Ok(example(corrupted, target.clone()))
                };
                let loss: Box<Loss<'_>> = Box::new(|tape, example, mode| {
                    let codes = model.encoder.forward(&tape.constant(&example.images), mode)?;
                    Ok(model.decoder.forward(&codes, mode)?.mse(&tape.constant(example.target()))?)
                });
                let (steps, gaps) = self.train_by(&model, measure, examples, loss)?;
                (steps, gaps, optimum)
            }
        };
        let last = gaps.last().copied().unwrap_or(f64::NAN);
        let scalars = Scalars::from([("gap".into(), last), ("optimum".into(), optimum)]);
        let arrays = [("step".into(), Array::vector(steps)), ("gap_by_step".into(), Array::vector(gaps))];
        Ok((scalars, Arrays::from(arrays)))
    }

    /// Trains, measuring the gap after some steps.
    fn train_by<'m>(
        &self,
        model: &'m Model,
        measure: impl Fn(&Model) -> Result<f64>,
        examples: impl Fn(u64) -> models::Result<Example>,
        loss: Box<Loss<'m>>,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let joint = matches!(self.problem, Problem::Joint { .. });
        let parts =
            [("encoder", &model.encoder), ("decoder", &model.decoder), ("classifier", &model.classifier)];
        let params = parts.into_iter().take(if joint { 3 } else { 2 });
        let params: Vec<_> = params
            .flat_map(|(part, of)| {
                of.params().into_iter().map(move |(name, param)| (format!("{part}.{name}"), param))
            })
            .collect();
        let adam = Adam::new(&params, AdamConfig { learning_rate: self.rate, ..AdamConfig::PAPER })?;
        let schedule = Schedule::Cosine { steps: self.steps };
        let mut trainer = LossTrainer::new(params, vec![], adam, schedule, loss)?;
        let (mut at, mut gaps) = (Vec::new(), Vec::new());
        for now in 0..self.steps {
            trainer.step(examples(now)?)?;
            if self.is_measured(now + 1) {
                at.push((now + 1) as f64);
                gaps.push(measure(model)?);
            }
        }
        Ok((at, gaps))
    }

    fn is_measured(&self, step: u64) -> bool {
        let place = |step: u64| ((step as f64).ln() / (self.steps as f64).ln() * MEASURED as f64).floor();
        step == 1 || step == self.steps || place(step) > place(step - 1)
    }

    /// The first training images in [0, 1], averaged down and not centred, `[n, side * side]`, or random samples.
    fn samples(&self, images: &Images) -> Result<Array2<f64>> {
        if let Some(d) = self.coins {
            let mut words = Stream::new(0, "coins").sequence(0);
            let coin = || if words.uniform() < 0.5 { 0.0 } else { 1.0 };
            return Ok(Array2::from_shape_simple_fn((SAMPLES, d), coin));
        }
        let part = images.train.first(SAMPLES.min(images.train.len()))?;
        let [c, h, w] = part.image_shape();
        let side = self.side;
        if side == 0 || h % side != 0 || w % side != 0 || c != 1 {
            let what = format!(
                "averaging images to {side} x {side}: expected one channel and sides divisible by \
                     {side}, got {c} x {h} x {w}"
            );
            return Err(Error::Usage(what));
        }
        let [down, across] = [h / side, w / side];
        let share = 1.0 / (255.0 * (down * across) as f64);
        let mut x = Array2::zeros((part.len(), side * side));
        for (index, &byte) in part.pixels().iter().enumerate() {
            let (image, row, column) = (index / (h * w), index / w % h, index % w);
            x[[image, row / down * side + column / across]] += share * f64::from(byte);
        }
        Ok(x)
    }
}

/// Encoder, decoder and classifier without biases.
struct Model {
    encoder: Linear,
    decoder: Linear,
    classifier: Linear,
}

impl Model {
    fn new(d: usize, k: usize) -> Result<Self> {
        let stream = Stream::new(0, "linear model");
        let layer = |name: &str, inputs: usize, outputs: usize, deviation: f64| -> Result<Linear> {
            let stream = stream.child(name);
            let layer = Linear::without_bias(inputs, outputs, &stream, DType::F32);
            for (_, param) in layer.params() {
                param
                    .set(tensor(&(normal(&stream, outputs, inputs) * deviation))?)
                    .map_err(models::Error::from)?;
            }
            Ok(layer)
        };
        let scaled = 1.0 / (d as f64).sqrt();
        Ok(Self {
            encoder: layer("encoder", d, k, scaled)?,
            decoder: layer("decoder", k, d, scaled)?,
            classifier: layer("classifier", k, TARGETS, 1.0)?,
        })
    }

    /// V `[k, d]`, Z `[d, k]` and W `[2, k]`.
    fn weights(&self) -> [Array2<f64>; 3] {
        [&self.encoder, &self.decoder, &self.classifier].map(|layer| {
            let (_, weight) = layer.params().remove(0);
            let weight = weight.value();
            let shape = [weight.shape()[0], weight.shape()[1]];
            Array2::from_shape_vec(shape, weight.to_f64_vec()).expect("a weight has two axes")
        })
    }
}

fn normal(stream: &Stream, rows: usize, columns: usize) -> Array2<f64> {
    let mut words = stream.sequence(0);
    Array2::from_shape_simple_fn((rows, columns), || StandardNormal.sample(&mut words))
}

fn tensor(x: &Array2<f64>) -> Result<Tensor> {
    Ok(Tensor::from_vec(x.iter().map(|&x| x as f32).collect(), &[x.nrows(), x.ncols()])?)
}

/// An example of unlabelled images with a target.
fn example(images: Tensor, target: Tensor) -> Example {
    Example { images, target: Some(target), labels: Indices::new(vec![]) }
}

/// `views` corruptions of each sample.
fn corrupted(
    x: &Array2<f64>,
    corruption: &Corruption,
    views: usize,
    stream: &Stream,
    step: u64,
) -> models::Result<Tensor> {
    let (n, d) = x.dim();
    let mut words = stream.sequence(step);
    let mut all = Vec::with_capacity(views * n * d);
    for _ in 0..views {
        for sample in x.outer_iter() {
            let sample: Array1<f64> = match corruption {
                Corruption::Gaussian { std } => sample.mapv(|x| {
                    let noise: f64 = StandardNormal.sample(&mut words);
                    x + std * noise
                }),
                Corruption::PatchMask { image: [_, h, w], patch, drop } => {
                    let across = w.div_ceil(*patch);
                    let kept: Vec<bool> =
                        (0..across * h.div_ceil(*patch)).map(|_| words.uniform() >= *drop).collect();
                    let keep = |place: usize| kept[place / w / patch * across + place % w / patch];
                    sample.iter().enumerate().map(|(place, &x)| if keep(place) { x } else { 0.0 }).collect()
                }
                _ => sample.to_owned(),
            };
            all.extend(sample.iter().map(|&x| x as f32));
        }
    }
    Ok(Tensor::from_vec(all, &[views * n, d])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::DataConfig;

    fn gap(problem: Problem, steps: u64) -> f64 {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 300, 10, 10), None).unwrap();
        let task = LinearOptimum { problem, side: 4, coins: None, k: 3, rate: 0.01, steps };
        task.train(&images).unwrap().0["gap"]
    }

    /// The steps of section 4.1 and the bounds of facts LBR A2 and A3.
    #[test]
    fn training_reaches_the_joint_optimum_and_never_falls_below_it() {
        for lambda in [0.0, 1.0] {
            let [early, late] = [30, 10_000].map(|steps| gap(Problem::Joint { lambda }, steps));
            assert!(late > -1e-9 && late < 1e-6 && late < 0.1 * early, "{early:e} {late:e}");
        }
    }

    /// Fact LBR A10: after 4,000 steps the gap is at most 1e-3 of the optimum.
    #[test]
    fn training_reaches_the_optimum_of_denoising_and_never_falls_below_it() {
        for noise in [Noise::Gaussian { deviation: 0.3 }, Noise::Mask { patch: 2, drop: 0.5 }] {
            let [early, late] = [30, 4_000].map(|steps| gap(Problem::Denoising { noise, views: 1 }, steps));
            assert!(late > -1e-9 && late < 1e-3 && late < 0.1 * early, "{early:e} {late:e}");
        }
    }

    #[test]
    fn images_that_cannot_be_averaged_are_refused() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 10, 1, 1), None).unwrap();
        let problem = Problem::Joint { lambda: 1.0 };
        let refused =
            LinearOptimum { problem, side: 5, coins: None, k: 3, rate: 0.01, steps: 1 }.train(&images);
        let message = refused.unwrap_err().to_string();
        assert_eq!(
            message,
            "averaging images to 5 x 5: expected one channel and sides divisible by 5, got 1 x 28 x 28"
        );
    }
}
