//! The names of data sets in figures and verdicts.

/// The names of data sets: in results, and as text.
const SETS: [(&str, &str); 11] = [
    ("fashion-mnist-embedded", "Fashion-MNIST"),
    ("fashion-mnist", "Fashion-MNIST"),
    ("mnist", "MNIST"),
    ("cifar10", "CIFAR-10"),
    ("cifar100", "CIFAR-100"),
    ("svhn", "SVHN"),
    ("tiny-imagenet", "TinyImageNet"),
    ("imagenette", "Imagenette"),
    ("arabic-characters", "Arabic characters"),
    ("arabic-digits", "Arabic digits"),
    ("stl10", "STL-10"),
];

/// The text for a data set with its transformations in results, such as `tiny-imagenet, halved`.
pub fn data_set(label: &str) -> String {
    let mut parts = label.split(", ");
    let name = parts.next().unwrap_or_default();
    let (base, binary) = name.strip_suffix("-binary").map_or((name, ""), |base| (base, ", black and white"));
    let words = SETS.iter().find(|(known, _)| *known == base).map_or(base, |(_, words)| *words);
    let changes = parts.map(|change| match change.strip_suffix(" % background") {
        Some(percent) => format!(" with a background of {percent} % of the variance"),
        None if change == "halved" => " at half its side".to_owned(),
        None => format!(", {change}"),
    });
    format!("{words}{binary}{}", changes.collect::<String>())
}

/// The name of a data set with the number of training images, such as `Fashion-MNIST, 5,000 images`.
pub fn data_set_of(label: &str, n_train: usize) -> String {
    format!("{}, {} images", data_set(label), thousands(n_train))
}

/// An integer with thousands separators.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sets_are_named_by_their_common_names() {
        assert_eq!(data_set_of("fashion-mnist-embedded", 5_000), "Fashion-MNIST, 5,000 images");
        assert_eq!(data_set("mnist, 90 % background"), "MNIST with a background of 90 % of the variance");
        assert_eq!(data_set("tiny-imagenet, halved"), "TinyImageNet at half its side");
        assert_eq!(data_set("arabic-digits-binary"), "Arabic digits, black and white");
        assert_eq!(data_set("something"), "something");
        assert_eq!([7, 1_000, 1_234_567].map(thousands), ["7", "1,000", "1,234,567"]);
    }
}
