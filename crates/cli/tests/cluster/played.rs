//! The engine against scripts that play Slurm: what is submitted, what again, what not, and what is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use runs::store::{Outcome, Store};
use serde_json::Value;
use tempfile::TempDir;

/// Runs every task at once, but those whose numbers stand in `lose`: their node dies. With `hold` none is run yet.
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

/// Says the states that stand in a file, or the number of the job to who asks for a name.
const SQUEUE: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$*" in *--name=*) echo 17 ;; *) cat "$here/states" ;; esac
"#;

struct Played {
    folder: TempDir,
}

impl Played {
    fn new() -> Self {
        let played = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(played.bin("")).unwrap();
        for (name, text) in [("sbatch", SBATCH), ("squeue", SQUEUE)] {
            use std::os::unix::fs::PermissionsExt;
            fs::write(played.bin(name), text).unwrap();
            fs::set_permissions(played.bin(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        played.told("lose", "");
        played
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    /// A name that a shell would take apart.
    fn out(&self) -> PathBuf {
        self.folder.path().join("out of 50%")
    }

    fn told(&self, name: &str, text: &str) {
        fs::write(self.bin(name), text).unwrap();
    }

    fn agon(&self, command: &str, more: &[&str]) -> Command {
        let mut agon = crate::agon(&self.out(), command, more);
        // Each run is long enough for a task of its own.
        agon.args(["--engine", "slurm", "--seconds-per-run", "400", "--poll", "1", "--slurm-bin"]);
        agon.arg(self.bin(""));
        agon
    }

    /// What the command says, with its exit code.
    fn said(&self, command: &str, more: &[&str]) -> (Option<i32>, String) {
        let output = self.agon(command, more).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(!said[1].contains("panicked"), "{}", said[1]);
        (output.status.code(), said.concat())
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
fn what_was_lost_with_its_node_is_submitted_again_and_nothing_else() {
    let played = Played::new();
    played.told("lose", "2\n5\n");
    let (code, said) = played.said("run", &["--sbatch", "--partition=long --account=me"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(played.submissions(), 2, "{said}");
    assert!(said.contains("round 1: 4 of 6 missing runs stored; tasks: 4 COMPLETED, 2 NODE_FAIL"), "{said}");
    assert!(said.contains("round 2: 2 of 2 missing runs stored; tasks: 2 COMPLETED"), "{said}");
    assert_eq!(played.outcomes(), vec![Some(Outcome::Finished); 6]);
    let options = fs::read_to_string(played.bin("submitted")).unwrap();
    assert!(options.starts_with("--parsable --partition=long --account=me "), "{options}");
    // Nothing is missing now, so nothing is asked of the cluster.
    let (code, said) = played.said("run", &[]);
    assert_eq!((code, played.submissions()), (Some(0), 2), "{said}");
}

#[test]
fn what_fails_for_its_own_reason_is_recorded_and_not_submitted_again() {
    let played = Played::new();
    let (code, said) =
        played.said("run", &["-s", "families.*.members.*.learner.model.latent_activation=tanh"]);
    assert_eq!((code, played.submissions()), (Some(0), 1), "{said}");
    assert!(said.contains("failed for reasons of their own"), "{said}");
    let outcomes = played.outcomes();
    assert!(!outcomes.is_empty());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Some(Outcome::Failed { .. }))), "{outcomes:?}");
}

#[test]
fn a_call_after_a_kill_finds_the_job_that_is_running_and_submits_no_second_one() {
    let played = Played::new();
    played.told("hold", "");
    let mut killed = played.agon("run", &[]).stderr(Stdio::null()).spawn().unwrap();
    let job = played.out().join("jobs/0001/job.json");
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

    // Killed a moment earlier it would not have noted the number, but the name.
    let record = fs::read_to_string(&job).unwrap().replace(r#""17""#, "null");
    fs::write(&job, record).unwrap();
    // The cluster does the work meanwhile, but for one task.
    for task in 1..=5 {
        let script = played.out().join("jobs/0001/script.sh");
        let status =
            Command::new("sh").arg(script).env("SLURM_ARRAY_TASK_ID", task.to_string()).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    }
    played.told("states", "COMPLETED|None\nTIMEOUT|TimeLimit\n");
    fs::remove_file(played.bin("hold")).unwrap();

    let (code, said) = played.said("run", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("job 17") && said.contains("of an earlier call"), "{said}");
    assert!(said.contains("round 1: 1 of 1 missing run stored"), "{said}");
    assert_eq!(played.submissions(), 2, "the first call's, and one for what was cut off: {said}");
    assert_eq!(played.outcomes(), vec![Some(Outcome::Finished); 6]);
}

#[test]
fn tasks_that_all_fail_by_themselves_are_not_submitted_for_ever_and_one_of_them_is_quoted() {
    let played = Played::new();
    // As on a node that does not see the results.
    let mv = "mv \"$(dirname \"$script\")/tasks.jsonl\" \"$(dirname \"$script\")/gone\"\nfor task in";
    played.told("sbatch", &SBATCH.replacen("for task in", mv, 1));
    let (code, said) = played.said("run", &[]);
    assert_eq!((code, played.submissions()), (Some(1), 1), "{said}");
    assert!(said.contains("6 runs still missing after 1 of at most 5 rounds"), "{said}");
    assert!(
        said.contains("task-1.log ends with `error: cannot read") && said.contains("tasks.jsonl"),
        "{said}"
    );
}

#[test]
fn what_slurm_refuses_is_said_in_its_words_and_no_job_is_left_behind() {
    let played = Played::new();
    played.told("refuse", "sbatch: error: invalid partition specified: long\n");
    let (code, said) = played.said("run", &["--sbatch", "--partition=long"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("invalid partition specified: long") && said.contains("--sbatch"), "{said}");
    fs::remove_file(played.bin("refuse")).unwrap();
    fs::remove_file(played.bin("sbatch")).unwrap();
    let (code, said) = played.said("run", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("sbatch") && said.contains("`--engine local`"), "{said}");
}

#[test]
fn a_dry_run_says_the_script_and_the_tasks_and_writes_nothing() {
    let played = Played::new();
    let (code, said) = played.said("reproduce", &["--dry-run", "--jobs", "2", "--at-once", "3"]);
    assert_eq!(code, Some(0), "{said}");
    // Two cores need twice the runs to be as busy: two runs in a task.
    assert!(said.contains("#SBATCH --array=1-3%3") && said.contains("3 tasks of 6 runs"), "{said}");
    assert!(said.contains("#SBATCH --cpus-per-task=2") && said.contains("out of 50%%/jobs/0001/task-%a.log"));
    assert_eq!(played.submissions(), 0);
    assert!(!played.out().exists());
}

#[test]
fn reproduce_draws_what_the_cluster_has_computed() {
    let played = Played::new();
    let (code, said) = played.said("reproduce", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("A13") && said.contains("index.html"), "{said}");
    assert!(played.out().join("smoke/fc-lambda-sweep/fc-trade-off-0.svg").is_file());
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let played = Played::new();
    for more in [&["--shard", "1/2"][..], &["--keys", "tasks.jsonl"]] {
        let (code, said) = played.said("run", more);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(more[0]), "{said}");
    }
    let output = crate::agon(&played.out(), "run", &["--dry-run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = crate::agon(&played.out(), "run", &["--shard", "3/2"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("I/N"));
}
