//! Tests of the Slurm engine with scripts in place of Slurm's commands: submission, resubmission, resumption.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use runs::store::{Outcome, Store};
use serde_json::Value;
use tempfile::TempDir;

/// Runs every task immediately, except those listed in `lose`, whose node fails. With `hold` all tasks stay running.
const SBATCH: &str = r#"#!/bin/sh
here=$(dirname "$0")
[ -e "$here/refuse" ] && { cat "$here/refuse" >&2; exit 1; }
for script; do :; done
echo "$@" >> "$here/submitted"
tasks=$(sed -n 's/^#SBATCH --array=1-\([0-9]*\)%.*/\1/p' "$script")
: > "$here/states"
for task in $(seq "$tasks"); do
    if [ -e "$here/hold" ]; then
        echo "RUNNING|None"
    elif grep -qx "$task" "$here/lose"; then
        echo "NODE_FAIL|NodeDown"
    elif SLURM_ARRAY_TASK_ID=$task sh "$script" > "$(dirname "$script")/task-$task.log" 2>&1; then
        echo "COMPLETED|None"
    else
        echo "FAILED|NonZeroExitCode"
    fi >> "$here/states"
done
: > "$here/lose"
echo 17
"#;

/// Prints the states in a file, or the job id if queried by name.
const SQUEUE: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$*" in *--name=*) echo 17 ;; *) cat "$here/states" ;; esac
"#;

struct FakeSlurm {
    folder: TempDir,
}

