//! `agon advise`: predicts from labelled images which masks, if any, should help.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use data::FolderOptions;
use experiments::advice::{Advice, Impact, Judged, advise};
use system::exit::ExitStatus;
use system::{note, text};

use super::own_images::SIDE;
use super::values::side;
use crate::error::{Error, Result};
use crate::output::print_result;

/// The smallest change of the alignment in percent that is reported as a change.
const SOME: f64 = 0.5;

/// The alignment in percent above which a code is called well aligned.
const ALIGNED: f64 = 90.0;

/// The minimum fraction of the labels' variance that a linear probe of all pixels must explain for a judgement.
const EXPLAINED: f64 = 0.1;

/// The arguments of `agon advise`.
#[derive(Debug, Args)]
pub(crate) struct Advise {
    /// A folder with one subfolder of JPEG or PNG images per class
    #[arg(long, value_name = "DIR", visible_alias = "images")]
    data: PathBuf,
    /// A known data set in that folder, instead of one subfolder per class
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
    /// The side in pixels to which images of a folder are resized; the time grows with its sixth power
    #[arg(long, value_name = "PIXELS", default_value_t = SIDE, value_parser = side, conflicts_with = "set")]
    side: usize,
    /// Keep the colour channels of images of a folder: 3 times the input size, 27 times the time
    #[arg(long, conflicts_with = "set")]
    colour: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads the images and prints the advice.
///
/// # Errors
/// If the images cannot be read, or as for [`advise`].
pub(crate) fn command(args: &Advise) -> Result<ExitCode> {
    if !args.data.is_dir() {
        return Err(Error::Usage(format!(
            "no folder {}; --data takes a folder with one subfolder of images per class, or, with --set NAME, the folder of that \
             data set",
            text::path(&args.data)
        )));
    }
    let images = match &args.set {
        Some(name) => data::open(name, Some(&args.data))?.train,
        None => {
            let options = FolderOptions { side: args.side, colour: args.colour };
            let (set, skipped) = data::image_folder(&args.data, &options)?;
            for image in &skipped {
                note!("skipped: {image}");
            }
            set.train
        }
    };
    let start = Instant::now();
    let advice = advise(&images, |step| {
        if !args.json {
            note!("{:>5.0} s  {step}", start.elapsed().as_secs_f64());
        }
    })?;
    let success = print_result(args.json, &advice, || text_of(&advice))?;
    Ok(advice.too_few.as_ref().map_or(success, |_| ExitStatus::TooFewImages.into()))
}

/// The advice as text with small tables.
fn text_of(advice: &Advice) -> String {
    let mut text = String::new();
    let [c, h, w] = advice.shape;
    let mut line = |of: String| writeln!(text, "{of}").expect("writing to a string cannot fail");
    if let Some(why) = &advice.too_few {
        line(format!("Too few images: no advice. There are {why}."));
        line("The values below hold for these images only.".into());
        line(String::new());
    }
    line(format!(
        "{} images of {c} x {h} x {w} in {} classes; their variance spans {}.",
        advice.images,
        advice.classes,
        text::count(advice.rank, "direction")
    ));
    let held: Vec<String> = advice.components.iter().map(|(share, n)| format!("{share} %: {n}")).collect();
    line(format!("Principal components that explain this fraction of the variance: {}.", held.join(", ")));
    line(format!(
        "A linear probe of all pixels explains {:.1} % of the labels' variance of these images{}.",
        100.0 * advice.explained,
        advice.held_out.as_ref().map_or(String::new(), |held_out| format!(
            ", and {:.1} % of the labels' variance of one half of the images if fitted to the other half",
            100.0 * held_out.explained
        ))
    ));
    line(String::new());
    line(
        "Task alignment of reconstruction, in percent of that probe's explained variance, by code size K:"
            .into(),
    );
    line(row("no mask", &advice.alignment, |a| format!("{a:.1}")));
    line(header(&advice.alignment));
    if !advice.masks.is_empty() {
        line(String::new());
        line("Relative change of the alignment with masked reconstruction, in percent:".into());
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

/// The advice in sentences; none for too few images.
fn sentences(advice: &Advice) -> Vec<String> {
    let Some(held_out) = &advice.held_out else { return vec![] };
    let mut sentences = vec![alignment_of(advice, held_out.explained)];
    let judged = match advice.judged_from() {
        1 => String::new(),
        least => format!(" with a code of size {least} or more"),
    };
    sentences.push(match (held_out.helps(), &held_out.best) {
        (Some(mask), _) => format!("Masking should help: {}.", change_of(mask)),
        (None, Some(mask)) => format!(
            "No tested mask helps by more than chance{judged}: masking should not help. The best on one \
             half: {}.",
            change_of(mask)
        ),
        (None, None) => {
            let [_, h, w] = advice.shape;
            format!(
                "No mask was tested, since no patch size of 1 to 16 pixels divides both sides of images of \
                 {h} x {w} at least twice: choose another side (--side)."
            )
        }
    });
    let harms = held_out.harms();
    let harmful = |mask: &Impact| harms.is_some_and(|of| (of.patch, of.drop) == (mask.patch, mask.drop));
    let smaller = advice.best_not_judged().filter(|(mask, _, change)| *change > SOME && !harmful(mask));
    if let Some((mask, k, change)) = smaller {
        sentences.push(format!(
            "Smaller codes are not evaluated on the other half; the largest gain among them: {} raise {}.",
            patches(mask.patch, mask.drop),
            raised(advice, mask, k, change)
        ));
    }
    sentences.extend(harms.map(|mask| format!("Avoid {}.", change_of(mask))));
    sentences.push("Additive Gaussian noise does not change linear codes, whatever the classes.".into());
    sentences
        .push("These results are exact for linear codes, and only a first estimate for networks.".into());
    sentences
}

fn patches(patch: usize, drop: f64) -> String {
    format!("patches of {patch} x {patch} with {:.0} % dropped", 100.0 * drop)
}

/// A mask and the change it causes on images other than those it was selected on.
fn change_of(mask: &Judged) -> String {
    let Judged { patch, drop, k, change, low, high } = mask;
    format!(
        "{}, which change what a linear probe of a code of size {k} explains of the labels' variance by {change:+.2} \
         [{low:+.2}, {high:+.2}] points (selected on one half of the images, evaluated on the other, 95 % interval)",
        patches(*patch, *drop)
    )
}

/// One sentence about the alignment of reconstruction with the classes, judged by codes with fewer dimensions than the
/// images have: a code of full rank keeps everything in any case.
fn alignment_of(advice: &Advice, explained: f64) -> String {
    const KEPT: &str = "of what a linear probe of the pixels explains";
    let directions = text::count(advice.rank, "direction");
    let largest = advice.of_smaller_codes().next_back();
    let enough = advice.of_smaller_codes().find(|&(_, a)| a >= ALIGNED);
    match (enough, largest) {
        _ if explained < EXPLAINED => format!(
            "A linear probe of all pixels explains only {:.1} % of the labels' variance of other images, too little to judge whether \
             reconstruction is aligned with it. Use larger images (--side), or a supervised loss.",
            100.0 * explained
        ),
        (Some((k, a)), _) => format!(
            "Reconstruction is well aligned with these classes: a code of size {k}, of {directions}, keeps {a:.0} % {KEPT}."
        ),
        (None, Some((k, a))) => format!(
            "Reconstruction is poorly aligned with these classes: even a code of size {k}, of {directions}, keeps {a:.0} % \
             {KEPT}. Use a supervised loss, or guide an autoencoder by labels."
        ),
        (None, None) => format!(
            "The variance of the images spans one direction only: a code of size 1 keeps 100 % {KEPT}, \
             whatever the classes."
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
