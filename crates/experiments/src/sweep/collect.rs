//! From finished runs to labelled numbers.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::ArrayView2;
use serde_json::{Value, json};
use theory::LinearFront;

use crate::error::{Error, Result};
use crate::grid::{Grid, Variant};
use crate::measures::{TRADE_OFFS, trade_off};
use crate::metric::{Baseline, EpochMetric, LinearMetric, Metric, MetricGroup};
use crate::sweep::finished::FinishedSweep;
use crate::sweep::measured::{MEASURES, measured};
use crate::sweep::recorded::Recorded;
use crate::sweep::{along, correct, pictures};
use runs::images::{DataConfig, Images};
use runs::pixels::normalised;
use runs::store::{Coordinates, Dimension, FinishedRun, Results, Values, Variable};

/// The axes of a point, the slowest first.
pub(super) const POINT: [&str; 4] = ["variant", "member", "lambda", "seed"];

/// Numbers per epoch of a point, as they stand in the journal.
const BY_EPOCH: [(Metric, EpochMetric); 5] = [
    (Metric::TestMse, EpochMetric::TestMse),
    (Metric::TestCrossEntropy, EpochMetric::TestCrossEntropy),
    (Metric::TestAccuracy, EpochMetric::TestAccuracy),
    (Metric::GradientCosine, EpochMetric::GradientCosine),
    (Metric::GradientNormRatio, EpochMetric::GradientNormRatio),
];

/// What is measured now and then, and stands under the same names in the journal.
const OBSERVED: [MetricGroup; 6] = [
    MetricGroup::LayerCosine,
    MetricGroup::LayerNormRatio,
    MetricGroup::InputSensitivity,
    MetricGroup::ModeRank,
    MetricGroup::Energy,
    MetricGroup::ReconstructedEnergy,
];

/// The share of the variance in which the exact linear CRE is computed, since pixels that never change have none.
const SHARE: f64 = 0.999;

/// The labelled numbers of a grid, of which variants without data are left out and named.
///
/// # Errors
/// If a run lacks something that is read.
pub fn collect(grid: &Grid, finished: &FinishedSweep<'_>, kept: Recorded) -> Result<Results> {
    let here = |variant: &Variant<'_>| finished.data.open.contains_key(variant.data);
    let (variants, absent): (Vec<Variant<'_>>, Vec<Variant<'_>>) = grid.variants().partition(here);
    let mut collected = Collected { grid, finished, variants, results: Results::default() };
    collected.describe(&absent)?;
    let columns = collected.points()?;
    collected.trade_offs(&columns);
    for (name, description, unit) in MEASURES {
        collected.add(name.as_str(), &POINT, description, unit, Values::F64(columns[&name].clone()));
    }
    for (scalar, name) in BY_EPOCH {
        let description = "the same, after each epoch; epoch 0 is before training";
        collected.by_epoch(scalar.as_str(), name.as_str(), description)?;
    }
    if kept.epochs {
        collected.observed()?;
    }
    if kept.linear_front {
        collected.linear_front()?;
    }
    collected.scalars(kept.scalars)?;
    correct::collect(&mut collected)?;
    if let Some(along) = kept.along {
        along::collect(&mut collected, along)?;
    }
    if kept.images {
        pictures::images(&mut collected)?;
    }
    if kept.bands {
        pictures::bands(&mut collected)?;
    }
    if kept.latents {
        pictures::latents(&mut collected)?;
    }
    Ok(collected.results)
}

/// Results in the making.
pub(super) struct Collected<'a> {
    pub(super) grid: &'a Grid,
    pub(super) finished: &'a FinishedSweep<'a>,
    pub(super) variants: Vec<Variant<'a>>,
    pub(super) results: Results,
}

