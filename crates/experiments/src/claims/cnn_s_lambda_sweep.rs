//! E2: the same trade-off in a small convolutional CRE?

use report::{Plate, Row};

use super::fc_lambda_sweep::{OF_LATENT, OF_LATENT_CAPTION};
use crate::experiment::Experiment;
use crate::families::{cnn_s, fashion, lambdas, mnist, seeds};
use crate::grid::Grid;
use crate::sweep::figures::{measures_over_lambda, of_each, trade_off};
use crate::sweep::{self, Curves, Kept, trends};
use crate::{Profile, Result};
use runs::store::Results;

/// Section 4.2, E2: CNN-S over λ.
pub struct CnnSLambdaSweep;

impl Experiment for CnnSLambdaSweep {
    const NAME: &'static str = "cnn-s-lambda-sweep";
    const TITLE: &'static str = "The trade-off over λ in a small convolutional network (E2)";
    const SHOWS: &'static str = "The trade-off has the same direction in a convolutional network whose latent has 256 \
                                 numbers.";
    const KEPT: Kept = Kept::LINEAR_FRONT;

    fn grid(profile: Profile) -> Grid {
        let families = match profile {
            Profile::Smoke => vec![cnn_s(profile, &[16])],
            Profile::Quick => {
                vec![cnn_s(profile, &[16]), cnn_s(profile, &[16]).on(vec![mnist(profile)]).with_seeds(3)]
            }
            Profile::Full => vec![cnn_s(profile, &[16]).on(vec![fashion(profile), mnist(profile)])],
        };
        Grid { families, lambdas: lambdas(profile), seeds: seeds(profile, 5) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        let mut plates = of_each(results, |curves| trade_off(curves, "cnn-s-trade-off"))?;
        plates.extend(of_each(results, |curves| {
            let title = "What the latent holds over λ";
            measures_over_lambda(curves, "cnn-s-latent", title, OF_LATENT_CAPTION, &OF_LATENT)
        })?);
        Ok(plates)
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        rows_of_architecture(results)
    }
}

/// What is expected of every architecture besides FC.
pub(super) fn rows_of_architecture(results: &Results) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for curves in &Curves::all(results)? {
        rows.extend(sweep::exact_facts(curves)?);
        rows.push(trends::no_synergy(curves)?);
    }
    rows.extend(trends::rows(results, &[&trends::C8, &trends::T1, &trends::T2, &trends::T4])?);
    Ok(rows)
}
