//! The fast paths of a convolution and its gradients, corrected for infinite and NaN elements.
//!
//! A GEMM stores the padding as zeros, and zero times infinity is NaN. So non-finite elements of the factor that is
//! multiplied by the padding are replaced by ±1 in the GEMM. Their true contributions are added afterwards, for the
//! pixels of the image only; being non-finite, they make the replacements irrelevant. All functions return `false` if a
//! GEMM does not support the sizes.

use std::borrow::Cow;
use std::ops::Range;

use tensor::conv::{self, Convolution, Epilogue};
use tensor::{FusedActivation, vector};

/// `y = activation(bias + conv2d(x, weight))`
pub(crate) fn conv2d(
    y: &mut [f32],
    [x, weight]: [&[f32]; 2],
    epilogue: Epilogue<'_>,
    sizes: Convolution,
) -> bool {
    if !sizes.suits_gemm() {
        return false;
    }
    if sizes.padding == [0; 2] {
        conv::conv2d_f32(y, x, weight, epilogue, sizes);
        return true;
    }
    let Parts { finite, others } = Parts::of(weight);
    conv::conv2d_f32(y, x, &finite, others.of_products(epilogue), sizes);
    for &place in &others.0 {
        for_each_run(sizes, place, |in_y, in_x, len| {
            let x = x[in_x..].iter().step_by(sizes.stride[1]);
            y[in_y..in_y + len].iter_mut().zip(x).for_each(|(y, &x)| *y += x * weight[place]);
        });
    }
    others.finish(epilogue, y);
    true
}

/// The gradient with respect to the images from `dy` and the weight. With an epilogue it is a transposed convolution.
pub(crate) fn grad_input(
    dx: &mut [f32],
    [dy, weight]: [&[f32]; 2],
    epilogue: Epilogue<'_>,
    sizes: Convolution,
) -> bool {
    if !sizes.suits_gemm() {
        return false;
    }
    let Parts { finite, others } = Parts::of(weight);
    conv::conv2d_grad_input_f32(dx, dy, &finite, others.of_products(epilogue), sizes);
    for &place in &others.0 {
        for_each_run(sizes, place, |in_y, in_x, len| {
            let dx = dx[in_x..].iter_mut().step_by(sizes.stride[1]);
            dx.zip(&dy[in_y..in_y + len]).for_each(|(dx, &dy)| *dx += dy * weight[place]);
        });
    }
    others.finish(epilogue, dx);
    true
}

/// The gradient with respect to the weight from the images and `dy`.
pub(super) fn grad_weight(dweight: &mut [f32], [x, dy]: [&[f32]; 2], sizes: Convolution) -> bool {
    if !sizes.suits_gemm() {
        return false;
    }
    conv::conv2d_grad_weight_f32(dweight, x, dy, sizes);
    // A non-finite element of `dy` makes all sums that contain it non-finite, and every tap has it in its sum.
    if sizes.padding == [0; 2] || all_finite(dweight) {
        return true;
    }
    let Parts { finite, others } = Parts::of(dy);
    if others.0.is_empty() {
        return true;
    }
    conv::conv2d_grad_weight_f32(dweight, x, &finite, sizes);
    let Convolution {
        c: channels, image: [h, w], o: outputs, kernel: [kh, kw], stride, padding, out, ..
    } = sizes;
    for place in others.0 {
        let [n, o, i, j] = indices(place, [outputs, out[0], out[1]]);
        let first = [i * stride[0], j * stride[1]];
        let taps = |axis: usize| -> Range<usize> {
            let inside = (sizes.image[axis] + padding[axis]).saturating_sub(first[axis]);
            padding[axis].saturating_sub(first[axis])..sizes.kernel[axis].min(inside)
        };
        let (rows, columns) = (taps(0), taps(1));
        for c in 0..channels {
            for row in rows.clone() {
                for column in columns.clone() {
                    let pixel = (first[0] + row - padding[0]) * w + first[1] + column - padding[1];
                    dweight[((o * channels + c) * kh + row) * kw + column] +=
                        x[(n * channels + c) * h * w + pixel] * dy[place];
                }
            }
        }
    }
    true
}

