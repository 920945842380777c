//! The list of all checks, for contributors and for CI within a time budget.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use xshell::cmd;

use crate::repo::Repo;
use crate::{book, kernels, mutants, setup, tidy};
use system::status;

/// The options of `cargo xtask ci`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Skip steps that would end after this time, such as 30m, 90s or 2h, except required ones
    #[arg(long, value_name = "TIME", value_parser = duration)]
    budget: Option<Duration>,
    /// Print the steps with their costs and commands
    #[arg(long)]
    list: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("expected a whole number and h, m or s, such as 30m, got `{text}`");
    let unit = text.chars().next_back().and_then(|unit| Some((unit, [1, 60, 3600]["smh".find(unit)?])));
    let (unit, seconds) = unit.ok_or_else(refused)?;
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok());
    number.and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs).ok_or_else(refused)
}

/// A check.
struct Step {
    name: &'static str,
    /// The command that runs only this step.
    alone: &'static str,
    /// The duration in seconds on 2 cores from a clean checkout, rounded up.
    cost_s: u64,
    need: Need,
    run: fn(&Repo) -> anyhow::Result<()>,
}

/// When a step is skipped.
enum Need {
    /// Never.
    Required,
    /// If the budget is too small.
    IfTime,
    /// If the budget is too small or this program is not installed.
    IfInstalled {
        program: &'static str,
        /// How to install it, and what is not checked without it.
        by: &'static str,
    },
}

/// The profile of all builds here, so that checks and tests share the C library, build scripts and macros. With less
/// optimisation the total time is shorter and results have the same bits.
const PROFILE: [&str; 3] = ["--release", "--config", ".ci/tests.toml"];

/// The reserve of the budget for the compilation of this program, and for steps that take longer than expected.
const RESERVE: Duration = Duration::from_secs(90);

// Required steps first, cheapest first; then optional steps in order of how often they fail: lints and documentation,
// which uses the artifacts of clippy, before the longer steps.
const STEPS: [Step; 13] = [
    Step {
        name: "format",
        alone: "cargo fmt --all --check -- crates/autograd/src/ops/*.rs crates/runs/src/learners/*.rs",
        cost_s: 5,
        need: Need::Required,
        run: format,
    },
    Step { name: "tidy", alone: "cargo xtask tidy", cost_s: 5, need: Need::Required, run: tidy::run },
    Step {
        name: "deny",
        alone: "cargo deny check licenses bans sources",
        cost_s: 10,
        need: Need::IfInstalled {
            program: "cargo-deny",
            by: "`cargo install cargo-deny --locked` takes minutes; without it licences are not checked, and sources \
            and checksums only by `cargo xtask tidy`",
        },
        run: deny,
    },
    Step { name: "setup", alone: "cargo xtask setup", cost_s: 10, need: Need::Required, run: setup::ensure },
    Step {
        name: "package",
        alone: "cargo package --no-verify --allow-dirty -p agon -p agon-{autograd,data,models,reliability,system,tensor,theory}",
        cost_s: 15,
        need: Need::Required,
        run: package,
    },
    Step { name: "book", alone: "cargo xtask book", cost_s: 30, need: Need::Required, run: book },
    Step { name: "test", alone: "cargo xtask test", cost_s: 780, need: Need::Required, run: test },
    Step {
        name: "clippy",
        alone: "cargo clippy --release --workspace --all-targets -- -D warnings",
        cost_s: 180,
        need: Need::IfInstalled { program: "cargo-clippy", by: "`rustup component add clippy`" },
        run: clippy,
    },
    Step {
        name: "docs",
        alone: "cargo doc --release --workspace --no-deps",
        cost_s: 30,
        need: Need::IfTime,
        run: docs,
    },
    Step {
        name: "features",
        alone: "for feature in '' data testing theory; do cargo check -p agon --no-default-features --features \"$feature\"; done",
        cost_s: 90,
        need: Need::IfTime,
        run: features,
    },
    Step {
        name: "smoke",
        alone: "cargo xtask reproduce --profile smoke",
        cost_s: 100,
        need: Need::IfTime,
        run: smoke,
    },
    Step {
        name: "kernels",
        alone: "cargo xtask kernels --install",
        cost_s: 260,
        need: Need::IfTime,
        run: |repo| kernels::run(repo, &kernels::Options { install: true }),
    },
    Step {
        name: "mutants",
        alone: "cargo xtask mutants",
        cost_s: 1200,
        need: Need::IfTime,
        run: |repo| mutants::run(repo, &mutants::Options::default()),
    },
];

