//! Conversions between tensors and the arrays of `ndarray`, and copies of rows.

use std::ops::Range;

use ndarray::{ArrayBase, ArrayView2, ArrayViewD, Data, Dimension};

use super::Tensor;
use crate::{Element, Error, Result};

impl Tensor {
    /// Creates a tensor by copying an array or view of any layout and number of axes.
    ///
    /// # Panics
    /// If there is no memory for the copy.
    pub fn from_array<T: Element, D: Dimension>(array: &ArrayBase<impl Data<Elem = T>, D>) -> Self {
        let mut tensor = Self::uninitialised(array.shape(), T::DTYPE);
        let values = tensor.own_mut::<T>();
        match array.as_slice() {
            Some(slice) => values.copy_from_slice(slice),
            None => values.iter_mut().zip(array).for_each(|(to, from)| *to = *from),
        }
        tensor
    }

    /// A view of the elements in this shape.
    ///
    /// # Errors
    /// As [`Tensor::as_slice`].
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        let slice = self.as_slice()?;
        Ok(ArrayViewD::from_shape(self.shape.as_slice(), slice).expect("the storage has the shape's length"))
    }

    /// A view of the elements of a tensor with two axes.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of axes; as [`Tensor::as_slice`].
    pub fn matrix<T: Element>(&self) -> Result<ArrayView2<'_, T>> {
        let &[n, d] = self.shape() else {
            return Err(Error::shape("matrix", "a tensor with two axes", &[&self.shape]));
        };
        Ok(ArrayView2::from_shape((n, d), self.as_slice()?).expect("the storage has the shape's length"))
    }

    /// A copy of a range of rows, which are positions along the first axis.
    ///
    /// # Errors
    /// [`Error::Shape`] if the range exceeds the first axis; [`Error::Elsewhere`] on a GPU; [`Error::OutOfMemory`].
    pub fn rows(&self, rows: Range<usize>) -> Result<Self> {
        let Range { start, end } = rows;
        if start > end || self.shape.first().is_none_or(|&n| end > n) {
            let expected = format!("a tensor with the rows {start}..{end}");
            return Err(Error::shape("rows", &expected, &[&self.shape]));
        }
        let row = self.row_bytes();
        let mut copy = self.of_rows(end - start)?;
        copy.buffer_mut().bytes_mut().copy_from_slice(&self.bytes()?[start * row..end * row]);
        Ok(copy)
    }

    /// A copy of the rows at these positions along the first axis, in the order of `places`.
    ///
    /// # Errors
    /// As [`Tensor::rows`].
    pub fn take_rows(&self, places: &[u32]) -> Result<Self> {
        let last = places.iter().max().map_or(0, |&last| last as usize);
        if self.shape.first().is_none_or(|&n| !places.is_empty() && last >= n) {
            return Err(Error::shape("take_rows", &format!("a tensor with the row {last}"), &[&self.shape]));
        }
        let row = self.row_bytes();
        let mut copy = self.of_rows(places.len())?;
        if row > 0 {
            let from = self.bytes()?;
            for (to, &place) in copy.buffer_mut().bytes_mut().chunks_exact_mut(row).zip(places) {
                to.copy_from_slice(&from[place as usize * row..][..row]);
            }
        }
        Ok(copy)
    }

    fn row_bytes(&self) -> usize {
        self.shape[1..].iter().product::<usize>() * self.dtype.size()
    }

    /// A tensor of `n` rows with the row shape and element type of this one, and arbitrary content.
    fn of_rows(&self, n: usize) -> Result<Self> {
        let mut shape = self.shape.clone();
        shape[0] = n;
        Self::try_uninitialised(&shape, self.dtype)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};

    use super::*;
    use crate::DType;

    #[test]
    fn arrays_and_views_of_any_layout_are_copied_in_row_order() {
        let array = array![[1.0f64, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let columns = Tensor::from_array(&array.t());
        assert_eq!(
            (columns.shape(), columns.to_f64_vec()),
            ([3, 2].as_slice(), vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0])
        );
        assert_eq!(Tensor::from_array(&array.slice(s![1, ..;2])).to_f64_vec(), [4.0, 6.0]);
        assert_eq!(Tensor::from_array(&array.clone().into_dyn()).matrix::<f64>(), Ok(array.view()));
    }

    #[test]
    fn rows_of_any_type_are_copied_and_others_are_an_error() {
        for dtype in DType::ALL {
            let x = Tensor::from_vec((0..12).map(f64::from).collect(), &[3, 2, 2]).unwrap().to_dtype(dtype);
            let middle = x.rows(1..2).unwrap();
            assert_eq!(
                (middle.shape(), middle.to_f64_vec()),
                ([1, 2, 2].as_slice(), vec![4.0, 5.0, 6.0, 7.0])
            );
            assert_eq!(x.rows(3..3).unwrap().shape(), [0, 2, 2]);
            let taken = x.take_rows(&[2, 0, 2]).unwrap();
            assert_eq!(taken.to_f64_vec(), [8., 9., 10., 11., 0., 1., 2., 3., 8., 9., 10., 11.]);
            assert_eq!(x.take_rows(&[]).unwrap().shape(), [0, 2, 2]);
        }
        let x = Tensor::zeros(&[3, 2], DType::F32);
        assert_eq!(
            x.rows(1..4).unwrap_err().to_string(),
            "rows: expected a tensor with the rows 1..4, got [3, 2]"
        );
        let message = x.take_rows(&[0, 3]).unwrap_err().to_string();
        assert_eq!(message, "take_rows: expected a tensor with the row 3, got [3, 2]");
        assert_eq!(Tensor::zeros(&[3, 0], DType::F32).take_rows(&[1, 1]).unwrap().shape(), [2, 0]);
        let (start, end) = (2, 1);
        assert!(x.rows(start..end).is_err() && Tensor::full(1.0, &[], DType::F32).rows(0..0).is_err());
    }

    #[test]
    fn only_two_axes_are_a_matrix() {
        let x = Tensor::zeros(&[3], DType::F32);
        assert_eq!(
            x.matrix::<f32>().unwrap_err().to_string(),
            "matrix: expected a tensor with two axes, got [3]"
        );
    }
}
