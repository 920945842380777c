//! Slices of arrays. The slicing macro of `ndarray` is not used, because it expands to unsafe code, which this crate
//! forbids.

use ndarray::{ArrayView1, ArrayView2, Axis, Slice};

/// A range of rows.
pub(crate) fn rows<T>(x: ArrayView2<'_, T>, range: impl Into<Slice>) -> ArrayView2<'_, T> {
    x.slice_axis_move(Axis(0), range.into())
}

/// A range of columns.
pub(crate) fn columns<T>(x: ArrayView2<'_, T>, range: impl Into<Slice>) -> ArrayView2<'_, T> {
    x.slice_axis_move(Axis(1), range.into())
}

/// A range of elements.
pub(crate) fn elements<T>(x: ArrayView1<'_, T>, range: impl Into<Slice>) -> ArrayView1<'_, T> {
    x.slice_axis_move(Axis(0), range.into())
}
