//! The values behind a conclusion: how many seeds they come from, and what the grid lacks for it.

use std::cell::Cell;

use crate::error::{Error, Result};
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

    /// The values of a measure at one point, one for each finished run.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn at(&self, measure: &str, member: usize, lambda: usize) -> Result<Vec<f64>> {
        self.counted(self.curves.at(measure, member, lambda)?, measure, member, lambda)
    }

    /// The median over seeds at one point.
    ///
    /// # Errors
    /// As [`Evidence::at`].
    pub fn median(&self, measure: &str, member: usize, lambda: usize) -> Result<f64> {
        Ok(median(&self.at(measure, member, lambda)?))
    }

    /// The medians of a measure at λ = 0 and λ = 1.
    ///
    /// # Errors
    /// As [`Evidence::at`].
    pub fn ends(&self, measure: &str, member: usize) -> Result<[f64; 2]> {
        let [first, last] = self.lambdas([0.0, 1.0])?;
        Ok([self.median(measure, member, first)?, self.median(measure, member, last)?])
    }

    /// A number without seeds at one point.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there is none.
    pub fn exact(&self, measure: &str, member: usize, lambda: usize) -> Result<f64> {
        let value = self.curves.exact(measure, member, lambda)?;
        let point = || self.point(member, lambda);
        value
            .is_finite()
            .then_some(value)
            .ok_or_else(|| Error::NotRun(format!("no {measure} of {}", point())))
    }

    /// Pairs of values of a measure at two points `[member, λ]`, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn paired(&self, measure: &str, [a, b]: [[usize; 2]; 2]) -> Result<Vec<[f64; 2]>> {
        self.paired_with(measure, a, self.curves, b)
    }

    /// The same, with the second point in another variant of the same grid.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn paired_with(
        &self,
        measure: &str,
        own: [usize; 2],
        other: &Curves<'_>,
        others: [usize; 2],
    ) -> Result<Vec<[f64; 2]>> {
        let pairs = self.curves.paired(measure, own, other, others)?;
        if pairs.is_empty() {
            // Where one of the two points has no value, that is what is missing.
            self.at(measure, own[0], own[1])?;
            Evidence::of(other).at(measure, others[0], others[1])?;
        }
        self.counted(pairs, measure, own[0], own[1])
    }

    /// Pairs of values of a trade-off of two members, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if the grid has no λ = 0 or no λ = 1, or there are none.
    pub fn paired_members(&self, measure: &str, members: [usize; 2]) -> Result<Vec<[f64; 2]>> {
        let ends = self.lambdas([0.0, 1.0])?;
        let pairs = self.curves.paired_members(measure, members)?;
        if pairs.is_empty() {
            for member in members {
                self.at("test_accuracy", member, ends[0])?;
                self.at("test_accuracy", member, ends[1])?;
            }
        }
        self.counted(pairs, measure, members[0], ends[0])
    }

    /// The values of a trade-off of one member, one for each seed.
    ///
    /// # Errors
    /// As [`Evidence::paired_members`].
    pub fn of_member(&self, measure: &str, member: usize) -> Result<Vec<f64>> {
        let pairs = self.paired_members(measure, [member, member])?;
        Ok(pairs.into_iter().map(|[value, _]| value).collect())
    }

    fn counted<T>(&self, values: Vec<T>, measure: &str, member: usize, lambda: usize) -> Result<Vec<T>> {
        if values.is_empty() {
            return Err(Error::NotRun(self.missing(measure, member, lambda)?));
        }
        let fewest = self.fewest.get().map_or(values.len(), |fewest| fewest.min(values.len()));
        self.fewest.set(Some(fewest));
        Ok(values)
    }

    /// Why a point has no values.
    fn missing(&self, measure: &str, member: usize, lambda: usize) -> Result<String> {
        let (runs, point) = (self.curves.at("diverged", member, lambda)?, self.point(member, lambda));
        Ok(match runs.iter().filter(|&&diverged| diverged == 0.0).count() {
            _ if runs.is_empty() => format!("the grid has no run of {point}"),
            0 => format!("every run of {point} diverged or failed"),
            _ => format!("the runs of {point} share no seed that has {measure}"),
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
