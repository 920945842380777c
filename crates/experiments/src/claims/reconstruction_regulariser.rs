//! LBR E7: does reconstruction help an encoder trained on labels?

use report::{Figure, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::seeds;
use crate::grid::{Family, Grid};
use crate::lbr::{autoencoders, cifar10, fashion, grid, mlpae};
use crate::metric::Metric;
use crate::names::names;
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::statistics::formula::Formula;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{Measure, families_over_members};
use crate::sweep::readers::{Task, online};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, judged};
use runs::learners::autoencoding::Objective;
use runs::store::Results;

/// LBR E7 (`book/lbr.md`).
pub struct ReconstructionRegulariser;

names! {
    /// The families, named after the losses that train the encoder.
    LearnsFrom {
        /// Labels.
        Labels = "labels alone",
        /// Labels and reconstruction.
        Both = "labels and reconstruction",
    }
}

/// The margin of the gain in accuracy.
const WORTH_HAVING: f64 = 0.005;

static INFO: Info = Info {
    name: "reconstruction-regulariser",
    title: "Reconstruction as a regulariser (LBR E7)",
    claim: "An encoder trained on labels does not classify better if it is also trained to reconstruct.",
    paper: Paper::Lbr,
    recorded: Recorded::scalars(&[(
        Metric::NonlinearAccuracy,
        "test accuracy of the non-linear probe after the last epoch",
    )]),
};

impl Experiment for ReconstructionRegulariser {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let (latents, training): (&[usize], _) = match profile {
            Profile::Smoke => (&[8], [50, 1]),
            Profile::Quick | Profile::Standard | Profile::Paper => (&[16, 64], [100, 12]),
            Profile::Full => (&[128, 512, 1_024, 2_048], [256, 100]),
        };
        let data = if profile == Profile::Full {
            vec![fashion(profile), cifar10(profile)]
        } else {
            vec![fashion(profile)]
        };
        let objectives = [
            (LearnsFrom::Labels, Objective::Supervised),
            (LearnsFrom::Both, Objective::Guided { weight: 1.0 }),
        ];
        let families = objectives.map(|(family, objective)| -> Family {
            let networks = latents
                .iter()
                .map(|&latent| (format!("L = {latent}"), latent as f64, mlpae(latent, 3), objective));
            autoencoders(family.as_str(), "latent size L", networks, data.clone(), training)
        });
        grid(families.into(), seeds(profile, 5))
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let measures = [
            Measure { name: Metric::TestAccuracy, title: "Linear head", label: "test accuracy" },
            Measure { name: Metric::NonlinearAccuracy, title: "Non-linear head", label: "test accuracy" },
        ];
        families_over_members(
            results,
            "regulariser",
            "Encoders trained on labels, with and without reconstruction",
            "Both heads are trained with the encoder. With reconstruction, the squared error has weight 1.",
            &measures,
        )
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let all = Curves::all(results)?;
        let mut rows = Vec::new();
        for alone in &all {
            if alone.family_id::<LearnsFrom>()? != LearnsFrom::Labels {
                continue;
            }
            let is_both = |other: &&Curves<'_>| other.family == LearnsFrom::Both.as_str();
            let both = all.iter().find(|other| other.data == alone.data && is_both(other));
            let of = Evidence::of(alone).trained_for(Task::Classification);
            let finding = gains(&of, both);
            rows.push(judged(
                About::set(
                    ClaimId::LbrE7,
                    "reconstruction does not help an encoder trained on labels",
                    alone,
                )
                .model("MLPAE encoders with a linear head"),
                "accuracy of the linear head less than half a point higher with reconstruction, for every L",
                finding,
                &of,
            )?);
        }
        Ok(rows)
    }
}

/// The gain in accuracy by reconstruction for every encoder, by paired seeds.
fn gains(of: &Evidence<'_, '_>, both: Option<&Curves<'_>>) -> Result<Finding> {
    let both = both.ok_or_else(|| Error::NotRun("the grid has no encoders with reconstruction".into()))?;
    let mut contrasts = Vec::new();
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let other = Evidence::of(both).labelled(label)?;
        let heads = [online(both, Task::Classification)?, online(of.curves, Task::Classification)?];
        let gain =
            of.estimate(Formula::Sum(&[1.0, -1.0]), &[(heads[0], [other, 0]), (heads[1], [member, 0])])?;
        contrasts.push(Contrast::below(format!("{label}: gain"), gain, WORTH_HAVING, Unit::POINTS));
    }
    Ok(Finding::of(contrasts).read_by("linear head"))
}
