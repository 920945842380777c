//! Every command in the README and the book is run, or is on a short list of exceptions (row R22).

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use image::{GrayImage, Luma};
use reliability::Measurement;

use crate::program::{SMALL, SWEEP, agon, sweep};

/// **To add a command** to the README or the book, write it into a block marked `sh`. A block is run as it stands, line
/// by line in one shell, in a folder with some stored runs and results, where `cargo xtask reproduce` is the smoke
/// profile on few images. What cannot be run there in seconds is named here by its beginning, with what runs it instead.
const INSTEAD: [(&str, &str); 17] = [
    ("cargo run --release -p tiny", "tests of `tiny`, which draw and train the same"),
    ("cargo xtask mutants", "`cargo xtask ci` on a machine with the time for it"),
    ("cargo xtask book", "`cargo xtask ci`"),
    ("cargo xtask test", "this test is one of them"),
    ("cargo xtask reproduce --profile smoke", "`cargo xtask ci`"),
    ("cargo xtask reproduce --profile standard", "an hour of training"),
    ("cargo xtask reproduce --profile paper", "hours of training"),
    ("cargo xtask reproduce --profile full", "days of training"),
    ("target/release/agon plan --profile full", "larger models than needed; `tests/sweep.rs` plans less"),
    ("cargo xtask reproduce --device cuda:0", "`cargo xtask gpu`, on a GPU"),
    ("cargo xtask kernels", "`cargo xtask ci`"),
    ("cargo install", "a build of the program whose tests these are"),
    ("cargo xtask gpu", "a machine with a GPU"),
    ("cargo xtask prove", "this test is a part of it"),
    ("target/release/agon data fetch", "a network; tests of `data` ask a server of their own"),
    ("agon run --profile full", "a cluster; `tests/cluster` plays one"),
    ("agon reproduce --profile full", "a cluster; `tests/cluster` plays one"),
];

/// Placeholders for the reader's files; each is a file or folder of the scratch folder, or `KEY`.
const PLACEHOLDERS: [(&str, &str); 2] = [("DIR", "data-sets"), ("FOLDER", "labelled-images")];

/// A script in place of cargo that runs `cargo xtask reproduce` on few images.
fn stand_in_for_cargo() -> String {
    format!(
        "#!/bin/sh\nname=\"$1 $2\"; shift 2\ncase $name in\n\
         'xtask report') exec target/release/agon report \"$@\";;\n\
         'xtask reproduce') exec target/release/agon reproduce --profile smoke --only {SWEEP} -s '{SMALL}' \"$@\";;\n\
         *) echo \"no stand-in for cargo $name $*\" >&2; exit 9;;\nesac\n"
    )
}

/// The lines of each block marked `sh`, with its file and line.
fn blocks(file: &Path) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(file).unwrap();
    let mut blocks: Vec<(String, Vec<String>)> = vec![];
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside && line.trim_end() == "```sh";
            if inside {
                blocks.push((format!("{}:{}", file.display(), number + 1), vec![]));
            }
        } else if let (true, Some((_, lines))) = (inside, blocks.last_mut()) {
            lines.push(line.to_owned());
        }
    }
    blocks
}

/// Whether this line is run elsewhere. `cargo xtask reproduce` is the whole job, whose results are in `results/`. Without
/// Chromium, as on a new machine, the line that draws a picture of the page with it is not run.
fn is_run_elsewhere(line: &str) -> bool {
    let bare = line.split(" #").next().unwrap_or(line).trim();
    if bare.starts_with("chromium ") && Command::new("chromium").arg("--version").output().is_err() {
        let _ = writeln!(io::stderr(), "NOT RUN: no Chromium on the PATH: {bare}");
        return true;
    }
    bare.trim_end_matches(" --open") == "cargo xtask reproduce"
        || INSTEAD.iter().any(|(beginning, _)| bare.starts_with(beginning))
}

