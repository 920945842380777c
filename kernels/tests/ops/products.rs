//! The launches of matrix products, by each of the kernels that compute them in turn.

use autograd::ops::matmul::MatMul;
use autograd::ops::matmul_bias::MatMulBias;
use kernels::{Argument, Grid};
use tensor::{DType, Epilogue};

use crate::channels::sum_of_channels;
use crate::device::{Array, Device, over};
use crate::emulated::Launches;

/// One of the kernels of a product: the end of its name, the side of its tile, its threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile {
    name: &'static str,
    side: u32,
    threads: u32,
}

const PLAIN: Tile = Tile { name: "plain", side: 16, threads: 256 };

const IN_REGISTERS: [Tile; 4] = [
    PLAIN,
    Tile { name: "tile32", side: 32, threads: 64 },
    Tile { name: "tile64", side: 64, threads: 256 },
    Tile { name: "tile128", side: 128, threads: 256 },
];

const OF_FRAGMENTS: [Tile; 3] = [
    PLAIN,
    Tile { name: "tile64", side: 64, threads: 128 },
    Tile { name: "tile128", side: 128, threads: 256 },
];

/// A model would take the tile that suits the sizes best; here every tile gets its share of all sizes.
pub(crate) fn tile(dtype: DType, sizes: &[u32]) -> Tile {
    let tiles: &[Tile] = if dtype == DType::F32 { &IN_REGISTERS } else { &OF_FRAGMENTS };
    tiles[sizes.iter().sum::<u32>() as usize % tiles.len()]
}

impl Tile {
    /// Launches the kernel of `entry` with this tile over a product of so many rows and columns, `count` times.
    pub(crate) fn launch(
        self,
        device: Device,
        entry: &str,
        dtype: DType,
        [rows, columns, count]: [u32; 3],
        arguments: &[Argument<'_>],
    ) {
        let blocks = [columns.div_ceil(self.side), rows.div_ceil(self.side), count];
        let grid = Grid { blocks, threads: [self.threads, 1, 1], shared: 0 };
        device.launch(&format!("{entry}_{}", self.name), dtype, grid, arguments);
    }
}

/// What is done to a sum where it is written: a bias, then an epilogue.
pub(crate) type Around<'a> = Option<(&'a Array, Epilogue)>;

/// The two arguments that say so; without a bias, `any` stands in its place and is not read.
pub(crate) fn around_of<'a>(around: Around<'a>, any: &'a Array) -> [Argument<'a>; 2] {
    match around {
        None => [any.read(), Argument::U32(0)],
        Some((bias, Epilogue::Identity)) => [bias.read(), Argument::U32(1)],
        Some((bias, Epilogue::Relu)) => [bias.read(), Argument::U32(3)],
    }
}

pub(crate) fn u32_of(size: usize) -> u32 {
    u32::try_from(size).expect("kernels count in 32 bits")
}

fn matmul(device: Device, op: MatMul, [a, b]: [&Array; 2], around: Around<'_>) -> Array {
    let sides = |x: &Array| [u32_of(x.shape()[0]), u32_of(x.shape()[1])];
    let ([a_rows, a_columns], [b_rows, b_columns]) = (sides(a), sides(b));
    let (m, k) = if op.transpose_a { (a_columns, a_rows) } else { (a_rows, a_columns) };
    let n = if op.transpose_b { b_rows } else { b_columns };
    let c = device.new_array(&[m as usize, n as usize], a.dtype());
    let [bias, what] = around_of(around, a);
    let mut arguments = vec![c.write(), a.read(), b.read(), bias, what];
    let flags = [op.transpose_a, op.transpose_b].map(u32::from);
    arguments.extend([m, n, k, flags[0], flags[1]].map(Argument::U32));
    tile(a.dtype(), &[m, n, k]).launch(device, "matmul", a.dtype(), [m, n, 1], &arguments);
    c
}

fn gradients(device: Device, op: MatMul, [a, b]: [&Array; 2], dc: &Array) -> [Array; 2] {
    let product =
        |transpose_a, transpose_b, x, y| matmul(device, MatMul { transpose_a, transpose_b }, [x, y], None);
    let da = match op.transpose_a {
        false => product(false, !op.transpose_b, dc, b),
        true => product(op.transpose_b, true, b, dc),
    };
    let db = match op.transpose_b {
        false => product(!op.transpose_a, false, a, dc),
        true => product(true, op.transpose_a, dc, a),
    };
    [da, db]
}

impl Launches<2> for MatMul {
    type Kept = [Array; 2];

    fn launch(&self, device: Device, inputs: [Array; 2]) -> ([Array; 1], [Array; 2]) {
        ([matmul(device, *self, inputs.each_ref(), None)], inputs)
    }

    fn launch_back(&self, device: Device, inputs: &[Array; 2], [dc]: [Array; 1]) -> [Array; 2] {
        gradients(device, *self, inputs.each_ref(), &dc)
    }
}

