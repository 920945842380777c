//! Writes a page with an explorer of made-up numbers into a folder: `cargo run --release -p agon-report --example
//! explorer DIR`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers, whose output nobody parses"
)]

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
        question: "All numbers on this page are made up. It shows what the explorer can do.".into(),
        rows: vec![],
        explorer: Some(explorer),
        sections: vec![],
        provenance: vec![],
    };
    fs::write(folder.join("explorer.html"), page.html()?)?;
    Ok(())
}