/// `cargo xtask ci`: stops at the first step that fails; a skipped step does not fail.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    if options.list {
        for Step { name, alone, cost_s, need, .. } in &STEPS {
            let required = if matches!(need, Need::Required) { "required" } else { "" };
            status!("{name:8} {:>4} min  {required:8}  {alone}", cost_s.div_ceil(60));
        }
        return Ok(());
    }
    let start = Instant::now();
    let budget = options.budget.map(|budget| budget.saturating_sub(RESERVE));
    run_steps(repo, &STEPS, budget, &|| start.elapsed())
}

fn run_steps(
    repo: &Repo,
    steps: &[Step],
    budget: Option<Duration>,
    elapsed: &dyn Fn() -> Duration,
) -> anyhow::Result<()> {
    let mut summary = String::from("ci: summary\n");
    let mut failure = None;
    for step in steps {
        let Step { name, alone, run, .. } = step;
        let begin = elapsed();
        let line = if failure.is_some() {
            "not run".to_owned()
        } else if let Some(reason) = reason_to_skip(repo, step, begin, budget) {
            format!("SKIPPED: {reason}; `{alone}` runs it alone")
        } else {
            status!("ci: {name}: {alone}");
            let outcome = run(repo);
            let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
            failure = outcome.err().map(|error| error.context(format!("ci: `{name}` failed")));
            format!("{verdict} in {} s", (elapsed() - begin).as_secs())
        };
        status!("ci: {name} {line}");
        summary += &format!("  {name:8} {line}\n");
    }
    status!("{summary}ci: {} s in all", elapsed().as_secs());
    failure.map_or(Ok(()), Err)
}

/// Why a step is not run; `None` if it is.
fn reason_to_skip(repo: &Repo, step: &Step, elapsed: Duration, budget: Option<Duration>) -> Option<String> {
    if let Need::Required = step.need {
        return None;
    }
    if let Need::IfInstalled { program, by } = step.need
        && !repo.has(program)
    {
        return Some(format!("{program} is not installed ({by})"));
    }
    let left = budget?.saturating_sub(elapsed).as_secs();
    (step.cost_s > left)
        .then(|| format!("it takes about {} s, and {left} s of the budget are left", step.cost_s))
}

fn format(repo: &Repo) -> anyhow::Result<()> {
    // rustfmt does not find modules declared by the macros of operations and learners.
    let mut files = repo.sh.read_dir("crates/autograd/src/ops")?;
    files.extend(repo.sh.read_dir("crates/runs/src/learners")?);
    files.retain(|path| path.extension().is_some_and(|ending| ending == "rs"));
    cmd!(repo.sh, "cargo fmt --all --check -- {files...}").quiet().run().context(
        "run `cargo fmt --all -- crates/autograd/src/ops/*.rs crates/runs/src/learners/*.rs` \
         (or `rustup component add rustfmt` if it is not installed)",
    )
}

fn book(repo: &Repo) -> anyhow::Result<()> {
    book::run(repo, &book::Options::default())
}

/// Advisories need a database from the network and are checked by `cargo xtask prove --only R21`.
fn deny(repo: &Repo) -> anyhow::Result<()> {
    let deny = cmd!(repo.sh, "cargo deny --log-level error check licenses bans sources").run();
    deny.context("a dependency breaks the policy of deny.toml")
}

/// Packs the published crates; that each builds from its package alone is checked for a release, without `--no-verify`.
fn package(repo: &Repo) -> anyhow::Result<()> {
    let published: Vec<String> =
        tidy::published(repo)?.into_iter().map(|name| format!("--package={name}")).collect();
    cmd!(repo.sh, "cargo package --quiet --no-verify --allow-dirty {published...}")
        .run()
        .context("a published crate cannot be packed")
}

/// Checks the facade without its default features, and with each feature alone: other builds enable all of them.
fn features(repo: &Repo) -> anyhow::Result<()> {
    let manifest: toml::Table = repo.sh.read_file("crates/agon/Cargo.toml")?.parse()?;
    let table = manifest.get("features").and_then(toml::Value::as_table).context("agon has no features")?;
    let names = table.keys().map(String::as_str).filter(|name| *name != "default");
    for name in [""].into_iter().chain(names) {
        cmd!(repo.sh, "cargo check --package=agon --no-default-features --features={name} {PROFILE...}")
            .run()
            .with_context(|| format!("agon does not build with the features `{name}` alone"))?;
    }
    Ok(())
}

fn test(repo: &Repo) -> anyhow::Result<()> {
    cmd!(repo.sh, "cargo test --workspace --no-fail-fast {PROFILE...}").run().context("a test failed")
}

