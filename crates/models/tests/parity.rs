//! Tests of parity with PyTorch for equal weights; `fixtures/make.py` creates and documents the fixture files.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agon_models::fc::{self, Size};
use agon_models::resnet_autoencoder::{self, Plan};
use agon_models::vit::{self, Stack};
use agon_models::{
    Adam, AdamConfig, Autoencoder, Cre, CreTrainer, MaskedLoss, Masking, Masks, Mode, Module, Sequential,
    cnn, dcae, mlp, mlpae, resnet9, weights,
};
use autograd::{Gradients, Param, Tape, Var};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// The number of stored elements of a large tensor, as in `make.py`.
const TABLE: usize = 251;
const SAMPLES: usize = 60;
const LAMBDA: f64 = 0.3;
const DECAY: f64 = 1e-3;

/// In 64 bits, two orders of summation differ by about ten epsilons per step. After 50 steps of Adam, nine families are
/// within 1e-12 and four within 2e-11; the bound leaves a margin for CPUs with other loops. In 32 bits there are ten
/// steps, and epsilon is 5e8 times larger: allowed is a factor of ten per step, for ten steps, and ten for Adam.
const ALLOWED: [(DType, f64); 2] = [(DType::F64, 1e-10), (DType::F32, 1e-4)];

/// The interface of a model that is compared with PyTorch.
trait Subject {
    fn params(&self) -> Vec<(String, &Param)>;
    fn buffers(&self) -> Vec<(String, &Param)>;
    /// The outputs of the model for a batch in evaluation mode, with their names in the file.
    fn outputs(&self, x: &Tensor) -> Vec<(&'static str, Tensor)>;
    /// The losses whose sum is differentiated.
    fn losses<'t>(&self, tape: &'t Tape, x: &Tensor, y: &Indices, mode: Mode) -> Vec<Var<'t>>;

    fn all(&self) -> Vec<(String, &Param)> {
        self.params().into_iter().chain(self.buffers()).collect()
    }
}

impl Subject for Cre {
    fn params(&self) -> Vec<(String, &Param)> {
        Cre::params(self)
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        Cre::buffers(self)
    }

    fn outputs(&self, x: &Tensor) -> Vec<(&'static str, Tensor)> {
        let of = self.represent(x).unwrap();
        vec![("z", of.z), ("reconstruction", of.reconstruction), ("logits", of.logits)]
    }

    fn losses<'t>(&self, tape: &'t Tape, x: &Tensor, y: &Indices, mode: Mode) -> Vec<Var<'t>> {
        let losses = Cre::losses(self, tape, x, y, LAMBDA, mode).unwrap();
        vec![losses.mse, losses.cross_entropy]
    }
}

impl Subject for Autoencoder {
    fn params(&self) -> Vec<(String, &Param)> {
        Module::params(self)
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        Module::buffers(self)
    }

    fn outputs(&self, x: &Tensor) -> Vec<(&'static str, Tensor)> {
        vec![("z", self.encode(x).unwrap()), ("reconstruction", self.reconstruct(x).unwrap())]
    }

    fn losses<'t>(&self, tape: &'t Tape, x: &Tensor, _: &Indices, mode: Mode) -> Vec<Var<'t>> {
        let x = tape.constant(x);
        vec![self.forward(&x, mode).unwrap().mse(&x).unwrap()]
    }
}

/// A classifier.
impl Subject for Sequential {
    fn params(&self) -> Vec<(String, &Param)> {
        Module::params(self)
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        Module::buffers(self)
    }

    fn outputs(&self, x: &Tensor) -> Vec<(&'static str, Tensor)> {
        vec![("logits", self.output(x).unwrap())]
    }

    fn losses<'t>(&self, tape: &'t Tape, x: &Tensor, y: &Indices, mode: Mode) -> Vec<Var<'t>> {
        vec![self.forward(&tape.constant(x), mode).unwrap().softmax_cross_entropy(y).unwrap()]
    }
}

/// The tensors of one fixture file.
struct Fixture {
    name: &'static str,
    tensors: BTreeMap<String, Tensor>,
    allowed: f64,
}

impl Fixture {
    fn read(name: &'static str, dtype: DType, allowed: f64) -> Self {
        let file = format!("tests/fixtures/{name}-{dtype}.safetensors");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        Self { name, tensors: weights::read(&path).unwrap(), allowed }
    }

