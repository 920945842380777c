//! E3: the same trade-off on CIFAR-10?

use report::{Plate, Row};

use super::cnn_s_lambda_sweep::rows_of_architecture;
use crate::experiment::Experiment;
use crate::families::{cnn_l, coarse, seeds};
use crate::grid::Grid;
use crate::sweep::Kept;
use crate::sweep::figures::{of_each, trade_off};
use crate::{Profile, Result};
use runs::run::Rotation;
use runs::store::Results;

/// Section 4.2, E3: CNN-L over λ, with the paper's rotations.
pub struct CnnLLambdaSweep;

impl Experiment for CnnLLambdaSweep {
    const NAME: &'static str = "cnn-l-lambda-sweep";
    const TITLE: &'static str = "The trade-off over λ on CIFAR-10 (E3)";
    const SHOWS: &'static str = "The trade-off has the same direction on natural images, whose pixels the decoder must \
                                 recover from a turned input.";
    const KEPT: Kept = Kept::LINEAR_FRONT;

    fn grid(profile: Profile) -> Grid {
        let lambdas = match profile {
            Profile::Full => (0..=10).map(|tenth| f64::from(tenth) / 10.0).collect(),
            _ => coarse(profile),
        };
        let families = vec![cnn_l(profile, Some(Rotation::PAPER), 0.2)];
        Grid { families, lambdas, seeds: seeds(profile, 3) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        of_each(results, |curves| trade_off(curves, "cnn-l-trade-off"))
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        rows_of_architecture(results)
    }
}
