//! Regenerates the embedded subset of Fashion-MNIST: `make_embedded SOURCE_DIR TARGET_DIR`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool, whose output is not parsed")]

use std::{env, error::Error, fs, io::Write, path::Path};

use agon_data::{SearchFolders, Split, embedded, formats::idx, open_in};
use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    let [_, source, target] = &env::args().collect::<Vec<_>>()[..] else {
        return Err("usage: make_embedded SOURCE_DIR TARGET_DIR".into());
    };
    let places = SearchFolders { named: vec![source.into()], roots: Vec::new() };
    let full = open_in("fashion-mnist", &places)?;
    let target = Path::new(target);
    fs::create_dir_all(target)?;
    write(target, "train", &full.train.first_of_each_class(embedded::TRAIN_OF_EACH_CLASS)?)?;
    write(target, "t10k", &full.test.first_of_each_class(embedded::TEST_OF_EACH_CLASS)?)?;
    Ok(())
}

fn write(target: &Path, prefix: &str, split: &Split) -> Result<(), Box<dyn Error>> {
    let [_, h, w] = split.image_shape();
    let images = idx::encode([split.len(), h, w], split.pixels())?;
    let labels = idx::encode([split.len()], split.labels())?;
    for (content, kind) in [(images, "images-idx3"), (labels, "labels-idx1")] {
        let path = target.join(format!("{prefix}-{kind}-ubyte.gz"));
        // flate2 stores neither a name nor a time, so equal content gives equal files.
        let mut gzip = GzEncoder::new(fs::File::create(&path)?, Compression::best());
        gzip.write_all(&content)?;
        gzip.finish()?;
        println!("{}", path.display());
    }
    Ok(())
}
