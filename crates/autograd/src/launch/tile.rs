//! Which of the kernels of a product computes it, and what is done around the product.

use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, Epilogue, Result, Tensor};

/// One of the kernels of a product: the end of its name, the side of its tile, its threads.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tile {
    name: &'static str,
    side: usize,
    threads: u32,
}

/// The one to read, and to judge the others by.
const PLAIN: Tile = Tile { name: "plain", side: 16, threads: 256 };

/// Tiles in registers, for `f32`; the largest first.
const IN_REGISTERS: [Tile; 3] = [
    Tile { name: "tile128", side: 128, threads: 256 },
    Tile { name: "tile64", side: 64, threads: 256 },
    Tile { name: "tile32", side: 32, threads: 64 },
];

/// Tiles on the tensor cores, for 16 bits; the largest first.
const OF_FRAGMENTS: [Tile; 2] =
    [Tile { name: "tile128", side: 128, threads: 256 }, Tile { name: "tile64", side: 64, threads: 128 }];

/// The largest tile of which there are enough to keep all processors busy: it reads memory least often.
fn choose(tiles: &[Tile], processors: usize, [rows, columns, count]: [usize; 3]) -> Tile {
    let blocks = |tile: &Tile| {
        rows.div_ceil(tile.side).saturating_mul(columns.div_ceil(tile.side)).saturating_mul(count)
    };
    let enough = tiles.iter().find(|tile| blocks(tile) >= processors);
    *enough.unwrap_or(&tiles[tiles.len() - 1])
}

/// Launches the kernel of `entry` that suits `count` products of so many rows and columns best.
pub(crate) fn launch_product(
    call: Call<'_>,
    entry: &str,
    [rows, columns, count]: [usize; 3],
    arguments: &[Argument<'_>],
) -> Result<()> {
    let tiles: &[Tile] = if call.dtype() == DType::F32 { &IN_REGISTERS } else { &OF_FRAGMENTS };
    let traits = call.traits();
    let tile = if traits.plain { PLAIN } else { choose(tiles, traits.processors, [rows, columns, count]) };
    let blocks = [columns.div_ceil(tile.side), rows.div_ceil(tile.side), count];
    let blocks = [call.size(blocks[0])?, call.size(blocks[1])?, call.size(blocks[2])?];
    let grid = Grid { blocks, threads: [tile.threads, 1, 1], shared: 0 };
    call.launch(&format!("{entry}_{}", tile.name), grid, arguments)
}

/// What is done to a sum where it is written: a bias, then an epilogue.
pub(crate) type Around<'a> = (Option<&'a Tensor>, Epilogue);

/// The two arguments that say so; without a bias, `any` stands in its place and is not read.
pub(crate) fn around_of<'a>((bias, epilogue): Around<'a>, any: &'a Tensor) -> [Argument<'a>; 2] {
    // The flags of `struct Around` in `kernels/product.cuh`.
    const BIAS: u32 = 1;
    const RELU: u32 = 2;
    let relu = match epilogue {
        Epilogue::Identity => 0,
        Epilogue::Relu => RELU,
    };
    [Argument::In(bias.unwrap_or(any)), Argument::U32(bias.map_or(0, |_| BIAS) | relu)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_product_takes_small_tiles_and_a_large_one_large_tiles() {
        let name = |processors, sizes| choose(&IN_REGISTERS, processors, sizes).name;
        assert_eq!(name(132, [4096, 4096, 1]), "tile128");
        assert_eq!(name(132, [512, 1000, 1]), "tile32");
        assert_eq!(name(132, [1024, 1024, 1]), "tile64");
        assert_eq!(name(1, [1, 1, 1]), "tile128");
    }
}
