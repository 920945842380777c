//! Advice for somebody's own labelled images, by closed forms and without training: which masks, if any, should help.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use data::{FolderOptions, Split};
use serde::Serialize;
use system::{note, terminal, text};
use theory::{Alignment, Corruption, Denoising};

use crate::{Error, Result};
use runs::images::{moments_of, normalised, rows};

/// Sizes of codes that are reported, as far as there are so many directions.
const SIZES: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// Masks are judged by codes from this size on, where the images vary along more directions than that.
const JUDGED_FROM: usize = 16;

/// Masks that are tried: patches that divide the sides of the images, and shares that are dropped.
const PATCHES: [usize; 5] = [1, 2, 4, 8, 16];
const DROPPED: [f64; 3] = [0.25, 0.5, 0.75];

/// A change of the alignment by less, in percent, is none.
const SOME: f64 = 0.5;

/// Images for each of their numbers, below which what is said is about these images rather than about others.
const ENOUGH: usize = 5;

/// An alignment above this, in percent, is as good as the pixels themselves.
const ALIGNED: f64 = 90.0;

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
    /// Keep the colours of images of a folder: three times the numbers, 27 times the time
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
    let printed = match asked.json {
        true => terminal::print_json(
            &(serde_json::to_string_pretty(&advice).expect("advice is plain data") + "\n"),
        ),
        false => terminal::print(&advice.text()),
    };
    printed.map_err(|source| Error::Write { path: "standard output".into(), source })?;
    Ok(ExitCode::SUCCESS)
}

/// What closed forms say of a set of labelled images.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Advice {
    /// Images.
    pub(crate) images: usize,
    /// Channels, rows and columns.
    pub(crate) shape: [usize; 3],
    /// Classes that have an image.
    pub(crate) classes: usize,
    /// Directions along which the images differ.
    pub(crate) rank: usize,
    /// How many principal components hold 50, 90, 95 and 99 percent of the variance.
    pub(crate) components: Vec<(u32, usize)>,
    /// What a linear probe of all pixels explains of the labels: R².
    pub(crate) explained: f64,
    /// The alignment of reconstruction in percent, by size of code (section 2.7 of the LBR specification).
    pub(crate) alignment: Vec<(usize, f64)>,
    /// The impact of masks.
    pub(crate) masks: Vec<Impact>,
}

/// What a mask changes of the alignment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Impact {
    /// The side of a patch in pixels.
    pub(crate) patch: usize,
    /// The probability that a patch is dropped.
    pub(crate) drop: f64,
    /// The alignment in percent, by size of code.
    pub(crate) alignment: Vec<(usize, f64)>,
    /// Its change in percent of the alignment without a mask, by size of code; `None` where that is zero.
    pub(crate) change: Vec<(usize, Option<f64>)>,
}

/// Computes the advice; hears before each step what is done now.
///
/// # Errors
/// If there is one class only, or the images are all the same.
pub(crate) fn advise(images: &Split, mut heard: impl FnMut(&str)) -> Result<Advice> {
    let shape @ [_, h, w] = images.image_shape();
    let mut present: Vec<u8> = images.labels().to_vec();
    present.sort_unstable();
    present.dedup();
    if present.len() < 2 {
        return Err(Error::Usage("there is one class only, and nothing to classify".into()));
    }
    heard("moments of the images");
    let moments = moments_of(images, |part| rows(part, normalised(part)))?;
    heard("principal components");
    let denoising = Denoising::new(&moments)?;
    let clean = denoising.alignment(&Corruption::None)?;
    let sizes = sizes(denoising.rank());
    let mut masks = Vec::new();
    for patch in PATCHES.into_iter().filter(|patch| h % patch == 0 && w % patch == 0 && 2 * patch <= h.min(w))
    {
        for drop in DROPPED {
            heard(&format!("patches of {patch} x {patch}, {:.0} % dropped", 100.0 * drop));
            let of = denoising.alignment(&Corruption::PatchMask { image: shape, patch, drop })?;
            let impact = of.impact(&clean)?;
            let change = |k: usize| Some(impact[k - 1]).filter(|change| change.is_finite());
            masks.push(Impact {
                patch,
                drop,
                alignment: at(&sizes, &of),
                change: sizes.iter().map(|&k| (k, change(k))).collect(),
            });
        }
    }
    let total = denoising.variances().sum();
    let held = |share: u32| {
        let mut sum = 0.0;
        let mut below = |variance: &f64| {
            sum += variance / total;
            sum < f64::from(share) / 100.0
        };
        (share, denoising.variances().iter().take_while(|&variance| below(variance)).count() + 1)
    };
    Ok(Advice {
        images: images.len(),
        shape,
        classes: present.len(),
        rank: denoising.rank(),
        components: [50, 90, 95, 99].map(held).into(),
        explained: clean.r2[clean.r2.len() - 1],
        alignment: at(&sizes, &clean),
        masks,
    })
}

