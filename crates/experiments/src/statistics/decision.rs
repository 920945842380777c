//! The decision of one row: whether every contrast of a claim is beyond its margin, or one of them is short of it.
//!
//! - *Holds* needs the 95 % interval of every contrast beyond its margin. No level is adjusted for the number of contrasts:
//!   if the claim is false, some contrast is not beyond its margin, and that one passes with a probability of at most 2.5 %
//!   (intersection-union test: Berger, 1982, doi:10.1080/00401706.1982.10487790).
//! - *Does not hold* needs one contrast on the other side of its margin. The most extreme of several is chosen after the fact,
//!   so its level is adjusted (Holm, 1979, www.jstor.org/stable/4615733); for one contrast this is its 95 % interval.
//! - Everything else is *undecided*. Fewer than [`ENOUGH_SEEDS`] seeds decide nothing, whatever their interval.
//!
//! [`holm`](super::holm) then decides all rows about a claim together.

use report::{Effect, Test};

use super::Interval;
use super::estimate::Estimate;
use super::rules::{ENOUGH_SEEDS, LEVEL};

/// The unit in which a contrast is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// The unit; empty for a dimensionless value.
    pub name: &'static str,
    /// The value of 1 in this unit.
    pub factor: f64,
    /// The number of decimals shown.
    pub decimals: usize,
}

impl Unit {
    /// Percentage points of accuracy.
    pub const POINTS: Self = Self { name: "points", factor: 100.0, decimals: 1 };
    /// Percent of another value.
    pub const PERCENT: Self = Self { name: "%", factor: 100.0, decimals: 1 };
    /// Mean squared error, or another loss.
    pub const MSE: Self = Self { name: "MSE", factor: 1.0, decimals: 3 };
    /// A ratio, a cosine or another dimensionless value.
    pub const PURE: Self = Self { name: "", factor: 1.0, decimals: 2 };
}

/// The side of the margin on which a claim expects the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above the margin.
    Above,
    /// Below the margin.
    Below,
}

/// One effect that a claim is about, with the margin that it must exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// The compared quantity, such as `k = 16: accuracy(0) - accuracy(1)`.
    pub label: String,
    /// The effect.
    pub estimate: Estimate,
    /// The margin, in the unit of the effect.
    pub margin: f64,
    /// The side of the margin on which the claim expects the effect.
    pub side: Side,
    /// The unit in which it is shown.
    pub unit: Unit,
    /// The number of contrasts from which it was chosen after the fact; 1 if it was not.
    pub among: usize,
}

impl Contrast {
    /// The claim that an effect is above a margin.
    pub fn above(label: impl Into<String>, estimate: Estimate, margin: f64, unit: Unit) -> Self {
        Self { label: label.into(), estimate, margin, side: Side::Above, unit, among: 1 }
    }

    /// The claim that an effect is below a margin.
    pub fn below(label: impl Into<String>, estimate: Estimate, margin: f64, unit: Unit) -> Self {
        Self { side: Side::Below, ..Self::above(label, estimate, margin, unit) }
    }

    /// The same contrast, chosen after the fact as the most extreme of `among`.
    #[must_use]
    pub fn chosen_from(self, among: usize) -> Self {
        Self { among: among.max(1), ..self }
    }

    /// The claim that at least one of two effects is beyond its margin: the contrast with the smaller p-value, adjusted
    /// for the choice.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        let further = if other.p_beyond() < self.p_beyond() { other } else { self };
        further.chosen_from(2)
    }

    /// The level of the interval that agrees with the decision.
    fn level(&self) -> f64 {
        1.0 - (1.0 - LEVEL) / self.among as f64
    }

    /// The p-value of the hypothesis that the effect is not on this side of the margin.
    fn p(&self, side: Side) -> f64 {
        match side {
            Side::Above => self.estimate.p_above(self.margin),
            Side::Below => self.estimate.p_below(self.margin),
        }
    }

    /// The p-value of the hypothesis that the effect is not beyond the margin.
    fn p_beyond(&self) -> f64 {
        (self.p(self.side) * self.among as f64).min(1.0)
    }

    /// The p-value of the hypothesis that the effect is beyond the margin. An effect equal to the margin with a
    /// standard error of zero is not beyond it.
    fn p_short(&self) -> f64 {
        match self.side {
            _ if self.estimate.error == 0.0 && self.estimate.effect == self.margin => 0.0,
            Side::Above => self.p(Side::Below),
            Side::Below => self.p(Side::Above),
        }
    }

    /// The effect with its interval of this level, in its unit.
    pub fn interval(&self, level: f64) -> Interval {
        self.estimate.interval(level).times(self.unit.factor)
    }

    /// The contrast's test, for [`holm`](super::holm).
    fn test(&self) -> Test {
        Test {
            effect: self.effect(LEVEL),
            n: self.estimate.n_seeds,
            among: self.among,
            p_beyond: self.p_beyond(),
            p_short: self.p_short(),
        }
    }

    /// The effect with its interval of this level, as a verdict states it.
    pub fn effect(&self, level: f64) -> Effect {
        let Interval { mean, low, high } = self.interval(level);
        Effect {
            quantity: self.label.clone(),
            value: mean,
            low,
            high,
            margin: self.margin * self.unit.factor,
            unit: self.unit.name.to_owned(),
            resampled: self.estimate.resampled(),
        }
    }

    /// Label, effect and interval as text.
    pub fn words(&self) -> String {
        let Unit { name, decimals, .. } = self.unit;
        let space = if name.is_empty() { "" } else { " " };
        format!("{}: {:+.decimals$}{space}{name}", self.label, self.interval(self.level()))
    }
}

