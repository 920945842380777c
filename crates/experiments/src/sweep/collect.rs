//! From finished runs to labelled numbers.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use super::Grid;
use crate::cre_run::{CreConfig, CreData, CreRun, Hardware};
use crate::experiment::Finished;
use crate::measures::{self, of_latents};
use crate::store::{Coordinates, Dimension, Epoch, FinishedRun, Outcome, Results, Values, Variable};
use crate::{Error, Result};

/// The axes of a point of the sweep, the slowest first.
const POINT: [&str; 4] = ["variant", "latent", "lambda", "seed"];

impl Grid {
    /// Every run of the grid: data sets and activations outermost, then k, λ and seeds.
    pub fn runs(&self) -> Vec<CreRun> {
        let mut runs = Vec::new();
        for (data, latent_activation) in self.variants() {
            for &latent in &self.latents {
                for &lambda in &self.lambdas {
                    for &seed in &self.seeds {
                        let model = models::fc::Config {
                            latent_activation,
                            ..models::fc::Config::of(self.size, latent)
                        };
                        let config = CreConfig {
                            data: data.clone(),
                            model,
                            lambda,
                            optimiser: self.optimiser,
                            batch: self.batch,
                            epochs: self.epochs,
                            hardware: Hardware::default(),
                        };
                        runs.push(CreRun { config, seed });
                    }
                }
            }
        }
        runs
    }

    fn variants(&self) -> impl Iterator<Item = (&crate::cre_run::DataConfig, models::Activation)> {
        let with_each = |data| self.latent_activations.iter().map(move |&activation| (data, activation));
        self.data.iter().flat_map(with_each)
    }
}

/// Numbers per point of the sweep: name, description, unit.
const MEASURES: [(&str, &str, &str); 23] = [
    ("test_mse", "mean squared error on the test images after the last epoch, in the range [-1, 1]", "1"),
    ("test_cross_entropy", "cross-entropy on the test images after the last epoch", "nat"),
    ("test_accuracy", "share of test images classified rightly after the last epoch", "1"),
    ("initial_mse", "mean squared error on the test images before training", "1"),
    ("initial_cross_entropy", "cross-entropy on the test images before training", "nat"),
    ("initial_accuracy", "share of test images classified rightly before training", "1"),
    ("selected_mse", "test MSE at the epoch of the lowest validation loss L(lambda)", "1"),
    ("selected_accuracy", "test accuracy at the epoch of the lowest validation loss L(lambda)", "1"),
    ("faithful_mse", "test MSE at the epoch of the lowest test loss, as the original selects", "1"),
    ("faithful_accuracy", "test accuracy at the epoch of the lowest test loss, as the original selects", "1"),
    ("retained_variance", "1 - MSE / MSE of the training-mean image", "1"),
    ("beyond_class_variance", "1 - MSE / MSE of the true class's training-mean image", "1"),
    ("gradient_cosine", "cosine of both losses' gradients at z, mean over the last epoch", "1"),
    ("gradient_norm_ratio", "norm of the MSE's gradient at z over the cross-entropy's, last epoch", "1"),
    ("dead_units", "latent units with a standard deviation below 1e-6 over the test images", "1"),
    ("between_class_share", "trace of between-class scatter of z over trace of total scatter", "1"),
    ("knn_accuracy", "vote of 5 neighbours in z, half of the test images against the other half", "1"),
    ("participation_ratio", "(sum s^2)^2 / sum s^4 of the singular values of centred z", "1"),
    ("seconds", "wall time of the run on one core", "s"),
    ("flops", "floating-point operations of the run, matrix products only", "1"),
    ("diverged", "1 where a loss stopped being a number: such a run is in no mean", "1"),
    ("first_train_mse", "mean squared error in the first epoch of training", "1"),
    ("last_train_cross_entropy", "cross-entropy in the last epoch of training", "nat"),
];

/// Numbers per epoch of a point, as they stand in the journal.
const BY_EPOCH: [&str; 4] = ["test_mse", "test_cross_entropy", "test_accuracy", "gradient_cosine"];

