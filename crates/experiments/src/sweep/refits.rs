//! New heads on the frozen encoders of another family of the same results, and the control that they must pass.

use crate::error::Result;
use crate::families::REFITTED;
use crate::metric::Metric;
use crate::statistics::mean;
use crate::statistics::rules::CONTROL;
use crate::sweep::curves::Curves;
use crate::sweep::readers::{Reader, Task, source};

/// Whether a family consists of new heads on the encoders of another.
pub(crate) fn is_refitted(curves: &Curves<'_>) -> bool {
    curves.family.ends_with(REFITTED)
}

/// The family of new heads on the encoders of a family.
pub(crate) fn refitted_of<'c, 'r>(all: &'c [Curves<'r>], online: &Curves<'_>) -> Option<&'c Curves<'r>> {
    let is_of = |other: &&Curves<'_>| other.family.strip_suffix(REFITTED) == Some(&online.family);
    all.iter().find(|other| other.data == online.data && is_of(other))
}

/// The new heads that match the encoder's own decoder at λ = 1 for every setting, and descriptions of the failures. Heads that
/// do not match it were not trained to convergence, and what they do not read may be in the latent.
///
/// # Errors
/// If the results are not those of a grid.
pub(crate) fn controlled(online: &Curves<'_>, refitted: &Curves<'_>) -> Result<(Vec<Reader>, Vec<String>)> {
    let (mut passing, mut failures) = (Vec::new(), Vec::new());
    let Some(last) = online.lambda(1.0).filter(|_| online.members == refitted.members) else {
        return Ok((passing, failures));
    };
    for reader in [Reader::NewHead, Reader::Converged] {
        let Some(new) = source(reader, refitted, Task::Reconstruction) else { continue };
        let mut passes = true;
        for (member, (label, _)) in online.members.iter().enumerate() {
            let own = online.at(Metric::TestMse, member, last)?;
            let again = refitted.at(new.metric, member, last)?;
            let (own, again) = (mean(&own), mean(&again));
            // NaN fails as well.
            let matches = again <= CONTROL * own;
            passes &= matches;
            if !matches {
                let reader = reader.words();
                failures.push(format!(
                    "control failed: {label} at λ = 1, MSE {again:.3} of the {reader}, {own:.3} of its own decoder"
                ));
            }
        }
        passing.extend(passes.then_some(reader));
    }
    Ok((passing, failures))
}
