//! Strategies for shapes, values, element types, indices and the sizes of convolutions, for property tests.

use std::ops::{Range, RangeInclusive};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tensor::conv::Convolution;
use tensor::{DType, Indices, Tensor};

use crate::ops::conv2d::Geometry;

/// Shapes with a rank in `ranks` and lengths in `lengths`; occasionally an axis is empty.
pub fn shape(ranks: RangeInclusive<usize>, lengths: Range<usize>) -> BoxedStrategy<Vec<usize>> {
    vec(length(lengths), ranks).boxed()
}

/// A length of an axis; occasionally zero.
pub fn length(lengths: Range<usize>) -> BoxedStrategy<usize> {
    prop_oneof![1 => Just(0), 7 => lengths].boxed()
}

/// Lengths around the powers of two used as tile sizes.
pub const TILES: [usize; 6] = [31, 32, 33, 127, 128, 129];

/// A length near the size of a tile.
pub fn tile() -> BoxedStrategy<usize> {
    select(&TILES[..]).boxed()
}

/// Shapes with enough elements for several threads, and matrices with sizes around those of tiles.
pub fn long_shape() -> BoxedStrategy<Vec<usize>> {
    prop_oneof![shape(1..=1, 65_000..70_000), vec(tile(), 2)].boxed()
}

/// Values in [-2, 2).
pub fn values(shape: &[usize]) -> BoxedStrategy<Tensor> {
    filled(shape, (-2.0..2.0f64).boxed())
}

/// Values in [-2, 2) at least 0.05 from zero, ten times the reach of finite differences.
pub fn values_away_from_zero(shape: &[usize]) -> BoxedStrategy<Tensor> {
    filled(shape, (0.05..2.0f64, any::<bool>()).prop_map(|(x, sign)| if sign { x } else { -x }).boxed())
}

/// Values in [0.25, 4), away from the boundary of the domain of roots and logarithms.
pub fn positive_values(shape: &[usize]) -> BoxedStrategy<Tensor> {
    filled(shape, (0.25..4.0f64).boxed())
}

/// Two tensors of values in [-4, 4) that differ by at least 0.05 in each element, so that no comparison changes within
/// the reach of finite differences.
pub fn values_apart(shape: &[usize]) -> BoxedStrategy<[Tensor; 2]> {
    (values(shape), values_away_from_zero(shape))
        .prop_map(|(x, difference)| {
            let sums = x.to_f64_vec().into_iter().zip(difference.to_f64_vec());
            let y = sums.map(|(x, difference)| x + difference).collect();
            let y = Tensor::from_vec(y, x.shape()).expect("the number of values is unchanged");
            [x, y]
        })
        .boxed()
}

/// Distinct values, 0.01 apart and in any order, so that finite differences do not change their order.
pub fn distinct_values(shape: &[usize]) -> BoxedStrategy<Tensor> {
    let shape = shape.to_vec();
    let len: usize = shape.iter().product();
    Just((0..len).map(|i| (i as f64 - len as f64 / 2.0) / 100.0).collect::<Vec<f64>>())
        .prop_shuffle()
        .prop_map(move |values| Tensor::from_vec(values, &shape).expect("the values fill the shape"))
        .boxed()
}

/// Values of which about a third are NaN, infinite, or zero of either sign, and a third are small integers with many
/// ties.
pub fn special_values(shape: &[usize]) -> BoxedStrategy<Tensor> {
    let special = select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0][..]);
    filled(shape, prop_oneof![-2.0..2.0f64, special, (-2..=2i8).prop_map(f64::from)].boxed())
}

fn filled(shape: &[usize], number: BoxedStrategy<f64>) -> BoxedStrategy<Tensor> {
    let shape = shape.to_vec();
    vec(number, shape.iter().product::<usize>())
        .prop_map(move |values| Tensor::from_vec(values, &shape).expect("the values fill the shape"))
        .boxed()
}

/// Two shapes that broadcast to each other: each is one common shape without some leading axes and with some axes set
/// to 1.
pub fn broadcastable(ranks: RangeInclusive<usize>, lengths: Range<usize>) -> BoxedStrategy<[Vec<usize>; 2]> {
    let part = || (0..3usize, any::<[bool; 4]>());
    (shape(ranks, lengths), part(), part())
        .prop_map(|(shape, (n, ones), (m, others))| [part_of(&shape, n, ones), part_of(&shape, m, others)])
        .boxed()
}

/// The shape without its first axes, and with some of its first four axes set to 1, so that it broadcasts to `shape`.
pub(crate) fn part_of(shape: &[usize], dropped: usize, ones: [bool; 4]) -> Vec<usize> {
    let kept = shape[dropped.min(shape.len())..].iter();
    kept.zip(ones.into_iter().chain(std::iter::repeat(false)))
        .map(|(&l, one)| if one { 1 } else { l })
        .collect()
}

