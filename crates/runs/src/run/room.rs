//! The memory that a run takes, by a rough count, and the check that it is free.

use super::finals;
use crate::Result;
use crate::images::Images;
use crate::learners::RunConfig;
use crate::memory::check_room;
use crate::training::batches::EVALUATED_AT_ONCE;

impl RunConfig {
    /// Bytes that the run takes at most, by a rough count: parameters, their gradients and optimiser, what is computed of
    /// the images as a whole, and what the layers keep of a batch or what is measured at the end.
    pub fn memory(&self, images: &Images) -> u64 {
        let [params, kept] = self.learner.sizes(images.n_pixels());
        let batch = self.batch.max(EVALUATED_AT_ONCE) as u64;
        let layers = kept.saturating_mul(8 * batch).max(self.final_bytes(images));
        let of_images = self.learner.image_bytes(images).max(self.learner.observed_bytes(images));
        params.saturating_mul(16).saturating_add(of_images).saturating_add(layers)
    }

    /// Checks that model and optimiser state fit in free memory.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) with both sizes if they surely do not.
    pub fn check_parameters(&self, images: &Images) -> Result<()> {
        self.check_bytes(images, 0)
    }

    /// The same with what training needs of the images as a whole: checked before a training goes on.
    ///
    /// # Errors
    /// As [`RunConfig::check_parameters`].
    pub(super) fn check_training(&self, images: &Images) -> Result<()> {
        self.check_bytes(images, self.learner.image_bytes(images))
    }

    /// The same with all that is measured: checked before a training begins.
    ///
    /// # Errors
    /// As [`RunConfig::check_parameters`].
    pub fn check_room(&self, images: &Images) -> Result<()> {
        let measured = self.final_bytes(images).max(self.learner.observed_bytes(images));
        self.check_bytes(images, measured.max(self.learner.image_bytes(images)))
    }

    fn check_bytes(&self, images: &Images, beside: u64) -> Result<()> {
        let (learner, d) = (&self.learner, images.n_pixels());
        if !learner.learns() {
            let what = format!("{} of {} images of {d} pixels", learner.label(), images.train.len());
            return check_room(&what, beside, "take fewer or smaller images");
        }
        let [params, _] = learner.sizes(d);
        // Where parameters are counted roughly, Adam's moments are left out.
        let bytes_each = if learner.architecture().is_some() { 16 } else { 8 };
        let what = format!("{} with {params} parameters, on images of {d} pixels,", learner.label());
        let needed = params.saturating_mul(bytes_each).saturating_add(beside);
        check_room(&what, needed, "take a smaller model or smaller images")
    }

    /// About the bytes that are taken by what is measured after the last epoch.
    fn final_bytes(&self, images: &Images) -> u64 {
        let k = self.learner.latent_len(images.train.image_shape());
        k.map_or(0, |k| finals::bytes(images, k))
    }
}
