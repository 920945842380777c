//! Collects the finished runs of a grid into labelled arrays.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::ArrayView2;
use serde_json::{Value, json};
use theory::LinearFront;

use crate::error::Result;
use crate::grid::{Grid, Variant};
use crate::measures::{TRADE_OFFS, trade_off};
use crate::metric::{Baseline, EpochMetric, LinearMetric, Metric, MetricGroup};
use crate::sweep::collected::{Collected, POINT};
use crate::sweep::finished::FinishedSweep;
use crate::sweep::measured::{MEASURES, measured};
use crate::sweep::recorded::Recorded;
use crate::sweep::{along, correct, errors, pictures};
use runs::images::DataConfig;
use runs::pixels::normalised;
use runs::store::{Results, Values};

/// The metrics by epoch, with their names in the journal.
const BY_EPOCH: [(Metric, EpochMetric); 5] = [
    (Metric::TestMse, EpochMetric::TestMse),
    (Metric::TestCrossEntropy, EpochMetric::TestCrossEntropy),
    (Metric::TestAccuracy, EpochMetric::TestAccuracy),
    (Metric::GradientCosine, EpochMetric::GradientCosine),
    (Metric::GradientNormRatio, EpochMetric::GradientNormRatio),
];

/// The test errors of the mean image and of the class means.
type Baselines = BTreeMap<DataConfig, [f64; 2]>;

/// Their names and descriptions.
const BASELINES: [(Baseline, &str); 2] = [
    (Baseline::MeanImageMse, "test MSE of the training-mean image"),
    (Baseline::ClassMeanMse, "test MSE of the true class's training-mean image"),
];

/// The groups of metrics measured after some epochs, with the same names in the journal.
const OBSERVED: [MetricGroup; 6] = [
    MetricGroup::LayerCosine,
    MetricGroup::LayerNormRatio,
    MetricGroup::InputSensitivity,
    MetricGroup::ModeRank,
    MetricGroup::Energy,
    MetricGroup::ReconstructedEnergy,
];

/// The fraction of the variance for which the exact linear CRE is computed, since constant pixels have none.
const SHARE: f64 = 0.999;

/// The labelled arrays of a grid. Families on data sets that are not available are left out and named in the attribute `absent`.
///
/// # Errors
/// If a run lacks an array that is read.
pub fn collect(grid: &Grid, finished: &FinishedSweep<'_>, kept: Recorded) -> Result<Results> {
    let here = |variant: &Variant<'_>| finished.data.open.contains_key(variant.data);
    let (variants, absent): (Vec<Variant<'_>>, Vec<Variant<'_>>) = grid.variants().partition(here);
    let mut collected = Collected { grid, finished, variants, results: Results::default() };
    let baselines = collected.baselines()?;
    collected.describe(&absent, &baselines)?;
    let columns = collected.points(&baselines)?;
    collected.trade_offs(&columns, &baselines);
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
    errors::collect(&mut collected)?;
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

impl Collected<'_> {
    /// The test errors of the mean image and of the class means, for each data set.
    fn baselines(&self) -> Result<Baselines> {
        let mut baselines = Baselines::new();
        for variant in &self.variants {
            if !baselines.contains_key(variant.data) {
                let images = self.images(variant)?;
                let mean = data::reference::mean_image_error(&images.train, &images.test)?;
                let class = data::reference::class_mean_error(&images.train, &images.test)?;
                baselines.insert(variant.data.clone(), [mean, class]);
            }
        }
        Ok(baselines)
    }

    fn describe(&mut self, absent: &[Variant<'_>], baselines: &Baselines) -> Result<()> {
        let grid = self.grid;
        let labels: Vec<String> = self.variants.iter().map(Variant::label).collect();
        self.dimension("variant", "data set and family of learners", labels);
        let members = (0..grid.n_members()).map(|place| place as f64).collect::<Vec<f64>>();
        self.dimension(
            "member",
            "index of the setting in its family; the attribute `families` names them",
            members,
        );
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
        for (place, (name, description)) in BASELINES.into_iter().enumerate() {
            let of_each = self.variants.iter().map(|variant| baselines[variant.data][place]).collect();
            self.add(name.as_str(), &["variant"], description, "1", Values::F64(of_each));
        }
        Ok(())
    }

    /// The columns of [`MEASURES`].
    fn points(&self, baselines: &Baselines) -> Result<BTreeMap<Metric, Vec<f64>>> {
        let mut columns: BTreeMap<Metric, Vec<f64>> = BTreeMap::new();
        self.each_point(|variant, place @ [member, lambda, seed]| -> Result<()> {
            let run = self.grid.run(variant, member, lambda, seed);
            let of_run = match (run, self.run(variant, place)) {
                (Some(run), Some(done)) => measured(&run, done, baselines[variant.data])?,
                _ => BTreeMap::new(),
            };
            for (name, _, _) in MEASURES {
                columns.entry(name).or_default().push(of_run.get(&name).copied().unwrap_or(f64::NAN));
            }
            Ok(())
        })?;
        Ok(columns)
    }

    fn trade_offs(&mut self, columns: &BTreeMap<Metric, Vec<f64>>, baselines: &Baselines) {
        let (n_lambdas, n_seeds) = (self.grid.lambdas.len(), self.grid.seeds.len());
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
                    baselines[self.variants[start / per_variant].data][0],
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

    /// Adds metrics of the last epoch.
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

    /// Adds the metrics measured after some epochs: by layer, by principal component, and of the spectrum.
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

    /// Adds the metrics of the exact linear CRE with the same latent size, for every setting and λ.
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
            let test = ArrayView2::from_shape(shape, pixels).expect("the pixels fill the shape of the split");
            for member in 0..self.grid.n_members() {
                let cre = variant.family.members.get(member).and_then(|member| member.learner.as_cre());
                let k = cre.map(|cre| cre.model.latent_len());
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

/// The description of a metric that is measured after some epochs; `None` for any other.
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
            MetricGroup::LayerCosine => {
                "cosine of both losses' gradients with respect to this weight, on one batch"
            }
            _ => {
                "norm of the MSE's gradient with respect to this weight over the cross-entropy's, on one batch"
            }
        }),
    }
}

/// The attribute `families`, which [`Curves`](super::curves::Curves) reads.
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

/// The metrics of the exact linear CRE of the same latent size: name and description.
pub(super) const LINEAR: [(LinearMetric, &str); 4] = [
    (LinearMetric::Mse, "test MSE of the exact linear CRE of the same latent size"),
    (LinearMetric::Accuracy, "test accuracy of the exact linear CRE of the same latent size"),
    (LinearMetric::TrainMse, "its MSE on the training images"),
    (LinearMetric::TrainLabels, "its mean squared error to the one-hot labels of the training images"),
];
