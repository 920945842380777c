//! Beyond the paper: the similarity of encoders of different λ and of different seeds, by layer.

use std::collections::BTreeMap;

use models::Architecture;
use ndarray::{Array2, ArrayView2};
use report::{Chart, Figure, Series, Shape, Style, Verdict};
use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{coarse, fc_m, seeds};
use crate::grid::{Grid, Variant};
use crate::metric::{Indexed, MetricGroup};
use crate::names::Named;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::collect::collect;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{figure, lambda_axis, of_each, panel, spread};
use crate::sweep::finished::FinishedSweep;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use runs::learners::Cre;
use runs::learners::frozen_probe::load_encoder;
use runs::names::{LATENT, parameter};
use runs::store::{Coordinates, Dimension, FinishedRun, Results, Values, Variable};

/// Debiased linear CKA over λ, layers and seeds (`book/cre.md`, section 7).
pub struct RepresentationSimilarity;

/// The number of test images on which representations are compared.
const COMPARED: usize = 300;

/// The stored similarities: to the encoder of the classifier, of the autoencoder, and of the next seed.
const TO: [(MetricGroup, &str); 3] = [
    (MetricGroup::ToClassifier, "debiased linear CKA with the same layer at lambda = 0, same seed"),
    (MetricGroup::ToAutoencoder, "debiased linear CKA with the same layer at lambda = 1, same seed"),
    (MetricGroup::ToOtherSeed, "debiased linear CKA with the same layer at the same lambda, next seed"),
];

