//! Tests of the HTML page: one file, escaped, with unique ids and ordered headings.

use std::collections::HashSet;

use agon_report::{
    Answer, Axis, Chart, Conclusion, Effect, Error, Figure, Group, Kind, Page, Panel, Point, ReadBy,
    ReadModel, Readers, Scale, Section, Series, Shape, Style, Verdict,
};

const HOSTILE: &str = "<script>alert(\"x\")</script> & 'more'";

fn figure(name: &str) -> Chart {
    let points = vec![Point::new(0.0, 0.125), Point::new(1.0, 0.75).y_between(0.5, 1.0).labelled(HOSTILE)];
    Chart {
        name: name.into(),
        title: HOSTILE.into(),
        caption: HOSTILE.into(),
        note: HOSTILE.into(),
        columns: 1,
        panels: vec![Panel {
            title: HOSTILE.into(),
            x: Axis::new(HOSTILE, HOSTILE, Scale::Linear),
            y: Axis::new("accuracy", "", Scale::Linear),
            series: vec![Series {
                label: HOSTILE.into(),
                points,
                style: Style::category(0),
                shape: Shape::Line,
            }],
            references: vec![],
        }],
    }
}

fn section(name: &str, figures: &[&str]) -> Section {
    Section {
        name: name.into(),
        title: HOSTILE.into(),
        claim: HOSTILE.into(),
        figures: figures.iter().map(|name| Figure::Chart(figure(name))).collect(),
        warnings: vec![HOSTILE.into()],
        rows: vec![row(), fact()],
        command: HOSTILE.into(),
    }
}

fn effect() -> Effect {
    Effect {
        quantity: HOSTILE.into(),
        value: 15.66,
        low: 12.9,
        high: 18.4,
        margin: 2.0,
        unit: "points".into(),
        resampled: "seeds",
    }
}

fn row() -> Verdict {
    Verdict {
        source: HOSTILE.into(),
        claim: HOSTILE.into(),
        data: HOSTILE.into(),
        model: HOSTILE.into(),
        reader: HOSTILE.into(),
        expected: HOSTILE.into(),
        got: HOSTILE.into(),
        effect: Some(effect()),
        n: 5,
        conclusion: Conclusion::Holds,
        ..Verdict::default()
    }
}

fn fact() -> Verdict {
    Verdict { kind: Kind::Exact, effect: None, conclusion: Conclusion::ExactMet, ..row() }
}

fn page() -> Page {
    let hostile = || HOSTILE.to_owned();
    let by = |name: &str, place| ReadBy { name: name.into(), place, accuracy: [82.6, 67.0], lost: effect() };
    let model =
        ReadModel { name: hostile(), data: hostile(), n: 5, readers: vec![by(HOSTILE, 0), by("ridge", 3)] };
    Page {
        kicker: hostile(),
        title: hostile(),
        question: format!("{HOSTILE}\n\n{HOSTILE}"),
        answers: vec![Answer { number: hostile(), of: hostile(), sentence: hostile(), evidence: hostile() }],
        limits: hostile(),
        source: hostile(),
        links: vec![(hostile(), "https://arxiv.org/abs/2401.09237".into())],
        explorer: None,
        readers: Some(Readers { lead: hostile(), models: vec![model] }),
        groups: vec![
            group("first", vec![section("one", &["a", "b"]), section("two", &["c"])]),
            group("second", vec![section("three", &[])]),
        ],
        others: vec![fact(), Verdict { conclusion: Conclusion::NotRun, effect: None, ..row() }],
        provenance: vec![(hostile(), hostile())],
    }
}

fn group(name: &str, sections: Vec<Section>) -> Group {
    Group { name: name.into(), short: HOSTILE.into(), title: HOSTILE.into(), sections }
}

/// The values of every attribute of this name, in order.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn texts_of_the_data_are_escaped() {
    let html = page().html().unwrap();
    let plain = Page::default().html().unwrap();
    for mark in ["<script", "</script", "'more'"] {
        assert_eq!(html.matches(mark).count(), plain.matches(mark).count(), "{mark}");
    }
    assert!(html.matches("&lt;script&gt;").count() > 40);
}

