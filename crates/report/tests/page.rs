//! The HTML page: one file, escaped, with unique ids and ordered headings.

use std::collections::HashSet;

use agon_report::{
    Axis, Chart, Conclusion, Error, Figure, Page, Panel, Point, Scale, Section, Series, Shape, Style, Verdict,
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
        rows: vec![row()],
        command: HOSTILE.into(),
    }
}

fn row() -> Verdict {
    Verdict {
        source: HOSTILE.into(),
        claim: HOSTILE.into(),
        expected: HOSTILE.into(),
        got: HOSTILE.into(),
        n: 5,
        conclusion: Conclusion::Holds,
        ..Verdict::default()
    }
}

fn page() -> Page {
    Page {
        title: HOSTILE.into(),
        question: format!("{HOSTILE}\n\n{HOSTILE}"),
        rows: vec![row()],
        explorer: None,
        sections: vec![section("one", &["a", "b"]), section("two", &["c"])],
        provenance: vec![(HOSTILE.into(), HOSTILE.into())],
    }
}

/// The values of every attribute of this name, in order.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn texts_of_the_data_are_escaped() {
    let html = page().html().unwrap();
    assert!(!html.contains("<script"));
    assert!(html.matches("&lt;script&gt;").count() > 20);
}

#[test]
fn the_page_loads_nothing() {
    let html = page().html().unwrap().replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for forbidden in ["http:", "https:", "url(", "@import", " src=", "<script", "<link rel=\"stylesheet"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let outward =
        attributes(&html, "href").into_iter().find(|to| !to.starts_with('#') && !to.starts_with("data:"));
    assert_eq!(outward, None);
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
fn the_sections_are_in_order() {
    let html = page().html().unwrap();
    let places = ["The question</h2>", "Verdicts</h2>", "Experiments</h2>", "Provenance</h2>"]
        .map(|heading| html.find(heading).unwrap());
    assert!(places.is_sorted());
    for landmark in ["<header>", "<nav ", "<main ", "<footer>"] {
        assert_eq!(html.matches(landmark).count(), 1, "{landmark}");
    }
}

#[test]
fn the_data_of_a_figure_are_also_a_table() {
    let html = page().html().unwrap();
    assert_eq!(html.matches("<details>").count(), 3);
    assert!(html.contains("<td>0.125</td>") && html.contains("<td>0.75 (0.5 to 1)</td>"));
}

#[test]
fn the_same_page_has_the_same_bytes() {
    assert_eq!(page().html(), page().html());
}

#[test]
fn a_name_used_twice_is_refused() {
    let mut twice = page();
    twice.sections[1].figures = vec![Figure::Chart(figure("a"))];
    assert_eq!(twice.html(), Err(Error::NameTwice { name: "a".into() }));
    let mut own = page();
    own.sections[0].name = "provenance".into();
    assert!(own.html().is_err());
}
