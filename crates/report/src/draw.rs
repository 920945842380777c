//! Draws a figure: title, legend, panels in a grid, note.

use crate::error::Result;
use crate::figure::{Chart, Panel, Reference, Shape};
use crate::font;
use crate::labels::Rect;
use crate::layout::{LEADING, Layout, OUTER, PANEL_TITLE_SIZE, panel_size, plot_size, tick_rows};
use crate::legend::{self, Entry, Legend};
use crate::number::short;
use crate::palette::{INK, QUIET};
use crate::panel::{AXIS_SIZE, Plot};
use crate::raster::Drawing;
use crate::svg::{Anchor, At, Canvas, Type};

const TITLE_SIZE: f64 = 15.0;
const NOTE_SIZE: f64 = 11.0;

/// Draws the figure. Fails as [`Chart::check`] does, and if a value is outside its axis.
pub fn draw(figure: &Chart) -> Result<Drawing> {
    figure.check()?;
    let (plot_w, plot_h) = plot_size(figure);
    let rulers = (figure.panels.iter().enumerate())
        .map(|(i, panel)| panel.rulers(&figure.place(i), plot_w, plot_h))
        .collect::<Result<Vec<_>>>()?;
    let shared = shared_legend(figure);
    let own: Vec<Legend<'_>> = (figure.panels.iter())
        .map(|panel| if shared.is_some() { vec![] } else { legend::entries(&panel.series) })
        .map(|entries| Legend::new(entries, plot_w))
        .collect();
    let titles: Vec<Vec<String>> =
        figure.panels.iter().map(|panel| font::wrap(&panel.title, PANEL_TITLE_SIZE, plot_w - 10.0)).collect();
    let layout = Layout::new(figure, (plot_w, plot_h), &rulers, &titles, &own);

    let inner = layout.width();
    let mut canvas = Canvas::default();
    let mut y = OUTER;
    for line in font::wrap(&figure.title, TITLE_SIZE, inner - 6.0) {
        canvas.text(At { x: OUTER, y: y + TITLE_SIZE }, Type::strong(TITLE_SIZE), &line);
        y += LEADING * TITLE_SIZE;
    }
    y += 6.0;
    if let Some(entries) = shared {
        let legend = Legend::new(entries, inner);
        legend.draw(&mut canvas, At { x: OUTER, y });
        y += legend.height + 6.0;
    }
    for (i, (panel, [x_ruler, y_ruler])) in figure.panels.iter().zip(rulers).enumerate() {
        let (corner, frame) = layout.panel(i, y);
        if figure.panels.len() > 1 {
            let at = At { y: corner.y + PANEL_TITLE_SIZE, ..corner };
            canvas.text(at, Type::strong(PANEL_TITLE_SIZE), &letter(i));
        }
        draw_head(&mut canvas, At { x: frame.x, y: corner.y }, &titles[i], &own[i]);
        let tick_rows = tick_rows(panel, plot_w);
        draw_axis_titles(&mut canvas, corner, frame, layout.axis_title_below(frame, tick_rows), panel);
        let labels_inside = false;
        Plot { panel, x: x_ruler, y: y_ruler, frame, tick_rows, labels_inside }.draw(&mut canvas)?;
    }
    y += layout.height();
    for line in font::wrap(&figure.note, NOTE_SIZE, inner) {
        y += LEADING * NOTE_SIZE;
        canvas.text(At { x: OUTER, y: y + 4.0 }, Type::new(NOTE_SIZE, QUIET, Anchor::Start), &line);
    }
    let (width, height) = ((inner + 2.0 * OUTER).ceil(), (y + OUTER).ceil());
    let svg = canvas.finish(&figure.name, width, height, &figure.title, &description(figure));
    Ok(Drawing { svg, width, height })
}

/// Each panel as a drawing of its own, without titles and legend.
pub(crate) fn draw_panels(figure: &Chart) -> Result<Vec<Drawing>> {
    figure.check()?;
    figure.panels.iter().enumerate().map(|(i, panel)| draw_panel(figure, i, panel)).collect()
}

