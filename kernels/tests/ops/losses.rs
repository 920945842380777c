//! Tests of losses that are computed together with their gradients, for a loss that is the last value of its graph.

use half::{bf16, f16};
use kernels::{Argument, Memory, Order, Side, launch};
use tensor::gpu::Grid;
use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::DTYPES;

const ROWS: usize = 37;
const CLASSES: usize = 101;

/// The bytes of the elements in an element type, and the name of that type in kernels.
fn stored(numbers: &Tensor, dtype: DType) -> (Vec<u8>, &'static str) {
    let numbers = numbers.to_dtype(dtype);
    let of_type = "the dtype was chosen";
    match dtype {
        DType::F32 => (bytemuck::cast_slice(numbers.as_slice::<f32>().expect(of_type)).to_vec(), "f32"),
        DType::F16 => (bytemuck::cast_slice(numbers.as_slice::<f16>().expect(of_type)).to_vec(), "f16"),
        DType::BF16 => (bytemuck::cast_slice(numbers.as_slice::<bf16>().expect(of_type)).to_vec(), "bf16"),
        DType::F64 => unreachable!("kernels have no f64"),
    }
}

/// A loss of inputs `[ROWS, CLASSES]`: its name, its inputs, its sizes, its grid, and its number of partial sums.
struct Loss<'a> {
    name: &'static str,
    reads: [Argument<'a>; 2],
    sizes: Vec<u32>,
    grid: Grid,
    parts: usize,
}

impl Loss<'_> {
    /// The bytes of the partial sums of the loss and of the gradient, as far as this pass writes them.
    fn after(&self, pass: &str, order: Order, element: &'static str, bytes: usize) -> [Vec<u8>; 2] {
        let parts = Memory::new(self.parts * size_of::<f32>(), Side::End);
        let dx = Memory::new(bytes, Side::End);
        let dloss = Memory::of(&0.25f32.to_le_bytes(), Side::End);
        let mut arguments = Vec::new();
        if pass != "grad" {
            arguments.push(Argument::Out(&parts, "f32"));
        }
        if pass != "parts" {
            arguments.push(Argument::Out(&dx, element));
        }
        arguments.extend(self.reads);
        if pass != "parts" {
            arguments.push(Argument::In(&dloss, "f32"));
        }
        arguments.extend(self.sizes.iter().copied().map(Argument::U32));
        launch(&format!("{}_{pass}_{element}", self.name), self.grid, order, &arguments)
            .expect("the shapes fit, and the device works");
        [parts, dx].map(|memory| memory.contents())
    }
}

#[test]
fn a_loss_and_its_gradient_in_one_pass_have_the_bits_of_two_passes() {
    let mut words = Stream::new(0, "losses").sequence(0);
    let mut numbers = || {
        let values = (0..ROWS * CLASSES).map(|_| 4.0 * words.uniform() - 2.0).collect::<Vec<f64>>();
        Tensor::from_vec(values, &[ROWS, CLASSES]).unwrap()
    };
    let (x, y) = (numbers(), numbers());
    let labels: Vec<u32> = (0..ROWS as u32).map(|row| row * 31 % CLASSES as u32).collect();
    let labels = Memory::of(bytemuck::cast_slice(&labels), Side::End);
    for (dtype, order) in DTYPES.into_iter().zip(Order::ALL) {
        let ((x, element), (y, _)) = (stored(&x, dtype), stored(&y, dtype));
        let [x_there, y_there] = [&x, &y].map(|bytes| Memory::of(bytes, Side::End));
        let (x_read, n) = (Argument::In(&x_there, element), ROWS * CLASSES);
        let fours = Grid::over(n.div_ceil(4));
        let mse = Loss {
            name: "mse",
            reads: [x_read, Argument::In(&y_there, element)],
            sizes: vec![n as u32],
            grid: fours,
            parts: fours.blocks[0] as usize,
        };
        let softmax_cross_entropy = Loss {
            name: "softmax_cross_entropy",
            reads: [x_read, Argument::In(&labels, "u32")],
            sizes: vec![ROWS as u32, CLASSES as u32],
            grid: Grid::over(32 * ROWS),
            parts: ROWS,
        };
        for loss in [mse, softmax_cross_entropy] {
            let after = |pass| loss.after(pass, order, element, x.len());
            let ([parts, _], [_, dx]) = (after("parts"), after("grad"));
            assert_eq!(after("with_grad"), [parts, dx], "{} in {dtype}", loss.name);
        }
    }
}
