//! `agon doctor`: checks whether `agon reproduce` can run on this machine.

mod machine;
mod storage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use system::terminal;
use system::text::line;

use crate::error::Result;
use crate::output::{print_result, wrapped};

/// The duration of the matrix multiplication benchmark.
const TIMED: Duration = Duration::from_secs(1);

/// The arguments of `agon doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The results folder of `agon reproduce`
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    what: &'static str,
    state: State,
    #[serde(rename = "said")]
    detail: String,
}

/// The severity of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// No problem.
    Ok,
    /// `agon reproduce` can run, but slower or with less than it could use.
    Note,
    /// `agon reproduce` cannot run.
    Problem,
}

impl Check {
    fn ok(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, state: State::Ok, detail: detail.into() }
    }

    fn note(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, state: State::Note, detail: detail.into() }
    }

    fn problem(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, state: State::Problem, detail: detail.into() }
    }
}

pub(crate) fn command(args: &Doctor) -> Result<ExitCode> {
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
        storage::space(&args.out),
        storage::writable(&args.out),
        hdf5,
        embedded,
        storage::data_sets(args.data.as_deref()),
    ];
    let healthy = healthy(&checks);
    let json = serde_json::json!({ "main_job_can_run": healthy, "checks": checks });
    print_result(args.json, &json, || text(&checks, terminal::width()))?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn healthy(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Problem)
}

/// The table; details that do not fit into the columns of the terminal continue below their beginning.
fn text(checks: &[Check], columns: Option<usize>) -> String {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    let row = |Check { what, state, detail }: &Check| {
        let state = match state {
            State::Ok => "ok",
            State::Note => "note",
            State::Problem => "problem",
        };
        let (head, detail) = (format!("{state:<7}  {what:<width$}  "), line(detail));
        match columns {
            Some(columns) => format!("{head}{}\n", wrapped(&detail, columns, head.chars().count())),
            None => format!("{head}{detail}\n"),
        }
    };
    let lines: String = checks.iter().map(row).collect();
    let verdict = match checks.iter().filter(|check| check.state == State::Problem).count() {
        0 => "`agon reproduce` can run here".to_owned(),
        1 => "`agon reproduce` cannot run here: fix the problem above".to_owned(),
        n => format!("`agon reproduce` cannot run here: fix the {n} problems above"),
    };
    format!("{lines}{verdict}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_not_problems_and_one_problem_decides() {
        let mut checks = vec![Check::ok("a", "good"), Check::note("longer", "less")];
        assert!(healthy(&checks));
        assert!(
            text(&checks, None).starts_with("ok       a       good\nnote     longer  less\n"),
            "{}",
            text(&checks, None)
        );
        assert!(text(&checks, None).contains("can run here"));
        checks.push(Check::problem("b", "bad"));
        assert!(!healthy(&checks));
        assert!(
            text(&checks, None).ends_with("cannot run here: fix the problem above\n"),
            "{}",
            text(&checks, None)
        );
        let json = serde_json::to_value(&checks[2]).unwrap();
        assert_eq!(json, serde_json::json!({ "what": "b", "state": "problem", "said": "bad" }));
    }
}
