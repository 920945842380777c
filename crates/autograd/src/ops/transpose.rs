//! Permutation of axes.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call, Grid};
use tensor::{Kernel, Real, Slice, Tensor};

use crate::launch::axes::{Axes, strides};
use crate::launch::elementwise;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// Permutes axes: axis `i` of the output is axis `axes[i]` of the input. The elements are copied, because tensors have
/// no strides.
#[derive(Debug, Clone)]
pub struct Transpose {
    /// The permutation: each axis of the input, once.
    pub axes: Vec<usize>,
}

/// The side of the square blocks in which a matrix is transposed. Two blocks fit into the L1 cache, so each cache line
/// is fully used before it is evicted.
const TILE: usize = 16;

/// The side of the blocks on a GPU, and the rows of threads per block.
const GPU_TILE: usize = 32;
const GPU_TILE_STEP: u32 = 8;

/// The maximum number of GPU blocks along y and along z.
const MAX_BLOCKS: usize = 65_535;

impl Transpose {
    /// The inverse permutation.
    pub(crate) fn inverse(&self) -> Self {
        let mut axes = vec![0; self.axes.len()];
        self.axes.iter().enumerate().for_each(|(to, &from)| axes[from] = to);
        Self { axes }
    }

    fn permutes(&self, rank: usize) -> bool {
        self.axes.len() == rank && (0..rank).all(|axis| self.axes.contains(&axis))
    }
}

impl Kernel<1, 1> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        if !self.permutes(x.len()) {
            let expected = format!("a shape with exactly the axes {:?}, in any order", self.axes);
            return Err(tensor::Error::shape("transpose", &expected, &[x]));
        }
        Ok([self.axes.iter().map(|&axis| x[axis]).collect()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.permuted_axes(self.axes.as_slice()).as_standard_layout().into_owned()]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let of_x = strides(x.shape());
        let walk = Axes::of(self.axes.iter().map(|&axis| (x.shape()[axis], of_x[axis])));
        if let Some([matrices, rows, columns]) = walk.matrices()
            && matrices.max(rows.div_ceil(GPU_TILE)) <= MAX_BLOCKS
        {
            let blocks = [columns.div_ceil(GPU_TILE), rows.div_ceil(GPU_TILE), matrices].map(|n| n as u32);
            let grid = Grid { blocks, threads: [GPU_TILE as u32, GPU_TILE_STEP, 1], shared: 0 };
            let sizes = [rows, columns].map(Argument::Size);
            let arguments = [&[Argument::Out(y), Argument::In(x)][..], &sizes].concat();
            return call.launch("transpose_matrices", grid, &arguments);
        }
        elementwise(call, "transpose", y, [x], &[Argument::Words(&walk.words(call)?)])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        if !y.is_empty() {
            Walk::new(x.shape, &self.axes).copy(x.data, y);
        }
        true
    }
}

/// A permutation reduced to the minimum number of axes.
struct Walk {
    /// The lengths of the axes of the output.
    lengths: Vec<usize>,
    /// The strides in the input of the axes of the output.
    strides: Vec<usize>,
}

impl Walk {
    /// Drops axes of length 1 and merges axes that remain adjacent.
    fn new(x: &[usize], axes: &[usize]) -> Self {
        let mut walk = Self { lengths: vec![], strides: vec![] };
        for &axis in axes.iter().filter(|&&axis| x[axis] != 1) {
            let stride = x[axis + 1..].iter().product();
            match (walk.lengths.last_mut(), walk.strides.last_mut()) {
                (Some(length), Some(last)) if *last == x[axis] * stride => {
                    (*length, *last) = (*length * x[axis], stride);
                }
                _ => {
                    walk.lengths.push(x[axis]);
                    walk.strides.push(stride);
                }
            }
        }
        walk
    }

    /// Copies `x` to `y`, which is not empty.
    fn copy(&self, x: &[f32], y: &mut [f32]) {
        let Some(innermost) = self.lengths.len().checked_sub(1) else { return y.copy_from_slice(x) };
        if self.strides[innermost] == 1 {
            let row = self.lengths[innermost];
            let outer: Vec<usize> = (0..innermost).collect();
            let mut rows = y.chunks_exact_mut(row);
            return self.for_each(&outer, |from, _| {
                let to = rows.next().expect("the output has one row for each index");
                to.copy_from_slice(&x[from..from + row]);
            });
        }
        // The last axes of the input and of the output differ; together they form matrices to transpose.
        let across = self
            .strides
            .iter()
            .position(|&stride| stride == 1)
            .expect("a contiguous tensor has an axis of stride 1");
        let matrix = Matrix {
            rows: self.lengths[across],
            columns: self.lengths[innermost],
            from: self.strides[innermost],
            to: self.lengths[across + 1..].iter().product(),
        };
        let outer: Vec<usize> = (0..innermost).filter(|&axis| axis != across).collect();
        self.for_each(&outer, |from, to| matrix.transpose(&x[from..], &mut y[to..]));
    }

