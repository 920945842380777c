//! Tests that a training step of whole models on the emulated device equals the step on the CPU.

use autograd::{Param, Tape, Var};
use kernels::Setting;
use models::fc::{self, Size};
use models::resnet_autoencoder::Plan;
use models::{
    Activation, Adam, AdamConfig, Autoencoder, Cre, CreTrainer, Evaluation, Guided, LossTrainer, MaskedLoss,
    Masking, Mode, Module, Schedule, Sequential, Sgd, SgdConfig, cnn, dcae, evaluate, guidance, mlp, mlpae,
    resnet_autoencoder, resnet9, to_device, vit,
};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

const MODE: Mode = Mode::Training { step: 0 };

type Named<'a> = Vec<(String, &'a Param)>;

/// A model with its training loss.
trait Trained {
    fn params(&self) -> Named<'_>;
    fn buffers(&self) -> Named<'_>;
    fn loss<'t>(&self, tape: &'t Tape, images: &Tensor, labels: &Indices) -> models::Result<Var<'t>>;
}

impl Trained for Cre {
    fn params(&self) -> Named<'_> {
        self.params()
    }

    fn buffers(&self) -> Named<'_> {
        self.buffers()
    }

    fn loss<'t>(&self, tape: &'t Tape, images: &Tensor, labels: &Indices) -> models::Result<Var<'t>> {
        let losses = self.losses(tape, images, labels, 0.7, MODE)?;
        Ok(losses.mse.add(&losses.cross_entropy)?)
    }
}

impl Trained for Guided {
    fn params(&self) -> Named<'_> {
        self.params()
    }

    fn buffers(&self) -> Named<'_> {
        self.buffers()
    }

    fn loss<'t>(&self, tape: &'t Tape, images: &Tensor, labels: &Indices) -> models::Result<Var<'t>> {
        Ok(self.losses(tape, images, labels, 0.25, MODE)?.total)
    }
}

/// A classifier.
impl Trained for Sequential {
    fn params(&self) -> Named<'_> {
        Module::params(self)
    }

    fn buffers(&self) -> Named<'_> {
        Module::buffers(self)
    }

    fn loss<'t>(&self, tape: &'t Tape, images: &Tensor, labels: &Indices) -> models::Result<Var<'t>> {
        let scores = self.forward(&tape.constant(images), MODE)?;
        Ok(scores.softmax_cross_entropy(labels)?.add(&scores.one_hot_mse(labels)?)?)
    }
}

impl Trained for Autoencoder {
    fn params(&self) -> Named<'_> {
        Module::params(self)
    }

    fn buffers(&self) -> Named<'_> {
        Module::buffers(self)
    }

    fn loss<'t>(&self, tape: &'t Tape, images: &Tensor, _: &Indices) -> models::Result<Var<'t>> {
        let images = tape.constant(images);
        Ok(self.forward(&images, MODE)?.mse(&images)?)
    }
}

/// The results of a step.
struct Step {
    loss: f64,
    gradients: Vec<(String, Vec<f64>)>,
    /// Parameters and buffers after the step.
    learned: Vec<(String, Vec<f64>)>,
}

/// One step of a model that is first moved to this device.
fn step(model: &impl Trained, image: &[usize], n: usize, device: &Device) -> Step {
    let (params, buffers) = (model.params(), model.buffers());
    // SGD is used because its steps differ no more than the gradients do, unlike those of Adam.
    let config = SgdConfig { learning_rate: 0.5, momentum: 0.9, nesterov: true };
    let mut sgd = Sgd::new(&params, config).expect("the settings are valid");
    to_device(params.iter().chain(&buffers).cloned(), device).expect("the shapes fit, and the device works");
    sgd.to_device(&params).expect("the shapes fit, and the device works");
    let (images, labels) = batch(image, n);
    let images = images.to_device(device).expect("the shapes fit, and the device works");
    let (loss, gradients) = {
        let tape = Tape::new();
        let loss = model.loss(&tape, &images, &labels).expect("the shapes fit, and the device works");
        assert_eq!(loss.value().device(), *device);
        (
            loss.value().item().expect("the shapes fit, and the device works"),
            tape.backward(&loss).expect("the shapes fit, and the device works"),
        )
    };
    sgd.step(&params, &gradients, Schedule::Constant.at(0)).expect("the shapes fit, and the device works");
    let gradient = |(name, param): &(String, &Param)| {
        (name.clone(), gradients.param(param).expect("the shapes fit, and the device works").to_f64_vec())
    };
    let value = |(name, param): &(String, &Param)| (name.clone(), param.value().to_f64_vec());
    Step {
        loss,
        gradients: params.iter().map(gradient).collect(),
        learned: params.iter().chain(&buffers).map(value).collect(),
    }
}

