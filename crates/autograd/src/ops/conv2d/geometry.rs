//! The geometry of a convolution: which pixel each kernel offset reads, for a stride and a padding.

use tensor::conv::Convolution;

/// Stride and padding of a convolution, rows first. The padding is with zeros, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// The stride along rows and columns.
    pub stride: [usize; 2],
    /// The rows and columns of zeros on each side of the image.
    pub padding: [usize; 2],
}

impl Geometry {
    /// The same stride and padding along both axes.
    pub fn square(stride: usize, padding: usize) -> Self {
        Self { stride: [stride; 2], padding: [padding; 2] }
    }

    /// The sizes of the convolution of an image `[n, c, h, w]` with a weight `[o, c, kh, kw]`, if the shapes match.
    pub(crate) fn sizes(self, x: &[usize], weight: &[usize]) -> Option<Convolution> {
        let (&[n, c, h, w], &[o, c_of_weight, kh, kw]) = (x, weight) else { return None };
        if c != c_of_weight {
            return None;
        }
        let out = [0, 1]
            .map(|axis| output_length([h, w][axis], [kh, kw][axis], self.stride[axis], self.padding[axis]));
        let [Some(out_h), Some(out_w)] = out else { return None };
        let Self { stride, padding } = self;
        Some(Convolution { n, c, image: [h, w], o, kernel: [kh, kw], stride, padding, out: [out_h, out_w] })
    }

    pub(crate) fn expected_shapes(self) -> String {
        let Self { stride: [sh, sw], padding: [ph, pw] } = self;
        let fits = "a kernel that fits into the padded image";
        format!("[n, c, h, w] and [o, c, kh, kw] with {fits} (stride {sh} x {sw}, padding {ph} x {pw})")
    }

    /// The pixel that offset `tap` of the kernel reads for output pixel `at`; `None` in the padding.
    pub(crate) fn pixel(self, at: [usize; 2], tap: [usize; 2], image: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let place = (at[axis] * self.stride[axis] + tap[axis]).checked_sub(self.padding[axis])?;
            (place < image[axis]).then_some(place)
        };
        Some([along(0)?, along(1)?])
    }
}

/// The number of outputs along an axis of `length` for windows of `kernel` elements with this stride and padding; `None` if
/// no window fits or one of the sizes is zero.
pub(crate) fn output_length(length: usize, kernel: usize, stride: usize, padding: usize) -> Option<usize> {
    if length == 0 || kernel == 0 || stride == 0 {
        return None;
    }
    let padded = padding.checked_mul(2)?.checked_add(length)?;
    Some(padded.checked_sub(kernel)? / stride + 1)
}
