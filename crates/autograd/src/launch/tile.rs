//! Selects and launches the GEMM kernel, with its epilogue.

use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, FusedActivation, Result, Tensor};

/// A GEMM kernel: the suffix of its name, the side of its tile, its threads per block.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tile {
    name: &'static str,
    side: usize,
    threads: u32,
}

/// The naive kernel, the reference for the others.
const PLAIN: Tile = Tile { name: "plain", side: 16, threads: 256 };

/// Register-tiled kernels for `f32`, the largest tile first.
const REGISTER_TILED: [Tile; 3] = [
    Tile { name: "tile128", side: 128, threads: 256 },
    Tile { name: "tile64", side: 64, threads: 256 },
    Tile { name: "tile32", side: 32, threads: 64 },
];

/// Tensor-core kernels for 16-bit types, the largest tile first.
const TENSOR_CORE: [Tile; 2] =
    [Tile { name: "tile128", side: 128, threads: 256 }, Tile { name: "tile64", side: 64, threads: 128 }];

/// The largest tile with at least one block per SM: larger tiles read less memory.
fn choose(tiles: &[Tile], sm_count: usize, [rows, columns, count]: [usize; 3]) -> Tile {
    let blocks = |tile: &Tile| {
        rows.div_ceil(tile.side).saturating_mul(columns.div_ceil(tile.side)).saturating_mul(count)
    };
    let enough = tiles.iter().find(|tile| blocks(tile) >= sm_count);
    *enough.unwrap_or(&tiles[tiles.len() - 1])
}

/// Launches the best kernel of `entry` for `count` matrix multiplications with outputs of this number of rows and
/// columns.
pub(crate) fn launch_product(
    call: Call<'_>,
    entry: &str,
    [rows, columns, count]: [usize; 3],
    arguments: &[Argument<'_>],
) -> Result<()> {
    let tiles: &[Tile] = if call.dtype() == DType::F32 { &REGISTER_TILED } else { &TENSOR_CORE };
    let traits = call.traits();
    let tile = if traits.plain { PLAIN } else { choose(tiles, traits.sm_count, [rows, columns, count]) };
    let blocks = [columns.div_ceil(tile.side), rows.div_ceil(tile.side), count];
    let blocks = [call.size(blocks[0])?, call.size(blocks[1])?, call.size(blocks[2])?];
    let grid = Grid { blocks, threads: [tile.threads, 1, 1], shared: 0 };
    call.launch(&format!("{entry}_{}", tile.name), grid, arguments)
}

/// The bias and the activation fused into a GEMM.
pub(crate) type Epilogue<'a> = (Option<&'a Tensor>, FusedActivation);

/// The two kernel arguments of the epilogue. Without a bias, `any` is passed in its place and not read.
pub(crate) fn epilogue_arguments<'a>((bias, activation): Epilogue<'a>, any: &'a Tensor) -> [Argument<'a>; 2] {
    // The flags of `struct Epilogue` in `kernels/product.cuh`.
    const BIAS: u32 = 1;
    const RELU: u32 = 2;
    let relu = match activation {
        FusedActivation::Identity => 0,
        FusedActivation::Relu => RELU,
    };
    [Argument::In(bias.unwrap_or(any)), Argument::U32(bias.map_or(0, |_| BIAS) | relu)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_product_takes_small_tiles_and_a_large_one_large_tiles() {
        let name = |sm_count, sizes| choose(&REGISTER_TILED, sm_count, sizes).name;
        assert_eq!(name(132, [4096, 4096, 1]), "tile128");
        assert_eq!(name(132, [512, 1000, 1]), "tile32");
        assert_eq!(name(132, [1024, 1024, 1]), "tile64");
        assert_eq!(name(1, [1, 1, 1]), "tile128");
    }
}
