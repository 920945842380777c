//! Escapes control characters, bidirectional controls and invisible characters.
//!
//! Names of classes, files and folders are untrusted. A name with an escape sequence may recolour or clear the
//! terminal, one with a line feed may add a forged line, and one with a right-to-left override is displayed as another
//! name.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// Whether a character is a control character, a line separator, a bidirectional control or invisible.
///
/// In addition to control characters, these are the general categories Cf, Zl and Zp and the characters with the
/// property Default_Ignorable_Code_Point of Unicode 16.0 (UnicodeData.txt, DerivedCoreProperties.txt). They include the
/// joiners of emoji and of some scripts, because two names that differ only by a joiner look the same.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'                         // soft hyphen
            | '\u{34f}'                      // combining grapheme joiner
            | '\u{600}'..='\u{605}'          // Arabic signs before numbers
            | '\u{61c}'                      // Arabic letter mark
            | '\u{6dd}' | '\u{70f}'          // Arabic end of verse, Syriac abbreviation mark
            | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}'        // Hangul fillers
            | '\u{17b4}' | '\u{17b5}'        // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'        // Mongolian variation selectors and vowel separator
            | '\u{200b}'..='\u{200f}'        // zero-width space and joiners, left-to-right and right-to-left marks
            | '\u{2028}'..='\u{202e}'        // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}'        // word joiner, invisible operators, isolates
            | '\u{3164}'                     // Hangul filler
            | '\u{fe00}'..='\u{fe0f}'        // variation selectors
            | '\u{feff}'                     // byte order mark
            | '\u{ffa0}'                     // halfwidth Hangul filler
            | '\u{fff0}'..='\u{fffb}'        // unassigned, interlinear annotations
            | '\u{110bd}' | '\u{110cd}'      // Kaithi signs before numbers
            | '\u{13430}'..='\u{1343f}'      // controls of Egyptian hieroglyphs
            | '\u{1bca0}'..='\u{1bca3}'      // controls of shorthand
            | '\u{1d173}'..='\u{1d17a}'      // controls of music
            | '\u{e0000}'..='\u{e0fff}'      // tags, variation selectors
        )
}

/// Escapes every hidden character of one line, including line feeds.
///
/// ```
/// assert_eq!(agon_system::text::line("cat\n\u{1b}[31m"), "cat\\n\\u{1b}[31m");
/// ```
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |out, character| out.extend(character.escape_default()))
}

/// Escapes hidden characters of trusted lines, except line feeds and tabs.
pub fn lines(text: &str) -> Cow<'_, str> {
    let hidden = |character| is_hidden(character) && !matches!(character, '\n' | '\t');
    escaped(text, hidden, |out, character| out.extend(character.escape_default()))
}

/// Replaces hidden characters of a JSON document by JSON escapes, without changing its meaning.
pub fn json(document: &str) -> Cow<'_, str> {
    // JSON strings contain no raw line feeds; all line feeds are between tokens.
    let hidden = |character| is_hidden(character) && character != '\n';
    escaped(document, hidden, |out, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}").expect("writing to a string cannot fail");
        }
    })
}

/// A path as one line.
pub fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
}

/// A count with its noun, whose plural ends in s.
///
/// ```
/// assert_eq!(agon_system::text::count(1, "run"), "1 run");
/// assert_eq!(agon_system::text::count(2, "run"), "2 runs");
/// ```
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match hidden(character) {
            true => escape(&mut out, character),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence that clears the screen, a forged line, the C1 sequence introducer, a right-to-left override and an
    /// isolate.
    const HOSTILE: &str = "a\u{1b}[2J\nok: \r\u{9b}31m\u{7f}\u{202e}b\u{2066}\u{2028}";

    #[test]
    fn hidden_characters_are_escaped_and_plain_text_is_unchanged() {
        let one = line(HOSTILE);
        assert_eq!(one, "a\\u{1b}[2J\\nok: \\r\\u{9b}31m\\u{7f}\\u{202e}b\\u{2066}\\u{2028}");
        assert!(lines(HOSTILE).chars().all(|c| c == '\n' || !is_hidden(c)));
        assert_eq!(lines("a\n\tb\r").matches(['\n', '\t', '\r']).count(), 2);
        for plain in ["", "λ = 0.5, 深い, été, 👩🔬, فارسی, 한국어 \\n", "a b"] {
            assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain), "{plain}");
        }
    }

    #[test]
    fn invisible_characters_are_escaped() {
        let invisible = "\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180e}\u{200b}\u{200c}\u{200d}\u{2060}\u{3164}\
                         \u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff0}\u{1d173}\u{e0000}\u{e0001}\u{e007f}\u{e0100}\u{e01ef}\u{e0fff}";
        for character in invisible.chars() {
            assert_eq!(line(&format!("a{character}b")), format!("a{}b", character.escape_default()));
        }
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let document = "{\n  \"a\": \"\u{202e}\u{7f}\u{e0001}é\"\n}\n";
        assert_eq!(json(document), "{\n  \"a\": \"\\u202e\\u007f\\udb40\\udc01é\"\n}\n");
    }

    #[test]
    fn a_path_that_is_not_utf8_is_displayed() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"a\xff\x1b");
        assert_eq!(path(Path::new(name)), "a\u{fffd}\\u{1b}");
    }
}
