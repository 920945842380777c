//! Reading stored results: the values over seeds at one point.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::metric::{ArrayMetric, Baseline, Indexed, LinearMetric, Metric, MetricGroup, TradeOff};
use crate::names::{Named, Spelled};
use crate::statistics::median;
use crate::sweep::words;
use runs::store::{Coordinates, Results, Values};

/// The results of one variant of a grid.
#[derive(Clone)]
pub struct Curves<'a> {
    /// The data set and the family, in words.
    pub variant: String,
    /// The label of the family.
    pub family: String,
    /// The place of the variant.
    pub index: usize,
    /// What the members differ in.
    pub member: String,
    /// The members: words and the number behind them.
    pub members: Vec<(String, f64)>,
    /// The weights of reconstruction, ascending.
    pub lambdas: Vec<f64>,
    /// The name of the data set.
    pub data: String,
    /// Training images.
    pub n_train: usize,
    /// Test images.
    pub n_test: usize,
    /// Steps of training.
    pub steps: usize,
    /// Epochs of training.
    pub epochs: usize,
    n_members: usize,
    n_points: usize,
    n_seeds: usize,
    n_epochs: usize,
    results: &'a Results,
}

impl<'a> Curves<'a> {
    /// The curves of every variant.
    ///
    /// # Errors
    /// [`Error::Missing`] if these are not the results of a grid.
    pub fn all(results: &'a Results) -> Result<Vec<Self>> {
        let variants = texts(results, "variant")?;
        let [members, lambdas, epochs] =
            ["member", "lambda", "epoch"].map(|dimension| numbers(results, dimension));
        let (lambdas, n_members) = (lambdas?.to_vec(), members?.len());
        let (n_seeds, n_epochs) = (length(results, "seed")?, epochs?.len());
        let families = attribute(results, "families")?;
        let missing = || Error::Missing("families".into());
        let mut curves = Vec::new();
        for (index, variant) in variants.iter().enumerate() {
            let family = families.get(index).ok_or_else(missing)?;
            let text = |name: &str| family[name].as_str().map(str::to_owned).ok_or_else(missing);
            let count = |name: &str| family[name].as_u64().map(|n| n as usize).ok_or_else(missing);
            let members = family["members"].as_array().ok_or_else(missing)?;
            let member = |member: &Value| Some((member[0].as_str()?.to_owned(), member[1].as_f64()?));
            let data = text("data")?;
            curves.push(Self {
                family: variant.strip_prefix(&format!("{data}, ")).ok_or_else(missing)?.to_owned(),
                variant: variant.clone(),
                index,
                member: text("member")?,
                members: members.iter().map(|m| member(m).ok_or_else(missing)).collect::<Result<_>>()?,
                lambdas: lambdas.clone(),
                data,
                n_train: count("train")?,
                n_test: count("test")?,
                steps: count("steps")?,
                epochs: count("epochs")?,
                n_members,
                n_points: variants.len() * n_members * lambdas.len(),
                n_seeds,
                n_epochs,
                results,
            });
        }
        Ok(curves)
    }

    /// Data set and family in words.
    pub fn words(&self) -> String {
        format!("{}; {}", self.set_words(), self.family)
    }

    /// The data set in words, with its training images.
    pub fn set_words(&self) -> String {
        words::data_set_of(&self.data, self.n_train)
    }

    /// Which family of an experiment this is.
    ///
    /// # Errors
    /// [`Error::Missing`] for a family that the experiment does not know.
    pub fn family_id<F: Spelled>(&self) -> Result<F> {
        F::parse(&self.family).ok_or_else(|| self.unknown_family(F::ALL.iter().map(|id| id.as_str())))
    }

    /// The error for a family that an experiment does not know.
    pub fn unknown_family(&self, known: impl IntoIterator<Item = &'static str>) -> Error {
        let known: Vec<&str> = known.into_iter().collect();
        Error::Missing(format!(
            "family of a known label: got `{}`, expected {}",
            self.family,
            known.join(" or ")
        ))
    }

