//! Tests of a page with every part, on screens and on paper.

use agon_report::{
    Answer, Axis, Chart, Conclusion, Effect, Figure, Group, HeatMap, HeatPanel, Kind, Page, Panel, Point,
    ReadBy, ReadModel, Readers, Scale, Section, Series, Shape, Style, Verdict,
};

use crate::chromium::{Chromium, Screen};
use crate::made_up;

const PHONE: Screen = Screen { width: 390, height: 844, dark: false };
const DESKTOP: Screen = Screen { width: 1400, height: 900, dark: false };

/// Values for a page with every part.
fn page() -> Page {
    let text = |text: &str| text.to_owned();
    let by = |name: &str, place, value: f64| ReadBy {
        name: name.into(),
        place,
        accuracy: [82.6, 82.6 - value],
        lost: effect(value),
    };
    let readers =
        [("online head", 0), ("converged head", 2), ("ridge regression", 3), ("5 nearest neighbours", 4)];
    let readers = readers.map(|(name, place)| by(name, place, 4.0 * place as f64));
    let answer = Answer {
        number: text("+0.1 points [−0.4, +0.6]"),
        of: text("accuracy · FC-M, k = 16, a set · n = 5"),
        sentence: text("No mixture beats the better single loss."),
        evidence: text("Of 8 verdicts 3 hold [−1.9, +0.9], 5 are undecided."),
    };
    let section = |name: &str, conclusion| Section {
        name: name.into(),
        title: text("A sweep over λ (E1)"),
        claim: text("More weight on reconstruction improves reconstruction and costs classification."),
        figures: vec![Figure::Chart(chart(name)), Figure::Heat(heat(name))],
        warnings: vec![text("Units died at λ = 1.")],
        rows: vec![
            row("one claim", "FC-M, k = 4", conclusion),
            row("another claim", "CNN-S", Conclusion::Undecided),
        ],
        command: text("cargo xtask reproduce --only sweep"),
    };
    let group =
        |name: &str, sections| Group { name: name.into(), short: name.into(), title: name.into(), sections };
    Page {
        kicker: text("results"),
        title: text("Do classification and reconstruction help or hurt each other in one representation?"),
        question: text("An encoder maps an image to a latent; a decoder and a classifier read it."),
        answers: vec![answer.clone(), answer.clone(), answer],
        limits: text("Brackets are 95 % intervals."),
        source: text("2 experiments"),
        links: vec![(text("a paper"), text("https://arxiv.org/abs/2401.09237"))],
        explorer: Some(made_up::explorer()),
        readers: Some(Readers {
            lead: text("Accuracy lost."),
            models: vec![ReadModel {
                name: text("FC-M"),
                data: text("a set"),
                n: 5,
                readers: readers.into(),
            }],
        }),
        groups: vec![
            group(
                "cre",
                vec![section("sweep", Conclusion::Holds), section("other", Conclusion::DoesNotHold)],
            ),
            group("lbr", vec![section("third", Conclusion::NotConverged)]),
        ],
        others: vec![Verdict {
            kind: Kind::Exact,
            conclusion: Conclusion::ExactMet,
            ..row("a fact", "", Conclusion::Holds)
        }],
        provenance: vec![(text("commit"), "0".repeat(40))],
    }
}

fn effect(value: f64) -> Effect {
    Effect {
        quantity: "accuracy(0) - accuracy(1), k = 16".into(),
        value,
        low: value - 2.0,
        high: value + 2.0,
        margin: 2.0,
        unit: "points".into(),
        resampled: "seeds",
    }
}

fn row(claim: &str, model: &str, conclusion: Conclusion) -> Verdict {
    Verdict {
        source: "C1".into(),
        claim: claim.into(),
        data: "Fashion-MNIST, 5,000 images".into(),
        model: model.into(),
        reader: "best: ridge regression".into(),
        expected: "every gain's 95 % interval below its margin".into(),
        got: "best for accuracy, k = 4, λ = 0.5: +1.8 [-10.4, +14.1] points".into(),
        effect: Some(effect(1.8)),
        n: 5,
        conclusion,
        ..Verdict::default()
    }
}

