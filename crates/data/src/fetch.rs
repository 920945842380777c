//! Downloads the published files of a data set atomically: the final folder exists only with verified content.
//!
//! Files are downloaded to a folder beside the target with the suffix `.partial`. Every file has a pinned size and
//! SHA-256; then the set is opened there, its content checksum is compared with the published one, and the folder is
//! renamed. After an error the folder is removed. After a kill it remains, and the next call resumes the download.

mod sources;
mod download;
mod unpack;
mod partial;

use std::path::Path;

use self::{
    download::{Client, Timeouts},
    partial::Partial,
    sources::Source,
};
use crate::{
    Error, Result,
    dataset::Dataset,
    find::cache_folder,
    folder,
    specs::{self, DatasetSpec},
};

/// Downloads the set `name`, one of [`crate::names`], into the folder `to/NAME`. By default `to` is the user's
/// [`cache_folder`], where [`crate::open`] finds the set. A set that already exists is only read.
///
/// `from` is the URL of a mirror with the same files. It must start with `https://`, or with `http://` if the host is
/// this machine. `progress` is called with the bytes received so far and the total.
///
/// The timeouts are 15 s for connecting and 30 s without data; a rate below 1 KiB/s counts as no data. An interrupted
/// download is resumed, unless five attempts in a row receive less than 64 KiB each.
///
/// # Errors
/// [`Error::UnknownSet`]; [`Error::NoSource`]; [`Error::Fetch`] with the URL, the expected and the actual value;
/// [`Error::Io`]; the errors of reading the set. The target is then unchanged.
pub fn fetch(
    name: &str,
    to: Option<&Path>,
    from: Option<&str>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Dataset> {
    let spec = specs::named(name)?;
    let none = || Error::NoSource { name: name.to_owned(), hint: spec.hint };
    let source = sources::of(spec).ok_or_else(none)?;
    let cache_folder = to.map(Path::to_owned).or_else(cache_folder).ok_or_else(|| Error::Fetch {
        name: spec.name,
        at: "the environment".to_owned(),
        what: "cache folder",
        expected: "XDG_CACHE_HOME or HOME".to_owned(),
        got: "neither".to_owned(),
        hint: "name the target folder with `--to DIR`",
    })?;
    let client = Client::new(spec.name, from.unwrap_or(source.base), Timeouts::default())?;
    fetch_with(&client, spec, source, &cache_folder.join(spec.name), progress)
}

fn fetch_with(
    client: &Client,
    spec: &'static DatasetSpec,
    source: &Source,
    target: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Dataset> {
    if let Some(set) = already(spec, target)? {
        return Ok(set);
    }
    let partial = Partial::open(spec.name, target)?;
    let total = source.files.iter().map(|file| file.bytes).sum();
    let mut here = 0;
    for file in source.files {
        let folder = if source.archive.is_some() { partial.folder().to_owned() } else { partial.set() };
        client.download(file, &folder.join(file.name), &mut |have| progress(here + have, total))?;
        here += file.bytes;
    }
    if let Some(limits) = source.archive {
        for file in source.files {
            unpack::unpack(spec.layout, &partial.folder().join(file.name), limits, &partial.set())?;
        }
    }
    let set = published(spec, &partial.set(), partial.folder())?;
    let mut set = set.ok_or_else(|| Error::Fetch {
        name: spec.name,
        at: source.base.to_owned(),
        what: "files",
        expected: "the files of the set".to_owned(),
        got: "none of them".to_owned(),
        hint: spec.hint,
    })?;
    partial.finish(target)?;
    set.provenance.origin.source = target.display().to_string();
    Ok(set)
}

/// The set, if the target contains it. Fails if the target contains anything else.
fn already(spec: &'static DatasetSpec, target: &Path) -> Result<Option<Dataset>> {
    let in_the_way = |got: String| Error::Fetch {
        name: spec.name,
        at: target.display().to_string(),
        what: "folder",
        expected: "an empty folder or the complete set".to_owned(),
        got,
        hint: "move it away, or name another folder with `--to DIR`",
    };
    match published(spec, target, target) {
        Ok(Some(set)) => Ok(Some(set)),
        Ok(None) if target.read_dir().is_ok_and(|mut entries| entries.next().is_some()) => {
            Err(in_the_way("other files".to_owned()))
        }
        Ok(None) if target.exists() && !target.is_dir() => Err(in_the_way("a file".to_owned())),
        Ok(None) => Ok(None),
        Err(error) => Err(in_the_way(format!("this: {error}"))),
    }
}

/// The set in a folder, if its checksum is the published one or none is known; errors name the folder `at`.
fn published(spec: &'static DatasetSpec, folder: &Path, at: &Path) -> Result<Option<Dataset>> {
    let Some(set) = folder::read(spec, folder)? else { return Ok(None) };
    match spec.content_sha256 {
        Some(expected) if expected != set.provenance.content_sha256 => Err(Error::Fetch {
            name: spec.name,
            at: at.display().to_string(),
            what: "SHA-256 of the content",
            expected: expected.to_owned(),
            got: set.provenance.content_sha256,
            hint: spec.hint,
        }),
        _ => Ok(Some(set)),
    }
}

#[cfg(test)]
mod tests;
