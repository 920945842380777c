//! The values behind a verdict, with the number of seeds behind them and the runs that are missing.

use std::cell::{Cell, RefCell};

use crate::error::{Error, Result};
use crate::metric::{LinearMetric, Metric, TradeOff};
use crate::names::Named;
use crate::statistics::estimate::Estimate;
use crate::statistics::formula::Formula;
use crate::sweep::curves::Curves;
use crate::sweep::readers::{Reader, Source, Task, source, sources};
use crate::sweep::refits::{controlled, refitted_of};
use crate::sweep::{convergence, correct, errors};

/// A reader with a point `[setting, λ]` of its results.
pub type Term<'c, 'r> = (Source<'c, 'r>, [usize; 2]);

/// Access to the values behind one verdict, and the smallest number of seeds behind any of them. A point that the grid
/// lacks, or of which no run finished, is [`Error::NotRun`].
pub struct Evidence<'c, 'r> {
    /// The results of the family that the verdict is about.
    pub curves: &'c Curves<'r>,
    /// New heads on the same encoders, with the readers that pass the control.
    refitted: Option<(&'c Curves<'r>, Vec<Reader>)>,
    fewest: Cell<Option<usize>>,
    guards: Cell<bool>,
    without_lambda: Cell<Option<Task>>,
    not_trained: RefCell<Vec<String>>,
}

impl<'c, 'r> Evidence<'c, 'r> {
    /// Evidence of which no value has been read yet.
    pub fn of(curves: &'c Curves<'r>) -> Self {
        Self {
            curves,
            refitted: None,
            fewest: Cell::new(None),
            guards: Cell::new(true),
            without_lambda: Cell::new(None),
            not_trained: RefCell::default(),
        }
    }

