//! Gradient conflict between the two losses, at z and in each layer of the encoder.

use autograd::Tape;
use tensor::{Indices, Tensor};

use super::CreTrainer;
use crate::{Error, Mode, Module, Part, Result};

/// The conflict between the gradients of the two losses with respect to the same tensor (`book/cre.md`, section 2.5,
/// and section 4.2, experiment E13).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conflict {
    /// The cosine similarity of the two gradients: 1 is agreement, 0 orthogonality, -1 opposition.
    pub cosine: f64,
    /// The norm of the MSE's gradient divided by that of the cross-entropy's.
    pub norm_ratio: f64,
}

impl Conflict {
    /// The conflict of the two losses' gradients at z, given in pieces that are concatenated into one vector; NaN if
    /// one of the gradients is zero.
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
    /// The conflict of the gradients of the MSE and of the cross-entropy for a batch of images `[n, ..]` with labels
    /// `[n]`, for each weight of the encoder: all parameters named `weight` with at least two axes, such as
    /// `encoder.0.weight`, in layer order.
    ///
    /// The model is evaluated in evaluation mode and not changed: no parameter, running statistic or step count is
    /// updated. The conflict is NaN if a gradient is zero.
    ///
    /// # Errors
    /// If a shape does not match.
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

/// The cosine similarities of the gradients of the two losses over a whole data set; see [`CreTrainer::full_conflict`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FullConflict {
    /// The cosine similarity of the two gradients with respect to the latents of all images, as one vector.
    pub at_z: f64,
    /// The cosine similarity of the two gradients with respect to all parameters of the encoder, as one vector.
    pub by_encoder: f64,
}

/// The sums over batches from which a cosine similarity is computed.
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
    /// The cosine similarities of the gradients of the mean MSE and of the mean cross-entropy over a whole data set.
    /// Each batch has images `[n, ..]` and one or more sets of labels `[n]` for them; there is one result for each set
    /// of labels. Permuted labels give the cosine similarity for labels that are independent of the images.
    ///
    /// At a minimum of `lambda A + (1 - lambda) B`, the cosine similarity with respect to the encoder is -1 for any
    /// data, because there `lambda` times one gradient is `-(1 - lambda)` times the other. The model is in evaluation
    /// mode, and nothing is changed. A cosine similarity is NaN if a gradient is zero.
    ///
    /// # Errors
    /// If a shape does not match, or if batches differ in their number of label sets; [`Error::NoBatches`] if there are
    /// none.
    pub fn full_conflict(
        &self,
        batches: impl IntoIterator<Item = (Tensor, Vec<Indices>)>,
    ) -> Result<Vec<FullConflict>> {
        let (mode, model) = (Mode::Evaluation, self.objective.model);
        let encoder: Vec<_> =
            model.part(Part::Encoder).params().into_iter().map(|(_, param)| param).collect();
        let mut at_z: Vec<Products> = vec![];
        // Sums over images of the encoder's gradients: of the MSE, then of the cross-entropy for each set of labels.
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
            // Gradients of means over a batch, weighted by its number of images.
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

    /// The gradient of the mean cross-entropy with respect to the latents, for these labels.
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

    /// A model in 64 bits, ten images, and three sets of labels for them.
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
            // Sums over about ten thousand elements in another order; the vectors are not nearly parallel or
            // orthogonal.
            let tolerance = 1e4 * f64::EPSILON;
            assert!((one.at_z - other.at_z).abs() < tolerance, "{one:?} {other:?}");
            assert!((one.by_encoder - other.by_encoder).abs() < tolerance, "{one:?} {other:?}");
        }
        // Each set of labels gives the cosine similarity that it gives alone.
        for (kind, of) in classes.iter().zip(&whole) {
            assert_eq!(trainer.full_conflict([(images.clone(), vec![kind.clone()])]).unwrap(), [*of]);
        }
    }

    /// For one batch and one layer, the result is the cosine of [`CreTrainer::layer_conflicts`] over weights and biases
    /// together.
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
