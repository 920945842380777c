//! Maps values to positions along an axis, and chooses ticks.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::figure::{Axis, Scale, Tick, finite};
use crate::number;
use crate::ticks;

/// The fraction of an axis that stays free at each end.
pub(crate) const MARGIN: f64 = 0.05;

/// The lengths of an axis for which arithmetic on ticks neither overflows nor underflows.
const LENGTHS: Range<f64> = 1e-200..1e200;

/// The relative difference below which values count as equal.
const SAME: f64 = 1e-12;

/// An axis with its range and ticks.
#[derive(Debug, Clone)]
pub(crate) struct Ruler {
    of: String,
    axis: Axis,
    /// The transformed ends.
    low: f64,
    high: f64,
    pub(crate) ticks: Vec<Tick>,
}

impl Ruler {
    /// An axis that covers all `values`, with at most about `ticks` ticks where the scale has a choice.
    pub(crate) fn new(of: &str, axis: &Axis, values: &[f64], ticks: f64) -> Result<Self> {
        let mut ruler = Self { of: of.into(), axis: axis.clone(), low: 0.0, high: 1.0, ticks: Vec::new() };
        if let Scale::Positions(positions) = &axis.scale {
            ruler.check_positions(positions)?;
            ruler.ticks.clone_from(positions);
        } else {
            (ruler.low, ruler.high) = ruler.ends(values)?;
            if !LENGTHS.contains(&(ruler.high - ruler.low)) {
                return Err(
                    ruler.contradiction("is too short or too long for 64-bit floats; rescale its values")
                );
            }
            // Rounding may move a tick slightly beyond an end.
            let chosen = ruler.choose_ticks(ticks.max(2.0) as usize).into_iter();
            ruler.ticks = chosen.filter(|tick| ruler.place(tick.at).is_ok()).collect();
        }
        for &value in values {
            ruler.place(value)?;
        }
        Ok(ruler)
    }

    /// The position of `value`, from 0 at the low end to 1 at the high end. Fails if the axis cannot show it.
    pub(crate) fn place(&self, value: f64) -> Result<f64> {
        if let Scale::Positions(positions) = &self.axis.scale {
            let index = positions.iter().position(|tick| tick.at == value);
            let index = index.ok_or_else(|| self.off_scale(value, "one of its positions"))?;
            return Ok(match positions.len() {
                1 => 0.5,
                n => MARGIN + (1.0 - 2.0 * MARGIN) * index as f64 / (n - 1) as f64,
            });
        }
        let at = (self.transformed(value)? - self.low) / (self.high - self.low);
        // A position slightly outside is a rounding error.
        if !(-1e-9..=1.0 + 1e-9).contains(&at) {
            return Err(self.off_scale(value, "a value inside its range; widen it"));
        }
        Ok(at.clamp(0.0, 1.0))
    }

    fn transformed(&self, value: f64) -> Result<f64> {
        match self.axis.scale {
            Scale::Log2 | Scale::Log10 if value <= 0.0 => Err(self.off_scale(value, "a value above 0")),
            Scale::Logit if value <= 0.0 || value >= 1.0 => {
                Err(self.off_scale(value, "a value between 0 and 1; `Scale::Positions` can show 0 and 1 too"))
            }
            Scale::Log2 => Ok(value.log2()),
            Scale::Log10 => Ok(value.log10()),
            Scale::Logit => Ok((value / (1.0 - value)).ln()),
            Scale::Linear | Scale::Positions(_) => Ok(value),
        }
    }

    fn original(&self, at: f64) -> f64 {
        match self.axis.scale {
            Scale::Log2 => at.exp2(),
            Scale::Log10 => 10f64.powf(at),
            Scale::Logit => 1.0 / (1.0 + (-at).exp()),
            Scale::Linear | Scale::Positions(_) => at,
        }
    }

