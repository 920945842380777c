//! What made a result: commit, versions, machine.

use std::process::Command;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What computes from here on, for the headers of runs and for result files.
pub fn provenance(device: &str) -> Map<String, Value> {
    let lock = Sha256::digest(include_bytes!("../../../Cargo.lock"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let entries = [
        ("agon_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", commit()),
        ("cargo_lock_sha256", format!("{lock:x}")),
        ("device", device.to_owned()),
        ("processor", processor()),
        ("processors", threads.to_string()),
        ("dtype", "f32".to_owned()),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// The commit of the folder that the program is run in, marked where files differ from it.
fn commit() -> String {
    let described = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=40"]).output();
    match described {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// The name of the processor, as the system gives it.
pub fn processor() -> String {
    let described = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = described.lines().find_map(|line| line.strip_prefix("model name"));
    model.and_then(|rest| rest.split_once(':')).map_or("unknown", |(_, name)| name.trim()).to_owned()
}