static INFO: Info = Info {
    name: "representation-similarity",
    title: "Similarity of the encoders (beyond the paper)",
    claim: "Hypothesis: the two tasks need different representations. The encoders of a classifier and of an autoencoder \
            differ more than those of two seeds, most in the last layer.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for RepresentationSimilarity {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Smoke { &[4] } else { &[4, 16, 64] };
        Grid { families: vec![fc_m(profile, latents)], lambdas: coarse(profile), seeds: seeds(profile, 3) }
    }

    fn reads_parameters(&self) -> bool {
        true
    }

    fn collect(&self, grid: &Grid, finished: &FinishedSweep<'_>) -> Result<Results> {
        let mut results = collect(grid, finished, Recorded::NUMBERS)?;
        let (mut columns, mut layers) = (BTreeMap::<MetricGroup, Vec<f64>>::new(), Vec::new());
        let place = |end: f64| grid.lambdas.iter().position(|&lambda| lambda == end);
        let [classifier, autoencoder] = [0.0, 1.0].map(place);
        for variant in grid.variants().filter(|variant| finished.data.open.contains_key(variant.data)) {
            for member in 0..grid.n_members() {
                let of = Of { grid, finished, variant: &variant, member };
                let all = of.all()?;
                if layers.is_empty() {
                    layers = all
                        .values()
                        .next()
                        .map(|of| of.iter().map(|(name, _)| name.clone()).collect())
                        .unwrap_or_default();
                }
                for layer in 0..layers.len() {
                    for lambda in 0..grid.lambdas.len() {
                        for seed in 0..grid.seeds.len() {
                            let next = (seed + 1) % grid.seeds.len();
                            let others = [
                                classifier.map(|end| (end, seed)),
                                autoencoder.map(|end| (end, seed)),
                                (next != seed).then_some((lambda, next)),
                            ];
                            for ((name, _), other) in TO.into_iter().zip(others) {
                                let both = [Some((lambda, seed)), other]
                                    .map(|at| all.get(&at?).and_then(|of| of.get(layer)));
                                let alike = match both {
                                    [Some((_, x)), Some((_, y))] => similarity(x, y)?,
                                    _ => f64::NAN,
                                };
                                columns.entry(name).or_default().push(alike);
                            }
                        }
                    }
                }
            }
        }
        // One variable for each layer, with the axes of all other metrics.
        let (n_layers, inner) = (layers.len().max(1), grid.lambdas.len() * grid.seeds.len());
        for (name, description) in TO {
            let values = columns.remove(&name).unwrap_or_default();
            for (place, layer) in layers.iter().enumerate() {
                let of_layer = values.chunks_exact(inner).skip(place).step_by(n_layers);
                let values: Vec<f64> = of_layer.flatten().copied().collect();
                let dimensions = ["variant", "member", "lambda", "seed"].map(str::to_owned).to_vec();
                let variable = Variable {
                    dimensions,
                    description: description.into(),
                    unit: "1".into(),
                    values: Values::F64(values),
                };
                results.variables.insert(name.of(layer).name().into_owned(), variable);
            }
        }
        let description = "layer of the encoder, from the image to z".into();
        let coordinates = Coordinates::Texts(layers);
        results
            .dimensions
            .insert("layer".into(), Dimension { description, unit: String::new(), coordinates });
        Ok(results)
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        of_each(results, alike)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let Some(last) = curves.indexed(MetricGroup::ToAutoencoder).pop() else { continue };
            let seeds = MetricGroup::ToOtherSeed.of(&last.index);
            let of = Evidence::of(curves);
            let finding = differ(&of, [&last, &seeds]);
            let claim = "classifier and autoencoder differ more than two seeds do";
            let expected =
                "CKA of z between λ = 0 and 1 below that of two seeds, mean of both λ, for every setting";
            rows.push(judged(About::of(ClaimId::C7, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The similarity of the latents of two seeds minus that of the two end points, for every setting.
fn differ(of: &Evidence<'_, '_>, [to_autoencoder, to_other_seed]: [&Indexed; 2]) -> Result<Finding> {
    let (curves, mut contrasts) = (of.curves, Vec::new());
    let [first, last] = of.lambdas([0.0, 1.0])?;
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let points = [(to_autoencoder, first), (to_other_seed, first), (to_other_seed, last)];
        let values = of.by_seed(points.map(|(metric, lambda)| (curves, metric, [member, lambda])))?;
        let less = |[ends, one, other]: &[f64; 3]| (one + other) / 2.0 - ends;
        let less = Estimate::of_seeds(&values.iter().map(less).collect::<Vec<f64>>());
        let label = format!("{label}: similarity of seeds minus that of the end points");
        contrasts.push(Contrast::above(label, less, 0.0, Unit::PURE));
    }
    Ok(Finding::of(contrasts))
}

/// The similarity of two layers; NaN if one of them is constant over all images, or over all but one.
fn similarity(x: &Array2<f64>, y: &Array2<f64>) -> Result<f64> {
    match theory::debiased_cka(x.view(), y.view()) {
        Ok(similarity) => Ok(similarity),
        Err(theory::Error::Constant { .. } | theory::Error::Undetermined { .. }) => Ok(f64::NAN),
        Err(error) => Err(error.into()),
    }
}

/// The runs of one setting.
struct Of<'a> {
    grid: &'a Grid,
    finished: &'a FinishedSweep<'a>,
    variant: &'a Variant<'a>,
    member: usize,
}

/// The activations of the layers of an encoder on the compared images, by name.
type Layers = Vec<(String, Array2<f64>)>;

impl Of<'_> {
    /// The layers of every run, by the indices of λ and seed.
    fn all(&self) -> Result<BTreeMap<(usize, usize), Layers>> {
        let mut all = BTreeMap::new();
        for lambda in 0..self.grid.lambdas.len() {
            for seed in 0..self.grid.seeds.len() {
                let Some(run) = self.grid.run(self.variant, self.member, lambda, seed) else { continue };
                if let (Some(done), Some(Cre { model, .. })) =
                    (self.finished.get(&run), run.config.learner.as_cre())
                    && done.finals.contains_key(LATENT)
                {
                    all.insert((lambda, seed), self.layers(done, model)?);
                }
            }
        }
        Ok(all)
    }

    fn layers(&self, done: &FinishedRun, model: &Architecture) -> Result<Layers> {
        let missing = || Error::Missing(format!("data set {}", self.variant.data.name));
        let images = self.finished.data.open.get(self.variant.data).ok_or_else(missing)?;
        let n = COMPARED.min(images.test.len());
        let cre = model.build(&Stream::new(0, "init"), DType::F32)?;
        load_encoder(&cre, |name| done.finals.get(&parameter(name))?.to_tensor())?;
        let shown = data::gather(&images.test, (0..n as u32).collect())?;
        let wide = |tensor: &Tensor| {
            let values = tensor.to_f64_vec();
            let view = ArrayView2::from_shape((n, values.len() / n), &values);
            view.expect("a layer has the same size for each image").to_owned()
        };
        let activations = cre.activations(&shown.images)?;
        Ok(activations.iter().map(|(name, tensor)| (name.clone(), wide(tensor))).collect())
    }
}

/// Similarities over λ, with a panel for each setting.
fn alike(curves: &Curves<'_>) -> Result<Option<Chart>> {
    let mut panels = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let mut series = Vec::new();
        for (to, words) in [
            (MetricGroup::ToClassifier, "λ = 0"),
            (MetricGroup::ToAutoencoder, "λ = 1"),
            (MetricGroup::ToOtherSeed, "another seed"),
        ] {
            for layer in curves.indexed(to) {
                let mut points = Vec::new();
                for (lambda, &value) in curves.lambdas.iter().enumerate() {
                    points.extend(spread(value, &curves.at(&layer, member, lambda)?));
                }
                let name = format!("{}, with {words}", layer.index);
                let style = Style::category(series.len());
                series.push(Series { label: name, points, style, shape: Shape::Line });
            }
        }
        panels.push(panel(label, lambda_axis(curves), "debiased linear CKA", series));
    }
    Ok(figure(
        format!("similarity-{}", curves.index),
        format!("Similarity of encoders over λ ({})", curves.words()),
        "Debiased linear CKA on test images: 1 for equal representations up to rotation and scale, 0 for unrelated ones. Each \
         layer of an encoder is compared with the same layer of the pure classifier and of the pure autoencoder of the same \
         seed, and of the run with the same λ and another seed."
            .into(),
        panels,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_similarity_of_a_constant_layer_is_nan_and_no_error() {
        let x = Array2::from_shape_fn((300, 4), |(row, column)| ((7 * row + 3 * column) % 11) as f64);
        let mut dead = Array2::from_elem((300, 4), 0.3);
        for change in [0.0, 0.3] {
            dead[[5, 1]] += change;
            assert!(similarity(&x, &dead).unwrap().is_nan() && similarity(&dead, &dead).unwrap().is_nan());
        }
        assert!((similarity(&x, &x).unwrap() - 1.0).abs() < 1e-12);
        assert!(similarity(&x, &Array2::from_elem((300, 4), f64::NAN)).is_err());
    }
}
