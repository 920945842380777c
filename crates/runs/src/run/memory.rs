//! Estimates the memory of a run and checks that it is free.

use super::finals;
use crate::Result;
use crate::images::Images;
use crate::learners::RunConfig;
use crate::memory::check_room;
use crate::training::batches::EVALUATED_AT_ONCE;

impl RunConfig {
    /// An estimate of the bytes that the run takes: parameters, gradients and optimiser state, statistics of the images, and
    /// the activations of a batch or the workspace of the final measures.
    pub fn memory(&self, images: &Images) -> u64 {
        let [params, activations] = self.learner.sizes(images.n_pixels());
        let batch = self.batch.max(EVALUATED_AT_ONCE) as u64;
        let layers = activations.saturating_mul(8 * batch).max(self.final_bytes(images));
        let of_images = self.learner.image_bytes(images).max(self.learner.observed_bytes(images));
        params.saturating_mul(16).saturating_add(of_images).saturating_add(layers)
    }

    /// Checks that model and optimiser state fit in free memory.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) with both sizes if they do not.
    pub fn check_parameters(&self, images: &Images) -> Result<()> {
        self.check_bytes(images, 0)
    }

    /// Also checks the memory that training needs for the images; called before a run is resumed.
    ///
    /// # Errors
    /// As [`RunConfig::check_parameters`].
    pub(super) fn check_training(&self, images: &Images) -> Result<()> {
        self.check_bytes(images, self.learner.image_bytes(images))
    }

    /// Also checks the memory of all measures; called before a run starts.
    ///
    /// # Errors
    /// As [`RunConfig::check_parameters`].
    pub fn check_memory(&self, images: &Images) -> Result<()> {
        let measured = self.final_bytes(images).max(self.learner.observed_bytes(images));
        self.check_bytes(images, measured.max(self.learner.image_bytes(images)))
    }

    fn check_bytes(&self, images: &Images, beside: u64) -> Result<()> {
        let (learner, d) = (&self.learner, images.n_pixels());
        if !learner.learns() {
            let what = format!("{} of {} images of {d} pixels", learner.label(), images.train.len());
            return check_room(&what, beside, "use fewer or smaller images");
        }
        let [params, _] = learner.sizes(d);
        // Adam's moments are left out where the number of parameters is only an estimate.
        let bytes_each = if learner.architecture().is_some() { 16 } else { 8 };
        let what = format!("{} with {params} parameters, on images of {d} pixels,", learner.label());
        let needed = params.saturating_mul(bytes_each).saturating_add(beside);
        check_room(&what, needed, "use a smaller model or smaller images")
    }

    /// An estimate of the bytes needed by the final measures.
    fn final_bytes(&self, images: &Images) -> u64 {
        let k = self.learner.latent_len(images.train.image_shape());
        k.map_or(0, |k| finals::bytes(images, k))
    }
}