    /// The values of a metric at one point, one for each seed; those of diverged runs are left out.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn at(&self, metric: impl Named, member: usize, lambda: usize) -> Result<Vec<f64>> {
        self.slice(&metric.name(), self.point(member, lambda), self.n_seeds).map(finite)
    }

    /// Pairs of values of a metric at a point `[member, λ]` and at one of another variant of the grid, or of this one,
    /// for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn paired(
        &self,
        metric: impl Named,
        own: [usize; 2],
        other: &Curves<'_>,
        others: [usize; 2],
    ) -> Result<Vec<[f64; 2]>> {
        Ok(pairs(self.by_seed(&metric, own)?, other.by_seed(&metric, others)?))
    }

    /// Pairs of values of a trade-off of two members, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn paired_members(&self, trade_off: TradeOff, members: [usize; 2]) -> Result<Vec<[f64; 2]>> {
        let of = |member| self.slice(trade_off.as_str(), self.index * self.n_members + member, self.n_seeds);
        let [a, b] = members.map(of);
        Ok(pairs(a?, b?))
    }

    /// The values of a trade-off of one member, one for each seed.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn of_member(&self, trade_off: TradeOff, member: usize) -> Result<Vec<f64>> {
        self.slice(trade_off.as_str(), self.index * self.n_members + member, self.n_seeds).map(finite)
    }

    /// The values of a metric at a point `[member, λ]`, one for each seed; NaN where a run has none.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn by_seed(&self, metric: impl Named, [member, lambda]: [usize; 2]) -> Result<&'a [f64]> {
        self.slice(&metric.name(), self.point(member, lambda), self.n_seeds)
    }

    /// The bytes of a variable at a point, one slice for each seed; `None` if there is no such variable.
    pub(super) fn bytes(&self, name: &str, [member, lambda]: [usize; 2]) -> Option<Vec<&'a [u8]>> {
        let Some(Values::U8(values)) = self.results.variables.get(name).map(|variable| &variable.values)
        else {
            return None;
        };
        let width = values.len().checked_div(self.n_points * self.n_seeds).filter(|&width| width > 0)?;
        let start = self.point(member, lambda) * self.n_seeds * width;
        Some(values.get(start..start + self.n_seeds * width)?.chunks(width).collect())
    }

    /// A number of the whole variant.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such number.
    pub fn of_variant(&self, reference: Baseline) -> Result<f64> {
        Ok(self.slice(reference.as_str(), self.index, 1)?[0])
    }

    /// A number that has no seeds, at one point, where there is one.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such number.
    pub fn exact(&self, metric: LinearMetric, member: usize, lambda: usize) -> Result<Option<f64>> {
        let value = self.slice(metric.as_str(), self.point(member, lambda), 1)?[0];
        Ok(value.is_finite().then_some(value))
    }

    /// The values of a metric at one point after an epoch, one for each seed.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn after(&self, metric: impl Named, [member, lambda]: [usize; 2], epoch: usize) -> Result<Vec<f64>> {
        self.after_by_seed(metric, [member, lambda], epoch).map(|values| finite(&values))
    }

    /// The same, with NaN where a run has no value, so that seeds stay where they are.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn after_by_seed(
        &self,
        metric: impl Named,
        [member, lambda]: [usize; 2],
        epoch: usize,
    ) -> Result<Vec<f64>> {
        let all = self.slice(&metric.name(), self.point(member, lambda), self.n_seeds * self.n_epochs)?;
        Ok(all.iter().skip(epoch).step_by(self.n_epochs).copied().collect())
    }

    /// The values of an array at one point, over the array's own coordinate, one for each seed.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such array.
    pub fn along(&self, metric: ArrayMetric, [member, lambda]: [usize; 2]) -> Result<Vec<(f64, Vec<f64>)>> {
        let name = metric.as_str();
        let missing = || Error::Missing(name.into());
        let dimensions = &self.results.variables.get(name).ok_or_else(missing)?.dimensions;
        let along = numbers(self.results, dimensions.last().ok_or_else(missing)?)?;
        let all = self.slice(name, self.point(member, lambda), self.n_seeds * along.len())?;
        let at = |place: usize| {
            finite(&all.iter().skip(place).step_by(along.len()).copied().collect::<Vec<f64>>())
        };
        let points = along.iter().enumerate().map(|(place, &coordinate)| (coordinate, at(place)));
        Ok(points.filter(|(_, values)| !values.is_empty()).collect())
    }

    /// The numbers of a group, by layer, component or group of eigenvectors.
    pub fn indexed(&self, group: MetricGroup) -> Vec<Indexed> {
        let index = |name: &String| Some(group.of(name.strip_prefix(group.as_str())?.strip_prefix('/')?));
        self.results.variables.keys().filter_map(index).collect()
    }

    /// Whether there is such a metric.
    pub fn has(&self, metric: impl Named) -> bool {
        self.results.variables.contains_key(&*metric.name())
    }

    /// The median over seeds at one point.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn median(&self, metric: impl Named, member: usize, lambda: usize) -> Result<f64> {
        Ok(median(&self.at(metric, member, lambda)?))
    }

    /// The number of seeds at a point.
    ///
    /// # Errors
    /// [`Error::Missing`] if these are not the results of a grid.
    pub fn n(&self, member: usize, lambda: usize) -> Result<usize> {
        Ok(self.at(Metric::Diverged, member, lambda)?.into_iter().filter(|&diverged| diverged == 0.0).count())
    }

    /// The place of a member by its number.
    pub fn member(&self, number: f64) -> Option<usize> {
        self.members.iter().position(|(_, own)| *own == number)
    }

    /// The place of a member by its words.
    pub fn labelled(&self, label: &str) -> Option<usize> {
        self.members.iter().position(|(own, _)| own == label)
    }

    /// The place of a weight in the grid.
    pub fn lambda(&self, value: f64) -> Option<usize> {
        self.lambdas.iter().position(|&lambda| lambda == value)
    }

    fn point(&self, member: usize, lambda: usize) -> usize {
        (self.index * self.n_members + member) * self.lambdas.len() + lambda
    }

    fn slice(&self, measure: &str, block: usize, size: usize) -> Result<&'a [f64]> {
        match self.results.variables.get(measure).map(|variable| &variable.values) {
            Some(Values::F64(values)) if (block + 1) * size <= values.len() => {
                Ok(&values[block * size..(block + 1) * size])
            }
            _ => Err(Error::Missing(measure.into())),
        }
    }
}

