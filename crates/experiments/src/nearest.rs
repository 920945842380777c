//! The name that somebody probably meant.

/// `, did you mean ...` for the nearest of `names`, or nothing if none is near.
pub(crate) fn nearest(text: &str, names: &[&str]) -> String {
    let by_distance = names.iter().map(|name| (distance(text, name), name)).min();
    match by_distance {
        Some((distance, name)) if distance <= 1 + name.len() / 3 => format!(", did you mean `{name}`?"),
        _ => String::new(),
    }
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("quikc", &["smoke", "quick"]), ", did you mean `quick`?");
        assert_eq!(nearest("elephant", &["smoke", "quick"]), "");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
