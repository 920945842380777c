//! Does either task help the other? Sixteen paired seeds, with margins declared in advance.

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

/// Claim C1 at k = 16, with enough seeds to detect a gain of one point.
pub struct PairedSynergy;

static INFO: Info = Info {
    name: "paired-synergy",
    title: "Synergy by paired seeds",
    claim: "No mixture has an MSE 3 % below that of the pure autoencoder, or an accuracy 2 points above that of the pure \
            classifier (1 point with more than 10,000 training images).",
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
