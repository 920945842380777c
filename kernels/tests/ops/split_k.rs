//! Tests of matrix multiplications that are computed in parts of their inner size (split-k), and of the gradients of a
//! linear layer, which sum the columns of the output gradient in the same pass.

use autograd::ops::matmul::MatMul;
use autograd::ops::matmul_bias::MatMulBias;
use autograd::testing::cases::Case;
use autograd::testing::checks;
use autograd::testing::on_device::on;
use autograd::{Op, Tape};
use kernels::{Order, Setting};
use tensor::gpu::Traits;
use tensor::{DType, Device, FusedActivation, Tensor};

use crate::{DTYPES, random_values};

/// Sizes `[m, k, n]`: empty ones, one part, several parts with a short last one, several tiles of every side, and sides
/// and inner sizes that no tile divides.
const SIZES: [[usize; 3]; 8] = [
    [5, 0, 3],
    [0, 300, 4],
    [4, 300, 0],
    [5, 1, 3],
    [3, 255, 17],
    [33, 777, 17],
    [65, 515, 35],
    [16, 263, 130],
];

/// Every order of threads with the tiles for one, four and very many SMs.
fn settings() -> impl Iterator<Item = Setting> {
    let traits = [1, 4, usize::MAX].map(|sm_count| Traits { sm_count, ..Setting::ALL[0].traits });
    Order::ALL.into_iter().flat_map(move |order| traits.map(|traits| Setting { order, traits }))
}

/// The output and the gradients of an operation on a device.
fn results<O: Op<N>, const N: usize>(op: &O, inputs: &[Tensor; N], device: &Device) -> Vec<Vec<f64>> {
    let there = inputs.each_ref().map(|input| input.to_device(device).expect("the device works"));
    let ([y], saved) = op.forward(there.each_ref()).expect("the shapes fit");
    let dy = random_values(y.shape(), "dy").to_dtype(y.dtype()).to_device(device).expect("the device works");
    let gradients = op.backward(&saved, [&dy], [true; N]).expect("the shapes fit");
    let all = gradients.iter().map(|gradient| gradient.as_ref().expect("all were asked for"));
    std::iter::once(&y).chain(all).map(Tensor::to_f64_vec).collect()
}

fn have_equal_bits<O: Op<N>, const N: usize>(what: &str, op: &O, inputs: &[Tensor; N]) {
    for dtype in DTYPES {
        let inputs = inputs.each_ref().map(|input| input.to_dtype(dtype));
        let mut all = settings().map(|setting| (setting, results(op, &inputs, &setting.device())));
        let (_, first) = all.next().expect("there are settings");
        for (setting, others) in all {
            assert_eq!(first, others, "{what} in {dtype}, {setting:?}");
        }
    }
}

fn product([m, k, n]: [usize; 3], op: MatMul) -> [Tensor; 2] {
    let shape = |[rows, columns]: [usize; 2], transpose| {
        if transpose { [columns, rows] } else { [rows, columns] }
    };
    [random_values(&shape([m, k], op.transpose_a), "a"), random_values(&shape([k, n], op.transpose_b), "b")]
}

/// A linear layer of `rows` rows.
fn linear([outputs, rows, inputs]: [usize; 3]) -> (MatMulBias, [Tensor; 3]) {
    let product = MatMul { transpose_a: false, transpose_b: true };
    let op = MatMulBias { product, activation: FusedActivation::Relu };
    (
        op,
        [
            random_values(&[rows, inputs], "x"),
            random_values(&[outputs, inputs], "weight"),
            random_values(&[outputs], "bias"),
        ],
    )
}

#[test]
fn parts_of_products_agree_with_the_reference() {
    for (sizes, flags) in SIZES.into_iter().zip(0u8..) {
        let op = MatMul { transpose_a: flags & 1 == 0, transpose_b: flags & 2 == 0 };
        let case = Case { op, inputs: product(sizes, op), reduced: sizes.into_iter().max().unwrap_or(1) };
        let (layer, inputs) = linear(sizes);
        let of_layer = Case { op: layer, inputs, reduced: case.reduced + 1 };
        for dtype in DTYPES {
            for setting in Setting::ALL {
                checks::precision(&on(&case, &setting.device()), dtype).unwrap();
                checks::precision(&on(&of_layer, &setting.device()), dtype).unwrap();
            }
        }
    }
}

#[test]
fn parts_of_products_have_the_same_bits_on_any_number_of_sms() {
    for (sizes, flags) in SIZES.into_iter().zip(0u8..) {
        let op = MatMul { transpose_a: flags & 1 == 0, transpose_b: flags & 2 == 0 };
        have_equal_bits(&format!("a product of {sizes:?}"), &op, &product(sizes, op));
        let (layer, inputs) = linear(sizes);
        have_equal_bits(&format!("a linear layer of {sizes:?}"), &layer, &inputs);
    }
}

/// 200 rows of 1/10 give one part, which f32 sums in one launch, and 20,003 rows give many.
#[test]
fn the_gradient_of_a_bias_has_few_rounding_errors() {
    for rows in [200, 20_003] {
        let tape = Tape::new();
        let device = Setting::ALL[0].device();
        let input = |value: f64, shape: &[usize]| {
            tape.input(&Tensor::full(value, shape, DType::F32).to_device(&device).expect("the device works"))
        };
        let (x, weight, bias) = (input(1.0, &[rows, 2]), input(1.0, &[3, 2]), input(0.0, &[3]));
        let y = x.linear(&weight, &bias).expect("the shapes fit");
        let dy = Tensor::full(0.1, &[rows, 3], DType::F32).to_device(&device).expect("the device works");
        let gradients = tape.backward_from(&y, dy).expect("the kernels run");
        let expected = rows as f64 * f64::from(0.1f32);
        for got in gradients.of(&bias).expect("it is used").to_f64_vec() {
            let allowed = 16.0 * f64::from(f32::EPSILON) * expected;
            assert!((got - expected).abs() <= allowed, "{rows} rows: {got:e}, not {expected:e}");
        }
    }
}
