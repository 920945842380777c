//! The forest plot of all verdicts: effect, interval and margin of each, one panel for each unit.

use crate::font;
use crate::palette::{Colour, FAINT, INK, QUIET, Style};
use crate::raster::Drawing;
use crate::span::Span;
use crate::svg::{Anchor, At, Canvas, Num, Type};
use crate::verdict::{Conclusion, Effect, Verdict};

const SIZE: f64 = 11.0;
const ROW: f64 = 16.0;
const OUTER: f64 = 16.0;
const PLOT: f64 = 320.0;
const GAP: f64 = 10.0;
/// The largest length of a label; longer ones are truncated.
const LONGEST: usize = 92;

const CAPTION: &str = "One row for each verdict with an interval: the effect that decides it (dot), its interval, and the \
                       margin that it must exceed for the claim to hold (tick). An arrow marks an interval that extends beyond the axis.";

/// Draws the rows that have an effect with an interval and do not repeat another row; `None` if there are none.
pub fn forest(rows: &[Verdict]) -> Option<Drawing> {
    let shown = |row: &&Verdict| {
        let finite = |effect: &Effect| [effect.value, effect.low, effect.high].iter().all(|x| x.is_finite());
        row.same_as.is_none() && row.effect.as_ref().is_some_and(finite)
    };
    let rows: Vec<(&Verdict, &Effect)> =
        rows.iter().filter(shown).filter_map(|row| Some((row, row.effect.as_ref()?))).collect();
    let mut units: Vec<&str> = rows.iter().map(|(_, effect)| effect.unit.as_str()).collect();
    units.sort_unstable();
    units.dedup();
    if units.is_empty() {
        return None;
    }
    let label = |(row, effect): &(&Verdict, &Effect)| -> String {
        let text = name(row, &effect.quantity);
        match text.chars().count() {
            n if n > LONGEST => text.chars().take(LONGEST - 1).chain(['…']).collect(),
            _ => text,
        }
    };
    let labels = rows.iter().map(|row| font::width(&label(row), SIZE)).fold(0.0, f64::max);
    let left = OUTER + labels + GAP;
    let conclusion = |(row, _): &(&Verdict, &Effect)| {
        format!("{} {} (n = {})", row.conclusion.symbol(), row.conclusion.words(), row.n)
    };
    let conclusions = rows.iter().map(|row| font::width(&conclusion(row), SIZE)).fold(0.0, f64::max);
    let width = left + PLOT + GAP + conclusions + OUTER;
    let mut canvas = Canvas::default();
    let mut y = OUTER + 15.0;
    canvas.text(At { x: OUTER, y }, Type::strong(15.0), "All claims: effect, interval and margin");
    for line in font::wrap(CAPTION, SIZE, width - 2.0 * OUTER) {
        y += ROW;
        canvas.text(At { x: OUTER, y }, Type::new(SIZE, QUIET, Anchor::Start), &line);
    }
    for unit in units {
        let of_unit: Vec<_> = rows.iter().filter(|(_, effect)| effect.unit == unit).collect();
        let axis = Axis::new(&of_unit, left);
        y += 2.2 * ROW;
        let title = if unit.is_empty() { "dimensionless" } else { unit };
        canvas.text(At { x: left, y }, Type::strong(13.0), title);
        y += 0.6 * ROW;
        let bottom = y + ROW * of_unit.len() as f64;
        for (at, text) in &axis.ticks {
            canvas.line(At { x: *at, y }, At { x: *at, y: bottom }, FAINT, 1.0, "");
            let look = Type::new(SIZE, QUIET, Anchor::Middle);
            canvas.text(At { x: *at, y: bottom + ROW }, look, text);
        }
        for row in of_unit {
            let middle = y + ROW / 2.0;
            let look = Type::new(SIZE, INK, Anchor::End);
            canvas.text(At { x: left - GAP, y: middle + look.middle() }, look, &label(row));
            interval(&mut canvas, &axis, row, middle);
            let look = Type::new(SIZE, colour(row.0.conclusion), Anchor::Start);
            canvas.text(At { x: left + PLOT + GAP, y: middle + look.middle() }, look, &conclusion(row));
            y += ROW;
        }
        y += ROW;
    }
    let height = y + OUTER + ROW;
    let svg = canvas.finish("forest", width, height, "All claims: effect, interval and margin", CAPTION);
    Some(Drawing { svg, width: width.ceil(), height: height.ceil() })
}

/// Claim, data set and model of a row, and its quantity, without the model if it begins with that.
fn name(row: &Verdict, quantity: &str) -> String {
    let rest = quantity.strip_prefix(row.model.as_str()).and_then(|rest| rest.strip_prefix(": "));
    let parts = [row.data.as_str(), row.model.as_str()];
    let about = parts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    let about = if about.is_empty() { about } else { format!("{about}: ") };
    format!("{}  {about}{}", row.source, rest.unwrap_or(quantity))
}