/// The sizes of codes of images that vary along so many directions, at least one: a code of all directions is among them
/// unless it is larger than all that are asked for.
fn sizes(rank: usize) -> Vec<usize> {
    let largest = SIZES[SIZES.len() - 1];
    SIZES
        .into_iter()
        .filter(|&k| k < rank)
        .chain([rank.min(largest)])
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn at(sizes: &[usize], of: &Alignment) -> Vec<(usize, f64)> {
    sizes.iter().map(|&k| (k, of.alignment[k - 1])).collect()
}

impl Advice {
    /// The mask that changes most for the better at any size of code that is judged, with that size and the change in
    /// percent; it is infinite where there is no alignment without a mask.
    pub(crate) fn best(&self) -> Option<(&Impact, usize, f64)> {
        self.extreme(|a, b| a > b)
    }

    /// The mask that changes most for the worse.
    pub(crate) fn worst(&self) -> Option<(&Impact, usize, f64)> {
        self.extreme(|a, b| a < b)
    }

    fn extreme(&self, beats: impl Fn(f64, f64) -> bool) -> Option<(&Impact, usize, f64)> {
        let mut found: Option<(&Impact, usize, f64)> = None;
        let least = self.judged_from();
        for mask in &self.masks {
            for (&(k, with), &(_, change)) in mask.alignment.iter().zip(&mask.change) {
                let change = change.unwrap_or(if with > 0.0 { f64::INFINITY } else { 0.0 });
                if k >= least && found.is_none_or(|(_, _, best)| beats(change, best)) {
                    found = Some((mask, k, change));
                }
            }
        }
        found
    }

    /// The least size of code by which masks are judged: all sizes count where none from [`JUDGED_FROM`] on is smaller
    /// than the number of directions, since no mask changes a code of all of them.
    fn judged_from(&self) -> usize {
        let is_judged = |&(k, _): &(usize, f64)| k >= JUDGED_FROM && k < self.rank;
        if self.alignment.iter().any(is_judged) { JUDGED_FROM } else { 1 }
    }

    /// The advice in words and small tables.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let [c, h, w] = self.shape;
        let mut line = |of: String| writeln!(text, "{of}").expect("a string takes every line");
        line(format!(
            "{} images of {c} x {h} x {w} in {} classes; they vary along {} directions.",
            self.images, self.classes, self.rank
        ));
        let held: Vec<String> = self.components.iter().map(|(share, n)| format!("{share} %: {n}")).collect();
        line(format!("Principal components that hold so much of the variance: {}.", held.join(", ")));
        line(format!(
            "A linear probe of all pixels explains {:.1} % of the labels' variance (training images).",
            100.0 * self.explained
        ));
        line(String::new());
        line(
            "Task alignment of reconstruction, in percent of what that probe finds, by size of the code:"
                .into(),
        );
        line(row("no mask", &self.alignment, |a| format!("{a:.1}")));
        line(header(&self.alignment));
        if !self.masks.is_empty() {
            line(String::new());
            line("What learning to fill in masked patches changes of it, in percent of itself:".into());
            for mask in &self.masks {
                let label = format!("{0} x {0}, {1:.0} % dropped", mask.patch, 100.0 * mask.drop);
                let text = |change: Option<f64>| change.map_or("-".into(), |change| format!("{change:+.2}"));
                line(row(&label, &mask.change, text));
            }
            line(header(&self.alignment));
        }
        line(String::new());
        for sentence in self.sentences() {
            line(sentence);
        }
        text
    }

    /// What it comes to, in sentences.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        let enough = self.alignment.iter().find(|(_, a)| *a >= ALIGNED);
        said.push(match enough {
            Some((k, a)) => format!(
                "Reconstruction is well aligned with these classes: a code of size {k} keeps {a:.0} % of what a linear \
                 probe finds in the pixels."
            ),
            None => {
                let most = self.alignment.last().map_or(0.0, |(_, a)| *a);
                format!(
                    "Reconstruction is poorly aligned with these classes: even the largest code above keeps {most:.0} % of \
                     what a linear probe finds in the pixels. Prefer a supervised loss, or guide an autoencoder by labels."
                )
            }
        });
        said.push(match self.best() {
            Some((mask, k, change)) if change.is_infinite() => format!(
                "Masking should help: patches of {0} x {0} with {1:.0} % dropped raise the alignment of a code of size {k} from 0 to \
                 {2:.0} %.",
                mask.patch,
                100.0 * mask.drop,
                mask.alignment.iter().find(|(size, _)| *size == k).map_or(0.0, |(_, a)| *a)
            ),
            Some((mask, k, change)) if change > SOME => format!(
                "Masking should help: patches of {0} x {0} with {1:.0} % dropped raise the alignment of a code of {k} by \
                 {change:.1} %.",
                mask.patch,
                100.0 * mask.drop
            ),
            Some(_) => {
                format!("No mask that was tried raises the alignment by more than {SOME} %: masking should not help.")
            }
            None => {
                let [_, h, w] = self.shape;
                format!(
                    "No mask was tried, for no patch of 1 to 16 pixels fits twice into images of {h} x {w} and divides both sides: \
                     choose another side (--side)."
                )
            }
        });
        if let Some((mask, k, change)) = self.worst().filter(|(_, _, change)| *change < -SOME) {
            said.push(format!(
                "Avoid patches of {0} x {0} with {1:.0} % dropped: they lower it by {2:.1} % for a code of {k}.",
                mask.patch,
                100.0 * mask.drop,
                -change
            ));
        }
        let d: usize = self.shape.iter().product();
        if self.images < ENOUGH * d {
            said.push(format!(
                "There are few images for {d} numbers each, so a linear probe can learn them by heart: trust this with {} \
                 images, or with smaller ones (--side).",
                ENOUGH * d
            ));
        }
        said.push("Additive Gaussian noise changes no linear code, whatever the classes.".into());
        said.push("All of this is exact for linear codes, and a first guess for networks.".into());
        said
    }
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
