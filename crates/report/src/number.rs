//! Number formatting: a true minus sign and a limited number of significant digits.

/// `value` with `decimals` decimal places and a true minus sign; zero has no sign.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|b| matches!(b, b'0' | b'.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// `value` with four significant digits and without trailing zeros, in scientific notation if it is very large or
/// small.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = magnitude(value);
    if !(-4..6).contains(&magnitude) {
        let mantissa = trimmed(fixed(value / 10f64.powi(magnitude), 3));
        return format!("{mantissa}×{}", power_of_ten(magnitude));
    }
    trimmed(fixed(value, usize::try_from(3 - magnitude).unwrap_or(0)))
}

/// The exponent of the first significant digit.
pub(crate) fn magnitude(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

/// `10` with a superscript exponent.
pub(crate) fn power_of_ten(exponent: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = exponent.unsigned_abs().to_string();
    let sign = if exponent < 0 { "⁻" } else { "" };
    let raised: String = digits.bytes().map(|b| RAISED[usize::from(b - b'0')]).collect();
    format!("10{sign}{raised}")
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_have_four_significant_digits_at_most() {
        for (value, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (-0.012_345_6, "−0.01235"),
            (0.999_96, "1"),
            (123.456, "123.5"),
            (98_765.4, "98765"),
            (1.5e-7, "1.5×10⁻⁷"),
            (2e9, "2×10⁹"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn a_rounded_zero_has_no_sign() {
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(-0.01, 2), "−0.01");
    }
}
