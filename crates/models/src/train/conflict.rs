//! Gradient conflict between the two losses, at z and in each layer of the encoder.

use autograd::Tape;
use tensor::{Indices, Tensor};

use super::CreTrainer;
use crate::{Error, Mode, Module, Part, Result};

/// The conflict between the gradients of the two losses with respect to the same tensor (`book/cre.md`, sections 2.5
/// and 4.2, E13).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conflict {
    /// The cosine of the two gradients: 1 is agreement, 0 orthogonality, -1 opposition.
    pub cosine: f64,
    /// The norm of the MSE's gradient divided by that of the cross-entropy's.
    pub norm_ratio: f64,
}

impl Conflict {
    /// The conflict of the two losses' gradients at z, given in pieces that are concatenated to one vector; NaN if one of
    /// the gradients is zero.
    pub(crate) fn between(of_mse: &[&Tensor], of_cross_entropy: &[&Tensor]) -> Self {
        let elements =
            |pieces: &[&Tensor]| -> Vec<Vec<f64>> { pieces.iter().map(|piece| piece.to_f64_vec()).collect() };
        let (x, y) = (elements(of_mse), elements(of_cross_entropy));
        let dot = |x: &[Vec<f64>], y: &[Vec<f64>]| -> f64 {
            x.iter().flatten().zip(y.iter().flatten()).map(|(x, y)| x * y).sum()
        };
        let (norm_x, norm_y) = (dot(&x, &x).sqrt(), dot(&y, &y).sqrt());
        Self { cosine: dot(&x, &y) / (norm_x * norm_y), norm_ratio: norm_x / norm_y }
    }
}

impl CreTrainer<'_> {
    /// The conflict of the gradients of the MSE and of the cross-entropy of a batch, images `[n, ..]` and labels, for each
    /// weight of the encoder: all parameters named `weight` with at least two axes, such as `encoder.0.weight`, in the
    /// order of the layers.
    ///
    /// The model is in evaluation mode and unchanged: no parameter, running statistic or step count is updated. The conflict
    /// is NaN where a gradient is zero.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn layer_conflicts(&self, images: &Tensor, labels: &Indices) -> Result<Vec<(String, Conflict)>> {
        let mode = Mode::Evaluation;
        let example = self.precision.cast(&(images, labels).into())?;
        let (tape, model) = (self.precision.tape(), self.objective.model);
        let z = model.encode(&tape.constant(&example.images), mode)?;
        let [by_mse, by_cross_entropy] = self.objective.at_latent(self.precision, &z, &example, mode)?.by_z;
        let of_mse = tape.backward_from(&z, by_mse)?;
        let of_cross_entropy = tape.backward_from(&z, by_cross_entropy)?;
        let params = model.part(Part::Encoder).params().into_iter();
        params
            .filter(|(name, param)| name.ends_with(".weight") && param.value().rank() >= 2)
            .map(|(name, weight)| {
                let conflict =
                    Conflict::between(&[of_mse.param(weight)?], &[of_cross_entropy.param(weight)?]);
                Ok((format!("{}.{name}", Part::Encoder.name()), conflict))
            })
            .collect()
    }
}

/// The cosines of the gradients of the two losses over a whole set; see [`CreTrainer::full_conflict`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FullConflict {
    /// The cosine of the two gradients with respect to the latents of all images, as one vector.
    pub at_z: f64,
    /// The cosine of the two gradients with respect to all parameters of the encoder, as one vector.
    pub by_encoder: f64,
}

/// Sums over batches of what a cosine needs.
#[derive(Default)]
struct Products {
    dot: f64,
    squares: [f64; 2],
}

impl Products {
    fn add(&mut self, x: &[f64], y: &[f64]) {
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        self.dot += dot(x, y);
        self.squares[0] += dot(x, x);
        self.squares[1] += dot(y, y);
    }

    fn cosine(&self) -> f64 {
        self.dot / (self.squares[0] * self.squares[1]).sqrt()
    }
}

