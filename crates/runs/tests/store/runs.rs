//! Tests that runs are computed once and found again, and that damage is reported, and repaired where possible.

use std::fs;
use std::path::PathBuf;

use agon_runs::store::{Error, Outcome, Store, Values};

use crate::toy::{Toy, assert_same, compute, names_in, open, other_provenance, spec};

fn append(file: &PathBuf, bytes: &[u8]) {
    let mut all = fs::read(file).unwrap();
    all.extend(bytes);
    fs::write(file, all).unwrap();
}

#[test]
fn a_run_is_found_by_its_key() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    assert!(store.find(&spec(1)).unwrap().is_none());
    let computed = compute(&store, &spec(1), 7, |_| {}).unwrap();
    let found = open(root.path()).find(&spec(1)).unwrap().unwrap();
    assert_same(&found, &computed);
    assert_eq!(found.provenance["commit"], "0123abc");
    assert_eq!(found.epochs.len(), 7);
    assert!(found.epochs[2].scalars["test/loss"].is_nan());
    assert!(store.find(&spec(2)).unwrap().is_none());
    let listed = store.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1.as_ref().unwrap().outcome, Some(Outcome::Finished));
}

#[test]
fn two_checkpoints_are_kept_until_the_run_is_finished() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = open(root.path()).run(&spec(1)).unwrap();
    let mut toy = Toy::begin(&spec(1));
    for _ in 0..4 {
        let (checkpoint, scalars) = toy.step();
        folder.record(&checkpoint, scalars, 0.1).unwrap();
    }
    let names = ["checkpoint-3.safetensors", "checkpoint-4.safetensors", "journal.jsonl", "lock"];
    assert_eq!(names_in(folder.folder()), names);
}

#[test]
fn a_torn_line_is_removed_and_reported() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let mut folder = store.run(&spec(1)).unwrap();
    let (checkpoint, scalars) = Toy::begin(&spec(1)).step();
    folder.record(&checkpoint, scalars, 0.1).unwrap();
    let journal = folder.folder().join("journal.jsonl");
    drop(folder);
    append(&journal, b"{\"len\":200,\"crc32\":\"0000");
    assert!(store.find(&spec(1)).unwrap().is_none());
    let folder = store.run(&spec(1)).unwrap();
    let torn = folder.torn().unwrap();
    assert_eq!((torn.line, torn.bytes, folder.epochs().len()), (3, 24, 1));
    drop(folder);
    assert_eq!(store.run(&spec(1)).unwrap().torn(), None);
}

#[test]
fn a_damaged_line_is_reported_and_nothing_is_changed() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let folder = compute(&store, &spec(1), 3, |_| {}).unwrap().folder;
    let journal = folder.join("journal.jsonl");
    let damaged = fs::read_to_string(&journal).unwrap().replacen("\"epoch\":2", "\"epoch\":9", 1);
    fs::write(&journal, &damaged).unwrap();
    for error in [store.find(&spec(1)).unwrap_err(), store.run(&spec(1)).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains(&format!("{} line 3 is damaged", journal.display())), "{text}");
    }
    assert_eq!(fs::read_to_string(&journal).unwrap(), damaged);
    let listed = store.list().unwrap();
    assert!(matches!(listed[0].1, Err(Error::DamagedLine { line: 3, .. })));
}

#[test]
fn a_damaged_checkpoint_costs_one_epoch_and_changes_no_bits() {
    let root = tempfile::tempdir().unwrap();
    let reference = compute(&open(&root.path().join("reference")), &spec(1), 6, |_| {}).unwrap();
    for damaged in [vec![4], vec![3, 4]] {
        let store = open(&root.path().join(format!("{damaged:?}")));
        let mut folder = store.run(&spec(1)).unwrap();
        let mut toy = Toy::begin(&spec(1));
        for _ in 0..4 {
            let (checkpoint, scalars) = toy.step();
            folder.record(&checkpoint, scalars, 0.5).unwrap();
        }
        for epoch in &damaged {
            let file = folder.folder().join(format!("checkpoint-{epoch}.safetensors"));
            let mut bytes = fs::read(&file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&file, bytes).unwrap();
        }
        let resumed = folder.resume().unwrap().map(|checkpoint| checkpoint.epoch);
        assert_eq!(resumed, if damaged.len() == 1 { Some(3) } else { None });
        drop(folder);
        assert_same(&compute(&store, &spec(1), 6, |_| {}).unwrap(), &reference);
    }
}