    /// Calls `f` with the offsets in the input and in the output for each index along `axes`, in order.
    fn for_each(&self, axes: &[usize], mut f: impl FnMut(usize, usize)) {
        let steps: Vec<(usize, usize, usize)> = axes
            .iter()
            .map(|&axis| (self.lengths[axis], self.strides[axis], self.lengths[axis + 1..].iter().product()))
            .collect();
        let places: usize = steps.iter().map(|(length, _, _)| length).product();
        for place in 0..places {
            let (mut rest, mut from, mut to) = (place, 0, 0);
            for (length, stride, step) in steps.iter().rev() {
                from += rest % length * stride;
                to += rest % length * step;
                rest /= length;
            }
            f(from, to);
        }
    }
}

/// A matrix to transpose, whose columns are contiguous in the output and whose rows are contiguous in the input.
struct Matrix {
    rows: usize,
    columns: usize,
    /// The stride of columns in the input.
    from: usize,
    /// The stride of rows in the output.
    to: usize,
}

impl Matrix {
    fn transpose(&self, x: &[f32], y: &mut [f32]) {
        for first_row in (0..self.rows).step_by(TILE) {
            let rows = first_row..(first_row + TILE).min(self.rows);
            for first_column in (0..self.columns).step_by(TILE) {
                let columns = first_column..(first_column + TILE).min(self.columns);
                for row in rows.clone() {
                    let y = &mut y[row * self.to + columns.start..row * self.to + columns.end];
                    let x = x[row + columns.start * self.from..].iter().step_by(self.from);
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
                }
            }
        }
    }
}

impl Op<1> for Transpose {
    const NAME: &'static str = "transpose";

    type Saved = ();

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, [x])?, ()))
    }

    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&self.inverse(), [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Permutes the axes: axis `i` of the result is axis `axes[i]` of `self`.
    ///
    /// # Errors
    /// If `axes` is not a permutation of all axes.
    pub fn transpose(&self, axes: &[usize]) -> Result<Self> {
        let [y] = self.tape.apply(Transpose { axes: axes.to_vec() }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::Transpose;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, shape, swept, values};

    impl Cases<1> for Transpose {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(shape(0..=4, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(prop_oneof![shape(4..=4, 1..20), of_lengths(2..5, 17..40)].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            let of = |shape: &[usize]| of_shape(Just(shape.to_vec()).boxed());
            let mut calls = swept([&LENGTHS; 3], &[3, 17, 2, 9], |shape| of(&shape));
            calls.extend(swept([&BATCHES; 4], &[2, 3, 1, 5], |shape| of(&shape)));
            calls
        }
    }

    fn of_lengths(few: Range<usize>, many: Range<usize>) -> BoxedStrategy<Vec<usize>> {
        (few, many.clone(), many).prop_map(|(a, b, c)| vec![a, b, c]).boxed()
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Transpose, 1>> {
        shape
            .prop_then(|shape| {
                let axes: Vec<usize> = (0..shape.len()).collect();
                (values(&shape), Just(axes).prop_shuffle())
            })
            .prop_map(|(x, axes)| Case { op: Transpose { axes }, inputs: [x], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::Transpose;
    use crate::Tape;

    #[test]
    fn a_matrix_is_transposed_and_its_gradient_is_transposed_back() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec((0..6).map(f64::from).collect(), &[2, 3]).unwrap());
        let y = x.transpose(&[1, 0]).unwrap();
        assert_eq!((y.shape(), y.value().to_f64_vec()), (&[3, 2][..], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        let dy = Tensor::from_vec(vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0f64], &[3, 2]).unwrap();
        let gradients = tape.backward_from(&y, dy).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), x.value().to_f64_vec());
    }

    #[test]
    fn the_fast_path_moves_each_element_like_the_reference() {
        // Covers whole tiles, partial tiles, merged axes, axes of length 1, and every permutation of four axes.
        for shape in [[3, 17, 5, 33], [2, 1, 40, 16], [1, 1, 1, 1], [5, 4, 1, 3], [2, 0, 3, 4]] {
            let length = shape.iter().product::<usize>();
            let x = Tensor::from_vec((0..length).map(|i| i as f32).collect(), &shape).unwrap();
            for order in 0..256usize {
                let axes: Vec<usize> = (0..4).map(|place| order >> (2 * place) & 3).collect();
                let op = Transpose { axes };
                if op.permutes(4) {
                    let [fast] = tensor::run(&op, [&x]).unwrap();
                    let [slow] = tensor::run_reference(&op, [&x]).unwrap();
                    assert_eq!(fast.to_f64_vec(), slow.to_f64_vec(), "{shape:?} in the order {:?}", op.axes);
                }
            }
        }
    }

    #[test]
    fn axes_that_are_not_a_permutation_are_an_error_that_names_them() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        for axes in [&[0, 0][..], &[0], &[1, 2], &[0, 1, 2]] {
            let message = x.transpose(axes).unwrap_err().to_string();
            assert!(
                message.starts_with("transpose: ") && message.contains(&format!("{axes:?}")),
                "{message}"
            );
        }
    }
}
