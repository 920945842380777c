//! Patch masking (`book/cre.md`, section 3.5).

use std::sync::Arc;

use autograd::{Param, Var};
use ndarray_rand::rand::RngCore;
use serde::{Deserialize, Serialize};
use tensor::gpu::{Argument, Gpu, Grid};
use tensor::random::Stream;
use tensor::{DType, Device, Indices};

use crate::tokens::for_each_example;
use crate::{Error, Mode, Module, Result, init, range};

/// The fraction of patches masked in training, and the patches included in the reconstruction loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// The fraction of removed patches, from 0 to below 1.
    #[serde(serialize_with = "crate::range::below_one")]
    pub ratio: f64,
    /// The patches included in the reconstruction loss.
    pub loss: MaskedLoss,
}

/// The part of the image included in the training loss if patches are removed; otherwise it is the whole image. Masked
/// evaluation always includes only the removed patches (`book/cre.md`, section 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskedLoss {
    /// The removed patches only: `v1` of `book/cre.md`, as in masked autoencoders (He et al., 2022, arXiv 2111.06377).
    Removed,
    /// The whole image.
    Whole,
}

/// The masks of a model: which patches are removed, for each image in each step.
///
/// The masks depend only on the stream, the step and the image, so that encoder, decoder and loss compute the same
/// masks independently.
#[derive(Debug, Clone, Copy)]
pub struct Masks {
    stream: Stream,
    loss: MaskedLoss,
    side: usize,
    patches: usize,
    kept: usize,
}

/// The masks of a batch of `n` images, in the memory of the CPU or of a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// The visible patches, in the order of the encoder's tokens: `[n, kept]`.
    pub kept: Indices,
    /// The removed patches: `[n, removed]`.
    pub removed: Indices,
    /// For each patch, its position in the concatenation of kept and removed patches: `[n, patches]`.
    pub restore: Indices,
    /// For each token of a restored image, its row in the concatenation of the class token, the kept tokens and one
    /// mask token: `[n, 1 + patches]`.
    pub rows: Indices,
}

impl Masks {
    /// Creates the masks for images with `patches` patches of `side` rows and columns.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if the ratio is out of range; [`Error::Setting`] if it leaves no patch.
    pub fn new(masking: Masking, side: usize, patches: usize, stream: Stream) -> Result<Self> {
        let Masking { ratio, loss } = masking;
        range::BELOW_ONE.check("masking.ratio", ratio)?;
        // The number of kept patches is truncated, not rounded.
        let kept = (patches as f64 * (1.0 - ratio)) as usize;
        if kept == 0 {
            let expected = "a fraction that leaves at least one patch";
            return Err(Error::Setting { setting: "masking.ratio", expected, got: ratio.to_string() });
        }
        Ok(Self { stream, loss, side, patches, kept })
    }

    /// The masks of `n` images; `None` if no patch is removed in this mode.
    ///
    /// One random word is drawn for each patch of each image, and the patches with the smallest words are kept.
    pub fn of(&self, mode: Mode, n: usize) -> Option<Mask> {
        let (stream, number) = self.sequence(mode)?;
        Some(self.drawn(&stream, number, n))
    }

    /// The masks on a device. A GPU draws them itself, so that a step with masks can be recorded.
    ///
    /// # Errors
    /// If the GPU fails.
    pub fn of_on(&self, mode: Mode, n: usize, device: &Device) -> Result<Option<Mask>> {
        let Some((stream, number)) = self.sequence(mode) else { return Ok(None) };
        Ok(Some(match device {
            Device::Cpu => self.drawn(&stream, number, n),
            Device::Cuda(gpu) => self.drawn_on(gpu, &stream, number, n)?,
        }))
    }

    /// The random sequence of the mode; `None` if no patch is removed in this mode.
    fn sequence(&self, mode: Mode) -> Option<(Stream, u64)> {
        match mode {
            Mode::Training { step } => Some((self.stream, step)),
            Mode::MaskedEvaluation { batch } => Some((self.stream.child("evaluation"), batch)),
            Mode::Evaluation => None,
        }
    }

    fn drawn_on(&self, gpu: &Arc<Gpu>, stream: &Stream, number: u64, n: usize) -> Result<Mask> {
        let call = gpu.call("draw_masks", DType::F32)?;
        let Self { patches, kept, .. } = *self;
        let list = |rows: usize, below: usize| Indices::written_on(gpu, n * rows, below as u32);
        let mask = Mask {
            kept: list(kept, patches)?,
            removed: list(patches - kept, patches)?,
            restore: list(patches, patches)?,
            rows: list(1 + patches, kept + 2)?,
        };
        let words = [call.size(n)?, call.size(patches)?, call.size(kept)?];
        let arguments = [
            Argument::OutIndices(&mask.kept),
            Argument::OutIndices(&mask.removed),
            Argument::OutIndices(&mask.restore),
            Argument::OutIndices(&mask.rows),
            Argument::Words(&words),
            Argument::U64(stream.key()),
            Argument::Step(number),
        ];
        // One block per image, with shared memory for its random words.
        let threads = patches.next_multiple_of(32).min(256) as u32;
        let grid = Grid { shared: patches * size_of::<u32>(), ..Grid::of_blocks(words[0], threads) };
        call.launch_one("draw_masks".into(), grid, &arguments)?;
        Ok(mask)
    }

