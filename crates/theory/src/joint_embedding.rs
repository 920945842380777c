//! Optimal linear codes of joint embedding in closed form, to compare with those of reconstruction.

use ndarray::Array2;

use crate::corruption::Corruption;
use crate::denoising::Denoising;
use crate::{Alignment, Codes, Error, Result, check};

impl Denoising {
    /// The alignment of the optimal code for joint embedding, and its first `k` dimensions, for clean samples.
    ///
    /// Joint embedding maps two independently corrupted views `x~`, `x^` of a sample to nearby codes (Van Assel et al.,
    /// 2025, arXiv 2505.12477):
    ///
    /// ```text
    /// min over V of E|V x~ - V x^|^2   with   V M V^T = I
    /// ```
    ///
    /// With `S`, `c` and `M` of [`Denoising`], the loss is `2 (k - c^2 tr V S V^T)`, so the rows of the optimal `V` are
    /// the generalised eigenvectors for the largest eigenvalues of `S v = mu M v`. Those of reconstruction solve
    /// `S^2 v = mu M v`: only there is a direction of large variance preferred for its variance.
    ///
    /// # Errors
    /// If there is no corruption, when every code is optimal; as [`Denoising::alignment`] and [`Denoising::codes`].
    pub fn joint_embedding(&self, corruption: &Corruption, k: usize) -> Result<(Alignment, Codes)> {
        check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        if *corruption == Corruption::None {
            let expected = "a corruption, without which every code is optimal";
            return Err(Error::out_of_range("corruption of joint embedding", expected, "none"));
        }
        let units: Option<Array2<f64>> = self.embedded(corruption)?;
        Ok((self.alignment_of(units.clone())?, self.codes_of(units, k)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;
    use crate::Moments;
    use crate::alignment::tests::{CLASSES, corruptions, denoising, problem};

    /// Two independent coordinates of variance 9 and 1; the class is the sign of the second.
    fn nuisance() -> Denoising {
        let x = array![[3.0, 1.0], [-3.0, 1.0], [3.0, -1.0], [-3.0, -1.0]];
        Denoising::new(&Moments::of(x.view(), &[0, 0, 1, 1], 2).unwrap()).unwrap()
    }

    #[test]
    fn joint_embedding_needs_less_noise_along_the_nuisance_than_reconstruction() {
        let samples = nuisance();
        // With noise of 9 r along the nuisance, its gain in reconstruction is 81 / (9 + 9 r) against 1 of the class.
        for (ratio, of_reconstruction, of_embedding) in
            [(0.01, 0.0, 100.0), (1.0, 0.0, 100.0), (7.9, 0.0, 100.0), (8.1, 100.0, 100.0)]
        {
            let noise = Corruption::Additive { covariance: Array2::from_diag(&array![9.0 * ratio, 0.0]) };
            let reconstruction = samples.alignment(&noise).unwrap().alignment[0];
            let (embedding, _) = samples.joint_embedding(&noise, 1).unwrap();
            assert!((reconstruction - of_reconstruction).abs() < 1e-6, "{ratio}: {reconstruction}");
            assert!((embedding.alignment[0] - of_embedding).abs() < 1e-6, "{ratio}: {embedding:?}");
        }
    }

    #[test]
    fn isotropic_noise_and_no_preference_keep_the_order_of_the_components() {
        let samples = nuisance();
        let (embedding, _) = samples.joint_embedding(&Corruption::Gaussian { std: 1.0 }, 2).unwrap();
        assert_eq!(embedding, samples.alignment(&Corruption::None).unwrap());
        let error = samples.joint_embedding(&Corruption::None, 1).unwrap_err().to_string();
        assert!(error.contains("every code is optimal"), "{error}");
    }

    /// `v^T S v / v^T M v` in the span of the samples, for a direction in whitened coordinates.
    fn agreement(samples: &Denoising, second: &Array2<f64>, whitened: &Array1<f64>) -> f64 {
        let direction = (whitened * &samples.to_unit().column(0)).dot(&samples.span());
        whitened.dot(whitened) / direction.dot(&second.dot(&direction))
    }

    #[test]
    fn no_direction_agrees_more_between_views_than_the_first_one() {
        let (x, labels) = problem(200, 3);
        let (samples, moments) = (denoising(&x, &labels), Moments::of(x.view(), &labels, CLASSES).unwrap());
        assert_eq!(samples.rank(), 50, "all directions have variance");
        let mut noise = crate::noise::Noise::new(5);
        for corruption in corruptions().iter().filter(|corruption| **corruption != Corruption::None) {
            let second = corruption.second_moment(moments.covariance().unwrap().view()).unwrap();
            let first = match samples.embedded(corruption).unwrap() {
                Some(units) => units.column(0).to_owned(),
                None => Array1::from_shape_fn(50, |i| f64::from(u8::from(i == 0))),
            };
            let best = agreement(&samples, &second, &first);
            for other in noise.normal(200, 50).outer_iter() {
                let other = agreement(&samples, &second, &other.to_owned());
                assert!(other <= best * (1.0 + 1e-9), "{corruption:?}: {other} {best}");
                // A step from the optimum lowers it, so the bound is not vacuous.
                let near = agreement(&samples, &second, &(&first + &(0.1 * &noise.normal(1, 50).row(0))));
                assert!(near < best, "{corruption:?}");
            }
        }
    }
}