/// The gradient by what an epilogue was given.
pub(crate) fn through(device: Device, epilogue: Epilogue, y: &Array, dy: Array) -> Array {
    match epilogue {
        Epilogue::Identity => dy,
        Epilogue::Relu => {
            let dx = device.new_array(y.shape(), y.dtype());
            let arguments = [dx.write(), y.read(), dy.read(), Argument::U32(dx.len())];
            device.launch("relu_grad", dx.dtype(), over(dx.len()), &arguments);
            dx
        }
    }
}

impl Launches<3> for MatMulBias {
    type Kept = ([Array; 2], Array);

    fn launch(&self, device: Device, [a, b, bias]: [Array; 3]) -> ([Array; 1], Self::Kept) {
        let c = matmul(device, self.product, [&a, &b], Some((&bias, self.epilogue)));
        ([c.clone()], ([a, b], c))
    }

    fn launch_back(&self, device: Device, (inputs, c): &Self::Kept, [dc]: [Array; 1]) -> [Array; 3] {
        let dsum = through(device, self.epilogue, c, dc);
        let [da, db] = gradients(device, self.product, inputs.each_ref(), &dsum);
        [da, db, sum_of_channels(device, &dsum)]
    }
}

#[cfg(test)]
mod tests {
    use kernels::{Argument, Grid, Order};
    use tensor::Tensor;

    use crate::device::Device;

    /// `count` products of numbers given by their place, by the tensor cores in tf32, and the exact ones.
    fn products_in_tf32(tile: (u32, u32), [m, n, k]: [u32; 3], count: u32) -> (Vec<f64>, Vec<f64>) {
        let number = |i: usize| ((i * 7) % 11) as f32 - 5.0;
        let numbers = |rows: u32, columns: u32| -> Vec<f32> {
            (0..count * rows * columns).map(|i| number(i as usize)).collect()
        };
        let (a, b) = (numbers(m, k), numbers(k, n));
        let [m_, n_, k_] = [m, n, k].map(|size| size as usize);
        let exact = (0..count as usize * m_ * n_).map(|at| {
            let (batch, i, j) = (at / (m_ * n_), at / n_ % m_, at % n_);
            (0..k_).map(|s| f64::from(a[(batch * m_ + i) * k_ + s] * b[(batch * k_ + s) * n_ + j])).sum()
        });
        let exact = exact.collect();
        let device = Device { order: Order::Scrambled };
        let put = |numbers: &[f32]| device.put(&Tensor::from_slice(numbers, &[numbers.len()]).unwrap());
        let (a, b) = (put(&a), put(&b));
        let c = device.new_array(&[count as usize * m_ * n_], tensor::DType::F32);
        let (side, threads) = tile;
        let blocks = [n.div_ceil(side), m.div_ceil(side), count];
        let grid = Grid { blocks, threads: [threads, 1, 1], shared: 0 };
        let mut arguments = vec![c.write(), a.read(), b.read(), a.read()];
        arguments.extend([0, m, n, k, 0, 0].map(Argument::U32));
        kernels::launch(&format!("matmul_tile{side}_tf32"), grid, device.order, &arguments).unwrap();
        (c.to_tensor().to_f64_vec(), exact)
    }

    #[test]
    fn the_tensor_cores_add_whole_numbers_in_tf32_without_an_error() {
        for tile in [(64, 128), (128, 256)] {
            let (got, exact) = products_in_tf32(tile, [70, 67, 45], 1);
            assert_eq!(got, exact, "{tile:?}");
        }
    }

    #[test]
    fn one_launch_computes_a_batch_of_products() {
        let (got, exact) = products_in_tf32((64, 128), [3, 5, 7], 4);
        assert_eq!(got, exact);
    }

    #[test]
    fn tf32_keeps_ten_bits_behind_the_first_and_rounds_ties_away_from_zero() {
        let device = Device { order: Order::Forward };
        let one = |x: f32| device.put(&Tensor::from_slice(&[x], &[1, 1]).unwrap());
        let half = 0.5f32.powi(11);
        for (x, wanted) in
            [(1.0 + half, 1.0 + 2.0 * half), (1.0 + 0.9 * half, 1.0), (-1.0 - half, -1.0 - 2.0 * half)]
        {
            let (a, b, c) = (one(x), one(1.0), one(0.0));
            let mut arguments = vec![c.write(), a.read(), b.read(), a.read()];
            arguments.extend([0, 1, 1, 1, 0, 0].map(Argument::U32));
            let grid = Grid { blocks: [1; 3], threads: [128, 1, 1], shared: 0 };
            kernels::launch("matmul_tile64_tf32", grid, device.order, &arguments).unwrap();
            assert_eq!(c.to_tensor().to_f64_vec(), [f64::from(wanted)]);
        }
    }
}