    fn drawn(&self, stream: &Stream, number: u64, n: usize) -> Mask {
        let mut words = stream.sequence(number);
        let mut restore = vec![0; n * self.patches];
        let (mut kept, mut removed) = (Vec::new(), Vec::new());
        for restore in restore.chunks_exact_mut(self.patches) {
            let mut order: Vec<(u32, u32)> =
                (0..self.patches as u32).map(|patch| (words.next_u32(), patch)).collect();
            order.sort_unstable();
            for (place, &(_, patch)) in order.iter().enumerate() {
                restore[patch as usize] = place as u32;
                let list = if place < self.kept { &mut kept } else { &mut removed };
                list.push(patch);
            }
        }
        // The class token is first and the mask token last; every removed patch uses the mask token.
        let last = 1 + self.kept as u32;
        let places = restore.chunks_exact(self.patches);
        let rows = places
            .flat_map(|places| std::iter::once(0).chain(places.iter().map(|&place| (1 + place).min(last))))
            .collect();
        let [kept, removed, restore, rows] = [kept, removed, restore, rows].map(Indices::new);
        Mask { kept, removed, restore, rows }
    }

    /// Whether any patch is removed.
    pub(crate) fn remove_any(&self) -> bool {
        self.kept < self.patches
    }

    /// The side of a patch, and the patches of `n` images that are included in the reconstruction loss, on a device;
    /// `None` if all are included.
    pub(crate) fn counted(&self, mode: Mode, n: usize, device: &Device) -> Result<Option<(usize, Indices)>> {
        let whole = matches!(mode, Mode::Training { .. }) && self.loss == MaskedLoss::Whole;
        if whole || !self.remove_any() {
            return Ok(None);
        }
        Ok(self.of_on(mode, n, device)?.map(|mask| (self.side, mask.removed)))
    }
}

/// A layer that keeps only the visible patches: `[n, patches, d]` to `[n, kept, d]`.
#[derive(Debug, Clone, Copy)]
pub struct KeepPatches {
    /// The masks of the model.
    pub masks: Masks,
}

