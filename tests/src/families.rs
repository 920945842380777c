//! Every family of models as a small instance, with one way to differentiate, train and read them all.

use autograd::{Param, Tape, Var};
use models::fc::{self, Config, Size};
use models::{Activation, AdamConfig, Cre, Mode, Module, Part, Result, Trainer, cnn};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// A family of models.
pub struct Family {
    /// Its name in the specification.
    pub name: &'static str,
    /// A batch large enough for its loops and products to be shared between threads.
    pub batch: usize,
    /// A small instance with fixed random parameters and a batch of so many fixed random images.
    pub instance: fn(DType, usize) -> Box<dyn Instance>,
}

/// To add one: its line here. From it follow the checks of gradients, linearity, determinism and memory.
pub const FAMILIES: [Family; 5] = [
    Family { name: "FC-S", batch: 128, instance: |dtype, n| fully_connected(Size::S, dtype, n) },
    Family { name: "FC-M", batch: 128, instance: |dtype, n| fully_connected(Size::M, dtype, n) },
    Family { name: "FC-L", batch: 128, instance: |dtype, n| fully_connected(Size::L, dtype, n) },
    Family {
        name: "CNN-S",
        batch: 16,
        instance: |dtype, n| cre(cnn::cnn_s(4, &init(), dtype), 784, dtype, n),
    },
    Family {
        name: "CNN-L/16",
        batch: 8,
        instance: |dtype, n| cre(cnn::cnn_l(16, &init(), dtype), 3072, dtype, n),
    },
];

/// A model with its batch.
pub trait Instance {
    /// The losses of the batch in training; the sum of them is what a step differentiates.
    ///
    /// # Errors
    /// If `lambda` is not in [0, 1].
    fn losses<'t>(&self, tape: &'t Tape, lambda: f64) -> Result<Vec<Var<'t>>>;

    /// Which parameters go down which weighted sum of the losses.
    fn descents(&self, lambda: f64) -> Vec<Descent<'_>>;

    /// All that training changes: parameters, and buffers such as running statistics.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Trains for so many steps by the paper's settings and tells the losses of each after it.
    ///
    /// # Errors
    /// If a step fails.
    fn train(&self, steps: usize, after: &mut dyn FnMut(&[f64])) -> Result<()>;
}

/// Parameters and what they go down.
pub struct Descent<'a> {
    /// What the parameters belong to.
    pub name: &'static str,
    /// The parameters with their names.
    pub params: Vec<(String, &'a Param)>,
    /// The weight of each loss, in the order of [`Instance::losses`].
    pub weights: Vec<f64>,
}

/// A CRE; its losses are the MSE and the cross-entropy.
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
        let mut trainer = Trainer::new(&self.model, AdamConfig::PAPER, 0.7);
        for _ in 0..steps {
            let (mse, cross_entropy, _) = trainer.step(&self.images, &self.labels)?;
            after(&[mse, cross_entropy]);
        }
        Ok(())
    }
}

fn init() -> Stream {
    Stream::new(3, "init")
}

fn fully_connected(size: Size, dtype: DType, n: usize) -> Box<dyn Instance> {
    let config = Config { size, pixels: 784, classes: 10, latent: 16, latent_activation: Activation::Relu };
    let model = fc::cre(&config, &init(), dtype).expect("the settings are legal");
    cre(model, config.pixels, dtype, n)
}

fn cre(model: Cre, pixels: usize, dtype: DType, n: usize) -> Box<dyn Instance> {
    let mut words = Stream::new(3, "images").sequence(0);
    let values = (0..n * pixels).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let images = Tensor::from_vec::<f64>(values, &[n, pixels]).expect("the values fill the images");
    let labels = Indices::new((0..n as u32).map(|row| row % 10).collect());
    Box::new(CreInstance { model, images: images.to_dtype(dtype), labels })
}
