//! The values behind a conclusion: how many seeds they come from, and what the grid lacks for it.

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::metric::{LinearMetric, Metric, TradeOff};
use crate::names::Named;
use crate::statistics::median;
use crate::sweep::curves::Curves;

/// Reads the values behind one verdict and counts the fewest seeds behind any of them. A point that the grid lacks, or
/// of which no run finished, is [`Error::NotRun`].
pub struct Evidence<'c, 'r> {
    /// Where the values come from.
    pub curves: &'c Curves<'r>,
    fewest: Cell<Option<usize>>,
}

impl<'c, 'r> Evidence<'c, 'r> {
    /// No values yet.
    pub fn of(curves: &'c Curves<'r>) -> Self {
        Self { curves, fewest: Cell::new(None) }
    }

    /// The fewest seeds behind any value that was read; 0 before any was.
    pub fn n(&self) -> usize {
        self.fewest.get().unwrap_or(0)
    }

    /// The places of these weights in the grid.
    ///
    /// # Errors
    /// [`Error::NotRun`] with the weights that it lacks.
    pub fn lambdas<const N: usize>(&self, wanted: [f64; N]) -> Result<[usize; N]> {
        places(wanted, "λ", |value| self.curves.lambda(value))
    }

    /// The places of the weights between 0 and 1.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn mixtures(&self) -> Result<Vec<usize>> {
        let between = |(place, &lambda): (usize, &f64)| (0.0 < lambda && lambda < 1.0).then_some(place);
        let mixtures: Vec<usize> = self.curves.lambdas.iter().enumerate().filter_map(between).collect();
        if mixtures.is_empty() {
            return Err(Error::NotRun("the grid has no λ between 0 and 1".into()));
        }
        Ok(mixtures)
    }

    /// The places of the members with these numbers.
    ///
    /// # Errors
    /// [`Error::NotRun`] with the numbers that the family lacks.
    pub fn members<const N: usize>(&self, numbers: [f64; N]) -> Result<[usize; N]> {
        places(numbers, &self.curves.member, |number| self.curves.member(number))
    }

    /// The place of the member with this label.
    ///
    /// # Errors
    /// [`Error::NotRun`] if the family has none.
    pub fn labelled(&self, label: &str) -> Result<usize> {
        let what = || Error::NotRun(format!("the grid has no `{label}` in {}", self.curves.variant));
        self.curves.labelled(label).ok_or_else(what)
    }

    /// The values of a metric at one point, one for each finished run.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn at(&self, metric: impl Named, member: usize, lambda: usize) -> Result<Vec<f64>> {
        self.counted(self.curves.at(&metric, member, lambda)?, metric, member, lambda)
    }

    /// The median over seeds at one point.
    ///
    /// # Errors
    /// As [`Evidence::at`].
    pub fn median(&self, metric: impl Named, member: usize, lambda: usize) -> Result<f64> {
        Ok(median(&self.at(metric, member, lambda)?))
    }

    /// The medians of a metric at λ = 0 and λ = 1.
    ///
    /// # Errors
    /// As [`Evidence::at`].
    pub fn ends(&self, metric: impl Named, member: usize) -> Result<[f64; 2]> {
        let [first, last] = self.lambdas([0.0, 1.0])?;
        Ok([self.median(&metric, member, first)?, self.median(&metric, member, last)?])
    }

    /// A number without seeds at one point.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there is none.
    pub fn exact(&self, metric: LinearMetric, member: usize, lambda: usize) -> Result<f64> {
        let missing = || Error::NotRun(format!("no {metric} of {}", self.point(member, lambda)));
        self.curves.exact(metric, member, lambda)?.ok_or_else(missing)
    }

    /// Pairs of values of a metric at two points `[member, λ]`, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn paired(&self, metric: impl Named, [a, b]: [[usize; 2]; 2]) -> Result<Vec<[f64; 2]>> {
        self.paired_with(metric, a, self.curves, b)
    }

    /// The same, with the second point in another variant of the same grid.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn paired_with(
        &self,
        metric: impl Named,
        own: [usize; 2],
        other: &Curves<'_>,
        others: [usize; 2],
    ) -> Result<Vec<[f64; 2]>> {
        let pairs = self.curves.paired(&metric, own, other, others)?;
        if pairs.is_empty() {
            // Where one of the two points has no value, that is what is missing.
            self.at(&metric, own[0], own[1])?;
            Evidence::of(other).at(&metric, others[0], others[1])?;
        }
        self.counted(pairs, metric, own[0], own[1])
    }

    /// Pairs of values of a trade-off of two members, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if the grid has no λ = 0 or no λ = 1, or there are none.
    pub fn paired_members(&self, trade_off: TradeOff, members: [usize; 2]) -> Result<Vec<[f64; 2]>> {
        let ends = self.lambdas([0.0, 1.0])?;
        let pairs = self.curves.paired_members(trade_off, members)?;
        if pairs.is_empty() {
            for member in members {
                self.at(Metric::TestAccuracy, member, ends[0])?;
                self.at(Metric::TestAccuracy, member, ends[1])?;
            }
        }
        self.counted(pairs, trade_off, members[0], ends[0])
    }

    /// The values of a trade-off of one member, one for each seed.
    ///
    /// # Errors
    /// As [`Evidence::paired_members`].
    pub fn of_member(&self, trade_off: TradeOff, member: usize) -> Result<Vec<f64>> {
        let pairs = self.paired_members(trade_off, [member, member])?;
        Ok(pairs.into_iter().map(|[value, _]| value).collect())
    }

    fn counted<T>(&self, values: Vec<T>, metric: impl Named, member: usize, lambda: usize) -> Result<Vec<T>> {
        if values.is_empty() {
            return Err(Error::NotRun(self.missing(&metric.name(), member, lambda)?));
        }
        let fewest = self.fewest.get().map_or(values.len(), |fewest| fewest.min(values.len()));
        self.fewest.set(Some(fewest));
        Ok(values)
    }

    /// Why a point has no values.
    fn missing(&self, metric: &str, member: usize, lambda: usize) -> Result<String> {
        let (runs, point) = (self.curves.at(Metric::Diverged, member, lambda)?, self.point(member, lambda));
        Ok(match runs.iter().filter(|&&diverged| diverged == 0.0).count() {
            _ if runs.is_empty() => format!("the grid has no run of {point}"),
            0 => format!("every run of {point} diverged or failed"),
            _ => format!("the runs of {point} share no seed that has {metric}"),
        })
    }

    fn point(&self, member: usize, lambda: usize) -> String {
        let label = self.curves.members.get(member).map_or("a member", |(label, _)| label);
        format!("{label} at λ = {}", self.curves.lambdas[lambda])
    }
}

/// The places of wanted numbers, or what is missing.
fn places<const N: usize>(
    wanted: [f64; N],
    name: &str,
    place: impl Fn(f64) -> Option<usize>,
) -> Result<[usize; N]> {
    let found = wanted.map(&place);
    let missing: Vec<String> = wanted
        .iter()
        .zip(&found)
        .filter(|(_, place)| place.is_none())
        .map(|(value, _)| format!("no {name} = {value}"))
        .collect();
    if !missing.is_empty() {
        return Err(Error::NotRun(format!("the grid has {}", missing.join(" and "))));
    }
    Ok(found.map(Option::unwrap_or_default))
}
