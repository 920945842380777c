//! The hash of the kernel sources, used by the compilation of kernels and by the build script that embeds them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The 64-bit FNV-1a hash (Fowler, Noll and Vo, 1991) of the `.cu` and `.cuh` files of a folder. It detects stale
/// kernels and is not cryptographic.
pub(crate) fn of(folder: &Path) -> io::Result<u64> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "cu" || ending == "cuh"));
    files.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for file in files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for byte in name.into_bytes().into_iter().chain(fs::read(&file)?) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(hash)
}

/// The line that records the source hash in a list of compiled kernels.
pub(crate) fn line(hash: u64) -> String {
    format!("// sources {hash:016x}")
}