/// Pairs of values that stand at the same seed; those of which one is not finite are left out.
fn pairs(a: &[f64], b: &[f64]) -> Vec<[f64; 2]> {
    let pairs = a.iter().zip(b).map(|(&a, &b)| [a, b]);
    pairs.filter(|pair| pair.iter().all(|x| x.is_finite())).collect()
}

fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| value.is_finite()).collect()
}

/// An attribute that holds JSON.
///
/// # Errors
/// [`Error::Missing`] if it is not there, or is no JSON.
pub(crate) fn attribute(results: &Results, name: &str) -> Result<Value> {
    let text = results.attributes.get(name).ok_or_else(|| Error::Missing(name.into()))?;
    serde_json::from_str(text).map_err(|error| Error::Missing(format!("{name} as JSON: {error}")))
}

/// The numbers along an axis.
///
/// # Errors
/// [`Error::Missing`] if there is no such axis.
pub(crate) fn numbers<'a>(results: &'a Results, dimension: &str) -> Result<&'a [f64]> {
    match results.dimensions.get(dimension).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Numbers(values)) => Ok(values),
        _ => Err(Error::Missing(format!("axis {dimension}"))),
    }
}

/// The length of an axis, whatever its coordinates are.
fn length(results: &Results, dimension: &str) -> Result<usize> {
    let found =
        results.dimensions.get(dimension).ok_or_else(|| Error::Missing(format!("axis {dimension}")))?;
    Ok(found.coordinates.len())
}

/// The texts along an axis.
///
/// # Errors
/// [`Error::Missing`] if there is no such axis.
pub(crate) fn texts<'a>(results: &'a Results, dimension: &str) -> Result<&'a [String]> {
    match results.dimensions.get(dimension).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Texts(values)) => Ok(values),
        _ => Err(Error::Missing(format!("axis {dimension}"))),
    }
}
