//! Tests that figures and grids are deterministic, well-formed and complete, and are refused if invalid.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use agon_report::{
    Axis, Chart, Drawing, Error, GridRow, Image, ImageGrid, Panel, Point, Reference, Scale, Series, Shape,
    Style, Tick,
};
use proptest::prelude::*;
use resvg::usvg::roxmltree::{Document, Node};

fn series(label: &str, points: Vec<Point>) -> Series {
    Series { label: label.into(), points, style: Style::ordered(0, 2), shape: Shape::Line }
}

fn figure(series: Vec<Series>) -> Chart {
    Chart {
        name: "sweep".into(),
        title: "Error & accuracy over <λ>".into(),
        caption: "A \"caption\"".into(),
        note: "bands: lowest to highest of 5 seeds".into(),
        columns: 2,
        panels: vec![Panel {
            title: "Reconstruction".into(),
            x: Axis::new("λ", "", Scale::positions(&[0.0, 0.5, 1.0])),
            y: Axis::new("test MSE", "per pixel", Scale::Linear),
            series,
            references: vec![
                Reference::Horizontal(Tick { at: 0.4, label: "mean image".into() }),
                Reference::Vertical(Tick { at: 0.5, label: "even".into() }),
            ],
        }],
    }
}

fn sample() -> Chart {
    let point = |x: f64, y: f64| Point::new(x, y).y_between(y - 0.05, y + 0.1);
    figure(vec![
        series("k = 2", vec![point(0.0, 0.3), point(0.5, 0.2).labelled("knee"), point(1.0, 0.1)]),
        series("k < 8 & more", vec![point(0.0, 0.25), point(0.5, 0.15), point(1.0, 0.05)]),
    ])
}

fn grid() -> ImageGrid {
    let image = |c: usize| Image::new(2, 3, c, vec![0.5; 6 * c]).unwrap();
    ImageGrid {
        name: "images".into(),
        title: "Originals & what is left".into(),
        caption: String::new(),
        columns: vec!["T-shirt/top".into(), "bag".into()],
        rows: vec![
            GridRow { label: "original".into(), note: String::new(), images: vec![image(1), image(3)] },
            GridRow { label: "λ = 0".into(), note: "MSE 0.09".into(), images: vec![image(1), image(1)] },
        ],
    }
}

fn texts<'a>(document: &'a Document<'_>) -> Vec<&'a str> {
    document.descendants().filter(|node| node.has_tag_name("text")).filter_map(|node| node.text()).collect()
}

fn of_class<'a, 'input>(document: &'a Document<'input>, class: &str) -> Vec<Node<'a, 'input>> {
    document.descendants().filter(|node| node.attribute("class") == Some(class)).collect()
}

/// The corners of a path made of straight lines.
fn corners(path: Node<'_, '_>) -> Vec<[f64; 2]> {
    let d = path.attribute("d").unwrap().trim_end_matches('Z');
    let corner = |text: &str| {
        let (x, y) = text.split_once(' ').unwrap();
        [x.parse().unwrap(), y.parse().unwrap()]
    };
    d.split(['M', 'L']).skip(1).map(corner).collect()
}

fn decoded_size(drawing: &Drawing) -> (u32, u32) {
    let png = drawing.png().unwrap();
    let mut reader = png::Decoder::new(&png[..]).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert!(pixels.iter().any(|&value| value < 0x40), "something dark is drawn");
    (info.width, info.height)
}

#[test]
fn the_same_description_gives_the_same_bytes() {
    let [a, b] = [sample(), sample()].map(|figure| agon_report::draw(&figure).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.png().unwrap(), b.png().unwrap());
    let [a, b] = [grid(), grid()].map(|grid| grid.draw().unwrap());
    assert_eq!((a.png().unwrap(), &a), (b.png().unwrap(), &b));
}

#[test]
fn a_png_has_two_pixels_for_each_unit_of_its_svg() {
    for drawing in [agon_report::draw(&sample()).unwrap(), grid().draw().unwrap()] {
        assert_eq!(decoded_size(&drawing), (2 * drawing.width as u32, 2 * drawing.height as u32));
    }
}

#[test]
fn every_text_of_a_figure_is_text_in_its_svg() {
    let drawing = agon_report::draw(&sample()).unwrap();
    let document = Document::parse(&drawing.svg).unwrap();
    let texts = texts(&document);
    for text in [
        "Error & accuracy over <λ>",
        "bands: lowest to highest of 5 seeds",
        "Reconstruction",
        "λ",
        "test MSE (per pixel)",
        "k = 2",
        "k < 8 & more",
        "knee",
        "mean image",
        "even",
        "0",
        "0.5",
        "1",
    ] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
}

#[test]
fn an_svg_has_a_title_and_a_description() {
    let drawing = agon_report::draw(&sample()).unwrap();
    let document = Document::parse(&drawing.svg).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    for id in root.attribute("aria-labelledby").unwrap().split(' ') {
        let target = document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
        assert!(!target.text().unwrap().is_empty(), "{id}");
    }
}

