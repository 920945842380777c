//! Tests of full disks: exit code 4, no journal line without its epoch, and the same bits once there is space (row
//! R12).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reliability::{Measurement, size};
use runs::Error;
use runs::run::keep::Keep;
use runs::store::Store;
use tensor::Device;

use crate::program::{Left, agon, files_below, reproduce, strays, sweep};
use crate::real::{Bits, compute, fc_s, images, open, run_of};

/// A tmpfs of limited size, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` if this process is not permitted to mount.
    fn mount(at: PathBuf, kib: u64) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let options = format!("size={kib}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "agon-test"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a child process being started by another test may share open files.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A limit on disk space, and how to lift it.
enum Limit {
    Disk(SmallDisk),
    /// A file size limit in KiB, for machines where nothing can be mounted.
    FileSize(u64),
}

impl Limit {
    fn reproduce(&self, out: &Path) -> Output {
        match self {
            Self::Disk(_) => reproduce(out),
            Self::FileSize(kib) => {
                let program = agon(&sweep(out));
                let script = format!("ulimit -f {kib}; exec \"$0\" \"$@\"");
                let mut shell = Command::new("bash");
                shell.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
                shell.env("HOME", "/dev/null/nonexistent").output().unwrap()
            }
        }
    }
}

/// The cases: disks that hold some part of what a run or reproduction needs.
fn limits(
    base: &Path,
    cases: usize,
    needed: u64,
    largest: u64,
) -> impl Iterator<Item = (PathBuf, Limit)> + '_ {
    let kib = move |part: f64, of: u64| 24 + (part * of as f64 / 1_024.0) as u64;
    let can_mount = SmallDisk::mount(base.join("probe"), 64).is_some();
    (0..cases).map(move |case| {
        let part = (case as f64 + 0.5) / cases as f64;
        let place = base.join(format!("case-{case}"));
        let limit = match can_mount {
            true => Limit::Disk(SmallDisk::mount(place.clone(), kib(part, needed)).unwrap()),
            false => Limit::FileSize(kib(part, largest)),
        };
        (place, limit)
    })
}

/// The disk space of all files, and the size of the largest, in bytes.
fn sizes(folder: &Path) -> (u64, u64) {
    const BLOCK: u64 = 4_096;
    let sizes: Vec<u64> = files_below(folder).iter().map(|file| file.metadata().unwrap().len()).collect();
    (sizes.iter().map(|n| n.next_multiple_of(BLOCK)).sum(), sizes.into_iter().max().unwrap())
}

/// Checks that every recorded epoch is bit-identical to one of the run without faults.
fn assert_no_phantom_rows(runs: &Path, whole: &Path) {
    let known = Store::reading(whole).list().unwrap();
    for (folder, summary) in Store::reading(runs).list().into_iter().flatten() {
        let of_whole = known.iter().find(|(known, _)| known.file_name() == folder.file_name()).unwrap();
        let (summary, of_whole) = (summary.unwrap(), of_whole.1.as_ref().unwrap());
        let same = summary.epochs.iter().zip(&of_whole.epochs).all(|(a, b)| a.difference(b).is_none());
        assert!(
            same && summary.epochs.len() <= of_whole.epochs.len(),
            "phantom rows in {}",
            folder.display()
        );
    }
}

#[test]
fn on_a_full_disk_the_program_ends_with_code_4_and_later_resumes_to_the_same_results() {
    let measured =
        Measurement::of("R12", "a full disk ends with exit code 4 and a next step, and costs no bit");
    let base = tempfile::tempdir().unwrap();
    let whole = base.path().join("reference");
    assert!(reproduce(&whole).status.success());
    let (reference, (needed, largest)) = (Left::read(&whole), sizes(&whole));
    let (cases, mut full) = (size(4, 40), 0);
    for (place, limit) in limits(base.path(), cases, needed, largest) {
        let out = place.join("out");
        let output = limit.reproduce(&out);
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 4)), "{:?}: {printed}", output.status);
        if output.status.code() == Some(4) {
            full += 1;
            let step =
                printed.contains("free some space") || printed.contains("nothing stored before is lost");
            assert!(step && !printed.contains("panicked"), "{printed}");
        }
        assert_no_phantom_rows(&out.join("runs"), &whole.join("runs"));
        if let Limit::Disk(disk) = &limit {
            disk.grow();
        }
        let output = reproduce(&out);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(Left::read(&out) == reference, "other results or figures in {}", out.display());
        assert_eq!(strays(&out), Vec::<PathBuf>::new());
    }
    assert!(2 * full >= cases, "only {full} of {cases} were too small");
    measured
        .part("program")
        .passed(cases, format!("{full} of {cases} reproductions met it, exit code 4, same results"));
}

#[test]
fn on_a_full_disk_a_run_stops_and_later_resumes_with_identical_bits() {
    let measured =
        Measurement::of("R12", "a full disk ends with exit code 4 and a next step, and costs no bit");
    let base = tempfile::tempdir().unwrap();
    let (whole, run) = (base.path().join("reference"), run_of(fc_s(), 0.5));
    let reference = Bits::of(&compute(&open(&whole), &run, |_| ()));
    let (needed, largest) = sizes(&whole);
    // Two checkpoints exist at the same time while a run is computed.
    let (cases, mut full) = (size(16, 160), 0);
    for (place, limit) in limits(base.path(), cases, 3 * needed, largest) {
        let Limit::Disk(disk) = limit else {
            measured
                .part("run")
                .not_run("a run inside of a test needs a small file system; mounting is not allowed");
            return;
        };
        let (store, spec) = (open(&place), run.spec(images()));
        let met = store.run(&spec).map_err(Error::from);
        let met = met
            .and_then(|folder| run.compute(images(), None, &Device::Cpu, folder, Keep::WhatIsReread, |_| ()));
        if let Err(error) = met {
            full += 1;
            assert_eq!(error.exit_status().code(), 4, "{error}");
            assert!(error.to_string().contains("free some space"), "{error}");
        }
        assert_no_phantom_rows(&place, &whole);
        disk.grow();
        assert_eq!(Bits::of(&compute(&store, &run, |_| ())), reference);
        assert_eq!(strays(&place), Vec::<PathBuf>::new());
    }
    assert!(2 * full >= cases, "only {full} of {cases} were too small");
    measured.part("run").passed(cases, format!("{full} of {cases} runs met it, same bits"));
}
