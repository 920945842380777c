//! Reading a command line by hand: usage errors, options with values, and the nearest known word.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

/// A call that makes no sense; the program ends with exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Refuses every argument, for a command that takes none.
pub(crate) fn none(command: &str, arguments: &[OsString]) -> Result<(), Usage> {
    match arguments.first() {
        None => Ok(()),
        Some(first) => Err(Usage(format!(
            "`cargo xtask {command}` takes no arguments, got `{}`",
            first.to_string_lossy()
        ))),
    }
}

/// Walks over options and their values.
pub(crate) struct Reader<'a> {
    rest: std::slice::Iter<'a, OsString>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(arguments: &'a [OsString]) -> Self {
        Reader { rest: arguments.iter() }
    }

    /// The next option, or `None` at the end of the line.
    pub(crate) fn option(&mut self) -> Result<Option<&'a str>, Usage> {
        self.rest.next().map(|text| utf8(text)).transpose()
    }

    /// The value after `option`.
    pub(crate) fn value<T: FromStr>(&mut self, option: &str, wanted: &str) -> Result<T, Usage> {
        let text = self.rest.next().ok_or_else(|| Usage(format!("`{option}` wants {wanted}")))?;
        parse(option, wanted, utf8(text)?)
    }

    /// The values after `option`, separated by commas.
    pub(crate) fn values<T: FromStr>(&mut self, option: &str, wanted: &str) -> Result<Vec<T>, Usage> {
        let text: String = self.value(option, wanted)?;
        text.split(',').map(|part| parse(option, wanted, part)).collect()
    }
}

fn utf8(text: &OsString) -> Result<&str, Usage> {
    text.to_str().ok_or_else(|| Usage(format!("`{}` is not valid UTF-8", text.to_string_lossy())))
}

fn parse<T: FromStr>(option: &str, wanted: &str, text: &str) -> Result<T, Usage> {
    text.parse().map_err(|_| Usage(format!("`{option}` wants {wanted}, got `{text}`")))
}

/// The candidate with the fewest changed letters, if that is few enough to be a slip of the finger.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let few = word.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::levenshtein(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= few)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("tset", ["setup", "test"]), Some("test"));
        assert_eq!(nearest("teh", ["reproduce", "tidy"]), None);
    }

    #[test]
    fn a_missing_or_malformed_value_is_named() {
        let line: Vec<OsString> = ["--threads", "1,two"].map(OsString::from).to_vec();
        let mut reader = Reader::new(&line);
        assert_eq!(reader.option().unwrap(), Some("--threads"));
        let error = reader.values::<usize>("--threads", "numbers").unwrap_err();
        assert_eq!(error.to_string(), "`--threads` wants numbers, got `two`");
        let error = reader.value::<usize>("--rounds", "a number").unwrap_err();
        assert_eq!(error.to_string(), "`--rounds` wants a number");
    }

    #[test]
    fn values_are_split_at_commas() {
        let line = [OsString::from("1,2")];
        assert_eq!(Reader::new(&line).values::<usize>("--threads", "numbers").unwrap(), [1, 2]);
    }
}
