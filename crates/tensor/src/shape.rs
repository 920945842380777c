//! The number of elements of a shape, with an overflow check. No other code multiplies the sizes of an unchecked shape.

use crate::{Error, Result};

/// The maximum number of elements of a tensor: a tensor of the widest type must be addressable.
pub(crate) const MAX_ELEMENTS: usize = isize::MAX as usize / size_of::<f64>();

/// The number of elements of a shape.
///
/// For a valid shape, the product of any subset of its non-empty axes does not overflow either, so code that multiplies
/// axes of a tensor needs no check of its own.
///
/// # Errors
/// [`Error::TooManyElements`] if the product of the non-empty axes exceeds the addressable memory.
pub fn elements(shape: &[usize]) -> Result<usize> {
    let lengths = shape.iter().filter(|&&length| length > 0);
    match lengths.into_iter().try_fold(1usize, |product, &length| product.checked_mul(length)) {
        Some(product) if product <= MAX_ELEMENTS => Ok(if shape.contains(&0) { 0 } else { product }),
        _ => Err(Error::TooManyElements { shape: shape.to_vec() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_overflow_or_exceed_the_address_space_are_errors_even_with_an_empty_axis() {
        assert_eq!(elements(&[]), Ok(1));
        assert_eq!(elements(&[2, 3, 4]), Ok(24));
        assert_eq!(elements(&[MAX_ELEMENTS]), Ok(MAX_ELEMENTS));
        assert_eq!(elements(&[0, MAX_ELEMENTS]), Ok(0));
        for shape in [
            &[MAX_ELEMENTS + 1][..],
            &[1 << 32, 1 << 32],
            &[(1 << 63) + 16, 2],
            &[0, 1 << 63],
            &[1 << 62, 0, 1 << 62],
            &[usize::MAX; 5],
        ] {
            let message = elements(shape).unwrap_err().to_string();
            assert!(message.contains(&format!("{shape:?}")), "{message}");
        }
    }
}
