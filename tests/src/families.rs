//! A small instance of every model family, with one interface to differentiate, train and inspect it.

use autograd::{Param, Tape, Var};
use models::fc::{self, Size};
use models::resnet_autoencoder::Plan;
use models::{
    Adam, AdamConfig, Cre, CreTrainer, LossTrainer, MaskedLoss, Masking, Mode, Module, Part, Result,
    Schedule, cnn, dcae, mlp, mlpae, resnet_autoencoder, resnet9, vit,
};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// A model family.
pub struct ModelFamily {
    /// Its name in `book/cre.md` or `book/lbr.md`.
    pub name: &'static str,
    /// A batch size at which its loops and matrix multiplications run on several threads.
    pub batch: usize,
    /// Builds a small instance with fixed random parameters and a batch of `n` fixed random images.
    pub instance: fn(DType, usize) -> Box<dyn Instance>,
}

/// All model families; add new ones here. Tests check gradients, linearity, determinism and memory of each.
pub const FAMILIES: [ModelFamily; 12] = [
    ModelFamily { name: "FC-S", batch: 128, instance: |dtype, n| fully_connected(Size::S, dtype, n) },
    ModelFamily { name: "FC-M", batch: 128, instance: |dtype, n| fully_connected(Size::M, dtype, n) },
    ModelFamily { name: "FC-L", batch: 128, instance: |dtype, n| fully_connected(Size::L, dtype, n) },
    ModelFamily {
        name: "CNN-S",
        batch: 16,
        instance: |dtype, n| {
            let model = cnn::cnn_s(4, 10, &init(), dtype);
            cre(model.expect("the settings are legal"), 784, dtype, n)
        },
    },
    ModelFamily {
        name: "CNN-L/16",
        batch: 8,
        instance: |dtype, n| {
            let model = cnn::cnn_l(16, cnn::PAPER_DROPOUT, 10, &init(), dtype);
            cre(model.expect("the settings are legal"), 3072, dtype, n)
        },
    },
    ModelFamily { name: "ViT-S", batch: 32, instance: |dtype, n| transformer(0.0, dtype, n) },
    ModelFamily {
        name: "ViT-S, half of the patches removed",
        batch: 32,
        instance: |dtype, n| transformer(0.5, dtype, n),
    },
    ModelFamily {
        name: "MLP",
        batch: 64,
        instance: |dtype, n| {
            let model = mlp::classifier(&mlp::Config { inputs: 48, classes: 10, depth: 4 }, &init(), dtype);
            single(model.expect("the settings are legal"), &[48], Loss::CrossEntropy, dtype, n)
        },
    },
    ModelFamily {
        name: "ResNet9",
        batch: 4,
        instance: |dtype, n| {
            let config = resnet9::Config { channels: 3, widths: [2, 3, 4, 5, 6], classes: 10 };
            let model = resnet9::classifier(&config, &init(), dtype);
            single(model.expect("the settings are legal"), &[3, 16, 16], Loss::OneHot, dtype, n)
        },
    },
    ModelFamily {
        name: "MLPAE",
        batch: 64,
        instance: |dtype, n| {
            let config = mlpae::Config {
                image: [3, 4, 4],
                latent: 8,
                encoder_depth: 3,
                decoder_depth: 3,
                sigmoid: true,
            };
            let model = mlpae::autoencoder(&config, &init(), dtype);
            single(model.expect("the settings are legal"), &[3, 4, 4], Loss::Reconstruction, dtype, n)
        },
    },
    ModelFamily {
        name: "DCAE",
        batch: 8,
        instance: |dtype, n| {
            let model =
                dcae::autoencoder(&dcae::Config { image: [3, 8, 8], latent: 12, depth: 2 }, &init(), dtype);
            single(model.expect("the settings are legal"), &[3, 8, 8], Loss::Reconstruction, dtype, n)
        },
    },
    ModelFamily { name: "ResNet autoencoder, plan 18", batch: 2, instance: |dtype, n| residual(dtype, n) },
];

/// A model with its batch.
pub trait Instance {
    /// The training losses of the batch; a step differentiates their sum.
    ///
    /// # Errors
    /// If `lambda` is not in [0, 1].
    fn losses<'t>(&self, tape: &'t Tape, lambda: f64) -> Result<Vec<Var<'t>>>;

    /// The weighted sum of the losses that each part of the parameters minimises.
    fn descents(&self, lambda: f64) -> Vec<Descent<'_>>;

    /// The training state: parameters, and buffers such as running statistics.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Trains with the paper's settings and calls `after` with the losses of each step.
    fn train(&self, steps: usize, after: &mut dyn FnMut(&[f64])) -> Result<()>;
}

/// The parameters of a part, and the weights of the losses that it minimises.
pub struct Descent<'a> {
    /// The name of the part.
    pub name: &'static str,
    /// The named parameters.
    pub params: Vec<(String, &'a Param)>,
    /// The weight of each loss, in the order of [`Instance::losses`].
    pub weights: Vec<f64>,
}

/// A CRE, with MSE and cross-entropy as losses.
struct CreInstance {
    model: Cre,
    images: Tensor,
    labels: Indices,
}

