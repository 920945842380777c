//! E7: how is the latent arranged?

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

/// E7 (`book/cre.md`): latents in two dimensions for each λ.
pub struct LatentSpace;

static INFO: Info = Info {
    name: "latent-space",
    title: "The latent space (E7)",
    claim: "The two objectives arrange the latent differently: by class for classification, by appearance for reconstruction.",
    paper: Paper::Cre,
    recorded: Recorded::LATENTS,
};

impl Experiment for LatentSpace {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let data = match profile {
            Profile::Full => vec![fashion(profile), mnist(profile)],
            _ => vec![fashion(profile)],
        };
        let latents: &[usize] = if profile == Profile::Paper { &[16] } else { &[2, 16] };
        let mut families = vec![fc_m(profile, latents).on(data.clone())];
        if profile != Profile::Smoke {
            families.push(cnn_s(profile, &[16]).on(data.clone()));
            families.push(vit(profile, &[("ViT-S", vit::Config::S)]).on(data));
        }
        if !matches!(profile, Profile::Smoke | Profile::Paper) {
            families.push(cnn_l(profile, Some(Rotation::PAPER), 0.2));
        }
        // The figure shows one seed; the values in its panel titles are means over three seeds, which other experiments
        // train too.
        Grid { families, lambdas: coarse(profile), seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        figures::latents(results, "latents")
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let rows = trends::rows(results, &[&trends::T10])?;
        Ok(trends::repeating(rows, &[ClaimId::C7T10], "the λ sweeps"))
    }
}