/// Three panels with every size of text.
fn chart(name: &str) -> Chart {
    let lambdas = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0];
    let panel = |title: &str| {
        let points = lambdas.iter().enumerate();
        let points = points
            .map(|(i, &x)| Point::new(x, i as f64).y_between(i as f64 - 0.2, i as f64 + 0.3).labelled("k"));
        Panel {
            title: title.into(),
            x: Axis::new("λ, weight of reconstruction (not to scale)", "", Scale::positions(&lambdas)),
            y: Axis::new("test MSE", "", Scale::Linear),
            series: vec![Series {
                label: "k = 16".into(),
                points: points.collect(),
                style: Style::ordered(0, 2),
                shape: Shape::Line,
            }],
            references: vec![],
        }
    };
    Chart {
        name: format!("{name}-chart"),
        title: "Reconstruction and classification over λ".into(),
        caption: "A caption.".into(),
        note: "Bands: lowest to highest seed.".into(),
        columns: 3,
        panels: ["Reconstruction", "Classification", "The trade-off"].map(panel).into(),
    }
}

fn heat(name: &str) -> HeatMap {
    let labels = || (0..14).map(|i| format!("{i}")).collect::<Vec<String>>();
    let rows =
        labels().into_iter().map(|label| (label, (0..14).map(|i| Some(f64::from(i) / 7.0 - 1.0)).collect()));
    HeatMap {
        name: format!("{name}-heat"),
        title: "A heat map".into(),
        caption: "A caption.".into(),
        centre: 0.0,
        panels: vec![HeatPanel {
            title: "panel".into(),
            x: "x".into(),
            y: "y".into(),
            columns: labels(),
            rows: rows.collect(),
        }],
    }
}

fn html() -> Result<String, String> {
    page().html().map_err(|e| e.to_string())
}

fn silent(complaints: &str, screen: Screen) -> Result<(), String> {
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(format!("{screen:?}: {complaints}")),
    }
}

/// In the dark, heat maps have no light parts: the background is not drawn, cells are see-through and texts are light.
const DARK: &str = "
    const light = (colour) => {
      const channels = colour.match(/[\\d.]+/g)?.slice(0, 3).map(Number);
      return channels && Math.min(...channels) > 128;
    };
    for (const map of document.querySelectorAll('.card svg')) {
      for (const rect of map.querySelectorAll('rect')) {
        if (light(getComputedStyle(rect).fill)) complain('a light part of a heat map', rect);
      }
      for (const text of map.querySelectorAll('text')) {
        if (!light(getComputedStyle(text).fill)) complain('a dark text of a heat map', text);
      }
    }
    if (document.querySelectorAll('.card svg rect').length < 100) complain('no heat map', document.body);";

/// Everything is opened, so that all texts are seen.
const OPEN_ALL: &str = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; });";

/// The answer is on the first screen, and panels are side by side where they fit.
const PLACES: &str = "
    const big = document.querySelector('.big').getBoundingClientRect();
    if (big.bottom > innerHeight) complain('the answer is below the first screen', document.querySelector('.big'));
    const lefts = new Set([...document.querySelectorAll('.exp .panels')][0].querySelectorAll('.pn').values().map((panel) => Math.round(panel.getBoundingClientRect().left)));
    const columns = innerWidth > 1200 ? 3 : 1;
    if (lefts.size !== columns) complain(`${lefts.size} columns of panels, expected ${columns}`, document.querySelector('.panels'));";

pub(crate) fn can_be_read_on_every_screen(browser: &Chromium) -> Result<(), String> {
    let html = html()?.replace("<details", "<details open");
    for screen in [DESKTOP, PHONE, Screen { width: 800, height: 900, dark: false }] {
        for dark in [false, true] {
            let screen = Screen { dark, ..screen };
            let then = if screen.width == 800 { OPEN_ALL } else { PLACES };
            let then = if dark { then.to_owned() + DARK } else { then.to_owned() };
            silent(&browser.complaints("read", &html, screen, &then)?, screen)?;
        }
    }
    Ok(())
}

/// Tests the probe script on parts that are too small, too pale, unnamed or too wide.
pub(crate) fn unreadable_parts_are_detected(browser: &Chromium) -> Result<(), String> {
    let planted = [
        ("<p style=\"font-size:8px\">small</p>", "text of 8.0 px"),
        ("<p style=\"color:#999;background:#fff\">pale</p>", "contrast of 2.8"),
        ("<button></button>", "without a name"),
        ("<main><div style=\"width:3000px\">wide</div></main>", "wider than the screen"),
        ("<i id=\"x\"></i><i id=\"x\"></i>", "id x is used twice"),
        ("<table><tr><td>1</td></tr></table>", "table without headers"),
    ];
    for (part, expected) in planted {
        let html = format!("<!DOCTYPE html><html><body>{part}</body></html>");
        let complaints = browser.complaints("planted", &html, DESKTOP, "")?;
        if !complaints.contains(expected) {
            return Err(format!("expected {expected:?}, got {complaints:?}"));
        }
    }
    let dark = "<!DOCTYPE html><html><head><style>@media (prefers-color-scheme: dark) { p { font-size: 8px; } }</style>\
                </head><body><p>small</p></body></html>";
    match browser.complaints("dark", dark, Screen { dark: true, ..DESKTOP }, "")?.contains("text of 8.0 px") {
        true => silent(&browser.complaints("light", dark, DESKTOP, "")?, DESKTOP),
        false => Err("the browser does not prefer dark".into()),
    }
}