impl CreTrainer<'_> {
    /// The agreement of the gradients of the mean MSE and of the mean cross-entropy over a whole set, from its batches: a
    /// batch of images with their classes, and with any number of other classes for the same images. Gives one result for
    /// each: with permuted classes it is what the cosine is where classes have nothing to do with images.
    ///
    /// At a minimum of `lambda A + (1 - lambda) B` the cosine by the encoder is -1 whatever the data, since `lambda` times the
    /// one gradient is then `-(1 - lambda)` times the other. The model is read as in evaluation and nothing is changed. A
    /// cosine is not a number where a gradient is zero.
    ///
    /// # Errors
    /// If a shape does not fit, or the batches have not as many classes of each kind; [`Error::NoBatches`] if there are none.
    pub fn full_conflict(
        &self,
        batches: impl IntoIterator<Item = (Tensor, Vec<Indices>)>,
    ) -> Result<Vec<FullConflict>> {
        let (mode, model) = (Mode::Evaluation, self.objective.model);
        let encoder: Vec<_> =
            model.part(Part::Encoder).params().into_iter().map(|(_, param)| param).collect();
        let mut at_z: Vec<Products> = vec![];
        // Sums over images of the encoder's gradients: of the MSE, then of the cross-entropy for each kind of classes.
        let mut by_encoder: Vec<Vec<f64>> = vec![];
        for (images, classes) in batches {
            let Some(own) = classes.first() else { return Err(Error::NoBatches) };
            let example = self.precision.cast(&(images, own.clone()).into())?;
            let (tape, n) = (self.precision.tape(), own.len() as f64);
            let z = model.encode(&tape.constant(&example.images), mode)?;
            let [by_mse, own] = self.objective.at_latent(self.precision, &z, &example, mode)?.by_z;
            let mut by_z = vec![by_mse, own];
            for classes in &classes[1..] {
                by_z.push(self.by_cross_entropy(z.value(), classes)?);
            }
            at_z.resize_with(classes.len(), Products::default);
            by_encoder.resize_with(by_z.len(), Vec::new);
            // Gradients of means over a batch, weighed by its images.
            let weighed =
                |tensor: &Tensor| tensor.to_f64_vec().into_iter().map(|x| n * x).collect::<Vec<f64>>();
            let of_mse = weighed(&by_z[0]);
            for (products, by_z) in at_z.iter_mut().zip(&by_z[1..]) {
                products.add(&of_mse, &weighed(by_z));
            }
            for (sum, by_z) in by_encoder.iter_mut().zip(by_z) {
                let gradients = tape.backward_from(&z, by_z)?;
                let mut all = vec![];
                for param in &encoder {
                    all.extend(weighed(gradients.param(param)?));
                }
                match sum.is_empty() {
                    true => *sum = all,
                    false => sum.iter_mut().zip(all).for_each(|(sum, gradient)| *sum += gradient),
                }
            }
        }
        let Some((of_mse, of_classes)) = by_encoder.split_first() else { return Err(Error::NoBatches) };
        let cosine = |of_classes: &Vec<f64>| {
            let mut products = Products::default();
            products.add(of_mse, of_classes);
            products.cosine()
        };
        let pairs = at_z.iter().zip(of_classes);
        Ok(pairs.map(|(z, by)| FullConflict { at_z: z.cosine(), by_encoder: cosine(by) }).collect())
    }

    /// The gradient of the mean cross-entropy by latents, for any classes.
    fn by_cross_entropy(&self, z: &Tensor, classes: &Indices) -> Result<Tensor> {
        let tape: Tape = self.precision.tape();
        let z = tape.input(z);
        let loss = self.objective.model.classification_loss(&z, classes, Mode::Evaluation)?;
        Ok(tape.backward(&loss)?.of(&z)?.clone())
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;
    use tensor::random::Stream;

    use super::*;
    use crate::{AdamConfig, Cre, cnn};

    /// A model in double precision, ten images and three kinds of classes for them.
    fn problem() -> (Cre, Tensor, Vec<Indices>) {
        let model = cnn::cnn_s(2, 10, &Stream::new(0, "init"), DType::F64).unwrap();
        let mut words = Stream::new(4, "images").sequence(0);
        let images = (0..10 * 784).map(|_| 2.0 * words.uniform() - 1.0).collect();
        let classes = [1, 3, 7].map(|step| Indices::new((0..10).map(|image| (image * step) % 10).collect()));
        (model, Tensor::from_vec::<f64>(images, &[10, 784]).unwrap(), classes.into())
    }

    fn part(images: &Tensor, classes: &[Indices], rows: std::ops::Range<usize>) -> (Tensor, Vec<Indices>) {
        let pixels = images.to_f64_vec()[rows.start * 784..rows.end * 784].to_vec();
        let classes = classes.iter().map(|classes| Indices::new(classes.as_slice()[rows.clone()].to_vec()));
        (Tensor::from_vec(pixels, &[rows.len(), 784]).unwrap(), classes.collect())
    }

    #[test]
    fn batches_of_any_sizes_give_the_cosines_of_the_whole_set() {
        let (model, images, classes) = problem();
        let trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
        let whole = trainer.full_conflict([(images.clone(), classes.clone())]).unwrap();
        let parts = [0..1, 1..7, 7..10].map(|rows| part(&images, &classes, rows));
        let by_parts = trainer.full_conflict(parts).unwrap();
        assert_eq!((whole.len(), by_parts.len()), (3, 3));
        for (one, other) in whole.iter().zip(&by_parts) {
            // Sums over some ten thousand elements in another order, for vectors at an angle.
            let tolerance = 1e4 * f64::EPSILON;
            assert!((one.at_z - other.at_z).abs() < tolerance, "{one:?} {other:?}");
            assert!((one.by_encoder - other.by_encoder).abs() < tolerance, "{one:?} {other:?}");
        }
        // Each kind of classes has the cosine that it has alone.
        for (kind, of) in classes.iter().zip(&whole) {
            assert_eq!(trainer.full_conflict([(images.clone(), vec![kind.clone()])]).unwrap(), [*of]);
        }
    }

    /// One batch and one layer: the cosine that [`CreTrainer::layer_conflicts`] finds, of all weights and biases together.
    #[test]
    fn a_single_batch_has_the_conflict_of_its_training_step() {
        let (model, images, classes) = problem();
        let trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
        let objective = trainer.objective();
        let example = (images.clone(), classes[0].clone()).into();
        let tape = autograd::Tape::new();
        let z = model.encode(&tape.constant(&images), Mode::Evaluation).unwrap();
        let by_z = objective.at_latent(trainer.precision, &z, &example, Mode::Evaluation).unwrap().by_z;
        let expected = Conflict::between(&[&by_z[0]], &[&by_z[1]]).cosine;
        let got = trainer.full_conflict([(images, classes)]).unwrap();
        assert!((got[0].at_z - expected).abs() < 1e4 * f64::EPSILON, "{got:?} {expected}");
        assert!(got.iter().all(|of| of.by_encoder.abs() <= 1.0 && of.at_z.abs() <= 1.0));
        assert_eq!(trainer.full_conflict([]), Err(Error::NoBatches));
    }

    #[test]
    fn opposed_gradients_have_cosine_minus_one() {
        let x = Tensor::from_vec(vec![3.0f32, 4.0], &[2]).unwrap();
        let y = Tensor::from_vec(vec![-6.0f32, -8.0], &[2]).unwrap();
        let Conflict { cosine, norm_ratio } = Conflict::between(&[&x], &[&y]);
        assert!((cosine + 1.0).abs() < 1e-15 && (norm_ratio - 0.5).abs() < 1e-15);
    }

    #[test]
    fn gradients_in_pieces_are_compared_as_one_vector() {
        let vector = |value: f64| Tensor::from_slice(&[value], &[1]).unwrap();
        let [x, y] = [[vector(3.0), vector(4.0)], [vector(-6.0), vector(-8.0)]];
        let Conflict { cosine, norm_ratio } = Conflict::between(&x.each_ref(), &y.each_ref());
        assert!((cosine + 1.0).abs() < 1e-15 && (norm_ratio - 0.5).abs() < 1e-15);
    }
}
