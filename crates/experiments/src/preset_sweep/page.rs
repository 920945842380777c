//! The figures and the page of a sweep.

use report::{
    Answer, Axis, Chart, Conclusion, Effect, Figure, Group, Page, Panel, Point, Scale, Section, Series,
    Shape, Style, Tick, Verdict,
};

use super::{Contrast, Quantity, Swept};
use crate::error::Result;
use crate::statistics::Interval;

const NOTE: &str = "Points are means over seeds, bands and bars their 95 % intervals (Student's t). One seed has no interval.";

/// The text with a capital letter.
fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

impl Swept {
    /// The page, with one figure per quantity and one row per paired difference.
    ///
    /// # Errors
    /// If a figure cannot be drawn.
    pub fn html(&self, command: &str, provenance: Vec<(String, String)>) -> Result<String> {
        let section = Section {
            name: "sweep".into(),
            title: self.title(),
            claim: "Each point is the mean over seeds at one combination of values. Differences are paired by seed, and by \
                    test image where every run stores which images it classifies correctly."
                .into(),
            figures: self.charts().into_iter().map(Figure::Chart).collect(),
            warnings: self.warnings(),
            rows: self.rows(),
            command: command.into(),
        };
        let group = Group {
            name: "sweeps".into(),
            short: "Sweep".into(),
            title: "The sweep".into(),
            sections: vec![section],
        };
        let page = Page {
            kicker: "Agon · your sweep".into(),
            title: format!("Sweep {}", self.name),
            question: format!(
                "{}.\n\nEach row tests whether another value of one key changes a quantity, with all other \
                 keys equal: its interval must exclude 0. The intervals of all differences of a quantity are \
                 simultaneous 95 % intervals (Bonferroni).",
                self.title()
            ),
            answers: self.answers(),
            groups: vec![group],
            provenance,
            ..Page::default()
        };
        Ok(page.html()?)
    }

    /// The largest difference of each of the first three quantities, decided ones first.
    fn answers(&self) -> Vec<Answer> {
        let largest = |quantity: &Quantity| {
            let of = self.differences.iter().filter(|of| of.quantity == quantity.name);
            of.max_by(|a, b| a.differs().cmp(&b.differs()).then(a.effect.abs().total_cmp(&b.effect.abs())))
        };
        let answer = |quantity: &Quantity| {
            let of = largest(quantity)?;
            let [effect, interval, unit] = of.parts();
            let label = sentence_case(quantity.label);
            let Contrast { key, from, to, n_seeds, .. } = of;
            Some(Answer {
                number: format!("{effect} {unit}").trim_end().to_owned(),
                of: format!("{interval} {}, {}, n = {n_seeds}", quantity.label, of.change())
                    .trim()
                    .to_owned(),
                sentence: match (of.differs(), of.effect > 0.0) {
                    (true, true) => format!("{label} rises from {key} = {from} to {to}."),
                    (true, false) => format!("{label} falls from {key} = {from} to {to}."),
                    (false, _) => format!("Whether {} changes with {key} is undecided.", quantity.label),
                },
                evidence: match self.differences.iter().filter(|of| of.quantity == quantity.name).count() {
                    1 => String::new(),
                    n => format!("The largest of {n} differences."),
                },
            })
        };
        self.quantities().into_iter().filter_map(answer).take(3).collect()
    }

    /// A description of the varied settings.
    pub fn title(&self) -> String {
        let values = |at: usize| {
            let mut values: Vec<&str> = vec![];
            for cell in &self.cells {
                if !values.contains(&&*cell.values[at]) {
                    values.push(&cell.values[at]);
                }
            }
            values.join(", ")
        };
        let keys: Vec<String> =
            (self.varied.iter().enumerate()).map(|(at, key)| format!("{key} = {}", values(at))).collect();
        let seeds = system::text::count(self.seeds.len(), "seed");
        match (&keys[..], self.cells.first()) {
            ([], Some(cell)) => format!("{}, {seeds}", cell.label),
            _ => format!("{}; {seeds}", keys.join("; ")),
        }
    }

    /// The data set, if it is the same for all cells.
    fn data(&self) -> String {
        let name =
            |cell: &super::SweptCell| cell.config["data"]["name"].as_str().unwrap_or_default().to_owned();
        let mut names: Vec<String> = self.cells.iter().map(name).collect();
        names.dedup();
        if let [one] = names.as_slice() { one.clone() } else { String::new() }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = vec![];
        for cell in &self.cells {
            for (seed, why) in self.seeds.iter().zip(&cell.failures) {
                warnings.extend(why.as_ref().map(|why| format!("{}, seed {seed}: {why}", cell.label)));
            }
        }
        if self.seeds.len() < crate::statistics::rules::ENOUGH_SEEDS {
            warnings.push("fewer than three seeds give no verdicts; use more with --seeds".into());
        }
        warnings
    }

