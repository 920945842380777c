//! Random projection: a code that does not depend on the data.

use ndarray::{Array2, ArrayView2, Axis};

use crate::{Error, Result, check};

/// The random projection of experiment E10 of `book/cre.md`: a Gaussian matrix whose columns are scaled to unit length,
/// applied to uncentred images.
#[derive(Debug, Clone)]
pub struct RandomProjection {
    directions: Array2<f64>,
}

impl RandomProjection {
    /// Creates a projection onto the columns of `gaussian: [d, n]`, whose entries the caller has drawn.
    ///
    /// Fails if there are no entries, if one is not finite, or if a column is zero.
    pub fn new(gaussian: ArrayView2<'_, f64>) -> Result<Self> {
        check::samples("random matrix", gaussian, 1)?;
        let lengths = gaussian.map_axis(Axis(0), |column| column.dot(&column).sqrt());
        match lengths.iter().position(|length| !(*length > 0.0 && length.is_finite())) {
            Some(column) => {
                let got = format!("{} in column {column}", lengths[column]);
                Err(Error::out_of_range("length of a direction", "above 0 and finite", got))
            }
            None => Ok(Self { directions: &gaussian / &lengths }),
        }
    }

    /// The codes `[rows, n]` of `x: [rows, d]`.
    ///
    /// Fails if `x` has no rows, does not have `d` columns, or has values that are not finite.
    pub fn project(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check::samples_of_width("samples", x, self.directions.nrows())?;
        Ok(x.dot(&self.directions))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_code_is_the_length_along_each_direction() {
        let projection = RandomProjection::new(array![[3.0, 0.0], [4.0, -2.0]].view()).unwrap();
        let codes = projection.project(array![[5.0, 10.0], [-4.0, 3.0]].view()).unwrap();
        let expected = array![[11.0, -10.0], [0.0, -3.0]];
        // Two products of values up to 10, after one division.
        assert!((&codes - &expected).iter().all(|gap| gap.abs() < 100.0 * f64::EPSILON), "{codes}");
    }

    #[test]
    fn a_direction_without_length_and_samples_of_another_width_are_refused() {
        let message = RandomProjection::new(array![[1.0, 0.0]].view()).unwrap_err().to_string();
        assert_eq!(message, "length of a direction: expected above 0 and finite, got 0 in column 1");
        let projection = RandomProjection::new(array![[1.0, 2.0]].view()).unwrap();
        assert!(projection.project(array![[1.0, 2.0]].view()).is_err());
    }
}
