//! The attentive probe: a classifier that pools the tokens of a frozen latent by attention.

use autograd::{Param, Var};
use tensor::DType;
use tensor::random::Stream;

use crate::module::params_of;
use crate::{Linear, Mode, Module, Result, SelfAttention, init};

/// A learned query for each class, attention of the queries to the tokens `[n, t, d]` of each example, and an affine
/// layer from all pooled features to the logits `[n, classes]`.
///
/// If a latent is a set of tokens, a probe of their mean misses information in single tokens. Attentive probing of
/// frozen tokens was introduced by Chen et al. (2022, arXiv 2202.03026) and El-Nouby et al. (2024, arXiv 2401.08541),
/// with one query; here there is one for each class. The queries are concatenated before the tokens, so they also
/// attend to each other.
pub struct AttentiveProbe {
    queries: Param,
    attention: SelfAttention,
    scores: Linear,
    classes: usize,
}

impl AttentiveProbe {
    /// Creates a probe of tokens of `d` features, a multiple of `n_heads`.
    pub fn new([d, n_heads, classes]: [usize; 3], stream: &Stream, dtype: DType) -> Self {
        Self {
            queries: init::token(classes * d, &stream.child("queries"), dtype),
            attention: SelfAttention::new(d, n_heads, &stream.child("attention"), dtype),
            scores: Linear::xavier(classes * d, classes, &stream.child("scores"), dtype),
            classes,
        }
    }
}

impl Module for AttentiveProbe {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        let (n, d) = (x.shape().first().copied().unwrap_or(0), x.shape().last().copied().unwrap_or(0));
        let queries = x.tape().param(&self.queries)?.reshape(&[self.classes, d])?;
        let queries = queries.broadcast_to(&[n, self.classes, d])?;
        let attended = self.attention.forward(&Var::concat(&[&queries, x], 1)?, mode)?;
        let pooled = attended.slice(1, 0, self.classes)?.reshape(&[n, self.classes * d])?;
        self.scores.forward(&pooled, mode)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        let mut params = vec![("queries".into(), &self.queries)];
        params.extend(params_of([("attention", &self.attention as &dyn Module), ("scores", &self.scores)]));
        params
    }
}

#[cfg(test)]
mod tests {
    use tensor::{Indices, Tensor};

    use super::*;
    use crate::{Adam, AdamConfig, Example, LossTrainer, Schedule, TokenMean, count_correct};

    /// Tokens of two classes with the same mean, zero: a token and its negative, along one of two directions.
    fn tokens(n: usize) -> (Tensor, Indices) {
        let mut words = Stream::new(3, "tokens").sequence(0);
        let labels: Vec<u32> = (0..n as u32).map(|example| example % 2).collect();
        let mut values = Vec::new();
        for &label in &labels {
            let sign = if words.uniform() < 0.5 { -1.0 } else { 1.0 };
            for token in [sign, -sign] {
                values.extend((0..4).map(|feature| if feature == label { token as f32 } else { 0.0 }));
            }
        }
        (Tensor::from_vec(values, &[n, 2, 4]).unwrap(), Indices::new(labels))
    }

    #[test]
    fn the_probe_uses_information_that_the_mean_of_the_tokens_lacks() {
        let (x, labels) = tokens(64);
        let mean = TokenMean.output(&x).unwrap().to_f64_vec();
        assert!(mean.iter().all(|&value| value == 0.0));
        let probe = AttentiveProbe::new([4, 2, 2], &Stream::new(0, "probe"), DType::F32);
        let adam =
            Adam::new(&probe.params(), AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER }).unwrap();
        let mut trainer =
            LossTrainer::new(probe.params(), vec![], adam, Schedule::Constant, |tape, example, mode| {
                let scores = probe.forward(&tape.constant(&example.images), mode)?;
                Ok(scores.softmax_cross_entropy(&example.labels)?)
            })
            .unwrap();
        for _ in 0..200 {
            trainer.step(Example::from((&x, &labels))).unwrap();
        }
        drop(trainer);
        assert_eq!(count_correct(&probe.output(&x).unwrap(), &labels), 64);
    }

    #[test]
    fn the_order_of_the_tokens_does_not_matter_and_other_shapes_are_errors() {
        let probe = AttentiveProbe::new([4, 2, 3], &Stream::new(0, "probe"), DType::F64);
        let row = |token: usize| (0..4).map(move |feature| ((7 * token + 3 * feature) % 5) as f64);
        let of = |order: [usize; 3]| {
            let x = Tensor::from_vec(order.into_iter().flat_map(row).collect(), &[1, 3, 4]).unwrap();
            probe.output(&x).unwrap().to_f64_vec()
        };
        let (one, other) = (of([0, 1, 2]), of([2, 0, 1]));
        // Sums of a few terms of magnitude 1, in another order.
        assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e3 * f64::EPSILON), "{one:?} {other:?}");
        assert_eq!(one.len(), 3);
        for shape in [[].as_slice(), &[2], &[2, 4], &[1, 3, 5]] {
            assert!(probe.output(&Tensor::zeros(shape, DType::F64)).is_err(), "{shape:?}");
        }
    }
}
