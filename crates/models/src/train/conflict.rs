//! How far the two losses agree about what the encoder should become: at z, and in each of its layers.

use tensor::{Indices, Tensor};

use super::Trainer;
use crate::{Mode, Module, Part, Result};

/// What the two losses say to the encoder about the same numbers (sections 2.5 and 4.2, E13, of the CRE
/// specification).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conflict {
    /// The cosine of the two gradients: 1 is agreement, 0 indifference, -1 opposition.
    pub cosine: f64,
    /// The norm of the MSE's gradient over that of the cross-entropy's.
    pub norm_ratio: f64,
}

impl Trainer<'_> {
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
        let (tape, example) = self.begin_on(&(images.clone(), labels.clone()).into())?;
        let z = self.model.encode(&tape.constant(&example.images), mode)?;
        let [by_mse, by_cross_entropy] = self.at_latent(&z, &example, mode)?.by_z;
        let of_mse = tape.backward_from(&z, by_mse)?;
        let of_cross_entropy = tape.backward_from(&z, by_cross_entropy)?;
        let params = self.model.part(Part::Encoder).params().into_iter();
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
}
