//! Effects with their intervals as a list: labels and numbers are HTML text, and only the bar is drawn.

use crate::marker::{is_open, outline};
use crate::palette::Style;
use crate::span::Span;
use crate::svg::{At, Num, escape};
use crate::verdict::Conclusion;

/// The radius of the markers in pixels.
const RADIUS: f64 = 5.0;
/// The largest number of ticks.
const TICKS: usize = 6;

/// A row: an effect with its interval.
pub(super) struct Bar {
    pub(super) label: String,
    /// The experiment that the label leads to; empty for none.
    pub(super) href: String,
    /// Secondary text, such as the n.
    pub(super) small: String,
    /// Estimate, lower and upper end of the interval.
    pub(super) at: [f64; 3],
    /// The estimate and its interval as text.
    pub(super) texts: [String; 2],
    /// The margin of the claim.
    pub(super) margin: Option<f64>,
    /// The verdict, if the row has one.
    pub(super) conclusion: Option<Conclusion>,
    /// Colour and marker; the colour of text if there is none.
    pub(super) style: Option<Style>,
}

/// Rows under a heading.
pub(super) struct Part {
    pub(super) heading: String,
    /// Secondary text after the heading.
    pub(super) note: String,
    pub(super) bars: Vec<Bar>,
}

/// A list of rows on one axis.
pub(super) fn list(label: &str, axis: &str, parts: &[Part]) -> String {
    let bars = || parts.iter().flat_map(|part| &part.bars);
    let values = bars().map(|bar| bar.at[0]).chain(bars().filter_map(|bar| bar.margin));
    let span = Span::of_effects(values, bars().flat_map(|bar| [bar.at[1], bar.at[2]]));
    let ticks = span.ticks(TICKS);
    let mut lines = ticks.windows(2).map(|pair| pair[1].0 - pair[0].0);
    // The grid is a background that repeats from the first tick on; a line of 1 px ends each repetition.
    let step = lines.next().unwrap_or(1.0);
    let first = ticks.first().map_or(0.0, |tick| tick.0);
    let place = |share: f64, width: f64| 100.0 * share / (1.0 - width).max(1e-9);
    let mut out = format!(
        "<ul class=\"forest\" style=\"--w:{}%;--p:{}%;--z:{}%\" aria-label=\"{}\">\n",
        Num(100.0 * step),
        Num(place(first, step)),
        Num(100.0 * span.share(0.0).0),
        escape(label)
    );
    for part in parts {
        let note = match part.note.is_empty() {
            true => String::new(),
            false => format!(" <em>{}</em>", escape(&part.note)),
        };
        out += &format!("<li class=\"fh\"><strong>{}{note}</strong></li>\n", escape(&part.heading));
        for bar in &part.bars {
            out += &row(bar, &span);
        }
    }
    let labels: String = (ticks.iter())
        .map(|(share, text)| {
            format!("<text x=\"{}%\" y=\"14\" text-anchor=\"middle\">{text}</text>", Num(100.0 * share))
        })
        .collect();
    out += &format!(
        "<li class=\"ax\" aria-hidden=\"true\"><span class=\"fl\"></span><span class=\"fp\"><svg>{labels}</svg></span>\
         <span class=\"fn\">{}</span></li>\n",
        escape(axis)
    );
    out + "</ul>\n"
}

fn row(bar: &Bar, span: &Span) -> String {
    let label = match bar.href.is_empty() {
        true => escape(&bar.label),
        false => format!("<a href=\"#{}\">{}</a>", escape(&bar.href), escape(&bar.label)),
    };
    let [value, low, high] = bar.at.map(|value| span.share(value));
    let percent = |share: f64| Num(100.0 * share).to_string() + "%";
    let colour = bar.style.map_or("currentColor".to_owned(), |style| style.colour.to_string());
    let mut drawing = String::new();
    if let Some((margin, false)) = bar.margin.map(|margin| span.share(margin)) {
        let x = percent(margin);
        drawing += &format!("<line class=\"mg\" x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"100%\"/>");
    }
    drawing += &format!(
        "<line class=\"ci\" x1=\"{}\" x2=\"{}\" y1=\"50%\" y2=\"50%\" stroke=\"{colour}\"/>",
        percent(low.0),
        percent(high.0)
    );
    for ((share, goes_on), towards) in [(low, 6), (high, -6)] {
        if goes_on {
            drawing += &format!(
                "<svg x=\"{}\" y=\"50%\" class=\"ov\"><path class=\"ci\" fill=\"none\" stroke=\"{colour}\" \
                 d=\"M{towards} -4L0 0L{towards} 4\"/></svg>",
                percent(share)
            );
        }
    }
    let marker = bar.style.unwrap_or(Style::category(0)).marker;
    if !value.1 {
        let look = match is_open(marker) {
            true => format!("fill=\"none\" stroke-width=\"2.75\" stroke=\"{colour}\""),
            false => format!("fill=\"{colour}\""),
        };
        drawing += &format!(
            "<svg x=\"{}\" y=\"50%\" class=\"ov\"><path d=\"{}\" {look}/></svg>",
            percent(value.0),
            outline(marker, At { x: 0.0, y: 0.0 }, RADIUS)
        );
    }
    let verdict = bar.conclusion.map_or(String::new(), |conclusion| {
        format!(
            "<span class=\"fv {}\"><span aria-hidden=\"true\">{}</span> {}</span>",
            conclusion.key(),
            conclusion.symbol(),
            conclusion.words()
        )
    });
    let [estimate, interval] = bar.texts.each_ref().map(|text| escape(text));
    format!(
        "<li><span class=\"fl\">{label} <small>{}</small></span><span class=\"fp\"><svg aria-hidden=\"true\">{drawing}\
         </svg></span><span class=\"fn\">{estimate} <span class=\"iv\">{interval}</span></span>{verdict}</li>\n",
        escape(&bar.small)
    )
}