/// `n` images of this shape in [0, 1), and their classes.
fn batch(image: &[usize], n: usize) -> (Tensor, Indices) {
    let mut words = Stream::new(3, "images").sequence(0);
    let pixels = (0..n * image.iter().product::<usize>()).map(|_| words.uniform() as f32).collect();
    let images =
        Tensor::from_vec(pixels, &[&[n], image].concat()).expect("the shapes fit, and the device works");
    (images, Indices::new((0..n as u32).map(|row| row % 3).collect()))
}

/// Checks equality up to roundings of `f32`: ten per layer, relative to the largest value. A layer has one or two
/// parameters, so the number of layers is at most the number of listed tensors, or about twenty-five for shorter lists.
fn assert_close(what: &str, got: &[(String, Vec<f64>)], expected: &[(String, Vec<f64>)]) {
    let largest =
        expected.iter().flat_map(|(_, elements)| elements).fold(0.0f64, |largest, x| largest.max(x.abs()));
    let allowed = 10.0 * expected.len().max(25) as f64 * f64::from(f32::EPSILON) * largest;
    assert!(allowed.is_finite(), "{what}: the expected values are not finite");
    for ((name, got), (_, expected)) in got.iter().zip(expected) {
        for (got, expected) in got.iter().zip(expected) {
            assert!(
                (got - expected).abs() <= allowed,
                "{what} {name}: {got} {expected}, {allowed} is allowed"
            );
        }
    }
}

fn trains_there_as_here<M: Trained>(image: &[usize], n: usize, model: impl Fn() -> M) {
    let here = step(&model(), image, n, &Device::Cpu);
    let there = step(&model(), image, n, &Setting::ALL[2].device());
    let loss = |step: &Step| [("training".to_owned(), vec![step.loss])];
    assert_close("the loss of", &loss(&there), &loss(&here));
    assert_close("the gradient of", &there.gradients, &here.gradients);
    assert_close("the new", &there.learned, &here.learned);
}

/// The losses of four steps on this device, and the evaluation after them.
fn trained(device: &Device) -> (Vec<f64>, Evaluation) {
    let latent_activation = Activation::Identity;
    let config = fc::Config { pixels: 30, classes: 3, latent_activation, ..fc::Config::of(Size::S, 7) };
    let model = fc::cre(&config, &init(), DType::F32).expect("the shapes fit, and the device works");
    let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.7).expect("the settings are valid");
    trainer.to_device(device).expect("the shapes fit, and the device works");
    let (images, labels) = batch(&[30], 5);
    let images = images.to_device(device).expect("the shapes fit, and the device works");
    let losses = (0..4).flat_map(|_| {
        let report = trainer.step((&images, &labels)).expect("the shapes fit, and the device works");
        [report.mse, report.cross_entropy, report.conflict.cosine]
    });
    (losses.collect(), evaluate(&model, [(images, labels)]).expect("the shapes fit, and the device works"))
}

#[test]
fn a_trainer_moves_its_model_to_the_device_and_evaluates_there() {
    let ((here, of_here), (there, of_there)) = (trained(&Device::Cpu), trained(&Setting::ALL[1].device()));
    let [here, there] = [(here, of_here), (there, of_there)]
        .map(|(losses, of)| [losses, vec![of.mse, of.cross_entropy, of.accuracy]].concat());
    assert_close("the losses of", &[("training".into(), there)], &[("training".into(), here)]);
}

