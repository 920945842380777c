//! Round ticks along an axis: multiples of 1, 2 or 5 times a power of ten.

use crate::figure::Tick;
use crate::number;

/// At most `count` ticks inside `low..=high` at multiples of 1, 2 or 5 times a power of ten.
pub(crate) fn round(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let mut exponent = number::magnitude((high - low) / count as f64) - 1;
    let (step, exponent) = loop {
        let unit = 10f64.powi(exponent);
        let fits = |step: &f64| multiples(low, high, step * unit).count() <= count;
        if let Some(factor) = [1.0, 2.0, 5.0].into_iter().find(fits) {
            break (factor * unit, exponent);
        }
        exponent += 1;
    };
    let largest = low.abs().max(high.abs());
    multiples(low, high, step).map(|at| Tick { at, label: tick_label(at, exponent, largest) }).collect()
}

/// The multiples of `step` inside `low..=high`, up to rounding.
fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(move |i| i as f64 * step)
}

/// `at` with the decimals of the step's power of ten; with a common power of ten for very large or small axes.
fn tick_label(at: f64, exponent: i32, largest: f64) -> String {
    if (1e-3..1e6).contains(&largest) {
        return number::fixed(at, usize::try_from(-exponent).unwrap_or(0));
    }
    if at == 0.0 {
        return "0".into();
    }
    let power = number::magnitude(largest);
    let decimals = usize::try_from(power - exponent).unwrap_or(0);
    format!("{}×{}", number::fixed(at / 10f64.powi(power), decimals), number::power_of_ten(power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ticks_are_round_inside_distinct_and_neither_too_few_nor_too_many(
            low in -1e4..1e4f64, span in 1e-3..1e4f64, count in 2..9usize,
        ) {
            let high = low + span;
            let ticks = round(low, high, count);
            prop_assert!(ticks.len() <= count);
            // The next finer step is at most 2.5 times finer, so more than a third of the ticks are used.
            prop_assert!(ticks.len() + 1 >= count.div_ceil(3), "{ticks:?}");
            let slack = 1e-6 * span;
            prop_assert!(ticks.iter().all(|tick| (low - slack..=high + slack).contains(&tick.at)));
            if let [first, second, ..] = &ticks[..] {
                let step = second.at - first.at;
                let leading = step / 10f64.powf((step * 1.000_001).log10().floor());
                prop_assert!([1.0, 2.0, 5.0].iter().any(|l| (l - leading).abs() < 1e-3), "step {step}");
            }
            for pair in ticks.windows(2) {
                prop_assert_ne!(&pair[0].label, &pair[1].label);
            }
        }
    }

    #[test]
    fn labels_have_the_decimals_of_the_step() {
        let labels =
            |low, high| -> Vec<String> { round(low, high, 5).into_iter().map(|tick| tick.label).collect() };
        assert_eq!(labels(0.0, 1.0), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(-20.0, 20.0), ["−20", "−10", "0", "10", "20"]);
        assert_eq!(labels(0.0, 4e-5), ["0", "1×10⁻⁵", "2×10⁻⁵", "3×10⁻⁵", "4×10⁻⁵"]);
    }
}
