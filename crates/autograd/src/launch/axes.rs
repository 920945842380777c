//! Walks over axes, as the kernels of `axes.cuh` are given them.

use tensor::gpu::Call;
use tensor::{Error, Result};

/// The axes that a kernel takes at most.
const MOST_AXES: usize = 8;

/// Lengths and strides, outermost first; axes of length 1 are left out, and those that one stride walks are one.
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

    /// Whether neighbours lie side by side.
    pub(crate) fn is_along(&self) -> bool {
        self.0.last().is_some_and(|&(_, stride)| stride == 1)
    }

    /// `[matrices, rows, columns]` of the memory, if the walk goes through one matrix after another and down the
    /// columns of each.
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

    /// The struct that kernels take.
    ///
    /// # Errors
    /// If there are more axes than kernels walk over, or a stride is too large for them.
    pub(crate) fn words(&self, call: Call<'_>) -> Result<[u32; 1 + 2 * MOST_AXES]> {
        if self.0.len() > MOST_AXES {
            let wanted = format!("a walk over at most {MOST_AXES} axes that do not lie side by side");
            let lengths: Vec<usize> = self.0.iter().map(|&(length, _)| length).collect();
            return Err(Error::shape("axes", &wanted, &[&lengths]));
        }
        let mut words = [0; 1 + 2 * MOST_AXES];
        words[0] = self.0.len() as u32;
        for (axis, &(length, stride)) in self.0.iter().enumerate() {
            (words[1 + axis], words[1 + MOST_AXES + axis]) = (call.size(length)?, call.size(stride)?);
        }
        Ok(words)
    }
}

/// How far apart the neighbours along each axis of a tensor are.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    (1..=shape.len()).map(|after| shape[after..].iter().product()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_stay_side_by_side_are_one() {
        let strides = strides(&[2, 3, 1, 4]);
        assert_eq!(strides, [12, 4, 4, 1]);
        let walk = |axes: &[(usize, usize)]| Axes::of(axes.iter().copied());
        assert_eq!(walk(&[(2, 12), (3, 4), (1, 4), (4, 1)]), Axes(vec![(24, 1)]));
        assert_eq!(walk(&[(4, 1), (2, 12), (3, 4)]), Axes(vec![(4, 1), (6, 4)]));
        assert_eq!(walk(&[(4, 1), (2, 12), (3, 4)]).matrices(), Some([1, 6, 4]));
        assert_eq!(walk(&[(2, 0), (5, 0), (3, 1)]), Axes(vec![(10, 0), (3, 1)]));
    }
}
