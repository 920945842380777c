//! Tests that after any single failure of a disk call the store holds the old or the new state.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use agon_runs::store::{Disk, Outcome, RealDisk, Store};
use reliability::Measurement;

use crate::toy::{Toy, assert_same, assert_same_epochs, compute, names_in, open, spec};

/// The way a call fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The call has no effect and returns an error.
    InputOutput,
    /// The call has no effect, because the disk is full.
    Full,
    /// Half of the bytes are written.
    Short,
    /// The machine stops before the call.
    CrashBefore,
    /// The machine stops in the middle of a write.
    CrashShort,
    /// The machine stops after the call.
    CrashAfter,
    /// The machine stops before the call, and renames and removals that were not synced are undone.
    CrashUnsynced,
}

const FAULTS: [Fault; 7] = [
    Fault::InputOutput,
    Fault::Full,
    Fault::Short,
    Fault::CrashBefore,
    Fault::CrashShort,
    Fault::CrashAfter,
    Fault::CrashUnsynced,
];

/// The real disk, except for one faulty call.
#[derive(Debug)]
struct FaultyDisk {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The number of calls before the fault.
    left: usize,
    crashed: bool,
    /// The files before renames and removals that have not been synced.
    unsynced: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl FaultyDisk {
    fn new(fault: Fault, left: usize) -> Arc<FaultyDisk> {
        let state = State { left, crashed: false, unsynced: vec![] };
        Arc::new(FaultyDisk { fault, state: Mutex::new(state) })
    }

    fn has_failed(&self) -> bool {
        self.state.lock().unwrap().left == 0
    }

    /// Makes the call, or injects the fault if its turn has come; `half` is the effect of a short write.
    fn call<T>(
        &self,
        make: impl FnOnce() -> io::Result<T>,
        half: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        if state.crashed {
            return Err(io::Error::other("the machine has stopped"));
        }
        if state.left != 1 {
            state.left = state.left.saturating_sub(1);
            return make();
        }
        state.left = 0;
        state.crashed = !matches!(self.fault, Fault::InputOutput | Fault::Full | Fault::Short);
        match self.fault {
            Fault::Short | Fault::CrashShort => half()?,
            Fault::CrashAfter => drop(make()?),
            Fault::CrashUnsynced => {
                for (file, bytes) in state.unsynced.drain(..).rev() {
                    match bytes {
                        Some(bytes) => std::fs::write(file, bytes)?,
                        None => std::fs::remove_file(file)?,
                    }
                }
            }
            Fault::InputOutput | Fault::Full | Fault::CrashBefore => {}
        }
        let kind = if self.fault == Fault::Full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
        Err(io::Error::new(kind, "a fault of the test"))
    }

    fn whole<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.call(make, || Ok(()))
    }
}

impl Disk for FaultyDisk {
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        self.whole(|| RealDisk.read(file))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.whole(|| RealDisk.names(folder))
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.whole(|| RealDisk.create_folder(folder))
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.call(|| RealDisk.write(file, bytes), || RealDisk.write(file, &bytes[..bytes.len() / 2]))
    }

    fn append(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.call(|| RealDisk.append(file, bytes), || RealDisk.append(file, &bytes[..bytes.len() / 2]))
    }

    fn cut(&self, file: &Path, length: u64) -> io::Result<()> {
        self.whole(|| RealDisk.cut(file, length))
    }

    fn sync(&self, file_or_folder: &Path) -> io::Result<()> {
        self.whole(|| RealDisk.sync(file_or_folder))?;
        let mut state = self.state.lock().unwrap();
        state.unsynced.retain(|(file, _)| file.parent() != Some(file_or_folder));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let before = [std::fs::read(from).ok(), std::fs::read(to).ok()];
        self.whole(|| RealDisk.rename(from, to))?;
        let mut state = self.state.lock().unwrap();
        state.unsynced.extend([from, to].map(Path::to_path_buf).into_iter().zip(before));
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        let before = std::fs::read(file).ok();
        self.whole(|| RealDisk.remove(file))?;
        self.state.lock().unwrap().unsynced.push((file.to_path_buf(), before));
        Ok(())
    }
}

