//! The explorer in a headless browser: displayed values, interaction, and no script errors.
//!
//! The browser is the program named by `CHROMIUM`, or a Chromium on the `PATH`. Without one, the checks are reported as
//! not run.
#![allow(clippy::print_stdout, reason = "skipped checks are reported in the output of the tests")]

#[path = "../examples/explorer/made_up.rs"]
mod made_up;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use agon_report::explorer::Size;
use agon_report::{Explorer, Page};

type Check = (&'static str, fn(&Browser) -> Result<(), String>);

const CHECKS: [Check; 5] = [
    ("a_url_fragment_selects_the_view", a_url_fragment_selects_the_view),
    ("another_fragment_shows_other_values", another_fragment_shows_other_values),
    (
        "the_slider_and_the_selectors_change_values_and_fragment",
        the_slider_and_the_selectors_change_values_and_fragment,
    ),
    ("missing_parts_of_a_model_are_marked_or_hidden", missing_parts_of_a_model_are_marked_or_hidden),
    ("a_script_error_is_detected", a_script_error_is_detected),
];

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let Some(browser) = Browser::find() else {
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

struct Browser {
    program: PathBuf,
}

/// A page after its scripts have finished.
struct Seen {
    /// The document as HTML.
    dom: String,
    /// The console output, which contains script errors.
    console: Vec<String>,
}

impl Browser {
    fn find() -> Option<Self> {
        if let Some(program) = env::var_os("CHROMIUM") {
            return Some(Self { program: program.into() });
        }
        let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let program = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        program.into_iter().find(|program| program.is_file()).map(|program| Self { program })
    }

    /// Opens a page from the disk at a fragment and waits until its scripts have finished.
    fn open(&self, name: &str, html: &str, fragment: &str) -> Result<Seen, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let file = folder.join(name).with_extension("html");
        fs::write(&file, html).map_err(|e| format!("{}: {e}", file.display()))?;
        let output = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,2000"])
            .args(["--virtual-time-budget=4000", "--enable-logging=stderr", "--v=0", "--dump-dom"])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .arg(format!("file://{}#{fragment}", file.display()))
            .output()
            .map_err(|e| format!("{}: {e}", self.program.display()))?;
        let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !dom.contains("</html>") {
            return Err(format!("{} showed no page: {log}", self.program.display()));
        }
        let console = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        Ok(Seen { dom: dom.into_owned(), console })
    }

    fn open_made_up(&self, name: &str, fragment: &str, more: &str) -> Result<Seen, String> {
        let html = page(made_up::explorer())?.replace("</body>", &format!("{more}</body>"));
        let seen = self.open(name, &html, fragment)?;
        match seen.console.is_empty() {
            true => Ok(seen),
            false => Err(format!("the console says {:#?}", seen.console)),
        }
    }
}

impl Seen {
    fn holds(&self, text: &str) -> Result<(), String> {
        match self.dom.contains(text) {
            true => Ok(()),
            false => Err(format!("the page does not hold {text:?}; its values are {:#?}", self.values())),
        }
    }

    /// The four values at the top.
    fn values(&self) -> Vec<&str> {
        let after = self.dom.split("<dd class=\"mean\">").skip(1);
        after.filter_map(|rest| rest.split('<').next()).collect()
    }

    fn shows(&self, size: &Size, lambda: usize) -> Result<(), String> {
        let point = &size.trained[lambda];
        let [mse, entropy] = [point.mse, point.cross_entropy].map(|value| three_digits(value.mean));
        let accuracy = format!("{:.1} %", 100.0 * point.accuracy.mean);
        let expected = ["5 seeds".to_owned(), mse, format!("{entropy} nat"), accuracy];
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
        rows: vec![],
        explorer: Some(explorer),
        sections: vec![],
        provenance: vec![],
    };
    page.html().map_err(|e| e.to_string())
}

/// Formats values below 10 that are not tiny as the script does.
fn three_digits(value: f64) -> String {
    let decimals = (2.0 - value.log10().floor()) as usize;
    format!("{value:.decimals$}")
}

fn a_url_fragment_selects_the_view(browser: &Browser) -> Result<(), String> {
    let fragment = "explorer&data=Garments&family=CNN-S%2C+ReLU+latent&k=64&lambda=0.9";
    let seen = browser.open_made_up("address", fragment, "")?;
    seen.shows(&made_up::explorer().models[1].sizes[2], 3)?;
    seen.holds("aria-valuetext=\"λ = 0.9: ")?;
    seen.holds("its reconstruction at λ&nbsp;=&nbsp;0.9")?;
    seen.holds("latent at λ&nbsp;=&nbsp;0.9, 400 test images.")
}

/// The nearest λ and size are selected if a model does not have the requested ones.
fn another_fragment_shows_other_values(browser: &Browser) -> Result<(), String> {
    let fragment = "explorer&data=Flowers&k=20&lambda=0.6";
    let seen = browser.open_made_up("other-address", fragment, "")?;
    seen.shows(&made_up::explorer().models[2].sizes[1], 1)
}

fn the_slider_and_the_selectors_change_values_and_fragment(browser: &Browser) -> Result<(), String> {
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
    let seen = browser.open_made_up("used", "", using)?;
    seen.shows(&made_up::explorer().models[1].sizes[0], 6)?;
    seen.holds(
        "<title>#explorer&amp;data=Garments&amp;family=CNN-S%2C+ReLU+latent&amp;k=4&amp;lambda=1</title>",
    )
}

fn missing_parts_of_a_model_are_marked_or_hidden(browser: &Browser) -> Result<(), String> {
    let fragment = "explorer&data=Flowers&family=FC-M%2C+identity+latent";
    let seen = browser.open_made_up("lacking", fragment, "")?;
    seen.holds("<dd class=\"mean\">not measured</dd>")?;
    for (class, part) in [("images", "images"), ("latents", "latents"), ("plot", "entropy")] {
        seen.holds(&format!("<figure class=\"{class}\" data-part=\"{part}\" hidden=\"\">"))?;
    }
    let fragment = "explorer&data=Garments&family=CNN-S%2C+ReLU+latent&k=64&lambda=0";
    let seen = browser.open_made_up("untrained", fragment, "")?;
    seen.holds("<dd class=\"mean\">not trained</dd>")?;
    seen.holds("There are no reconstructions at λ&nbsp;=&nbsp;0.")?;
    seen.holds("There are no latents at λ&nbsp;=&nbsp;0.")
}

fn a_script_error_is_detected(browser: &Browser) -> Result<(), String> {
    let failing = "<!DOCTYPE html><html><body><script>nothing.of.this.name;</script></body></html>";
    let seen = browser.open("failing", failing, "")?;
    match seen.console.as_slice() {
        [line] if line.contains("nothing is not defined") => Ok(()),
        lines => Err(format!("expected one error on the console, got {lines:#?}")),
    }
}