impl FakeSlurm {
    fn new() -> Self {
        let slurm = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(slurm.bin("")).unwrap();
        for (name, text) in [("sbatch", SBATCH), ("squeue", SQUEUE)] {
            use std::os::unix::fs::PermissionsExt;
            fs::write(slurm.bin(name), text).unwrap();
            fs::set_permissions(slurm.bin(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        slurm.write("lose", "");
        slurm
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    /// A name that an unquoted shell word would split.
    fn out(&self) -> PathBuf {
        self.folder.path().join("out of 50%")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.bin(name), text).unwrap();
    }

    fn agon(&self, command: &str, more: &[&str]) -> Command {
        let mut agon = crate::agon(&self.out(), command, more);
        // Each run gets a task of its own.
        agon.args(["--engine", "slurm", "--seconds-per-run", "400", "--poll", "1", "--slurm-bin"]);
        agon.arg(self.bin(""));
        agon
    }

    /// The exit code and the output of the command.
    fn printed(&self, command: &str, more: &[&str]) -> (Option<i32>, String) {
        let output = self.agon(command, more).output().unwrap();
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(!printed[1].contains("panicked"), "{}", printed[1]);
        (output.status.code(), printed.concat())
    }

    fn submissions(&self) -> usize {
        fs::read_to_string(self.bin("submitted")).map_or(0, |text| text.lines().count())
    }

    fn outcomes(&self) -> Vec<Option<Outcome>> {
        let runs = Store::reading(self.out().join("runs")).list().unwrap();
        runs.into_iter().map(|(_, run)| run.unwrap().outcome).collect()
    }
}

#[test]
fn only_tasks_lost_with_their_node_are_submitted_again() {
    let slurm = FakeSlurm::new();
    slurm.write("lose", "2\n5\n");
    let (code, printed) = slurm.printed("run", &["--sbatch", "--partition=long --account=me"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(slurm.submissions(), 2, "{printed}");
    assert!(
        printed.contains("round 1: 4 of 6 missing runs stored; tasks: 4 COMPLETED, 2 NODE_FAIL"),
        "{printed}"
    );
    assert!(printed.contains("round 2: 2 of 2 missing runs stored; tasks: 2 COMPLETED"), "{printed}");
    assert_eq!(slurm.outcomes(), vec![Some(Outcome::Finished); 6]);
    let options = fs::read_to_string(slurm.bin("submitted")).unwrap();
    assert!(options.starts_with("--parsable --partition=long --account=me "), "{options}");
    // No run is missing now, so nothing is submitted.
    let (code, printed) = slurm.printed("run", &[]);
    assert_eq!((code, slurm.submissions()), (Some(0), 2), "{printed}");
}

#[test]
fn failed_runs_are_recorded_and_not_submitted_again() {
    let slurm = FakeSlurm::new();
    let (code, printed) =
        slurm.printed("run", &["-s", "families.*.members.*.learner.model.latent_activation=tanh"]);
    assert_eq!((code, slurm.submissions()), (Some(0), 1), "{printed}");
    assert!(printed.contains("of these failed"), "{printed}");
    let outcomes = slurm.outcomes();
    assert!(!outcomes.is_empty());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Outcome::Failed { .. }))), "{outcomes:?}");
}

#[test]
fn a_call_after_a_kill_waits_for_the_running_job_and_submits_no_second_one() {
    let slurm = FakeSlurm::new();
    slurm.write("hold", "");
    let mut killed = slurm.agon("run", &[]).stderr(Stdio::null()).spawn().unwrap();
    let job = slurm.out().join("jobs/0001/job.json");
    let number = |job: &Path| {
        let record: Value = serde_json::from_slice(&fs::read(job).ok()?).ok()?;
        record["job"].as_str().map(str::to_owned)
    };
    while number(&job).is_none() {
        assert!(killed.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    // As if killed a moment earlier, after recording the name but not the id.
    let record = fs::read_to_string(&job).unwrap().replace(r#""17""#, "null");
    fs::write(&job, record).unwrap();
    // Meanwhile the cluster runs all tasks but one.
    for task in 1..=5 {
        let script = slurm.out().join("jobs/0001/script.sh");
        let status =
            Command::new("sh").arg(script).env("SLURM_ARRAY_TASK_ID", task.to_string()).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    }
    slurm.write("states", "COMPLETED|None\nTIMEOUT|TimeLimit\n");
    fs::remove_file(slurm.bin("hold")).unwrap();

    let (code, printed) = slurm.printed("run", &[]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("job 17") && printed.contains("of an earlier call"), "{printed}");
    assert!(printed.contains("round 1: 1 of 1 missing run stored"), "{printed}");
    assert_eq!(slurm.submissions(), 2, "the first call's, and one for what was cut off: {printed}");
    assert_eq!(slurm.outcomes(), vec![Some(Outcome::Finished); 6]);
}

#[test]
fn tasks_that_all_fail_are_not_resubmitted_forever_and_one_log_is_quoted() {
    let slurm = FakeSlurm::new();
    // As on a node without access to the results folder.
    let mv = "mv \"$(dirname \"$script\")/tasks.jsonl\" \"$(dirname \"$script\")/gone\"\nfor task in";
    slurm.write("sbatch", &SBATCH.replacen("for task in", mv, 1));
    let (code, printed) = slurm.printed("run", &[]);
    assert_eq!((code, slurm.submissions()), (Some(1), 1), "{printed}");
    assert!(printed.contains("6 runs still missing after 1 of at most 5 rounds"), "{printed}");
    assert!(
        printed.contains("task-1.log ends with `error: cannot read") && printed.contains("tasks.jsonl"),
        "{printed}"
    );
}

#[test]
fn a_refusal_by_slurm_is_quoted_and_no_job_is_left_behind() {
    let slurm = FakeSlurm::new();
    slurm.write("refuse", "sbatch: error: invalid partition specified: long\n");
    let (code, printed) = slurm.printed("run", &["--sbatch", "--partition=long"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("invalid partition specified: long") && printed.contains("--sbatch"),
        "{printed}"
    );
    fs::remove_file(slurm.bin("refuse")).unwrap();
    fs::remove_file(slurm.bin("sbatch")).unwrap();
    let (code, printed) = slurm.printed("run", &[]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("sbatch") && printed.contains("`--engine local`"), "{printed}");
}

#[test]
fn a_dry_run_prints_the_script_and_the_number_of_tasks_and_writes_nothing() {
    let slurm = FakeSlurm::new();
    let (code, printed) = slurm.printed("reproduce", &["--dry-run", "--jobs", "2", "--at-once", "3"]);
    assert_eq!(code, Some(0), "{printed}");
    // Tasks of two cores get twice as many runs: two.
    assert!(printed.contains("#SBATCH --array=1-3%3") && printed.contains("3 tasks of 6 runs"), "{printed}");
    assert!(
        printed.contains("#SBATCH --cpus-per-task=2")
            && printed.contains("out of 50%%/jobs/0001/task-%a.log")
    );
    assert_eq!(slurm.submissions(), 0);
    assert!(!slurm.out().exists());
}

#[test]
fn reproduce_draws_figures_of_runs_computed_on_the_cluster() {
    let slurm = FakeSlurm::new();
    let (code, printed) = slurm.printed("reproduce", &["--table"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("A13") && printed.contains("index.html"), "{printed}");
    assert!(slurm.out().join("smoke/fc-lambda-sweep/fc-trade-off-0.svg").is_file());
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let slurm = FakeSlurm::new();
    for more in [&["--shard", "1/2"][..], &["--keys", "tasks.jsonl"]] {
        let (code, printed) = slurm.printed("run", more);
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains(more[0]), "{printed}");
    }
    let output = crate::agon(&slurm.out(), "run", &["--dry-run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = crate::agon(&slurm.out(), "run", &["--shard", "3/2"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("I/N"));
}
