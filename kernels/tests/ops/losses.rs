//! The launches of the losses.

use autograd::ops::mse::Mse;
use autograd::ops::one_hot_mse::OneHotMse;
use autograd::ops::softmax_cross_entropy::SoftmaxCrossEntropy;
use kernels::{Argument, Grid, Memory, Order};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

use crate::DTYPES;
use crate::device::{Array, Device, over};
use crate::emulated::Launches;

/// What a loss reads beside its input: another tensor, or labels.
enum Target {
    Tensor(Array),
    Labels(Memory),
}

impl Target {
    fn read(&self) -> Argument<'_> {
        match self {
            Self::Tensor(y) => y.read(),
            Self::Labels(labels) => Argument::In(labels, "u32"),
        }
    }
}

/// A loss with what it reads, as its kernels are called: `name_parts`, `name_grad`, `name_with_grad`.
struct Call<'a> {
    device: Device,
    name: &'static str,
    x: &'a Array,
    target: &'a Target,
    /// After the inputs: how many elements or rows, and how many classes.
    sizes: Vec<u32>,
    grid: Grid,
    /// How many parts the kernels leave, and what their sum is multiplied by.
    parts: u32,
    factor: f32,
}

impl Call<'_> {
    fn launch(&self, pass: &str, written: &[&Array], dloss: Option<&Array>) {
        let arguments: Vec<Argument<'_>> = (written.iter().map(|array| array.write()))
            .chain([self.x.read(), self.target.read()])
            .chain(dloss.map(Array::read))
            .chain(self.sizes.iter().copied().map(Argument::U32))
            .collect();
        self.device.launch(&format!("{}_{pass}", self.name), self.x.dtype(), self.grid, &arguments);
    }

    fn new_parts(&self) -> Array {
        self.device.new_array(&[self.parts as usize], DType::F32)
    }

    fn mean(&self, parts: &Array) -> Array {
        let loss = self.device.new_array(&[], DType::F32);
        let grid = Grid { blocks: [1; 3], threads: [1024, 1, 1], shared: 0 };
        let arguments = [loss.write(), parts.read(), Argument::U32(self.parts), Argument::F32(self.factor)];
        self.device.launch_one("mean_of_parts", grid, &arguments);
        loss
    }

    fn loss(&self) -> Array {
        let parts = self.new_parts();
        self.launch("parts", &[&parts], None);
        self.mean(&parts)
    }

    fn gradient(&self, dloss: &Array) -> Array {
        let dx = self.device.new_array(self.x.shape(), self.x.dtype());
        self.launch("grad", &[&dx], Some(dloss));
        dx
    }

    fn both(&self, dloss: &Array) -> [Array; 2] {
        let (parts, dx) = (self.new_parts(), self.device.new_array(self.x.shape(), self.x.dtype()));
        self.launch("with_grad", &[&parts, &dx], Some(dloss));
        [self.mean(&parts), dx]
    }
}

fn mse<'a>(device: Device, x: &'a Array, y: &'a Target) -> Call<'a> {
    // Four elements a thread.
    let grid = over(x.len().div_ceil(4));
    let (parts, factor) = (grid.blocks[0], 1.0 / x.len() as f32);
    Call { device, name: "mse", x, target: y, sizes: vec![x.len()], grid, parts, factor }
}

fn one_hot_mse<'a>(device: Device, x: &'a Array, labels: &'a Target) -> Call<'a> {
    let grid = over(x.len());
    let (parts, factor) = (grid.blocks[0], 1.0 / x.len() as f32);
    let sizes = vec![x.len(), x.shape()[1] as u32];
    Call { device, name: "one_hot_mse", x, target: labels, sizes, grid, parts, factor }
}

fn softmax_cross_entropy<'a>(device: Device, x: &'a Array, labels: &'a Target) -> Call<'a> {
    let (n, c) = (x.shape()[0] as u32, x.shape()[1] as u32);
    // A warp for each row.
    let (grid, factor) = (over(32 * n), 1.0 / n as f32);
    Call {
        device,
        name: "softmax_cross_entropy",
        x,
        target: labels,
        sizes: vec![n, c],
        grid,
        parts: n,
        factor,
    }
}

impl Launches<2> for Mse {
    type Kept = [Array; 2];

    fn launch(&self, device: Device, [x, y]: [Array; 2]) -> ([Array; 1], [Array; 2]) {
        ([mse(device, &x, &Target::Tensor(y.clone())).loss()], [x, y])
    }

    fn launch_back(&self, device: Device, [x, y]: &[Array; 2], [dloss]: [Array; 1]) -> [Array; 2] {
        [[x, y], [y, x]].map(|[x, y]| mse(device, x, &Target::Tensor(y.clone())).gradient(&dloss))
    }
}

fn labels(device: Device, labels: &Indices) -> Target {
    Target::Labels(device.put_u32(labels.as_slice()))
}

impl Launches<1> for OneHotMse {
    type Kept = Array;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Array) {
        ([one_hot_mse(device, &x, &labels(device, &self.labels)).loss()], x)
    }

    fn launch_back(&self, device: Device, x: &Array, [dloss]: [Array; 1]) -> [Array; 1] {
        [one_hot_mse(device, x, &labels(device, &self.labels)).gradient(&dloss)]
    }
}

impl Launches<1> for SoftmaxCrossEntropy {
    type Kept = Array;

    fn launch(&self, device: Device, [x]: [Array; 1]) -> ([Array; 1], Array) {
        ([softmax_cross_entropy(device, &x, &labels(device, &self.labels)).loss()], x)
    }

    fn launch_back(&self, device: Device, x: &Array, [dloss]: [Array; 1]) -> [Array; 1] {
        [softmax_cross_entropy(device, x, &labels(device, &self.labels)).gradient(&dloss)]
    }
}

#[test]
fn a_loss_and_its_gradient_in_one_pass_have_the_bits_of_two_passes() {
    let mut words = Stream::new(0, "losses").sequence(0);
    let mut numbers = |n: usize| (0..n).map(|_| 4.0 * words.uniform() - 2.0).collect::<Vec<f64>>();
    let [rows, classes] = [37, 101];
    let [x, y] = [(); 2].map(|()| Tensor::from_vec(numbers(rows * classes), &[rows, classes]).unwrap());
    let of_rows: Vec<u32> = (0..rows as u32).map(|row| row * 31 % classes as u32).collect();
    for (dtype, order) in DTYPES.into_iter().zip(Order::ALL) {
        let device = Device { order };
        let [x, y] = [&x, &y].map(|tensor| device.put(&tensor.to_dtype(dtype)));
        let dloss = device.put(&Tensor::full(0.25, &[], DType::F32));
        let (y, of_rows) = (Target::Tensor(y), labels(device, &Indices::new(of_rows.clone())));
        for call in [mse(device, &x, &y), softmax_cross_entropy(device, &x, &of_rows)] {
            let apart = [call.loss(), call.gradient(&dloss)].map(|array| array.to_tensor().to_f64_vec());
            let together = call.both(&dloss).map(|array| array.to_tensor().to_f64_vec());
            assert_eq!(apart, together, "{} in {dtype}", call.name);
        }
    }
}
