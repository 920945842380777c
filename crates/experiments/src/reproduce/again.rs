//! Fact A13: the same seed gives the same bits.

use report::{Conclusion, Kind, Verdict};
use serde_json::Value;
use system::cpu;

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::options::Options;
use runs::local::{Data, FinishedRuns};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::slurm::Engine;
use runs::store::{FinishedRun, Store};

/// Fact A13: the first epochs of the first run, computed again, agree bit for bit with what was stored.
///
/// # Errors
/// If the run is not among those that are finished, or cannot be computed.
pub(super) fn same_bits_again(
    run: &Run,
    data: &Data,
    options: &Options,
    finished: &FinishedRuns,
) -> Result<Verdict> {
    let stored = finished.get(run).ok_or_else(|| Error::Missing(run.label()))?;
    if let Some(why) = elsewhere(stored, options) {
        return Ok(not_asked_again(why));
    }
    let device = options.resources.device()?;
    let mut again = run.clone();
    again.config.epochs = 1;
    let (images, keep) = (&data.open[&run.config.data], Keep::WhatIsReread);
    let folder = std::env::temp_dir().join(format!("agon-again-{}", std::process::id()));
    let recomputed = Store::open(&folder).and_then(|store| store.run(&again.spec(images)));
    let recomputed = recomputed
        .map_err(runs::Error::from)
        .and_then(|run| again.compute(images, None, &device, run, keep, |_| ()));
    let _ = std::fs::remove_dir_all(&folder);
    let recomputed = recomputed?;
    let differs = stored.epochs.iter().zip(&recomputed.epochs).find_map(|(was, is)| was.difference(is));
    Ok(Verdict {
        source: ClaimId::A13.to_string(),
        claim: "the same seed gives the same bits".into(),
        kind: Kind::Exact,
        expected: "the first epochs of the first run, computed again, agree in every bit".into(),
        got: differs.clone().unwrap_or_else(|| agreeing(recomputed.epochs.len())),
        n: 2,
        conclusion: if differs.is_none() { Conclusion::ExactMet } else { Conclusion::ExactMissed },
        ..Verdict::default()
    })
}

fn agreeing(n_epochs: usize) -> String {
    match n_epochs {
        1 => "1 epoch agrees".to_owned(),
        n => format!("{n} epochs agree"),
    }
}

/// The reason why a run of a cluster cannot be recomputed here with the same bits, if there is one.
fn elsewhere(stored: &FinishedRun, options: &Options) -> Option<String> {
    let Engine::Slurm(_) = options.engine else { return None };
    let (there, here) = (stored.provenance.get("processor").and_then(Value::as_str), cpu::name());
    if options.resources.device().is_err() {
        return Some(format!("stored by a node with {}, which this machine lacks", options.resources.device));
    }
    (there != Some(&here))
        .then(|| format!("computed on {}; this machine has {here}", there.unwrap_or("unknown")))
}

/// The row of fact A13 if the runs cannot be recomputed on this machine.
fn not_asked_again(why: String) -> Verdict {
    Verdict {
        source: ClaimId::A13.to_string(),
        claim: "the same seed gives the same bits".into(),
        kind: Kind::Exact,
        expected: "a CPU of the same kind as that of the nodes".into(),
        got: why,
        ..Verdict::default()
    }
}
