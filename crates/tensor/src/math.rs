//! Elementary functions in plain arithmetic, so that the compiler can vectorise them.
//!
//! The `exp` and `tanh` of the system process one element at a time. The functions here are polynomials with
//! Chebyshev-fitted coefficients; the tests bound their error over the whole range. They use no fused multiply-add, so
//! every CPU gives the same bits.

/// `e^x`, within 3 units in the last place; 0 below -87.3, infinity above 88.7.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, the first short enough that its product with an exponent is exact (Cody and Waite, 1980)
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // adding and subtracting 1.5 * 2^23 rounds to the nearest integer
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

/// The error function, within 2 units in the last place.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let size = x.abs();
    // erf x = x + x P(x^2) below 1
    let u = x * x;
    let p = 7.875_875e-5;
    let p = p * u - 8.016_864_3e-4;
    let p = p * u + 5.189_087_2e-3;
    let p = p * u - 2.685_421_1e-2;
    let p = p * u + 1.128_359_4e-1;
    let p = p * u - 3.761_262_6e-1;
    let p = p * u + 1.283_791_7e-1;
    let near = size + size * p;
    // erf x = 1 - Q(x - 2.46) up to 3.92, from where on it rounds to 1
    let v = size - 2.46;
    let q = 9.750_146e-6;
    let q = q * v - 2.546_737_8e-5;
    let q = q * v - 5.562_728_6e-5;
    let q = q * v + 3.019_813e-4;
    let q = q * v - 3.817_286e-4;
    let q = q * v - 4.628_88e-4;
    let q = q * v + 2.953_224e-3;
    let q = q * v - 6.796_913_7e-3;
    let q = q * v + 9.909_911e-3;
    let q = q * v - 9.833_305e-3;
    let q = q * v + 6.534_845e-3;
    let q = q * v - 2.656_157_1e-3;
    let q = q * v + 5.033_536_6e-4;
    let far = if size < 3.92 { 1.0 - q } else { 1.0 };
    let value = if size < 1.0 { near } else { far };
    let value = if x.is_nan() { x } else { value };
    value.copysign(x)
}

/// The cumulative distribution function and the density of the standard normal distribution at `x`, each within 3 epsilon.
#[inline(always)]
pub fn normal(x: f32) -> [f32; 2] {
    // 1 / sqrt(2 pi)
    const DENSITY_AT_ZERO: f32 = 0.398_942_3;
    let bell = exp(-0.5 * x * x);
    // the tail probability beyond |x| is e^(-x^2 / 2) P(t), half the arithmetic of computing both `erf` and `exp`
    let t = 1.0 / (1.0 + 0.25 * x.abs());
    let p = -9.969_646e-2;
    let p = p * t + 3.803_467_2e-1;
    let p = p * t - 3.444_770_3e-1;
    let p = p * t + 3.648_308e-1;
    let p = p * t - 2.762_167e-2;
    let p = p * t + 1.311_516_5e-1;
    let p = p * t + 9.518_323e-2;
    let p = p * t + 2.827_696_7e-4;
    let beyond = bell * p;
    [if x < 0.0 { beyond } else { 1.0 - beyond }, DENSITY_AT_ZERO * bell]
}

/// The error function in 64 bits, within 1e-15: the reference for [`erf`].
pub fn erf_f64(x: f64) -> f64 {
    let size = x.abs();
    if size >= 2.0 {
        // 1 - e^(-x^2) / sqrt(pi) / (x + 1/2 / (x + 2/2 / (x + 3/2 / (x + ...)))): 50 terms leave less than
        // 1e-17, and roundings of 1e-15 are times 1 - erf(2) < 0.005.
        let fraction = (1..=50).rev().fold(size, |below, k| size + f64::from(k) / 2.0 / below);
        let above = (-size * size).exp() / (std::f64::consts::PI.sqrt() * fraction);
        return (1.0 - above).copysign(x);
    }
    // 2 / sqrt(pi) e^(-x^2) (x + x (2 x^2) / 3 + x (2 x^2)^2 / (3 5) + ...): nothing cancels, so the error is
    // that of the exponential, x^2 epsilon / 2, and a few roundings more.
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > f64::EPSILON / 4.0 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units_in_the_last_place(got: f32, expected: f64) -> f64 {
        let rounded = expected as f32;
        let unit = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
        (f64::from(got) - expected).abs() / unit
    }

    fn worst(of: fn(f32) -> f32, oracle: fn(f64) -> f64, values: impl Iterator<Item = f32>) -> (f64, f32) {
        values
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

    #[test]
    fn erf_is_within_two_units_over_its_range() {
        let small = (1..450_000).map(|i| i as f32 * 1e-5);
        let tiny = (0..30).map(|i| 10f32.powi(-i));
        let (error, at) = worst(erf, erf_f64, small.chain(tiny));
        assert!(error <= 2.0, "{error} units at {at}");
        assert_eq!((erf(f32::INFINITY), erf(f32::NEG_INFINITY), erf(0.0)), (1.0, -1.0, 0.0));
        assert!(erf(f32::NAN).is_nan());
        assert!((-450_000..450_000).all(|i| erf(-i as f32 * 1e-5) == -erf(i as f32 * 1e-5)));
        assert!((0..600_000).all(|i| erf(i as f32 * 1e-5) <= 1.0));
    }

    #[test]
    fn the_normal_distribution_is_within_three_epsilon_and_sums_to_one() {
        for x in (-13_000..=13_000).map(|i| i as f32 / 1000.0) {
            let [below, density] = normal(x);
            let wide = f64::from(x);
            let expected = (1.0 + erf_f64(wide * std::f64::consts::FRAC_1_SQRT_2)) / 2.0;
            let expected_density = (-wide * wide / 2.0).exp() / std::f64::consts::TAU.sqrt();
            assert!((f64::from(below) - expected).abs() <= 3.0 * f64::from(f32::EPSILON), "below {x}");
            assert!((f64::from(density) - expected_density).abs() <= 3.0 * f64::from(f32::EPSILON), "at {x}");
            assert!(x == 0.0 || below + normal(-x)[0] == 1.0, "both sides of {x}");
        }
        assert_eq!((normal(f32::INFINITY), normal(f32::NEG_INFINITY)), ([1.0, 0.0], [0.0, 0.0]));
        assert!(normal(f32::NAN).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn erf_in_64_bits_meets_known_values() {
        // computed with 30 digits; 2 is where the series ends and the continued fraction begins
        let known = [
            (1e-10, 1.128_379_167_095_512_6e-10),
            (0.1, 0.112_462_916_018_284_9),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (1.5, 0.966_105_146_475_310_7),
            (1.999, 0.995_301_556_651_370_5),
            (2.0, 0.995_322_265_018_952_7),
            (2.001, 0.995_342_890_718_524_7),
            (2.5, 0.999_593_047_982_555),
            (3.0, 0.999_977_909_503_001_4),
            (4.0, 0.999_999_984_582_742_1),
            (5.0, 0.999_999_999_998_462_5),
        ];
        for (x, expected) in known {
            assert!((erf_f64(x) - expected).abs() <= 1e-15 * expected.min(1.0), "{x}: {}", erf_f64(x));
            assert_eq!(erf_f64(-x), -erf_f64(x));
        }
        assert_eq!((erf_f64(0.0), erf_f64(f64::INFINITY), erf_f64(f64::NEG_INFINITY)), (0.0, 1.0, -1.0));
        assert!(erf_f64(f64::NAN).is_nan());
    }
}