impl<'a> Collected<'a> {
    pub(super) fn images(&self, variant: &Variant<'_>) -> Result<&'a Images> {
        let images = self.finished.data.open.get(variant.data);
        images
            .map(|images| &**images)
            .ok_or_else(|| Error::Missing(format!("data set {}", variant.data.name)))
    }

    /// The finished run at a point; `None` where the grid has none.
    pub(super) fn run(
        &self,
        variant: &Variant<'_>,
        [member, lambda, seed]: [usize; 3],
    ) -> Option<&'a FinishedRun> {
        self.finished.get(&self.grid.run(variant, member, lambda, seed)?)
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        dimensions: &[&str],
        description: &str,
        unit: &str,
        values: Values,
    ) {
        let dimensions = dimensions.iter().map(|&dimension| dimension.to_owned()).collect();
        let variable = Variable { dimensions, description: description.into(), unit: unit.into(), values };
        self.results.variables.insert(name.into(), variable);
    }

    pub(super) fn dimension(&mut self, name: &str, description: &str, coordinates: impl Into<CoordinatesOf>) {
        let CoordinatesOf(coordinates, unit) = coordinates.into();
        let dimension = Dimension { description: description.into(), unit: unit.into(), coordinates };
        self.results.dimensions.insert(name.into(), dimension);
    }

