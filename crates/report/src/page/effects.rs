//! All effects with intervals and margins, one list for each unit.

use super::intervals::{Bar, Part, list};
use super::matrix::{is_claim, sentence};
use super::{Group, Section};
use crate::svg::escape;
use crate::verdict::{Effect, Verdict};

/// The section of the page; empty without an effect.
pub(super) fn html(groups: &[Group]) -> String {
    let mut units: Vec<(&str, Vec<Part>)> = Vec::new();
    let sections = groups.iter().flat_map(|group| &group.sections);
    for (section, row, effect) in sections.flat_map(drawn) {
        let place = units.iter().position(|(unit, _)| *unit == effect.unit).unwrap_or_else(|| {
            units.push((&effect.unit, vec![]));
            units.len() - 1
        });
        let parts = &mut units[place].1;
        let heading = sentence(&row.claim);
        let part = parts.iter().position(|part| part.heading == heading).unwrap_or_else(|| {
            let note = if row.source.is_empty() { String::new() } else { format!("({})", row.source) };
            parts.push(Part { heading, note, bars: vec![] });
            parts.len() - 1
        });
        parts[part].bars.push(bar(section, row, effect));
    }
    if units.is_empty() {
        return String::new();
    }
    units.sort_by_key(|(_, parts)| usize::MAX - rows(parts));
    let lists = units.iter().enumerate().map(|(place, (unit, parts))| {
        let name = if unit.is_empty() { "ratios and counts" } else { unit };
        let bars = list(&format!("Effects in {name} with intervals and margins"), name, parts);
        let open = if place == 0 { " open" } else { "" };
        let n = rows(parts);
        format!(
            "<details class=\"fold\"{open}><summary>In {} <small>{n} {}</small></summary><div>{bars}</div></details>\n",
            escape(name),
            if n == 1 { "row" } else { "rows" }
        )
    });
    format!(
        "<section id=\"effects\" aria-labelledby=\"effects.h\">\n<h2 id=\"effects.h\">Effects and margins</h2>\n\
         <p class=\"lead\">The effect that decides each claim, its interval, and as a dashed line the margin that the claim \
         names. An arrow marks an interval that extends beyond the axis.</p>\n\
         <figure class=\"fig folds wide-folds\">{}</figure>\n</section>\n",
        lists.collect::<String>()
    )
}

fn rows(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.bars.len()).sum()
}

/// The rows of an experiment that are drawn: claims with a finite interval that do not repeat another row.
fn drawn(section: &Section) -> impl Iterator<Item = (&Section, &Verdict, &Effect)> {
    let finite = |effect: &&Effect| [effect.value, effect.low, effect.high].iter().all(|x| x.is_finite());
    let rows = section.rows.iter().filter(|row| is_claim(row) && row.same_as.is_none());
    rows.filter_map(move |row| Some((section, row, row.effect.as_ref().filter(finite)?)))
}

fn bar(section: &Section, row: &Verdict, effect: &Effect) -> Bar {
    let of: Vec<&str> = [row.model.as_str(), row.data.split(", ").next().unwrap_or_default()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    Bar {
        label: if of.is_empty() { "several sets".into() } else { of.join(" · ") },
        href: section.name.clone(),
        small: format!("{}, n = {}", effect.quantity, row.n),
        at: [effect.value, effect.low, effect.high],
        texts: [effect.estimate(), effect.interval()],
        margin: Some(effect.margin).filter(|margin| margin.is_finite()),
        conclusion: Some(row.conclusion),
        style: None,
    }
}
