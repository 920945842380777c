//! Does either task help the other, if only a little? Sixteen paired seeds, and margins declared beforehand.

use report::{Plate, Row};

use crate::experiment::Experiment;
use crate::families::{fashion, fc_m, mnist, seeds};
use crate::grid::Grid;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::{self, Curves, MONOTONE, trends};
use crate::{Profile, Result};
use runs::store::Results;

/// Claim C1 at k = 16, with enough seeds to see a gain of a point.
pub struct PairedSynergy;

impl Experiment for PairedSynergy {
    const NAME: &'static str = "paired-synergy";
    const TITLE: &'static str = "Synergy, by paired seeds";
    const SHOWS: &'static str = "No mixture reconstructs better than the pure autoencoder by 3 %, or classifies better \
                                 than the pure classifier by 2 points (1 point on full data).";

    fn grid(profile: Profile) -> Grid {
        let data = match profile {
            Profile::Full => vec![fashion(profile), mnist(profile)],
            _ => vec![fashion(profile)],
        };
        let lambdas = vec![0.0, 0.5, 0.9, 0.99, 1.0];
        Grid { families: vec![fc_m(profile, &[16]).on(data)], lambdas, seeds: seeds(profile, 16) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        of_each(results, |curves| trade_off(curves, "paired-trade-off"))
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        Curves::all(results)?.iter().map(trends::no_synergy).collect()
    }

    fn warnings(results: &Results) -> Result<Vec<String>> {
        let mut warnings = vec![MONOTONE.to_owned()];
        warnings.extend(sweep::warnings(results)?);
        Ok(warnings)
    }
}
