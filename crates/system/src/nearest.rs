//! Suggests the nearest known name for a misspelt one.

/// `, did you mean …?` with the name of the smallest edit distance (Levenshtein, 1966), or nothing if none is near.
pub fn nearest(text: &str, names: &[&str]) -> String {
    let by_distance = names.iter().map(|name| (strsim::levenshtein(text, name), name)).min();
    match by_distance {
        Some((distance, name)) if distance <= 1 + name.len() / 3 => format!(", did you mean `{name}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("quikc", &["smoke", "quick"]), ", did you mean `quick`?");
        assert_eq!(nearest("elephant", &["smoke", "quick"]), "");
    }
}
