//! Beyond the paper: the trade-off in a predictive coding network.

use models::predictive_coding::{self, Relaxation};
use models::{AdamConfig, Architecture, fc, fc::Size};
use report::{Figure, Verdict};

use super::latent_size::fronts;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{fc_m, few, seeds};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::facts::exact_facts;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends;
use runs::learners::{self, cre};
use runs::store::Results;

/// Q1 (`book/cre.md`): energy relaxation and local updates instead of backpropagation, with λ as the ratio of two precisions.
pub struct PredictiveCoding;

static INFO: Info = Info {
    name: "predictive-coding",
    title: "A predictive coding network (beyond the paper)",
    claim: "Hypothesis: the trade-off is not due to backpropagation. A network trained by relaxation of its activities and \
            local updates has it too.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for PredictiveCoding {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Full { &[4, 16, 64] } else { &[16] };
        let steps = if profile == Profile::Full { 12 } else { 8 };
        let mut families = Vec::new();
        for &k in latents {
            let model = fc::Config::of(Size::M, k);
            let network = |output_precision| {
                let relaxation = Relaxation { steps, rate: 0.05 };
                let (lambda, optimiser) = (None, AdamConfig::PAPER);
                learners::PredictiveCoding {
                    network: predictive_coding::Config {
                        model,
                        lambda,
                        output_precision,
                        relaxation,
                        optimiser,
                    },
                }
            };
            let members = vec![
                Member::new("backpropagation", 0.0, cre(Architecture::Fc(model), None)),
                Member::new("predictive coding", 1.0, network(1.0)),
            ];
            let (label, member) =
                (format!("FC-M, k = {k}, two rules of learning"), "rule of learning".into());
            families.push(Family { label, member, members, ..fc_m(profile, &[]) });
        }
        Grid { families, lambdas: few(profile), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| trade_off(curves, "pc-trade-off"))?;
        let title = "The trade-off by learning rule";
        figures.extend(of_each(results, |curves| fronts(curves, "pc-front", title))?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            rows.extend(exact_facts(curves)?);
        }
        rows.extend(trends::rows(results, &[&trends::C8, &trends::T2, &trends::T3])?);
        Ok(rows)
    }
}
