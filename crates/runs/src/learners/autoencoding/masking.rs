//! Random masking of patches of images, on the CPU and on a GPU with the same random words.

use std::sync::Arc;

use tensor::gpu::{Argument, Cell, Gpu, Grid};
use tensor::random::Stream;
use tensor::{DType, Tensor};

use super::task::Masked;

impl Masked {
    /// Images `[n, c, h, w]` with masked patches replaced by the mean image; the mask of each image is drawn from the
    /// random sequence with the index of its position in the batch.
    pub(super) fn removed(self, images: &Tensor, mean: &[f32], of_step: &Stream) -> Tensor {
        let &[_, c, h, w] = images.shape() else { unreachable!("images have channels and two sides") };
        let side = self.patch.max(1);
        let across = w.div_ceil(side);
        let mut pixels = images.as_slice::<f32>().expect("batches are in f32").to_vec();
        for (place, image) in pixels.chunks_exact_mut(c * h * w).enumerate() {
            let mut words = of_step.sequence(place as u64);
            let dropped: Vec<bool> =
                (0..across * h.div_ceil(side)).map(|_| words.uniform() < self.drop).collect();
            for (index, (pixel, mean)) in image.iter_mut().zip(mean).enumerate() {
                let (row, column) = (index / w % h, index % w);
                if dropped[row / side * across + column / side] {
                    *pixel = *mean;
                }
            }
        }
        Tensor::from_vec(pixels, images.shape()).expect("the number of pixels is unchanged")
    }
}

/// Masking during training on a GPU: the kernel reads the key of a step from memory, so that the step can be replayed.
pub(super) struct MaskedOnGpu {
    gpu: Arc<Gpu>,
    masked: Masked,
    stream: Stream,
    mean: Tensor,
    key: Cell,
}

impl MaskedOnGpu {
    /// Masks by this mean image, with the masks of a stream.
    pub(super) fn new(gpu: &Arc<Gpu>, masked: Masked, mean: &Tensor, stream: Stream) -> tensor::Result<Self> {
        let key = Cell::of(gpu, &[0_u64], "u64")?;
        Ok(Self { gpu: Arc::clone(gpu), masked, stream, mean: mean.clone(), key })
    }

    /// Selects the masks of a training step.
    pub(super) fn select(&self, step: u64) -> tensor::Result<()> {
        self.key.write(&[self.stream.child(&step.to_string()).key()])
    }

    /// [`Masked::removed`] with the masks of the selected step.
    pub(super) fn removed(&self, images: &Tensor) -> tensor::Result<Tensor> {
        let &[n, c, h, w] = images.shape() else { unreachable!("images have channels and two sides") };
        let call = self.gpu.call("mask_patches", DType::F32)?;
        let masked = call.scratch(images.shape(), DType::F32)?;
        call.size(images.len())?;
        let words = [n, c, h, w, self.masked.patch.max(1)].map(|size| size as u32);
        let arguments = [
            Argument::Out(&masked),
            Argument::In(images),
            Argument::In(&self.mean),
            Argument::Cell(&self.key),
            Argument::Words(&words),
            Argument::U64(threshold(self.masked.drop)),
        ];
        call.launch_one("mask_patches".into(), Grid::over(n * h * w), &arguments)?;
        Ok(masked)
    }
}

/// The threshold for the 53 random bits of a uniform number: the bits are below it where the number is below
/// `probability`.
fn threshold(probability: f64) -> u64 {
    (probability * (1u64 << 53) as f64).ceil() as u64
}