/// The elements with non-finite ones replaced by 1 or -1, and the indices of the replaced elements. The replacement
/// must not be zero, because zero times an infinity of the other factor is NaN.
struct Parts<'a> {
    finite: Cow<'a, [f32]>,
    others: Others,
}

struct Others(Vec<usize>);

impl<'a> Parts<'a> {
    fn of(elements: &'a [f32]) -> Self {
        if all_finite(elements) {
            return Self { finite: Cow::Borrowed(elements), others: Others(vec![]) };
        }
        let others = (0..elements.len()).filter(|&place| !elements[place].is_finite()).collect();
        let finite = elements.iter().map(|&x| if x.is_finite() { x } else { 1f32.copysign(x) }).collect();
        Self { finite: Cow::Owned(finite), others: Others(others) }
    }
}

fn all_finite(elements: &[f32]) -> bool {
    // Zero times a finite number is zero; zero times infinity or NaN is NaN.
    vector::sum2(elements, elements, |x, _| 0.0 * x) == 0.0
}

impl Others {
    /// The epilogue of the GEMMs, without the activation if terms are added afterwards.
    fn of_products<'a>(&self, epilogue: Epilogue<'a>) -> Epilogue<'a> {
        if self.0.is_empty() {
            epilogue
        } else {
            Epilogue { activation: FusedActivation::Identity, ..epilogue }
        }
    }

    fn finish(&self, epilogue: Epilogue<'_>, out: &mut [f32]) {
        if !self.0.is_empty() {
            epilogue.activation.apply(out);
        }
    }
}

/// Calls `run` for each run of adjacent output pixels for which the weight at index `place` is multiplied by a pixel of
/// the image. Its arguments are the start of the run in the output, its start in the images, where its pixels are one
/// stride apart, and its length.
fn for_each_run(sizes: Convolution, place: usize, mut run: impl FnMut(usize, usize, usize)) {
    let Convolution { n: images, c: channels, image: [h, w], o: outputs, kernel, stride, padding, out } =
        sizes;
    let [o, c, row, column] = indices(place, [channels, kernel[0], kernel[1]]);
    let tap = [row, column];
    let reading = |axis: usize| -> Range<usize> {
        let inside = (sizes.image[axis] + padding[axis]).saturating_sub(tap[axis]);
        padding[axis].saturating_sub(tap[axis]).div_ceil(stride[axis])
            ..inside.div_ceil(stride[axis]).min(out[axis])
    };
    let (rows, columns) = (reading(0), reading(1));
    if columns.is_empty() {
        return;
    }
    for n in 0..images {
        for i in rows.clone() {
            let in_y = ((n * outputs + o) * out[0] + i) * out[1] + columns.start;
            let line = (n * channels + c) * h + i * stride[0] + tap[0] - padding[0];
            run(in_y, line * w + columns.start * stride[1] + tap[1] - padding[1], columns.len());
        }
    }
}