    /// As [`Evidence::of`], with the new heads on the same encoders, if `all` results contain them.
    ///
    /// # Errors
    /// If the results are not those of a grid.
    pub fn among(curves: &'c Curves<'r>, all: &'c [Curves<'r>]) -> Result<Self> {
        let new = refitted_of(all, curves);
        let new =
            new.map(|refitted| Ok::<_, Error>((refitted, controlled(curves, refitted)?.0))).transpose()?;
        Ok(Self { refitted: new, ..Self::of(curves) })
    }

    /// All readers of the latents for a task, starting with the heads that were trained with the encoders.
    pub(super) fn readers(&self, task: Task) -> Vec<Source<'c, 'r>> {
        let mut readers = sources(self.curves, task);
        if let Some((refitted, passing)) = &self.refitted {
            readers.retain(|of| !passing.contains(&of.reader));
            readers.extend(passing.iter().filter_map(|&reader| source(reader, refitted, task)));
        }
        readers
    }

    /// The smallest number of seeds behind any value that was read; 0 if none was read.
    pub fn n(&self) -> usize {
        self.fewest.get().unwrap_or(0)
    }

    /// Disables the convergence guard, for claims that are about convergence.
    pub fn whether_trained_or_not(&self) {
        self.guards.set(false);
    }

    /// Judges the convergence of learners without λ by their loss of this task, where it is not that of an autoencoder.
    pub fn trained_for(self, task: Task) -> Self {
        self.without_lambda.set(Some(task));
        self
    }

    /// Records the number of seeds behind another value of this verdict.
    pub fn at_most(&self, n_seeds: usize) {
        self.fewest.set(Some(self.fewest.get().map_or(n_seeds, |fewest| fewest.min(n_seeds))));
    }

    /// The points read at λ = 0 or 1 whose networks were not trained to convergence, with the reasons.
    pub fn not_trained(&self) -> Vec<String> {
        self.not_trained.borrow().clone()
    }

    /// The values of metrics at several points, seed by seed, for the seeds that all of them have.
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
                // If one of the points has no value, the message names it.
                Evidence::of(curves).at(metric, member, lambda)?;
            }
            self.read(curves, [member, lambda])?;
        }
        match points {
            [(_, metric, [member, lambda]), ..] => self.counted(rows, metric, *member, *lambda),
            [] => Ok(rows),
        }
    }

    /// An effect of accuracies or of errors, with its standard error over seeds and test images if every run has the values of
    /// its images, else over seeds.
    ///
    /// # Errors
    /// [`Error::NotRun`] if no seed has all of them.
    pub fn estimate(&self, formula: Formula<'_>, terms: &[Term<'_, '_>]) -> Result<Estimate> {
        let points: Vec<_> =
            terms.iter().map(|(source, point)| (source.curves, source.metric, *point)).collect();
        let rows = self.rows(&points)?;
        let by_seed = Estimate::of_seeds(&rows.iter().map(|row| formula.value(row)).collect::<Vec<f64>>());
        let mut by_image = Vec::new();
        for &(source, point) in terms {
            by_image.push(of_images(source, point)?);
        }
        let n_seeds = by_image.iter().map(Vec::len).min().unwrap_or(0);
        let of_seed = |seed: usize| -> Option<Vec<f64>> {
            let of_terms = by_image.iter().map(|of_term| of_term[seed].clone());
            Some(formula.by_image(&of_terms.collect::<Option<Vec<Vec<f64>>>>()?))
        };
        let values: Vec<Vec<f64>> = (0..n_seeds).filter_map(of_seed).collect();
        let [(first, _), ..] = terms else { return Ok(by_seed) };
        let same_images = |source: &Source<'_, '_>| {
            (&source.curves.data, source.curves.n_test) == (&first.curves.data, first.curves.n_test)
        };
        let paired = terms.iter().all(|(source, _)| same_images(source)) && values.len() == rows.len();
        Ok(match paired {
            true => Estimate {
                effect: by_seed.effect,
                n_images: Some(first.curves.n_test),
                ..Estimate::of_seeds_and_images(&values)
            },
            false => by_seed,
        })
    }

    /// Records a point that was read if its networks were not trained to convergence.
    fn read(&self, curves: &Curves<'_>, [member, lambda]: [usize; 2]) -> Result<()> {
        if self.guards.get()
            && let Some(why) = convergence::not_trained(curves, [member, lambda], self.without_lambda.get())?
            && !self.not_trained.borrow().contains(&why)
        {
            self.not_trained.borrow_mut().push(why);
        }
        Ok(())
    }

    /// The indices of these λ in the grid.
    ///
    /// # Errors
    /// [`Error::NotRun`] with the λ that it lacks.
    pub fn lambdas<const N: usize>(&self, needed: [f64; N]) -> Result<[usize; N]> {
        indices(needed, "λ", |value| self.curves.lambda(value))
    }

    /// The indices of the λ between 0 and 1.
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

    /// The indices of the settings with these numbers.
    ///
    /// # Errors
    /// [`Error::NotRun`] with the numbers that the family lacks.
    pub fn members<const N: usize>(&self, numbers: [f64; N]) -> Result<[usize; N]> {
        indices(numbers, &self.curves.member, |number| self.curves.member(number))
    }

    /// The index of the setting with this label.
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

    /// The value of a closed form, which has no seeds, at one point.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there is none.
    pub fn exact(&self, metric: LinearMetric, member: usize, lambda: usize) -> Result<f64> {
        let missing = || Error::NotRun(format!("no {metric} of {}", self.point(member, lambda)));
        self.curves.exact(metric, member, lambda)?.ok_or_else(missing)
    }

    /// Pairs of values of a metric at two points `[setting, λ]`, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::NotRun`] if there are none.
    pub fn paired(&self, metric: impl Named, [a, b]: [[usize; 2]; 2]) -> Result<Vec<[f64; 2]>> {
        self.paired_with(metric, a, self.curves, b)
    }

    /// The paired difference of two points, of which the second is in the results of another family of the same grid.
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
            // If one of the two points has no value, the message names it.
            self.at(&metric, own[0], own[1])?;
            Evidence::of(other).at(&metric, others[0], others[1])?;
        }
        self.read(self.curves, own)?;
        self.read(other, others)?;
        self.counted(pairs, metric, own[0], own[1])
    }

    /// Pairs of values of a trade-off measure of two settings, for the seeds that both have.
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

    /// The values of a trade-off measure of one setting, one for each seed.
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

    /// The reason why a point has no values.
    fn missing(&self, metric: &str, member: usize, lambda: usize) -> Result<String> {
        let (runs, point) = (self.curves.at(Metric::Diverged, member, lambda)?, self.point(member, lambda));
        Ok(match runs.iter().filter(|&&diverged| diverged == 0.0).count() {
            _ if runs.is_empty() => format!("the grid has no run of {point}"),
            0 => format!("every run of {point} diverged or failed"),
            _ => format!("the runs of {point} share no seed that has {metric}"),
        })
    }

    fn point(&self, member: usize, lambda: usize) -> String {
        let label = self.curves.members.get(member).map_or("a setting", |(label, _)| label);
        format!("{label} at λ = {}", self.curves.lambdas[lambda])
    }
}

/// The values of a reader at a point by test image, or by group of test images, one list for each seed.
fn of_images(source: Source<'_, '_>, point: [usize; 2]) -> Result<Vec<Option<Vec<f64>>>> {
    match source.task {
        Task::Classification => correct::of_point(source.curves, (source.reader, source.metric), point),
        Task::Reconstruction => errors::of_point(source.curves, (source.reader, source.metric), point),
    }
}

/// The indices of the needed numbers, or an error that names those that are missing.
fn indices<const N: usize>(
    needed: [f64; N],
    name: &str,
    index: impl Fn(f64) -> Option<usize>,
) -> Result<[usize; N]> {
    let found = needed.map(&index);
    let missing: Vec<String> = needed
        .iter()
        .zip(&found)
        .filter(|(_, index)| index.is_none())
        .map(|(value, _)| format!("no {name} = {value}"))
        .collect();
    if !missing.is_empty() {
        return Err(Error::NotRun(format!("the grid has {}", missing.join(" and "))));
    }
    Ok(found.map(Option::unwrap_or_default))
}
