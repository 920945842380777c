//! Kernel launches of attention and its gradient.

use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, Result, Tensor};

use super::Attention;

/// The sizes of the heads in the form that kernels take.
struct Heads {
    /// The number of heads of all examples, and the number of tokens of each example.
    sizes: [u32; 2],
    width: usize,
    words: [u32; 4],
}

impl Heads {
    fn of(call: Call<'_>, op: Attention, qkv: &Tensor) -> Result<Self> {
        let [n, t, d] = op.sizes(qkv.shape()).expect("the shape rule was checked");
        let (width, scale) = (d / op.n_heads, op.scale(d) as f32);
        let words = [call.size(op.n_heads)?, call.size(t)?, call.size(width)?, scale.to_bits()];
        Ok(Self { sizes: [call.size(n * op.n_heads)?, words[1]], width, words })
    }

    /// The smallest head width for which a tiled kernel exists and that fits; `None` selects the naive kernel.
    fn tile(&self, call: Call<'_>) -> Option<usize> {
        [64, 128].into_iter().find(|&width| self.width <= width && !call.traits().plain)
    }

    fn grid(&self, tokens_of_block: u32, threads: u32) -> Grid {
        let [heads, t] = self.sizes;
        Grid { blocks: [heads, t.div_ceil(tokens_of_block), 1], threads: [threads, 1, 1], shared: 0 }
    }

    /// A grid with one thread for each token of each head, with `values` elements of shared memory for each feature.
    fn a_thread_for_each(&self, values: usize) -> Grid {
        /// The shared memory that every GPU supports per block.
        const SHARED: usize = 48 << 10;
        let of_thread = values * self.width * size_of::<f32>();
        let threads = (SHARED / of_thread).clamp(1, 32) as u32;
        Grid { shared: threads as usize * of_thread, ..self.grid(threads, threads) }
    }

    /// A grid with one warp for each token of each head.
    fn a_warp_for_each(&self) -> Grid {
        self.grid(4, 128)
    }
}

pub(super) fn forward(call: Call<'_>, op: Attention, qkv: &Tensor, [y, lse]: [&Tensor; 2]) -> Result<()> {
    let heads = Heads::of(call, op, qkv)?;
    let arguments = [Argument::Out(y), Argument::Out(lse), Argument::In(qkv), Argument::Words(&heads.words)];
    match heads.tile(call) {
        None => call.launch("attention_plain", heads.a_thread_for_each(1), &arguments),
        Some(width) => {
            let queries = if width == 64 { 64 } else { 32 };
            call.launch(&format!("attention_width{width}"), heads.grid(queries, 256), &arguments)
        }
    }
}

pub(super) fn backward(
    call: Call<'_>,
    op: Attention,
    [qkv, y, lse, dy]: [&Tensor; 4],
    dqkv: &Tensor,
) -> Result<()> {
    let heads = Heads::of(call, op, qkv)?;
    let words = Argument::Words(&heads.words);
    // `dy . y` for each query.
    let deltas = call.scratch(lse.shape(), DType::F32)?;
    let arguments = [Argument::Out(&deltas), Argument::In(y), Argument::In(dy), words];
    call.launch("attention_grad_deltas", heads.a_warp_for_each(), &arguments)?;
    let [qkv, lse, deltas, dy] = [qkv, lse, &deltas, dy].map(Argument::In);
    let arguments = [Argument::Out(dqkv), qkv, lse, deltas, dy, words];
    let Some(width) = heads.tile(call) else {
        return call.launch("attention_grad_plain", heads.a_thread_for_each(2), &arguments);
    };
    let grid = heads.grid(if width == 64 { 32 } else { 16 }, 256);
    ["queries", "keys"]
        .into_iter()
        .try_for_each(|of| call.launch(&format!("attention_grad_{of}_width{width}"), grid, &arguments))
}
