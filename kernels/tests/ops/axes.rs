//! Walks over axes, as the kernels of `axes.cuh` are given them.

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

    /// Whether neighbours lie side by side.
    pub(crate) fn is_along(&self) -> bool {
        self.0.last().is_some_and(|&(_, stride)| stride == 1)
    }

    /// `[matrices, rows, columns]` of the memory, if the walk goes through one matrix after another and down the
    /// columns of each.
    pub(crate) fn matrices(&self) -> Option<[u32; 3]> {
        let of =
            |matrices: usize, columns: usize, rows: usize| Some([matrices, rows, columns].map(|n| n as u32));
        match *self.0 {
            [(columns, 1), (rows, stride)] if stride == columns => of(1, columns, rows),
            [(matrices, whole), (columns, 1), (rows, stride)]
                if stride == columns && whole == rows * columns =>
            {
                of(matrices, columns, rows)
            }
            _ => None,
        }
    }

    /// The struct that kernels take.
    pub(crate) fn words(&self) -> [u32; 1 + 2 * MOST_AXES] {
        assert!(self.0.len() <= MOST_AXES, "kernels walk over at most {MOST_AXES} axes, got {self:?}");
        let mut words = [0; 1 + 2 * MOST_AXES];
        words[0] = self.0.len() as u32;
        for (axis, &(length, stride)) in self.0.iter().enumerate() {
            (words[1 + axis], words[1 + MOST_AXES + axis]) = (length as u32, stride as u32);
        }
        words
    }
}

/// How far apart the neighbours along each axis of a tensor are.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    (1..=shape.len()).map(|after| shape[after..].iter().product()).collect()
}

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