    /// The transformed ends of the axis: the given range, or that of the data with a margin.
    fn ends(&self, values: &[f64]) -> Result<(f64, f64)> {
        if let Some((low, high)) = self.axis.range {
            finite(&self.of, || format!("range of axis `{}`", self.axis.label), low)?;
            finite(&self.of, || format!("range of axis `{}`", self.axis.label), high)?;
            if low >= high {
                return Err(self.contradiction("has an empty range, expected its low end below its high end"));
            }
            return Ok((self.transformed(low)?, self.transformed(high)?));
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &value in values {
            let at = self.transformed(value)?;
            (low, high) = (low.min(at), high.max(at));
        }
        let largest = low.abs().max(high.abs());
        if high - low <= SAME * largest {
            let room = if low == 0.0 || self.axis.scale != Scale::Linear { 1.0 } else { 0.1 * largest };
            return Ok((low - room, high + room));
        }
        let room = MARGIN * (high - low);
        // No negative axis for non-negative data.
        let floor = if self.axis.scale == Scale::Linear && low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Ok(((low - room).max(floor), high + room))
    }

    fn choose_ticks(&self, count: usize) -> Vec<Tick> {
        let powers = match self.axis.scale {
            Scale::Log2 => self.powers(count, |exponent| number::short(2f64.powi(exponent))),
            Scale::Log10 => self.powers(count, |exponent| match exponent {
                -3..=3 => number::short(10f64.powi(exponent)),
                _ => number::power_of_ten(exponent),
            }),
            Scale::Logit => self.odds(),
            Scale::Linear | Scale::Positions(_) => Vec::new(),
        };
        // With fewer than three powers inside, round values are better ticks.
        if powers.len() >= 3 {
            return powers;
        }
        let factor = self.axis.factor();
        let round = ticks::round(factor * self.original(self.low), factor * self.original(self.high), count);
        round.into_iter().map(|tick| Tick { at: tick.at / factor, ..tick }).collect()
    }

    fn powers(&self, count: usize, label: impl Fn(i32) -> String) -> Vec<Tick> {
        let (first, last) = (self.low.ceil() as i32, self.high.floor() as i32);
        let stride = ((last - first) / i32::try_from(count).unwrap_or(i32::MAX) + 1).max(1);
        // Multiples of the stride, so that 1 is a tick if possible.
        (first..=last)
            .filter(|exponent| exponent.rem_euclid(stride) == 0)
            .map(|exponent| Tick { at: self.original(f64::from(exponent)), label: label(exponent) })
            .collect()
    }

    fn odds(&self) -> Vec<Tick> {
        const AT: [f64; 9] = [0.000_1, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.999_9];
        let inside = |at: &f64| (self.low..=self.high).contains(&(at / (1.0 - at)).ln());
        AT.into_iter().filter(inside).map(|at| Tick { at, label: at.to_string() }).collect()
    }

    fn check_positions(&self, positions: &[Tick]) -> Result<()> {
        for tick in positions {
            finite(&self.of, || format!("a position of axis `{}`", self.axis.label), tick.at)?;
        }
        if positions.is_empty() {
            return Err(self.contradiction("has no positions, expected at least one"));
        }
        if positions.windows(2).any(|pair| pair[0].at >= pair[1].at) {
            return Err(self.contradiction("has positions out of order, expected strictly increasing ones"));
        }
        if self.axis.range.is_some() {
            return Err(self.contradiction("has positions and a range, expected one of them"));
        }
        Ok(())
    }

    fn off_scale(&self, value: f64, expected: &str) -> Error {
        let axis = self.axis.label.clone();
        Error::OffScale { of: self.of.clone(), axis, value, expected: expected.into() }
    }

    fn contradiction(&self, problem: &'static str) -> Error {
        Error::Axis { of: self.of.clone(), axis: self.axis.label.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ruler(scale: Scale, values: &[f64]) -> Result<Ruler> {
        Ruler::new("figure `f`", &Axis::new("λ", "", scale), values, 6.0)
    }

    fn labels(ruler: &Ruler) -> Vec<&str> {
        ruler.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    proptest! {
        #[test]
        fn places_are_inside_and_keep_the_order(mut values in prop::collection::vec(0.001..0.999f64, 2..20)) {
            values.sort_by(f64::total_cmp);
            for scale in [Scale::Linear, Scale::Log2, Scale::Log10, Scale::Logit] {
                let ruler = ruler(scale, &values).unwrap();
                let places: Vec<f64> = values.iter().map(|&v| ruler.place(v).unwrap()).collect();
                prop_assert!(places.iter().all(|at| (0.0..=1.0).contains(at)));
                prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1]));
                prop_assert!(ruler.ticks.iter().all(|tick| ruler.place(tick.at).is_ok()));
            }
        }
    }

    proptest! {
        #[test]
        fn any_finite_values_give_an_axis_or_an_error(
            a in prop::num::f64::ANY, b in prop::num::f64::ANY, near in 0..4u64,
        ) {
            prop_assume!(a.is_finite() && b.is_finite());
            let neighbour = f64::from_bits(a.to_bits() ^ near);
            for scale in [Scale::Linear, Scale::Log2, Scale::Log10, Scale::Logit] {
                for values in [[a, b], [a, neighbour]] {
                    if let Ok(ruler) = ruler(scale.clone(), &values) {
                        prop_assert!(ruler.ticks.iter().all(|tick| ruler.place(tick.at).is_ok()));
                    }
                }
            }
        }
    }

    #[test]
    fn positions_are_evenly_spaced_and_show_0_and_1() {
        let lambdas = [0.0, 0.001, 0.5, 0.999, 1.0];
        let ruler = ruler(Scale::positions(&lambdas), &lambdas).unwrap();
        let places: Vec<f64> = lambdas.iter().map(|&v| ruler.place(v).unwrap()).collect();
        assert!(places.windows(3).all(|w| ((w[2] - w[1]) - (w[1] - w[0])).abs() < 1e-12));
        assert_eq!(labels(&ruler), ["0", "0.001", "0.5", "0.999", "1"]);
    }

    #[test]
    fn powers_of_two_are_labelled_with_their_values() {
        assert_eq!(labels(&ruler(Scale::Log2, &[1.0, 2.0, 32.0]).unwrap()), ["1", "2", "4", "8", "16", "32"]);
    }

    #[test]
    fn many_powers_are_thinned_out() {
        let wide = ruler(Scale::Log10, &[1e-12, 1.0]).unwrap();
        assert!(wide.ticks.len() <= 6, "{:?}", wide.ticks);
        assert!(labels(&wide).contains(&"1"));
    }

    #[test]
    fn less_than_an_octave_has_round_ticks() {
        assert!(ruler(Scale::Log2, &[5.0, 7.0]).unwrap().ticks.len() >= 2);
    }

    #[test]
    fn data_without_negative_values_has_no_negative_ticks() {
        assert_eq!(labels(&ruler(Scale::Linear, &[0.01, 1.0]).unwrap())[0], "0.0");
    }

    #[test]
    fn a_single_value_has_an_axis_around_it() {
        for value in [0.0, 3.0, -2.0] {
            let at = ruler(Scale::Linear, &[value]).unwrap().place(value).unwrap();
            // A few operations, each with a rounding error of half an epsilon of values ten times its result.
            assert!((at - 0.5).abs() < 100.0 * f64::EPSILON, "{value} is at {at}");
        }
    }

    #[test]
    fn a_value_that_an_axis_cannot_show_is_named() {
        let error = ruler(Scale::Logit, &[0.5, 1.0]).unwrap_err().to_string();
        assert!(
            error.contains("figure `f`: axis `λ`: got 1, expected") && error.contains("Positions"),
            "{error}"
        );
        assert!(ruler(Scale::Log2, &[0.0, 1.0]).is_err());
        assert!(ruler(Scale::positions(&[0.0, 1.0]), &[0.5]).is_err());
        let narrow = Axis::new("x", "", Scale::Linear).from_to(0.0, 1.0);
        assert!(Ruler::new("figure `f`", &narrow, &[1.5], 5.0).is_err());
    }

    #[test]
    fn an_inconsistent_axis_is_refused() {
        assert!(ruler(Scale::positions(&[1.0, 0.0]), &[]).is_err());
        assert!(ruler(Scale::positions(&[]), &[]).is_err());
        let empty = Axis::new("x", "", Scale::Linear).from_to(1.0, 1.0);
        assert!(Ruler::new("figure `f`", &empty, &[1.0], 5.0).is_err());
    }
}
