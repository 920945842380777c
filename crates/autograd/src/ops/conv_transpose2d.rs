//! The transposed convolution with a bias, then perhaps a rectifier: the input gradient of a convolution, used
//! to make images larger.

use ndarray::{ArrayD, ArrayViewD};
use tensor::conv::{Around, Convolution};
use tensor::gpu::Call;
use tensor::{Epilogue, Kernel, Real, Slice, Tensor};

use crate::epilogue;
use crate::op::if_wanted;
use crate::ops::conv2d::{self, ConvGradInput, ConvGradWeight, Geometry, launches, with_bias};
use crate::ops::conv2d_no_bias::Conv2dNoBias;
use crate::{Op, Result, Var};

/// From images `[n, c, h, w]`, a weight `[c, o, kh, kw]` and a bias `[o]` to images `[n, o, ..]` with sides
/// `(side - 1) stride - 2 padding + kernel + output_padding`.
///
/// It is the input gradient of the convolution whose output has the shape of these images.
#[derive(Debug, Clone, Copy)]
pub struct ConvTranspose2d {
    /// Stride, padding and output padding.
    pub attributes: Transposed,
    /// What is done to the sum.
    pub epilogue: Epilogue,
}

/// The attributes of a transposed convolution, rows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transposed {
    /// Stride and padding of the convolution whose gradient this is.
    pub geometry: Geometry,
    /// How many more rows and columns the output has; below the stride, which leaves several sizes open.
    pub output_padding: [usize; 2],
}

impl Transposed {
    /// The same stride, padding and output padding along both axes.
    pub fn square(stride: usize, padding: usize, output_padding: usize) -> Self {
        Self { geometry: Geometry::square(stride, padding), output_padding: [output_padding; 2] }
    }

    /// The convolution whose input gradient this is: `image` is what comes out here and `out` what goes in.
    pub(crate) fn sizes(&self, x: &[usize], weight: &[usize]) -> Option<Convolution> {
        let (&[_, _, h, w], &[_, _, kh, kw]) = (x, weight) else { return None };
        let side = |axis: usize| -> Option<usize> {
            let Geometry { stride, padding } = self.geometry;
            if self.output_padding[axis] >= stride[axis] {
                return None;
            }
            let reached = [h, w][axis].checked_sub(1)?.checked_mul(stride[axis])?;
            let padded = reached.checked_add([kh, kw][axis])?.checked_add(self.output_padding[axis])?;
            padded.checked_sub(padding[axis].checked_mul(2)?)
        };
        self.gradient([side(0)?, side(1)?]).sizes(x, weight)
    }

    pub(crate) fn wanted_shapes(&self) -> String {
        let Geometry { stride: [sh, sw], padding: [ph, pw] } = self.geometry;
        let [oh, ow] = self.output_padding;
        format!(
            "[n, c, h, w] and [c, o, kh, kw] with an output that is not empty \
             (stride {sh} x {sw}, padding {ph} x {pw}, output padding {oh} x {ow}, below the stride)"
        )
    }

    fn gradient(&self, image: [usize; 2]) -> ConvGradInput {
        ConvGradInput { geometry: self.geometry, image }
    }

    pub(crate) fn reference_4d<A: Real>(&self, x: ArrayViewD<'_, A>, weight: ArrayViewD<'_, A>) -> ArrayD<A> {
        let sizes = self.sizes(x.shape(), weight.shape()).expect("the shape rule was asked");
        self.gradient(sizes.image).reference_4d(x, weight)
    }

    /// The way back is the convolution itself; for the weight, image and output change places.
    pub(crate) fn gradients(
        &self,
        [x, weight]: [&Tensor; 2],
        dy: &Tensor,
        wanted: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        let dx = if_wanted(wanted[0], || {
            let [dx] = tensor::run(&Conv2dNoBias(self.geometry), [dy, weight])?;
            Ok(dx)
        })?;
        let dweight = if_wanted(wanted[1], || {
            let kernel = [weight.shape()[2], weight.shape()[3]];
            let [dweight] = tensor::run(&ConvGradWeight { geometry: self.geometry, kernel }, [dy, x])?;
            Ok(dweight)
        })?;
        Ok([dx, dweight])
    }
}