/// Geometries of convolutions with their sizes, for `counts` of images, input channels and output channels, and for
/// ranges of the sides of kernels and images. If the kernel does not fit into the padded image, the sides are enlarged.
pub fn convolutions(
    counts: BoxedStrategy<(usize, usize, usize)>,
    kernel: Range<usize>,
    side: Range<usize>,
) -> BoxedStrategy<(Geometry, Convolution)> {
    let kernel = [kernel.clone(), kernel];
    (counts, kernel, [1..4usize, 1..4], [0..3usize, 0..3], [side.clone(), side])
        .prop_map(|((n, c, o), kernel, stride, padding, side)| {
            let along = |axis: usize| side[axis].max(kernel[axis].saturating_sub(2 * padding[axis])).max(1);
            let geometry = Geometry { stride, padding };
            let image = [n, c, along(0), along(1)];
            let sizes = geometry.sizes(&image, &[o, c, kernel[0], kernel[1]]);
            (geometry, sizes.expect("the kernel fits into the padded image"))
        })
        .boxed()
}

/// An element type.
pub fn dtype() -> BoxedStrategy<DType> {
    select(&DType::ALL[..]).boxed()
}

/// Indices below `below`.
pub fn indices(len: usize, below: u32) -> BoxedStrategy<Indices> {
    vec(0..below, len).prop_map(Indices::new).boxed()
}

/// Lengths with every remainder modulo the sizes of tiles (13 x 32, 6 x 16) and vectors (8, 16), with and without a
/// full tile, and lengths around the sizes of blocks and above 1,000.
pub const LENGTHS: [usize; 79] = {
    let mut lengths = [0; 79];
    let mut length = 0;
    while length < 66 {
        lengths[length] = length + 1;
        length += 1;
    }
    let long = [95, 96, 97, 127, 128, 129, 130, 255, 256, 257, 1000, 1001, 1025];
    while length < lengths.len() {
        lengths[length] = long[length - 66];
        length += 1;
    }
    lengths
};

/// Numbers of images and of channels: around the block sizes, up to slightly more than two blocks.
pub const BATCHES: [usize; 12] = [1, 2, 31, 32, 33, 34, 63, 64, 65, 66, 128, 130];

/// Calls of listed sizes: each axis in turn takes all of `lengths`, while the others take some of `others`; then calls
/// whose axes are all equal.
pub fn swept<const D: usize, C>(
    lengths: [&[usize]; D],
    others: &[usize],
    of: impl Fn([usize; D]) -> BoxedStrategy<C>,
) -> Vec<BoxedStrategy<C>> {
    let mut cases = vec![];
    for (axis, lengths) in lengths.iter().enumerate() {
        for (number, &length) in lengths.iter().enumerate() {
            // Steps that are coprime to the lengths of short lists, so that all combinations of adjacent values occur.
            let other = |place: usize| others[(number + 5 * place + number / others.len()) % others.len()];
            cases.push(of(std::array::from_fn(|place| if place == axis { length } else { other(place) })));
        }
    }
    let equal = [2, 3, 8, 13, 16, 17, 33].iter().filter(|&side| lengths.iter().all(|all| all.contains(side)));
    cases.extend(equal.map(|&side| of([side; D])));
    cases
}

/// [`swept`] for one axis with all of [`LENGTHS`].
pub fn swept_lengths<C>(of: impl Fn(usize) -> BoxedStrategy<C>) -> Vec<BoxedStrategy<C>> {
    swept([&LENGTHS], &[1], |[length]| of(length))
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    fn samples<T: std::fmt::Debug>(strategy: BoxedStrategy<T>) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        (0..64).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
    }

    #[test]
    fn broadcastable_shapes_are_equal_or_one_along_each_axis_and_differ_in_rank() {
        let pairs = samples(broadcastable(0..=4, 2..5));
        let meets = |[x, y]: &[Vec<usize>; 2]| {
            x.iter().rev().zip(y.iter().rev()).all(|(a, b)| a == b || *a == 1 || *b == 1)
        };
        assert!(pairs.iter().all(meets));
        assert!(pairs.iter().any(|[x, y]| x.len() < y.len()) && pairs.iter().any(|[x, y]| x.len() > y.len()));
        assert!(pairs.iter().any(|[x, y]| x.len() == y.len() && x != y));
    }

    #[test]
    fn distinct_values_are_0_01_apart() {
        for x in samples(distinct_values(&[3, 4])) {
            let mut values = x.to_f64_vec();
            values.sort_by(f64::total_cmp);
            assert!(values.windows(2).all(|pair| (pair[1] - pair[0] - 0.01).abs() < 1e-12));
        }
    }

    #[test]
    fn special_values_have_nan_both_infinities_both_zeros_and_ties() {
        let all: Vec<f64> = samples(special_values(&[16])).iter().flat_map(Tensor::to_f64_vec).collect();
        assert!(all.iter().any(|x| x.is_nan()));
        for value in [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0] {
            assert!(all.iter().filter(|x| x.to_bits() == value.to_bits()).count() > 1, "{value}");
        }
    }

    #[test]
    fn dtypes_indices_and_convolutions_take_all_their_values() {
        assert!(DType::ALL.iter().all(|dtype| samples(super::dtype()).contains(dtype)));
        let rows: Vec<u32> =
            samples(indices(4, 3)).iter().flat_map(|rows| rows.as_slice().to_vec()).collect();
        assert!([0, 1, 2].iter().all(|row| rows.contains(row)) && !rows.contains(&3));
        let counts = (1..3usize, 1..3usize, 1..3usize).boxed();
        let sizes = samples(convolutions(counts, 1..4, 1..4));
        assert!(sizes.iter().any(|(geometry, _)| geometry.stride[0] != geometry.stride[1]));
        assert!(sizes.iter().any(|(_, sizes)| sizes.kernel[0] > sizes.image[0]));
    }
}
