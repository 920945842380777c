//! The energy of reconstructions along the eigenvectors of the images (LBR E4 in `book/lbr.md`).

use std::sync::Arc;

use data::Split;
use ndarray::Array2;
use tensor::Tensor;
use theory::Pca;

use crate::Result;
use crate::images::Images;
use crate::training::Scalars;
use crate::training::batches::in_order;

/// Modes with an eigenvalue below this fraction of the largest are treated as noise.
const NOISE: f64 = 1e-9;

/// The number of groups into which modes are binned by rank; their sizes grow by a constant ratio.
const GROUPS: usize = 40;

/// The eigenvectors of the uncentred second moments of the training images in [0, 1].
pub(super) struct Spectrum {
    modes: Arc<Pca>,
}

impl Spectrum {
    pub(super) fn of(images: &Images) -> Result<Self> {
        Ok(Self { modes: images.uncentred()? })
    }

    /// The energy of the reconstructions along the modes, averaged over each group (`reconstructed_energy/GROUP`), and
    /// that of the images (`energy/GROUP`), both as means over images; the number of learned modes (`modes_learned`)
    /// and the rank of the last of them (`last_mode`). A mode is learned once the reconstruction error along it is at
    /// most half of its energy: the criterion of the paper, energy alone (LBR C12 in `book/codes.md`), would count the
    /// noise of an untrained network.
    pub(super) fn measure(
        &self,
        images: &Split,
        reconstruct: impl Fn(&Tensor) -> Result<Array2<f64>>,
    ) -> Result<Scalars> {
        let values = self.modes.variances();
        let (mut energy, mut missed) = (vec![0.0; values.len()], vec![0.0; values.len()]);
        for (batch, _) in in_order(images)? {
            let reconstructed = reconstruct(&batch)?;
            let pixels = batch.as_slice::<f32>()?.iter().map(|&x| (f64::from(x) + 1.0) / 2.0).collect();
            let original =
                Array2::from_shape_vec(reconstructed.dim(), pixels).expect("reconstructions of these images");
            for (sums, x) in [(&mut missed, &reconstructed - &original), (&mut energy, reconstructed)] {
                for row in x.dot(&self.modes.components().t()).outer_iter() {
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
                }
            }
        }
        energy.iter_mut().chain(&mut missed).for_each(|sum| *sum /= images.len() as f64);
        let real = values.iter().take_while(|&&value| value > NOISE * values[0]).count();
        let learned = |mode: &usize| missed[*mode] <= 0.5 * values[*mode];
        let mut scalars = Scalars::from([
            ("modes_learned".to_owned(), (0..real).filter(learned).count() as f64),
            ("last_mode".to_owned(), (0..real).rev().find(learned).map_or(0.0, |mode| mode as f64 + 1.0)),
        ]);
        for (group, modes) in groups(real).into_iter().enumerate() {
            let n = modes.len() as f64;
            let mean = |of: &dyn Fn(usize) -> f64| modes.clone().map(of).sum::<f64>() / n;
            let rank = (modes.start as f64 + modes.end as f64 + 1.0) / 2.0;
            scalars.insert(format!("mode_rank/{group:02}"), rank);
            scalars.insert(format!("energy/{group:02}"), mean(&|mode| values[mode]));
            scalars.insert(format!("reconstructed_energy/{group:02}"), mean(&|mode| energy[mode]));
        }
        Ok(scalars)
    }
}

/// Ranges of ranks that cover `0..n`, with sizes that grow by a constant ratio, rounded.
fn groups(n: usize) -> Vec<std::ops::Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    for group in 1..=GROUPS {
        let end = (n as f64).powf(group as f64 / GROUPS as f64).round() as usize;
        let end = if group == GROUPS { n } else { end.min(n) };
        if end > start {
            groups.push(start..end);
            start = end;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::DataConfig;

    #[test]
    fn groups_cover_all_ranks_once() {
        for n in [1, 2, 40, 784, 3072] {
            let groups = groups(n);
            assert_eq!(groups.first().map(|group| group.start), Some(0));
            assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!(groups.last().map(|group| group.end), Some(n));
        }
    }

    #[test]
    fn perfect_reconstructions_learn_all_modes_and_projections_onto_modes_learn_those() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 300, 10, 10), None).unwrap();
        let spectrum = Spectrum::of(&images).unwrap();
        let unit = |batch: &Tensor| {
            let pixels = batch.to_f64_vec().into_iter().map(|x| (x + 1.0) / 2.0).collect();
            Array2::from_shape_vec((batch.shape()[0], 784), pixels).unwrap()
        };
        let whole = spectrum.measure(&images.train, |batch| Ok(unit(batch))).unwrap();
        for (name, value) in whole.iter().filter(|(name, _)| name.starts_with("energy/")) {
            let reconstructed = whole[&format!("reconstructed_{name}")];
            // Pixels are f32, and the energies of images of 784 pixels reach a few hundred.
            assert!((reconstructed - value).abs() < 1e-4 * value + 1e-5, "{name}: {reconstructed} {value}");
        }
        let basis =
            spectrum.modes.components().slice_axis(ndarray::Axis(0), ndarray::Slice::from(..7)).to_owned();
        let project = |batch: &Tensor| Ok(unit(batch).dot(&basis.t()).dot(&basis));
        let part = spectrum.measure(&images.train, project).unwrap();
        assert_eq!([part["modes_learned"], part["last_mode"]], [7.0, 7.0]);
    }
}