#[test]
fn texts_stay_inside_the_drawing() {
    let drawing = agon_report::draw(&sample()).unwrap();
    let mut options = resvg::usvg::Options::default();
    options.fontdb_mut().load_font_data(include_bytes!("../assets/DejaVuSans.ttf").to_vec());
    let tree = resvg::usvg::Tree::from_str(&drawing.svg, &options).unwrap();
    let drawn = tree.root().abs_bounding_box();
    assert!(drawn.left() >= 0.0 && drawn.top() >= 0.0, "{drawn:?}");
    assert!(
        f64::from(drawn.right()) <= drawing.width && f64::from(drawn.bottom()) <= drawing.height,
        "{drawn:?}"
    );
}

proptest! {
    #[test]
    fn a_band_contains_its_line(
        values in prop::collection::vec((-5.0..5.0f64, 0.01..1.0f64, 0.01..1.0f64), 3),
    ) {
        let positions = [0.0, 0.5, 1.0];
        let points = positions.iter().zip(&values);
        let points = points.map(|(&x, &(y, down, up))| Point::new(x, y).y_between(y - down, y + up));
        let drawing = agon_report::draw(&figure(vec![series("k = 2", points.collect())])).unwrap();
        let document = Document::parse(&drawing.svg).unwrap();
        let line = corners(of_class(&document, "line")[0]);
        let band = corners(of_class(&document, "band")[0]);
        let (upper, lower) = band.split_at(line.len());
        for ((at, high), low) in line.iter().zip(upper).zip(lower.iter().rev()) {
            // y grows downwards.
            prop_assert!(at[0] == high[0] && at[0] == low[0]);
            prop_assert!(high[1] <= at[1] && at[1] <= low[1]);
        }
    }
}

#[test]
fn a_measured_x_has_bars_and_no_band() {
    let point = |x: f64, y: f64| Point::new(x, y).x_between(x - 0.01, x + 0.01).y_between(y - 0.1, y + 0.1);
    let mut front = figure(vec![series("k = 2", vec![point(0.3, 0.9), point(0.2, 0.7)])]);
    front.panels[0].x.scale = Scale::Linear;
    let drawing = agon_report::draw(&front).unwrap();
    let document = Document::parse(&drawing.svg).unwrap();
    assert!(of_class(&document, "band").is_empty());
}

#[test]
fn panels_share_one_legend_where_one_of_them_has_all_series() {
    let mut twins = sample();
    twins.panels.push(twins.panels[0].clone());
    let count = |figure: &Chart| agon_report::draw(figure).unwrap().svg.matches(">k = 2</text>").count();
    assert_eq!(count(&twins), 1);
    twins.panels[1].series.truncate(1);
    assert_eq!(count(&twins), 1);
    let shared = twins.panels[1].series[0].clone();
    twins.panels[1].series = vec![shared.clone(), Series { label: "another".into(), ..shared }];
    assert_eq!(count(&twins), 2);
}

#[test]
fn points_of_several_series_stand_side_by_side_at_their_category() {
    let of = |label: &str| Series { shape: Shape::Points, ..series(label, vec![Point::new(0.5, 0.2)]) };
    let lefts = |labels: &[&str]| -> Vec<f64> {
        let drawing = agon_report::draw(&figure(labels.iter().map(|label| of(label)).collect())).unwrap();
        let document = Document::parse(&drawing.svg).unwrap();
        // The legend's keys come first.
        let points = of_class(&document, "point");
        points[points.len() - labels.len()..]
            .iter()
            .map(|point| point.attribute("cx").unwrap().parse().unwrap())
            .collect()
    };
    let [alone, both] = [lefts(&["a"]), lefts(&["a", "b"])];
    assert!(both[1] - both[0] >= 6.0, "{both:?}");
    assert!(((both[0] + both[1]) / 2.0 - alone[0]).abs() < 0.1, "{both:?} around {alone:?}");
}

#[test]
fn a_cloud_draws_every_point() {
    let mut cloud = series("bag", (0..50).map(|i| Point::new(f64::from(i), f64::from(i * i % 7))).collect());
    cloud.shape = Shape::Cloud;
    let mut latent = figure(vec![cloud]);
    latent.panels[0].x.scale = Scale::Linear;
    let drawing = agon_report::draw(&latent).unwrap();
    let document = Document::parse(&drawing.svg).unwrap();
    assert_eq!(of_class(&document, "point").len(), 50 + 1, "the points and the legend's key");
}

