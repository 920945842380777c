//! One self-contained HTML page: the question, the verdicts, each experiment, and the provenance.

use std::collections::HashSet;

use crate::data_table;
use crate::draw::draw;
use crate::error::{Error, Result};
use crate::explorer::Explorer;
use crate::figure::{Chart, check_name};
use crate::forest::forest;
use crate::grid::ImageGrid;
use crate::heat::HeatMap;
use crate::svg::escape;
use crate::table;
use crate::verdict::Verdict;

/// Typography and colours, light and dark, on screen and on paper.
const STYLE: &str = include_str!("../assets/page.css");

/// The ids reserved by the page; no section or figure may use them.
const OWN_IDS: [&str; 7] =
    ["content", "question", "verdicts", "forest", "explorer", "experiments", "provenance"];

/// The content of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The title.
    pub title: String,
    /// The question and the answer; an empty line starts a new paragraph.
    pub question: String,
    /// The verdicts.
    pub rows: Vec<Verdict>,
    /// The interactive explorer, if there are data for one.
    pub explorer: Option<Explorer>,
    /// The experiments, in the order of the page.
    pub sections: Vec<Section>,
    /// The provenance of the results as names and values: commit, config, seeds, checksums, device, time.
    pub provenance: Vec<(String, String)>,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its id: a lower-case letter, then lower-case letters, digits, `_` or `-`.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// The claim in one sentence.
    pub claim: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Limitations of the results.
    pub warnings: Vec<String>,
    /// The verdicts of this experiment; those of all experiments together are the page's.
    pub rows: Vec<Verdict>,
    /// The command that reproduces it.
    pub command: String,
}

/// A figure of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A figure with axes, with its data as a table.
    Chart(Chart),
    /// A grid of images.
    Grid(ImageGrid),
    /// A heat map; its numbers stand below it as tables.
    Heat(HeatMap),
}

impl Figure {
    fn name(&self) -> &str {
        match self {
            Self::Chart(figure) => &figure.name,
            Self::Grid(grid) => &grid.name,
            Self::Heat(map) => &map.name,
        }
    }
}

impl Page {
    /// The page as one file that loads nothing. Fails if a figure cannot be drawn or a name is used twice.
    pub fn html(&self) -> Result<String> {
        self.check_names()?;
        let sections = self.sections.iter().map(Section::html).collect::<Result<String>>()?;
        let links: String = self.sections.iter().map(|section| link(&section.name, &section.title)).collect();
        let provenance: String = (self.provenance.iter())
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)))
            .collect();
        let title = escape(&self.title);
        let question = paragraphs("question", &self.question);
        let verdicts = table::html(&self.rows);
        let forest = forest(&self.rows).map_or(String::new(), |drawing| {
            format!(
                "<figure>\n<div class=\"card\" role=\"group\" aria-label=\"All claims\" tabindex=\"0\" \
                 style=\"--natural:{}px\">\n{}</div>\n</figure>\n",
                drawing.width, drawing.svg
            )
        });
        let [explorer_style, explorer_link, explorer] =
            self.explorer.as_ref().map(Explorer::parts).transpose()?.unwrap_or_default();
        let first_link = link("verdicts", "Verdicts");
        let last_link = link("provenance", "Provenance");
        Ok(format!(
            r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{STYLE}{explorer_style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
<header>
<h1>{title}</h1>
<nav aria-label="Contents">
<ul>
{first_link}{explorer_link}{links}{last_link}</ul>
</nav>
</header>
<main id="content">
<section aria-labelledby="question">
<h2 id="question">The question</h2>
{question}</section>
<section aria-labelledby="verdicts">
<h2 id="verdicts">Verdicts</h2>
<div class="scroll" role="group" aria-label="Table of verdicts" tabindex="0">
{verdicts}</div>
{forest}</section>
{explorer}<section aria-labelledby="experiments">
<h2 id="experiments">Experiments</h2>
{sections}</section>
<section aria-labelledby="provenance">
<h2 id="provenance">Provenance</h2>
<dl>
{provenance}</dl>
</section>
</main>
<footer>
<p>This page is one file. It loads nothing, and its figures can be redrawn from the stored results.</p>
</footer>
</body>
</html>
"##
        ))
    }

    fn check_names(&self) -> Result<()> {
        let mut seen: HashSet<&str> = OWN_IDS.into();
        for section in &self.sections {
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

impl Section {
    fn html(&self) -> Result<String> {
        let figures = self.figures.iter().map(Figure::html).collect::<Result<String>>()?;
        let warnings: String = (self.warnings.iter())
            .map(|text| format!("<p class=\"warning\"><strong>Warning:</strong> {}</p>\n", escape(text)))
            .collect();
        let (name, title, command) = (&self.name, escape(&self.title), escape(&self.command));
        let claim = paragraphs("claim", &self.claim);
        let found = table::found(&self.rows);
        Ok(format!(
            "<article aria-labelledby=\"{name}\">\n<h3 id=\"{name}\">{title}</h3>\n{claim}{found}{figures}{warnings}\
             <p>To reproduce:</p>\n<pre tabindex=\"0\"><code>{command}</code></pre>\n</article>\n"
        ))
    }
}

impl Figure {
    fn html(&self) -> Result<String> {
        let (drawing, title, caption, tables) = match self {
            Self::Chart(figure) => {
                (draw(figure)?, &figure.title, &figure.caption, data_table::tables(figure))
            }
            Self::Grid(grid) => (grid.draw()?, &grid.title, &grid.caption, String::new()),
            Self::Heat(map) => (map.draw()?, &map.title, &map.caption, map.tables()),
        };
        let details = match tables.is_empty() {
            true => tables,
            false => {
                format!("<details>\n<summary>The data of this figure</summary>\n{tables}</details>\n")
            }
        };
        Ok(format!(
            "<figure>\n<div class=\"card\" role=\"group\" aria-label=\"{}\" tabindex=\"0\" \
             style=\"--natural:{}px\">\n{}</div>\n<figcaption>{}</figcaption>\n{details}</figure>\n",
            escape(title),
            drawing.width,
            drawing.svg,
            escape(caption)
        ))
    }
}

pub(crate) fn link(id: &str, text: &str) -> String {
    format!("<li><a href=\"#{}\">{}</a></li>\n", escape(id), escape(text))
}

pub(crate) fn paragraphs(class: &str, text: &str) -> String {
    let texts = text.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    texts.map(|text| format!("<p class=\"{class}\">{}</p>\n", escape(text))).collect()
}