impl Kernel<3, 1> for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn shapes(&self, [x, weight, bias]: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.attributes.sizes(x, weight) {
            Some(sizes) if bias == [sizes.c] => Ok([vec![sizes.n, sizes.c, sizes.image[0], sizes.image[1]]]),
            _ => {
                let wanted = format!("{} and a bias [o]", self.attributes.wanted_shapes());
                Err(tensor::Error::shape("conv_transpose2d", &wanted, &[x, weight, bias]))
            }
        }
    }

    fn reference<A: Real>(&self, [x, weight, bias]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        let sum = with_bias(self.attributes.reference_4d(x, weight), bias);
        [sum.mapv_into(|x| self.epilogue.of(x))]
    }

    fn launch(
        &self,
        call: Call<'_>,
        [x, weight, bias]: [&Tensor; 3],
        [y]: [&Tensor; 1],
    ) -> tensor::Result<()> {
        let sizes = self.attributes.sizes(x.shape(), weight.shape()).expect("the shape rule was asked");
        launches::grad_input(call, [x, weight], y, Some((bias, self.epilogue)), sizes)
    }

    fn flops(&self, [x, weight, _]: [&[usize]; 3]) -> u64 {
        self.attributes.sizes(x, weight).map_or(0, |sizes| sizes.flops())
    }

    fn fast(&self, [x, weight, bias]: [Slice<'_>; 3], [y]: [&mut [f32]; 1]) -> bool {
        let sizes = self.attributes.sizes(x.shape, weight.shape).expect("the shape rule was asked");
        let around = Around { bias: Some(bias.data), epilogue: self.epilogue };
        conv2d::fast_grad_input(y, [x.data, weight.data], around, sizes)
    }
}

impl Op<3> for ConvTranspose2d {
    const NAME: &'static str = "conv_transpose2d";

    /// The images and the weight, and what the epilogue needs.
    type Saved = ([Tensor; 2], Option<Tensor>);

    fn forward(&self, [x, weight, bias]: [&Tensor; 3]) -> Result<([Tensor; 1], Self::Saved)> {
        let [y] = tensor::run(self, [x, weight, bias])?;
        let of_epilogue = epilogue::saved(self.epilogue, &y);
        Ok(([y], ([x.clone(), weight.clone()], of_epilogue)))
    }

    fn backward(
        &self,
        (inputs, of_epilogue): &Self::Saved,
        [dy]: [&Tensor; 1],
        [wanted_x, wanted_weight, wanted_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let dsum = epilogue::backward(of_epilogue, dy)?;
        let [dx, dweight] = self.attributes.gradients(inputs.each_ref(), &dsum, [wanted_x, wanted_weight])?;
        Ok([dx, dweight, conv2d::bias_gradient(&dsum, wanted_bias)?])
    }
}

impl<'t> Var<'t> {
    /// The transposed convolution of these images `[n, c, h, w]` with `weight: [c, o, kh, kw]`, plus
    /// `bias: [o]`.
    ///
    /// # Errors
    /// If the shapes are not such, a stride is zero, an output padding is not below its stride or the
    /// output would be empty.
    pub fn conv_transpose2d(&self, weight: &Self, bias: &Self, attributes: Transposed) -> Result<Self> {
        let op = ConvTranspose2d { attributes, epilogue: Epilogue::Identity };
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }

    /// [`Var::conv_transpose2d`], then [`Var::relu`], in one operation.
    ///
    /// # Errors
    /// As [`Var::conv_transpose2d`].
    pub fn conv_transpose2d_relu(&self, weight: &Self, bias: &Self, attributes: Transposed) -> Result<Self> {
        let op = ConvTranspose2d { attributes, epilogue: Epilogue::Relu };
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }
}

#[cfg(feature = "cases")]
pub(crate) mod cases {
    use proptest::prelude::*;
    use tensor::Epilogue;
    use tensor::Tensor;
    use tensor::conv::Convolution;

    use super::{ConvTranspose2d, Transposed};
    use crate::epilogue::cases::{bias, sum_of_zero};
    use crate::gradcheck::cases::{Case, Cases, Kink, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};
    use crate::ops::conv2d::Geometry;
    use crate::ops::conv2d::cases::{long, reduced, small, swept_sizes, window_shows};

    impl Cases<3> for ConvTranspose2d {
        const LINEAR: [bool; 3] = [true; 3];

        fn linear(&self) -> [bool; 3] {
            [self.epilogue == Epilogue::Identity; 3]
        }

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_windows(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, 3>> {
            let op = ConvTranspose2d { attributes: Transposed::square(1, 0, 0), epilogue: Epilogue::Relu };
            vec![sum_of_zero(op, &[1; 4], &[1, 3, 1, 1])]
        }

        fn shows(case: &Case<Self, 3>, class: ShapeClass) -> bool {
            let [x, weight, _] = case.inputs.each_ref();
            window_shows(case.op.attributes.sizes(x.shape(), weight.shape()), class)
                || class.in_shapes(case.inputs.each_ref())
        }

        fn cases() -> BoxedStrategy<Case<Self, 3>> {
            of_sizes(small())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
            of_sizes(long())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
            swept_sizes().into_iter().map(of_sizes).collect()
        }
    }

