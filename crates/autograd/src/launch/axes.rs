//! Strided iteration over axes, as passed to the kernels of `axes.cuh`.

use tensor::gpu::Call;
use tensor::{Error, Result};

/// The maximum number of axes of a kernel.
const MAX_AXES: usize = 8;

/// Lengths and strides, outermost axis first. Axes of length 1 are dropped and contiguous axes are merged.
#[derive(Debug, PartialEq)]
pub(crate) struct Axes(Vec<(usize, usize)>);

impl Axes {
    pub(crate) fn of(axes: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut walk: Vec<(usize, usize)> = vec![];
        for (length, stride) in axes.filter(|&(length, _)| length != 1) {
            match walk.last_mut() {
                Some((outer, last)) if *last == length * stride => {
                    (*outer, *last) = (*outer * length, stride)
                }
                _ => walk.push((length, stride)),
            }
        }
        Self(walk)
    }

    /// The lengths and strides, outermost first.
    pub(crate) fn pairs(&self) -> &[(usize, usize)] {
        &self.0
    }

    /// Whether the innermost axis is contiguous.
    pub(crate) fn is_along(&self) -> bool {
        self.0.last().is_some_and(|&(_, stride)| stride == 1)
    }

    /// `[matrices, rows, columns]` in memory, if the iteration visits the matrices in order and each matrix column by
    /// column.
    pub(crate) fn matrices(&self) -> Option<[usize; 3]> {
        match *self.0 {
            [(columns, 1), (rows, stride)] if stride == columns => Some([1, rows, columns]),
            [(matrices, whole), (columns, 1), (rows, stride)]
                if stride == columns && whole == rows * columns =>
            {
                Some([matrices, rows, columns])
            }
            _ => None,
        }
    }

    /// The struct passed to kernels.
    ///
    /// # Errors
    /// If there are too many axes, or a stride does not fit into 32 bits.
    pub(crate) fn words(&self, call: Call<'_>) -> Result<[u32; 1 + 2 * MAX_AXES]> {
        if self.0.len() > MAX_AXES {
            let expected = format!("at most {MAX_AXES} non-contiguous axes");
            let lengths: Vec<usize> = self.0.iter().map(|&(length, _)| length).collect();
            return Err(Error::shape("axes", &expected, &[&lengths]));
        }
        let mut words = [0; 1 + 2 * MAX_AXES];
        words[0] = self.0.len() as u32;
        for (axis, &(length, stride)) in self.0.iter().enumerate() {
            (words[1 + axis], words[1 + MAX_AXES + axis]) = (call.size(length)?, call.size(stride)?);
        }
        Ok(words)
    }
}

/// The row-major strides of a shape.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    (1..=shape.len()).map(|after| shape[after..].iter().product()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contiguous_axes_are_merged() {
        let strides = strides(&[2, 3, 1, 4]);
        assert_eq!(strides, [12, 4, 4, 1]);
        let walk = |axes: &[(usize, usize)]| Axes::of(axes.iter().copied());
        assert_eq!(walk(&[(2, 12), (3, 4), (1, 4), (4, 1)]), Axes(vec![(24, 1)]));
        assert_eq!(walk(&[(4, 1), (2, 12), (3, 4)]), Axes(vec![(4, 1), (6, 4)]));
        assert_eq!(walk(&[(4, 1), (2, 12), (3, 4)]).matrices(), Some([1, 6, 4]));
        assert_eq!(walk(&[(2, 0), (5, 0), (3, 1)]), Axes(vec![(10, 0), (3, 1)]));
    }
}
