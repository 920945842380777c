//! The embedded font and the widths of its texts.

use std::sync::LazyLock;

use ttf_parser::Face;

/// DejaVu Sans, regular; its licence is beside the file.
pub(crate) const BYTES: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");

/// The `font-family` of every SVG: the face of the PNG, if the viewer has it.
pub(crate) const FAMILY: &str = "DejaVu Sans, sans-serif";

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(BYTES, 0).expect("the embedded font can be parsed"));

/// The width of one line of text at `size`, in units of the drawing.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let units: f64 = text.chars().map(advance).sum();
    units * size / f64::from(FACE.units_per_em())
}

fn advance(character: char) -> f64 {
    // A missing character is drawn as glyph 0, a box.
    let glyph = FACE.glyph_index(character).unwrap_or_default();
    FACE.glyph_hor_advance(glyph).map_or(0.0, f64::from)
}

/// Wraps the text at spaces into lines no wider than `limit`; a longer word has its own line.
pub(crate) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The width of the widest of these texts; 0 for none.
pub(crate) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    texts.into_iter().map(|text| width(text, size)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_the_letters_that_figures_use() {
        for character in "λβ−×·…≤≥±→₀₁₂⁰¹²³⁴⁵⁶⁷⁸⁹⁻%‖√✓✗≠".chars()
        {
            assert!(FACE.glyph_index(character).is_some(), "no glyph for {character}");
        }
    }

    #[test]
    fn wrapped_lines_fit_and_keep_every_word() {
        let text = "a trade-off, no synergy, at every width that was tried";
        let lines = wrap(text, 12.0, 120.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| width(line, 12.0) <= 120.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn width_grows_with_the_size() {
        assert_eq!(width("λ = 0.5", 20.0), 2.0 * width("λ = 0.5", 10.0));
        assert_eq!(width("", 10.0), 0.0);
    }
}
