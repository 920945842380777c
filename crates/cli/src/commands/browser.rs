//! Opens a page in the browser of the desktop.

use std::path::Path;
use std::process::{Command, Stdio};

use system::{note, text};

/// Programs that open a file with the program that the desktop has for it.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// Opens a page, or prints which file to open if no program can.
pub(super) fn open(page: &Path) {
    let page = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let start = |program: &&str| {
        let mut command = Command::new(program);
        command.arg(&page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().is_ok()
    };
    // Without a display some openers start a text browser, which would take the terminal.
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_display = !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(is_set);
    if !has_display || !OPENERS.iter().any(start) {
        note!("cannot open a browser here; open {} in one", text::path(&page));
    }
}
