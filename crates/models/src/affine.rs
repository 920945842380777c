//! Affine functions of all elements of a tensor.

use autograd::Tape;
use tensor::Tensor;

use crate::Result;

/// `factor * x + offset` for each element, on the device of `x`, without gradients.
///
/// # Errors
/// If the device fails.
pub fn affine(x: &Tensor, factor: f64, offset: f64) -> Result<Tensor> {
    let tape = Tape::without_gradients();
    let offset = tape.constant(&x.scalar_like(offset, x.dtype())?).broadcast_to(x.shape())?;
    Ok(tape.constant(x).scale(factor)?.add(&offset)?.value().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_give_the_bits_of_the_formulas_between_both_ranges_of_pixels() {
        let bytes: Vec<f32> = (0..=255u8).map(|byte| (f32::from(byte) / 255.0 - 0.5) / 0.5).collect();
        let x = Tensor::from_slice(&bytes, &[16, 16]).unwrap();
        let unit = affine(&x, 0.5, 0.5).unwrap();
        let expected: Vec<f32> = bytes.iter().map(|x| (x + 1.0) / 2.0).collect();
        assert_eq!(unit.as_slice::<f32>().unwrap(), expected);
        let back = affine(&unit, 2.0, -1.0).unwrap();
        let expected: Vec<f32> = expected.iter().map(|x| 2.0 * x - 1.0).collect();
        assert_eq!(back.as_slice::<f32>().unwrap(), expected);
    }
}
