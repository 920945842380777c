//! E8: what do the reconstructions look like?

use models::vit;
use report::{Figure, Verdict};

use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_l, cnn_s, coarse, fashion, fc_m, mnist, seeds, vit};
use crate::grid::Grid;
use crate::profile::Profile;
use crate::sweep::recorded::Recorded;
use crate::sweep::{figures, trends};
use runs::store::Results;
use runs::training::Rotation;

/// E8 (`book/cre.md`): reconstructions of one image of each class for each λ.
pub struct Reconstructions;

static INFO: Info = Info {
    name: "reconstructions",
    title: "Reconstructions over λ (E8)",
    claim: "The latent of a pure classifier gives blurred, class-typical images; individual detail grows with λ.",
    paper: Paper::Cre,
    recorded: Recorded::IMAGES,
};

impl Experiment for Reconstructions {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let data = match profile {
            Profile::Smoke | Profile::Paper => vec![fashion(profile)],
            _ => vec![fashion(profile), mnist(profile)],
        };
        let mut families = vec![fc_m(profile, &[4, 16]).on(data.clone())];
        if profile != Profile::Smoke {
            families.push(cnn_s(profile, &[16]).on(data.clone()));
            families.push(vit(profile, &[("ViT-S", vit::Config::S)]).on(data));
        }
        if !matches!(profile, Profile::Smoke | Profile::Paper) {
            families.push(cnn_l(profile, Some(Rotation::PAPER), 0.2));
        }
        let mut lambdas = coarse(profile);
        if profile == Profile::Full {
            lambdas.insert(1, 0.1);
        }
        Grid { families, lambdas, seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        figures::reconstructions(results, "shown")
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let rows = trends::rows(results, &[&trends::DETAIL])?;
        Ok(trends::repeating(rows, &[ClaimId::C7E8], "C3/T2, the same fact in another form"))
    }
}
