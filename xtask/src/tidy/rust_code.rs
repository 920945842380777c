//! Rust text with its comments and literals blanked out, so that rules about code do not trip over prose.

/// `text` with every character of comments, strings and character literals replaced by a space.
///
/// Line breaks stay, so line numbers do too. It knows Rust's words, not its grammar; that is enough to find words.
pub(super) fn code_only(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = at + blank_length(&letters[at..], at.checked_sub(1).map(|before| letters[before]));
        if end == at {
            code.push(letters[at]);
            at += 1;
        } else {
            code.extend(letters[at..end].iter().map(|&letter| if letter == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// How many characters the comment or literal at the start of `rest` has; 0 if there is none.
fn blank_length(rest: &[char], before: Option<char>) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().position(|&letter| letter == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['r', '"' | '#', ..] if !before.is_some_and(in_word_but_prefix) => raw_string(rest),
        // A lifetime has no closing quote; a character literal has it behind one character or an escape.
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted(rest, '\''),
        _ => 0,
    }
}

/// Is `r` the tail of a longer word? `br"..."` and `cr"..."` are raw strings, `for"..."` is not Rust.
fn in_word_but_prefix(before: char) -> bool {
    (before.is_alphanumeric() || before == '_') && before != 'b' && before != 'c'
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// `r"..."`, `r#"..."#` and so on; 0 for a raw identifier such as `r#type`.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&letter| letter == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let body = 2 + hashes;
    let closes = |at: usize| {
        rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    (body..rest.len()).find(|&at| closes(at)).map_or(rest.len(), |at| at + 1 + hashes)
}

/// The lines, counted from 1, on which `word` stands in `code` as a word of its own.
pub(super) fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let stands = |line: &str| {
        line.match_indices(word)
            .any(|(at, _)| !line[..at].ends_with(in_word) && !line[at + word.len()..].starts_with(in_word))
    };
    code.lines().enumerate().filter(|(_, line)| stands(line)).map(|(index, _)| index + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_code_is_not() {
        for (text, code) in [
            ("a // b", "a     "),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("b \" c", d)"#, "f(        , d)"),
            (r###"f(r#"b " c"#, d)"###, "f(          , d)"),
            ("f('b', '\\'', d)", "f(   ,     , d)"),
            ("f::<'a>(&'a b)", "f::<'a>(&'a b)"),
            ("r#type = 1", "r#type = 1"),
            ("a \"b\nc\" d", "a   \n   d"),
        ] {
            assert_eq!(code_only(text), code, "{text}");
        }
    }

    #[test]
    fn text_that_ends_within_a_literal_is_no_trouble() {
        for text in ["\"a", "\"a\\", "r#\"a", "/* a", "'\\", "//"] {
            assert_eq!(code_only(text).trim(), "", "{text}");
        }
    }

    #[test]
    fn a_word_is_found_only_where_it_stands_alone() {
        assert_eq!(lines_with_word("unsafe_code\nunsafe {\n(unsafe)\nanunsafe", "unsafe"), [2, 3]);
    }
}
