//! E12: do rotations and dropout change the trade-off?

use report::{Figure, Verdict};

use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{cnn_l, coarse, seeds};
use crate::grid::Grid;
use crate::profile::Profile;
use crate::sweep::figures::{of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends;
use runs::store::Results;
use runs::training::Rotation;

/// E12 (`book/cre.md`): CIFAR-10 without and with rotations, of the input only or also of the target, without and with channel
/// dropout.
pub struct Augmentation;

/// The family with the rotations and the dropout of E3, whose runs it shares.
const SHARED: &str = "rotation, clean target, dropout 0.2";

static INFO: Info = Info {
    name: "augmentation",
    title: "Augmentation and dropout (E12)",
    claim: "Hypothesis on an open question of the paper: the direction of the trade-off does not depend on \
         rotations or dropout.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for Augmentation {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let turned = Rotation { turned_target: true, ..Rotation::PAPER };
        let rotations = [
            ("no rotation", None),
            ("rotation, clean target", Some(Rotation::PAPER)),
            ("rotation, turned target", Some(turned)),
        ];
        let dropouts: &[f64] = if profile == Profile::Full { &[0.0, 0.2] } else { &[0.2] };
        let mut families = Vec::new();
        for (label, rotation) in rotations {
            for &dropout in dropouts {
                let family = cnn_l(profile, rotation, dropout);
                let label = format!("{}, {label}, dropout {dropout}", family.label);
                // The rotations of the paper are those of E3, so their runs are shared.
                families.push(family.called(&label));
            }
        }
        let lambdas = if profile == Profile::Full { coarse(profile) } else { vec![0.0, 1.0] };
        Grid { families, lambdas, seeds: seeds(profile, 3) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        of_each(results, |curves| trade_off(curves, "augmentation"))
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let shared = |row: Verdict| match row.model.contains(SHARED) {
            true => Verdict { same_as: Some("cnn-l-lambda-sweep".into()), ..row },
            false => row,
        };
        Ok(trends::rows(results, &[&trends::C8])?.into_iter().map(shared).collect())
    }
}
