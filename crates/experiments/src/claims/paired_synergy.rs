//! Does either task help the other, if only a little? Sixteen paired seeds, and margins declared beforehand.

use report::{Figure, Verdict};

use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{fashion, fc_m, mnist, seeds};
use crate::grid::Grid;
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::facts::MONOTONE;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::{facts, trends};
use runs::store::Results;

/// Claim C1 at k = 16, with enough seeds to see a gain of a point.
pub struct PairedSynergy;

static INFO: Info = Info {
    name: "paired-synergy",
    title: "Synergy, by paired seeds",
    claim: "No mixture reconstructs better than the pure autoencoder by 3 %, or classifies better \
            than the pure classifier by 2 points (1 point on full data).",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for PairedSynergy {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let data = match profile {
            Profile::Full => vec![fashion(profile), mnist(profile)],
            _ => vec![fashion(profile)],
        };
        let lambdas = vec![0.0, 0.5, 0.9, 0.99, 1.0];
        let n = if profile == Profile::Paper { 8 } else { 16 };
        Grid { families: vec![fc_m(profile, &[16]).on(data)], lambdas, seeds: seeds(profile, n) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        of_each(results, |curves| trade_off(curves, "paired-trade-off"))
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        Curves::all(results)?.iter().map(trends::no_synergy).collect()
    }

    fn warnings(&self, results: &Results) -> Result<Vec<String>> {
        let mut warnings = vec![MONOTONE.to_owned()];
        warnings.extend(facts::warnings(results)?);
        Ok(warnings)
    }
}