#[test]
fn different_values_for_a_recorded_epoch_are_reported_as_not_deterministic() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let mut folder = store.run(&spec(1)).unwrap();
    let (checkpoint, scalars) = Toy::begin(&spec(1)).step();
    folder.record(&checkpoint, scalars.clone(), 0.1).unwrap();
    drop(folder);

    let mut folder = store.run(&spec(1)).unwrap();
    let mut other = scalars.clone();
    *other.get_mut("loss").unwrap() += 1.0;
    let error = folder.record(&checkpoint, other, 0.1).unwrap_err().to_string();
    assert!(error.contains("is not deterministic: `loss` of epoch 1 was"), "{error}");
    let mut bent = checkpoint.clone();
    bent.arrays.get_mut("momentum").unwrap().values = Values::F64(vec![0.0; 64]);
    let error = folder.record(&bent, scalars.clone(), 0.1).unwrap_err().to_string();
    assert!(error.contains("the SHA-256 of the checkpoint of epoch 1 was"), "{error}");

    let finals = Toy::begin(&spec(1)).finals();
    let error = folder.finish(Outcome::Finished, &finals).unwrap_err().to_string();
    assert!(error.contains("its last epoch was Some(1) and is now None"), "{error}");
    let mut folder = store.run(&spec(1)).unwrap();
    folder.record(&checkpoint, scalars, 9.9).unwrap();
}

#[test]
fn epochs_without_a_checkpoint_are_recomputed_and_compared_with_their_lines() {
    let root = tempfile::tempdir().unwrap();
    let reference = compute(&open(&root.path().join("reference")), &spec(1), 6, |_| {}).unwrap();
    let store = open(&root.path().join("store"));
    let mut folder = store.run(&spec(1)).unwrap();
    let mut toy = Toy::begin(&spec(1));
    for epoch in 1..=4 {
        let (checkpoint, scalars) = toy.step();
        match epoch {
            2 => folder.record(&checkpoint, scalars, 0.1).unwrap(),
            _ => folder.record_without_checkpoint(epoch, scalars, 0.1).unwrap(),
        }
    }
    drop(folder);
    let mut folder = store.run(&spec(1)).unwrap();
    assert_eq!(folder.resume().unwrap().map(|checkpoint| checkpoint.epoch), Some(2));
    let other = std::collections::BTreeMap::from([("loss".to_owned(), 0.0)]);
    let error = folder.record_without_checkpoint(3, other, 0.1).unwrap_err().to_string();
    assert!(error.contains("is not deterministic: `loss` of epoch 3 was"), "{error}");
    drop(folder);
    let again = compute(&store, &spec(1), 6, |_| {}).unwrap();
    assert_eq!((&again.finals, &again.outcome), (&reference.finals, &reference.outcome));
    let scalars = |run: &agon_runs::store::FinishedRun| {
        format!("{:?}", run.epochs.iter().map(|e| &e.scalars).collect::<Vec<_>>())
    };
    assert_eq!(scalars(&again), scalars(&reference));
}

#[test]
fn epochs_are_recorded_one_by_one() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = open(root.path()).run(&spec(1)).unwrap();
    let mut toy = Toy::begin(&spec(1));
    let (first, scalars) = toy.step();
    folder.record(&first, scalars.clone(), 0.1).unwrap();
    toy.step();
    let (third, _) = toy.step();
    for wrong in [first, third] {
        let error = folder.record(&wrong, scalars.clone(), 0.1).unwrap_err();
        assert!(matches!(error, Error::Order { expected: 2, .. }), "{error}");
    }
}

#[test]
fn a_run_is_locked_by_one_process_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let folder = store.run(&spec(1)).unwrap();
    let error = open(root.path()).run(&spec(1)).unwrap_err();
    assert!(matches!(&error, Error::Locked { folder: named } if named == folder.folder()));
    assert!(error.to_string().contains("wait for it to end or stop it"), "{error}");
    store.run(&spec(2)).unwrap();
    drop(folder);
    store.run(&spec(1)).unwrap();
}

