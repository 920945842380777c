//! The launches of attention, by the plain and by the tiled kernels in turn.

use autograd::gradcheck::cases::Case;
use autograd::gradcheck::checks;
use autograd::ops::attention::Attention;
use kernels::{Argument, Grid, Order};
use tensor::{DType, Tensor};

use crate::DTYPES;
use crate::device::{Array, Device};
use crate::emulated::{Launches, on_device};
use crate::products::u32_of;

/// Warps of a block, where each takes a token.
const WARPS: u32 = 4;

/// What kernels are told of the heads, and which kernels take them.
#[derive(Debug, Clone, Copy)]
struct Heads {
    n: u32,
    n_heads: u32,
    t: u32,
    width: u32,
}

impl Heads {
    fn new(op: Attention, qkv: &Array) -> Self {
        let &[n, t, packed] = qkv.shape() else { unreachable!("the reference was asked") };
        let [n, t, width] = [n, t, packed / (3 * op.n_heads)].map(u32_of);
        Self { n, n_heads: u32_of(op.n_heads), t, width }
    }

    fn words(self) -> [u32; 4] {
        let scale = f64::from(self.width).powf(-0.5) as f32;
        [self.n_heads, self.t, self.width, scale.to_bits()]
    }

    /// The width that a tiled kernel is made for, or none for the plain one: any that fits, in turn. A model would
    /// take the narrowest.
    fn tiled(self) -> Option<u32> {
        let fits = |width: &Option<u32>| width.is_none_or(|width| self.width <= width);
        let kernels: Vec<Option<u32>> = [None, Some(64), Some(128)].into_iter().filter(fits).collect();
        kernels[(self.t + self.width) as usize % kernels.len()]
    }

    /// A thread for each token of each head, with so many numbers for each feature.
    fn a_thread_for_each(self, numbers: u32) -> Grid {
        let shared = (32 * self.width * numbers) as usize * size_of::<f32>();
        let blocks = [self.n * self.n_heads, self.t.div_ceil(32), 1];
        Grid { blocks, threads: [32, 1, 1], shared }
    }

    /// A warp for each token of each head.
    fn a_warp_for_each(self) -> Grid {
        let blocks = [self.n * self.n_heads, self.t.div_ceil(WARPS), 1];
        Grid { blocks, threads: [32 * WARPS, 1, 1], shared: 0 }
    }

    /// A block for so many tokens of each head.
    fn in_tiles(self, side: u32) -> Grid {
        let blocks = [self.n * self.n_heads, self.t.div_ceil(side), 1];
        Grid { blocks, threads: [256, 1, 1], shared: 0 }
    }
}

pub(crate) struct Kept {
    qkv: Array,
    y: Array,
    log_sums: Array,
}

impl Launches<1> for Attention {
    type Kept = Kept;

    fn launch(&self, device: Device, [qkv]: [Array; 1]) -> ([Array; 1], Kept) {
        let (heads, dtype) = (Heads::new(*self, &qkv), qkv.dtype());
        let [n, t] = [qkv.shape()[0], qkv.shape()[1]];
        let y = device.new_array(&[n, t, qkv.shape()[2] / 3], dtype);
        let log_sums = device.new_array(&[n, self.n_heads, t], DType::F32);
        let words = heads.words();
        let arguments = [y.write(), log_sums.write(), qkv.read(), Argument::Words(&words)];
        match heads.tiled() {
            None => device.launch("attention_plain", dtype, heads.a_thread_for_each(1), &arguments),
            Some(width) => {
                let queries = if width == 64 { 64 } else { 32 };
                let entry = format!("attention_width{width}");
                device.launch(&entry, dtype, heads.in_tiles(queries), &arguments);
            }
        }
        ([y.clone()], Kept { qkv, y, log_sums })
    }

    fn launch_back(&self, device: Device, Kept { qkv, y, log_sums }: &Kept, [dy]: [Array; 1]) -> [Array; 1] {
        let (heads, dtype) = (Heads::new(*self, qkv), qkv.dtype());
        let (deltas, words) = (device.new_array(log_sums.shape(), DType::F32), heads.words());
        let arguments = [deltas.write(), y.read(), dy.read(), Argument::Words(&words)];
        device.launch("attention_grad_deltas", dtype, heads.a_warp_for_each(), &arguments);
        let dqkv = device.new_array(qkv.shape(), dtype);
        let inputs = [qkv, log_sums, &deltas, &dy];
        let mut arguments = vec![dqkv.write()];
        arguments.extend(inputs.map(Array::read));
        arguments.push(Argument::Words(&words));
        match heads.tiled() {
            None => device.launch("attention_grad_plain", dtype, heads.a_thread_for_each(2), &arguments),
            Some(width) => {
                let grid = heads.in_tiles(if width == 64 { 32 } else { 16 });
                for of in ["queries", "keys"] {
                    device.launch(&format!("attention_grad_{of}_width{width}"), dtype, grid, &arguments);
                }
            }
        }
        [dqkv]
    }
}

#[test]
fn wide_heads_over_several_tiles_agree_with_the_reference() {
    // Numbers below 1/2 keep the gradients' sensitivity to the stored output below what the operation states, which
    // it derives for heads of 16 and numbers below 2.
    let number = |i: usize| ((i * 37) % 101) as f64 / 101.0 - 0.5;
    for (t, width, kernel) in [(69, 64, Some(64)), (70, 64, Some(128)), (69, 100, Some(128)), (68, 128, None)]
    {
        let values = (0..t * 6 * width).map(number).collect();
        let qkv = Tensor::from_vec(values, &[1, t, 6 * width]).unwrap();
        let case = Case { op: Attention { n_heads: 2 }, inputs: [qkv], reduced: t + width };
        assert_eq!(Heads { n: 1, n_heads: 2, t: u32_of(t), width: u32_of(width) }.tiled(), kernel);
        for (dtype, order) in DTYPES.into_iter().zip(Order::ALL) {
            checks::precision(&on_device(&case, order), dtype).unwrap();
        }
    }
}