/// Creates the files that commands read: program, stored runs, stored results, data sets (none), labelled images.
fn scratch(root: &Path, repository: &Path) -> String {
    let make = |path: &str| fs::create_dir_all(root.join(path)).unwrap();
    ["target/release", "bin", "data-sets", "results"].iter().for_each(|path| make(path));
    for path in ["target/release/agon", "bin/agon"] {
        symlink(env!("CARGO_BIN_EXE_agon"), root.join(path)).unwrap();
    }
    fs::write(root.join("bin/cargo"), stand_in_for_cargo()).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(root.join("bin/cargo")).status().unwrap().success());
    assert!(agon(&sweep(Path::new("out"))).current_dir(root).output().unwrap().status.success());
    for name in [SWEEP, "bridge"] {
        for folder in [format!("out/quick/{name}"), format!("results/standard/{name}")] {
            make(&folder);
            let file = format!("{name}.h5");
            fs::copy(
                repository.join("results/standard").join(name).join(&file),
                root.join(folder).join(file),
            )
            .unwrap();
        }
    }
    let committed = "results/standard/verdicts.csv";
    fs::copy(repository.join(committed), root.join(committed)).unwrap();
    for (class, least) in [("dark", 0), ("light", 100)] {
        make(&format!("labelled-images/{class}"));
        // `agon advise` needs five images per pixel, here for images of 16 x 16 pixels.
        for number in 0..800u32 {
            let file = root.join(format!("labelled-images/{class}/{number:03}.png"));
            let pixel = |x: u32, y: u32| Luma([least + (x * y * 7 + number * (x + 3 * y)) as u8 % 100]);
            GrayImage::from_fn(8, 8, pixel).save(file).unwrap();
        }
    }
    symlink("labelled-images", root.join("photos")).unwrap();
    let listed = agon(&["runs", "--json"]).current_dir(root).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    listed["runs"][0]["key"].as_str().unwrap().to_owned()
}

/// The command with its placeholders replaced.
fn filled(command: &str, key: &str) -> String {
    let fill = |word: &str| match PLACEHOLDERS.iter().find(|(name, _)| *name == word) {
        Some((_, path)) => (*path).to_owned(),
        None if word == "KEY" => key.to_owned(),
        None => word.to_owned(),
    };
    command.split(' ').map(fill).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_documented_command_runs() {
    let measured = Measurement::of("R22", "every command in the README and the book runs");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![repository.join("README.md")];
    let book = fs::read_dir(repository.join("book")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(book.filter(|file| file.extension().is_some_and(|kind| kind == "md")));
    files.sort();
    let folder = tempfile::tempdir().unwrap();
    let key = scratch(folder.path(), &repository);
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
    let (mut run, mut instead) = (0, 0);
    for (place, lines) in files.iter().flat_map(|file| blocks(file)) {
        let (elsewhere, here): (Vec<&String>, Vec<&String>) =
            lines.iter().partition(|line| is_run_elsewhere(line));
        let here: Vec<String> = here.into_iter().map(|line| filled(line, &key)).collect();
        let mut shell = Command::new("sh");
        // Each command is printed before it is run, and the first that fails ends the block.
        shell.args(["-euxc", &here.join("\n")]).current_dir(folder.path()).env("PATH", &path);
        // Later blocks use a variable set in an earlier one.
        shell.env("agon", "target/release/agon");
        shell.env_remove("AGON_DATA").env_remove("XDG_CACHE_HOME").env("HOME", "/dev/null/nonexistent");
        shell.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        let output = shell.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{place}: {}: {printed}", output.status);
        let is_command = |line: &&String| !line.trim().is_empty() && !line.trim().starts_with('#');
        run += here.iter().filter(is_command).count();
        instead += elsewhere.len();
    }
    assert!(run >= 10, "only {run} commands were found");
    measured.passed(run, format!("{run} commands run as written, {instead} on the list of long ones"));
}
