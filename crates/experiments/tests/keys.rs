//! The keys of stored runs: those of the first run of each kind of learner in the quick profile.

use std::collections::BTreeMap;

use agon_experiments::experiment::Planned;
use agon_experiments::{Profile, claims};
use runs::store::{DataId, RunSpec};

/// A change of one of them would compute stored runs again.
const KEYS: [(&str, &str); 7] = [
    ("autoencoding", ""),
    ("closed-form", ""),
    ("cre", ""),
    ("predictive-coding", ""),
    ("readout", ""),
    ("recognition", ""),
    ("recurrent", ""),
];

#[test]
fn the_first_run_of_each_kind_of_learner_has_the_key_under_which_it_is_stored() {
    let mut first = BTreeMap::new();
    for &experiment in claims::ALL {
        for run in Planned::new(experiment, Profile::Quick, &[]).unwrap().runs {
            let config = serde_json::to_value(&run.config).unwrap();
            let kind = config["learner"]["kind"].as_str().unwrap().to_owned();
            first.entry(kind).or_insert_with(|| {
                let name = run.config.data.name.clone();
                let data = DataId { name, sha256: "00".repeat(32), classes: vec![] };
                RunSpec { config, seed: run.seed, data, schema: 4 }.folder_name()
            });
        }
    }
    let expected = KEYS.map(|(kind, key)| (kind.to_owned(), key.to_owned()));
    assert_eq!(first, BTreeMap::from(expected));
}