#[test]
fn the_page_loads_nothing() {
    let html = page().html().unwrap().replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for forbidden in ["http:", "url(", "@import", " src=", "<link rel=\"stylesheet", "fetch(", "innerHTML"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let outward =
        attributes(&html, "href").into_iter().filter(|to| !to.starts_with('#') && !to.starts_with("data:"));
    assert_eq!(outward.collect::<Vec<_>>(), ["https://arxiv.org/abs/2401.09237"]);
    assert_eq!(html.matches("https:").count(), 1);
}

#[test]
fn every_id_is_unique_and_every_reference_has_its_target() {
    let html = page().html().unwrap();
    let ids = attributes(&html, "id");
    let unique: HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    let links = attributes(&html, "href").into_iter().filter_map(|to| to.strip_prefix('#'));
    let labels = attributes(&html, "aria-labelledby").into_iter().flat_map(|ids| ids.split(' '));
    for target in links.chain(labels) {
        assert!(unique.contains(target), "{target}");
    }
}

#[test]
fn headings_go_down_one_level_at_a_time() {
    let html = page().html().unwrap();
    let levels: Vec<u32> =
        html.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect();
    assert_eq!(levels[0], 1);
    assert_eq!(levels.iter().filter(|&&level| level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
}

#[test]
fn the_sections_are_in_reading_order() {
    let html = page().html().unwrap();
    let headings = [
        "The answer</h2>",
        "All claims</h2>",
        "Readers of the latent</h2>",
        "Effects and margins</h2>",
        "Experiments</h2>",
        "Provenance</h2>",
        "Self-checks of the code</h2>",
    ];
    let places = headings.map(|heading| html.find(heading).unwrap());
    assert!(places.is_sorted());
    for landmark in ["<nav ", "<main ", "<footer>"] {
        assert_eq!(html.matches(landmark).count(), 1, "{landmark}");
    }
}

#[test]
fn a_page_without_results_has_no_empty_sections() {
    let html = Page { title: "title".into(), ..Page::default() }.html().unwrap();
    for heading in ["All claims", "Readers of the latent", "Effects and margins", "Self-checks"] {
        assert!(!html.contains(&format!("{heading}</h2>")), "{heading}");
    }
}

/// A page of claims alone has no section for facts, and no link to one.
#[test]
fn a_page_without_facts_does_not_link_to_them() {
    let mut page = page();
    page.others.clear();
    page.groups
        .iter_mut()
        .flat_map(|group| &mut group.sections)
        .for_each(|section| section.rows = vec![row()]);
    assert!(!page.html().unwrap().contains("checks.s"));
}

#[test]
fn facts_of_the_implementation_are_in_the_last_section_only() {
    let html = page().html().unwrap();
    let (before, checks) = html.split_once("Self-checks of the code</h2>").unwrap();
    assert!(!before.contains("</span> exact"));
    assert_eq!(checks.matches("</span> exact</td>").count(), 4);
    assert!(checks.contains("4 of 4 exact facts are met"));
}

/// Each claim of an experiment has one row in its own table and one in the list of effects, and a cell that leads to it.
#[test]
fn each_claim_has_a_cell_an_effect_and_a_row() {
    let html = page().html().unwrap();
    // Three experiments; the first two make the same claim about the same model.
    assert_eq!(html.matches("class=\"c h\" href=\"#one\"").count(), 1);
    assert_eq!(html.matches("class=\"c h\" href=\"#three\"").count(), 1);
    assert_eq!(html.matches("<td class=\"v h\">").count(), 3);
    assert_eq!(html.matches("<span class=\"fv h\">").count(), 3);
    assert!(html.contains("+15.7 <span class=\"iv\">[+12.9, +18.4]</span>"));
}

#[test]
fn the_panels_of_a_figure_are_drawings_of_their_own_and_its_data_are_also_a_table() {
    let mut page = page();
    let mut two = figure("two-panels");
    two.panels.push(two.panels[0].clone());
    page.groups[1].sections[0].figures = vec![Figure::Chart(two)];
    let html = page.html().unwrap();
    for id in ["two-panels.a.svg", "two-panels.b.svg", "a.a.svg"] {
        assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    assert_eq!(html.matches("About this figure, with its values").count(), 4);
    assert!(html.contains("<td>0.125</td>") && html.contains("<td>0.75 (0.5 to 1)</td>"));
}

#[test]
fn every_colour_of_a_drawing_has_one_on_dark_paper() {
    let html = page().html().unwrap();
    // Blue of the data, and the ink of the axes.
    for rule in [
        ".fig [stroke=\"#0072b2\"] { stroke: #3d9be0; }",
        ".fig [stroke=\"#222222\"] { stroke: var(--ink); }",
    ] {
        assert!(html.contains(rule), "{rule}");
    }
}

#[test]
fn the_same_page_has_the_same_bytes() {
    assert_eq!(page().html(), page().html());
}

#[test]
fn a_name_used_twice_is_refused() {
    let mut twice = page();
    twice.groups[0].sections[1].figures = vec![Figure::Chart(figure("a"))];
    assert_eq!(twice.html(), Err(Error::NameTwice { name: "a".into() }));
    let mut own = page();
    own.groups[0].sections[0].name = "provenance".into();
    assert!(own.html().is_err());
}
