//! Readers of the latent besides ridge regression: nearest neighbours, and an attentive probe of tokens.

use models::{Adam, AdamConfig, AttentiveProbe, Example, LossTrainer, Module, Schedule, correct};
use ndarray::ArrayView2;
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};
use theory::NearestNeighbours;

use crate::Result;
use crate::learner::Tokens;

/// The number of neighbours.
pub(super) const NEIGHBOURS: usize = 5;

/// Whether each test latent is classified correctly by its nearest neighbours among training latents.
pub(super) fn nearest(
    (train, labels): (ArrayView2<'_, f64>, &[u8]),
    (test, test_labels): (ArrayView2<'_, f64>, &[u8]),
) -> Result<Vec<bool>> {
    Ok(NearestNeighbours::new(train, labels, NEIGHBOURS)?.correct(test, test_labels)?)
}

/// The epochs of training of the attentive probe, after which its loss hardly decreases.
pub(super) const EPOCHS: u64 = 20;
const BATCH: usize = 100;
const LEARNING_RATE: f64 = 1e-2;

/// Whether each test latent is classified correctly by an attentive probe trained on training latents; latents are
/// `[n, tokens * width]` in row-major order.
pub(super) fn attentive(
    Tokens { width, heads }: Tokens,
    (train, labels): (&[f32], &[u8]),
    (test, test_labels): (&[f32], &[u8]),
    classes: usize,
    seed: u64,
) -> Result<Vec<bool>> {
    let (n, k) = (labels.len(), train.len() / labels.len());
    let shape = |n: usize| [n, k / width, width];
    let stream = Stream::new(seed, "attentive probe");
    let probe = AttentiveProbe::new([width, heads, classes], &stream, DType::F32);
    let batch = BATCH.min(n);
    let config = AdamConfig { learning_rate: LEARNING_RATE, ..AdamConfig::PAPER };
    let schedule = Schedule::Cosine { steps: EPOCHS * (n / batch) as u64 };
    let adam = Adam::new(&probe.params(), config)?;
    let mut trainer = LossTrainer::new(probe.params(), vec![], adam, schedule, |tape, example, mode| {
        let scores = probe.forward(&tape.constant(&example.images), mode)?;
        Ok(scores.softmax_cross_entropy(&example.labels)?)
    })?;
    for epoch in 1..=EPOCHS {
        for rows in stream.child("order").permutation(n, epoch).chunks_exact(batch) {
            let latents = rows.iter().flat_map(|&row| &train[row as usize * k..][..k]).copied().collect();
            let labels = rows.iter().map(|&row| u32::from(labels[row as usize])).collect();
            trainer.step(Example::from((Tensor::from_vec(latents, &shape(batch))?, Indices::new(labels))))?;
        }
    }
    drop(trainer);
    let mut found = Vec::with_capacity(test_labels.len());
    for (latents, labels) in test.chunks(BATCH * k).zip(test_labels.chunks(BATCH)) {
        let scores = probe.output(&Tensor::from_slice(latents, &shape(labels.len()))?)?;
        found.extend(correct(&scores, &Indices::new(labels.iter().map(|&label| u32::from(label)).collect())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tokens of four features; the class is the feature along which they differ.
    fn latents(n: usize, seed: u64) -> (Vec<f32>, Vec<u8>) {
        let mut words = Stream::new(seed, "latents").sequence(0);
        let labels: Vec<u8> = (0..n).map(|image| (image % 4) as u8).collect();
        let mut latents = vec![];
        for &label in &labels {
            let sign = if words.uniform() < 0.5 { -1.0 } else { 1.0 };
            for token in [sign, -sign] {
                latents.extend(
                    (0..4).map(|feature| if feature == label { token } else { 0.1 * words.uniform() as f32 }),
                );
            }
        }
        (latents, labels)
    }

    #[test]
    fn the_attentive_probe_is_deterministic_and_classifies_tokens_with_an_uninformative_mean() {
        let (train, labels) = latents(600, 1);
        let (test, test_labels) = latents(90, 2);
        let tokens = Tokens { width: 4, heads: 2 };
        let read = || attentive(tokens, (&train, &labels), (&test, &test_labels), 4, 3).unwrap();
        let found = read();
        assert_eq!(found.len(), 90);
        let n_correct = found.iter().filter(|&&correct| correct).count();
        assert!(n_correct > 80, "{n_correct}");
        assert_eq!(read(), found);
    }
}
