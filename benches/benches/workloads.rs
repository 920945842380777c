//! The benchmark workloads: the models of both papers and models common to all frameworks, each on one random batch.
#![forbid(unsafe_code)]

mod closed_forms;
mod operations;
mod vision;

pub use operations::{OPERATIONS, Operation};

/// The result type of the benchmarks.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

use autograd::{Tape, Var};
use models::fc::{self, Config, Size};
use models::{
    Adam, AdamConfig, Autoencoder, Cre, CreTrainer, DeviceBatches, LossTrainer, Mode, Module, Part, Schedule,
    Sequential, cnn, dcae, mlpae, vit,
};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

/// The names of all workloads: those of the CRE paper, of the LBR paper, and those common to all frameworks.
pub const NAMES: [&str; 13] = [
    "fc_s",
    "fc_m",
    "fc_l",
    "cnn_s",
    "cnn_l",
    "vit_s",
    "dcae",
    "mlpae",
    "mlp_ae",
    "cnn_cre",
    "vit_cre",
    "resnet9",
    "resnet_ae",
];

/// A model and the batch that it is trained on repeatedly.
pub struct Workload {
    model: Model,
    images: Tensor,
    labels: Indices,
    learning_rate: f64,
}

/// A model with its loss.
enum Model {
    /// Each part has its own loss, as in the CRE paper.
    Routed(Cre),
    /// All parts minimise the mean of both losses.
    Both(Cre),
    /// The mean squared error of the reconstruction.
    Reconstruction(Autoencoder),
    /// The mean squared error to one-hot labels.
    OneHot(Sequential),
}

impl Workload {
    /// One of [`NAMES`], with its default or another batch size; `None` for other names.
    pub fn named(name: &str, batch: Option<usize>) -> Option<Self> {
        use Model::{Both, OneHot, Reconstruction, Routed};
        const FLAT: &[usize] = &[784];
        const GREY: &[usize] = &[1, 28, 28];
        const COLOUR: &[usize] = &[3, 32, 32];
        let (stream, f32) = (&Stream::new(0, "init"), DType::F32);
        let image = [3, 32, 32];
        let (model, shape, own_batch, learning_rate) = match name {
            "fc_s" => (Routed(fc(Size::S, stream)?), FLAT, 512, 1e-3),
            "fc_m" => (Routed(fc(Size::M, stream)?), FLAT, 512, 1e-3),
            "fc_l" => (Routed(fc(Size::L, stream)?), FLAT, 512, 1e-3),
            "cnn_s" => (Routed(cnn::cnn_s(16, 10, stream, f32).ok()?), GREY, 512, 1e-3),
            "cnn_l" => (Routed(cnn::cnn_l(1, cnn::PAPER_DROPOUT, 10, stream, f32).ok()?), COLOUR, 64, 1e-3),
            "vit_s" => (Routed(vit::cre(&vit::Config::S, stream, f32).ok()?), GREY, 512, 1e-3),
            "dcae" => {
                let config = dcae::Config { image, latent: 512, depth: 3 };
                (Reconstruction(dcae::autoencoder(&config, stream, f32).ok()?), COLOUR, 256, 1e-3)
            }
            "mlpae" => {
                let config =
                    mlpae::Config { image, latent: 512, encoder_depth: 3, decoder_depth: 3, sigmoid: true };
                (Reconstruction(mlpae::autoencoder(&config, stream, f32).ok()?), COLOUR, 256, 1e-3)
            }
            "mlp_ae" => (Both(vision::mlp_ae(stream)), FLAT, 128, 1e-4),
            "cnn_cre" => (Both(vision::cnn_cre(stream)), COLOUR, 128, 1e-4),
            "vit_cre" => (Both(vision::vit_cre(stream)), COLOUR, 128, 1e-4),
            "resnet9" => (OneHot(vision::resnet9(stream)), COLOUR, 128, 1e-4),
            "resnet_ae" => (Reconstruction(vision::resnet_ae(stream)), COLOUR, 64, 1e-4),
            _ => return None,
        };
        let batch = batch.unwrap_or(own_batch);
        let mut words = Stream::new(0, "images").sequence(0);
        let pixels = batch * shape.iter().product::<usize>();
        let pixels = (0..pixels).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
        let images = Tensor::from_vec(pixels, &[&[batch], shape].concat()).ok()?;
        let labels = Indices::new((0..batch).map(|_| (10.0 * words.uniform()) as u32).collect());
        Some(Self { model, images, labels, learning_rate })
    }

    /// Moves the batch to a device; [`Workload::training`] also moves the model.
    pub fn to_device(self, device: &Device) -> models::Result<Self> {
        Ok(Self { images: self.images.to_device(device)?, ..self })
    }

    /// The number of images per step.
    pub fn batch(&self) -> usize {
        self.labels.len()
    }

    /// The number of trainable parameters.
    pub fn n_params(&self) -> usize {
        let params = match &self.model {
            Model::Routed(cre) | Model::Both(cre) => cre.params(),
            Model::Reconstruction(autoencoder) => autoencoder.params(),
            Model::OneHot(classifier) => classifier.params(),
        };
        params.iter().map(|(_, param)| param.len()).sum()
    }