const EPOCHS: u32 = 4;

#[test]
fn after_any_failing_call_the_state_is_old_or_new_and_the_run_resumes_with_identical_bits() {
    let measured = Measurement::of(
        "R11",
        "after any file operation fails in any way, what is found is the old state or the new",
    );
    let mut all = 0;
    let base = tempfile::tempdir().unwrap();
    let reference = compute(&open(&base.path().join("reference")), &spec(3), EPOCHS, |_| {}).unwrap();
    for fault in FAULTS {
        let mut calls = 0;
        for call in 1.. {
            let root = base.path().join(format!("{fault:?}-{call}"));
            let disk = FaultyDisk::new(fault, call);
            let mut acknowledged = 0;
            let provenance = reference.provenance.clone();
            let result = Store::open_on(disk.clone(), &root)
                .map(|store| store.with_provenance(provenance))
                .and_then(|store| compute(&store, &spec(3), EPOCHS, |epoch| acknowledged = epoch));
            if !disk.has_failed() {
                assert_same(&result.unwrap(), &reference);
                break;
            }
            calls = call;
            let message = result.expect_err("a call failed").to_string();
            let place = format!("{fault:?} in call {call}: {message}");
            assert!(message.contains(&*root.to_string_lossy()), "no file is named: {place}");
            let expected =
                if fault == Fault::Full { "free some space" } else { "nothing stored before is lost" };
            assert!(message.contains(expected), "{place}");

            let store = open(&root);
            let mut folder = store.run(&spec(3)).unwrap_or_else(|e| panic!("{place}: {e}"));
            let recorded = folder.epochs().len() as u32;
            assert!((acknowledged..=acknowledged + 1).contains(&recorded), "{recorded} epochs: {place}");
            assert_same_epochs(folder.epochs(), &reference.epochs);
            if !folder.is_finished() {
                let resumed = folder.resume().unwrap().map_or(0, |checkpoint| checkpoint.epoch);
                assert_eq!(resumed, recorded, "{place}");
            }
            drop(folder);
            let run = compute(&store, &spec(3), EPOCHS, |_| {}).unwrap_or_else(|e| panic!("{place}: {e}"));
            assert_same(&run, &reference);
            assert_eq!(names_in(&root), [spec(3).folder_name()], "{place}");
        }
        assert!(calls > 40, "{fault:?}: {calls}");
        all += calls;
    }
    measured.passed(
        all,
        format!("{all} faults: each call of a whole run failed once in each of {} ways", FAULTS.len()),
    );
}

#[test]
fn a_failed_record_can_be_repeated() {
    let base = tempfile::tempdir().unwrap();
    let reference = compute(&open(&base.path().join("reference")), &spec(3), 2, |_| {}).unwrap();
    for fault in [Fault::InputOutput, Fault::Full, Fault::Short] {
        for call in 1.. {
            let root = base.path().join(format!("{fault:?}-{call}"));
            let disk = FaultyDisk::new(fault, call);
            let store = loop {
                match Store::open_on(disk.clone(), &root) {
                    Ok(store) => break store.with_provenance(reference.provenance.clone()),
                    Err(_) => assert!(disk.has_failed()),
                }
            };
            let mut folder = store.run(&spec(3)).or_else(|_| store.run(&spec(3))).unwrap();
            let mut toy = Toy::begin(&spec(3));
            for _ in 0..2 {
                let (checkpoint, scalars) = toy.step();
                if folder.record(&checkpoint, scalars.clone(), 0.5).is_err() {
                    folder.record(&checkpoint, scalars, 0.5).unwrap();
                }
            }
            if !disk.has_failed() {
                break;
            }
            let run = folder.finish(Outcome::Finished, &toy.finals()).unwrap();
            assert_same(&run, &reference);
        }
    }
}
