//! `agon data verify`: reads sets whole.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use data::{Dataset, Listed, Place, Places, Size, Split};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::output::{say, say_json};
use super::super::values::existing_folder;
use crate::error::{Error, Result};
use system::nearest::nearest;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The sets, as `agon data list` calls them
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Where to look for data sets first
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Reads one set after the other; fails if one is not there, is damaged, or is not the published one.
pub(super) fn command(asked: &Verify) -> Result<ExitCode> {
    let places = Places::from_environment(asked.data.as_deref());
    let all = data::catalogue(&places);
    let sets = asked.names.iter().map(|name| named(&all, name)).collect::<Result<Vec<_>>>()?;
    let (mut good, mut entries) = (true, vec![]);
    for listed in sets {
        let (told, entry) = match data::open_in(listed.name, &places) {
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
        if !asked.json {
            // Each set as soon as it is read: some take seconds.
            say(&told)?;
        }
    }
    if asked.json {
        say_json(&entries)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is in a set, and whether it is the published one.
#[cfg(feature = "fetch")]
pub(super) fn describe(listed: &Listed, set: &Dataset) -> String {
    text(listed, set, Verdict::of(listed, set))
}

/// The set of this name.
pub(super) fn named<'l>(all: &'l [Listed], name: &str) -> Result<&'l Listed> {
    all.iter().find(|listed| listed.name == name).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|listed| listed.name).collect();
        let hint = nearest(name, &known);
        Error::Usage(format!("no data set `{name}`{hint}; there are {}", known.join(", ")))
    })
}

/// Whether a set is the published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Published,
    /// The content of the published set is known, and this is another.
    Differs,
    /// As many images as published; their content was never noted here.
    SameSize,
    /// Fewer or more images than published, and their content was never noted here.
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

/// What is in a set, for programs.
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
    let verdict = match (verdict, &listed.place) {
        (Verdict::Published, Place::Embedded) => "the set that belongs to this program".to_owned(),
        (Verdict::Published, _) => "the published set".to_owned(),
        (Verdict::Differs, _) => {
            format!("NOT the published set, whose content has {}", listed.content_sha256.unwrap_or_default())
        }
        (Verdict::SameSize, _) => "as large as the published set, whose content is not noted here".to_owned(),
        (Verdict::OtherSize, _) => "not as large as the published set".to_owned(),
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
        let all = data::catalogue(&Places::default());
        let listed = named(&all, "fashion-mnist-embedded").unwrap().clone();
        (listed, data::open_in("fashion-mnist-embedded", &Places::default()).unwrap())
    }

    #[test]
    fn a_whole_set_is_the_published_one_and_a_part_is_not() {
        let (listed, set) = embedded();
        assert_eq!(Verdict::of(&listed, &set), Verdict::Published);
        let said = text(&listed, &set, Verdict::Published);
        assert!(said.contains("train: 6000 images of 1 x 28 x 28, 600 in each of 10 classes"), "{said}");

        let part = set.first(10, 10).unwrap();
        assert_eq!(Verdict::of(&listed, &part), Verdict::Differs);
        let said = text(&listed, &part, Verdict::Differs);
        assert!(said.contains("NOT the published set") && said.contains(" to "), "{said}");
        let told = entry(&part, Verdict::Differs);
        assert_eq!((&told["verdict"], &told["train"]["images"]), (&json!("differs"), &json!(10)));

        let unknown = Listed { content_sha256: None, ..listed };
        assert_eq!(Verdict::of(&unknown, &set), Verdict::SameSize);
        assert_eq!(Verdict::of(&unknown, &part), Verdict::OtherSize);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_before_anything_is_read() {
        let asked =
            Verify { names: vec!["fashion-mnist-embedded".into(), "mnits".into()], data: None, json: false };
        let error = command(&asked).unwrap_err();
        assert!(
            matches!(error, Error::Usage(_)) && error.to_string().contains("did you mean `mnist`"),
            "{error}"
        );
    }
}