fn clippy(repo: &Repo) -> anyhow::Result<()> {
    cmd!(repo.sh, "cargo clippy --workspace --all-targets {PROFILE...} -- -D warnings").run()?;
    Ok(())
}

fn docs(repo: &Repo) -> anyhow::Result<()> {
    let doc = cmd!(repo.sh, "cargo doc --workspace --no-deps {PROFILE...}");
    doc.env("RUSTDOCFLAGS", "-D warnings").run().context("the documentation has errors")
}

/// The smallest reproduction from data to page, in a temporary folder, by the program that the tests have built:
/// `cargo xtask reproduce` would build it again, since tests enable more features of shared dependencies.
fn smoke(repo: &Repo) -> anyhow::Result<()> {
    let (agon, out) = (repo.target().join("release/agon"), repo.sh.create_temp_dir()?);
    if !agon.is_file() {
        bail!("there is no {}; `cargo xtask test` builds it", agon.display());
    }
    let out = out.path();
    cmd!(repo.sh, "{agon} reproduce --profile smoke --out {out}").run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const fn step(name: &'static str, cost_s: u64, need: Need, run: fn(&Repo) -> anyhow::Result<()>) -> Step {
        Step { name, alone: "cargo it", cost_s, need, run }
    }

    /// Runs the steps with a clock that advances by 10 s per reading.
    fn outcome(steps: &[Step], budget_s: u64) -> anyhow::Result<()> {
        let clock = Cell::new(0);
        let elapsed = || Duration::from_secs(clock.replace(clock.get() + 10));
        run_steps(&Repo::of_this_program()?, steps, Some(Duration::from_secs(budget_s)), &elapsed)
    }

    #[test]
    fn the_first_failing_step_is_named_and_the_later_ones_are_not_run() {
        let steps = [
            step("good", 1, Need::Required, |_| Ok(())),
            step("bad", 1, Need::Required, |_| bail!("no luck")),
            step("later", 1, Need::Required, |_| unreachable!("must not be run")),
        ];
        assert_eq!(format!("{:#}", outcome(&steps, 60).unwrap_err()), "ci: `bad` failed: no luck");
    }

    #[test]
    fn a_step_beyond_the_budget_is_skipped_unless_it_is_required() {
        let slow = step("slow", 100, Need::IfTime, |_| bail!("run"));
        assert!(outcome(&[slow], 99).is_ok());
        for (cost_s, need) in [(100, Need::Required), (60, Need::IfTime)] {
            assert!(outcome(&[step("fits", cost_s, need, |_| bail!("run"))], 60).is_err(), "{cost_s}");
        }
        // The first step has used some of the 60 s.
        let [quick, long] = [10, 60].map(|cost_s| step("it", cost_s, Need::IfTime, |_| Ok(())));
        let long = Step { run: |_| bail!("run"), ..long };
        assert!(outcome(&[quick, long], 60).is_ok());
    }

    #[test]
    fn a_step_whose_program_is_not_installed_is_skipped_with_the_way_to_install_it() {
        let need = Need::IfInstalled { program: "no-such-program", by: "`cargo install it`" };
        let step = step("it", 0, need, |_| unreachable!("must not be run"));
        let repo = Repo::of_this_program().unwrap();
        let reason = reason_to_skip(&repo, &step, Duration::ZERO, None).unwrap();
        assert_eq!(reason, "no-such-program is not installed (`cargo install it`)");
        assert!(run_steps(&repo, &[step], None, &|| Duration::ZERO).is_ok());
    }

    #[test]
    fn the_required_steps_come_first_and_the_cheapest_first_among_them() {
        let last = STEPS.iter().rposition(|step| matches!(step.need, Need::Required)).unwrap();
        assert!(STEPS[..=last].is_sorted_by_key(|step| step.cost_s));
        assert!(STEPS[..=last].iter().all(|step| !matches!(step.need, Need::IfTime)));
    }

    /// The budget of `.ci/run`.
    #[test]
    fn all_but_the_planted_bugs_fits_into_30_minutes() {
        let costs = STEPS.iter().filter(|step| step.name != "mutants").map(|step| step.cost_s);
        let left = Duration::from_secs(30 * 60) - RESERVE;
        assert!(Duration::from_secs(costs.sum()) <= left);
    }

    #[test]
    fn budgets_are_numbers_with_a_unit() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!([seconds("30m"), seconds("90s"), seconds("2h")], [Ok(1800), Ok(90), Ok(7200)]);
        for text in ["", "m", "30", "soon", "-1m", "1.5h", "30é"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration(&format!("{}h", u64::MAX)).is_err());
    }
}
