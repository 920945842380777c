//! The interactive part of a page: select a data set, a model and a latent size, and move λ.
//!
//! Values and pixels are embedded in the page as JSON, together with the script that shows them. The page loads no
//! other files, so it can be opened from a disk.

mod check;
mod encode;
mod latents;
mod images;

pub use images::Images;
pub use latents::Latents;

use crate::error::Result;
use crate::page::paragraphs;
use crate::palette::Style;
use crate::svg::escape;

/// The style sheet of the explorer, in addition to that of the page.
const STYLE: &str = include_str!("explorer/explorer.css");

/// The script, in order of dependencies.
const SCRIPT: &str = concat!(
    include_str!("explorer/data.js"),
    include_str!("explorer/numbers.js"),
    include_str!("explorer/axis.js"),
    include_str!("explorer/chart.js"),
    include_str!("explorer/plots.js"),
    include_str!("explorer/images.js"),
    include_str!("explorer/latents.js"),
    include_str!("explorer/explorer.js"),
);

/// Losses, images and latents of trained models over λ, the weight of reconstruction in the encoder's gradient.
///
/// # Bytes
///
/// All data are in the page, with script and style of about 50 kB. A value takes about 8 bytes, so a λ takes about 120.
/// An image has 8 bits per channel; the images of a latent size are one PNG, at most `c · h · w` bytes each and usually
/// half of that. A latent takes 2 bytes per λ, and 1 for its class. PNG and latents are encoded in base64, which has
/// four characters for three bytes. At five λ, ten grey images of 28 x 28 with 500 latents take about 45 kB, and ten of
/// 32 x 32 in colour about 140 kB. [`Explorer::encoded_len`] is the exact size.
#[derive(Debug, Clone, PartialEq)]
pub struct Explorer {
    /// The introduction; an empty line starts a new paragraph.
    pub lead: String,
    /// The meaning of the values, such as `Mean over seeds; in brackets the lowest and the highest seed.`
    pub note: String,
    /// The models to select from, in order. No two have the same data set and family.
    pub models: Vec<Model>,
}

/// The models of one family on a data set, for several latent sizes and λ.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The data set, such as `Fashion-MNIST`.
    pub data: String,
    /// The family, such as `FC-M, ReLU latent`.
    pub family: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The λ of the trained models, ascending.
    pub lambdas: Vec<f64>,
    /// The results for each latent size, ascending.
    pub sizes: Vec<Size>,
}

/// The results for one latent size.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// The number of dimensions of the latent.
    pub k: usize,
    /// The test results for each λ of the model.
    pub trained: Vec<Trained>,
    /// Readers of the same latents besides the classifier that was trained with the encoder.
    pub readers: Vec<Reader>,
    /// The front of the exact linear model of this latent size, from the first λ to the last, at any λ; may be empty.
    pub linear: Vec<Linear>,
    /// Test images and their reconstructions.
    pub images: Option<Images>,
    /// Latents of test images in two dimensions.
    pub latents: Option<Latents>,
}

/// A reader of latents.
#[derive(Debug, Clone, PartialEq)]
pub struct Reader {
    /// The reader in words, such as `ridge probe`.
    pub name: String,
    /// Its top-1 accuracy on test images, in [0, 1], for each λ of the model.
    pub accuracy: Vec<Spread>,
}

/// Test results at one λ, over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// The number of seeds.
    pub n: usize,
    /// Mean squared error of the reconstruction.
    pub mse: Spread,
    /// Cross-entropy of the classification, in nats.
    pub cross_entropy: Spread,
    /// Top-1 accuracy, in [0, 1].
    pub accuracy: Spread,
}

impl Trained {
    /// No model was trained at this λ.
    pub const NOTHING: Self =
        Self { n: 0, mse: Spread::MISSING, cross_entropy: Spread::MISSING, accuracy: Spread::MISSING };
}

/// A mean and its spread over seeds. A value that is NaN or infinite is shown as missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean.
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

/// Test results of the exact linear model at one λ. A value that is NaN or infinite is shown as missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// The weight of reconstruction.
    pub lambda: f64,
    /// Mean squared error of the reconstruction.
    pub mse: f64,
    /// Top-1 accuracy, in [0, 1].
    pub accuracy: f64,
}

impl Explorer {
    /// The number of bytes it adds to a page. Fails as [`crate::Page::html`] does.
    pub fn encoded_len(&self) -> Result<usize> {
        Ok(self.parts()?.iter().map(String::len).sum())
    }

    /// The style sheet and the section. Fails if counts do not match or a required value is not finite.
    pub(crate) fn parts(&self) -> Result<[String; 2]> {
        self.check()?;
        Ok([self.style(), self.section()])
    }

    /// The style sheet, with the palette's colours of classes.
    fn style(&self) -> String {
        let n_classes = self.models.iter().map(|model| model.classes.len()).max().unwrap_or(0);
        let on_white =
            (0..n_classes).map(|class| format!("--class-{class}:{};", Style::category(class).colour));
        let on_dark =
            (0..n_classes).map(|class| format!("--class-{class}:{};", Style::category_on_dark(class)));
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
