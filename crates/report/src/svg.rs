//! A small deterministic SVG writer with escaped text.

use std::fmt::{self, Display, Write};

use crate::font;
use crate::palette::{Colour, INK, PAPER};

/// A position or size in units of the drawing, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct At {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// A coordinate, formatted with two decimals and without trailing zeros.
pub(crate) struct Num(pub(crate) f64);

impl Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Adding 0 turns −0 into 0.
        let rounded = (self.0 * 100.0).round() / 100.0 + 0.0;
        write!(f, "{rounded}")
    }
}

/// Text alignment relative to its position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The style of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    pub(crate) size: f64,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    /// Drawn with a thin outline as bold text, so that SVG and PNG agree without a second font.
    pub(crate) strong: bool,
}

impl Type {
    pub(crate) fn new(size: f64, colour: Colour, anchor: Anchor) -> Self {
        Self { size, colour, anchor, strong: false }
    }

    pub(crate) fn strong(size: f64) -> Self {
        Self { size, colour: INK, anchor: Anchor::Start, strong: true }
    }

    /// The distance of the baseline below the middle of a line of text.
    pub(crate) fn middle(&self) -> f64 {
        0.36 * self.size
    }
}

/// The path data of a polyline through `points`.
pub(crate) fn path(points: &[At], closed: bool) -> String {
    let mut d = String::new();
    for (i, at) in points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        write!(d, "{command}{} {}", Num(at.x), Num(at.y)).expect("writing to a string cannot fail");
    }
    if closed {
        d.push('Z');
    }
    d
}

/// Escapes the five special characters of XML and HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 allows no other control characters, not even escaped.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The elements of a drawing, in paint order.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    out: String,
}

impl Canvas {
    /// An element without content.
    pub(crate) fn element(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.open_tag(name, attributes);
        self.out.push_str("/>\n");
    }

    pub(crate) fn line(&mut self, from: At, to: At, colour: Colour, width: f64, dash: &str) {
        let (x1, y1, x2, y2) = (Num(from.x), Num(from.y), Num(to.x), Num(to.y));
        let width = Num(width);
        let mut attributes: Vec<(&str, &dyn Display)> = vec![
            ("x1", &x1),
            ("y1", &y1),
            ("x2", &x2),
            ("y2", &y2),
            ("stroke", &colour),
            ("stroke-width", &width),
        ];
        if !dash.is_empty() {
            attributes.push(("stroke-dasharray", &dash));
        }
        self.element("line", &attributes);
    }

    /// One line of text whose baseline starts, ends or has its middle at `at`.
    pub(crate) fn text(&mut self, at: At, look: Type, text: &str) {
        self.write_text(at, look, text, "");
    }

    /// As `text`, rotated to be read from bottom to top.
    pub(crate) fn text_upwards(&mut self, at: At, look: Type, text: &str) {
        let turn = format!(" transform=\"rotate(-90 {} {})\"", Num(at.x), Num(at.y));
        self.write_text(at, look, text, &turn);
    }

    fn write_text(&mut self, at: At, look: Type, text: &str, extra: &str) {
        let anchor = match look.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let outline = match look.strong {
            true => format!(" stroke=\"{}\" stroke-width=\"0.4\"", look.colour),
            false => String::new(),
        };
        self.push(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{outline}{extra}>{}</text>\n",
            Num(at.x),
            Num(at.y),
            Num(look.size),
            look.colour,
            escape(text)
        ));
    }

    /// The elements alone, for a drawing inside another.
    pub(crate) fn elements(self) -> String {
        self.out
    }

    /// The complete SVG on a white background, with a title and a text description.
    /// Ids are `id` with a dot and a word; a name has no dot, so they are unique on a page.
    pub(crate) fn finish(self, id: &str, width: f64, height: f64, title: &str, description: &str) -> String {
        let (id, w, h) = (escape(id), Num(width.ceil()), Num(height.ceil()));
        let (title, description) = (escape(title), escape(description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}.svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\" aria-labelledby=\"{id}.title {id}.desc\" \
             font-family=\"{}\">\n<title id=\"{id}.title\">{title}</title>\n\
             <desc id=\"{id}.desc\">{description}</desc>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"{PAPER}\"/>\n{}</svg>\n",
            font::FAMILY,
            self.out
        )
    }

    fn open_tag(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.push(format_args!("<{name}"));
        for (key, value) in attributes {
            self.push(format_args!(" {key}=\"{}\"", escape(&value.to_string())));
        }
    }

    fn push(&mut self, text: fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_escaped() {
        assert_eq!(escape("<b a='1'>&\"\u{1}"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn numbers_are_short_and_have_no_negative_zero() {
        assert_eq!(Num(-0.001).to_string(), "0");
        assert_eq!(Num(12.345_678).to_string(), "12.35");
        assert_eq!(Num(-3.0).to_string(), "-3");
    }
}
