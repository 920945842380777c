//! Beyond the paper: which part of the network must be larger to ease the trade-off?

use models::{Architecture, fc, fc::Size};
use report::{Figure, Verdict};

use super::latent_size::{cost_tables, fronts};
use super::recurrent_cre::smaller_cost;
use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::figures::of_each;
use crate::sweep::recorded::Recorded;
use runs::learners::cre;
use runs::store::Results;

/// FC-M with only its encoder, decoder or classifier enlarged to that of FC-L (`book/cre.md`, section 5).
pub struct CapacityConfound;

/// The setting that the others are compared with.
const MEDIUM: &str = "FC-M";

/// The settings with one larger part, and the part.
const PARTS: [(&str, &str); 3] =
    [("deeper encoder", "encoder"), ("deeper decoder", "decoder"), ("wider classifier", "classifier")];

static INFO: Info = Info {
    name: "capacity-confound",
    title: "Which part must be larger (beyond the paper)",
    claim: "Hypothesis: the encoder. From FC-M to FC-L all parts grow at once; a deeper encoder alone eases the trade-off.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for CapacityConfound {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = if profile == Profile::Full { &[4, 16, 64] } else { &[16] };
        let mut families = Vec::new();
        for &k in latents {
            let base = fc::Config::of(Size::M, k);
            let models = [
                (MEDIUM, base),
                (PARTS[0].0, fc::Config { encoder: Size::L, ..base }),
                (PARTS[1].0, fc::Config { decoder: Size::L, ..base }),
                (PARTS[2].0, fc::Config { classifier: Size::L, ..base }),
                ("FC-L", fc::Config::of(Size::L, k)),
            ];
            let members = models.into_iter().enumerate().map(|(place, (label, model))| {
                Member::new(label, place as f64, cre(Architecture::Fc(model), None))
            });
            let (label, member) = (format!("FC at k = {k}, one part larger"), "what is larger".into());
            families.push(Family { label, member, members: members.collect(), ..fc_m(profile, &[]) });
        }
        Grid { families, lambdas: THREE.to_vec(), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let title = "The trade-off of each network";
        let mut figures = of_each(results, |curves| fronts(curves, "confound-front", title))?;
        figures.extend(cost_tables(results, "confound-costs")?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            for (larger, part) in PARTS {
                let claim = format!("a larger {part} alone eases the trade-off");
                rows.push(smaller_cost(curves, [MEDIUM, larger], (ClaimId::C5, claim))?);
            }
        }
        Ok(rows)
    }
}