pub(crate) fn filters_hide_other_claims(browser: &Chromium) -> Result<(), String> {
    let then = "
        const press = (key) => document.querySelector(`[data-filter] [data-k=\"${key}\"]`).click();
        const rows = () => [...document.querySelectorAll('.mx:not([hidden]) tbody tr:not([hidden])')].length;
        const expect = (n) => { if (rows() !== n) complain(`${rows()} claims, expected ${n}`, document.querySelector('.tools')); };
        expect(4);
        press('x');
        expect(1);
        press('lbr');
        expect(0);
        if (getComputedStyle(document.querySelector('.none')).display === 'none') complain('no word on an empty table', document.querySelector('.none'));
        press('x');
        expect(2);
        press('');
        expect(4);
        const sorted = document.querySelector('table.rows');
        sorted.querySelector('thead button').click();
        const first = sorted.querySelector('tbody td').textContent;
        sorted.querySelector('thead button').click();
        if (sorted.querySelector('tbody td').textContent === first) complain('not sorted', sorted);";
    silent(&browser.complaints("filters", &html()?, DESKTOP, then)?, DESKTOP)
}

/// The rows of three experiments in one table: by conclusion, and by words of the claim, the data set and the model.
pub(crate) fn rows_are_filtered_by_conclusion_and_by_words(browser: &Chromium) -> Result<(), String> {
    let then = "
        const every = document.querySelector('.every');
        every.querySelector('details').open = true;
        const [input, status] = [every.querySelector('input'), every.querySelector('[role=status]')];
        const press = (key) => every.querySelector(`[data-k=\"${key}\"]`).click();
        const type = (words) => {
          Object.assign(input, {value: words}).dispatchEvent(new Event('input'));
        };
        const expect = (n) => {
          const left = [...every.querySelectorAll('tbody tr')].filter((row) => row.checkVisibility()).length;
          if (left !== n || status.textContent !== `${n} of 6 rows`) complain(`${left} rows, '${status.textContent}', expected ${n}`, every);
        };
        expect(6);
        press('u');
        expect(3);
        type('fc-m');
        expect(0);
        press('u');
        expect(3);
        type('  Fashion-MNIST ONE claim ');
        expect(3);
        type('one third');
        expect(0);
        press('h');
        type('');
        expect(1);
        if (!every.querySelector('tbody a[href=\"#sweep\"]')) complain('no link to an experiment', every);
        const claims = document.querySelectorAll('.mx tbody tr:not([hidden])').length;
        if (claims !== 4) complain(`${claims} claims left by the filter of the rows`, every);";
    silent(&browser.complaints("rows", &html()?, DESKTOP, then)?, DESKTOP)
}

pub(crate) fn contents_open_and_close_by_keyboard(browser: &Chromium) -> Result<(), String> {
    let then = "
        const [side, button] = [document.querySelector('.side'), document.querySelector('.toc-button')];
        const shown = () => document.querySelector('.toc a').checkVisibility();
        const expect = (open) => {
          if (shown() !== open || button.getAttribute('aria-expanded') !== String(open)) complain(`contents, expected open: ${open}`, button);
        };
        expect(false);
        button.click();
        expect(true);
        dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}));
        expect(false);
        if (document.activeElement !== button) complain('the focus is lost', button);
        const cell = document.querySelector('.c');
        cell.focus();
        if (document.activeElement !== cell) complain('cannot be focused', cell);";
    silent(&browser.complaints("contents", &html()?, PHONE, then)?, PHONE)
}

/// Three experiments with all parts of a page.
pub(crate) fn prints_on_few_pages(browser: &Chromium) -> Result<(), String> {
    match browser.pages("printed", &html()?)? {
        1..=8 => Ok(()),
        n => Err(format!("{n} pages")),
    }
}
