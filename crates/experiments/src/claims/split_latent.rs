//! Beyond the paper: is a shared latent better than the best split of it?

use models::{Architecture, fc, fc::Size};
use report::{Figure, Verdict};

use super::latent_size::fronts;
use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::profile::Profile;
use crate::statistics::decision::{Contrast, Unit};
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::of_each;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, ONLINE, found, judged, online_accuracy, online_ratio};
use runs::learners::cre;
use runs::store::Results;

/// Q5 (`book/cre.md`): some latent dimensions are reserved for the classifier, the others for the decoder.
pub struct SplitLatent;

/// The setting whose whole latent serves both tasks.
const SHARED: &str = "shared";

static INFO: Info = Info {
    name: "split-latent",
    title: "A split latent (beyond the paper)",
    claim: "Hypothesis: sharing is better. No split of the k dimensions into some for the classifier and some for the decoder \
            is as good at both tasks as the shared latent at λ = 0.9.",
    paper: Paper::Cre,
    recorded: Recorded::NUMBERS,
};

impl Experiment for SplitLatent {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let k = 16;
        let splits: &[usize] = match profile {
            Profile::Smoke => &[4],
            Profile::Quick | Profile::Standard | Profile::Paper => &[2, 4, 8, 12],
            Profile::Full => &[1, 2, 3, 4, 6, 8, 10, 12, 14],
        };
        let mut members =
            vec![Member::new(SHARED, 0.0, cre(Architecture::Fc(fc::Config::of(Size::M, k)), None))];
        for &classified in splits {
            let model = fc::Config { classified: Some(classified), ..fc::Config::of(Size::M, k) };
            let label = format!("{classified} + {}", k - classified);
            // λ plays no role in a split latent; it is run once.
            let member = Member::new(label, classified as f64, cre(Architecture::Fc(model), None));
            members.push(member.only_at(&[0.9]));
        }
        let base = fc_m(profile, &[]);
        let (label, member) =
            (format!("FC-M, k = {k}, shared or split"), "numbers for the classifier".into());
        Grid {
            families: vec![Family { label, member, members, ..base }],
            lambdas: THREE.to_vec(),
            seeds: seeds(profile, 5),
        }
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        of_each(results, |curves| fronts(curves, "split-front", "A shared latent and splits of it"))
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let of = Evidence::of(curves);
            let finding = worse(&of);
            let claim = "a shared latent is better than a split one";
            let expected =
                "every split has a larger MSE or a lower accuracy than the shared latent at λ = 0.9";
            rows.push(judged(About::of(ClaimId::Q5, claim, curves), expected, finding, &of)?);
        }
        Ok(rows)
    }
}

/// The larger error or lower accuracy of every split, compared with the shared latent.
fn worse(of: &Evidence<'_, '_>) -> Result<Finding> {
    let [at] = of.lambdas([0.9])?;
    let shared = of.labelled(SHARED)?;
    let mut contrasts = Vec::new();
    for (member, (label, _)) in of.curves.members.iter().enumerate().filter(|(member, _)| *member != shared) {
        let more = online_ratio(of, [[member, at], [shared, at]])?;
        let less = online_accuracy(of, &[(1.0, [shared, at]), (-1.0, [member, at])])?;
        let more = Contrast::above(format!("{label}: more MSE"), more, 0.0, Unit::PERCENT);
        contrasts.push(more.either(Contrast::above(
            format!("{label}: less accuracy"),
            less,
            0.0,
            Unit::POINTS,
        )));
    }
    let finding = (!contrasts.is_empty()).then(|| Finding::of(contrasts).read_by(ONLINE));
    found(finding, "the grid has no split")
}
