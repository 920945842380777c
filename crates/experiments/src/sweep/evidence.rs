//! The values behind a conclusion: how many seeds they come from, and what the grid lacks for it.

use std::cell::{Cell, RefCell};

use crate::error::{Error, Result};
use crate::metric::{LinearMetric, Metric, TradeOff};
use crate::names::Named;
use crate::statistics::estimate::Estimate;
use crate::statistics::median;
use crate::sweep::curves::Curves;
use crate::sweep::readers::{Reader, Source, Task, source, sources};
use crate::sweep::refits::{controlled, refitted_of};
use crate::sweep::{convergence, correct};

/// A value of a reader at a point `[member, λ]`, with its weight in a sum.
#[derive(Clone, Copy)]
pub struct Term<'c, 'r> {
    /// The weight.
    pub weight: f64,
    /// Who read.
    pub source: Source<'c, 'r>,
    /// The point.
    pub point: [usize; 2],
}

/// Reads the values behind one verdict and counts the fewest seeds behind any of them. A point that the grid lacks, or
/// of which no run finished, is [`Error::NotRun`].
pub struct Evidence<'c, 'r> {
    /// Where the values come from.
    pub curves: &'c Curves<'r>,
    /// Heads that were learned anew on the same encoders, where they pass their control.
    refitted: Option<(&'c Curves<'r>, Vec<Reader>)>,
    fewest: Cell<Option<usize>>,
    guards: Cell<bool>,
    not_trained: RefCell<Vec<String>>,
}

impl<'c, 'r> Evidence<'c, 'r> {
    /// No values yet.
    pub fn of(curves: &'c Curves<'r>) -> Self {
        Self {
            curves,
            refitted: None,
            fewest: Cell::new(None),
            guards: Cell::new(true),
            not_trained: RefCell::default(),
        }
    }