    fn get(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("{}: no `{name}` in the file", self.name))
    }

    /// The tensors whose names begin with `prefix`, with the prefix removed.
    fn below(&self, prefix: &str) -> Vec<(String, &Tensor)> {
        let named = self.tensors.iter();
        named.filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor))).collect()
    }

    fn adam(&self) -> AdamConfig {
        AdamConfig { epsilon: self.get("epsilon").item().unwrap(), ..AdamConfig::PAPER }
    }

    /// The batch: images of this shape and their labels.
    fn batch(&self, image: &[usize]) -> (Tensor, Indices) {
        let classes: Vec<u32> = self.get("y").to_f64_vec().into_iter().map(|class| class as u32).collect();
        let shape = [&[classes.len()], image].concat();
        (filled(self.get("x"), &shape), Indices::new(classes))
    }

    /// Loads the weights of the fixture into the model through a file, which must contain exactly the model's tensors.
    fn load_into(&self, model: &dyn Subject) {
        let shapes: BTreeMap<String, Vec<usize>> =
            model.all().into_iter().map(|(name, param)| (name, param.value().shape().to_vec())).collect();
        let first = self.below("init.").into_iter().map(|(name, stored)| {
            let shape = shapes.get(&name).map_or(stored.shape(), Vec::as_slice);
            let value = filled(stored, shape);
            (name, value)
        });
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("first.safetensors");
        weights::write(&path, &first.collect::<Vec<_>>()).unwrap();
        weights::load(&path, model.all()).unwrap();
    }

    /// Compares a result with its stored part. An element may differ by `allowed` times the largest element, or times
    /// `least` if that is larger; the sum of all elements may differ by that times their number.
    fn compare(&self, name: &str, got: &Tensor, least: f64) {
        let (expected, got) = (self.get(name).to_f64_vec(), got.to_f64_vec());
        let kept = if got.len() <= SAMPLES {
            got.clone()
        } else {
            let step = got.len().div_ceil(SAMPLES) | 1;
            got.iter().copied().step_by(step).chain([got.iter().sum()]).collect()
        };
        assert_eq!(kept.len(), expected.len(), "{}: the number of elements of {name}", self.name);
        let largest = got.iter().fold(least, |largest, x| x.abs().max(largest));
        for (place, (kept, pytorch)) in kept.iter().zip(&expected).enumerate() {
            let of_sum = got.len() > SAMPLES && place + 1 == expected.len();
            let scale = if of_sum { largest * got.len() as f64 } else { largest };
            let off = (kept - pytorch).abs();
            let of = format!("{}: {name}, stored element {place}", self.name);
            let allowed = self.allowed * scale;
            assert!(
                off <= allowed,
                "{of}: {kept}, PyTorch has {pytorch}; off by {off:e}, allowed are {allowed:e}"
            );
        }
    }
}

/// A tensor of this shape with the elements of a stored one, which are repeated if the shape is larger.
fn filled(stored: &Tensor, shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    if n <= TABLE {
        return stored.clone();
    }
    let values = stored.to_f64_vec().into_iter().cycle().take(n).collect();
    Tensor::from_vec::<f64>(values, shape).unwrap().to_dtype(stored.dtype())
}

fn differentiate(model: &dyn Subject, x: &Tensor, y: &Indices, mode: Mode) -> (Vec<f64>, Gradients) {
    let tape = Tape::new();
    let losses = model.losses(&tape, x, y, mode);
    let values = losses.iter().map(|loss| loss.value().item().unwrap()).collect();
    let sum = losses[1..].iter().fold(losses[0].clone(), |sum, loss| sum.add(loss).unwrap());
    (values, tape.backward(&sum).unwrap())
}