    /// Calls this for every place of the grid, those without a run too.
    pub(super) fn each_point<E>(
        &self,
        mut call: impl FnMut(&Variant<'a>, [usize; 3]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for variant in &self.variants {
            for member in 0..self.grid.n_members() {
                for lambda in 0..self.grid.lambdas.len() {
                    for seed in 0..self.grid.seeds.len() {
                        call(variant, [member, lambda, seed])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn describe(&mut self, absent: &[Variant<'_>]) -> Result<()> {
        let grid = self.grid;
        let labels: Vec<String> = self.variants.iter().map(Variant::label).collect();
        self.dimension("variant", "data set and family of learners", labels);
        let members = (0..grid.n_members()).map(|place| place as f64).collect::<Vec<f64>>();
        self.dimension("member", "place within the family; the attribute `families` names them", members);
        self.dimension("lambda", "weight of reconstruction: 1 is a pure autoencoder", grid.lambdas.clone());
        self.dimension("seed", "seed, shared by all points", grid.seeds.clone());
        let epochs = (0..=grid.n_epochs()).map(f64::from).collect::<Vec<f64>>();
        self.dimension("epoch", "epochs of training", epochs);
        let mut classes = Vec::new();
        for variant in &self.variants {
            classes.push(json!(self.images(variant)?.classes));
        }
        self.results.attributes.insert("classes".into(), json!(classes).to_string());
        self.results.attributes.insert("families".into(), families(&self.variants).to_string());
        let absent: Vec<_> = absent
            .iter()
            .map(|variant| {
                let why = self.finished.data.missing.get(&variant.data.name).map(|missing| &missing.recorded);
                json!([variant.label(), why])
            })
            .collect();
        self.results.attributes.insert("absent".into(), json!(absent).to_string());
        let (mut of_mean, mut of_class) = (vec![], vec![]);
        for variant in &self.variants {
            let [mean, class] = self.references(variant)?;
            of_mean.push(mean);
            of_class.push(class);
        }
        let description = "test MSE of the training-mean image";
        self.add(Baseline::MeanImageMse.as_str(), &["variant"], description, "1", Values::F64(of_mean));
        let description = "test MSE of the true class's training-mean image";
        self.add(Baseline::ClassMeanMse.as_str(), &["variant"], description, "1", Values::F64(of_class));
        Ok(())
    }

    fn references(&self, variant: &Variant<'_>) -> Result<[f64; 2]> {
        let images = self.images(variant)?;
        Ok([
            data::reference::mean_image_error(&images.train, &images.test)?,
            data::reference::class_mean_error(&images.train, &images.test)?,
        ])
    }

    /// The columns of [`MEASURES`].
    fn points(&self) -> Result<BTreeMap<Metric, Vec<f64>>> {
        let mut columns: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
        let mut references = BTreeMap::new();
        for variant in &self.variants {
            references.insert(variant.data.label(), self.references(variant)?);
        }
        self.each_point(|variant, place @ [member, lambda, seed]| -> Result<()> {
            let run = self.grid.run(variant, member, lambda, seed);
            let of_run = match (run, self.run(variant, place)) {
                (Some(run), Some(done)) => measured(&run, done, references[&variant.data.label()])?,
                _ => BTreeMap::new(),
            };
            for (name, _, _) in MEASURES {
                columns.entry(name).or_default().push(of_run.get(&name).copied().unwrap_or(f64::NAN));
            }
            Ok(())
        })?;
        Ok(columns)
    }

    fn trade_offs(&mut self, columns: &BTreeMap<Metric, Vec<f64>>) {
        let (n_lambdas, n_seeds) = (self.grid.lambdas.len(), self.grid.seeds.len());
        let Some(Values::F64(of_mean)) =
            self.results.variables.get(Baseline::MeanImageMse.as_str()).map(|v| v.values.clone())
        else {
            unreachable!("the references were added first")
        };
        let mut values = vec![Vec::new(); TRADE_OFFS.len()];
        let [mse, accuracy] = [Metric::TestMse, Metric::TestAccuracy].map(|name| &columns[&name]);
        let per_variant = self.grid.n_members() * n_lambdas * n_seeds;
        for start in (0..mse.len()).step_by(n_lambdas * n_seeds) {
            for seed in 0..n_seeds {
                let along = |values: &[f64]| -> Vec<f64> {
                    (0..n_lambdas).map(|lambda| values[start + lambda * n_seeds + seed]).collect()
                };
                let of = trade_off(
                    &self.grid.lambdas,
                    &along(mse),
                    &along(accuracy),
                    of_mean[start / per_variant],
                );
                values.iter_mut().zip(of).for_each(|(values, value)| values.push(value));
            }
        }
        for ((name, description), values) in TRADE_OFFS.into_iter().zip(values) {
            self.add(name.as_str(), &["variant", "member", "seed"], description, "1", Values::F64(values));
        }
    }

    fn by_epoch(&mut self, scalar: &str, name: &str, description: &str) -> Result<()> {
        let mut values = Vec::new();
        let n_epochs = self.grid.n_epochs();
        self.each_point(|variant, place| -> Result<()> {
            let done = self.run(variant, place);
            for epoch in 0..=n_epochs {
                let line = done.and_then(|done| done.epochs.iter().find(|line| line.epoch == epoch));
                values.push(line.and_then(|line| line.scalars.get(scalar)).copied().unwrap_or(f64::NAN));
            }
            Ok(())
        })?;
        let dimensions = [&POINT[..], &["epoch"]].concat();
        self.add(name, &dimensions, description, "1", Values::F64(values));
        Ok(())
    }

    /// Numbers of the last epoch.
    fn scalars(&mut self, scalars: &[(Metric, &str)]) -> Result<()> {
        for (name, description) in scalars {
            let mut values = Vec::new();
            self.each_point(|variant, place| -> Result<()> {
                let last = self.run(variant, place).and_then(|done| done.epochs.last());
                values
                    .push(last.and_then(|line| line.scalars.get(name.as_str())).copied().unwrap_or(f64::NAN));
                Ok(())
            })?;
            self.add(name.as_str(), &POINT, description, "1", Values::F64(values));
        }
        Ok(())
    }

    /// What was measured now and then: by layer, by principal component, and of the spectrum.
    fn observed(&mut self) -> Result<()> {
        let mut names = BTreeSet::new();
        self.each_point(|variant, place| -> Result<()> {
            for line in self.run(variant, place).iter().flat_map(|done| &done.epochs) {
                names.extend(line.scalars.keys().filter(|name| observed(name).is_some()).cloned());
            }
            Ok(())
        })?;
        for name in names {
            let description = observed(&name).unwrap_or_default();
            self.by_epoch(&name, &name, description)?;
        }
        Ok(())
    }

    /// The exact linear CRE with as many numbers in its latent, at every member and λ.
    fn linear_front(&mut self) -> Result<()> {
        let mut columns = vec![Vec::new(); LINEAR.len()];
        let mut fronts: BTreeMap<&DataConfig, (LinearFront, Vec<f64>)> = BTreeMap::new();
        for variant in &self.variants {
            let images = self.images(variant)?;
            if !fronts.contains_key(variant.data) {
                let front = LinearFront::new(&*images.moments()?, SHARE)?;
                fronts.insert(variant.data, (front, normalised(&images.test)));
            }
            let (front, pixels) = &fronts[variant.data];
            let shape = (images.test.len(), pixels.len() / images.test.len());
            let test = ArrayView2::from_shape(shape, pixels).expect("a split has as many pixels as it says");
            for member in 0..self.grid.n_members() {
                let k = variant.family.members.get(member).and_then(|member| member.learner.latent_len());
                for &lambda in &self.grid.lambdas {
                    let exact = match k {
                        Some(k) if k <= front.rank() => {
                            let solved = front.solve(lambda, k)?;
                            let of = solved.evaluate(test, images.test.labels())?;
                            [of.mse, of.accuracy, solved.mse, solved.one_hot_mse]
                        }
                        _ => [f64::NAN; LINEAR.len()],
                    };
                    columns.iter_mut().zip(exact).for_each(|(column, value)| column.push(value));
                }
            }
        }
        for ((name, description), values) in LINEAR.into_iter().zip(columns) {
            self.add(name.as_str(), &["variant", "member", "lambda"], description, "1", Values::F64(values));
        }
        Ok(())
    }
}

/// The description of a scalar that is measured now and then; `None` for any other.
fn observed(scalar: &str) -> Option<&'static str> {
    let group = || OBSERVED.iter().find(|group| scalar.split('/').next() == Some(group.as_str()));
    match scalar {
        _ if scalar == EpochMetric::ModesLearned.as_str() => {
            Some("eigenvectors along which reconstructions miss at most half of the energy")
        }
        _ if scalar == EpochMetric::LastMode.as_str() => {
            Some("the rank of the last eigenvector that is learned")
        }
        _ => Some(match group()? {
            MetricGroup::InputSensitivity => {
                "mean of |J v|^2 over test images, J = dz/dx, v this principal component"
            }
            MetricGroup::ModeRank => "mean rank of the eigenvectors of a group",
            MetricGroup::Energy => "mean square of the images along these eigenvectors, uncentred, in [0, 1]",
            MetricGroup::ReconstructedEnergy => "the same of the reconstructions",
            MetricGroup::LayerCosine => "cosine of both losses' gradients by this weight, on one batch",
            _ => "norm of the MSE's gradient by this weight over the cross-entropy's, on one batch",
        }),
    }
}

/// What [`Curves`](super::curves::Curves) reads of every variant.
pub(super) fn families(variants: &[Variant<'_>]) -> Value {
    let families = variants.iter().map(|Variant { family, data }| {
        let members: Vec<_> =
            family.members.iter().map(|member| json!([member.label, member.number])).collect();
        let steps = data.train / family.batch * family.epochs as usize;
        json!({
            "member": family.member, "members": members, "epochs": family.epochs, "steps": steps,
            "data": data.label(), "train": data.train, "test": data.test,
        })
    });
    families.collect()
}

/// Numbers of the exact linear CRE of the same latent size: name and description.
pub(super) const LINEAR: [(LinearMetric, &str); 4] = [
    (LinearMetric::Mse, "test MSE of the exact linear CRE of the same latent size"),
    (LinearMetric::Accuracy, "test accuracy of the exact linear CRE of the same latent size"),
    (LinearMetric::TrainMse, "its MSE on the training images"),
    (LinearMetric::TrainLabels, "its mean squared error to the one-hot labels of the training images"),
];

/// Coordinates with their unit.
pub(super) struct CoordinatesOf(Coordinates, &'static str);

impl From<Vec<f64>> for CoordinatesOf {
    fn from(values: Vec<f64>) -> Self {
        Self(Coordinates::Numbers(values), "1")
    }
}

impl From<Vec<u64>> for CoordinatesOf {
    fn from(values: Vec<u64>) -> Self {
        Self(Coordinates::Integers(values), "1")
    }
}

impl From<Vec<String>> for CoordinatesOf {
    fn from(values: Vec<String>) -> Self {
        Self(Coordinates::Texts(values), "")
    }
}
