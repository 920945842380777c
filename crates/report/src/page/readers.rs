//! The section of readers: the accuracy that each of them loses in the latents of several models.

use super::intervals::{Bar, Part, list};
use crate::palette::Style;
use crate::svg::escape;
use crate::verdict::Effect;

/// The accuracy lost by each reader of the same latents, for several models.
#[derive(Debug, Clone, PartialEq)]
pub struct Readers {
    /// A description of the figure in one or two sentences.
    pub lead: String,
    /// The models.
    pub models: Vec<ReadModel>,
}

/// The readers of the latents of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadModel {
    /// The model with its latent size, such as `FC-M, k = 16`.
    pub name: String,
    /// The data set.
    pub data: String,
    /// The number of seeds.
    pub n: usize,
    /// The readers.
    pub readers: Vec<ReadBy>,
}

/// The values of one reader.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadBy {
    /// The reader in words; it has the same colour in all figures.
    pub name: String,
    /// Its index among all readers, which determines colour and marker.
    pub place: usize,
    /// Its accuracy in percent at λ = 0 and at λ = 1, mean over seeds.
    pub accuracy: [f64; 2],
    /// The accuracy lost, in points.
    pub lost: Effect,
}

impl Readers {
    /// The section of the page.
    pub(super) fn html(&self) -> String {
        let parts: Vec<Part> = self.models.iter().map(ReadModel::part).collect();
        format!(
            "<section id=\"readers\" aria-labelledby=\"readers.h\">\n<h2 id=\"readers.h\">Readers of the latent</h2>\n\
             <p class=\"lead\">{}</p>\n<figure class=\"fig\">{}</figure>\n</section>\n",
            escape(&self.lead),
            list("Accuracy lost from λ = 0 to λ = 1, by model and reader", "points lost", &parts)
        )
    }
}

impl ReadModel {
    fn part(&self) -> Part {
        let bar = |by: &ReadBy| Bar {
            label: by.name.clone(),
            href: String::new(),
            small: format!("{:.1} → {:.1} %", by.accuracy[0], by.accuracy[1]),
            at: [by.lost.value, by.lost.low, by.lost.high],
            texts: [by.lost.estimate(), by.lost.interval()],
            margin: None,
            conclusion: None,
            // The classifier that was trained with the encoder has the colour of classification.
            style: Some(Style::category(match by.place {
                0 => 1,
                1 => 0,
                place => place,
            })),
        };
        Part {
            heading: self.name.clone(),
            note: format!("{}, n = {}", self.data, self.n),
            bars: self.readers.iter().map(bar).collect(),
        }
    }
}
