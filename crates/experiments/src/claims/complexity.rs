//! E6: does a more complex network ease the trade-off?

use models::fc::Size;
use models::{Activation, Architecture, fc, vit};
use report::{Figure, Verdict};

use super::latent_size::fronts;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{fc as fc_family, few, seeds, vit};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::sweep::figures::{ACCURACY, MSE, measures_over_members, of_each};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends;
use runs::learners::cre;
use runs::store::Results;

/// E6 (`book/cre.md`): FC-S, FC-M and FC-L at the same k; ViT-S, ViT-M and ViT-L.
pub struct Complexity;

/// FC-S, FC-M and FC-L at one k.
fn sizes(profile: Profile, latent: usize) -> Family {
    let members = [Size::S, Size::M, Size::L].iter().enumerate().map(|(place, &size)| {
        let model = Architecture::Fc(fc::Config::of(size, latent));
        Member::new(format!("FC-{size:?}"), place as f64, cre(model, None))
    });
    let label = format!("FC at k = {latent}");
    let family = fc_family(profile, Size::M, &[], Activation::Relu);
    Family { label, member: "size of the network".into(), members: members.collect(), ..family }
}

static INFO: Info = Info {
    name: "complexity",
    title: "A more complex network (E6)",
    claim: "Larger networks move the front towards the corner of low error and high accuracy and do not reach it.",
    paper: Paper::Cre,
    recorded: Recorded::LINEAR_FRONT,
};

impl Experiment for Complexity {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let named = [("ViT-S", vit::Config::S), ("ViT-M", vit::Config::M), ("ViT-L", vit::Config::L)];
        let families = match profile {
            Profile::Smoke => vec![sizes(profile, 16)],
            Profile::Quick | Profile::Standard => vec![sizes(profile, 16)],
            Profile::Paper => vec![sizes(profile, 16), vit(profile, &named[..2])],
            Profile::Full => {
                let mut families: Vec<Family> = [4, 16, 64].map(|k| sizes(profile, k)).into();
                families.push(vit(profile, &named));
                families
            }
        };
        Grid { families, lambdas: few(profile), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| {
            fronts(curves, "complexity-front", "The trade-off of each network size")
        })?;
        let caption = "Left: test MSE for each size, one line for each λ. Right: test accuracy.";
        figures.extend(of_each(results, |curves| {
            let title = "Both tasks by network size";
            measures_over_members(curves, "complexity-both", title, caption, &[MSE, ACCURACY])
        })?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        trends::rows(results, &[&trends::T7, &trends::C8])
    }
}
