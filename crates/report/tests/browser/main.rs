//! Tests of the page in a headless browser: displayed values, interaction, sizes of text, contrast and names on a
//! desktop and on a phone, light and dark; and no script errors.
//!
//! The browser is the program named by `CHROMIUM`, or a Chromium on the `PATH`. Without one, the checks are reported as
//! not run.
#![allow(clippy::print_stdout, reason = "skipped checks are reported in the output of the tests")]

#[path = "../../examples/explorer/made_up.rs"]
mod made_up;

mod chromium;
mod page;

use std::env;
use std::process::ExitCode;

use agon_report::explorer::Size;
use agon_report::{Explorer, Page};

use chromium::{Chromium, Seen};

type Check = (&'static str, fn(&Chromium) -> Result<(), String>);

const CHECKS: [Check; 12] = [
    ("a_url_fragment_selects_the_view", a_url_fragment_selects_the_view),
    ("another_fragment_shows_other_values", another_fragment_shows_other_values),
    (
        "the_slider_and_the_selectors_change_values_and_fragment",
        the_slider_and_the_selectors_change_values_and_fragment,
    ),
    ("missing_parts_of_a_model_are_marked_or_hidden", missing_parts_of_a_model_are_marked_or_hidden),
    ("the_explorer_opens_with_images_and_latents", the_explorer_opens_with_images_and_latents),
    ("a_script_error_is_detected", a_script_error_is_detected),
    ("a_page_can_be_read_on_every_screen", page::can_be_read_on_every_screen),
    ("unreadable_parts_are_detected", page::unreadable_parts_are_detected),
    ("filters_hide_other_claims", page::filters_hide_other_claims),
    ("rows_are_filtered_by_conclusion_and_by_words", page::rows_are_filtered_by_conclusion_and_by_words),
    ("contents_open_and_close_by_keyboard", page::contents_open_and_close_by_keyboard),
    ("a_page_prints_on_few_pages", page::prints_on_few_pages),
];

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let Some(browser) = Chromium::find() else {
        for (name, _) in CHECKS {
            println!("test {name} ... NOT RUN: no Chromium on the PATH; set CHROMIUM to one");
        }
        return ExitCode::SUCCESS;
    };
    let mut all_passed = true;
    for (name, check) in CHECKS {
        match check(&browser) {
            Ok(()) => println!("test {name} ... ok"),
            Err(why) => {
                println!("test {name} ... FAILED\n{why}");
                all_passed = false;
            }
        }
    }
    if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn open_made_up(browser: &Chromium, name: &str, fragment: &str, more: &str) -> Result<Seen, String> {
    let html = page(made_up::explorer())?.replace("</body>", &format!("{more}</body>"));
    let seen = browser.open(name, &html, fragment)?;
    match seen.console.is_empty() {
        true => Ok(seen),
        false => Err(format!("the console says {:#?}", seen.console)),
    }
}

impl Seen {
    fn holds(&self, text: &str) -> Result<(), String> {
        match self.dom.contains(text) {
            true => Ok(()),
            false => Err(format!("the page does not hold {text:?}; its values are {:#?}", self.values())),
        }
    }

    /// The values at the top: the error, and the accuracy of every reader.
    fn values(&self) -> Vec<&str> {
        let after = self.dom.split("<b class=\"mean\">").skip(1);
        after.filter_map(|rest| rest.split('<').next()).collect()
    }

    fn shows(&self, size: &Size, lambda: usize) -> Result<(), String> {
        let point = &size.trained[lambda];
        let accuracy = |value: f64| format!("{:.1} %", 100.0 * value);
        let readers = size.readers.iter().map(|reader| accuracy(reader.accuracy[lambda].mean));
        let expected: Vec<String> = [three_digits(point.mse.mean), accuracy(point.accuracy.mean)]
            .into_iter()
            .chain(readers)
            .collect();
        self.holds("5 seeds at λ")?;
        match self.values() == expected {
            true => Ok(()),
            false => Err(format!("the page shows {:?}, expected {expected:?}", self.values())),
        }
    }
}

fn page(explorer: Explorer) -> Result<String, String> {
    let page = Page {
        title: "title".into(),
        question: "question".into(),
        explorer: Some(explorer),
        ..Page::default()
    };
    page.html().map_err(|e| e.to_string())
}

/// Formats values below 10 that are not tiny as the script does.
fn three_digits(value: f64) -> String {
    let decimals = (2.0 - value.log10().floor()) as usize;
    format!("{value:.decimals$}")
}

fn a_url_fragment_selects_the_view(browser: &Chromium) -> Result<(), String> {
    let fragment = "explorer&data=Garments&family=CNN-S%2C+ReLU+latent&k=64&lambda=0.9";
    let seen = open_made_up(browser, "address", fragment, "")?;
    seen.shows(&made_up::explorer().models[1].sizes[2], 3)?;
    seen.holds("aria-valuetext=\"λ = 0.9: ")?;
    seen.holds("its reconstruction at λ&nbsp;=&nbsp;0.9")?;
    seen.holds("latent at λ&nbsp;=&nbsp;0.9, 400 test images.")
}

/// The nearest λ and size are selected if a model does not have the requested ones.
fn another_fragment_shows_other_values(browser: &Chromium) -> Result<(), String> {
    let fragment = "explorer&data=Flowers&k=20&lambda=0.6";
    let seen = open_made_up(browser, "other-address", fragment, "")?;
    seen.shows(&made_up::explorer().models[2].sizes[1], 1)
}

fn the_slider_and_the_selectors_change_values_and_fragment(browser: &Chromium) -> Result<(), String> {
    let using = "<script type=\"module\">
        const part = (name) => document.querySelector(`[data-part=\"${name}\"]`);
        const use = (input, event) => input.dispatchEvent(new Event(event, {bubbles: true}));
        Object.assign(part('family'), {value: 'CNN-S, ReLU latent'});
        use(part('family'), 'change');
        part('sizes').querySelectorAll('input')[0].click();
        for (const value of [0, 5, 6]) {
          Object.assign(part('slider'), {value});
          use(part('slider'), 'input');
        }
        document.title = location.hash;
        </script>";
    let seen = open_made_up(browser, "used", "", using)?;
    seen.shows(&made_up::explorer().models[1].sizes[0], 6)?;
    seen.holds(
        "<title>#explorer&amp;data=Garments&amp;family=CNN-S%2C+ReLU+latent&amp;k=4&amp;lambda=1</title>",
    )
}

fn missing_parts_of_a_model_are_marked_or_hidden(browser: &Chromium) -> Result<(), String> {
    let fragment = "explorer&data=Flowers&family=FC-M%2C+identity+latent";
    let seen = open_made_up(browser, "lacking", fragment, "")?;
    seen.holds("test cross-entropy not measured")?;
    for (class, part) in [("images", "images"), ("latents", "latents"), ("plot", "entropy")] {
        seen.holds(&format!("<figure class=\"{class}\" data-part=\"{part}\" hidden=\"\">"))?;
    }
    let fragment = "explorer&data=Garments&family=CNN-S%2C+ReLU+latent&k=64&lambda=0";
    let seen = open_made_up(browser, "untrained", fragment, "")?;
    seen.holds("Not trained at λ&nbsp;=&nbsp;0.")?;
    seen.holds("There are no reconstructions at λ&nbsp;=&nbsp;0.")?;
    seen.holds("There are no latents at λ&nbsp;=&nbsp;0.")
}

/// The first model lacks images, so that the explorer opens with another one.
fn the_explorer_opens_with_images_and_latents(browser: &Chromium) -> Result<(), String> {
    let mut explorer = made_up::explorer();
    for size in &mut explorer.models[0].sizes {
        (size.images, size.latents) = (None, None);
    }
    let seen = browser.open("opened", &page(explorer)?, "")?;
    seen.holds("its reconstruction at λ&nbsp;=&nbsp;")?;
    seen.holds("latent at λ&nbsp;=&nbsp;")?;
    seen.holds("<figure class=\"images\" data-part=\"images\">")
}

fn a_script_error_is_detected(browser: &Chromium) -> Result<(), String> {
    let failing = "<!DOCTYPE html><html><body><script>nothing.of.this.name;</script></body></html>";
    let seen = browser.open("failing", failing, "")?;
    match seen.console.as_slice() {
        [line] if line.contains("nothing is not defined") => Ok(()),
        lines => Err(format!("expected one error on the console, got {lines:#?}")),
    }
}