/// Compares outputs, gradients, ten losses and, if the file has them, all parameters and buffers after 50 steps. `mode`
/// gives the mode of each step.
fn compare(model: &dyn Subject, image: &[usize], fixture: &Fixture, decay: f64, mode: fn(u64) -> Mode) {
    fixture.load_into(model);
    let (x, y) = fixture.batch(image);
    for (name, output) in model.outputs(&x) {
        fixture.compare(name, &output, 0.0);
    }

    // The gradient of a bias before a batch norm is zero up to the rounding of larger values, so it is compared
    // relative to a hundredth of the largest gradient.
    let stored = fixture.below("grad.");
    assert_eq!(stored.len(), model.params().len(), "{}: the number of gradients", fixture.name);
    let largest =
        stored.iter().flat_map(|(_, gradient)| gradient.to_f64_vec()).fold(0.0, |a: f64, b| a.max(b.abs()));
    let ten = fixture.get("losses").to_f64_vec();
    let mut adam = Adam::new(&model.params(), fixture.adam()).unwrap().with_weight_decay(decay).unwrap();
    let n_steps = if fixture.below("after.").is_empty() { 10 } else { 50 };
    let mut losses = Vec::new();
    for step in 0..n_steps {
        let (now, gradients) = differentiate(model, &x, &y, mode(step));
        if step == 0 {
            for (name, param) in model.params() {
                fixture.compare(&format!("grad.{name}"), gradients.param(param).unwrap(), largest / 100.0);
            }
        }
        losses.extend(now);
        adam.step(&model.params(), &gradients).unwrap();
    }
    compare_losses(fixture, &losses[..ten.len()], &ten);
    for (name, _) in fixture.below("after.") {
        let (_, param) = model.all().into_iter().find(|(own, _)| *own == name).unwrap();
        fixture.compare(&format!("after.{name}"), &param.value(), 1.0);
    }
}

fn compare_losses(fixture: &Fixture, got: &[f64], expected: &[f64]) {
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let off = ((got - expected) / expected).abs();
        assert!(off <= fixture.allowed, "{}: loss {place}: {got}, PyTorch has {expected}", fixture.name);
    }
}

const TRAINING: fn(u64) -> Mode = |step| Mode::Training { step };

/// Compares a CRE, including the losses of [`CreTrainer`].
fn check_cre(name: &'static str, image: &[usize], build: impl Fn(DType) -> Cre) {
    for (dtype, allowed) in ALLOWED {
        let (fixture, model) = (Fixture::read(name, dtype, allowed), build(dtype));
        compare(&model, image, &fixture, 0.0, TRAINING);
        fixture.load_into(&model);
        let (x, y) = fixture.batch(image);
        let mut trainer = CreTrainer::new(&model, fixture.adam(), LAMBDA).unwrap();
        let mut step = || trainer.step((&x, &y)).map(|report| [report.mse, report.cross_entropy]).unwrap();
        let losses: Vec<f64> = (0..10).flat_map(|_| step()).collect();
        compare_losses(&fixture, &losses, &fixture.get("losses").to_f64_vec());
    }
}

/// Compares a model with one loss, trained by AdamW with the weight decay of the LBR paper.
fn check<M: Subject>(name: &'static str, image: &[usize], build: impl Fn(DType) -> agon_models::Result<M>) {
    for (dtype, allowed) in ALLOWED {
        compare(&build(dtype).unwrap(), image, &Fixture::read(name, dtype, allowed), DECAY, TRAINING);
    }
}

fn stream() -> Stream {
    Stream::new(0, "init")
}

fn fc_of(size: Size) -> impl Fn(DType) -> Cre {
    let config = fc::Config { pixels: 20, ..fc::Config::of(size, 3) };
    move |dtype| fc::cre(&config, &stream(), dtype).unwrap()
}

#[test]
fn fc_s_computes_what_pytorch_computes() {
    check_cre("fc_s", &[20], fc_of(Size::S));
}

#[test]
fn fc_m_computes_what_pytorch_computes() {
    check_cre("fc_m", &[20], fc_of(Size::M));
}

#[test]
fn fc_l_computes_what_pytorch_computes() {
    check_cre("fc_l", &[20], fc_of(Size::L));
}

#[test]
fn cnn_s_computes_what_pytorch_computes() {
    check_cre("cnn_s", &[1, 28, 28], |dtype| cnn::cnn_s(4, 10, &stream(), dtype).unwrap());
}

/// In training, both sides would have to drop the same channels, so the steps are in evaluation mode.
#[test]
fn cnn_l_computes_what_pytorch_computes_in_evaluation_mode() {
    for (dtype, allowed) in ALLOWED {
        let model = cnn::cnn_l(16, cnn::PAPER_DROPOUT, 10, &stream(), dtype).unwrap();
        let fixture = Fixture::read("cnn_l", dtype, allowed);
        compare(&model, &[3, 32, 32], &fixture, 0.0, |_| Mode::Evaluation);
    }
}