/// The four indices of element `place`, where the last three axes have these lengths.
fn indices(place: usize, [a, b, c]: [usize; 3]) -> [usize; 4] {
    [place / (a * b * c), place / (b * c) % a, place / c % b, place % c]
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use tensor::{DType, FusedActivation, Kernel, Tensor, run, run_reference};

    use crate::ops::conv_transpose2d::{ConvTranspose2d, Transposed};
    use crate::ops::conv2d::{Conv2d, ConvGradInput, ConvGradWeight, Geometry};
    use crate::testing::cases::for_many;
    use crate::testing::shrink::Then;
    use crate::{Error, Result};

    /// Values with one decimal, below 2 in magnitude, a few of them non-finite.
    fn elements(shape: &[usize]) -> BoxedStrategy<Tensor> {
        let shape = shape.to_vec();
        let odd = select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0]);
        let number = prop_oneof![20 => (-19..20i32).prop_map(|x| x as f32 / 10.0), 1 => odd];
        vec(number, shape.iter().product::<usize>())
            .prop_map(move |values| Tensor::from_vec(values, &shape).expect("the values fill the shape"))
            .boxed()
    }

    /// Compares the fast path and the reference of a kernel whose results are sums of up to `n` terms. Finite results
    /// may differ by rounding: each side has an error of at most `n` times half an epsilon times the sum of the
    /// magnitudes of the terms, `4 n`. Non-finite results must be equal.
    fn agree<const N: usize>(kernel: &impl Kernel<N, 1>, inputs: [&Tensor; N], n: usize) -> Result<()> {
        let ([fast], [slow]) = (run(kernel, inputs)?, run_reference(kernel, inputs)?);
        let allowed = (4 * n * n) as f64 * f64::from(f32::EPSILON);
        for (place, (got, expected)) in fast.to_f64_vec().into_iter().zip(slow.to_f64_vec()).enumerate() {
            let difference = (got - expected).abs();
            if !(got == expected || got.is_nan() && expected.is_nan() || difference <= allowed) {
                let (op, dtype, what) = (kernel.name(), DType::F32, "the fast path".into());
                return Err(Error::Imprecise { op, dtype, what, place, got, expected, difference, allowed });
            }
        }
        Ok(())
    }

    #[derive(Debug, Clone)]
    struct Call {
        x: Tensor,
        weight: Tensor,
        dy: Tensor,
        bias: Tensor,
        geometry: Geometry,
    }

    fn call() -> BoxedStrategy<Call> {
        let sizes =
            ([1..3usize, 1..3], [1..6usize, 1..20], [1..4usize, 1..4], [1..4usize, 1..4], [0..3usize, 0..3]);
        sizes
            .prop_filter_map("the kernel fits", |([c, o], image, kernel, stride, padding)| {
                let geometry = Geometry { stride, padding };
                let (x, weight) = ([2, c, image[0], image[1]], [o, c, kernel[0], kernel[1]]);
                geometry
                    .sizes(&x, &weight)
                    .map(|sizes| (x, weight, [2, o, sizes.out[0], sizes.out[1]], geometry))
            })
            .prop_then(|(x, weight, dy, geometry)| {
                (elements(&x), elements(&weight), elements(&dy), elements(&[weight[0]]), Just(geometry))
            })
            .prop_map(|(x, weight, dy, bias, geometry)| Call { x, weight, dy, bias, geometry })
            .boxed()
    }

    #[test]
    fn non_finite_elements_do_not_spread_over_the_padding() {
        for_many(vec(call(), 6).boxed(), |calls| {
            for Call { x, weight, dy, bias, geometry } in calls {
                let (geometry, activation) = (*geometry, FusedActivation::Relu);
                let &[o, c, kh, kw] = weight.shape() else { unreachable!("a weight has four axes") };
                agree(&Conv2d { geometry, activation }, [x, weight, bias], c * kh * kw + 1)?;
                let image = [x.shape()[2], x.shape()[3]];
                agree(&ConvGradInput { geometry, image }, [dy, weight], o * kh * kw)?;
                agree(&ConvGradWeight { geometry, kernel: [kh, kw] }, [x, dy], dy.len() / o)?;
                let attributes = Transposed { geometry, output_padding: [0; 2] };
                let transposed = ConvTranspose2d { attributes, activation };
                let bias = Tensor::zeros(&[c], DType::F32);
                if transposed.shapes([dy, weight, &bias].map(Tensor::shape)).is_ok() {
                    agree(&transposed, [dy, weight, &bias], o * kh * kw + 1)?;
                }
            }
            Ok(())
        });
    }
}
