//! Advice for somebody's own labelled images, by closed forms and without training: which masks, if any, should help.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use data::{FolderOptions, Split};
use serde::Serialize;
use system::{note, terminal, text};
use theory::{Alignment, Corruption, Denoising};

use crate::images::{moments_of, normalised, rows};
use crate::{Error, Result};

/// Sizes of codes that are reported.
const SIZES: [usize; 6] = [4, 8, 16, 32, 64, 128];

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
pub struct Advise {
    /// A folder with a folder of JPEG or PNG images for each class
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A known set that is in that folder, instead of a folder of images for each class
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
    /// The side in pixels that images of a folder are brought to; the time grows with its sixth power
    #[arg(long, value_name = "PIXELS", default_value_t = 32)]
    side: usize,
    /// Keep the colours of images of a folder: three times the numbers, 27 times the time
    #[arg(long)]
    colour: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Reads the images and prints the advice.
///
/// # Errors
/// If the images cannot be read, or as [`advise`].
pub fn command(asked: &Advise) -> Result<ExitCode> {
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
pub struct Advice {
    /// Images.
    pub images: usize,
    /// Channels, rows and columns.
    pub shape: [usize; 3],
    /// Classes that have an image.
    pub classes: usize,
    /// Directions along which the images differ.
    pub rank: usize,
    /// How many principal components hold 50, 90, 95 and 99 percent of the variance.
    pub components: Vec<(u32, usize)>,
    /// What a linear probe of all pixels explains of the labels: R².
    pub explained: f64,
    /// The alignment of reconstruction in percent, by size of code (section 2.7 of the LBR specification).
    pub alignment: Vec<(usize, f64)>,
    /// The impact of masks.
    pub masks: Vec<Impact>,
}

/// What a mask changes of the alignment.
#[derive(Debug, Clone, Serialize)]
pub struct Impact {
    /// The side of a patch in pixels.
    pub patch: usize,
    /// The probability that a patch is dropped.
    pub drop: f64,
    /// The change in percent, by size of code.
    pub change: Vec<(usize, f64)>,
}

/// Computes the advice; hears before each step what is done now.
///
/// # Errors
/// If there is one class only, or the images are all the same.
pub fn advise(images: &Split, mut heard: impl FnMut(&str)) -> Result<Advice> {
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
    let sizes: Vec<usize> = SIZES.into_iter().filter(|&k| k <= denoising.rank()).collect();
    let mut masks = Vec::new();
    for patch in PATCHES.into_iter().filter(|patch| h % patch == 0 && w % patch == 0 && 2 * patch <= h.min(w))
    {
        for drop in DROPPED {
            heard(&format!("patches of {patch} x {patch}, {:.0} % dropped", 100.0 * drop));
            let of = denoising.alignment(&Corruption::PatchMask { image: shape, patch, drop })?;
            masks.push(Impact { patch, drop, change: change(&of, &clean, &sizes)? });
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
        alignment: sizes.iter().map(|&k| (k, clean.alignment[k - 1])).collect(),
        masks,
    })
}

fn change(of: &Alignment, clean: &Alignment, sizes: &[usize]) -> Result<Vec<(usize, f64)>> {
    let impact = of.impact(clean)?;
    Ok(sizes.iter().map(|&k| (k, impact[k - 1])).collect())
}

impl Advice {
    /// The mask that changes most for the better at any size of code from 16 on, with that size and change.
    pub fn best(&self) -> Option<(&Impact, usize, f64)> {
        self.extreme(|a, b| a > b)
    }

    /// The mask that changes most for the worse.
    pub fn worst(&self) -> Option<(&Impact, usize, f64)> {
        self.extreme(|a, b| a < b)
    }

    fn extreme(&self, beats: impl Fn(f64, f64) -> bool) -> Option<(&Impact, usize, f64)> {
        let mut found: Option<(&Impact, usize, f64)> = None;
        for mask in &self.masks {
            for &(k, change) in mask.change.iter().filter(|(k, change)| *k >= 16 && change.is_finite()) {
                if found.is_none_or(|(_, _, best)| beats(change, best)) {
                    found = Some((mask, k, change));
                }
            }
        }
        found
    }

    /// The advice in words and small tables.
    pub fn text(&self) -> String {
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
                line(row(&label, &mask.change, |change| format!("{change:+.2}")));
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
    pub fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        let enough = self.alignment.iter().find(|(_, a)| *a >= ALIGNED);
        said.push(match enough {
            Some((k, a)) => format!(
                "Reconstruction is well aligned with these classes: a code of {k} numbers keeps {a:.0} % of what a linear \
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
            Some((mask, k, change)) if change > SOME => format!(
                "Masking should help: patches of {0} x {0} with {1:.0} % dropped raise the alignment of a code of {k} by \
                 {change:.1} %.",
                mask.patch,
                100.0 * mask.drop
            ),
            _ => format!("No mask that was tried raises the alignment by more than {SOME} %: masking should not help."),
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

fn row(label: &str, values: &[(usize, f64)], text: impl Fn(f64) -> String) -> String {
    let cells = values.iter().map(|(_, value)| format!("{:>9}", text(*value)));
    format!("  {label:<24}{}", cells.collect::<String>())
}

fn header(values: &[(usize, f64)]) -> String {
    let cells = values.iter().map(|(k, _)| format!("{:>9}", format!("K = {k}")));
    format!("  {:<24}{}", "", cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn clothes_are_told_well_from_few_numbers_and_the_words_say_so() {
        let set = data::open("fashion-mnist-embedded", None).unwrap();
        let mut steps = 0;
        let advice = advise(&set.train.first(1_500).unwrap(), |_| steps += 1).unwrap();
        assert_eq!((advice.classes, advice.masks.len()), (10, 9));
        assert_eq!(steps, 2 + advice.masks.len());
        assert!(advice.alignment.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{:?}", advice.alignment);
        assert!(advice.components.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        let text = advice.text();
        assert!(text.contains("1500 images of 1 x 28 x 28 in 10 classes"), "{text}");
        assert!(text.contains("There are few images for 784 numbers each"), "{text}");
        assert!(text.contains("Masking should help") || text.contains("masking should not help"), "{text}");
    }

    #[test]
    fn one_class_is_refused() {
        let images =
            Split::new(Array4::from_shape_fn((4, 1, 2, 2), |(n, ..)| n as u8), vec![0; 4], 3).unwrap();
        let message = advise(&images, |_| ()).unwrap_err().to_string();
        assert_eq!(message, "there is one class only, and nothing to classify");
    }
}