/// Numbers per seed of a latent size: name and description.
const TRADE_OFFS: [(&str, &str); 5] = [
    ("synergy_for_reconstruction", "(MSE(1) - min over lambda of MSE) / MSE(1)"),
    ("synergy_for_classification", "max over lambda of accuracy - accuracy(0)"),
    ("cost_in_mse", "(MSE(0) - MSE(1)) / MSE(1)"),
    ("cost_in_accuracy", "accuracy(0) - accuracy(1)"),
    ("front_area", "area under the Pareto front of MSE and error rate, scaled by the end points"),
];

/// The labelled numbers of a sweep.
///
/// # Errors
/// If a run lacks something that is read.
pub fn collect(grid: &Grid, finished: &Finished<'_>) -> Result<Results> {
    let n_points = finished.runs.len();
    let mut columns: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut by_epoch: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (run, done) in &finished.runs {
        let data = data_of(run, finished)?;
        let measured = measure(run, done, data)?;
        for (name, _, _) in MEASURES {
            columns.entry(name).or_default().push(measured.get(name).copied().unwrap_or(f64::NAN));
        }
        for name in BY_EPOCH {
            let of = |epoch| done.epochs.iter().find(|e| e.epoch == epoch).and_then(|e| e.scalars.get(name));
            let values = (0..=grid.epochs).map(|epoch| of(epoch).copied().unwrap_or(f64::NAN));
            by_epoch.entry(name).or_default().extend(values);
        }
    }
    let mut results = Results { dimensions: dimensions(grid, finished)?, ..Results::default() };
    add_trade_offs(grid, &columns, &mut results);
    for (name, description, unit) in MEASURES {
        let values = columns.remove(name).unwrap_or_else(|| vec![f64::NAN; n_points]);
        add(&mut results, name, &POINT, description, unit, Values::F64(values));
    }
    for name in BY_EPOCH {
        let dimensions = [&POINT[..], &["epoch"]].concat();
        let values = by_epoch.remove(name).unwrap_or_default();
        let description = "the same, after each epoch; epoch 0 is before training";
        add(&mut results, &format!("{name}_by_epoch"), &dimensions, description, "1", Values::F64(values));
    }
    add_references(grid, finished, &mut results)?;
    add_images(grid, finished, &mut results)?;
    results.attributes.insert("n_train".into(), grid.data[0].train.to_string());
    let steps = grid.data[0].train / grid.batch * grid.epochs as usize;
    results.attributes.insert("steps".into(), steps.to_string());
    results.attributes.insert("size".into(), format!("{:?}", grid.size));
    Ok(results)
}

fn data_of<'a>(run: &CreRun, finished: &Finished<'a>) -> Result<&'a CreData> {
    let data = finished.data.get(&run.config.data);
    data.map(|data| &**data).ok_or_else(|| Error::Missing(format!("data set {}", run.config.data.name)))
}

