//! The part of a page that a reader can try out: pick a data set, a model and a latent size, and move λ.
//!
//! A caller hands over plain numbers and pixels. They go into the page as JSON, which a script reads that
//! stands in the page too: nothing is loaded, so the page works from a disk.

mod check;
mod encode;
mod latents;
mod pictures;

pub use latents::Latents;
pub use pictures::Pictures;

use crate::error::Result;
use crate::page::{link, paragraphs};
use crate::palette::Style;
use crate::svg::escape;

/// The look of the explorer, below that of the page.
const STYLE: &str = include_str!("explorer/explorer.css");

/// What the script does, in the order in which one part uses another.
const SCRIPT: &str = concat!(
    include_str!("explorer/data.js"),
    include_str!("explorer/numbers.js"),
    include_str!("explorer/axis.js"),
    include_str!("explorer/chart.js"),
    include_str!("explorer/plots.js"),
    include_str!("explorer/pictures.js"),
    include_str!("explorer/latents.js"),
    include_str!("explorer/explorer.js"),
);

/// The colours of reconstruction and classification, as indices of [`Style::category`]: blue and vermilion.
const OBJECTIVES: [(&str, usize); 2] = [("reconstruction", 0), ("classification", 1)];

/// Losses, pictures and latents of trained models over λ, the weight of reconstruction in the encoder's gradient.
///
/// # Bytes
///
/// All of it lies in the page, beside script and style of about 50 kB. A number takes about 8 bytes, so a λ
/// takes about 120. A picture has 8 bits a channel; the pictures of a latent size are one PNG, at most their
/// `c · h · w` bytes each and usually half of that. A latent takes 2 bytes for each λ, and 1 for its class. PNG
/// and latents are written in base64, which has four characters for three bytes. So at five λ, ten grey pictures
/// of 28 x 28 with 500 latents are about 45 kB, and ten of 32 x 32 in colour about 140 kB.
/// [`Explorer::encoded_len`] is the exact sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Explorer {
    /// What can be found out here; an empty line starts a new paragraph.
    pub lead: String,
    /// What the numbers are, such as `Mean over seeds; in brackets the lowest and the highest seed.`
    pub note: String,
    /// What can be picked, in the order of the pickers. No two have the same data set and family.
    pub models: Vec<Model>,
}

/// A family of models on a data set, which differ in latent size and λ.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The data set, such as `Fashion-MNIST`.
    pub data: String,
    /// The family, such as `FC-M, ReLU latent`.
    pub family: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The λ that were trained, each above the one before.
    pub lambdas: Vec<f64>,
    /// The latent sizes, each above the one before.
    pub sizes: Vec<Size>,
}

/// What was measured with one size of the latent.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// The numbers in the latent.
    pub k: usize,
    /// The test results for each λ of the model.
    pub trained: Vec<Trained>,
    /// The exact linear model of this latent size, for comparison: its front from the first λ to the last, at any
    /// λ; may be empty.
    pub linear: Vec<Linear>,
    /// Test images and what becomes of them.
    pub pictures: Option<Pictures>,
    /// Latents of test images in the plane.
    pub latents: Option<Latents>,
}

/// Test results at one λ, over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// How many seeds.
    pub n: usize,
    /// Mean squared error of the reconstruction.
    pub mse: Spread,
    /// Cross-entropy of the classification, in nats.
    pub cross_entropy: Spread,
    /// Share of images classified rightly, in [0, 1].
    pub accuracy: Spread,
}

impl Trained {
    /// Nothing was trained at this λ.
    pub const NOTHING: Self =
        Self { n: 0, mse: Spread::MISSING, cross_entropy: Spread::MISSING, accuracy: Spread::MISSING };
}

/// A number and its spread over seeds. A number that is NaN or infinite is shown as missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Spread {
    /// Not measured.
    pub const MISSING: Self = Self { mean: f64::NAN, low: f64::NAN, high: f64::NAN };
}

/// Test results of the exact linear model at one λ. A number that is NaN or infinite is shown as missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// The weight of reconstruction.
    pub lambda: f64,
    /// Mean squared error of the reconstruction.
    pub mse: f64,
    /// Share of images classified rightly, in [0, 1].
    pub accuracy: f64,
}

impl Explorer {
    /// How many bytes it adds to a page. Errs as [`crate::Page::html`] does.
    pub fn encoded_len(&self) -> Result<usize> {
        Ok(self.parts()?.iter().map(String::len).sum())
    }

    /// What it adds to a page: rules of style, an entry of the contents, and a section. Errs where counts do not
    /// match or a value that must be a number is none.
    pub(crate) fn parts(&self) -> Result<[String; 3]> {
        self.check()?;
        Ok([self.style(), link("explorer", "Explorer"), self.section()])
    }

    /// The rules of its look, with the colours that the palette gives to objectives and classes.
    fn style(&self) -> String {
        let n_classes = self.models.iter().map(|model| model.classes.len()).max().unwrap_or(0);
        let classes = (0..n_classes).map(|class| (format!("class-{class}"), class));
        let names: Vec<(String, usize)> =
            OBJECTIVES.map(|(name, index)| (name.to_owned(), index)).into_iter().chain(classes).collect();
        let on_white =
            names.iter().map(|(name, index)| format!("--{name}:{};", Style::category(*index).colour));
        let on_dark =
            names.iter().map(|(name, index)| format!("--{name}:{};", Style::category_on_dark(*index)));
        format!(
            ".explorer {{ {} }}\n@media (prefers-color-scheme: dark) {{ .explorer {{ {} }} }}\n{STYLE}",
            on_white.collect::<String>(),
            on_dark.collect::<String>()
        )
    }

    fn section(&self) -> String {
        format!(
            include_str!("explorer/explorer.html"),
            lead = paragraphs("lead", &self.lead),
            note = escape(&self.note),
            data = self.json(),
            script = SCRIPT,
        )
    }
}
