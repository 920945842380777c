//! E4: the same trade-off in a transformer?

use models::vit;
use report::{Plate, Row};

use super::cnn_s_lambda_sweep::rows_of_architecture;
use crate::experiment::Experiment;
use crate::families::{fashion, lambdas, mnist, seeds, vit};
use crate::grid::Grid;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::{Kept, trends};
use crate::{Profile, Result};
use runs::store::Results;

/// Section 4.2, E4: ViT-S and ViT-M over λ.
pub struct VitLambdaSweep;

impl Experiment for VitLambdaSweep {
    const NAME: &'static str = "vit-lambda-sweep";
    const TITLE: &'static str = "The trade-off over λ in transformers (E4)";
    const SHOWS: &'static str = "The trade-off has the same direction in a transformer, whose decoder sees all tokens \
                                 and whose classifier sees their mean.";

    const KEPT: Kept = Kept::LINEAR_FRONT;

    fn grid(profile: Profile) -> Grid {
        let small = [("ViT-S", vit::Config::S)];
        let families = match profile {
            Profile::Smoke => vec![vit(profile, &small)],
            Profile::Quick => {
                vec![vit(profile, &small), vit(profile, &small).on(vec![mnist(profile)]).with_seeds(3)]
            }
            Profile::Full => {
                let both = [small[0], ("ViT-M", vit::Config::M)];
                vec![vit(profile, &both).on(vec![fashion(profile), mnist(profile)])]
            }
        };
        Grid { families, lambdas: lambdas(profile), seeds: seeds(profile, 5) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        of_each(results, |curves| trade_off(curves, "vit-trade-off"))
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        let mut rows = rows_of_architecture(results)?;
        rows.extend(trends::rows(results, &[&trends::T3])?);
        Ok(rows)
    }
}