/// Everything that is measured of one run; nothing but the flag for one that diverged.
fn measure(run: &CreRun, done: &FinishedRun, data: &CreData) -> Result<BTreeMap<&'static str, f64>> {
    let mut measured = BTreeMap::from([("diverged", 0.0)]);
    measured.insert("seconds", done.epochs.iter().map(|epoch| epoch.seconds).sum());
    measured.insert("flops", run.flops()?);
    if done.outcome != Outcome::Finished {
        measured.insert("diverged", 1.0);
        return Ok(measured);
    }
    let missing = || Error::Missing(format!("epochs in {}", done.folder.display()));
    let (first, last) = (done.epochs.first().ok_or_else(missing)?, done.epochs.last().ok_or_else(missing)?);
    let at = |epoch: &Epoch, name: &str| epoch.scalars.get(name).copied().unwrap_or(f64::NAN);
    for (name, epoch, scalar) in [
        ("test_mse", last, "test_mse"),
        ("test_cross_entropy", last, "test_cross_entropy"),
        ("test_accuracy", last, "test_accuracy"),
        ("initial_mse", first, "test_mse"),
        ("initial_cross_entropy", first, "test_cross_entropy"),
        ("initial_accuracy", first, "test_accuracy"),
        ("gradient_cosine", last, "gradient_cosine"),
        ("gradient_norm_ratio", last, "gradient_norm_ratio"),
        ("first_train_mse", done.epochs.get(1).unwrap_or(last), "train_mse"),
        ("last_train_cross_entropy", last, "train_cross_entropy"),
    ] {
        measured.insert(name, at(epoch, scalar));
    }
    let lambda = run.config.lambda;
    let loss = |epoch: &Epoch, set: &str| {
        let [mse, ce] = ["mse", "cross_entropy"].map(|name| at(epoch, &format!("{set}_{name}")));
        lambda * mse + (1.0 - lambda) * ce
    };
    for (set, mse, accuracy) in
        [("validation", "selected_mse", "selected_accuracy"), ("test", "faithful_mse", "faithful_accuracy")]
    {
        let trained = done.epochs.iter().skip(1);
        let best = trained.min_by(|a, b| loss(a, set).total_cmp(&loss(b, set))).unwrap_or(last);
        measured.insert(mse, at(best, "test_mse"));
        measured.insert(accuracy, at(best, "test_accuracy"));
    }
    let mse = at(last, "test_mse");
    let of_mean = data::reference::mean_image_error(&data.train, &data.test)?;
    let of_class_mean = data::reference::class_mean_error(&data.train, &data.test)?;
    measured.insert("retained_variance", 1.0 - mse / of_mean);
    measured.insert("beyond_class_variance", 1.0 - mse / of_class_mean);
    let (latents, labels) = latents(done)?;
    let of_z = of_latents(latents, labels);
    measured.insert("dead_units", of_z.dead_units as f64);
    measured.insert("between_class_share", of_z.between_class_share);
    measured.insert("knn_accuracy", of_z.knn_accuracy);
    measured.insert("participation_ratio", of_z.participation_ratio);
    Ok(measured)
}

fn latents(done: &FinishedRun) -> Result<(ArrayView2<'_, f32>, &[u32])> {
    let missing = |what: &str| Error::Missing(format!("{what} in {}", done.folder.display()));
    let z = done.finals.get("test_latent").ok_or_else(|| missing("test_latent"))?;
    let labels = done.finals.get("test_label").ok_or_else(|| missing("test_label"))?;
    match (&z.values, z.shape.as_slice(), &labels.values) {
        (Values::F32(z), &[n, k], Values::U32(labels)) if labels.len() == n => {
            Ok((ArrayView2::from_shape((n, k), z).map_err(|_| missing("latents of a legal shape"))?, labels))
        }
        _ => Err(missing("latents of a legal shape")),
    }
}

fn dimensions(grid: &Grid, finished: &Finished<'_>) -> Result<BTreeMap<String, Dimension>> {
    let numbers = |description: &str, values: Vec<f64>| Dimension {
        description: description.into(),
        unit: "1".into(),
        coordinates: Coordinates::Numbers(values),
    };
    let texts = |description: &str, values: Vec<String>| Dimension {
        description: description.into(),
        unit: String::new(),
        coordinates: Coordinates::Texts(values),
    };
    let (first, _) = finished.runs.first().ok_or_else(|| Error::Missing("runs".into()))?;
    let classes = data_of(first, finished)?.classes.clone();
    let variant = |(data, activation): (&crate::cre_run::DataConfig, models::Activation)| {
        format!("{}, {} latent", data.name, format!("{activation:?}").to_lowercase())
    };
    let as_numbers = |values: &[usize]| values.iter().map(|&value| value as f64).collect();
    Ok(BTreeMap::from([
        (
            "variant".into(),
            texts("data set and activation of the latent", grid.variants().map(variant).collect()),
        ),
        ("latent".into(), numbers("size k of the latent", as_numbers(&grid.latents))),
        ("lambda".into(), numbers("weight of reconstruction: 1 is a pure autoencoder", grid.lambdas.clone())),
        (
            "seed".into(),
            numbers("seed, shared by all points", grid.seeds.iter().map(|&s| s as f64).collect()),
        ),
        ("epoch".into(), numbers("epochs of training", (0..=grid.epochs).map(f64::from).collect())),
        ("class".into(), texts("class of the image", classes)),
        ("pixel".into(), numbers("pixel, row after row", (0..784).map(f64::from).collect())),
    ]))
}

