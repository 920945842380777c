//! Output of a view as SVG, one row for each node and one arc for each edge, and as an HTML page that steps through it.

use std::fmt::Write as _;

use super::{NodeKind, View, ViewNode, escape};

/// The template of the page; `{{title}}` and `{{svg}}` are replaced by the title and the drawing.
const PAGE: &str = include_str!("page.html");

/// The styles of the drawing, for light and dark backgrounds.
const STYLE: &str = include_str!("view.css");

const ROW: usize = 24;
const TOP: usize = 40;
/// The width of a character of the fixed-width font.
const LETTER: usize = 8;
/// The horizontal position of the nodes, and the width of the space to their left for arcs.
const NODES: usize = 150;

impl View {
    /// The graph as SVG: one row for each node in the order of computation, with shapes, saved bytes, FLOPs and
    /// gradient norms.
    pub fn svg(&self, title: &str) -> String {
        let cells = self.rows();
        let mut left = [NODES + 14; 6];
        for (column, title) in Self::COLUMNS.iter().enumerate() {
            let widths = cells.iter().map(|row| row[column].chars().count());
            let letters = widths.max().unwrap_or(0).max(title.chars().count());
            left[column + 1] = left[column] + (letters + 2) * LETTER;
        }
        let (width, height) = (left[5], TOP + self.nodes.len() * ROW);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
             <title>"
        );
        escape(&mut svg, title);
        let _ = write!(
            svg,
            "</title>\n<style>\n{STYLE}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
        );
        let text = |svg: &mut String, class: &str, x: usize, y: usize, words: &str| {
            let _ = write!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">");
            escape(svg, words);
            svg.push_str("</text>\n");
        };
        for (column, title) in Self::COLUMNS.iter().enumerate() {
            text(&mut svg, "title", left[column], TOP - ROW / 2, title);
        }
        let steps = self.steps();
        for [from, to] in self.edges() {
            let [above, below] = [from, to].map(middle);
            // An arc is wider the more rows it spans, up to the available space.
            let bend = NODES - if to == from + 1 { 0 } else { (12 + 5 * (to - from)).min(NODES - 8) };
            let _ = writeln!(
                svg,
                "<path class=\"edge\" data-step=\"{}\" d=\"M{NODES} {above}C{bend} {above} {bend} {below} {NODES} {below}\"/>",
                steps[to]
            );
        }
        for (index, (node, row)) in self.nodes.iter().zip(&cells).enumerate() {
            let (y, step, kind) = (middle(index), steps[index], node.kind);
            let reached = if node.gradient_norm.is_some() { " reached" } else { "" };
            let _ = write!(svg, "<g class=\"node {kind}{reached}\" data-step=\"{step}\"");
            if kind == NodeKind::Operation {
                let _ = write!(svg, " data-words=\"");
                escape(&mut svg, &format!("{} {}", node.name, node.shapes()));
                svg.push('"');
            }
            let _ = writeln!(svg, "><circle cx=\"{NODES}\" cy=\"{y}\" r=\"5\"/>");
            for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
                text(&mut svg, if column == 4 { "norm" } else { "cell" }, left[column], y + 5, cell);
            }
            svg.push_str("</g>\n");
        }
        svg + "</svg>\n"
    }

    /// A self-contained page that steps through the forward and the backward pass: the right arrow key moves forward,
    /// the left one back.
    pub fn html(&self, title: &str) -> String {
        let mut page = String::new();
        let (head, rest) = PAGE.split_once("{{title}}").unwrap_or((PAGE, ""));
        let (body, tail) = rest.split_once("{{svg}}").unwrap_or((rest, ""));
        page.push_str(head);
        escape(&mut page, title);
        page + body + &self.svg(title) + tail
    }

    /// For each node, the number of the first operation that it takes part in.
    fn steps(&self) -> Vec<usize> {
        let mut operations = 0;
        let step = |node: &ViewNode| {
            operations += usize::from(node.kind == NodeKind::Operation);
            operations + usize::from(node.kind != NodeKind::Operation)
        };
        self.nodes.iter().map(step).collect()
    }
}

/// The vertical position of a row.
fn middle(row: usize) -> usize {
    TOP + row * ROW + ROW / 2
}
