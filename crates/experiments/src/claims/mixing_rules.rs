//! Beyond the paper: can another rule for mixing the two gradients reach both end points at once?

use models::{Architecture, Mixing, fc, fc::Size};
use report::{Figure, Verdict};

use super::latent_size::fronts;
use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::of_each;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, ONLINE, judged, online_accuracy, online_ratio};
use runs::learners::Cre;
use runs::store::Results;

/// Q7 (`book/cre.md`): gradient surgery, uncertainty weighting, normalised losses, and alternating steps.
pub struct MixingRules;

/// The tolerance of the corner: relative in MSE, and absolute in accuracy.
const CORNER: [f64; 2] = [0.03, 0.01];

/// The weighted sum, the only rule that is run at both end points.
const WEIGHTED: &str = "weighted";

static INFO: Info = Info {
    name: "mixing-rules",
    title: "Other mixing rules (beyond the paper)",
    claim: "Hypothesis: the trade-off is one of capacity. No rule for mixing the two gradients at z reaches the autoencoder's \
            error and the classifier's accuracy at once.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for MixingRules {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let latents: &[usize] = match profile {
            Profile::Smoke | Profile::Full => &[4, 16],
            Profile::Quick | Profile::Standard | Profile::Paper => &[16],
        };
        let mut families = Vec::new();
        for &k in latents {
            let learner = |mixing| {
                let model = Architecture::Fc(fc::Config::of(Size::M, k));
                Cre { model, lambda: None, mixing, labelled: None }
            };
            // The error of the mean image of Fashion-MNIST (`book/cre.md`, section 6.2).
            let normalised = Mixing::Normalised { mse: 0.3466 };
            let members = vec![
                Member::new(WEIGHTED, 0.0, learner(Mixing::Weighted)),
                Member::new("surgery", 1.0, learner(Mixing::Surgery)).only_at(&[0.9]),
                Member::new("uncertainty", 2.0, learner(Mixing::Uncertainty)).only_at(&[0.9]),
                Member::new("normalised", 3.0, learner(normalised)).only_at(&[0.9]),
                Member::new("alternating", 4.0, learner(Mixing::Alternating)).only_at(&[0.9]),
            ];
            let (label, member) = (format!("FC-M, k = {k}, rules of mixing"), "rule".into());
            families.push(Family { label, member, members, ..fc_m(profile, &[]) });
        }
        Grid { families, lambdas: THREE.to_vec(), seeds: seeds(profile, 5) }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        of_each(results, |curves| fronts(curves, "mixing-front", "Rules of mixing the two gradients"))
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = corner(&of);
            let claim = "no mixing rule reaches the corner";
            let expected =
                "every rule more than 3 % above MSE(1) or more than 1 point below accuracy(0) at λ = 0.9";
            rows.push(judged(About::of(ClaimId::Q7, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The distance of every rule from the error of the pure autoencoder or from the accuracy of the pure classifier.
fn corner(of: &Evidence<'_, '_>) -> Result<Finding> {
    let [first, at, last] = of.lambdas([0.0, 0.9, 1.0])?;
    let weighted = of.labelled(WEIGHTED)?;
    if of.curves.members.len() < 2 {
        return Err(Error::NotRun("the grid has no other rule".into()));
    }
    let mut contrasts = Vec::new();
    for (member, (label, _)) in of.curves.members.iter().enumerate() {
        let excess = online_ratio(of, [[member, at], [weighted, last]])?;
        let short = online_accuracy(of, &[(1.0, [weighted, first]), (-1.0, [member, at])])?;
        let excess = Contrast::above(format!("{label}: MSE above MSE(1)"), excess, CORNER[0], Unit::PERCENT);
        let short = Contrast::above(format!("{label}: below accuracy(0)"), short, CORNER[1], Unit::POINTS);
        contrasts.push(excess.either(short));
    }
    Ok(Finding::of(contrasts).read_by(ONLINE))
}
