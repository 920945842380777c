//! A horizontal axis over effects and their intervals; a few wide intervals may extend beyond it.

use crate::ticks;

/// The fraction of the axis that is free at each end.
const FREE: f64 = 0.04;

/// The range of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    low: f64,
    high: f64,
}

impl Span {
    /// The axis that contains zero, all estimates and margins (`values`), and the nine tenths of the ends of intervals
    /// (`ends`) that are nearest to zero.
    pub(crate) fn of_effects(values: impl Iterator<Item = f64>, ends: impl Iterator<Item = f64>) -> Self {
        let ends: Vec<f64> = ends.filter(|end| end.is_finite()).collect();
        let mut away: Vec<f64> = ends.iter().map(|end| end.abs()).collect();
        away.sort_by(f64::total_cmp);
        let most = away.get((away.len() * 9 / 10).min(away.len().saturating_sub(1))).copied().unwrap_or(0.0);
        let values = values.filter(|value| value.is_finite());
        let values: Vec<f64> = values.chain(ends.into_iter().filter(|end| end.abs() <= most)).collect();
        let low = values.iter().copied().fold(0.0, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        let (low, high) = if low < high { (low, high) } else { (-1.0, 1.0) };
        let free = FREE * (high - low);
        Self { low: low - free, high: high + free }
    }

    /// The position of a value, from 0 to 1, and whether it is beyond the axis.
    pub(crate) fn share(&self, value: f64) -> (f64, bool) {
        let share = (value - self.low) / (self.high - self.low);
        (share.clamp(0.0, 1.0), !(0.0..=1.0).contains(&share))
    }

    /// At most `count` round ticks with their positions.
    pub(crate) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let ticks = ticks::round(self.low, self.high, count).into_iter();
        ticks.map(|tick| (self.share(tick.at).0, tick.label)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_of_zero_have_an_axis_and_one_wide_interval_does_not_hide_the_others() {
        let zero = Span::of_effects([0.0].into_iter(), [0.0, 0.0].into_iter());
        assert_eq!(zero.share(0.0), (0.5, false));
        let ends = (0..19).map(f64::from).chain([1e6]);
        let span = Span::of_effects([1.0].into_iter(), ends);
        assert_eq!(span.share(1e6), (1.0, true));
        assert!(!span.share(17.0).1);
    }
}
