//! Escapes characters that move a terminal's cursor, reorder text or cannot be seen.
//!
//! Names of classes, files and folders come from anywhere. A name with an escape sequence recolours or clears the
//! terminal, one with a line feed adds a line that the program never printed, and one with a right-to-left override
//! reads as another name.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// Whether a character is a control character, a separator of lines, a bidirectional control or invisible.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'                        // Arabic letter mark
            | '\u{200b}'                     // zero-width space
            | '\u{200e}' | '\u{200f}'        // left-to-right and right-to-left marks
            | '\u{2028}'..='\u{202e}'        // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}'        // word joiner, invisible operators, isolates
            | '\u{feff}'                     // byte order mark
            | '\u{fff9}'..='\u{fffb}'        // interlinear annotations
            | '\u{e0000}'..='\u{e007f}'      // tags
        )
}

/// One line: every hidden character is escaped, line feeds too.
///
/// ```
/// assert_eq!(agon_system::text::line("cat\n\u{1b}[31m"), "cat\\n\\u{1b}[31m");
/// ```
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |out, character| out.extend(character.escape_default()))
}

/// Several lines of our own: hidden characters are escaped but for line feeds and tabs.
pub fn lines(text: &str) -> Cow<'_, str> {
    let hidden = |character| is_hidden(character) && !matches!(character, '\n' | '\t');
    escaped(text, hidden, |out, character| out.extend(character.escape_default()))
}

/// A JSON document in which hidden characters are written as JSON escapes them; it means the same.
pub fn json(document: &str) -> Cow<'_, str> {
    // Within strings, JSON itself escapes line feeds: the others stand between its parts.
    let hidden = |character| is_hidden(character) && character != '\n';
    escaped(document, hidden, |out, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}").expect("a string takes every text");
        }
    })
}

/// A path as one line.
pub fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
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

    /// A sequence that clears the screen, a faked line, C1's sequence introducer, a right-to-left override and isolate.
    const HOSTILE: &str = "a\u{1b}[2J\nok: \r\u{9b}31m\u{7f}\u{202e}b\u{2066}\u{2028}";

    #[test]
    fn no_hidden_character_is_left_and_plain_text_is_as_it_was() {
        let one = line(HOSTILE);
        assert_eq!(one, "a\\u{1b}[2J\\nok: \\r\\u{9b}31m\\u{7f}\\u{202e}b\\u{2066}\\u{2028}");
        assert!(lines(HOSTILE).chars().all(|c| c == '\n' || !is_hidden(c)));
        assert_eq!(lines("a\n\tb\r").matches(['\n', '\t', '\r']).count(), 2);
        for plain in ["", "λ = 0.5, 深い, été, 👩‍🔬 \\n", "a b"] {
            assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain), "{plain}");
        }
    }

    #[test]
    fn escaped_json_means_the_same() {
        let document = "{\n  \"a\": \"\u{202e}\u{7f}\u{e0001}é\"\n}\n";
        assert_eq!(json(document), "{\n  \"a\": \"\\u202e\\u007f\\udb40\\udc01é\"\n}\n");
    }

    #[test]
    fn a_path_that_is_no_unicode_is_shown_all_the_same() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"a\xff\x1b");
        assert_eq!(path(Path::new(name)), "a\u{fffd}\\u{1b}");
    }
}