fn vit_of(ratio: f64) -> vit::Config {
    let stack = |depth| Stack { width: 8, depth, heads: 4 };
    let masking = Masking { ratio, loss: MaskedLoss::Removed };
    let (encoder, decoder) = (stack(2), stack(1));
    vit::Config { side: 8, channels: 3, patch: 4, encoder, decoder, masking, ..vit::Config::S }
}

#[test]
fn vit_computes_what_pytorch_computes() {
    check_cre("vit", &[3, 8, 8], |dtype| vit::cre(&vit_of(0.0), &stream(), dtype).unwrap());
}

/// The fixture was computed with our masks of step 0, so every step here uses the mode of step 0.
#[test]
fn vit_with_removed_patches_computes_what_pytorch_computes() {
    let config = vit_of(0.5);
    let masks = Masks::new(config.masking, config.patch, 4, stream().child("mask")).unwrap();
    let first = |_| Mode::Training { step: 0 };
    let mut kept = masks.of(first(0), 4).unwrap().kept.as_slice().to_vec();
    kept.chunks_exact_mut(2).for_each(<[u32]>::sort_unstable);
    let (dtype, allowed) = ALLOWED[0];
    let fixture = Fixture::read("vit_masked", dtype, allowed);
    let pytorchs = fixture.get("kept").to_f64_vec();
    assert_eq!(kept, pytorchs.into_iter().map(|patch| patch as u32).collect::<Vec<_>>());
    compare(&vit::cre(&config, &stream(), dtype).unwrap(), &[3, 8, 8], &fixture, 0.0, first);
}

#[test]
fn mlp_computes_what_pytorch_computes() {
    let config = mlp::Config { inputs: 48, classes: 10, depth: 4 };
    check("mlp", &[3, 4, 4], |dtype| mlp::classifier(&config, &stream(), dtype));
}

#[test]
fn resnet9_computes_what_pytorch_computes() {
    let config = resnet9::Config { channels: 3, widths: [2, 3, 4, 5, 6], classes: 10 };
    check("resnet9", &[3, 32, 32], |dtype| resnet9::classifier(&config, &stream(), dtype));
}

#[test]
fn mlpae_computes_what_pytorch_computes() {
    let config =
        mlpae::Config { image: [3, 4, 4], latent: 6, encoder_depth: 3, decoder_depth: 3, sigmoid: true };
    check("mlpae", &[3, 4, 4], |dtype| mlpae::autoencoder(&config, &stream(), dtype));
}

#[test]
fn dcae_computes_what_pytorch_computes() {
    let config = dcae::Config { image: [3, 8, 8], latent: 12, depth: 2 };
    check("dcae", &[3, 8, 8], |dtype| dcae::autoencoder(&config, &stream(), dtype));
}

fn residual(plan: Plan, width_divisor: usize) -> resnet_autoencoder::Config {
    resnet_autoencoder::Config { plan, image: [3, 64, 64], latent: 5, width_divisor }
}

/// In 32 bits, PyTorch itself differs by 2e-4 from its result in 64 bits here: forty batch norms in sequence, some over
/// 16 values.
#[test]
fn the_smaller_residual_autoencoder_computes_what_pytorch_computes() {
    for (dtype, allowed) in [ALLOWED[0], (DType::F32, 1e-3)] {
        let model = resnet_autoencoder::autoencoder(&residual(Plan::ResNet18, 32), &stream(), dtype).unwrap();
        compare(&model, &[3, 64, 64], &Fixture::read("resnet_ae_18", dtype, allowed), DECAY, TRAINING);
    }
}

/// The blocks are those of the smaller model, so a comparison in 64 bits suffices.
#[test]
fn the_larger_residual_autoencoder_computes_what_pytorch_computes() {
    let (dtype, allowed) = ALLOWED[0];
    let model = resnet_autoencoder::autoencoder(&residual(Plan::ResNet34, 64), &stream(), dtype).unwrap();
    let fixture = Fixture::read("resnet_ae_34", dtype, allowed);
    compare(&model, &[3, 64, 64], &fixture, DECAY, TRAINING);
}
