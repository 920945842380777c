//! E5: does a larger latent ease the trade-off, and does it remove it?

use models::{Activation, fc::Size, vit};
use report::{Figure, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_s, fashion, fc, fc_m, few, mnist, seeds, vit};
use crate::grid::{Family, Grid};
use crate::metric::TradeOff;
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::figures::{ACCURACY, MSE, Measure, front_with_corner, measures_over_members, of_each};
use crate::sweep::recorded::Recorded;
use crate::sweep::{figures, trends};
use runs::store::Results;

/// Section 4.2, E5: FC-M over k, CNN-S over channels, ViT over the width of a token.
pub struct LatentSize;

/// ViTs with one block each way, over the width of a token.
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
    claim: "Accuracy is full with few latent dimensions while reconstruction gains from every \
            further one; the trade-off shrinks with the latent and does not vanish.",
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
        let title = "Both tasks over the size of the latent";
        let mut figures = of_each(results, |curves| {
            measures_over_members(curves, "size-both", title, caption, &[MSE, ACCURACY])
        })?;
        let costs = [
            Measure {
                name: TradeOff::CostInMse,
                title: "What classification costs",
                label: "(MSE(0) - MSE(1)) / MSE(1)",
            },
            Measure {
                name: TradeOff::CostInAccuracy,
                title: "What reconstruction costs",
                label: "accuracy(0) - accuracy(1)",
            },
            Measure { name: TradeOff::Hypervolume, title: "Both at once", label: "hypervolume of the front" },
        ];
        figures.extend(of_each(results, |curves| costs_over_members(curves, "size-costs", &costs))?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let rows = trends::rows(results, &[&trends::T2, &trends::T5, &trends::T6, &trends::T9])?;
        Ok(trends::repeating(rows, &[ClaimId::C4C6T5, ClaimId::C4T6, ClaimId::T9], "fc-lambda-sweep"))
    }
}

/// What the trade-off costs at every member.
pub(super) fn costs_over_members(
    curves: &Curves<'_>,
    name: &str,
    measures: &[Measure<TradeOff>],
) -> Result<Option<report::Chart>> {
    let mut panels = Vec::new();
    for measure in measures {
        panels.push(figures::of_members(curves, *measure)?);
    }
    let caption = "Left: how much worse the classifier's latent reconstructs than the autoencoder's. Middle: the \
                   accuracy that the autoencoder's latent loses. Right: the share of the rectangle between the mean \
                   image's error, the error rate of guessing and zero that the front over λ dominates; one would be \
                   both tasks solved by one latent.";
    let title = format!("The cost of the other task ({})", curves.words());
    Ok(figures::figure(format!("{name}-{}", curves.index), title, caption.into(), panels))
}

/// One front for each member, beside each other.
pub(super) fn fronts(curves: &Curves<'_>, name: &str, title: &str) -> Result<Option<report::Chart>> {
    let caption = "Test accuracy over test MSE, points labelled by λ; the corner of low error and high accuracy is at \
                   the upper left, marked where both ends were run.";
    let title = format!("{title} ({})", curves.words());
    Ok(figures::figure(
        format!("{name}-{}", curves.index),
        title,
        caption.into(),
        vec![front_with_corner(curves)?],
    ))
}
