//! Beyond the paper: with few labels, does reconstruction help after all?

use models::{Architecture, MaskedLoss, Masking, fc, fc::Size, vit};
use report::{Plate, Row};

use crate::experiment::Experiment;
use crate::families::{THREE, fashion, fc_m, seeds, vit as vit_family};
use crate::grid::{Family, Grid, Member};
use crate::run::{Learner, MASKED_TEST};
use crate::statistics::interval;
use crate::store::Results;
use crate::sweep::figures::{masked_evaluation, of_each, trade_off};
use crate::sweep::trends::{Finding, above, judged, listed};
use crate::sweep::{Curves, Kept};
use crate::{Profile, Result};

/// Question 6 of section 7: 1, 10 and 100 % of the labels, for λ and for masks.
pub struct LabelFraction;

/// A gain below this is none.
const MARGIN: f64 = 0.02;

/// One architecture with each share of the labels.
fn shares(base: Family, architecture: &Architecture, n_train: usize, masks: &[f64]) -> Family {
    let mut members = Vec::new();
    for (label, share) in [("1 %", 0.01), ("10 %", 0.1), ("100 %", 1.0)] {
        let labelled = (share < 1.0).then(|| (share * n_train as f64).round() as usize);
        let learner = |model| Learner::Cre { model, lambda: 0.5, mixing: models::Mixing::Weighted, labelled };
        members.push(Member::new(format!("{label} of labels"), share, learner(*architecture)));
        for &ratio in masks {
            let Architecture::Vit(config) = architecture else { continue };
            let masking = Masking { ratio, loss: MaskedLoss::Removed };
            let model = Architecture::Vit(vit::Config { masking, ..*config });
            let label = format!("{label}, r = {ratio}");
            members.push(Member::new(label, share + ratio / 1e3, learner(model)).only_at(&[1.0]));
        }
    }
    Family { members, member: "share of training images with a label".into(), ..base }
}

impl Experiment for LabelFraction {
    const NAME: &'static str = "label-fraction";
    const TITLE: &'static str = "Few labels (beyond the paper)";
    const SHOWS: &'static str = "Hypothesis: with 1 % of the labels the answer turns, and mixing in reconstruction \
                                 raises accuracy over a pure classifier.";
    const KEPT: Kept = Kept::scalars(&MASKED_TEST);

    fn grid(profile: Profile) -> Grid {
        let n_train = fashion(profile).train;
        let dense = Architecture::Fc(fc::Config::of(Size::M, 16));
        let mut families =
            vec![shares(fc_m(profile, &[]).called("FC-M, k = 16, few labels"), &dense, n_train, &[])];
        if profile != Profile::Smoke {
            let base = vit_family(profile, &[]).called("ViT-S, few labels");
            families.push(shares(base, &Architecture::Vit(vit::Config::S), n_train, &[0.5]));
        }
        Grid { families, lambdas: THREE.to_vec(), seeds: seeds(profile, 3) }
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        let mut plates = of_each(results, |curves| trade_off(curves, "label-fraction"))?;
        plates.extend(of_each(results, |curves| masked_evaluation(curves, "label-fraction-masked"))?);
        Ok(plates)
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let Some(mixed) = curves.lambda(0.9) else { continue };
            let (mut holds, mut got, mut n) = (None, Vec::new(), 0);
            for (member, (label, number)) in curves.members.iter().enumerate() {
                let pairs = curves.paired("test_accuracy", [[member, mixed], [member, 0]])?;
                if pairs.is_empty() {
                    continue;
                }
                let of = interval(&pairs.iter().map(|[mixed, pure]| mixed - pure).collect::<Vec<f64>>());
                if *number == 0.01 {
                    (holds, n) = (above(&of, MARGIN), pairs.len());
                }
                got.push(format!("{label}: {:+.1} points", of.times(100.0)));
            }
            let finding = (!got.is_empty()).then(|| Finding { holds, got: listed(got) });
            let claim = format!("with few labels reconstruction helps classification ({})", curves.variant);
            let expected =
                "accuracy(0.9) - accuracy(0) above 2 points at 1 % of labels, 95 % interval".to_owned();
            rows.push(judged("Q6", claim, expected, finding, n));
        }
        Ok(rows)
    }
}
