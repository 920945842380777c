//! The table of contents beside a page, which stays visible; on a narrow screen, a bar that opens.

use super::matrix::is_claim;
use super::{Group, Page};
use crate::svg::escape;

/// The navigation.
pub(super) fn html(page: &Page) -> String {
    let has_rows =
        page.groups.iter().any(|group| group.sections.iter().any(|section| !section.rows.is_empty()));
    let rows = page.groups.iter().flat_map(|group| &group.sections).flat_map(|section| &section.rows);
    let has_facts = rows.chain(&page.others).any(|row| !is_claim(row));
    let parts = [
        ("answer", "The answer", true),
        ("explorer", "Try it: move λ", page.explorer.is_some()),
        ("verdicts", "All claims", has_rows),
        ("readers", "Readers of the latent", page.readers.is_some()),
        ("effects", "Effects and margins", has_rows),
    ];
    let parts: String =
        parts.into_iter().filter(|(.., shown)| *shown).map(|(id, text, _)| link(id, text)).collect();
    let groups: String = page.groups.iter().enumerate().map(group).collect();
    format!(
        "<nav class=\"side\" aria-label=\"Contents\">\n<a class=\"brand\" href=\"#top\">Agon</a>\n\
         <button class=\"toc-button\" type=\"button\" aria-expanded=\"false\" aria-controls=\"toc.list\">Contents</button>\n\
         <div class=\"toc\" id=\"toc.list\">\n<ul>\n{parts}</ul>\n<p class=\"h\">Experiments</p>\n<ul>{groups}</ul>\n\
         <p class=\"h\">Verification</p>\n<ul>\n{}{}</ul>\n</div>\n</nav>\n",
        link("provenance", "Provenance"),
        if has_facts { link("checks.s", "Self-checks of the code") } else { String::new() }
    )
}

fn group((place, group): (usize, &Group)) -> String {
    let links: String =
        group.sections.iter().map(|section| link(&section.name, section.heading().0)).collect();
    let open = if place == 0 { " open" } else { "" };
    format!(
        "<li><details{open}><summary>{} <span>{}</span></summary><ul>\n{links}</ul></details></li>\n",
        escape(&group.title),
        group.sections.len()
    )
}

fn link(id: &str, text: &str) -> String {
    format!("<li><a href=\"#{}\">{}</a></li>\n", escape(id), escape(text))
}