impl Instance for CreInstance {
    fn losses<'t>(&self, tape: &'t Tape, lambda: f64) -> Result<Vec<Var<'t>>> {
        let mode = Mode::Training { step: 0 };
        let losses = self.model.losses(tape, &self.images, &self.labels, lambda, mode)?;
        Ok(vec![losses.mse, losses.cross_entropy])
    }

    fn descents(&self, lambda: f64) -> Vec<Descent<'_>> {
        let weights = [vec![lambda, 1.0 - lambda], vec![1.0, 0.0], vec![0.0, 1.0]];
        let descent = |(part, weights): (Part, _)| {
            let params = self.model.part(part).params();
            Descent { name: part.name(), params, weights }
        };
        Part::ALL.into_iter().zip(weights).map(descent).collect()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let all = self.model.params().into_iter().chain(self.model.buffers());
        all.map(|(name, param)| (name, param.value())).collect()
    }

    fn train(&self, steps: usize, after: &mut dyn FnMut(&[f64])) -> Result<()> {
        let mut trainer = CreTrainer::new(&self.model, AdamConfig::PAPER, 0.7)?;
        for _ in 0..steps {
            let report = trainer.step((&self.images, &self.labels))?;
            after(&[report.mse, report.cross_entropy]);
        }
        Ok(())
    }
}

fn init() -> Stream {
    Stream::new(3, "init")
}

fn fully_connected(size: Size, dtype: DType, n: usize) -> Box<dyn Instance> {
    let config = fc::Config::of(size, 16);
    let model = fc::cre(&config, &init(), dtype).expect("the settings are legal");
    cre(model, config.pixels, dtype, n)
}

fn transformer(ratio: f64, dtype: DType, n: usize) -> Box<dyn Instance> {
    let config = vit::Config { masking: Masking { ratio, loss: MaskedLoss::Removed }, ..vit::Config::S };
    cre(vit::cre(&config, &init(), dtype).expect("the settings are legal"), 784, dtype, n)
}

fn residual(dtype: DType, n: usize) -> Box<dyn Instance> {
    let config =
        resnet_autoencoder::Config { plan: Plan::ResNet18, image: [3, 32, 32], latent: 4, width_divisor: 32 };
    let model = resnet_autoencoder::autoencoder(&config, &init(), dtype);
    single(model.expect("the settings are legal"), &[3, 32, 32], Loss::Reconstruction, dtype, n)
}

/// `n` fixed random images of this shape in [-1, 1), and their classes.
fn batch(shape: &[usize], dtype: DType, n: usize) -> (Tensor, Indices) {
    let mut words = Stream::new(3, "images").sequence(0);
    let pixels = n * shape.iter().product::<usize>();
    let values = (0..pixels).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let images =
        Tensor::from_vec::<f64>(values, &[&[n], shape].concat()).expect("the values fill the images");
    (images.to_dtype(dtype), Indices::new((0..n as u32).map(|row| row % 10).collect()))
}

fn cre(model: Cre, pixels: usize, dtype: DType, n: usize) -> Box<dyn Instance> {
    let (images, labels) = batch(&[pixels], dtype, n);
    Box::new(CreInstance { model, images, labels })
}

/// The loss of a model with one output.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// The mean cross-entropy of the class scores.
    CrossEntropy,
    /// The mean squared error of the class scores to one-hot labels.
    OneHot,
    /// The mean squared error of the reconstruction.
    Reconstruction,
}

/// A model with one loss, independent of lambda.
struct Single<M> {
    model: M,
    loss: Loss,
    images: Tensor,
    labels: Indices,
}

fn single<M: Module + 'static>(
    model: M,
    image: &[usize],
    loss: Loss,
    dtype: DType,
    n: usize,
) -> Box<dyn Instance> {
    let (images, labels) = batch(image, dtype, n);
    Box::new(Single { model, loss, images, labels })
}

impl<M: Module> Single<M> {
    fn loss<'t>(&self, tape: &'t Tape, mode: Mode) -> Result<Var<'t>> {
        let images = tape.constant(&self.images);
        let y = self.model.forward(&images, mode)?;
        Ok(match self.loss {
            Loss::CrossEntropy => y.softmax_cross_entropy(&self.labels)?,
            Loss::OneHot => y.one_hot_mse(&self.labels)?,
            Loss::Reconstruction => y.mse(&images)?,
        })
    }
}

impl<M: Module> Instance for Single<M> {
    fn losses<'t>(&self, tape: &'t Tape, _: f64) -> Result<Vec<Var<'t>>> {
        Ok(vec![self.loss(tape, Mode::Training { step: 0 })?])
    }

    fn descents(&self, _: f64) -> Vec<Descent<'_>> {
        vec![Descent { name: "model", params: self.model.params(), weights: vec![1.0] }]
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let all = self.model.params().into_iter().chain(self.model.buffers());
        all.map(|(name, param)| (name, param.value())).collect()
    }

    fn train(&self, steps: usize, after: &mut dyn FnMut(&[f64])) -> Result<()> {
        let adam = Adam::new(&self.model.params(), AdamConfig::PAPER)?;
        let (params, buffers) = (self.model.params(), self.model.buffers());
        let mut trainer = LossTrainer::new(params, buffers, adam, Schedule::Constant, |tape, _, mode| {
            self.loss(tape, mode)
        })?;
        for _ in 0..steps {
            after(&[trainer.step((&self.images, &self.labels))?.loss]);
        }
        Ok(())
    }
}
