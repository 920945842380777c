//! Beyond the paper: the same question, asked of a real predictive coding network.

use models::predictive_coding::{self, Relaxation};
use models::{AdamConfig, Architecture, fc, fc::Size};
use report::{Plate, Row};

use super::latent_size::fronts;
use crate::experiment::Experiment;
use crate::families::{fc_m, few, seeds};
use crate::grid::{Family, Grid, Member};
use crate::sweep::Curves;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::{self, trends};
use crate::{Profile, Result};
use runs::run::{Learner, cre};
use runs::store::Results;

/// Question 1 of section 7: energy relaxation and local updates in place of backpropagation, λ as the ratio of two
/// precisions.
pub struct PredictiveCoding;

impl Experiment for PredictiveCoding {
    const NAME: &'static str = "predictive-coding";
    const TITLE: &'static str = "A predictive coding network (beyond the paper)";
    const SHOWS: &'static str = "Hypothesis: the trade-off is not made by backpropagation. A network that learns by \
                                 relaxing its activities and by local rules shows it too.";

    fn grid(profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Full { &[4, 16, 64] } else { &[16] };
        let steps = if profile == Profile::Full { 12 } else { 8 };
        let mut families = Vec::new();
        for &k in latents {
            let model = fc::Config::of(Size::M, k);
            let network = |output_precision| {
                let relaxation = Relaxation { steps, rate: 0.05 };
                let (lambda, optimiser) = (0.5, AdamConfig::PAPER);
                Learner::PredictiveCoding {
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
                Member::new("backpropagation", 0.0, cre(Architecture::Fc(model), 0.5)),
                Member::new("predictive coding", 1.0, network(1.0)),
            ];
            let (label, member) =
                (format!("FC-M, k = {k}, two rules of learning"), "rule of learning".into());
            families.push(Family { label, member, members, ..fc_m(profile, &[]) });
        }
        Grid { families, lambdas: few(profile), seeds: seeds(profile, 3) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        let mut plates = of_each(results, |curves| trade_off(curves, "pc-trade-off"))?;
        let title = "One front for each rule of learning";
        plates.extend(of_each(results, |curves| fronts(curves, "pc-front", title))?);
        Ok(plates)
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            rows.extend(sweep::exact_facts(curves)?);
        }
        rows.extend(trends::rows(results, &[&trends::C8, &trends::T2, &trends::T3])?);
        Ok(rows)
    }
}
