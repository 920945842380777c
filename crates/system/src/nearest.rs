//! Suggests the nearest known name for a misspelt one.

/// The shortest text that is searched as a part of names.
const SHORTEST_PART: usize = 3;

/// The text `, did you mean …?` with the name of the smallest edit distance (Levenshtein, 1966), or else with the
/// shortest name that contains the text; empty if there is neither.
pub fn nearest(text: &str, names: &[&str]) -> String {
    let by_distance = names.iter().map(|name| (strsim::levenshtein(text, name), name)).min();
    match by_distance {
        Some((distance, name)) if distance <= 1 + name.len() / 3 => format!(", did you mean `{name}`?"),
        _ => {
            let is_longer = |name: &&&str| text.len() >= SHORTEST_PART && name.contains(text);
            let longer = names.iter().filter(is_longer).min_by_key(|name| name.len());
            longer.map_or(String::new(), |name| format!(", did you mean `{name}`?"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("quikc", &["smoke", "quick"]), ", did you mean `quick`?");
        assert_eq!(nearest("elephant", &["smoke", "quick"]), "");
        assert_eq!(nearest("latent", &["latent_channels", "lambda"]), ", did you mean `latent_channels`?");
        assert_eq!(nearest("at", &["latent_channels"]), "");
    }
}
