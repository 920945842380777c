//! E8 of the LBR paper's code: how do the depths of encoder and decoder shape what the latent knows of the class?

use report::{Plate, Row};

use crate::experiment::Experiment;
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::images::DataConfig;
use crate::lbr::{autoencoders, fashion, grid};
use crate::run::{Network, Objective};
use crate::statistics::mean;
use crate::store::Results;
use crate::sweep::figures::{Measure, families_over_members};
use crate::sweep::trends::{Finding, judged};
use crate::sweep::{Curves, Kept};
use crate::{Profile, Result};

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
        let mut rows = Vec::new();
        for data in sets {
            let (mut points, mut n) = (Vec::new(), 0);
            for curves in all.iter().filter(|curves| curves.data == data) {
                n = curves.most_seeds()?;
                for (member, (encoder, _)) in curves.members.iter().enumerate() {
                    let [accuracy, mse] = ["ridge_accuracy", "test_mse"]
                        .map(|name| curves.at(name, member, 0).map(|x| mean(&x)));
                    let decoder = curves.variant.trim_start_matches(&format!("{data}, "));
                    points.push((accuracy?, mse?, format!("encoder of {encoder}, {decoder}")));
                }
            }
            points.retain(|(accuracy, ..)| accuracy.is_finite());
            let best = points.iter().max_by(|a, b| a.0.total_cmp(&b.0));
            let closest = points.iter().min_by(|a, b| a.1.total_cmp(&b.1));
            let finding = best.zip(closest).map(|(best, closest)| Finding {
                holds: Some(best.2 != closest.2 && best.0 - closest.0 > 0.005),
                got: format!(
                    "most accurate {:.1} % ({}, MSE {:.3}); best reconstruction {:.1} % ({}, MSE {:.3})",
                    100.0 * best.0,
                    best.2,
                    best.1,
                    100.0 * closest.0,
                    closest.2,
                    closest.1
                ),
            });
            rows.push(judged(
                "LBR E8",
                format!("the best reconstruction does not have the most telling latent ({data})"),
                "another pair of depths more than half a point more accurate by a ridge probe, means over seeds".into(),
                finding,
                n,
            ));
        }
        Ok(rows)
    }
}
