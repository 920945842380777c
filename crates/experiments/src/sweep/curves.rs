//! Access to stored results: the values over seeds at a point of the grid.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::metric::{ArrayMetric, Baseline, Indexed, LinearMetric, Metric, MetricGroup, TradeOff};
use crate::names::{Named, Spelled};
use crate::statistics::median;
use crate::sweep::words;
use runs::store::{Coordinates, Results, Values};

/// The results of one family on one data set.
#[derive(Clone)]
pub struct Curves<'a> {
    /// The label of data set and family in the results.
    pub variant: String,
    /// The label of the family.
    pub family: String,
    /// The index on the axis `variant`.
    pub index: usize,
    /// The quantity in which the settings of the family differ, such as `latent size k`.
    pub member: String,
    /// The settings: label and number.
    pub members: Vec<(String, f64)>,
    /// The values of λ, ascending.
    pub lambdas: Vec<f64>,
    /// The name of the data set.
    pub data: String,
    /// The number of training images.
    pub n_train: usize,
    /// The number of test images.
    pub n_test: usize,
    /// The number of training steps.
    pub steps: usize,
    /// The number of training epochs.
    pub epochs: usize,
    n_members: usize,
    n_points: usize,
    n_seeds: usize,
    n_epochs: usize,
    results: &'a Results,
}

impl<'a> Curves<'a> {
    /// The results of every family on every data set.
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

    /// Data set and family as text for titles.
    pub fn words(&self) -> String {
        format!("{}; {}", self.set_words(), self.family)
    }

    /// The data set as text, with the number of training images.
    pub fn set_words(&self) -> String {
        words::data_set_of(&self.data, self.n_train)
    }

    /// The family of an experiment as an enum.
    ///
    /// # Errors
    /// [`Error::Missing`] if the experiment has no family of this label.
    pub fn family_id<F: Spelled>(&self) -> Result<F> {
        F::parse(&self.family).ok_or_else(|| self.unknown_family(F::ALL.iter().map(|id| id.as_str())))
    }

    /// The error for a family whose label is not one of these.
    pub fn unknown_family(&self, known: impl IntoIterator<Item = &'static str>) -> Error {
        let known: Vec<&str> = known.into_iter().collect();
        Error::Missing(format!(
            "family with a known label: expected {}, got `{}`",
            known.join(" or "),
            self.family
        ))
    }

    /// The values of a metric at one point, one for each seed; those of diverged runs are left out.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn at(&self, metric: impl Named, member: usize, lambda: usize) -> Result<Vec<f64>> {
        self.slice(&metric.name(), self.point(member, lambda), self.n_seeds).map(finite)
    }

    /// Pairs of values of a metric at a point `[setting, λ]` and at a point of the same or other results of the grid, for the
    /// seeds that both have.
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

    /// Pairs of values of a trade-off measure of two settings, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn paired_members(&self, trade_off: TradeOff, members: [usize; 2]) -> Result<Vec<[f64; 2]>> {
        let of = |member| self.slice(trade_off.as_str(), self.index * self.n_members + member, self.n_seeds);
        let [a, b] = members.map(of);
        Ok(pairs(a?, b?))
    }

    /// The values of a trade-off measure of one setting, one for each seed.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn of_member(&self, trade_off: TradeOff, member: usize) -> Result<Vec<f64>> {
        self.slice(trade_off.as_str(), self.index * self.n_members + member, self.n_seeds).map(finite)
    }

    /// The values of a metric at a point `[setting, λ]`, one for each seed; NaN where a run has none.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
    pub fn by_seed(&self, metric: impl Named, [member, lambda]: [usize; 2]) -> Result<&'a [f64]> {
        self.slice(&metric.name(), self.point(member, lambda), self.n_seeds)
    }

    /// The bytes of a variable at a point, one slice for each seed; `None` if there is no such variable.
    pub(super) fn bytes(&self, name: &str, point: [usize; 2]) -> Option<Vec<&'a [u8]>> {
        match &self.results.variables.get(name)?.values {
            Values::U8(values) => self.slices(values, point),
            _ => None,
        }
    }

    /// As [`Curves::bytes`], for a variable of 32-bit floats.
    pub(super) fn floats(&self, name: &str, point: [usize; 2]) -> Option<Vec<&'a [f32]>> {
        match &self.results.variables.get(name)?.values {
            Values::F32(values) => self.slices(values, point),
            _ => None,
        }
    }

    /// The values at a point over an axis of their own, one slice for each seed.
    fn slices<T>(&self, values: &'a [T], [member, lambda]: [usize; 2]) -> Option<Vec<&'a [T]>> {
        let width = values.len().checked_div(self.n_points * self.n_seeds).filter(|&width| width > 0)?;
        let start = self.point(member, lambda) * self.n_seeds * width;
        Some(values.get(start..start + self.n_seeds * width)?.chunks(width).collect())
    }

    /// A baseline of the data set.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such baseline.
    pub fn of_variant(&self, reference: Baseline) -> Result<f64> {
        Ok(self.slice(reference.as_str(), self.index, 1)?[0])
    }

    /// The value of a closed form, which has no seeds, at one point; `None` if it is not defined there.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such metric.
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

    /// As [`Curves::after`], with NaN for each run without a value, so that the index of a value is that of its seed.
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

    /// The metrics of a group, by layer, component or group of eigenvectors.
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

    /// The index of a setting by its number.
    pub fn member(&self, number: f64) -> Option<usize> {
        self.members.iter().position(|(_, own)| *own == number)
    }

    /// The index of a setting by its label.
    pub fn labelled(&self, label: &str) -> Option<usize> {
        self.members.iter().position(|(own, _)| own == label)
    }

    /// The index of a value of λ.
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

/// Pairs of values of the same seed; pairs with a value that is not finite are left out.
fn pairs(a: &[f64], b: &[f64]) -> Vec<[f64; 2]> {
    let pairs = a.iter().zip(b).map(|(&a, &b)| [a, b]);
    pairs.filter(|pair| pair.iter().all(|x| x.is_finite())).collect()
}

fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| value.is_finite()).collect()
}

/// An attribute in JSON.
///
/// # Errors
/// [`Error::Missing`] if it does not exist or is not valid JSON.
pub(crate) fn attribute(results: &Results, name: &str) -> Result<Value> {
    let text = results.attributes.get(name).ok_or_else(|| Error::Missing(name.into()))?;
    serde_json::from_str(text).map_err(|error| Error::Missing(format!("{name} as JSON: {error}")))
}

/// The numeric coordinates of an axis.
///
/// # Errors
/// [`Error::Missing`] if there is no such axis.
pub(crate) fn numbers<'a>(results: &'a Results, dimension: &str) -> Result<&'a [f64]> {
    match results.dimensions.get(dimension).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Numbers(values)) => Ok(values),
        _ => Err(Error::Missing(format!("axis {dimension}"))),
    }
}

/// The length of an axis with coordinates of any type.
fn length(results: &Results, dimension: &str) -> Result<usize> {
    let found =
        results.dimensions.get(dimension).ok_or_else(|| Error::Missing(format!("axis {dimension}")))?;
    Ok(found.coordinates.len())
}

/// The text coordinates of an axis.
///
/// # Errors
/// [`Error::Missing`] if there is no such axis.
pub(crate) fn texts<'a>(results: &'a Results, dimension: &str) -> Result<&'a [String]> {
    match results.dimensions.get(dimension).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Texts(values)) => Ok(values),
        _ => Err(Error::Missing(format!("axis {dimension}"))),
    }
}
