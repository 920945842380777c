//! Beyond the paper: a recurrent CRE, whose encoder receives the reconstruction error as feedback.

use models::recurrent::{self, LossAt};
use models::{AdamConfig, fc, fc::Size};
use report::{Figure, Verdict};

use super::latent_size::fronts;
use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{ACCURACY, MSE, measures_over_members, of_each};
use crate::sweep::readers::read;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, both_costs_shrink, judged};
use runs::learners::Recurrent;
use runs::store::Results;

/// Q9 (`book/cre.md`): z at each step from the image, the last z and the error of the last reconstruction.
pub struct RecurrentCre;

static INFO: Info = Info {
    name: "recurrent-cre",
    title: "A recurrent CRE (beyond the paper)",
    claim: "Hypothesis: feedback of the prediction error eases the trade-off. With more steps, the latent of a pure \
            autoencoder loses less accuracy.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for RecurrentCre {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let (k, steps): (usize, &[usize]) = match profile {
            Profile::Smoke => (4, &[1, 2]),
            Profile::Quick | Profile::Standard | Profile::Paper => (16, &[1, 3]),
            Profile::Full => (16, &[1, 2, 3, 4, 6]),
        };
        let members = steps.iter().map(|&steps| {
            let network = recurrent::Config {
                model: fc::Config::of(Size::M, k),
                lambda: None,
                steps,
                loss_at: LossAt::EveryStep,
                optimiser: AdamConfig::PAPER,
            };
            Member::new(format!("T = {steps}"), steps as f64, Recurrent { network })
        });
        let (label, member) = (format!("recurrent FC-M, k = {k}"), "steps T".into());
        let family = Family { label, member, members: members.collect(), ..fc_m(profile, &[]) };
        Grid { families: vec![family], lambdas: THREE.to_vec(), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| {
            fronts(curves, "recurrent-front", "The trade-off by number of steps T")
        })?;
        let caption = "Evaluated at the last step: test MSE and test accuracy over the number of steps.";
        figures.extend(of_each(results, |curves| {
            let title = "Both tasks by number of steps";
            measures_over_members(curves, "recurrent-both", title, caption, &[MSE, ACCURACY])
        })?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        Curves::all(results)?
            .iter()
            .map(|curves| {
                let claim = "feedback of the reconstruction error eases the trade-off".to_owned();
                let ends = [curves.members.first(), curves.members.last()];
                smaller_cost(curves, ends.map(|of| of.map_or("", |(label, _)| label)), (ClaimId::Q9, claim))
            })
            .collect()
    }
}

/// The verdict on the claim that both costs of the trade-off are smaller for the second setting than for the first, by every
/// reader.
pub(super) fn smaller_cost(
    curves: &Curves<'_>,
    [first, second]: [&str; 2],
    (source, claim): (ClaimId, String),
) -> Result<Verdict> {
    let of = Evidence::of(curves);
    let shrinks = || -> Result<Finding> {
        if first == second {
            return Err(Error::NotRun(format!(
                "the claim compares two settings, and the grid has {first} alone"
            )));
        }
        let members = [(of.labelled(first)?, first), (of.labelled(second)?, second)];
        let questions = both_costs_shrink(members, of.lambdas([0.0, 1.0])?);
        read(&of, &questions)
    };
    let expected = "accuracy(0) - accuracy(1) and MSE(0) over MSE(1) shrink, by every reader";
    judged(About::of(source, claim, curves), expected, shrinks(), &of)
}
