//! Unpacks an archive: only the files of the set are written, only into its folder, with limits on their number and
//! size.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use super::partial::about;
use crate::{
    Result,
    formats::stored::{Limited, may_unpack_to, unreadable, wrong},
    formats::tar::{self, Limits},
    specs::Layout,
};

/// Extracts the files of a `.tar.gz` archive that belong to a set of this layout, without the archive's top folder.
///
/// Fails as [`tar::read`] does, if the archive unpacks to much more than its size, and if it contains a file twice.
pub(super) fn unpack(layout: Layout, archive: &Path, limits: Limits, into: &Path) -> Result<()> {
    // An interrupted call may have left some files.
    fs::remove_dir_all(into).and_then(|()| fs::create_dir(into)).map_err(about(into))?;
    let name = archive.display().to_string();
    let file = File::open(archive).map_err(about(archive))?;
    let size = file.metadata().map_err(about(archive))?.len();
    let most = may_unpack_to(size).min(limits.bytes + (limits.entries + 2) * 1_024);
    let mut unpacked = Limited::new(MultiGzDecoder::new(BufReader::new(file)), most);
    tar::read(&name, &mut unpacked, limits, |path, _, content| {
        let Some((_, inner)) = path.split_once('/') else { return Ok(()) };
        if !belongs(layout, inner) {
            return Ok(());
        }
        let path = into.join(inner);
        fs::create_dir_all(path.parent().unwrap_or(into)).map_err(about(&path))?;
        let mut file = match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(wrong(&name, "entries", "each file once", format!("`{inner}` twice")));
            }
            created => created.map_err(about(&path))?,
        };
        // A failed read of the archive is distinguished from a failed write by the next read of its content.
        io::copy(content, &mut file).map_err(|error| unreadable(&name, "content", error))?;
        file.sync_all().map_err(about(&path))
    })?;
    // The rest is unpacked too, because the checksum of the stream is verified at its end.
    io::copy(&mut unpacked, &mut io::sink()).map_err(|error| unreadable(&name, "end", error))?;
    Ok(())
}

/// Whether a file with this path of plain names is part of the set.
fn belongs(layout: Layout, path: &str) -> bool {
    let parts = layout.parts();
    let is = |path: &str| parts.iter().any(|part| part == path);
    match layout {
        Layout::Files(_) => is(path),
        Layout::Embedded => false,
        // The images in the folders of the layout.
        Layout::Imagenette | Layout::TinyImageNet => {
            path.rsplit_once('/').is_some_and(|(folder, file)| is(folder) && file.ends_with(".JPEG"))
        }
    }
}
