//! T13: does a trained linear CRE reach the exact front?

use models::{AdamConfig, Architecture};
use report::{Figure, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{coarse, fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::metric::{LinearMetric, Metric};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::estimate::Estimate;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use runs::learners::cre;
use runs::store::Results;

/// T13 (`book/codes.md`): affine encoder and heads, squared error to one-hot labels.
pub struct LinearCre;

/// The largest relative difference of a trained loss from the closed form.
const TOLERANCE: f64 = 0.02;

/// After fewer steps training may not have converged.
const ENOUGH_STEPS: usize = 2_000;

static INFO: Info = Info {
    name: "linear-cre",
    title: "The linear CRE, trained and exact (T13)",
    claim: "Gradient descent on an affine encoder with affine heads reaches the front of the closed form, at every λ.",
    paper: Paper::Cre,
    recorded: Recorded::LINEAR_FRONT,
};

impl Experiment for LinearCre {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Smoke { &[4] } else { &[4, 16] };
        let members = latents.iter().map(|&k| {
            let model = Architecture::Linear { pixels: 784, classes: 10, latent: k };
            Member::new(format!("k = {k}"), k as f64, cre(model, None))
        });
        let base = fc_m(profile, &[]);
        let family = Family {
            label: "linear, squared error to labels".into(),
            members: members.collect(),
            optimiser: AdamConfig { learning_rate: 1e-3, ..AdamConfig::PAPER },
            epochs: if profile == Profile::Smoke { 2 } else { 60 },
            ..base
        };
        Grid { families: vec![family], lambdas: coarse(profile), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        of_each(results, |curves| trade_off(curves, "linear-trade-off"))
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let claim = "a trained linear CRE reaches the exact front";
            let expected = "L(λ), mean over the last epoch of training, within 2 % of the closed form, for every k and λ";
            let finding = gaps(&of);
            rows.push(judged(About::of(ClaimId::T13, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The relative gap of the training loss to the closed form at every point; undecided after few steps.
fn gaps(of: &Evidence<'_, '_>) -> Result<Finding> {
    let (curves, mut contrasts) = (of.curves, Vec::new());
    // The claim is about convergence, so the convergence guard does not apply.
    of.whether_trained_or_not();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        for (lambda, value) in curves.lambdas.iter().enumerate() {
            let weight = |mse: f64, labels: f64| value * mse + (1.0 - value) * labels;
            let exact = weight(
                of.exact(LinearMetric::TrainMse, member, lambda)?,
                of.exact(LinearMetric::TrainLabels, member, lambda)?,
            );
            let metrics = [Metric::TrainMse, Metric::TrainCrossEntropy];
            let trained = of.by_seed(metrics.map(|metric| (curves, metric, [member, lambda])))?;
            let gap = |[mse, labels]: &[f64; 2]| weight(*mse, *labels) / exact - 1.0;
            let gap = Estimate::of_seeds(&trained.iter().map(gap).collect::<Vec<f64>>());
            contrasts.push(Contrast::below(format!("{label}, λ = {value}"), gap, TOLERANCE, Unit::PERCENT));
        }
    }
    let largest = contrasts.iter().max_by(|a, b| a.estimate.effect.total_cmp(&b.estimate.effect));
    let got = largest
        .map_or(String::new(), |one| format!("largest gap at {}, {} steps", one.words(), curves.steps));
    let finding = Finding::decided(contrasts, got);
    Ok(if curves.steps >= ENOUGH_STEPS { finding } else { Finding { holds: None, ..finding } })
}
