//! E5: does a larger latent ease or remove the trade-off?

use models::{Activation, fc::Size, vit};
use report::{Figure, HeatMap, HeatPanel, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_s, fashion, fc, fc_m, few, mnist, seeds, vit};
use crate::grid::{Family, Grid};
use crate::metric::TradeOff;
use crate::profile::Profile;
use crate::statistics::{Interval, interval};
use crate::sweep::curves::Curves;
use crate::sweep::figures::{ACCURACY, MSE, front_with_corner, measures_over_members, of_each};
use crate::sweep::recorded::Recorded;
use crate::sweep::{figures, trends};
use runs::store::Results;

/// E5 (`book/cre.md`): FC-M over k, CNN-S over channels, ViT over the width of a token.
pub struct LatentSize;

/// ViTs with one block in the encoder and one in the decoder, over the width of a token.
fn vits(profile: Profile, widths: &[(&'static str, usize)]) -> Family {
    let models: Vec<(&str, vit::Config)> = widths
        .iter()
        .map(|&(label, width)| {
            let stack = vit::Stack { width, ..vit::Config::S.encoder };
            (label, vit::Config { encoder: stack, decoder: stack, ..vit::Config::S })
        })
        .collect();
    vit(profile, &models).called("ViT, one block each way")
}

static INFO: Info = Info {
    name: "latent-size",
    title: "A larger latent (E5)",
    claim: "Accuracy saturates with few latent dimensions, while reconstruction improves with each further one; the \
            trade-off shrinks with the size of the latent and does not vanish.",
    paper: Paper::Cre,
    recorded: Recorded::LINEAR_FRONT,
};

impl Experiment for LatentSize {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let widths = [("D = 8", 8), ("D = 16", 16), ("D = 32", 32), ("D = 64", 64)];
        let families = match profile {
            Profile::Smoke => vec![fc_m(profile, &[2, 4, 16])],
            Profile::Quick | Profile::Standard => vec![
                fc_m(profile, &[2, 4, 8, 16, 32, 64, 128]),
                cnn_s(profile, &[1, 16]),
                vits(profile, &widths[..2]),
            ],
            // With identity latents no unit can die.
            Profile::Paper => vec![
                fc(profile, Size::M, &[2, 4, 8, 16, 32, 64, 128, 256], Activation::Identity),
                fc_m(profile, &[4, 16, 64]),
            ],
            Profile::Full => {
                let k = [2, 3, 4, 8, 16, 32, 64, 128, 256, 512];
                let both = || vec![fashion(profile), mnist(profile)];
                vec![
                    fc_m(profile, &k).on(both()),
                    fc(profile, Size::M, &k, Activation::Identity).on(both()),
                    cnn_s(profile, &[1, 2, 4, 8, 16, 32]).on(both()),
                    vits(profile, &widths).on(both()),
                ]
            }
        };
        Grid { families, lambdas: few(profile), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let caption =
            "Left: test MSE over the size of the latent, one line for each λ. Right: test accuracy.";
        let title = "Both tasks by latent size";
        let mut figures = of_each(results, |curves| {
            measures_over_members(curves, "size-both", title, caption, &[MSE, ACCURACY])
        })?;
        figures.extend(cost_tables(results, "size-costs")?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let rows = trends::rows(results, &[&trends::T2, &trends::T5, &trends::T6, &trends::T9])?;
        Ok(trends::repeating(rows, &[ClaimId::C4C6T5, ClaimId::C4T6, ClaimId::T9], "fc-lambda-sweep"))
    }
}

/// The costs of the trade-off with their intervals, as a table for each family and data set.
pub(super) fn cost_tables(results: &Results, name: &str) -> Result<Vec<Figure>> {
    let costs = [
        (TradeOff::CostInMse, "Error at λ = 0 above that at λ = 1, %"),
        (TradeOff::CostInAccuracy, "Accuracy at λ = 0 minus that at λ = 1, points"),
        (TradeOff::Hypervolume, "Hypervolume of the front over λ, %"),
    ];
    let mut figures = Vec::new();
    for curves in &Curves::all(results)? {
        let mut panels = Vec::new();
        for (cost, title) in costs {
            let mut rows = Vec::new();
            for (member, (label, _)) in curves.members.iter().enumerate() {
                let values = curves.of_member(cost, member)?;
                let cells = match values.len() {
                    0 => vec![None; 3],
                    1 => vec![Some(100.0 * values[0]), None, None],
                    _ => {
                        let Interval { mean, low, high } = interval(&values).times(100.0);
                        [mean, low, high].map(Some).into()
                    }
                };
                rows.push((label.clone(), cells));
            }
            let columns = ["mean", "from", "to"].map(str::to_owned).into();
            let (title, y) = (title.to_owned(), curves.member.clone());
            panels.push(HeatPanel {
                title,
                x: "over seeds, with the 95 % interval".into(),
                y,
                columns,
                rows,
            });
        }
        if panels.iter().all(|panel| panel.rows.iter().all(|(_, cells)| cells[0].is_none())) {
            continue;
        }
        figures.push(Figure::Heat(HeatMap {
            name: format!("{name}-{}", curves.index),
            title: format!("The cost of the other task ({})", curves.words()),
            caption: "By how much the classifier's latent reconstructs worse than the autoencoder's, the accuracy that the \
                      autoencoder's latent loses, and the fraction that the front over λ dominates of the rectangle \
                      between zero, the mean image's error and the error rate of guessing; 100 % would be both tasks solved \
                      by one latent. Colours show the distance from zero."
                .into(),
            centre: 0.0,
            panels,
        }));
    }
    Ok(figures)
}

/// The test accuracy over the test MSE of every setting.
pub(super) fn fronts(curves: &Curves<'_>, name: &str, title: &str) -> Result<Option<report::Chart>> {
    let caption = "Test accuracy over test MSE, points labelled by λ. The star at the upper left marks the error of the pure \
                   autoencoder with the accuracy of the pure classifier.";
    let title = format!("{title} ({})", curves.words());
    Ok(figures::figure(
        format!("{name}-{}", curves.index),
        title,
        caption.into(),
        vec![front_with_corner(curves)?],
    ))
}