    /// A row for each paired difference.
    fn rows(&self) -> Vec<Verdict> {
        let row = |of: &Contrast| {
            let quantity = of.quantity()?;
            let effect = of.interval.map(|[low, high]| Effect {
                quantity: quantity.label.into(),
                value: of.effect,
                low,
                high,
                margin: 0.0,
                unit: quantity.unit_of_differences.into(),
                resampled: if of.resampled == "seeds" { "seeds" } else { "seeds and images" },
            });
            Some(Verdict {
                source: "sweep".into(),
                claim: format!("{} changes with {}: {} → {}", quantity.label, of.key, of.from, of.to),
                data: self.data(),
                model: of.at.clone(),
                expected: format!("an interval at {:.4} % that excludes 0", 100.0 * of.level),
                got: of.words(),
                effect,
                n: of.n_seeds,
                conclusion: if of.differs() { Conclusion::Holds } else { Conclusion::Undecided },
                ..Verdict::default()
            })
        };
        self.differences.iter().filter_map(row).collect()
    }

    /// One chart per quantity.
    pub fn charts(&self) -> Vec<Chart> {
        self.quantities().into_iter().filter_map(|quantity| self.chart(quantity)).collect()
    }

    fn chart(&self, quantity: &Quantity) -> Option<Chart> {
        let x = self.axis();
        let name = quantity.name.replace(['/', '_'], "-");
        let other = |cell: &super::SweptCell| {
            let others = (0..self.varied.len()).filter(|at| Some(*at) != x);
            let words: Vec<String> =
                others.map(|at| format!("{} = {}", self.varied[at], cell.values[at])).collect();
            if words.is_empty() { quantity.label.to_owned() } else { words.join(", ") }
        };
        let mut ticks: Vec<Tick> = vec![];
        let mut named: Vec<(String, Vec<Point>)> = vec![];
        for cell in &self.cells {
            let Some(Interval { mean, low, high }) = cell.mean(quantity) else { continue };
            let label = x.map_or(cell.label.as_str(), |at| cell.values[at].as_str());
            let at = match label.parse::<f64>().ok().filter(|x| x.is_finite()) {
                Some(number) if self.is_numeric(x) => number,
                _ => ticks.iter().position(|tick| tick.label == label).unwrap_or(ticks.len()) as f64,
            };
            if ticks.iter().all(|tick| tick.at != at) {
                ticks.push(Tick { at, label: label.to_owned() });
            }
            let point = Point::new(at, mean);
            let point = match low.is_finite() && high.is_finite() {
                true => point.y_between(low.min(mean), high.max(mean)),
                false => point,
            };
            let series = other(cell);
            match named.iter_mut().find(|(name, _)| *name == series) {
                Some((_, points)) => points.push(point),
                None => named.push((series, vec![point])),
            }
        }
        ticks.sort_by(|one, other| one.at.total_cmp(&other.at));
        let series = named.into_iter().enumerate().map(|(index, (label, mut points))| {
            points.sort_by(|one, other| one.x.total_cmp(&other.x));
            Series { label, points, style: Style::category(index), shape: Shape::Line }
        });
        let series: Vec<Series> = series.collect();
        if series.is_empty() {
            return None;
        }
        let of_x = x.map_or("combination", |at| self.varied[at].as_str());
        let panel = Panel {
            title: String::new(),
            x: Axis::new(of_x, "", Scale::Positions(ticks)),
            y: Axis::new(quantity.label, quantity.unit, Scale::Linear),
            series,
            references: vec![],
        };
        Some(Chart {
            name,
            title: format!("{} over {of_x}", sentence_case(quantity.label)),
            caption: format!("{} of the test images; {}.", sentence_case(quantity.label), self.title()),
            note: NOTE.into(),
            columns: 1,
            panels: vec![panel],
        })
    }

    /// The key along the horizontal axis: the numeric key with the most values, or if there is none the key with the
    /// most values.
    fn axis(&self) -> Option<usize> {
        let n_values = |at: &usize| {
            let mut values: Vec<&str> = self.cells.iter().map(|cell| &*cell.values[*at]).collect();
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        let last_of_the_most = |at: &usize| (self.is_numeric(Some(*at)), n_values(at));
        // The first of equal keys.
        (0..self.varied.len()).rev().max_by_key(last_of_the_most)
    }

    fn is_numeric(&self, at: Option<usize>) -> bool {
        at.is_some_and(|at| {
            self.cells.iter().all(|cell| cell.values[at].parse::<f64>().is_ok_and(f64::is_finite))
        })
    }
}
