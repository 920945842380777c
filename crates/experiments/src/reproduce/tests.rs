//! Tests that the committed results give the committed verdicts.

use std::path::Path;

use super::redraw;
use crate::claims::ALL;
use crate::options::Options;
use crate::profile::Profile;
use runs::local::Resources;
use runs::run::keep::Keep;
use runs::slurm::Engine;

#[test]
fn the_committed_results_give_the_same_verdicts_again() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/standard");
    let (out, mut n_copied) = (tempfile::tempdir().unwrap(), 0);
    for experiment in ALL {
        let name = experiment.info().name;
        let file = committed.join(name).join(format!("{name}.h5"));
        if file.is_file() {
            let folder = out.path().join("standard").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::copy(file, folder.join(format!("{name}.h5"))).unwrap();
            n_copied += 1;
        }
    }
    std::fs::copy(committed.join("verdicts.h5"), out.path().join("standard/verdicts.h5")).unwrap();
    assert!(n_copied > 30, "{n_copied} committed results files");
    let resources =
        Resources { jobs: 1, together: 1, threads: 1, device: "cpu".into(), keep: Keep::WhatIsReread };
    let options = Options {
        profile: Profile::Standard,
        command: "cargo xtask reproduce".into(),
        out: out.path().into(),
        data: None,
        resources,
        settings: vec![],
        engine: Engine::Local,
        provenance: serde_json::Map::new(),
    };
    redraw(ALL, &options).unwrap();
    // The committed table was written by `agon report`.
    let again = std::fs::read_to_string(out.path().join("standard/verdicts.csv")).unwrap();
    let expected = std::fs::read_to_string(committed.join("verdicts.csv")).unwrap();
    assert_eq!(again.lines().collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
}
