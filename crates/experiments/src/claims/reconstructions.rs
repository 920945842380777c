//! E8: what do the reconstructions look like?

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

/// Section 4.2, E8: a reconstruction of each class for each λ.
pub struct Reconstructions;

impl Experiment for Reconstructions {
    const NAME: &'static str = "reconstructions";
    const TITLE: &'static str = "Reconstructions over λ (E8)";
    const SHOWS: &'static str = "A pure classifier's latent gives blurred, class-typical images; individual detail \
                                 grows with λ.";
    const KEPT: Kept = Kept::IMAGES;

    fn grid(profile: Profile) -> Grid {
        let data = match profile {
            Profile::Smoke => vec![fashion(profile)],
            _ => vec![fashion(profile), mnist(profile)],
        };
        let mut families = vec![fc_m(profile, &[4, 16]).on(data.clone())];
        if profile != Profile::Smoke {
            families.push(cnn_s(profile, &[16]).on(data.clone()));
            families.push(vit(profile, &[("ViT-S", vit::Config::S)]).on(data));
            families.push(cnn_l(profile, Some(Rotation::PAPER), 0.2));
        }
        let mut lambdas = coarse(profile);
        if profile == Profile::Full {
            lambdas.insert(1, 0.1);
        }
        Grid { families, lambdas, seeds: seeds(profile, 3) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        figures::reconstructions(results, "shown")
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        trends::rows(results, &[&trends::DETAIL])
    }
}
