//! The style sheet of a page, with the colours of its drawings in the dark theme.

use std::collections::BTreeMap;

use crate::palette::{CHROME, Colour, OBJECTIVES, Style};

/// Typography and colours, light and dark, on screen and on paper.
const STYLE: &str = include_str!("../../assets/page.css");

/// The style sheet for this body.
pub(super) fn html(body: &str) -> String {
    let objectives = |colour: fn(usize) -> Colour| {
        let variables = OBJECTIVES.iter().map(|(name, index)| format!("--{name}:{};", colour(*index)));
        variables.collect::<String>()
    };
    let light = objectives(|index| Style::category(index).colour);
    let dark = objectives(Style::category_on_dark);
    format!(
        ":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }}\n{}}}\n{STYLE}",
        rules(body)
    )
}

/// A rule for each colour that is drawn in the body: drawings name colours of white paper.
fn rules(body: &str) -> String {
    let mut on_dark = BTreeMap::new();
    for attribute in ["fill", "stroke"] {
        for rest in body.split(&format!(" {attribute}=\"#")).skip(1) {
            let Some(colour) = rest.get(..6).and_then(Colour::parse) else { continue };
            let known = CHROME.iter().find(|(known, _)| *known == colour);
            let shown =
                known.map_or_else(|| colour.on_dark().to_string(), |(_, name)| format!("var(--{name})"));
            on_dark.insert((attribute, colour.to_string()), shown);
        }
    }
    let rule = |((attribute, colour), shown): ((&str, String), String)| {
        format!(".fig :not(.heat *)[{attribute}=\"{colour}\"] {{ {attribute}: {shown}; }}\n")
    };
    on_dark.into_iter().map(rule).collect()
}