fn draw_panel(figure: &Chart, i: usize, panel: &Panel) -> Result<Drawing> {
    let plot = panel_size(panel);
    let [x, y] = panel.rulers(&figure.place(i), plot.0, plot.1)?;
    // Labels inside the plot need no margin.
    let mut unlabelled = panel.clone();
    unlabelled.references.retain(|reference| matches!(reference, Reference::Vertical(_)));
    let alone = Chart { panels: vec![unlabelled], ..figure.clone() };
    let none = [Legend::new(vec![], plot.0)];
    let rulers = [[x, y]];
    let layout = Layout::new(&alone, plot, &rulers, &[vec![]], &none);
    let (corner, frame) = layout.panel(0, 0.0);
    let tick_rows = tick_rows(panel, plot.0);
    let mut canvas = Canvas::default();
    draw_axis_titles(&mut canvas, corner, frame, layout.axis_title_below(frame, tick_rows), panel);
    let [[x, y]] = rulers;
    Plot { panel, x, y, frame, tick_rows, labels_inside: true }.draw(&mut canvas)?;
    let (width, height) = ((layout.width() + 2.0 * OUTER).ceil(), layout.height().ceil());
    let id = format!("{}.{}", figure.name, letter(i));
    let title = if panel.title.is_empty() { &figure.title } else { &panel.title };
    let svg = canvas.finish(&id, width, height, title, &of_panel(panel));
    Ok(Drawing { svg, width, height })
}

/// The legend of the figure, if one panel's legend contains those of all others; otherwise each panel has its own.
pub(crate) fn shared_legend(figure: &Chart) -> Option<Vec<Entry<'_>>> {
    let all: Vec<Vec<Entry<'_>>> = figure.panels.iter().map(|panel| legend::entries(&panel.series)).collect();
    let most = all.iter().max_by_key(|entries| entries.len())?;
    let holds = |entry: &Entry<'_>| most.iter().any(|other| other.says_the_same(entry));
    all.iter().flatten().all(holds).then(|| most.clone())
}

/// a, b, …, z, aa, ab, …
pub(crate) fn letter(index: usize) -> String {
    let last = char::from(b'a' + (index % 26) as u8);
    if index < 26 { last.into() } else { letter(index / 26 - 1) + &last.to_string() }
}

fn draw_head(canvas: &mut Canvas, corner: At, title: &[String], legend: &Legend<'_>) {
    let line = LEADING * PANEL_TITLE_SIZE;
    for (i, text) in title.iter().enumerate() {
        let at = At { y: corner.y + PANEL_TITLE_SIZE + i as f64 * line, ..corner };
        canvas.text(at, Type::new(PANEL_TITLE_SIZE, INK, Anchor::Start), text);
    }
    legend.draw(canvas, At { y: corner.y + title.len() as f64 * line + 2.0, ..corner });
}

fn draw_axis_titles(canvas: &mut Canvas, corner: At, frame: Rect, below: f64, panel: &Panel) {
    let look = Type::new(AXIS_SIZE, INK, Anchor::Middle);
    let centre = frame.centre();
    canvas.text(At { x: centre.x, y: below }, look, &panel.x.title());
    canvas.text_upwards(At { x: corner.x + AXIS_SIZE, y: centre.y }, look, &panel.y.title());
}

/// A text description: caption, note, and for each panel its axes and the first and last point of each series.
fn description(figure: &Chart) -> String {
    let mut sentences = vec![figure.caption.clone(), figure.note.clone()];
    for (i, panel) in figure.panels.iter().enumerate() {
        let title = if panel.title.is_empty() { String::new() } else { format!(", {}", panel.title) };
        sentences.push(format!("Panel {}{title}: {}", letter(i), of_panel(panel)));
    }
    sentences.retain(|sentence| !sentence.trim().is_empty());
    sentences.join(" ")
}

/// The axes of a panel, and the first and last point of each series.
fn of_panel(panel: &Panel) -> String {
    let mut sentences = vec![format!("{} over {}.", panel.y.title(), panel.x.title())];
    for series in &panel.series {
        let points = &series.points;
        let [first, last] = [&points[0], &points[points.len() - 1]];
        sentences.push(match series.shape {
            Shape::Cloud => format!("{}: {} points.", series.label, points.len()),
            Shape::Line | Shape::Points => format!(
                "{}: {} points, from {} at {} to {} at {}.",
                series.label,
                points.len(),
                short(panel.y.factor() * first.y),
                short(panel.x.factor() * first.x),
                short(panel.y.factor() * last.y),
                short(panel.x.factor() * last.x)
            ),
        });
    }
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_continue_after_z() {
        assert_eq!([0, 25, 26, 27].map(letter), ["a", "z", "aa", "ab"]);
    }
}
