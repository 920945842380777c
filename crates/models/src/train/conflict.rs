//! How far the two losses agree about what the encoder should become: at z, and in each of its layers.

use tensor::{Indices, Tensor};

use super::CreTrainer;
use crate::{Mode, Module, Part, Result};

/// What the two losses say to the encoder about the same numbers (sections 2.5 and 4.2, E13, of
/// `book/cre.md`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conflict {
    /// The cosine of the two gradients: 1 is agreement, 0 indifference, -1 opposition.
    pub cosine: f64,
    /// The norm of the MSE's gradient over that of the cross-entropy's.
    pub norm_ratio: f64,
}

impl Conflict {
    /// Of the two losses' gradients at z, each in the same pieces, which count as one long vector; not a number where
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
    /// What the gradients of the MSE and of the cross-entropy of a batch, images `[n, ..]` and their classes, say to
    /// each weight of the encoder: all parameters of two axes or more that are called `weight`, named as in
    /// `encoder.0.weight`, in the order of the layers.
    ///
    /// The model is read as in evaluation and nothing is changed: no parameter, no running statistic, no count of
    /// steps. Where a gradient is zero the conflict is not a number.
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

#[cfg(test)]
mod tests {
    use super::*;

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