fn add(
    results: &mut Results,
    name: &str,
    dimensions: &[&str],
    description: &str,
    unit: &str,
    values: Values,
) {
    let dimensions = dimensions.iter().map(|&dimension| dimension.to_owned()).collect();
    let variable = Variable { dimensions, description: description.into(), unit: unit.into(), values };
    results.variables.insert(name.into(), variable);
}

fn add_trade_offs(grid: &Grid, columns: &BTreeMap<&str, Vec<f64>>, results: &mut Results) {
    let (n_lambdas, n_seeds) = (grid.lambdas.len(), grid.seeds.len());
    let mut values: [Vec<f64>; 5] = Default::default();
    let [mse, accuracy] = ["test_mse", "test_accuracy"].map(|name| &columns[name]);
    for start in (0..mse.len()).step_by(n_lambdas * n_seeds) {
        for seed in 0..n_seeds {
            let along = |values: &[f64]| -> Vec<f64> {
                (0..n_lambdas).map(|lambda| values[start + lambda * n_seeds + seed]).collect()
            };
            let of = measures::trade_off(&along(mse), &along(accuracy));
            let of = [
                of.synergy_for_reconstruction,
                of.synergy_for_classification,
                of.cost_in_mse,
                of.cost_in_accuracy,
                of.front_area,
            ];
            values.iter_mut().zip(of).for_each(|(values, value)| values.push(value));
        }
    }
    for ((name, description), values) in TRADE_OFFS.into_iter().zip(values) {
        add(results, name, &["variant", "latent", "seed"], description, "1", Values::F64(values));
    }
}

/// The errors of the mean image and of the class-mean images, which need no training.
fn add_references(grid: &Grid, finished: &Finished<'_>, results: &mut Results) -> Result<()> {
    let (mut of_mean, mut of_class) = (vec![], vec![]);
    for (config, _) in grid.variants() {
        let data =
            finished.data.get(config).ok_or_else(|| Error::Missing(format!("data set {}", config.name)))?;
        of_mean.push(data::reference::mean_image_error(&data.train, &data.test)?);
        of_class.push(data::reference::class_mean_error(&data.train, &data.test)?);
    }
    let description = "test MSE of the training-mean image";
    add(results, "mean_image_mse", &["variant"], description, "1", Values::F64(of_mean));
    let description = "test MSE of the true class's training-mean image";
    add(results, "class_mean_mse", &["variant"], description, "1", Values::F64(of_class));
    Ok(())
}

/// The first test image of each class and what the first seed's models make of it.
fn add_images(grid: &Grid, finished: &Finished<'_>, results: &mut Results) -> Result<()> {
    let n_classes = results.dimensions["class"].coordinates.len();
    let pixels = |done: &FinishedRun, name: &str| match done.finals.get(name).map(|array| &array.values) {
        Some(Values::F32(values)) if values.len() == n_classes * 784 => values.clone(),
        // A run that diverged, or a class without a test image: nothing to show.
        _ => vec![f32::NAN; n_classes * 784],
    };
    let per_variant = grid.latents.len() * grid.lambdas.len() * grid.seeds.len();
    let (mut originals, mut reconstructions) = (vec![], vec![]);
    for (index, (_, done)) in finished.runs.iter().enumerate() {
        if index % per_variant == 0 {
            originals.extend(pixels(done, "shown_image"));
        }
        if index % grid.seeds.len() == 0 {
            reconstructions.extend(pixels(done, "shown_reconstruction"));
        }
    }
    let description = "first test image of each class, in [-1, 1]";
    add(results, "shown_image", &["variant", "class", "pixel"], description, "1", Values::F32(originals));
    let description = "its reconstruction by the first seed's model, in [-1, 1]";
    let dimensions = ["variant", "latent", "lambda", "class", "pixel"];
    add(results, "shown_reconstruction", &dimensions, description, "1", Values::F32(reconstructions));
    Ok(())
}