    /// A trainer of the model with Adam on the device of the images; lambda is 0.5 if there are two losses.
    pub fn training(&self) -> models::Result<Training<'_>> {
        let mut training = self.training_on_cpu()?;
        let device = self.images.device();
        match &mut training {
            Training::Cre(_, trainer) => trainer.to_device(&device)?,
            Training::Loss(_, trainer) => trainer.to_device(&device)?,
        }
        Ok(training)
    }

    fn training_on_cpu(&self) -> models::Result<Training<'_>> {
        let config = AdamConfig { learning_rate: self.learning_rate, ..AdamConfig::PAPER };
        let of_loss = |params: Vec<_>, buffers| {
            let adam = Adam::new(&params, config)?;
            let trainer = LossTrainer::new(params, buffers, adam, Schedule::Constant, |tape, _, mode| {
                self.loss(tape, mode)
            });
            Ok(Training::Loss(self, Box::new(trainer?)))
        };
        match &self.model {
            Model::Routed(cre) => Ok(Training::Cre(self, Box::new(CreTrainer::new(cre, config, 0.5)?))),
            Model::Both(cre) => of_loss(cre.params(), cre.buffers()),
            Model::Reconstruction(autoencoder) => of_loss(autoencoder.params(), autoencoder.buffers()),
            Model::OneHot(classifier) => of_loss(classifier.params(), classifier.buffers()),
        }
    }

    /// A forward pass in evaluation mode, including heads and decoder; returns the first element of the output.
    pub fn infer(&self) -> models::Result<f64> {
        let out = match &self.model {
            Model::Routed(cre) | Model::Both(cre) => cre.represent(&self.images)?.logits,
            Model::Reconstruction(autoencoder) => autoencoder.reconstruct(&self.images)?,
            Model::OneHot(classifier) => classifier.output(&self.images)?,
        };
        Ok(out.to_f64_vec()[0])
    }

    /// The loss of a model with one loss.
    fn loss<'t>(&self, tape: &'t Tape, mode: Mode) -> models::Result<Var<'t>> {
        let images = tape.constant(&self.images);
        Ok(match &self.model {
            Model::Routed(cre) | Model::Both(cre) => {
                let z = cre.part(Part::Encoder).forward(&images, mode)?;
                let mse = cre.part(Part::Decoder).forward(&z, mode)?.mse(&images)?;
                let logits = cre.part(Part::Classifier).forward(&z, mode)?;
                mse.add(&logits.softmax_cross_entropy(&self.labels)?)?.scale(0.5)?
            }
            Model::Reconstruction(autoencoder) => autoencoder.forward(&images, mode)?.mse(&images)?,
            Model::OneHot(classifier) => classifier.forward(&images, mode)?.one_hot_mse(&self.labels)?,
        })
    }
}

/// A workload with its trainer.
pub enum Training<'w> {
    /// Each part has its own loss.
    Cre(&'w Workload, Box<CreTrainer<'w>>),
    /// All parameters have the same loss.
    Loss(&'w Workload, Box<LossTrainer<'w>>),
}

impl Training<'_> {
    /// Runs one step; returns the loss before it.
    ///
    /// # Errors
    /// If the loss is not finite.
    pub fn step(&mut self) -> models::Result<f64> {
        match self {
            Self::Cre(workload, trainer) => {
                Ok(0.5 * trainer.step((&workload.images, &workload.labels))?.loss)
            }
            Self::Loss(workload, trainer) => Ok(trainer.step((&workload.images, &workload.labels))?.loss),
        }
    }

    /// Runs `steps` steps, recorded once and replayed on a GPU; returns the mean loss.
    ///
    /// # Errors
    /// As [`Training::step`].
    pub fn steps_recorded(&mut self, steps: usize) -> models::Result<f64> {
        let (Self::Cre(workload, _) | Self::Loss(workload, _)) = self;
        let workload: &Workload = workload;
        let gather = |_| Ok((&workload.images, &workload.labels).into());
        let batches = DeviceBatches::new(steps, |_| Ok(()), gather);
        match self {
            Self::Cre(_, trainer) => Ok(0.5 * trainer.epoch(1, batches)?.loss),
            Self::Loss(_, trainer) => Ok(trainer.epoch(1, batches)?.loss),
        }
    }
}

/// A fully connected CRE with k = 16 ReLU latents.
fn fc(size: Size, stream: &Stream) -> Option<Cre> {
    fc::cre(&Config::of(size, 16), stream, DType::F32).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_the_parameters_of_its_counterpart() {
        // Counted by PyTorch for the models of benches/peers.
        let expected = [
            26_058, 987_966, 2_971_146, 12_251, 1_753_357, 2_795, 2_666_275, 12_855_808, 2_636_498, 714_125,
            3_654_074, 6_573_120, 21_134_851,
        ];
        for (name, count) in NAMES.into_iter().zip(expected) {
            let workload = Workload::named(name, Some(2)).unwrap();
            assert_eq!((name, workload.n_params()), (name, count));
        }
    }
}
