//! Fetching the published files of a set: they arrive whole and verified under their final name, or not at all.
//!
//! Files go to a folder beside the target that has the target's name with `.partial` behind it. Every file has a pinned
//! size and SHA-256; the set is opened there, its content compared with what is known of it, and the folder renamed.
//! After an error nothing is left. After a kill the folder stays, and the next call goes on with it.

mod sources;
mod download;
mod unpack;
mod partial;

use std::path::Path;

use self::{
    download::{Client, Patience},
    partial::Partial,
    sources::Source,
};
use crate::{
    Error, Result,
    dataset::Dataset,
    find::shelf,
    folder,
    specs::{self, DatasetSpec},
};

/// Fetches the set `name`, one of [`crate::names`], into the folder `to/NAME`, or the one in the user's own [`shelf`],
/// where [`crate::open`] finds it. A set that is there already is only read.
///
/// `from` is the address of a folder with copies of the same files, in place of the publishers'. It starts with
/// `https://`, or with `http://` if the host is this machine. `tell` is given the bytes that are here and the bytes that
/// are asked for, while they arrive.
///
/// Connecting may take 15 s, a silence 30 s, and what comes slower than 1 KiB/s counts as silence. A download that
/// breaks is gone on with, up to five times in a row for less than 64 KiB.
///
/// # Errors
/// [`Error::UnknownSet`]; [`Error::NoSource`]; [`Error::Fetch`] with the address, what was wanted and what came;
/// [`Error::Io`]; what reading the set can err with. Then there is nothing under the final name that was not there.
pub fn fetch(
    name: &str,
    to: Option<&Path>,
    from: Option<&str>,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Dataset> {
    let spec = specs::named(name)?;
    let none = || Error::NoSource { name: name.to_owned(), hint: spec.hint };
    let source = sources::of(spec).ok_or_else(none)?;
    let shelf = to.map(Path::to_owned).or_else(shelf).ok_or_else(|| Error::Fetch {
        name: spec.name,
        at: "the environment".to_owned(),
        what: "cache folder",
        wanted: "XDG_CACHE_HOME or HOME".to_owned(),
        got: "neither".to_owned(),
        hint: "say where it shall go with `--to DIR`",
    })?;
    let client = Client::new(spec.name, from.unwrap_or(source.base), Patience::default())?;
    fetch_with(&client, spec, source, &shelf.join(spec.name), tell)
}

fn fetch_with(
    client: &Client,
    spec: &'static DatasetSpec,
    source: &Source,
    target: &Path,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Dataset> {
    if let Some(set) = already(spec, target)? {
        return Ok(set);
    }
    let partial = Partial::open(spec.name, target)?;
    let total = source.files.iter().map(|file| file.bytes).sum();
    let mut here = 0;
    for file in source.files {
        let folder = if source.archive.is_some() { partial.folder().to_owned() } else { partial.set() };
        client.download(file, &folder.join(file.name), &mut |have| tell(here + have, total))?;
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
        wanted: "those of the set".to_owned(),
        got: "none of them".to_owned(),
        hint: spec.hint,
    })?;
    partial.finish(target)?;
    set.provenance.origin.source = target.display().to_string();
    Ok(set)
}

/// The set, if it is in its place; errs if anything else is.
fn already(spec: &'static DatasetSpec, target: &Path) -> Result<Option<Dataset>> {
    let in_the_way = |got: String| Error::Fetch {
        name: spec.name,
        at: target.display().to_string(),
        what: "folder",
        wanted: "nothing there, or the whole set".to_owned(),
        got,
        hint: "move it away, or name another place with `--to DIR`",
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

/// The set in a folder, if it is as published as far as that is known; `at` is what errors call the folder.
fn published(spec: &'static DatasetSpec, folder: &Path, at: &Path) -> Result<Option<Dataset>> {
    let Some(set) = folder::read(spec, folder)? else { return Ok(None) };
    match spec.content_sha256 {
        Some(wanted) if wanted != set.provenance.content_sha256 => Err(Error::Fetch {
            name: spec.name,
            at: at.display().to_string(),
            what: "SHA-256 of the content",
            wanted: wanted.to_owned(),
            got: set.provenance.content_sha256,
            hint: spec.hint,
        }),
        _ => Ok(Some(set)),
    }
}

#[cfg(test)]
mod tests;
