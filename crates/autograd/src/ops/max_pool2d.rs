//! Two-dimensional max-pooling.

pub(crate) mod windows;

use std::ops::Range;

use tensor::Tensor;

use self::windows::{Largest, Places, Windows, check_count};
use crate::ops::conv2d::output_length;
use crate::{Op, Result, Var};

/// The maximum of each window of images `[n, c, h, w]`, as `[n, c, oh, ow]`. The padding counts as minus infinity. It
/// is at most half the kernel, so that every window overlaps the image.
///
/// The gradient goes to the first maximum of a window in row-major order.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d {
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// The stride between windows.
    pub stride: [usize; 2],
    /// The padding on each side.
    pub padding: [usize; 2],
}

impl MaxPool2d {
    /// A pool with the same kernel, stride and padding along both axes.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2] }
    }

    /// For each of `count` windows along `axis`, the part that lies inside an image of this length.
    fn ranges(&self, axis: usize, length: usize, count: usize) -> Vec<Range<usize>> {
        let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
        let starts = (0..count).map(|place| place * stride);
        let inside = |start: usize| start.saturating_sub(padding)..length.min(start + kernel - padding);
        starts.map(inside).collect()
    }

    /// The number of windows along `axis`; `None` if no window fits.
    fn count(&self, axis: usize, length: usize) -> Option<usize> {
        let (kernel, padding) = (self.kernel[axis], self.padding[axis]);
        output_length(length, kernel, self.stride[axis], padding).filter(|_| padding <= kernel / 2)
    }

    /// The row ranges and column ranges of all windows of images of this shape.
    fn windows(&self, x: &[usize]) -> tensor::Result<[Vec<Range<usize>>; 2]> {
        if let &[n, c, h, w] = x
            && let (Some(rows), Some(columns)) = (self.count(0, h), self.count(1, w))
        {
            check_count([n, c, rows, columns])?;
            return Ok([self.ranges(0, h, rows), self.ranges(1, w, columns)]);
        }
        let ([kh, kw], [sh, sw], [ph, pw]) = (self.kernel, self.stride, self.padding);
        let expected = format!(
            "[n, c, h, w] into which the kernel fits \
             (kernel {kh} x {kw}, stride {sh} x {sw}, padding {ph} x {pw}, at most half the kernel)"
        );
        Err(tensor::Error::shape(Self::NAME, &expected, &[x]))
    }
}

impl MaxPool2d {
    /// The kernel for all windows of images of this shape.
    ///
    /// # Errors
    /// If the kernel does not fit, or there are too many windows.
    pub(crate) fn largest(self, x: &[usize]) -> tensor::Result<Largest> {
        let [rows, columns] = self.windows(x)?;
        Ok(Largest { image: [x[2], x[3]], windows: Windows::Moving(self), rows, columns })
    }
}

impl Op<1> for MaxPool2d {
    const NAME: &'static str = "max_pool2d";

    type Saved = Places;

    fn saved_tensors(places: &Places) -> Option<Vec<&Tensor>> {
        Some(vec![&places.place_of])
    }

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Places)> {
        let (y, places) = windows::forward(x, self.largest(x.shape())?)?;
        Ok(([y], places))
    }

    fn backward(
        &self,
        places: &Places,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([places.backward(dy, needed)?])
    }
}

impl<'t> Var<'t> {
    /// Max-pooling of images `[n, c, h, w]` to `[n, c, oh, ow]`.
    ///
    /// # Errors
    /// If the kernel does not fit into the padded image, the padding exceeds half the kernel, a stride or a side of the
    /// kernel is zero, or an image has more than 2^24 pixels.
    pub fn max_pool2d(&self, pool: MaxPool2d) -> Result<Self> {
        let [y] = self.tape.apply(pool, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use std::ops::Range;

    use proptest::prelude::*;
    use tensor::{DType, Tensor};

    use super::MaxPool2d;
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, distinct_values, length, swept};

    impl Cases<1> for MaxPool2d {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_windows(class),
            }
        }

