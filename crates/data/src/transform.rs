//! Normalises bytes to the input range of the models: black is exactly -1, white exactly 1.

/// The normalised value of each byte: `(byte / 255 - 0.5) / 0.5`, each step rounded to f32.
pub static NORMALISED: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as f32 / 255.0 - 0.5) / 0.5;
        byte += 1;
    }
    table
};

/// Appends the normalised value of each byte.
pub fn normalise_into(values: &mut Vec<f32>, bytes: &[u8]) {
    values.extend(bytes.iter().map(|&byte| NORMALISED[usize::from(byte)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_is_exactly_minus_one_and_white_exactly_one() {
        assert_eq!([NORMALISED[0], NORMALISED[255]], [-1.0, 1.0]);
    }

    #[test]
    fn values_rise_in_even_steps() {
        // The quotient, at most 1, is rounded once and then doubled exactly, so the error is at most one epsilon.
        for (byte, &value) in NORMALISED.iter().enumerate() {
            let exact = byte as f64 / 127.5 - 1.0;
            assert!((f64::from(value) - exact).abs() <= f64::from(f32::EPSILON), "{byte}: {value}");
        }
        assert!(NORMALISED.is_sorted_by(|low, high| low < high));
    }

    #[test]
    fn normalised_values_are_appended_in_the_order_of_the_bytes() {
        let mut values = vec![7.0];
        normalise_into(&mut values, &[255, 0]);
        assert_eq!(values, [7.0, 1.0, -1.0]);
    }
}
