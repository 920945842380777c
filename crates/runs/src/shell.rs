//! Quotes paths and names as words of a shell command, whatever characters they contain.

use std::ffi::OsStr;
use std::fmt::Write;

use system::text::is_hidden;

/// The text as one word of any POSIX shell, for scripts.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text as one word of bash and zsh, for output that a user copies. [Hidden](is_hidden) characters and invalid UTF-8
/// are escaped.
pub fn shown(text: &OsStr) -> String {
    if let Some(text) = text.to_str().filter(|text| !text.contains(is_hidden)) {
        return quoted(text);
    }
    let mut word = String::from("$'");
    for chunk in text.as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => word.extend(['\\', c]),
                c if is_hidden(c) => bytes(&mut word, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => word.push(c),
            }
        }
        bytes(&mut word, chunk.invalid());
    }
    word + "'"
}

/// An option with its value, preceded by a space.
pub fn option(name: &str, value: &OsStr) -> String {
    // A separate value that starts with `-` would be parsed as an option.
    let between = if value.as_encoded_bytes().starts_with(b"-") { '=' } else { ' ' };
    format!(" {name}{between}{}", shown(value))
}

fn bytes(word: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(word, "\\x{byte:02x}").expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    const AWKWARD: [&[u8]; 13] = [
        b"out",
        b"",
        b"it's of 50% \"quoted\" `ls` $HOME \\ * ?",
        b"two\nlines\r\n",
        b"\x1b[31mred\x07",
        "größe \u{202e}txt".as_bytes(),
        "soft\u{ad}hyphen".as_bytes(),
        "filler\u{3164}".as_bytes(),
        "tag\u{e0041}".as_bytes(),
        b"no utf-8 \xff\xfe'",
        b"!history",
        b"~",
        b"#",
    ];

    /// The word as a shell parses it.
    fn read(shell: &str, word: &str) -> Vec<u8> {
        let output = Command::new(shell).args(["-c", &format!("printf %s {word}")]).output().unwrap();
        assert!(output.status.success(), "{word}");
        output.stdout
    }

    #[test]
    fn a_shell_parses_a_quoted_word_to_the_original() {
        for text in AWKWARD {
            if let Ok(text) = std::str::from_utf8(text) {
                assert_eq!(read("sh", &quoted(text)), text.as_bytes());
            }
            let word = shown(OsStr::from_bytes(text));
            assert_eq!(read("bash", &word), text, "{word}");
            assert!(!word.contains(is_hidden), "{word:?}");
        }
    }

    #[test]
    fn a_value_that_looks_like_an_option_is_joined_by_an_equals_sign() {
        assert_eq!(option("--out", OsStr::new("-x")), " --out=-x");
        assert_eq!(option("--out", OsStr::new("a b")), " --out 'a b'");
    }
}
