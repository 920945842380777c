//! Beyond the paper: does reconstruction help classification with few labels?

use models::{Architecture, MaskedLoss, Masking, fc, fc::Size, vit};
use report::{Figure, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, fashion, fc_m, seeds, vit as vit_family};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::{masked_evaluation, of_each, trade_off};
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, ONLINE, judged, listed, online_accuracy};
use runs::learners::Cre;
use runs::store::Results;

/// Q6 (`book/cre.md`): 1, 10 and 100 % of the labels, over λ and with masks.
pub struct LabelFraction;

/// The margin of the gain in accuracy.
const MARGIN: f64 = 0.02;

/// The fraction of labels that is judged.
const FEWEST: f64 = 0.01;

/// One architecture with each fraction of the labels.
fn shares(base: Family, architecture: &Architecture, n_train: usize, masks: &[f64]) -> Family {
    let mut members = Vec::new();
    for (label, share) in [("1 %", FEWEST), ("10 %", 0.1), ("100 %", 1.0)] {
        let labelled = (share < 1.0).then(|| (share * n_train as f64).round() as usize);
        let learner = |model| Cre { model, lambda: None, mixing: models::Mixing::Weighted, labelled };
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

static INFO: Info = Info {
    name: "label-fraction",
    title: "Few labels (beyond the paper)",
    claim: "Hypothesis: with 1 % of the labels, mixing in reconstruction gives a higher accuracy than a pure classifier.",
    paper: Paper::Cre,
    recorded: Recorded::MASKED,
};

impl Experiment for LabelFraction {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
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

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = of_each(results, |curves| trade_off(curves, "label-fraction"))?;
        figures.extend(of_each(results, |curves| masked_evaluation(curves, "label-fraction-masked"))?);
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = gain(&of);
            let claim = "with few labels reconstruction helps classification";
            let expected = "accuracy(0.9) - accuracy(0) above 2 points at 1 % of labels";
            rows.push(judged(About::of(ClaimId::Q6, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The gain in accuracy by mixing in reconstruction with the fewest labels; the gains with more labels are shown.
fn gain(of: &Evidence<'_, '_>) -> Result<Finding> {
    let [pure, mixed] = of.lambdas([0.0, 0.9])?;
    let gain = |of: &Evidence<'_, '_>, member| -> Result<Contrast> {
        let gain = online_accuracy(of, &[(1.0, [member, mixed]), (-1.0, [member, pure])])?;
        let label = of.curves.members[member].0.clone();
        Ok(Contrast::above(label, gain, MARGIN, Unit::POINTS))
    };
    let [judged] = of.members([FEWEST])?;
    let (decisive, mut got) = (gain(of, judged)?, Vec::new());
    for member in 0..of.curves.members.len() {
        // These gains are shown only, so their seeds do not count for the verdict. Settings with masks are not run at
        // these λ.
        match gain(&Evidence::of(of.curves), member) {
            Err(Error::NotRun(_)) => {}
            gain => got.push(gain?.words()),
        }
    }
    Ok(Finding::decided(vec![decisive], listed(got)).read_by(ONLINE))
}
