//! E7: how is the latent arranged?

use models::vit;
use report::{Plate, Row};

use crate::experiment::Experiment;
use crate::families::{cnn_l, cnn_s, coarse, fashion, fc_m, mnist, seeds, vit};
use crate::grid::Grid;
use crate::sweep::figures;
use crate::sweep::{Kept, trends};
use crate::{Profile, Result};
use runs::run::Rotation;
use runs::store::Results;

/// Section 4.2, E7: latents in the plane for each λ.
pub struct LatentSpace;

impl Experiment for LatentSpace {
    const NAME: &'static str = "latent-space";
    const TITLE: &'static str = "The latent space (E7)";
    const SHOWS: &'static str = "The two objectives arrange the latent differently: by class for classification, by \
                                 looks for reconstruction.";
    const KEPT: Kept = Kept::LATENTS;

    fn grid(profile: Profile) -> Grid {
        let data = match profile {
            Profile::Full => vec![fashion(profile), mnist(profile)],
            _ => vec![fashion(profile)],
        };
        let mut families = vec![fc_m(profile, &[2, 16]).on(data.clone())];
        if profile != Profile::Smoke {
            families.push(cnn_s(profile, &[16]).on(data.clone()));
            families.push(vit(profile, &[("ViT-S", vit::Config::S)]).on(data));
            families.push(cnn_l(profile, Some(Rotation::PAPER), 0.2));
        }
        // The figure shows one seed; the numbers above its panels are of as many as other experiments train.
        Grid { families, lambdas: coarse(profile), seeds: seeds(profile, 3) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        figures::latents(results, "latents")
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        trends::rows(results, &[&trends::T10])
    }
}