    /// The same, with the new heads on the same encoders that stand among all results.
    ///
    /// # Errors
    /// If the results are not those of a grid.
    pub fn among(curves: &'c Curves<'r>, all: &'c [Curves<'r>]) -> Result<Self> {
        let new = refitted_of(all, curves);
        let new =
            new.map(|refitted| Ok::<_, Error>((refitted, controlled(curves, refitted)?.0))).transpose()?;
        Ok(Self { refitted: new, ..Self::of(curves) })
    }

    /// Everybody who reads the latents for a task, the heads that learned beside the encoders first.
    pub(super) fn readers(&self, task: Task) -> Vec<Source<'c, 'r>> {
        let mut readers = sources(self.curves, task);
        if let Some((refitted, passing)) = &self.refitted {
            readers.retain(|of| !passing.contains(&of.reader));
            readers.extend(passing.iter().filter_map(|&reader| source(reader, refitted, task)));
        }
        readers
    }

    /// The fewest seeds behind any value that was read; 0 before any was.
    pub fn n(&self) -> usize {
        self.fewest.get().unwrap_or(0)
    }

    /// Leaves the convergence guard out: for claims about whether training comes to its end.
    pub fn whether_trained_or_not(&self) {
        self.guards.set(false);
    }

    /// Notes the number of seeds behind another value of this verdict.
    pub fn at_most(&self, n_seeds: usize) {
        self.fewest.set(Some(self.fewest.get().map_or(n_seeds, |fewest| fewest.min(n_seeds))));
    }

    /// The ends of λ among the points that were read whose networks were not trained to the end, with the reasons.
    pub fn not_trained(&self) -> Vec<String> {
        self.not_trained.borrow().clone()
    }

    /// The values at points of a metric of some results, seed by seed, for the seeds that all have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn by_seed<M: Named, const N: usize>(
        &self,
        points: [(&Curves<'_>, M, [usize; 2]); N],
    ) -> Result<Vec<[f64; N]>> {
        let rows = self.rows(&points)?;
        Ok(rows.into_iter().filter_map(|row| row.try_into().ok()).collect())
    }

    fn rows<M: Named>(&self, points: &[(&Curves<'_>, M, [usize; 2])]) -> Result<Vec<Vec<f64>>> {
        let mut columns = Vec::new();
        for (curves, metric, point) in points {
            columns.push(curves.by_seed(metric, *point)?);
        }
        let n_seeds = columns.iter().map(|column| column.len()).min().unwrap_or(0);
        let rows = (0..n_seeds).map(|seed| columns.iter().map(|column| column[seed]).collect::<Vec<f64>>());
        let rows: Vec<Vec<f64>> = rows.filter(|row| row.iter().all(|value| value.is_finite())).collect();
        for &(curves, ref metric, [member, lambda]) in points {
            if rows.is_empty() {
                // Where one of the points has no value, that is what is missing.
                Evidence::of(curves).at(metric, member, lambda)?;
            }
            self.read(curves, [member, lambda])?;
        }
        match points {
            [(_, metric, [member, lambda]), ..] => self.counted(rows, metric, *member, *lambda),
            [] => Ok(rows),
        }
    }

    /// A weighted sum of accuracies or errors, over seeds and test images where every run has the bits of its images, else
    /// over seeds.
    ///
    /// # Errors
    /// [`Error::NotRun`] if no seed has all of them.
    pub fn sum(&self, terms: &[Term<'_, '_>]) -> Result<Estimate> {
        let points: Vec<_> =
            terms.iter().map(|Term { source, point, .. }| (source.curves, source.metric, *point)).collect();
        let rows = self.rows(&points)?;
        let weighted = |row: &Vec<f64>| row.iter().zip(terms).map(|(value, term)| value * term.weight).sum();
        let by_seed = Estimate::of_seeds(&rows.iter().map(weighted).collect::<Vec<f64>>());
        let mut bits = Vec::new();
        for Term { source, point, .. } in terms {
            bits.push(correct::of_point(source.curves, (source.reader, source.metric), *point)?);
        }
        let n_seeds = bits.iter().map(Vec::len).min().unwrap_or(0);
        let images = 0..terms.iter().map(|term| term.source.curves.n_test).min().unwrap_or(0);
        let of_seed = |seed: usize| -> Option<Vec<f64>> {
            let of_terms = bits.iter().map(|of_term| of_term[seed]).collect::<Option<Vec<&[u8]>>>()?;
            let of_image = |image| {
                terms.iter().zip(&of_terms).map(|(term, bits)| term.weight * correct::bit(bits, image)).sum()
            };
            Some(images.clone().map(of_image).collect())
        };
        let values: Vec<Vec<f64>> = (0..n_seeds).filter_map(of_seed).collect();
        Ok(if values.len() == rows.len() { Estimate::of_seeds_and_images(&values) } else { by_seed })
    }

    /// Notes whether a point that was read is an end whose networks were not trained to the end.
    fn read(&self, curves: &Curves<'_>, [member, lambda]: [usize; 2]) -> Result<()> {
        if self.guards.get()
            && let Some(why) = convergence::not_trained(curves, member, lambda)?
            && !self.not_trained.borrow().contains(&why)
        {
            self.not_trained.borrow_mut().push(why);
        }
        Ok(())
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
        self.read(self.curves, [member, lambda])?;
        self.counted(self.curves.at(&metric, member, lambda)?, metric, member, lambda)
    }

    /// The median over seeds at one point.
    ///
    /// # Errors
    /// As [`Evidence::at`].
    pub fn median(&self, metric: impl Named, member: usize, lambda: usize) -> Result<f64> {
        Ok(median(&self.at(metric, member, lambda)?))
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
        self.read(self.curves, own)?;
        self.read(other, others)?;
        self.counted(pairs, metric, own[0], own[1])
    }

    /// Pairs of values of a trade-off of two members, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if the grid has no λ = 0 or no λ = 1, or there are none.
    pub fn paired_members(&self, trade_off: TradeOff, members: [usize; 2]) -> Result<Vec<[f64; 2]>> {
        let ends = self.lambdas([0.0, 1.0])?;
        for (member, end) in members.into_iter().flat_map(|member| ends.map(|end| (member, end))) {
            self.read(self.curves, [member, end])?;
        }
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
        self.at_most(values.len());
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
