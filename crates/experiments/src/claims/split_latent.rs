//! Beyond the paper: is a shared latent better than the best split of it?

use models::{Architecture, fc, fc::Size};
use report::{Figure, Verdict};

use super::latent_size::fronts;
use crate::claim_id::ClaimId;
use crate::error::Result;
use crate::experiment::{Experiment, Info, Paper};
use crate::families::{THREE, fc_m, seeds};
use crate::grid::{Family, Grid, Member};
use crate::metric::Metric;
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::figures::of_each;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{Finding, found, judged};
use runs::learners::cre;
use runs::store::Results;

/// Question 5 of section 7: k_c numbers see the classification alone, the others the reconstruction alone.
pub struct SplitLatent;

/// The member whose latent serves both tasks whole.
const SHARED: &str = "shared";

static INFO: Info = Info {
    name: "split-latent",
    title: "A split latent (beyond the paper)",
    claim: "Hypothesis: sharing pays. No split of k into numbers for the classifier and numbers \
            for the decoder is as good at both tasks as the shared latent at λ = 0.9.",
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
            Profile::Quick => &[2, 4, 8, 12],
            Profile::Full => &[1, 2, 3, 4, 6, 8, 10, 12, 14],
        };
        let mut members =
            vec![Member::new(SHARED, 0.0, cre(Architecture::Fc(fc::Config::of(Size::M, k)), 0.5))];
        for &classified in splits {
            let model = fc::Config { classified: Some(classified), ..fc::Config::of(Size::M, k) };
            let label = format!("{classified} + {}", k - classified);
            // λ plays no role in a split latent; it is run once.
            let member = Member::new(label, classified as f64, cre(Architecture::Fc(model), 0.5));
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
            let finding = pays(&of);
            let claim = format!("sharing pays ({})", curves.variant);
            let expected =
                "no split is at least as good as the shared latent at λ = 0.9 in both, by medians".into();
            rows.push(judged(ClaimId::Q5, claim, expected, finding, of.n())?);
        }
        Ok(rows)
    }
}

/// Whether no split is as good at both tasks as the shared latent.
fn pays(of: &Evidence<'_, '_>) -> Result<Finding> {
    let [at] = of.lambdas([0.9])?;
    let shared = of.labelled(SHARED)?;
    let both = |member| -> Result<[f64; 2]> {
        Ok([of.median(Metric::TestMse, member, at)?, of.median(Metric::TestAccuracy, member, at)?])
    };
    let [mse, accuracy] = both(shared)?;
    let (mut best, mut beaten) = (None::<(String, f64, f64)>, false);
    for (member, (label, _)) in of.curves.members.iter().enumerate().filter(|(member, _)| *member != shared) {
        let [own_mse, own_accuracy] = both(member)?;
        beaten |= own_mse <= mse && own_accuracy >= accuracy;
        // The split that comes nearest at its weaker task.
        let short = |mse_here: f64, accuracy_here: f64| {
            ((mse_here - mse) / mse).max((accuracy - accuracy_here) / accuracy)
        };
        let nearer = |(_, m, a): &(String, f64, f64)| short(own_mse, own_accuracy) < short(*m, *a);
        if best.as_ref().is_none_or(nearer) {
            best = Some((label.clone(), own_mse, own_accuracy));
        }
    }
    let finding = best.map(|(label, own_mse, own_accuracy)| Finding {
        holds: Some(!beaten),
        got: format!(
            "shared MSE {mse:.3}, accuracy {:.1} %; nearest split {label}: {own_mse:.3}, {:.1} %",
            100.0 * accuracy,
            100.0 * own_accuracy
        ),
    });
    found(finding, "the grid has no split")
}