        fn shows(case: &Case<Self, 1>, class: ShapeClass) -> bool {
            let MaxPool2d { kernel, stride, padding } = case.op;
            let image = [case.inputs[0].shape()[2], case.inputs[0].shape()[3]];
            let left = |axis: usize| (image[axis] + 2 * padding[axis] - kernel[axis]) % stride[axis];
            match class {
                ShapeClass::UnevenStride => left(0) + left(1) > 0,
                ShapeClass::UnitKernel => [kernel, image] == [[1; 2]; 2],
                _ => class.in_shapes(case.inputs.each_ref()),
            }
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            let pool = MaxPool2d { kernel: [2, 2], stride: [1, 1], padding: [0, 0] };
            vec![two_ties(pool)]
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            prop_oneof![3 => of_size(1..3, 1..7), 1 => of_size(1..3, 1..2)].boxed()
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(20..60, 20..40)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&BATCHES, &BATCHES, &LENGTHS[..78], &LENGTHS[..78]], &[3, 2, 7, 4], |shape| {
                of_images(shape, |shape| distinct_values(&shape))
            })
        }
    }

    /// Distinct values, at least 0.01 apart within an image of up to 400 pixels, so that finite differences do not
    /// change a maximum. Larger images repeat values, so that windows have ties.
    pub(crate) fn distinct(shape: [usize; 4]) -> BoxedStrategy<Tensor> {
        let len: usize = shape.iter().product();
        Just((0..len).map(|i| (i % 400) as f64 / 100.0 - 2.0).collect::<Vec<f64>>())
            .prop_shuffle()
            .prop_map(move |values| Tensor::from_vec(values, &shape).expect("the values fill the shape"))
            .boxed()
    }

    /// Two adjacent windows of 2 x 2 on an image of equal values: the first element of each gets the gradient.
    pub(crate) fn two_ties<O>(op: O) -> Kink<O, 1> {
        let x = Tensor::zeros(&[1, 1, 2, 3], DType::F64);
        Kink { op, inputs: [x], gradients: [vec![1.0, 1.0, 0.0, 0.0, 0.0, 0.0]] }
    }

    fn of_size(planes: Range<usize>, side: Range<usize>) -> BoxedStrategy<Case<MaxPool2d, 1>> {
        (length(planes), 1..3usize, side.clone(), side)
            .prop_then(|(n, c, h, w)| of_images([n, c, h, w], distinct))
            .boxed()
    }

    fn of_images(
        shape: [usize; 4],
        images: fn([usize; 4]) -> BoxedStrategy<Tensor>,
    ) -> BoxedStrategy<Case<MaxPool2d, 1>> {
        let kernel = 1..4usize;
        ([kernel.clone(), kernel], [1..5usize, 1..5])
            .prop_then(move |(kernel, stride)| {
                let kernel = [kernel[0].min(shape[2]), kernel[1].min(shape[3])];
                let padding = [0..=kernel[0] / 2, 0..=kernel[1] / 2];
                let op = padding.prop_map(move |padding| MaxPool2d { kernel, stride, padding });
                (op, images(shape))
            })
            .prop_map(|(op, x)| Case { op, inputs: [x], reduced: op.kernel[0] * op.kernel[1] })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::MaxPool2d;
    use crate::Tape;

    fn pooled(x: &[f32], shape: [usize; 4], pool: MaxPool2d) -> (Vec<f64>, Vec<f64>) {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_slice(x, &shape).unwrap());
        let y = x.max_pool2d(pool).unwrap();
        let dy = Tensor::full(1.0, y.shape(), DType::F32);
        let dx = tape.backward_from(&y, dy).unwrap().of(&x).unwrap().to_f64_vec();
        (y.value().to_f64_vec(), dx)
    }

    #[test]
    fn the_gradient_goes_to_the_first_of_equals_and_adds_up_where_windows_overlap() {
        let (y, dx) = pooled(
            &[1.0, 3.0, 3.0, 0.0],
            [1, 1, 1, 4],
            MaxPool2d { kernel: [1, 3], stride: [1, 1], padding: [0, 0] },
        );
        assert_eq!((y, dx), (vec![3.0, 3.0], vec![0.0, 2.0, 0.0, 0.0]));
    }

    #[test]
    fn padding_is_never_the_maximum_even_against_minus_infinity() {
        let (y, dx) = pooled(&[f32::NEG_INFINITY; 4], [1, 1, 2, 2], MaxPool2d::square(2, 2, 1));
        assert_eq!((y, dx), (vec![f64::NEG_INFINITY; 4], vec![1.0; 4]));
        let (y, _) = pooled(&[-5.0], [1, 1, 1, 1], MaxPool2d::square(3, 2, 1));
        assert_eq!(y, [-5.0]);
    }

    #[test]
    fn a_nan_is_propagated_and_gets_the_gradient() {
        for x in [[1.0, f32::NAN, 2.0, 0.0], [f32::NAN, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, f32::NAN]] {
            let (y, dx) = pooled(&x, [1, 1, 2, 2], MaxPool2d::square(2, 2, 0));
            assert!(y[0].is_nan());
            assert!((0..4).all(|i| (dx[i] == 1.0) == x[i].is_nan()), "{dx:?}");
        }
    }

    #[test]
    fn the_reference_and_the_fast_path_choose_the_same_places() {
        let elements: Vec<f32> = (0..2 * 7 * 9).map(|i| ((i * 5) % 4) as f32).collect();
        let x = Tensor::from_vec(elements, &[2, 1, 7, 9]).unwrap();
        for pool in [MaxPool2d::square(2, 2, 1), MaxPool2d::square(3, 2, 1), MaxPool2d::square(3, 4, 0)] {
            let kernel = pool.largest(x.shape()).unwrap();
            let fast = tensor::run(&kernel, [&x]).unwrap().map(|y| y.to_f64_vec());
            assert_eq!(fast, tensor::run_reference(&kernel, [&x]).unwrap().map(|y| y.to_f64_vec()));
        }
    }

    #[test]
    fn windows_that_are_computed_at_once_choose_the_positions_of_the_reference() {
        let odd = [f32::NAN, f32::NEG_INFINITY, f32::INFINITY];
        for width in [2, 6, 8, 10, 14, 15, 16, 17, 18, 33, 34, 35] {
            for period in [1, 3, 7] {
                let number =
                    |i: usize| if i.is_multiple_of(5) { odd[i / 5 % 3] } else { (i * 5 % period) as f32 };
                let x = Tensor::from_vec((0..5 * width).map(number).collect(), &[1, 1, 5, width]).unwrap();
                for [kernel, stride, padding] in
                    [[2, 2, 0], [2, 2, 1], [2, 1, 0], [2, 3, 0], [2, 3, 1], [3, 2, 1], [1, 1, 0]]
                {
                    let pool = MaxPool2d::square(kernel, stride, padding);
                    if width < kernel {
                        continue;
                    }
                    let kernel = pool.largest(x.shape()).unwrap();
                    let bits = |tensors: [Tensor; 2]| {
                        tensors.map(|y| y.to_f64_vec().into_iter().map(f64::to_bits).collect::<Vec<_>>())
                    };
                    let fast = bits(tensor::run(&kernel, [&x]).unwrap());
                    let reference = bits(tensor::run_reference(&kernel, [&x]).unwrap());
                    assert_eq!(fast, reference, "width {width}, {pool:?}");
                }
            }
        }
    }

    #[test]
    fn an_image_with_too_many_pixels_for_exact_indices_is_refused() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[1, 1, 1, (1 << 24) + 1], DType::F16));
        let message = x.max_pool2d(MaxPool2d::square(1, 1, 0)).unwrap_err().to_string();
        assert_eq!(
            message,
            "largest_of_windows: expected images of at most 16777216 pixels, got [1, 1, 1, 16777217]"
        );
    }

    #[test]
    fn a_pool_that_does_not_fit_is_an_error_with_the_expected_one() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[1, 2, 3, 3], DType::F32));
        let message = |pool| x.max_pool2d(pool).unwrap_err().to_string();
        assert_eq!(
            message(MaxPool2d::square(2, 2, 2)),
            "max_pool2d: expected [n, c, h, w] into which the kernel fits \
             (kernel 2 x 2, stride 2 x 2, padding 2 x 2, at most half the kernel), got [1, 2, 3, 3]"
        );
        for pool in [MaxPool2d::square(4, 1, 0), MaxPool2d::square(0, 1, 0), MaxPool2d::square(2, 0, 0)] {
            assert!(message(pool).starts_with("max_pool2d: expected"));
        }
        assert!(
            tape.input(&Tensor::zeros(&[3, 3], DType::F32)).max_pool2d(MaxPool2d::square(1, 1, 0)).is_err()
        );
    }
}
