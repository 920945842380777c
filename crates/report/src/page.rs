//! The self-contained HTML page of results: the answer, the explorer, all claims, the readers of the latent, effects, the
//! experiments, the provenance, and the checks of the code.

mod answer;
mod chart;
mod checks;
mod effects;
mod experiment;
mod intervals;
mod matrix;
mod navigation;
mod overview;
mod readers;
mod style;

use std::collections::HashSet;

pub use answer::Answer;
pub use experiment::{Figure, Section};
pub use readers::{ReadBy, ReadModel, Readers};

use crate::error::{Error, Result};
use crate::explorer::Explorer;
use crate::figure::check_name;
use crate::svg::escape;
use crate::verdict::Verdict;

/// The script for filters, hints, sorting and the opened contents; without it, all texts and figures are still shown.
const SCRIPT: &str = include_str!("page/page.js");

/// The ids of parts of the page without a dot, which no section or figure may use.
const OWN_IDS: [&str; 9] =
    ["top", "content", "answer", "explorer", "verdicts", "readers", "effects", "experiments", "provenance"];

/// The content of a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// A short line above the title.
    pub kicker: String,
    /// The title: the question.
    pub title: String,
    /// The question in more words; an empty line starts a new paragraph.
    pub question: String,
    /// The answer in a few sentences.
    pub answers: Vec<Answer>,
    /// The limits of the answer: what a reader has to know before relying on it; may be empty.
    pub limits: String,
    /// The provenance of the results in one line; may be empty.
    pub source: String,
    /// Names and addresses of further reading.
    pub links: Vec<(String, String)>,
    /// The interactive explorer, if there are data for one.
    pub explorer: Option<Explorer>,
    /// The loss by reader and model, if it was measured.
    pub readers: Option<Readers>,
    /// The experiments.
    pub groups: Vec<Group>,
    /// Verdicts that belong to no experiment.
    pub others: Vec<Verdict>,
    /// The provenance of the results as names and values: commit, config, seeds, checksums, device, time.
    pub provenance: Vec<(String, String)>,
}

/// A group of experiments under one heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its key: a lower-case letter, then lower-case letters, digits, `_` or `-`.
    pub name: String,
    /// A short name for a button.
    pub short: String,
    /// Its heading.
    pub title: String,
    /// The experiments, in the order of the page.
    pub sections: Vec<Section>,
}

impl Page {
    /// The page as one file that loads nothing. Fails if a figure cannot be drawn or a name is used twice.
    pub fn html(&self) -> Result<String> {
        self.check_names()?;
        let explorer = self.explorer.as_ref().map(Explorer::parts).transpose()?;
        let [explorer_style, explorer] = explorer.unwrap_or_default();
        let experiments = self.experiments()?;
        let readers = self.readers.as_ref().map_or(String::new(), Readers::html);
        let body = [
            self.answer(),
            explorer,
            overview::html(&self.groups, &self.others),
            readers,
            effects::html(&self.groups),
            experiments,
            self.provenance(),
            checks::html(&self.groups, &self.others),
        ];
        let body = body.concat();
        let style = style::html(&body) + &explorer_style;
        Ok(format!(
            r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body id="top">
<a class="skip" href="#content">Skip to the results</a>
<div class="frame">
{navigation}<main id="content">
{body}<footer><p>This page is a single file without external resources. Its figures can be redrawn from the stored results.</p></footer>
</main>
</div>
<a class="up" href="#top" aria-label="Back to the top">↑</a>
<div class="hover" aria-hidden="true" hidden></div>
<script>
{SCRIPT}</script>
</body>
</html>
"##,
            title = escape(&self.title),
            navigation = navigation::html(self),
        ))
    }

    fn answer(&self) -> String {
        let limits = match self.limits.is_empty() {
            true => String::new(),
            false => format!("<p class=\"limits\"><b>Read with care.</b> {}</p>\n", escape(&self.limits)),
        };
        let links: String = (self.links.iter())
            .map(|(name, address)| format!("<li><a href=\"{}\">{}</a></li>", escape(address), escape(name)))
            .collect();
        format!(
            "<header id=\"answer\">\n<p class=\"kicker\">{}</p>\n<h1>{}</h1>\n{}<h2 class=\"vh\">The answer</h2>\n\
             {}{limits}<div class=\"prov\"><p>{}</p><ul aria-label=\"Links\">{links}</ul></div>\n</header>\n",
            escape(&self.kicker),
            escape(&self.title),
            paragraphs("question", &self.question),
            answer::html(&self.answers),
            escape(&self.source)
        )
    }

    fn experiments(&self) -> Result<String> {
        let mut groups = String::new();
        for group in &self.groups {
            let sections = group.sections.iter().map(Section::html).collect::<Result<String>>()?;
            groups += &format!(
                "<div class=\"group\" id=\"g.{}\"><h3>{}</h3>\n{sections}</div>\n",
                group.name,
                escape(&group.title)
            );
        }
        Ok(format!(
            "<section id=\"experiments\" aria-labelledby=\"experiments.h\">\n<h2 id=\"experiments.h\">Experiments</h2>\n\
             <p class=\"lead\">Each has its claim and its most informative figure. Verdicts, further figures, warnings, the command and all values are folded below.</p>\n{groups}</section>\n"
        ))
    }

    fn provenance(&self) -> String {
        let lines: String = (self.provenance.iter())
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)))
            .collect();
        format!(
            "<section id=\"provenance\" aria-labelledby=\"provenance.h\">\n<h2 id=\"provenance.h\">Provenance</h2>\n\
             <dl class=\"dl\">\n{lines}</dl>\n</section>\n"
        )
    }

    fn check_names(&self) -> Result<()> {
        let mut seen: HashSet<&str> = OWN_IDS.into();
        for group in &self.groups {
            check_name(&group.name)?;
        }
        for section in self.groups.iter().flat_map(|group| &group.sections) {
            let figures = section.figures.iter().map(Figure::name);
            for name in std::iter::once(section.name.as_str()).chain(figures) {
                check_name(name)?;
                if !seen.insert(name) {
                    return Err(Error::NameTwice { name: name.into() });
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn paragraphs(class: &str, text: &str) -> String {
    let texts = text.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    texts.map(|text| format!("<p class=\"{class}\">{}</p>\n", escape(text))).collect()
}
