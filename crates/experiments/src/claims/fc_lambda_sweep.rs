//! E1: do classification and reconstruction compete in the latent of a fully connected CRE over λ?

use models::Activation;
use models::fc::Size;
use report::{Figure, Verdict};

use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{COARSE, THREE, fashion, fc, fc_m, lambdas, mnist, seeds};
use crate::grid::{Family, Grid};
use crate::metric::Metric;
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::facts::{MONOTONE, exact_facts};
use crate::sweep::figures::{self, Measure, measures_over_lambda, of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::{facts, trends};
use runs::store::Results;

/// E1 (`book/cre.md`): FC-M at k = 4, 16 and 64 over λ.
pub struct FcLambdaSweep;

/// Statistics of the latent as a function of λ.
pub(super) const OF_LATENT: [Measure; 3] = [
    Measure { name: Metric::DeadUnits, title: "Dead units", label: "constant units" },
    Measure { name: Metric::KnnAccuracy, title: "Neighbours", label: "5-NN accuracy in z" },
    Measure { name: Metric::BetweenClassShare, title: "Arrangement", label: "between-class fraction of z" },
];

/// The caption of [`OF_LATENT`].
pub(super) const OF_LATENT_CAPTION: &str = "Left: dead units, which are constant over the test images and make the \
                                            latent effectively smaller than k. Middle: accuracy of five nearest \
                                            neighbours in the latent, a measure of class information without a \
                                            trained head. Right: fraction of the latent's scatter between classes.";

static INFO: Info = Info {
    name: "fc-lambda-sweep",
    title: "The trade-off over λ in fully connected networks (E1)",
    claim: "In a shared latent, gains in reconstruction are losses in classification and vice versa: a trade-off without \
            synergy, which a larger latent eases but does not remove.",
    paper: Paper::Cre,
    recorded: Recorded::LINEAR_FRONT,
};

/// The values of λ of the paper profile, denser near 1, where nearly all of the accuracy is lost.
const PAPER: [f64; 10] = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.999, 1.0];
/// The values of λ for latent sizes that are only compared with one another, in control families.
const FOUR: [f64; 4] = [0.0, 0.5, 0.9, 1.0];

/// The family with these values of λ for every latent size but k = 16.
fn others_at(lambdas: &[f64], mut family: Family) -> Family {
    for member in family.members.iter_mut().filter(|member| member.number != 16.0) {
        member.lambdas = Some(lambdas.to_vec());
    }
    family
}

impl Experiment for FcLambdaSweep {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Smoke { &[4, 16] } else { &[4, 16, 64] };
        let families = match profile {
            Profile::Smoke => vec![fc_m(profile, latents)],
            Profile::Quick => vec![others_at(&THREE, fc_m(profile, latents))],
            Profile::Standard => vec![
                fc_m(profile, latents),
                // With identity latents no unit can die.
                fc(profile, Size::M, &[4, 16], Activation::Identity).with_seeds(3),
                fc_m(profile, latents).on(vec![mnist(profile)]).with_seeds(3),
            ],
            Profile::Paper => vec![
                others_at(&COARSE, fc_m(profile, latents)),
                others_at(&FOUR, fc(profile, Size::M, latents, Activation::Identity)).with_seeds(3),
                fc_m(profile, latents).only_at(&FOUR).on(vec![mnist(profile)]).with_seeds(3),
            ],
            Profile::Full => {
                let both = || vec![fashion(profile), mnist(profile)];
                vec![
                    fc_m(profile, latents).on(both()),
                    fc(profile, Size::M, latents, Activation::Identity).on(both()),
                ]
            }
        };
        let lambdas = match profile {
            Profile::Quick => FOUR.to_vec(),
            Profile::Paper => PAPER.to_vec(),
            Profile::Smoke | Profile::Standard | Profile::Full => lambdas(profile),
        };
        Grid { families, lambdas, seeds: seeds(profile, 5) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| trade_off(curves, "fc-trade-off"))?;
        figures.extend(of_each(results, |curves| {
            let title = "Statistics of the latent over λ";
            measures_over_lambda(curves, "fc-latent", title, OF_LATENT_CAPTION, &OF_LATENT)
        })?);
        let title = "Ridge probes of the frozen latent over λ";
        let caption = "Ridge regression, fitted to the latents of 2,000 training images and evaluated on test images: linear \
                       probes that were not trained with the encoder. Right: the effective rank of the latent, the \
                       number of dimensions over which its variance is spread.";
        let measures = [
            Measure { name: Metric::RidgeMse, title: "Linear decoder", label: "test MSE of ridge" },
            Measure {
                name: Metric::RidgeAccuracy,
                title: "Linear classifier",
                label: "test accuracy of ridge",
            },
            Measure { name: Metric::EffectiveRank, title: "Dimensions", label: "effective rank of z" },
        ];
        let probes =
            |curves: &Curves<'_>| measures_over_lambda(curves, "fc-probes", title, caption, &measures);
        figures.extend(figures::of_each(results, probes)?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            rows.extend(exact_facts(curves)?);
            rows.push(trends::no_synergy(curves)?);
        }
        use trends::{T1, T2, T3, T4, T5, T6, T8, T9, T10};
        rows.extend(trends::rows(results, &[&T1, &T2, &T3, &T4, &T5, &T6, &T8, &T9, &T10])?);
        Ok(rows)
    }

    fn warnings(&self, results: &Results) -> Result<Vec<String>> {
        let mut warnings = vec![MONOTONE.to_owned()];
        warnings.extend(facts::warnings(results)?);
        Ok(warnings)
    }
}
