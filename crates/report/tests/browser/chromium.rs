//! Headless Chromium: opens a page from the disk in a viewport of any size, and returns the rendered document.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// The script that reports readability problems of a page.
const PROBE: &str = include_str!("probe.js");

/// The time limit of scripts, in milliseconds of the browser's own clock.
const BUDGET: &str = "--virtual-time-budget=4000";

pub(crate) struct Chromium {
    program: PathBuf,
}

/// A page after its scripts have finished.
pub(crate) struct Seen {
    /// The document as HTML.
    pub(crate) dom: String,
    /// The console output, which contains script errors.
    pub(crate) console: Vec<String>,
}

/// A screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) dark: bool,
}

impl Chromium {
    /// The program named by `CHROMIUM`, or one on the `PATH`.
    pub(crate) fn find() -> Option<Self> {
        if let Some(program) = env::var_os("CHROMIUM") {
            return Some(Self { program: program.into() });
        }
        let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let program = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        program.into_iter().find(|program| program.is_file()).map(|program| Self { program })
    }

    /// Opens a page at a fragment and waits until its scripts have finished.
    pub(crate) fn open(&self, name: &str, html: &str, fragment: &str) -> Result<Seen, String> {
        let file = write(name, html)?;
        let address = format!("file://{}#{fragment}", file.display());
        self.seen(&["--window-size=1300,2000", BUDGET, "--dump-dom", &address])
    }

    /// The readability problems of the page on this screen, after the script `then` has run; empty if there are none.
    pub(crate) fn complaints(
        &self,
        name: &str,
        html: &str,
        screen: Screen,
        then: &str,
    ) -> Result<String, String> {
        let probe = format!(
            "<script>window.probe = (complain) => {{{then}}};</script><script>{PROBE}</script></body>"
        );
        let page = write(&format!("{name}-page"), &html.replace("</body>", &probe))?;
        let Screen { width, height, dark } = screen;
        // A window is at least 500 pixels wide; a frame can be narrower.
        let frame = format!(
            "<!DOCTYPE html><html><body style=\"margin:0\"><iframe src=\"{}\" style=\"border:0;width:{width}px;\
             height:{height}px\"></iframe><pre></pre><script>addEventListener('message', ({{data}}) => {{ \
             document.querySelector('pre').textContent = 'probed\\n' + data; }});</script></body></html>",
            page.file_name().map(|name| name.to_string_lossy()).unwrap_or_default()
        );
        let file = write(&format!("{name}-frame"), &frame)?;
        let window = format!("--window-size={},{}", width.max(500), height + 200);
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
        let seen =
            self.seen(&[&window, &scheme, BUDGET, "--dump-dom", &format!("file://{}", file.display())])?;
        if !seen.console.is_empty() {
            return Err(format!("the console says {:#?}", seen.console));
        }
        let found =
            seen.dom.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_default();
        match found.strip_prefix("probed\n") {
            Some(complaints) => Ok(complaints.to_owned()),
            None => Err(format!("the probe has not answered: {found:?}")),
        }
    }

    /// The number of pages on paper.
    pub(crate) fn pages(&self, name: &str, html: &str) -> Result<usize, String> {
        let file = write(name, html)?;
        let pdf = file.with_extension("pdf");
        let to = format!("--print-to-pdf={}", pdf.display());
        self.run(&[BUDGET, &to, &format!("file://{}", file.display())])?;
        let bytes = fs::read(&pdf).map_err(|e| format!("{}: {e}", pdf.display()))?;
        let page = b"/Type /Page\n";
        Ok(bytes.windows(page.len()).filter(|window| window == page).count())
    }

    fn seen(&self, arguments: &[&str]) -> Result<Seen, String> {
        let output = self.run(arguments)?;
        let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !dom.contains("</html>") {
            return Err(format!("{} showed no page: {log}", self.program.display()));
        }
        let console = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        Ok(Seen { dom: dom.into_owned(), console })
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, String> {
        let profile = folder()?.join("profile");
        Command::new(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--enable-logging=stderr",
                "--v=0",
            ])
            // Without these options the browser contacts its vendor's servers.
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-quic"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(arguments)
            .output()
            .map_err(|e| format!("{}: {e}", self.program.display()))
    }
}

fn folder() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}

fn write(name: &str, html: &str) -> Result<PathBuf, String> {
    let file = folder()?.join(name).with_extension("html");
    fs::write(&file, html).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(file)
}