impl Module for KeepPatches {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        let n = x.shape().first().copied().unwrap_or(0);
        match self.masks.of_on(mode, n, &x.value().device())? {
            Some(mask) => Ok(x.gather_rows(&mask.kept)?),
            None => Ok(x.clone()),
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// A layer that restores a token for every patch in row-major order, `[n, 1 + kept, d]` to `[n, 1 + patches, d]`: the
/// input is the class token and the kept patches, and each removed patch gets a learned mask token.
pub struct MaskTokens {
    token: Param,
    masks: Masks,
}

impl MaskTokens {
    /// Creates a layer with a mask token of `d` features, initialised by [`init::normal`].
    pub fn new(d: usize, masks: Masks, stream: &Stream, dtype: DType) -> Self {
        Self { token: init::token(d, stream, dtype), masks }
    }
}

impl Module for MaskTokens {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        let n = x.shape().first().copied().unwrap_or(0);
        let Some(mask) = self.masks.of_on(mode, n, &x.value().device())? else { return Ok(x.clone()) };
        Ok(Var::concat(&[x, &for_each_example(&self.token, x)?], 1)?.gather_rows(&mask.rows)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("token".into(), &self.token)]
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::Tensor;

    use super::*;

    const TRAINING: Mode = Mode::Training { step: 3 };

    fn masks(ratio: f64, patches: usize) -> Result<Masks> {
        Masks::new(Masking { ratio, loss: MaskedLoss::Removed }, 7, patches, Stream::new(1, "mask"))
    }

    #[test]
    fn a9_the_kept_counts_are_truncated_and_the_others_are_removed() {
        for (ratio, kept) in [(0.0, 16), (0.25, 12), (0.5, 8), (0.75, 4), (0.3, 11), (0.93, 1)] {
            let mask = masks(ratio, 16).unwrap().of(TRAINING, 5).unwrap();
            assert_eq!((mask.kept.len(), mask.removed.len()), (5 * kept, 5 * (16 - kept)), "{ratio}");
            // The mask vector of `book/cre.md`, section 3.5, has a 1 for every patch that is not kept.
            for restore in mask.restore.as_slice().chunks(16) {
                assert_eq!(restore.iter().filter(|&&place| place as usize >= kept).count(), 16 - kept);
            }
        }
    }

    #[test]
    fn a9_every_patch_is_kept_or_removed_and_the_inverse_order_leads_back_to_it() {
        let mask = masks(0.5, 16).unwrap().of(TRAINING, 3).unwrap();
        let of = |list: &Indices, image: usize| list.as_slice()[8 * image..][..8].to_vec();
        for (image, restore) in mask.restore.as_slice().chunks(16).enumerate() {
            let order = [of(&mask.kept, image), of(&mask.removed, image)].concat();
            assert!((0..16).all(|patch| order[restore[patch] as usize] == patch as u32));
        }
    }

    #[test]
    fn masks_depend_on_image_step_and_evaluation_only() {
        let masks = masks(0.5, 16).unwrap();
        let mask = masks.of(TRAINING, 4).unwrap();
        let images: Vec<&[u32]> = mask.kept.as_slice().chunks(8).collect();
        assert!((1..4).all(|image| !images[..image].contains(&images[image])));
        assert_ne!(masks.of(Mode::Training { step: 4 }, 4).unwrap(), mask);
        assert_ne!(masks.of(Mode::MaskedEvaluation { batch: 3 }, 4).unwrap(), mask);
        assert_eq!(masks.of(TRAINING, 2).unwrap().kept.as_slice(), &mask.kept.as_slice()[..16]);
        assert_eq!(masks.of(Mode::Evaluation, 4), None);
    }

    #[test]
    fn only_training_may_count_the_whole_image_and_without_masking_all_patches_are_counted() {
        let of = |ratio, loss| Masks::new(Masking { ratio, loss }, 7, 16, Stream::new(1, "mask")).unwrap();
        let evaluation = Mode::MaskedEvaluation { batch: 0 };
        for (loss, ratio, mode, counts_removed) in [
            (MaskedLoss::Removed, 0.5, TRAINING, true),
            (MaskedLoss::Whole, 0.5, TRAINING, false),
            (MaskedLoss::Removed, 0.5, evaluation, true),
            (MaskedLoss::Whole, 0.5, evaluation, true),
            (MaskedLoss::Removed, 0.0, evaluation, false),
            (MaskedLoss::Removed, 0.5, Mode::Evaluation, false),
        ] {
            let counted = of(ratio, loss).counted(mode, 2, &Device::Cpu).unwrap();
            assert_eq!(
                counted.map(|(side, of)| (side, of.len())),
                counts_removed.then_some((7, 16)),
                "{loss:?}"
            );
        }
    }

    #[test]
    fn every_patch_is_kept_equally_often() {
        let masks = masks(0.75, 16).unwrap();
        let mut counts = [0u32; 16];
        let kept = masks.of(TRAINING, 8000).unwrap().kept;
        kept.as_slice().iter().for_each(|&patch| counts[patch as usize] += 1);
        // Binomial(8000, 1/4): the mean is 2000 and the standard deviation 38.7; five standard deviations are 194.
        assert!(counts.iter().all(|&count| count.abs_diff(2000) < 194), "{counts:?}");
    }

    #[test]
    fn a9_every_kept_token_returns_to_its_place_and_the_others_become_the_mask_token() {
        for ratio in [0.0, 0.25, 0.5, 0.75] {
            let masks = masks(ratio, 16).unwrap();
            let kept_only = KeepPatches { masks };
            let restored = MaskTokens::new(1, masks, &Stream::new(1, "init"), DType::F64);
            let token = restored.token.value().item().unwrap();
            let tape = Tape::new();
            // The value of the class token is 100, that of each patch its index.
            let values = (0..2).flat_map(|_| (0..16).map(f64::from)).collect();
            let patches = tape.constant(&Tensor::from_vec(values, &[2, 16, 1]).unwrap());
            let class = tape.constant(&Tensor::full(100.0, &[2, 1, 1], DType::F64));
            let seen = kept_only.forward(&patches, TRAINING).unwrap();
            let seen = Var::concat(&[&class, &seen], 1).unwrap();
            let all = restored.forward(&seen, TRAINING).unwrap().value().to_f64_vec();
            let removed = masks.of(TRAINING, 2).unwrap().removed;
            let per_image = removed.len() / 2;
            for (image, all) in all.chunks_exact(17).enumerate() {
                assert_eq!(all[0], 100.0);
                let removed = &removed.as_slice()[image * per_image..][..per_image];
                for patch in 0..16u32 {
                    let expected = if removed.contains(&patch) { token } else { f64::from(patch) };
                    assert_eq!(all[1 + patch as usize], expected, "ratio {ratio}, patch {patch}");
                }
            }
        }
    }

    #[test]
    fn a_ratio_that_leaves_no_patch_is_refused_by_name() {
        for ratio in [1.0, -0.1, 0.95, f64::NAN] {
            let message = masks(ratio, 16).unwrap_err().to_string();
            assert!(message.starts_with("masking.ratio: expected a "), "{message}");
        }
    }
}
