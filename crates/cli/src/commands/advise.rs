//! `agon advise`: reads labelled images and prints which masks, if any, should help.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use data::FolderOptions;
use experiments::advice::{Advice, Impact, Judged, advise};
use system::{note, text};

use super::output::answer;
use crate::error::{Error, Result};

/// A change of the alignment by less, in percent, is none.
const SOME: f64 = 0.5;

/// The exit code where there are too few images for advice.
pub(crate) const TOO_FEW: u8 = 3;

/// An alignment above this, in percent, is as good as the pixels themselves.
const ALIGNED: f64 = 90.0;

/// A linear probe of all pixels that explains a smaller fraction of the labels' variance leaves little to be aligned with.
const EXPLAINED: f64 = 0.1;

/// What `agon advise` is asked.
#[derive(Debug, Args)]
pub(crate) struct Advise {
    /// A folder with a folder of JPEG or PNG images for each class
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A known set that is in that folder, instead of a folder of images for each class
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
    /// The side in pixels that images of a folder are brought to; the time grows with its sixth power
    #[arg(long, value_name = "PIXELS", default_value_t = 32, conflicts_with = "set")]
    side: usize,
    /// Keep the colours of images of a folder: 3 times the input size, 27 times the time
    #[arg(long, conflicts_with = "set")]
    colour: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Reads the images and prints the advice.
///
/// # Errors
/// If the images cannot be read, or as [`advise`].
pub(crate) fn command(asked: &Advise) -> Result<ExitCode> {
    if !asked.data.is_dir() {
        return Err(Error::Usage(format!(
            "no folder {}; --data takes a folder with a folder of images for each class, or with the set that --set names",
            text::path(&asked.data)
        )));
    }
    let images = match &asked.set {
        Some(name) => data::open(name, Some(&asked.data))?.train,
        None => {
            let options = FolderOptions { side: asked.side, colour: asked.colour };
            let (set, skipped) = data::image_folder(&asked.data, &options)?;
            for image in &skipped {
                note!("left out: {image}");
            }
            set.train
        }
    };
    let start = Instant::now();
    let advice = advise(&images, |step| {
        if !asked.json {
            note!("{:>5.0} s  {step}", start.elapsed().as_secs_f64());
        }
    })?;
    let told = answer(asked.json, &advice, || text_of(&advice))?;
    Ok(advice.too_few.as_ref().map_or(told, |_| ExitCode::from(TOO_FEW)))
}

/// The advice in words and small tables.
fn text_of(advice: &Advice) -> String {
    let mut text = String::new();
    let [c, h, w] = advice.shape;
    let mut line = |of: String| writeln!(text, "{of}").expect("a string takes every line");
    if let Some(why) = &advice.too_few {
        line(format!("Too few images: no advice. There are {why}."));
        line("What follows describes these images and no others.".into());
        line(String::new());
    }
    line(format!(
        "{} images of {c} x {h} x {w} in {} classes; they vary along {}.",
        advice.images,
        advice.classes,
        text::count(advice.rank, "direction")
    ));
    let held: Vec<String> = advice.components.iter().map(|(share, n)| format!("{share} %: {n}")).collect();
    line(format!("Principal components that hold so much of the variance: {}.", held.join(", ")));
    line(format!(
        "A linear probe of all pixels explains {:.1} % of the labels' variance of these images{}.",
        100.0 * advice.explained,
        advice.held_out.as_ref().map_or(String::new(), |held_out| format!(
            ", and {:.1} % of the labels' variance of one half if it is fitted to the other",
            100.0 * held_out.explained
        ))
    ));
    line(String::new());
    line(
        "Task alignment of reconstruction, in percent of what that probe finds, by size of the code:".into(),
    );
    line(row("no mask", &advice.alignment, |a| format!("{a:.1}")));
    line(header(&advice.alignment));
    if !advice.masks.is_empty() {
        line(String::new());
        line("What learning to fill in masked patches changes of it, in percent of itself:".into());
        for mask in &advice.masks {
            let label = format!("{0} x {0}, {1:.0} % dropped", mask.patch, 100.0 * mask.drop);
            let text = |change: Option<f64>| change.map_or("-".into(), |change| format!("{change:+.2}"));
            line(row(&label, &mask.change, text));
        }
        line(header(&advice.alignment));
    }
    line(String::new());
    for sentence in sentences(advice) {
        line(sentence);
    }
    text
}

/// What it comes to, in sentences; none where there are too few images.
fn sentences(advice: &Advice) -> Vec<String> {
    let Some(held_out) = &advice.held_out else { return vec![] };
    let mut said = vec![alignment_of(advice, held_out.explained)];
    let judged = match advice.judged_from() {
        1 => String::new(),
        least => format!(" with a code of {least} or more"),
    };
    said.push(match (held_out.helps(), &held_out.best) {
        (Some(mask), _) => format!("Masking should help: {}.", change_of(mask)),
        (None, Some(mask)) => format!(
            "No mask that was tried helps beyond chance{judged}: masking should not help. The best on one half: {}.",
            change_of(mask)
        ),
        (None, None) => {
            let [_, h, w] = advice.shape;
            format!(
                "No mask was tried, for no patch of 1 to 16 pixels fits twice into images of {h} x {w} and divides both sides: \
                 choose another side (--side)."
            )
        }
    });
    let harms = held_out.harms();
    let harmful = |mask: &Impact| harms.is_some_and(|of| (of.patch, of.drop) == (mask.patch, mask.drop));
    let smaller = advice.best_not_judged().filter(|(mask, _, change)| *change > SOME && !harmful(mask));
    if let Some((mask, k, change)) = smaller {
        said.push(format!(
            "Smaller codes are not judged; the largest gain among them: {} raise {}.",
            patches(mask.patch, mask.drop),
            raised(advice, mask, k, change)
        ));
    }
    said.extend(harms.map(|mask| format!("Avoid {}.", change_of(mask))));
    said.push("Additive Gaussian noise changes no linear code, whatever the classes.".into());
    said.push("All of this is exact for linear codes, and a first guess for networks.".into());
    said
}

fn patches(patch: usize, drop: f64) -> String {
    format!("patches of {patch} x {patch} with {:.0} % dropped", 100.0 * drop)
}

/// A mask with what it changes on images that it was not chosen on.
fn change_of(mask: &Judged) -> String {
    let Judged { patch, drop, k, change, low, high } = mask;
    format!(
        "{}, which change what a linear probe of a code of size {k} explains of the labels' variance by {change:+.2} \
         [{low:+.2}, {high:+.2}] points (chosen on one half of the images, judged on the other, 95 % interval)",
        patches(*patch, *drop)
    )
}

/// How well reconstruction is aligned with the classes, in a sentence. A code of all directions is no evidence.
fn alignment_of(advice: &Advice, explained: f64) -> String {
    const KEPT: &str = "of what a linear probe finds in the pixels";
    let directions = text::count(advice.rank, "direction");
    let largest = advice.of_smaller_codes().next_back();
    let enough = advice.of_smaller_codes().find(|&(_, a)| a >= ALIGNED);
    match (enough, largest) {
        _ if explained < EXPLAINED => format!(
            "A linear probe of all pixels explains only {:.1} % of the labels' variance of other images: there is little that \
             reconstruction could be aligned with. Use larger images (--side), or a supervised loss.",
            100.0 * explained
        ),
        (Some((k, a)), _) => format!(
            "Reconstruction is well aligned with these classes: a code of size {k}, of {directions}, keeps {a:.0} % {KEPT}."
        ),
        (None, Some((k, a))) => format!(
            "Reconstruction is poorly aligned with these classes: even a code of size {k}, of {directions}, keeps {a:.0} % \
             {KEPT}. Prefer a supervised loss, or guide an autoencoder by labels."
        ),
        (None, None) => format!(
            "The images vary along one direction alone: a code of size 1 keeps 100 % {KEPT}, whatever the classes."
        ),
    }
}

/// The alignment that a mask raises, and by how much.
fn raised(advice: &Advice, mask: &Impact, k: usize, change: f64) -> String {
    let at =
        |alignment: &[(usize, f64)]| alignment.iter().find(|(size, _)| *size == k).map_or(0.0, |(_, a)| *a);
    let (without, with) = (at(&advice.alignment), at(&mask.alignment));
    let by = if change.is_finite() { format!(" by {change:.1} %,") } else { String::new() };
    format!("the alignment of a code of size {k}{by} from {without:.1} to {with:.1} %")
}

fn row<T: Copy>(label: &str, values: &[(usize, T)], text: impl Fn(T) -> String) -> String {
    let cells = values.iter().map(|(_, value)| format!("{:>9}", text(*value)));
    format!("  {label:<24}{}", cells.collect::<String>())
}

fn header(values: &[(usize, f64)]) -> String {
    let cells = values.iter().map(|(k, _)| format!("{:>9}", format!("K = {k}")));
    format!("  {:<24}{}", "", cells.collect::<String>())
}

#[cfg(test)]
mod tests;
