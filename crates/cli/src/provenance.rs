//! The provenance of results: commit, versions, machine.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use system::cpu;

/// The provenance of computations on this device, for the headers of runs and for results files.
pub fn provenance(device: &str) -> Map<String, Value> {
    let lock = Sha256::digest(include_bytes!("../../../Cargo.lock"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let entries = [
        ("agon_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", COMMIT.to_owned()),
        ("cargo_lock_sha256", format!("{lock:x}")),
        ("device", device.to_owned()),
        ("processor", cpu::name()),
        ("processors", threads.to_string()),
        ("dtype", "f32".to_owned()),
        ("convolutions", tensor::conv::Algorithm::from_environment().name().to_owned()),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// The commit that this program was built from, with `-dirty` if its sources differed from it; `unknown` outside of a
/// repository.
pub const COMMIT: &str = env!("AGON_COMMIT");
