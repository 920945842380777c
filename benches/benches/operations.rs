//! Single operations to benchmark, chosen among those for which other libraries are tuned.

use autograd::ops::conv2d::Geometry;
use autograd::ops::matmul::MatMul;
use autograd::{Gradients, Param, Tape, Var};
use models::{Adam, AdamConfig};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::{Result, closed_forms};

/// The names of all operations. Matrix multiplications are forward only; an optimiser is one step; all others are forward
/// and backward.
pub const OPERATIONS: [&str; 18] = [
    "matmul_256",
    "matmul_512",
    "matmul_1024",
    "matmul_2048",
    "matmul_128x784x1000",
    "matmul_512x1152x256",
    "matmul_4096",
    "matmul_4096_bf16",
    "conv_64x32",
    "conv_128x16",
    "attention_65",
    "attention_257",
    "cross_entropy",
    "mse",
    "adam",
    "components_3072",
    "alignment_3072",
    "alignment_cifar10",
];

/// An operation with its inputs, to be run repeatedly.
pub struct Operation {
    run: Box<dyn FnMut() -> Result<()>>,
    elements: usize,
}

impl Operation {
    /// An operation with its number of input elements.
    pub(crate) fn new(elements: usize, run: impl FnMut() -> Result<()> + 'static) -> Self {
        Self { run: Box::new(run), elements }
    }

    /// One of [`OPERATIONS`] on this device; `None` for other names.
    ///
    /// # Errors
    /// If a device operation fails, or `AGON_DATA` lacks the data set of the operation.
    pub fn named(name: &str, device: &Device) -> Result<Option<Self>> {
        let product = |m, k, n, dtype| matmul(device, [m, k, n], dtype);
        Ok(Some(match name {
            "matmul_256" => product(256, 256, 256, DType::F32)?,
            "matmul_512" => product(512, 512, 512, DType::F32)?,
            "matmul_1024" => product(1024, 1024, 1024, DType::F32)?,
            "matmul_2048" => product(2048, 2048, 2048, DType::F32)?,
            "matmul_128x784x1000" => product(128, 784, 1000, DType::F32)?,
            "matmul_512x1152x256" => product(512, 1152, 256, DType::F32)?,
            "matmul_4096" => product(4096, 4096, 4096, DType::F32)?,
            "matmul_4096_bf16" => product(4096, 4096, 4096, DType::BF16)?,
            // The widest convolutions of CNN-L and of ResNet9.
            "conv_64x32" => convolution(device, [64, 64, 32], 128)?,
            "conv_128x16" => convolution(device, [128, 128, 16], 256)?,
            "attention_65" => attention(device, 65)?,
            "attention_257" => attention(device, 257)?,
            "cross_entropy" => cross_entropy(device)?,
            "mse" => mse(device)?,
            "adam" => adam(device)?,
            // Always on the CPU.
            "components_3072" => closed_forms::components()?,
            "alignment_3072" => closed_forms::alignment()?,
            "alignment_cifar10" => closed_forms::alignment_of_photographs()?,
            _ => return Ok(None),
        }))
    }

    /// Runs the operation once.
    pub fn run(&mut self) -> Result<()> {
        (self.run)()
    }

    /// The number of input elements: the same on both sides.
    pub fn elements(&self) -> usize {
        self.elements
    }
}

/// Random elements in [-1, 1).
fn random(device: &Device, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let mut words = Stream::new(0, "operations").sequence(0);
    let elements = (0..shape.iter().product()).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
    Ok(Tensor::from_vec(elements, shape)?.to_dtype(dtype).to_device(device)?)
}

fn matmul(device: &Device, [m, k, n]: [usize; 3], dtype: DType) -> Result<Operation> {
    let (a, b) = (random(device, &[m, k], dtype)?, random(device, &[k, n], dtype)?);
    let elements = a.len() + b.len();
    let run = move || {
        tensor::run(&MatMul::default(), [&a, &b])?;
        Ok(())
    };
    Ok(Operation::new(elements, run))
}

/// The forward pass and the gradients of the sum of `output` with respect to all `inputs`.
fn differentiated(
    inputs: Vec<Tensor>,
    output: impl for<'t> Fn(&[Var<'t>]) -> autograd::Result<Var<'t>> + 'static,
) -> Operation {
    let elements = inputs.iter().map(Tensor::len).sum();
    let mut weight: Option<Tensor> = None;
    let run = move || {
        let tape = Tape::new();
        let inputs: Vec<Var<'_>> = inputs.iter().map(|input| tape.input(input)).collect();
        let output = output(&inputs)?;
        if weight.is_none() {
            let value = output.value();
            let ones = Tensor::full(1.0, value.shape(), value.dtype());
            weight = Some(ones.to_device(&value.device())?);
        }
        let weight = weight.clone().expect("the value was set above");
        let gradients: Gradients = tape.backward_from(&output, weight)?;
        inputs.iter().try_for_each(|input| gradients.of(input).map(drop))?;
        Ok(())
    };
    Operation::new(elements, run)
}

/// 3 x 3 with padding 1 over `[n, c, side, side]` to `o` channels.
fn convolution(device: &Device, [n, c, side]: [usize; 3], o: usize) -> Result<Operation> {
    let x = random(device, &[n, c, side, side], DType::F32)?;
    let weight = random(device, &[o, c, 3, 3], DType::F32)?;
    let bias = random(device, &[o], DType::F32)?;
    Ok(differentiated(vec![x, weight, bias], |inputs| {
        inputs[0].conv2d(&inputs[1], &inputs[2], Geometry::square(1, 1))
    }))
}

/// 64 examples, 12 heads of 64, in bf16 on a GPU.
fn attention(device: &Device, tokens: usize) -> Result<Operation> {
    let dtype = if *device == Device::Cpu { DType::F32 } else { DType::BF16 };
    let qkv = random(device, &[64, tokens, 3 * 12 * 64], dtype)?;
    Ok(differentiated(vec![qkv], |inputs| inputs[0].attention(12)))
}

fn cross_entropy(device: &Device) -> Result<Operation> {
    const ROWS: usize = 16_384;
    let logits = random(device, &[ROWS, 1000], DType::F32)?;
    let labels = Indices::new((0..ROWS as u32).map(|row| row * 31 % 1000).collect());
    Ok(differentiated(vec![logits], move |inputs| inputs[0].softmax_cross_entropy(&labels)))
}

fn mse(device: &Device) -> Result<Operation> {
    let [x, y] = [random(device, &[1 << 24], DType::F32)?, random(device, &[1 << 24], DType::F32)?];
    let constant = y.clone();
    let run = differentiated(vec![x], move |inputs| inputs[0].mse(&inputs[0].tape().constant(&constant)));
    Ok(Operation { elements: run.elements + y.len(), ..run })
}

/// A step over ten million parameters.
fn adam(device: &Device) -> Result<Operation> {
    const N: usize = 10_000_000;
    let param = Param::new(random(device, &[N], DType::F32)?);
    let gradients = {
        let tape = Tape::new();
        let p = tape.param(&param)?;
        tape.backward_from(&p, random(device, &[N], DType::F32)?)?
    };
    let mut adam = Adam::new(&[("p".into(), &param)], AdamConfig::PAPER)?;
    adam.to_device(&[("p".into(), &param)])?;
    let run = move || Ok(adam.step(&[("p".into(), &param)], &gradients)?);
    Ok(Operation::new(N, run))
}
