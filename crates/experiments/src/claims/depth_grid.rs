//! E8 of the LBR paper's code: how do the depths of encoder and decoder shape what the latent knows of the class?

use report::{Plate, Row};

use crate::experiment::Experiment;
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::lbr::{autoencoders, fashion, grid};
use crate::statistics::{interval, mean};
use crate::sweep::figures::{Measure, families_over_members};
use crate::sweep::trends::{Finding, above, judged};
use crate::sweep::{Curves, Kept};
use crate::{Profile, Result};
use runs::images::DataConfig;
use runs::run::{Network, Objective};
use runs::store::Results;

/// Section 3, E8.
pub struct DepthGrid;

impl Experiment for DepthGrid {
    const NAME: &'static str = "depth-grid";
    const TITLE: &'static str = "Depths of encoder and decoder (LBR E8)";
    const SHOWS: &'static str = "What an autoencoder's latent knows of the class depends on how deep its parts are, not \
                                 only on how well it reconstructs.";
    const PAPER: &'static str = "lbr";
    const KEPT: Kept = Kept::NUMBERS;

    fn grid(profile: Profile) -> Grid {
        let (depths, latent, training): (Vec<usize>, usize, _) = match profile {
            Profile::Smoke => (vec![2, 3], 8, [50, 1]),
            Profile::Quick => (vec![2, 3, 6], 32, [100, 10]),
            Profile::Full => ((2..=12).collect(), 128, [256, 60]),
        };
        let data = match profile {
            Profile::Full => {
                let whole = |name: &str, train, test| DataConfig::new(name, train, 1, test);
                vec![
                    whole("arabic-characters", 13_439, 3_360),
                    whole("arabic-digits", 59_999, 10_000),
                    whole("svhn", 73_256, 26_032),
                    fashion(profile),
                ]
            }
            _ => vec![fashion(profile)],
        };
        let families = depths.iter().map(|&decoder_depth| -> Family {
            let networks = depths.iter().map(|&encoder_depth| {
                let network = Network::Mlpae { latent, encoder_depth, decoder_depth, sigmoid: false };
                (format!("depth {encoder_depth}"), encoder_depth as f64, network, Objective::Reconstruction)
            });
            let label = format!("decoder of depth {decoder_depth}");
            autoencoders(&label, "depth of the encoder", networks, data.clone(), training)
        });
        grid(families.collect(), seeds(profile, 3))
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        let measures = [
            Measure { name: "ridge_accuracy", title: "Ridge probe of the latent", label: "test accuracy" },
            Measure { name: "test_accuracy", title: "Linear probe, learned beside", label: "test accuracy" },
            Measure { name: "test_mse", title: "Reconstruction", label: "test MSE" },
        ];
        families_over_members(
            results,
            "depths",
            "Autoencoders of different depths",
            "Fully connected autoencoders without a last sigmoid, which learn from the reconstruction error alone; a \
             depth of 2 is one linear layer. The probes read the latent and do not change it.",
            &measures,
        )
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        let all = Curves::all(results)?;
        let mut sets: Vec<&str> = all.iter().map(|curves| curves.data.as_str()).collect();
        sets.dedup();
        sets.into_iter().map(|data| row(&all, data)).collect()
    }
}

/// An autoencoder of these depths: its ridge probe's accuracy and its error, seed by seed.
struct Pair {
    accuracy: Vec<f64>,
    mse: Vec<f64>,
    name: String,
}

/// Whether the autoencoder that reconstructs best is the most telling, on one data set.
fn row(all: &[Curves<'_>], data: &str) -> Result<Row> {
    let (mut pairs, mut n) = (Vec::new(), 0);
    for curves in all.iter().filter(|curves| curves.data == data) {
        n = curves.most_seeds()?;
        let decoder = curves.variant.trim_start_matches(&format!("{data}, "));
        for (member, (encoder, _)) in curves.members.iter().enumerate() {
            let [accuracy, mse] = ["ridge_accuracy", "test_mse"].map(|name| curves.at(name, member, 0));
            let name = format!("encoder of {encoder}, {decoder}");
            pairs.push(Pair { accuracy: accuracy?, mse: mse?, name });
        }
    }
    pairs.retain(|pair| pair.accuracy.len() == n && pair.mse.len() == n && n > 0);
    let by = |of: fn(&Pair) -> f64| move |a: &&Pair, b: &&Pair| of(a).total_cmp(&of(b));
    let closest = pairs.iter().min_by(by(|pair| mean(&pair.mse)));
    let telling = pairs.iter().max_by(by(|pair| mean(&pair.accuracy)));
    let finding = closest.zip(telling).map(|(closest, telling)| {
        let gains: Vec<f64> = telling
            .accuracy
            .iter()
            .zip(&closest.accuracy)
            .map(|(telling, closest)| telling - closest)
            .collect();
        let gain = interval(&gains);
        let of = |pair: &Pair| {
            let (accuracy, mse) = (100.0 * mean(&pair.accuracy), mean(&pair.mse));
            format!("{accuracy:.1} % ({}, MSE {mse:.3})", pair.name)
        };
        let same = closest.name == telling.name;
        Finding {
            holds: if same { Some(false) } else { above(&gain, 0.0) },
            got: format!(
                "most accurate {}; best reconstruction {}; gain {:+.1} points",
                of(telling),
                of(closest),
                gain.times(100.0)
            ),
        }
    });
    let expected = "another pair of depths more accurate by a ridge probe, paired 95 % interval above 0 \
                    (the best of all pairs is chosen by the same seeds)";
    let claim = format!("the best reconstruction does not have the most telling latent ({data})");
    Ok(judged("LBR E8", claim, expected.into(), finding, n))
}
