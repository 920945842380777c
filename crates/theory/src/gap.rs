//! The largest absolute difference between two results, for tests.

/// The largest absolute value; infinity if a value is NaN, which a maximum would ignore.
pub(crate) fn largest<'a>(gaps: impl IntoIterator<Item = &'a f64>) -> f64 {
    let size = |gap: &f64| if gap.is_nan() { f64::INFINITY } else { gap.abs() };
    gaps.into_iter().map(size).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn nan_counts_as_the_largest_difference() {
        assert_eq!(largest(&[1.0, -2.0]), 2.0);
        assert_eq!(largest(&[f64::NAN, 1.0]), f64::INFINITY);
        assert_eq!(largest(&[1.0, f64::NAN, 1.0]), f64::INFINITY);
    }
}
