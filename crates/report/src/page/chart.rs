//! A chart on a page: title and legend as text, and a drawing for each panel, which stand side by side or stack.

use crate::data_table;
use crate::draw::{draw_panels, letter, shared_legend};
use crate::error::Result;
use crate::figure::Chart;
use crate::legend::{self, Entry};
use crate::svg::escape;

/// The figure as HTML.
pub(super) fn html(figure: &Chart) -> Result<String> {
    let drawings = draw_panels(figure)?;
    let shared = shared_legend(figure);
    let mut panels = String::new();
    for (place, (panel, drawing)) in figure.panels.iter().zip(&drawings).enumerate() {
        let label = match figure.panels.len() {
            1 => String::new(),
            _ => format!("<b>{}</b> ", letter(place)),
        };
        let own = match shared {
            Some(_) => String::new(),
            None => legend(&legend::entries(&panel.series)),
        };
        let head = match panel.title.is_empty() && label.is_empty() {
            true => String::new(),
            false => format!("<p class=\"pt\">{label}{}</p>\n", escape(&panel.title)),
        };
        panels += &format!(
            "<div class=\"pn\">{head}{own}<div class=\"ps\" role=\"group\" aria-label=\"{}\" tabindex=\"0\" \
             style=\"--natural:{}px\">{}</div></div>\n",
            escape(if panel.title.is_empty() { &figure.title } else { &panel.title }),
            drawing.width,
            drawing.svg
        );
    }
    let one = if figure.panels.len() == 1 { " one" } else { "" };
    Ok(format!(
        "<figure class=\"fig\" id=\"{name}\" aria-labelledby=\"{name}.t\">\n<h5 id=\"{name}.t\">{}</h5>\n{}\
         <div class=\"panels{one}\">\n{panels}</div>\n{}</figure>\n",
        escape(&figure.title),
        shared.map_or(String::new(), |entries| legend(&entries)),
        caption(&figure.caption, &figure.note, &data_table::tables(figure)),
        name = figure.name,
    ))
}

/// The first sentence of a caption, then its rest, the note and the tables in a collapsed element.
pub(super) fn caption(text: &str, note: &str, tables: &str) -> String {
    let (first, rest) = first_sentence(text);
    let more: String = [rest, note]
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .map(|text| format!("<p>{}</p>\n", escape(text)))
        .collect();
    let more = match more.is_empty() && tables.is_empty() {
        true => String::new(),
        false => format!(
            "<details class=\"numbers\"><summary>About this figure{}</summary>\n<div>{more}{tables}</div></details>\n",
            if tables.is_empty() { "" } else { ", with its values" }
        ),
    };
    format!("<figcaption>{}</figcaption>\n{more}", escape(first))
}

/// The text up to the first full stop before a capital letter, and the rest.
fn first_sentence(text: &str) -> (&str, &str) {
    let ends = text.match_indices(". ").map(|(at, _)| at + 1);
    let mut ends = ends.filter(|&at| text[at..].trim_start().starts_with(char::is_uppercase));
    text.split_at(ends.next().unwrap_or(text.len()))
}

/// The legend as text with a sample of each series.
fn legend(entries: &[Entry<'_>]) -> String {
    let entries = entries.iter().map(|entry| {
        let (sample, [w, h]) = entry.sample();
        format!(
            "<li><svg aria-hidden=\"true\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">{sample}</svg> {}</li>",
            escape(entry.label())
        )
    });
    format!("<ul class=\"klegend\" aria-label=\"Legend\">{}</ul>\n", entries.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_is_cut_after_its_first_sentence() {
        assert_eq!(first_sentence("One, 0.5 of it. Two. Three."), ("One, 0.5 of it.", " Two. Three."));
        assert_eq!(first_sentence("One, i.e. all."), ("One, i.e. all.", ""));
    }
}
