//! `agon doctor`: whether the main job can run on this machine, in one table with one verdict.

mod machine;
mod storage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use system::text::line;

use super::output::answer;
use crate::error::Result;

/// How long the matrix product is timed.
const TIMED: Duration = Duration::from_secs(1);

/// What `agon doctor` is asked.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Where to look for data sets first
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the main job would write
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    what: &'static str,
    state: State,
    said: String,
}

/// What a line means for the main job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// The main job runs, but does or has less than it could.
    Note,
    /// The main job cannot run.
    Problem,
}

impl Check {
    fn ok(what: &'static str, said: impl Into<String>) -> Self {
        Self { what, state: State::Ok, said: said.into() }
    }

    fn note(what: &'static str, said: impl Into<String>) -> Self {
        Self { what, state: State::Note, said: said.into() }
    }

    fn problem(what: &'static str, said: impl Into<String>) -> Self {
        Self { what, state: State::Problem, said: said.into() }
    }
}

pub(crate) fn command(asked: &Doctor) -> Result<ExitCode> {
    let (threads, computing) =
        machine::on_threads(|| [machine::product(TIMED), storage::hdf5(), storage::embedded()]);
    let [product, hdf5, embedded] = computing;
    let checks = [
        machine::cpu(),
        threads,
        machine::memory(),
        product,
        machine::kernels(),
        machine::gpu(),
        storage::space(&asked.out),
        storage::writable(&asked.out),
        hdf5,
        embedded,
        storage::data_sets(asked.data.as_deref()),
    ];
    let healthy = healthy(&checks);
    let json = serde_json::json!({ "main_job_can_run": healthy, "checks": checks });
    answer(asked.json, &json, || text(&checks))?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn healthy(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Problem)
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    let row = |Check { what, state, said }: &Check| {
        let state = match state {
            State::Ok => "ok",
            State::Note => "note",
            State::Problem => "problem",
        };
        format!("{state:<7}  {what:<width$}  {}\n", line(said))
    };
    let lines: String = checks.iter().map(row).collect();
    let verdict = match checks.iter().filter(|check| check.state == State::Problem).count() {
        0 => "the main job can run here: `agon reproduce`".to_owned(),
        1 => "the main job cannot run here: mend the problem above".to_owned(),
        n => format!("the main job cannot run here: mend the {n} problems above"),
    };
    format!("{lines}{verdict}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_no_problem_and_a_problem_decides() {
        let mut checks = vec![Check::ok("a", "good"), Check::note("longer", "less")];
        assert!(healthy(&checks));
        assert!(
            text(&checks).starts_with("ok       a       good\nnote     longer  less\n"),
            "{}",
            text(&checks)
        );
        assert!(text(&checks).contains("can run here"));
        checks.push(Check::problem("b", "bad"));
        assert!(!healthy(&checks));
        assert!(text(&checks).ends_with("cannot run here: mend the problem above\n"), "{}", text(&checks));
        let json = serde_json::to_value(&checks[2]).unwrap();
        assert_eq!(json, serde_json::json!({ "what": "b", "state": "problem", "said": "bad" }));
    }
}
