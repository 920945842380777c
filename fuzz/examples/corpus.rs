//! Writes the seed corpus into `fuzz/corpus`.

use std::fs;
use std::io;

use fuzz::corpus;
use fuzz::readers::READERS;

fn main() -> io::Result<()> {
    for reader in READERS {
        let folder = corpus::folder(reader.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in corpus::of(reader.name) {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