    /// The transposed convolution that undoes the sizes of a convolution. The convolution never reads the
    /// last rows and columns of its image where the stride does not divide; the output padding brings them
    /// back.
    pub(crate) fn attributes(geometry: Geometry, sizes: &Convolution) -> Transposed {
        let left = |axis: usize| {
            let padded = sizes.image[axis] + 2 * geometry.padding[axis];
            (padded - sizes.kernel[axis]) % geometry.stride[axis]
        };
        Transposed { geometry, output_padding: [left(0), left(1)] }
    }

    pub(crate) fn images_and_weight(sizes: &Convolution) -> BoxedStrategy<[Tensor; 2]> {
        let Convolution { n, c, o, kernel: [kh, kw], out: [h, w], .. } = *sizes;
        (values(&[n, o, h, w]), values(&[o, c, kh, kw])).prop_map(|(x, weight)| [x, weight]).boxed()
    }

    fn of_sizes(sizes: BoxedStrategy<(Geometry, Convolution)>) -> BoxedStrategy<Case<ConvTranspose2d, 3>> {
        sizes
            .prop_flat_map(|(geometry, sizes)| {
                let attributes = attributes(geometry, &sizes);
                let terms = sizes.o * sizes.kernel[0] * sizes.kernel[1];
                (Just(attributes), images_and_weight(&sizes), bias(sizes.c, terms), Just(sizes))
            })
            .prop_map(|(attributes, [x, weight], (bias, epilogue), sizes)| Case {
                op: ConvTranspose2d { attributes, epilogue },
                inputs: [x, weight, bias],
                reduced: reduced(&sizes),
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Epilogue, Tensor};

    use super::{ConvTranspose2d, Transposed};
    use crate::Tape;

    #[test]
    fn the_decoder_of_cnn_s_goes_from_4_to_28() {
        let tape = Tape::new();
        let mut x = tape.input(&Tensor::zeros(&[1, 2, 4, 4], DType::F32));
        let weight = tape.input(&Tensor::zeros(&[2, 2, 3, 3], DType::F32));
        let bias = tape.input(&Tensor::zeros(&[2], DType::F32));
        for (padding, side) in [(1, 8), (2, 14), (1, 28)] {
            x = x.conv_transpose2d(&weight, &bias, Transposed::square(2, padding, 1)).unwrap();
            assert_eq!(x.shape(), [1, 2, side, side]);
        }
    }

    #[test]
    fn each_pixel_spreads_over_its_window() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_slice(&[1.0f64, 2.0], &[1, 1, 1, 2]).unwrap());
        let weight = tape.input(&Tensor::from_slice(&[1.0f64, 10.0, 100.0], &[1, 1, 1, 3]).unwrap());
        let bias = tape.input(&Tensor::full(0.5, &[1], DType::F64));
        let y = x.conv_transpose2d(&weight, &bias, Transposed::square(2, 0, 1)).unwrap();
        let with_bias = |row: [f64; 6]| row.map(|y| y + 0.5);
        let expected = [with_bias([1.0, 10.0, 102.0, 20.0, 200.0, 0.0]), [0.5; 6]].concat();
        assert_eq!(y.value().to_f64_vec(), expected);
    }

    #[test]
    fn an_output_padding_of_the_stride_and_an_empty_output_are_errors() {
        let [x, weight, bias] =
            [&[2, 3, 1, 1][..], &[3, 4, 3, 3], &[4]].map(|shape| Tensor::zeros(shape, DType::F32));
        let message = |attributes| {
            let op = ConvTranspose2d { attributes, epilogue: Epilogue::Identity };
            tensor::run(&op, [&x, &weight, &bias]).unwrap_err().to_string()
        };
        assert_eq!(
            message(Transposed::square(2, 1, 2)),
            "conv_transpose2d: wanted [n, c, h, w] and [c, o, kh, kw] with an output that is not empty \
             (stride 2 x 2, padding 1 x 1, output padding 2 x 2, below the stride) and a bias [o], \
             got [2, 3, 1, 1] and [3, 4, 3, 3] and [4]"
        );
        for attributes in
            [Transposed::square(0, 0, 0), Transposed::square(1, 2, 0), Transposed::square(1, usize::MAX, 0)]
        {
            assert!(message(attributes).starts_with("conv_transpose2d: wanted"));
        }
    }
}