#[test]
fn an_unwritable_folder_is_reported_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let root = file.path().join("runs");
    let error = Store::open(&root).unwrap_err().to_string();
    let begins = format!("the results folder {} cannot be written", root.display());
    assert!(error.starts_with(&begins) && error.contains("choose a folder"), "{error}");
}

#[test]
fn a_folder_of_another_run_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let folder = compute(&store, &spec(1), 1, |_| {}).unwrap().folder;
    fs::rename(folder, root.path().join(spec(2).folder_name())).unwrap();
    for error in [store.find(&spec(2)).unwrap_err(), store.run(&spec(2)).unwrap_err()] {
        assert!(matches!(&error, Error::OtherRun { got, .. } if *got == spec(1).key()), "{error}");
    }
}

#[test]
fn a_lost_or_damaged_hdf5_file_is_derived_again() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let run = compute(&store, &spec(1), 4, |_| {}).unwrap();
    let whole = fs::read(run.hdf5_file()).unwrap();
    let mut bent = whole.clone();
    bent[whole.len() / 2] ^= 1;
    let hash = run.folder.join("run.h5.sha256");
    fs::remove_file(run.hdf5_file()).unwrap();
    for damage in [None, Some(&bent[..]), Some(&whole[..100])] {
        if let Some(damage) = damage {
            fs::write(run.hdf5_file(), damage).unwrap();
        }
        store.find(&spec(1)).unwrap().unwrap();
        assert!(fs::read(run.hdf5_file()).unwrap() == whole);
    }
    fs::remove_file(&hash).unwrap();
    store.find(&spec(1)).unwrap().unwrap();
    assert!(hash.exists());
}

#[test]
fn damaged_final_arrays_are_reported() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let file = compute(&store, &spec(1), 1, |_| {}).unwrap().folder.join("final.safetensors");
    for damage in [Some(b"short".to_vec()), None] {
        match damage {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let error = store.find(&spec(1)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{} is damaged: expected the SHA-256", file.display())),
            "{error}"
        );
    }
}

#[test]
fn diverged_and_failed_runs_are_stored_with_their_outcome() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let diverged = Outcome::Diverged { epoch: 3, reason: "`matmul` in `encoder.0`, step 17: NaN".into() };
    let failed = Outcome::Failed { reason: "out of memory".into() };
    for (seed, outcome) in [(1, diverged), (2, failed)] {
        let folder = store.run(&spec(seed)).unwrap();
        folder.finish(outcome.clone(), &Toy::begin(&spec(seed)).finals()).unwrap();
        assert_eq!(store.find(&spec(seed)).unwrap().unwrap().outcome, outcome);
        let mut folder = store.run(&spec(seed)).unwrap();
        assert!(folder.is_finished() && folder.resume().unwrap().is_none());
        let (checkpoint, scalars) = Toy::begin(&spec(seed)).step();
        assert!(matches!(folder.record(&checkpoint, scalars, 0.0), Err(Error::Finished { .. })));
    }
}

#[test]
fn a_deleted_run_is_computed_again() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let failed = Outcome::Failed { reason: "out of memory".into() };
    let folder = store.run(&spec(1)).unwrap();
    assert!(matches!(store.forget(&spec(1)), Err(Error::Locked { .. })));
    folder.finish(failed, &Toy::begin(&spec(1)).finals()).unwrap();
    store.forget(&spec(1)).unwrap();
    assert!(store.find(&spec(1)).unwrap().is_none());
    let run = compute(&store, &spec(1), 2, |_| {}).unwrap();
    assert_eq!(run.outcome, Outcome::Finished);
}

#[test]
fn the_provenance_of_a_resumed_run_is_recorded() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    drop(store.run(&spec(1)).unwrap());
    drop(store.run(&spec(1)).unwrap());
    let other = store.clone().with_provenance(other_provenance());
    drop(other.run(&spec(1)).unwrap());
    let run = compute(&other, &spec(1), 2, |_| {}).unwrap();
    assert_eq!((run.provenance["device"].as_str(), run.continued), (Some("cpu"), vec![other_provenance()]));
}
