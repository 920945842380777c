//! Made-up results of a grid.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::grid::{Grid, Variant};
use crate::measures::{TRADE_OFFS, trade_off};
use crate::metric::Metric;
use crate::sweep::collect::{LINEAR, families};
use crate::sweep::collected::POINT;
use runs::store::{Coordinates, Dimension, Results, Values, Variable};

/// The indexed metrics that verdicts read.
const INDEXED: [&str; 2] = ["to_autoencoder/z", "to_other_seed/z"];

/// Arrays over a coordinate, and the coordinate's values.
const ALONG: [(&str, &[f64], &[&str]); 2] = [
    (
        "k",
        &[1.0, 4.0, 6.0, 8.0, 16.0, 32.0, 64.0],
        &["alignment", "explained", "angle", "adjusted_alignment", "angle_null"],
    ),
    ("weight", &[0.1, 0.5, 1.0], &["excess_mse", "label_error", "held_out_label_error"]),
];

/// Differences between seeds, which all points share.
const SEEDS: [f64; 6] = [0.0, 0.013, -0.008, 0.021, 0.005, -0.017];

/// The place of a value.
pub(super) struct Place<'a> {
    pub(super) variant: &'a str,
    pub(super) member: &'a str,
    pub(super) lambda: f64,
    pub(super) seed: u64,
}

/// Whether a place is picked by a name.
type Picks = fn(&Place<'_>, &str) -> bool;

/// The made-up values.
#[derive(Default)]
pub(super) struct MadeUp<'a> {
    /// Values at the places that this selects are changed.
    pub(super) moved: Option<(Picks, &'a str)>,
    /// The runs of seed 1 have diverged in every variant whose label ends in this text, and in every member with this
    /// label.
    pub(super) diverged: Option<&'a str>,
}

impl MadeUp<'_> {
    fn value(&self, place: &Place<'_>, measure: &str, at: f64) -> f64 {
        let lost = self.diverged.is_some_and(|label| {
            place.seed == 1 && (place.variant.ends_with(label) || place.member == label)
        });
        match measure {
            "diverged" => return f64::from(u8::from(lost)),
            _ if lost => return f64::NAN,
            "initial_cross_entropy" => return 2.3,
            "initial_accuracy" => return 0.1,
            // Absent, as in the results of older versions, so that no network is worse than principal components.
            "pca_heads_mse" | "pca_heads_accuracy" => return f64::NAN,
            _ => {}
        }
        let mut hasher = DefaultHasher::new();
        (place.variant, place.member, place.lambda.to_bits(), measure, at.to_bits()).hash(&mut hasher);
        if self.moved.is_some_and(|(picks, name)| picks(place, name)) {
            1.hash(&mut hasher);
        }
        // From 0.2 to 0.8, and the seed.
        0.2 + 0.6 * (hasher.finish() as f64 / u64::MAX as f64) + SEEDS[place.seed as usize % SEEDS.len()]
    }

    /// The results of a grid with these values.
    pub(super) fn results(&self, grid: &Grid) -> Results {
        let mut results = Results::default();
        let variants: Vec<Variant<'_>> = grid.variants().collect();
        let labels: Vec<String> = variants.iter().map(Variant::label).collect();
        let n_members = grid.n_members();
        let mut dimension = |name: &str, coordinates| {
            let dimension = Dimension { description: String::new(), unit: String::new(), coordinates };
            results.dimensions.insert(name.into(), dimension);
        };
        let counted = |n: usize| Coordinates::Numbers((0..n).map(|at| at as f64).collect());
        dimension("variant", Coordinates::Texts(labels.clone()));
        dimension("member", counted(n_members));
        dimension("lambda", Coordinates::Numbers(grid.lambdas.clone()));
        dimension("seed", counted(grid.seeds.len()));
        dimension("epoch", counted(grid.n_epochs() as usize + 1));
        for (name, values, _) in ALONG {
            dimension(name, Coordinates::Numbers(values.to_vec()));
        }
        results.attributes.insert("families".into(), families(&variants).to_string());
        results.attributes.insert("absent".into(), "[]".into());

        let all = |measure: &str, coordinates: &[f64]| -> Vec<f64> {
            let mut values = Vec::new();
            for (variant, label) in variants.iter().zip(&labels) {
                for member in 0..n_members {
                    for lambda in 0..grid.lambdas.len() {
                        for (seed, &number) in grid.seeds.iter().enumerate() {
                            let run = grid.run(variant, member, lambda, seed);
                            let name = variant.family.members.get(member).map_or("", |of| &of.label);
                            let place = Place {
                                variant: label,
                                member: name,
                                lambda: grid.lambdas[lambda],
                                seed: number,
                            };
                            let value =
                                |&at| run.as_ref().map_or(f64::NAN, |_| self.value(&place, measure, at));
                            values.extend(coordinates.iter().map(value));
                        }
                    }
                }
            }
            values
        };
        let mut add = |name: &str, dimensions: &[&str], values: Vec<f64>| {
            let dimensions = dimensions.iter().map(|&name| name.to_owned()).collect();
            let (description, unit) = (String::new(), String::new());
            let variable = Variable { dimensions, description, unit, values: Values::F64(values) };
            results.variables.insert(name.into(), variable);
        };
        for name in Metric::ALL.iter().map(|metric| metric.as_str()).chain(INDEXED) {
            add(name, &POINT, all(name, &[0.0]));
        }
        for (coordinate, values, arrays) in ALONG {
            for name in arrays {
                add(name, &[&POINT[..], &[coordinate]].concat(), all(name, values));
            }
        }
        let epochs: Vec<f64> = (0..=grid.n_epochs()).map(f64::from).collect();
        for name in ["modes_learned", "last_mode"] {
            add(name, &[&POINT[..], &["epoch"]].concat(), all(name, &epochs));
        }
        for (name, _) in LINEAR {
            let values = all(name.as_str(), &[0.0]).into_iter().step_by(grid.seeds.len()).collect();
            add(name.as_str(), &POINT[..3], values);
        }
        for name in ["mean_image_mse", "class_mean_mse"] {
            add(name, &["variant"], vec![0.5; variants.len()]);
        }
        let (mse, accuracy) = (all("test_mse", &[0.0]), all("test_accuracy", &[0.0]));
        let (n_lambdas, n_seeds) = (grid.lambdas.len(), grid.seeds.len());
        let mut columns = vec![Vec::new(); TRADE_OFFS.len()];
        for start in (0..mse.len()).step_by(n_lambdas * n_seeds) {
            for seed in 0..n_seeds {
                let along = |values: &[f64]| -> Vec<f64> {
                    values[start..start + n_lambdas * n_seeds]
                        .iter()
                        .skip(seed)
                        .step_by(n_seeds)
                        .copied()
                        .collect()
                };
                let of = trade_off(&grid.lambdas, &along(&mse), &along(&accuracy), 0.5);
                columns.iter_mut().zip(of).for_each(|(column, value)| column.push(value));
            }
        }
        for ((name, _), values) in TRADE_OFFS.into_iter().zip(columns) {
            add(name.as_str(), &["variant", "member", "seed"], values);
        }
        results
    }
}
