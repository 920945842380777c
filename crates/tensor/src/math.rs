//! Elementary functions in plain arithmetic, so that the compiler can compute many at once.
//!
//! The system's `exp` and `tanh` are calls, one number at a time. These are polynomials whose
//! coefficients are Chebyshev fits made for this file; the tests bound their error over the whole range.
//! They use no fused multiply-add, so every processor gives the same bits.

/// `e^x`, within 3 units in the last place; 0 below -87.3, infinity above 88.7.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, the first short enough that its product with an exponent is exact
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // adding and subtracting 1.5 * 2^23 rounds to the nearest whole number
    const ROUND: f32 = 12_582_912.0;

    let clamped = x.clamp(-87.3, 88.8);
    let shifted = clamped * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = clamped - whole * LN_2_HIGH - whole * LN_2_LOW;
    // e^r = 1 + r + r^2 P(r) on |r| <= ln(2) / 2
    let p = 1.989_098_1e-4;
    let p = p * r + 1.393_364e-3;
    let p = p * r + 8.333_311e-3;
    let p = p * r + 4.166_646_5e-2;
    let p = p * r + 1.666_666_7e-1;
    let p = p * r + 0.5;
    let e_r = (p * r * r + r) + 1.0;
    // times 2^whole, in two halves, so that neither leaves the range of exponents
    let exponent = shifted.to_bits() as i32 - ROUND.to_bits() as i32;
    let half = exponent >> 1;
    let scaled = e_r * power_of_two(half) * power_of_two(exponent - half);
    let scaled = if x < -87.3 { 0.0 } else { scaled };
    if x.is_nan() { x } else { scaled }
}

/// `2^exponent` for exponents from -126 to 127.
#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) << 23) as u32)
}

/// The hyperbolic tangent, within 3 units in the last place.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    // tanh x = x + x^3 P(x^2) near zero, where 1 - 2 / (e^2x + 1) would lose digits
    let u = x * x;
    let p = 2.214_902_7e-3;
    let p = p * u - 8.272_457e-3;
    let p = p * u + 2.174_618_7e-2;
    let p = p * u - 5.395_635e-2;
    let p = p * u + 1.333_329_1e-1;
    let p = p * u - 3.333_333_3e-1;
    let near = size + size * u * p;
    let far = 1.0 - 2.0 / (exp(size + size) + 1.0);
    let value = if size < 0.65 { near } else { far };
    let value = if x.is_nan() { x } else { value };
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units_in_the_last_place(got: f32, expected: f64) -> f64 {
        let rounded = expected as f32;
        let unit = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
        (f64::from(got) - expected).abs() / unit
    }

    fn worst(of: fn(f32) -> f32, oracle: fn(f64) -> f64, numbers: impl Iterator<Item = f32>) -> (f64, f32) {
        numbers
            .map(|x| (units_in_the_last_place(of(x), oracle(f64::from(x))), x))
            .fold((0.0, 0.0), |worst, next| if next.0 > worst.0 { next } else { worst })
    }

    #[test]
    fn exp_is_within_three_units_over_its_range() {
        let (error, at) = worst(exp, f64::exp, (-87_000..=88_600).map(|i| i as f32 / 1000.0));
        assert!(error <= 3.0, "{error} units at {at}");
        assert_eq!((exp(-100.0), exp(100.0), exp(f32::NEG_INFINITY)), (0.0, f32::INFINITY, 0.0));
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn tanh_is_within_three_units_over_its_range() {
        let small = (1..200_000).map(|i| i as f32 * 5e-5);
        let tiny = (0..30).map(|i| 10f32.powi(-i));
        let (error, at) = worst(tanh, f64::tanh, small.chain(tiny));
        assert!(error <= 3.0, "{error} units at {at}");
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY), tanh(0.0)), (1.0, -1.0, 0.0));
        assert!(tanh(f32::NAN).is_nan());
        assert!((-3000..3000).all(|i| tanh(-i as f32 / 100.0) == -tanh(i as f32 / 100.0)));
    }
}