fn interval(canvas: &mut Canvas, axis: &Axis, (row, effect): &(&Verdict, &Effect), y: f64) {
    let colour = colour(row.conclusion);
    let [(low, goes_on_left), (high, goes_on_right), (value, _)] =
        [effect.low, effect.high, effect.value].map(|value| axis.place(value));
    canvas.line(At { x: low, y }, At { x: high, y }, colour, 1.6, "");
    for (x, goes_on, towards) in [(low, goes_on_left, 5.0), (high, goes_on_right, -5.0)] {
        if goes_on {
            canvas.line(At { x, y }, At { x: x + towards, y: y - 3.0 }, colour, 1.6, "");
            canvas.line(At { x, y }, At { x: x + towards, y: y + 3.0 }, colour, 1.6, "");
        }
    }
    canvas.element("circle", &[("cx", &Num(value)), ("cy", &Num(y)), ("r", &3.2), ("fill", &colour)]);
    let (margin, outside) = axis.place(effect.margin);
    if !outside {
        canvas.line(At { x: margin, y: y - 6.0 }, At { x: margin, y: y + 6.0 }, INK, 1.4, "");
    }
}

fn colour(conclusion: Conclusion) -> Colour {
    match conclusion {
        Conclusion::Holds | Conclusion::ExactMet => Style::category(0).colour,
        Conclusion::DoesNotHold | Conclusion::ExactMissed => Style::category(1).colour,
        Conclusion::Undecided | Conclusion::NotConverged | Conclusion::NotRun => QUIET,
    }
}

/// The axis of some rows on the drawing.
struct Axis {
    left: f64,
    span: Span,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn new(rows: &[&(&Verdict, &Effect)], left: f64) -> Self {
        let effects = || rows.iter().map(|(_, effect)| effect);
        let values = effects().flat_map(|effect| [effect.value, effect.margin]);
        let span = Span::of_effects(values, effects().flat_map(|effect| [effect.low, effect.high]));
        let ticks = span.ticks(6).into_iter().map(|(share, text)| (left + PLOT * share, text)).collect();
        Self { left, span, ticks }
    }

    /// The position of a value, clamped to the axis, and whether it is beyond the axis.
    fn place(&self, value: f64) -> (f64, bool) {
        let (share, beyond) = self.span.share(value);
        (self.left + PLOT * share, beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: &str, [value, low, high]: [f64; 3]) -> Verdict {
        let effect = Effect {
            quantity: "accuracy(0) - accuracy(1)".into(),
            value,
            low,
            high,
            margin: 2.0,
            unit: unit.into(),
            resampled: "seeds",
        };
        let conclusion = Conclusion::Holds;
        Verdict {
            source: "C8".into(),
            data: "<MNIST>".into(),
            effect: Some(effect),
            conclusion,
            ..Verdict::default()
        }
    }

    #[test]
    fn every_row_with_an_interval_is_drawn_once_and_escaped() {
        let mut rows =
            vec![row("points", [5.0, 3.0, 7.0]), row("MSE", [0.1, -90.0, 90.0]), row("", [1.0, 0.9, 1.1])];
        rows.push(Verdict { same_as: Some("another".into()), ..rows[0].clone() });
        rows.push(Verdict { effect: None, ..rows[0].clone() });
        rows.push(row("points", [5.0, f64::NEG_INFINITY, f64::INFINITY]));
        let svg = forest(&rows).unwrap().svg;
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("&lt;MNIST&gt;") && !svg.contains("<MNIST>"));
        assert!(forest(&rows[4..5]).is_none());
    }

    #[test]
    fn a_name_has_no_empty_part_and_no_part_twice() {
        let named = |data: &str, model: &str, quantity: &str| {
            name(&Verdict { data: data.into(), model: model.into(), ..row("", [0.0; 3]) }, quantity)
        };
        assert_eq!(named("MNIST", "ViT-S", "ViT-S: gap"), "C8  MNIST; ViT-S: gap");
        assert_eq!(named("MNIST", "ViT", "ViT-S: gap"), "C8  MNIST; ViT: ViT-S: gap");
        assert_eq!(named("", "", "MNIST, K = 4"), "C8  MNIST, K = 4");
    }

    #[test]
    fn effects_of_zero_have_an_axis() {
        let zero = Effect { margin: 0.0, ..row("", [0.0; 3]).effect.unwrap() };
        assert!(forest(&[Verdict { effect: Some(zero), ..row("", [0.0; 3]) }]).is_some());
    }
}
