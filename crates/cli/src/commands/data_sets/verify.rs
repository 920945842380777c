//! `agon data verify`: reads whole data sets and compares them with the published ones.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use data::{Dataset, Listed, Location, SearchFolders, Size, Split};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::values::existing_folder;
use crate::error::{Error, Result};
use crate::output::{print_json, print_text};
use system::nearest::nearest;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The data sets, as named by `agon data list`
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads the sets in turn; fails if one is missing, damaged, or differs from the published one.
pub(super) fn command(args: &Verify) -> Result<ExitCode> {
    let places = SearchFolders::from_environment(args.data.as_deref());
    let all = data::catalogue(&places);
    let sets = args.names.iter().map(|name| named(&all, name)).collect::<Result<Vec<_>>>()?;
    let (mut good, mut entries) = (true, vec![]);
    for listed in sets {
        let (summary, entry) = match data::open_in(listed.name, &places) {
            Ok(set) => {
                let verdict = Verdict::of(listed, &set);
                good &= verdict != Verdict::Differs;
                (text(listed, &set, verdict), entry(&set, verdict))
            }
            Err(error) => {
                good = false;
                let entry = json!({ "name": listed.name, "error": error.to_string() });
                (format!("{}: cannot be read\n    {error}\n", listed.name), entry)
            }
        };
        entries.push(entry);
        if !args.json {
            // Each set is reported as soon as it is read, since some take seconds.
            print_text(&summary)?;
        }
    }
    if args.json {
        print_json(&entries)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A summary of a set and whether it is the published one.
#[cfg(feature = "fetch")]
pub(super) fn describe(listed: &Listed, set: &Dataset) -> String {
    text(listed, set, Verdict::of(listed, set))
}

/// The result of a verification as JSON.
#[cfg(feature = "fetch")]
pub(super) fn described(listed: &Listed, set: &Dataset) -> Value {
    entry(set, Verdict::of(listed, set))
}

/// The set of this name.
pub(super) fn named<'l>(all: &'l [Listed], name: &str) -> Result<&'l Listed> {
    all.iter().find(|listed| listed.name == name).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|listed| listed.name).collect();
        let hint = nearest(name, &known);
        Error::Usage(format!("no data set `{name}`{hint}; the data sets are {}", known.join(", ")))
    })
}

/// The comparison of a set with the published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Published,
    /// The checksum of the published set is known, and this one differs.
    Differs,
    /// The sizes are those published; no checksum is known.
    SameSize,
    /// The sizes differ from those published; no checksum is known.
    OtherSize,
}

impl Verdict {
    fn of(listed: &Listed, set: &Dataset) -> Self {
        let (train, test) = (set.train.len(), set.test.len());
        let found = Size { train, test, shape: set.train.image_shape(), classes: set.classes.len() };
        match listed.content_sha256 {
            Some(published) if published == set.provenance.content_sha256 => Self::Published,
            Some(_) => Self::Differs,
            None if listed.size == found => Self::SameSize,
            None => Self::OtherSize,
        }
    }
}

/// The summary in JSON.
fn entry(set: &Dataset, verdict: Verdict) -> Value {
    let of = |split: &Split| {
        let (shape, counts) = (split.image_shape(), split.class_counts());
        json!({ "images": split.len(), "shape": shape, "images_of_classes": counts })
    };
    json!({
        "name": set.name,
        "source": set.provenance.origin.source,
        "train": of(&set.train),
        "test": of(&set.test),
        "content_sha256": set.provenance.content_sha256,
        "verdict": verdict,
    })
}

fn text(listed: &Listed, set: &Dataset, verdict: Verdict) -> String {
    let verdict = match (verdict, &listed.location) {
        (Verdict::Published, Location::Embedded) => "the set embedded in this program".to_owned(),
        (Verdict::Published, _) => "the published set".to_owned(),
        (Verdict::Differs, _) => {
            format!("NOT the published set, whose checksum is {}", listed.content_sha256.unwrap_or_default())
        }
        (Verdict::SameSize, _) => {
            "of the same size as the published set, whose checksum this program does not have".to_owned()
        }
        (Verdict::OtherSize, _) => "of another size than the published set".to_owned(),
    };
    format!(
        "{}: {}\n    train: {}\n    test:  {}\n    SHA-256 of the content: {}\n    {verdict}\n",
        set.name,
        set.provenance.origin.source,
        of_split(&set.train),
        of_split(&set.test),
        set.provenance.content_sha256,
    )
}

fn of_split(split: &Split) -> String {
    let ([c, h, w], counts) = (split.image_shape(), split.class_counts());
    let (least, most) = (counts.iter().min().unwrap_or(&0), counts.iter().max().unwrap_or(&0));
    let each = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    format!("{} images of {c} x {h} x {w}, {each} in each of {} classes", split.len(), counts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> (Listed, Dataset) {
        let all = data::catalogue(&SearchFolders::default());
        let listed = named(&all, "fashion-mnist-embedded").unwrap().clone();
        (listed, data::open_in("fashion-mnist-embedded", &SearchFolders::default()).unwrap())
    }

    #[test]
    fn a_complete_set_is_verified_and_a_part_is_not() {
        let (listed, set) = embedded();
        assert_eq!(Verdict::of(&listed, &set), Verdict::Published);
        let summary = text(&listed, &set, Verdict::Published);
        assert!(
            summary.contains("train: 6000 images of 1 x 28 x 28, 600 in each of 10 classes"),
            "{summary}"
        );

        let part = set.first(10, 10).unwrap();
        assert_eq!(Verdict::of(&listed, &part), Verdict::Differs);
        let summary = text(&listed, &part, Verdict::Differs);
        assert!(summary.contains("NOT the published set") && summary.contains(" to "), "{summary}");
        let entry = entry(&part, Verdict::Differs);
        assert_eq!((&entry["verdict"], &entry["train"]["images"]), (&json!("differs"), &json!(10)));

        let unknown = Listed { content_sha256: None, ..listed };
        assert_eq!(Verdict::of(&unknown, &set), Verdict::SameSize);
        assert_eq!(Verdict::of(&unknown, &part), Verdict::OtherSize);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_before_anything_is_read() {
        let args =
            Verify { names: vec!["fashion-mnist-embedded".into(), "mnits".into()], data: None, json: false };
        let error = command(&args).unwrap_err();
        assert!(
            matches!(error, Error::Usage(_)) && error.to_string().contains("did you mean `mnist`"),
            "{error}"
        );
    }
}
