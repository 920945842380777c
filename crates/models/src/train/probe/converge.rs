//! Training of the heads of a probe to convergence.

use tensor::Tensor;

use super::{HEADS, ProbeTrainer};
use crate::{Cre, Error, Example, Module};

/// A loss has converged if its minimum fell by less than this fraction over the last tenth of the epochs.
const FALL: f64 = 0.01;

/// The minimum number of epochs before a loss can count as converged: with fewer, a tenth is hardly an epoch.
const LEAST: usize = 20;

/// The outcome of training to convergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convergence {
    /// The number of epochs.
    pub epochs: u32,
    /// Whether both losses converged within the maximum number of epochs.
    pub is_reached: bool,
}

/// Whether the losses after each epoch have converged: after at least 20 epochs, the minimum over all epochs is less
/// than one percent below the minimum over the first nine tenths of them. A loss that rises again has converged,
/// because its minimum is in the past.
pub fn has_converged(losses: &[f64]) -> bool {
    let least = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    let before = least(&losses[..losses.len() - losses.len().div_ceil(10)]);
    losses.len() >= LEAST && before - least(losses) <= FALL * before.abs()
}

impl ProbeTrainer<'_> {
    /// Trains until the validation losses of both heads [have converged](has_converged), or for `most` epochs. Each
    /// head then has the parameters of the epoch with its smallest validation loss. The heads share no parameters, so
    /// these may be different epochs.
    ///
    /// `batches` returns the examples of an epoch, counted from 1; `validate` returns the losses of the decoder and of
    /// the classifier on validation images after each epoch.
    ///
    /// # Errors
    /// The errors of `batches` and `validate`; those of [`Trainer::epoch`](crate::Trainer::epoch); [`Error::NoBatches`]
    /// if `most` is zero.
    pub fn converge<B: IntoIterator<Item = Example>, E: From<Error>>(
        &mut self,
        most: u32,
        mut batches: impl FnMut(u32) -> std::result::Result<B, E>,
        mut validate: impl FnMut(&Cre) -> std::result::Result<[f64; 2], E>,
    ) -> std::result::Result<Convergence, E> {
        let model = self.objective().model;
        let heads = HEADS.map(|part| {
            let head = model.part(part);
            head.params().into_iter().chain(head.buffers()).map(|(_, param)| param).collect::<Vec<_>>()
        });
        let mut losses = [vec![], vec![]];
        let mut best: [Vec<Tensor>; 2] = [vec![], vec![]];
        let mut ended = Convergence { epochs: 0, is_reached: false };
        while ended.epochs < most && !ended.is_reached {
            ended.epochs += 1;
            self.epoch(ended.epochs, batches(ended.epochs)?)?;
            for (head, loss) in validate(model)?.into_iter().enumerate() {
                if losses[head].iter().all(|&before| loss < before) {
                    best[head] = heads[head].iter().map(|param| param.value()).collect();
                }
                losses[head].push(loss);
            }
            ended.is_reached = losses.iter().all(|losses| has_converged(losses));
        }
        if ended.epochs == 0 {
            return Err(Error::NoBatches.into());
        }
        for (params, values) in heads.iter().zip(best) {
            params.iter().zip(values).try_for_each(|(param, value)| param.set(value)).map_err(Error::from)?;
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;
    use tensor::{DType, Indices};

    use super::*;
    use crate::{AdamConfig, Architecture, Part, Result, fc, fc::Size, mean_cross_entropy};

    #[test]
    fn a_loss_has_converged_once_its_minimum_stops_falling() {
        let falling: Vec<f64> = (0..100).map(|epoch| 0.99f64.powi(epoch)).collect();
        assert!(!has_converged(&falling) && !has_converged(&[]) && !has_converged(&[1.0; 19]));
        assert!(has_converged(&[1.0; 20]));
        // The loss falls by 1/200 over the last tenth.
        let slow: Vec<f64> = (0..200).map(|epoch| 1.0 - f64::from(epoch) / 4e3).collect();
        assert!(has_converged(&slow));
        let rising: Vec<f64> = (0..40).map(|epoch| (f64::from(epoch) - 10.0).powi(2) + 1.0).collect();
        assert!(has_converged(&rising));
        let diverged = [vec![1.0; 30], vec![f64::NAN; 3]].concat();
        assert!(has_converged(&diverged) && !has_converged(&[f64::NAN; 40]));
    }

    /// A small model, the latents of random images, and their classes: the index of the nearest of ten images.
    fn problem() -> (Cre, Tensor, Tensor, Indices) {
        let model = Architecture::Fc(fc::Config { pixels: 12, ..fc::Config::of(Size::S, 6) });
        let model = model.build(&Stream::new(0, "init"), DType::F32).unwrap();
        let mut words = Stream::new(1, "images").sequence(0);
        let classes: Vec<u32> = (0..60).map(|image| image % 10).collect();
        let centres: Vec<f64> = (0..120).map(|_| 2.0 * words.uniform() - 1.0).collect();
        let pixel = |image: usize, pixel: usize| centres[12 * (image % 10) + pixel];
        let images =
            (0..60 * 12).map(|at| (pixel(at / 12, at % 12) + 0.1 * words.uniform()) as f32).collect();
        let images = Tensor::from_vec(images, &[60, 12]).unwrap();
        let latents = model.latents(&images).unwrap();
        (model, images, latents, Indices::new(classes))
    }

    #[test]
    fn heads_end_with_their_lowest_losses_and_the_encoder_is_unchanged() {
        let (model, images, latents, classes) = problem();
        let before = model.latents(&images).unwrap().to_f64_vec();
        let config = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
        let mut trainer = ProbeTrainer::on_latents(&model, config).unwrap();
        let example =
            Example { images: latents.clone(), target: Some(images.clone()), labels: classes.clone() };
        let mut seen = [vec![], vec![]];
        let losses = |model: &Cre| -> Result<[f64; 2]> {
            let [reconstruction, logits] = model.read_out(&latents)?;
            let pairs = reconstruction.to_f64_vec().into_iter().zip(images.to_f64_vec());
            let mse = pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>() / images.len() as f64;
            Ok([mse, mean_cross_entropy(&logits, &classes)?])
        };
        let ended = trainer
            .converge(
                400,
                |_| Ok::<_, Error>([example.clone()]),
                |model| {
                    let losses = losses(model)?;
                    seen.iter_mut().zip(losses).for_each(|(seen, loss)| seen.push(loss));
                    Ok(losses)
                },
            )
            .unwrap();
        assert_eq!((seen[0].len(), seen[1].len()), (ended.epochs as usize, ended.epochs as usize));
        assert!(ended.epochs >= 20);
        assert_eq!(ended.is_reached, seen.iter().all(|losses| has_converged(losses)));
        let least = seen.map(|losses| losses.into_iter().fold(f64::INFINITY, f64::min));
        assert_eq!(losses(&model).unwrap(), least);
        assert_eq!(model.latents(&images).unwrap().to_f64_vec(), before);
    }

    /// Cached latents give the same steps as the encoder in every step.
    #[test]
    fn heads_on_latents_take_the_steps_of_heads_on_images() {
        let [on_images, on_latents] = [false, true].map(|cached| {
            let (model, images, latents, labels) = problem();
            let config = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
            let (mut trainer, example) = match cached {
                false => (ProbeTrainer::new(&model, config).unwrap(), (images, labels).into()),
                true => {
                    let example = Example { images: latents, target: Some(images), labels };
                    (ProbeTrainer::on_latents(&model, config).unwrap(), example)
                }
            };
            for _ in 0..3 {
                trainer.step(&example).unwrap();
            }
            let head = model.part(Part::Decoder).params();
            head.iter().flat_map(|(_, param)| param.value().to_f64_vec()).collect::<Vec<f64>>()
        });
        assert_eq!(on_images, on_latents);
    }

    #[test]
    fn zero_epochs_are_refused() {
        let (model, ..) = problem();
        let mut trainer = ProbeTrainer::on_latents(&model, AdamConfig::PAPER).unwrap();
        let none = trainer.converge(0, |_| Ok::<[Example; 0], Error>([]), |_| Ok([0.0; 2]));
        assert_eq!(none, Err(Error::NoBatches));
    }
}