#[test]
fn errors_name_the_figure_the_panel_and_the_series() {
    let with = |points: Vec<Point>| agon_report::draw(&figure(vec![series("k = 2", points)])).unwrap_err();
    let nan = with(vec![Point::new(0.0, f64::NAN)]);
    assert!(matches!(nan, Error::NonFinite { .. }), "{nan}");
    let outside = with(vec![Point::new(0.0, 1.0).y_between(2.0, 3.0)]);
    assert!(matches!(outside, Error::OutsideSpread { point: 0, .. }), "{outside}");
    let empty = with(vec![]);
    assert!(matches!(empty, Error::Empty { .. }), "{empty}");
    for error in [nan, outside, empty] {
        assert!(
            error.to_string().starts_with("figure `sweep`, panel 1 `Reconstruction`, series `k = 2`"),
            "{error}"
        );
    }
    let off = with(vec![Point::new(0.3, 1.0)]);
    assert!(off.to_string().contains("axis `λ`: got 0.3, expected"), "{off}");
}

#[test]
fn a_misleading_figure_is_refused() {
    let refused = |change: fn(&mut Chart)| {
        let mut figure = sample();
        change(&mut figure);
        agon_report::draw(&figure).unwrap_err()
    };
    assert!(matches!(refused(|f| f.note.clear()), Error::UnexplainedSpread { .. }));
    assert!(matches!(refused(|f| f.title.clear()), Error::NoText { .. }));
    assert!(matches!(refused(|f| f.name = "../x".into()), Error::Name { .. }));
    assert!(matches!(refused(|f| f.columns = 0), Error::Empty { .. }));
    assert!(matches!(refused(|f| f.panels.clear()), Error::Empty { .. }));
    assert!(matches!(refused(|f| f.panels[0].series.clear()), Error::Empty { .. }));
    assert!(matches!(refused(|f| f.panels[0].y.label.clear()), Error::NoText { .. }));
}

#[test]
fn a_grid_shows_its_labels_and_every_image() {
    let drawing = grid().draw().unwrap();
    let document = Document::parse(&drawing.svg).unwrap();
    let texts = texts(&document);
    for text in ["Originals & what is left", "T-shirt/top", "bag", "original", "λ = 0", "MSE 0.09"] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
    assert_eq!(document.descendants().filter(|node| node.has_tag_name("image")).count(), 4);
}

#[test]
fn pixels_are_enlarged_without_blur() {
    let checks = Image::new(2, 2, 1, vec![0.0, 1.0, 1.0, 0.0]).unwrap();
    let mut grid = grid();
    grid.columns.truncate(1);
    grid.rows = vec![GridRow { label: "checks".into(), note: String::new(), images: vec![checks] }];
    let drawing = grid.draw().unwrap();
    let document = Document::parse(&drawing.svg).unwrap();
    let image = document.descendants().find(|node| node.has_tag_name("image")).unwrap();
    let [x, y, w] = ["x", "y", "width"].map(|name| image.attribute(name).unwrap().parse::<usize>().unwrap());
    let png = drawing.png().unwrap();
    let mut reader = png::Decoder::new(&png[..]).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let row = reader.next_frame(&mut pixels).unwrap().line_size;
    // Two pixels per unit: each quarter, up to its edge, has one value.
    for (i, j) in (0..2 * w).flat_map(|i| (0..2 * w).map(move |j| (i, j))) {
        let expected = if (i < w) == (j < w) { 0 } else { 255 };
        assert_eq!(pixels[(2 * y + i) * row + 3 * (2 * x + j)], expected, "at {i}, {j}");
    }
}

#[test]
fn values_outside_the_range_of_an_image_are_drawn_and_counted() {
    let mut grid = grid();
    grid.rows[0].images[0] = Image::new(2, 3, 1, vec![0.0, 1.0, 0.5, 0.5, 1.2, -0.1]).unwrap();
    let svg = grid.draw().unwrap().svg;
    assert!(svg.contains("2 values (5.556 %) lie outside [0, 1]"), "{svg}");
}

#[test]
fn planes_and_rows_of_pixels_make_the_same_image() {
    let planes = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    let pixels = vec![0.1, 0.3, 0.5, 0.2, 0.4, 0.6];
    assert_eq!(Image::from_planes(3, 1, 2, &planes), Image::new(1, 2, 3, pixels));
}

#[test]
fn inconsistent_images_and_grids_are_refused() {
    assert!(matches!(Image::new(2, 2, 1, vec![0.0; 3]), Err(Error::Mismatch { .. })));
    assert!(matches!(Image::new(2, 2, 2, vec![0.0; 8]), Err(Error::Mismatch { .. })));
    assert!(matches!(Image::from_planes(0, 0, 2, &[]), Err(Error::Mismatch { .. })));
    assert!(matches!(Image::from_planes(1, usize::MAX, 1, &[]), Err(Error::Mismatch { .. })));
    assert!(matches!(Image::new(1, 1, 1, vec![f32::NAN]), Err(Error::NonFinite { .. })));
    let mut short = grid();
    short.rows[1].images.pop();
    let error = short.draw().unwrap_err().to_string();
    assert_eq!(error, "grid `images`, row `λ = 0`: expected 2 images, one for each column, got 1");
    let mut other = grid();
    other.rows[1].images[0] = Image::new(1, 1, 1, vec![0.0]).unwrap();
    assert!(matches!(other.draw(), Err(Error::Mismatch { .. })));
}