/// The decision on a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether the claim holds; `None` if undecided.
    pub holds: Option<bool>,
    /// The index of the contrast that decides, or that leaves it undecided.
    pub deciding: usize,
    /// The level of its interval: 95 %, or more if it was chosen from several.
    pub level: f64,
}

/// The tests of contrasts, for the decision among all rows of a claim.
pub fn tests_of(contrasts: &[Contrast]) -> Vec<Test> {
    contrasts.iter().map(Contrast::test).collect()
}

/// Decides a claim about all of these contrasts; `None` if there are none.
pub fn decide(contrasts: &[Contrast]) -> Option<Decision> {
    let alpha = (1.0 - LEVEL) / 2.0;
    let by = |p: fn(&Contrast) -> f64, a: usize, b: usize| p(&contrasts[a]).total_cmp(&p(&contrasts[b]));
    let weakest = (0..contrasts.len()).max_by(|&a, &b| by(Contrast::p_beyond, a, b))?;
    let enough = contrasts.iter().all(|one| one.estimate.n_seeds >= ENOUGH_SEEDS);
    if enough && contrasts[weakest].p_beyond() <= alpha {
        return Some(Decision { holds: Some(true), deciding: weakest, level: contrasts[weakest].level() });
    }
    // Only the first of Holm's steps matters: one rejection is enough.
    let level = 1.0 - (1.0 - LEVEL) / contrasts.len() as f64;
    let worst = (0..contrasts.len()).min_by(|&a, &b| by(Contrast::p_short, a, b))?;
    if enough && contrasts[worst].p_short() <= alpha / contrasts.len() as f64 {
        return Some(Decision { holds: Some(false), deciding: worst, level });
    }
    // An effect on the other side that is undecided after the adjustment for its choice is shown at the adjusted level.
    let weakest_short = contrasts[weakest].p_short() <= alpha;
    let level = if weakest_short { level } else { contrasts[weakest].level() };
    Some(Decision { holds: None, deciding: weakest, level })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(values: &[f64], margin: f64) -> Contrast {
        Contrast::above("k = 4", Estimate::of_seeds(values), margin, Unit::POINTS)
    }

    #[test]
    fn an_interval_beyond_the_margin_holds_and_one_on_the_other_side_does_not() {
        let (high, low, wide) = ([0.2, 0.21, 0.22], [0.0, 0.01, -0.01], [0.5, 0.0, -0.3]);
        let holds = |of: &[Contrast]| decide(of).unwrap().holds;
        assert_eq!(holds(&[contrast(&high, 0.1)]), Some(true));
        assert_eq!(holds(&[contrast(&low, 0.1)]), Some(false));
        assert_eq!(holds(&[contrast(&wide, 0.1)]), None);
        assert_eq!(holds(&[contrast(&high, 0.1), contrast(&wide, 0.1)]), None);
        assert_eq!(holds(&[contrast(&high, 0.1), contrast(&low, 0.1)]), Some(false));
        assert_eq!(holds(&[contrast(&high[..2], 0.1)]), None, "two seeds decide nothing");
        assert_eq!(decide(&[]), None);
    }

    #[test]
    fn a_contrast_chosen_from_many_has_a_wider_interval() {
        // p = 0.01 on the other side: enough alone, not among forty.
        let short = [-0.05, -0.10, -0.08];
        let alone = decide(&[contrast(&short, 0.0)]).unwrap();
        assert_eq!((alone.holds, alone.level), (Some(false), LEVEL));
        let open = contrast(&[0.5, 0.0, -0.3], 0.0);
        let many: Vec<Contrast> = std::iter::once(contrast(&short, 0.0)).chain(vec![open; 39]).collect();
        let among = decide(&many).unwrap();
        assert_eq!(among.holds, None);
        assert!((among.level - (1.0 - 0.05 / 40.0)).abs() < 1e-12);
    }

    #[test]
    fn a_difference_of_zero_without_spread_is_not_above_a_margin_of_zero() {
        assert_eq!(decide(&[contrast(&[0.0; 3], 0.0)]).unwrap().holds, Some(false));
    }

    #[test]
    fn words_have_the_effect_its_interval_and_its_unit() {
        assert_eq!(contrast(&[0.01, 0.02, 0.03], 0.0).words(), "k = 4: +2.0 [-0.5, +4.5] points");
    }
}