#[test]
fn a_trainer_of_one_loss_moves_its_model_to_the_device_and_saves_and_loads_it() {
    let config = mlp::Config { inputs: 20, classes: 3, depth: 3 };
    let losses = |device: &Device| {
        let model = mlp::classifier(&config, &init(), DType::F32).unwrap();
        let adam = Adam::new(&Trained::params(&model), AdamConfig::PAPER).unwrap();
        let (params, buffers) = (Trained::params(&model), Trained::buffers(&model));
        let mut trainer =
            LossTrainer::new(params, buffers, adam, Schedule::Constant, |tape, example, mode| {
                let scores = model.forward(&tape.constant(&example.images), mode)?;
                Ok(scores.softmax_cross_entropy(&example.labels)?)
            })
            .unwrap();
        trainer.to_device(device).unwrap();
        let (images, labels) = batch(&[20], 6);
        let images = images.to_device(device).unwrap();
        let step = |trainer: &mut LossTrainer<'_>| trainer.step((&images, &labels)).map(|report| report.loss);
        let mut losses = vec![step(&mut trainer).unwrap()];
        let state = trainer.state();
        losses.push(step(&mut trainer).unwrap());
        // The state is in the CPU's memory, as if it were read from a file.
        trainer
            .load(|name| {
                let (_, tensor) = state.iter().find(|(own, _)| own == name)?;
                tensor.to_device(&Device::Cpu).ok()
            })
            .unwrap();
        losses.push(step(&mut trainer).unwrap());
        losses
    };
    let (here, there) = (losses(&Device::Cpu), losses(&Setting::ALL[0].device()));
    assert_eq!(there[1], there[2]);
    assert_close("the losses of", &[("training".into(), there)], &[("training".into(), here)]);
}

fn init() -> Stream {
    Stream::new(3, "init")
}

#[test]
fn a_fully_connected_cre_trains_on_a_device() {
    for size in [Size::S, Size::M] {
        let config = fc::Config { pixels: 30, classes: 3, ..fc::Config::of(size, 7) };
        trains_there_as_here(&[30], 5, || fc::cre(&config, &init(), DType::F32).unwrap());
    }
}

#[test]
fn a_convolutional_cre_trains_on_a_device() {
    trains_there_as_here(&[784], 3, || cnn::cnn_s(2, 10, &init(), DType::F32).unwrap());
    trains_there_as_here(&[3072], 2, || cnn::cnn_l(32, cnn::PAPER_DROPOUT, 10, &init(), DType::F32).unwrap());
}

#[test]
fn a_transformer_trains_on_a_device_with_and_without_masks() {
    let stack = vit::Stack { width: 8, depth: 1, heads: 2 };
    for ratio in [0.0, 0.5] {
        let masking = Masking { ratio, loss: MaskedLoss::Removed };
        let config = vit::Config {
            side: 8,
            patch: 2,
            classes: 3,
            encoder: stack,
            decoder: stack,
            masking,
            ..vit::Config::S
        };
        trains_there_as_here(&[64], 4, || vit::cre(&config, &init(), DType::F32).unwrap());
    }
}

#[test]
fn classifiers_train_on_a_device() {
    let config = mlp::Config { inputs: 20, classes: 3, depth: 4 };
    trains_there_as_here(&[20], 6, || mlp::classifier(&config, &init(), DType::F32).unwrap());
    let config = resnet9::Config { channels: 3, widths: [2, 3, 4, 5, 6], classes: 3 };
    trains_there_as_here(&[3, 16, 16], 3, || resnet9::classifier(&config, &init(), DType::F32).unwrap());
}

#[test]
fn autoencoders_train_on_a_device() {
    let config =
        mlpae::Config { image: [3, 4, 4], latent: 5, encoder_depth: 3, decoder_depth: 3, sigmoid: true };
    trains_there_as_here(&[3, 4, 4], 6, || mlpae::autoencoder(&config, &init(), DType::F32).unwrap());
    let config = dcae::Config { image: [3, 8, 8], latent: 12, depth: 2 };
    trains_there_as_here(&[3, 8, 8], 4, || dcae::autoencoder(&config, &init(), DType::F32).unwrap());
    let config =
        resnet_autoencoder::Config { plan: Plan::ResNet18, image: [3, 32, 32], latent: 4, width_divisor: 32 };
    trains_there_as_here(&[3, 32, 32], 2, || {
        resnet_autoencoder::autoencoder(&config, &init(), DType::F32).unwrap()
    });
}

#[test]
fn a_guided_autoencoder_trains_on_a_device() {
    let config =
        mlpae::Config { image: [1, 3, 4], latent: 4, encoder_depth: 3, decoder_depth: 2, sigmoid: true };
    trains_there_as_here(&[1, 3, 4], 6, || {
        let (init, dtype) = (init(), DType::F32);
        Guided::new(
            mlpae::autoencoder(&config, &init.child("autoencoder"), dtype).unwrap(),
            guidance::linear_probe(4, 3, &init.child("linear"), dtype).unwrap(),
            guidance::nonlinear_probe(4, 5, 3, &init.child("nonlinear"), dtype).unwrap(),
        )
    });
}
