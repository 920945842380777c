//! Tests of the Slurm engine on a real Slurm with two nodes on this machine, one of which fails during a task.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runs::store::{Arrays, Outcome, Store};

/// The daemons; stopped when dropped.
struct Slurm {
    folder: tempfile::TempDir,
}

impl Slurm {
    fn start() -> Self {
        let slurm = Self { folder: tempfile::tempdir().unwrap() };
        assert!(slurm.script("start"), "Slurm does not start here; see above");
        slurm
    }

    fn script(&self, what: &str) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/slurm.sh");
        Command::new(script).arg(what).arg(self.folder.path()).status().unwrap().success()
    }

    /// Kills the node `n2`: its daemon, the runs on it and their supervising daemons.
    fn kill_second_node(&self, runs: &[u32]) {
        let daemon: u32 =
            fs::read_to_string(self.folder.path().join("n2.pid")).unwrap().trim().parse().unwrap();
        let watching = runs.iter().filter_map(|&run| parent(run));
        let all: Vec<String> = [daemon]
            .into_iter()
            .chain(watching)
            .chain(runs.iter().copied())
            .map(|id| id.to_string())
            .collect();
        assert!(Command::new("kill").arg("-9").args(all).status().unwrap().success());
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        self.script("stop");
    }
}

/// The processes of tasks on the node `n2` that write to these results.
fn on_second_node(out: &Path) -> Vec<u32> {
    let holds = |file: PathBuf, what: &str| {
        fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(what))
    };
    let ids = fs::read_dir("/proc").unwrap().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| {
        let process = PathBuf::from(format!("/proc/{id}"));
        holds(process.join("cmdline"), &format!("{}\0", out.display()))
            && holds(process.join("environ"), "SLURMD_NODENAME=n2\0")
    })
    .collect()
}

fn parent(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// The number of unfinished runs.
fn half_done(out: &Path) -> usize {
    let runs = Store::reading(out.join("runs")).list().unwrap_or_default();
    let begun = runs.iter().filter_map(|(_, run)| run.as_ref().ok());
    begun.filter(|run| run.outcome.is_none() && run.epochs.len() > 1).count()
}

/// The bits of every epoch's measurements, and the final arrays.
type Bits = (Vec<Vec<(String, u64)>>, Arrays);

/// The bits of every run, by its key.
fn bits(out: &Path) -> BTreeMap<String, Bits> {
    let store = Store::reading(out.join("runs"));
    let runs = store.list().unwrap().into_iter();
    runs.map(|(_, run)| {
        let spec = run.unwrap().spec;
        let run = store.find(&spec).unwrap().expect("every run is finished");
        assert_eq!(run.outcome, Outcome::Finished);
        let of_epoch = |scalars: &BTreeMap<String, f64>| -> Vec<(String, u64)> {
            scalars.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect()
        };
        (spec.key(), (run.epochs.iter().map(|epoch| of_epoch(&epoch.scalars)).collect(), run.finals))
    })
    .collect()
}

#[test]
#[ignore = "starts Slurm's daemons as root; with AGON_SLURM=1"]
fn a_failing_node_changes_no_bit_of_the_stored_results() {
    let enabled = std::env::var_os("AGON_SLURM").is_some();
    assert!(enabled, "set AGON_SLURM=1 where slurm-wlm and munge are installed and you are root");
    let slurm = Slurm::start();
    let folder = tempfile::tempdir().unwrap();
    let (out, local) = (folder.path().join("cluster"), folder.path().join("local"));
    // Long enough to be killed midway, each in a task of its own. Slurm does not requeue.
    let longer = ["-s", "families.*.epochs=60", "-s", "lambdas=[0.0, 1.0]"];
    let start = Instant::now();
    let engine = ["--engine", "slurm", "--seconds-per-run", "400", "--poll", "2", "--sbatch", "--no-requeue"];
    let printed = folder.path().join("said");
    let mut agon = crate::agon(&out, "run", &[&longer[..], &engine].concat());
    agon.env("SLURM_CONF", slurm.folder.path().join("slurm.conf"));
    let mut agon = agon.stdout(Stdio::null()).stderr(fs::File::create(&printed).unwrap()).spawn().unwrap();

    let doomed = loop {
        let doomed = on_second_node(&out);
        if !doomed.is_empty() && half_done(&out) == 2 {
            break doomed;
        }
        let log = fs::read_to_string(&printed).unwrap();
        assert!(agon.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(120), "{log}");
        std::thread::sleep(Duration::from_millis(100));
    };
    slurm.kill_second_node(&doomed);
    let killed = start.elapsed();
    assert!(half_done(&out) > 0);

    let status = agon.wait().unwrap();
    let log = fs::read_to_string(&printed).unwrap();
    eprintln!("a node was killed after {killed:.1?}, all was over after {:.1?}:\n{log}", start.elapsed());
    assert!(status.success(), "{log}");
    assert!(log.contains("1 NODE_FAIL") && log.contains("round 2: 1 of 1 missing run stored"), "{log}");

    assert!(crate::agon(&local, "run", &longer).stderr(Stdio::null()).status().unwrap().success());
    let (there, here) = (bits(&out), bits(&local));
    assert_eq!(there.len(), 4);
    assert!(there == here, "the cluster's runs differ from those of this machine");
}
