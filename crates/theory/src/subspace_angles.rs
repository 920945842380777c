//! Principal angles between two subspaces.

use ndarray::{Array1, ArrayView2};

use crate::{Error, Result, check, linalg};

/// The principal angles, ascending and in degrees, between the spans of the rows of `a: [p, d]` and of `b: [q, d]`:
/// `[min(p, q)]`. The rows of each must be linearly independent.
///
/// Angles below 45 degrees are computed from sines and larger ones from cosines, because each is inaccurate for the
/// other range (Björck and Golub 1973, Mathematics of Computation 27, 579).
///
/// Fails if there are no rows, if the numbers of columns differ, if there are more rows than columns, or if a value is
/// not finite.
pub fn principal_angles(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    check::samples("first subspace", a, 1)?;
    check::samples_of_width("second subspace", b, a.ncols())?;
    if let Some(more) = [a.nrows(), b.nrows()].into_iter().find(|&rows| rows > a.ncols()) {
        return Err(Error::shape("subspace", format!("at most {} rows", a.ncols()), more));
    }
    // The smaller subspace is projected onto the larger.
    let (small, large) = if a.nrows() <= b.nrows() { (a, b) } else { (b, a) };
    let [small, large] = [small, large].map(|rows| linalg::orthonormal(rows.t())); // [d, p], [d, q]
    let along = linalg::dot(large.t(), small.view());
    let beside = &small - &linalg::dot(large.view(), along.view());
    let cosines = linalg::singular("cosines of the angles", along.view())?.values;
    let sines = linalg::singular("sines of the angles", beside.view())?.values;
    let angle = |(&cosine, &sine): (&f64, &f64)| {
        let radians: f64 = if cosine * cosine > 0.5 { sine.min(1.0).asin() } else { cosine.acos() };
        radians.to_degrees()
    };
    Ok(cosines.iter().zip(sines.iter().rev()).map(angle).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::noise::Noise;

    #[test]
    fn known_angles_are_found_small_and_large() {
        // A few operations on unit vectors, in degrees.
        let tolerance = 100.0 * f64::EPSILON * 180.0;
        for degrees in [0.0f64, 1e-6, 0.5, 44.0, 46.0, 89.5, 90.0] {
            let (sine, cosine) = degrees.to_radians().sin_cos();
            let a = array![[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]];
            // One common direction, and one rotated direction.
            let b = array![[0.0, 3.0 * cosine, 3.0 * sine, 0.0], [1.0, 1.0 * cosine, 1.0 * sine, 0.0]];
            let angles = principal_angles(a.view(), b.view()).unwrap();
            assert!(angles[0].abs() < tolerance, "{angles}");
            assert!((angles[1] - degrees).abs() < tolerance, "{degrees}: {angles}");
        }
    }

    #[test]
    fn a_smaller_subspace_inside_a_larger_one_has_no_angle_to_it() {
        let mut noise = Noise::new(2);
        let large: Array2<f64> = noise.normal(5, 9);
        let small = noise.normal(2, 5).dot(&large);
        for angles in
            [principal_angles(small.view(), large.view()), principal_angles(large.view(), small.view())]
        {
            let angles = angles.unwrap();
            assert_eq!(angles.len(), 2);
            // Random 5 × 9 matrices have a condition number below 100.
            assert!(
                angles.iter().all(|angle| angle.abs() < 100.0 * 100.0 * f64::EPSILON * 180.0),
                "{angles}"
            );
        }
    }

    #[test]
    fn subspaces_of_different_spaces_are_refused() {
        let (a, b) = (Array2::<f64>::eye(3), Array2::<f64>::eye(2));
        assert!(principal_angles(a.view(), b.view()).is_err());
        assert!(principal_angles(array![[1.0], [2.0]].view(), array![[1.0]].view()).is_err());
    }
}
