//! Marker shapes, a cue in addition to colour.

use std::f64::consts::TAU;
use std::fmt::Display;

use crate::palette::{Colour, Marker, Style};
use crate::svg::{At, Canvas, Num, path};

/// Draws one marker; open shapes (plus and cross) are drawn as thick strokes.
pub(crate) fn draw_marker(
    canvas: &mut Canvas,
    at: At,
    style: Style,
    radius: f64,
    edge: Colour,
    opacity: f64,
) {
    let (x, y, opacity) = (Num(at.x), Num(at.y), Num(opacity));
    if style.marker == Marker::Circle {
        let r = Num(radius);
        let place: [(&str, &dyn Display); 5] =
            [("class", &"point"), ("cx", &x), ("cy", &y), ("r", &r), ("fill", &style.colour)];
        let edge: [(&str, &dyn Display); 3] =
            [("stroke", &edge), ("stroke-width", &0.8), ("opacity", &opacity)];
        canvas.element("circle", &[place.as_slice(), edge.as_slice()].concat());
        return;
    }
    let d = outline(style.marker, at, radius);
    if d.is_empty() {
        return;
    }
    let (fill, stroke, width) = if is_open(style.marker) {
        ("none".to_owned(), style.colour, Num(0.55 * radius))
    } else {
        (style.colour.to_string(), edge, Num(0.8))
    };
    let attributes: [(&str, &dyn Display); 6] = [
        ("class", &"point"),
        ("d", &d),
        ("fill", &fill),
        ("stroke", &stroke),
        ("stroke-width", &width),
        ("opacity", &opacity),
    ];
    canvas.element("path", &attributes);
}

/// Whether the marker consists of strokes instead of a filled shape.
pub(crate) fn is_open(marker: Marker) -> bool {
    matches!(marker, Marker::Plus | Marker::Cross)
}

/// The SVG path of a marker, filled unless it is open; empty for [`Marker::Nothing`].
pub(crate) fn outline(marker: Marker, at: At, radius: f64) -> String {
    let corners = |count: usize, turn: f64, radii: [f64; 2]| -> String {
        let corner = |i: usize| {
            let angle = TAU * (i as f64 / count as f64 + turn);
            let radius = radii[i % 2] * radius;
            At { x: at.x + radius * angle.sin(), y: at.y - radius * angle.cos() }
        };
        path(&(0..count).map(corner).collect::<Vec<_>>(), true)
    };
    let strokes = |turns: &[f64]| -> String {
        let stroke = |turn: &f64| {
            let (sin, cos) = (TAU * turn).sin_cos();
            let end =
                |sign: f64| At { x: at.x + sign * 1.1 * radius * sin, y: at.y - sign * 1.1 * radius * cos };
            path(&[end(-1.0), end(1.0)], false)
        };
        turns.iter().map(stroke).collect()
    };
    match marker {
        Marker::Nothing => String::new(),
        Marker::Circle => {
            let (left, right, y, r) = (Num(at.x - radius), Num(at.x + radius), Num(at.y), Num(radius));
            format!("M{left} {y}A{r} {r} 0 0 1 {right} {y}A{r} {r} 0 0 1 {left} {y}Z")
        }
        // The radii are chosen so that all shapes have about the area of the circle.
        Marker::Square => corners(4, 0.125, [1.25; 2]),
        Marker::Triangle => corners(3, 0.0, [1.45; 2]),
        Marker::Diamond => corners(4, 0.0, [1.35; 2]),
        Marker::TriangleDown => corners(3, 0.5, [1.45; 2]),
        Marker::Pentagon => corners(5, 0.0, [1.2; 2]),
        Marker::Star => corners(10, 0.0, [1.6, 0.75]),
        Marker::Plus => strokes(&[0.0, 0.25]),
        Marker::Cross => strokes(&[0.125, 0.375]),
        Marker::Bar => {
            let (w, h) = (1.4 * radius, 0.6 * radius);
            path(
                &[(-w, -h), (w, -h), (w, h), (-w, h)].map(|(dx, dy)| At { x: at.x + dx, y: at.y + dy }),
                true,
            )
        }
    }
}
