//! Writes a page with an explorer of synthetic values into a folder: `cargo run --release -p agon-report --example
//! explorer DIR`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool, whose output is not parsed")]

mod made_up;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use agon_report::Page;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder? give it as the argument")?);
    fs::create_dir_all(&folder)?;
    let explorer = made_up::explorer();
    println!("the explorer takes {} bytes", explorer.encoded_len()?);
    let page = Page {
        title: "Do classification and reconstruction help or hurt each other?".into(),
        question: "All values on this page are synthetic. It shows what the explorer can do.".into(),
        explorer: Some(explorer),
        ..Page::default()
    };
    fs::write(folder.join("explorer.html"), page.html()?)?;
    Ok(())
}
