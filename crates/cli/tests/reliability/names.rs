//! Untrusted names and unexpected file types: names are escaped on the terminal, no read blocks, no file is destroyed
//! (row R14).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use reliability::Measurement;

use crate::program::{agon, reproduce};

/// Clears the screen, adds a line, recolours by a C1 control, and reverses the following text.
const NAME: &str = "cat\u{1b}[2J\nok: all is well\r\u{9b}31m\u{202e}gpj";

/// A time limit that none of these commands reaches, even on a loaded machine.
const MOST: Duration = Duration::from_secs(60);

/// Whether a text contains control or bidirectional characters other than line feeds and tabs.
fn deceives(text: &str) -> bool {
    let bidirectional = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| bidirectional(c) || (c.is_control() && !matches!(c, '\n' | '\t')))
}

/// Standard output and standard error, checked for unescaped characters.
fn printed(output: &Output, what: &str) -> [String; 2] {
    let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for text in &texts {
        assert!(!deceives(text), "{what}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("ok: all")), "{what}: {text}");
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
    texts
}

/// Writes ten images for each of two classes, one with a hostile name, and one file that is not an image.
fn images(folder: &Path) {
    for (class, shade) in [(NAME, 40_u8), ("dog", 200)] {
        let folder = folder.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..10_u8 {
            let pixel = |x, y| image::Luma([shade.wrapping_add(number * 3 + (x * y) as u8)]);
            image::GrayImage::from_fn(8, 8, pixel).save(folder.join(format!("{number}.png"))).unwrap();
        }
        std::fs::write(folder.join(format!("{NAME}.png")), "no image").unwrap();
    }
}

#[test]
fn a_hostile_name_is_escaped_in_every_output() {
    let measured = Measurement::of("R14", "no name writes to the terminal as it likes");
    let base = tempfile::tempdir().unwrap();
    let set = base.path().join(NAME);
    images(&set);
    let set = set.to_str().unwrap();
    let out = base.path().join(format!("out{NAME}"));
    let out = out.to_str().unwrap();
    let mut n = 0;
    let mut go = |arguments: &[&str]| {
        n += 1;
        let output = agon(arguments).output().unwrap();
        (printed(&output, &format!("{arguments:?}")), output.status.code())
    };

    let train = [
        "train", "--images", set, "--side", "8", "--model", "fc-s", "--epochs", "1", "batch=4", "--out", out,
    ];
    let ([trained, log], code) = go(&train);
    assert_eq!(code, Some(0), "{log}");
    let escaped = "cat\\u{1b}[2J\\nok: all is well\\r\\u{9b}31m\\u{202e}gpj";
    assert!(
        log.contains("skipped: ") && log.contains(escaped) && trained.contains(escaped),
        "{trained}{log}"
    );
    let key = trained.strip_prefix("run ").unwrap().split(':').next().unwrap().to_owned();

    let ([table, _], code) = go(&["eval", &key, "--images", set, "--side", "8", "--out", out]);
    assert_eq!(code, Some(0));
    assert!(table.lines().any(|line| line.starts_with(escaped)), "{table}");
    let ([json, _], _) = go(&["eval", &key, "--images", set, "--side", "8", "--out", out, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["classes"].as_array().unwrap().iter().any(|of| of["class"] == NAME), "{json}");
    for arguments in [
        &["runs", "--out", out][..],
        &["runs", "--each", "--out", out],
        &["runs", "--json", "--out", out],
        &["probe", &key, "--out", out],
        &["export", &key, out, "--out", out],
        &["export", &key, &format!("{out}/{NAME}"), "--out", out],
        &["export", NAME, "file", "--out", out],
        &["export", "0", "file", "--out", NAME],
        &["inspect", NAME],
        &["inspect", set],
        &["inspect", &format!("{set}/dog/0.png")],
        &["inspect", &format!("{out}/runs/{key}/run.h5")],
        &["train", "--config", NAME],
        &["train", "--config", &format!("{set}/dog/0.png")],
        &["train", "--images", NAME],
        &["train", "--data-set", NAME],
        &["train", "--print-config", "--images", set, "--side", "8"],
        &["train", &format!("{NAME}=3")],
        &["advise", "--data", NAME],
        &["advise", "--data", set, "--side", "8"],
        &["reproduce", "--only", NAME],
        &["reproduce", "--profile", NAME],
        &["report", "--profile", "smoke", "--out", out],
        &["run", "--keys", NAME, "--out", out],
        &["run", "--keys", &format!("{set}/dog/0.png"), "--out", out],
        &["data", "verify", NAME],
        &["doctor", "--out", out, "--data", NAME],
        &[NAME],
    ] {
        go(arguments);
    }
    // A folder of the store with a hostile, non-Unicode name and journal.
    let stray = Path::new(out).join("runs").join(std::ffi::OsStr::from_bytes(b"\x1b[2J\xff\nok: all"));
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("journal.jsonl"), "\u{1b}[2J\nok: all").unwrap();
    for arguments in [&["runs", "--out", out][..], &["runs", "--json", "--out", out]] {
        let ([text, log], code) = go(arguments);
        assert_eq!(code, Some(0), "{log}");
        assert!(text.contains("damaged"), "{text}");
    }
    measured
        .part("names")
        .passed(n, format!("{n} commands with names of control and bidirectional characters"));
}

/// Checks that a command ends in time with this code and these words.
fn ends(arguments: &[&str], code: i32, words: &str) {
    let begin = Instant::now();
    let mut child = agon(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > MOST {
            child.kill().unwrap();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = printed(&output, &format!("{arguments:?}"));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stdout}{stderr}");
    assert!(stdout.contains(words) || stderr.contains(words), "{arguments:?}: {stdout}{stderr}");
}

#[test]
fn endless_files_are_not_read_and_links_and_devices_are_not_replaced() {
    let base = tempfile::tempdir().unwrap();
    let at = |name: &str| base.path().join(name).to_str().unwrap().to_owned();
    let (out, pipe, huge) = (at("out"), at("pipe"), at("huge"));
    let mkfifo = |path: &str| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    mkfifo(&pipe);
    std::fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    assert!(reproduce(Path::new(&out)).status.success());

    let kinds = [
        (&*pipe, "a pipe"),
        ("/dev/zero", "a device"),
        (base.path().to_str().unwrap(), "a folder"),
        (&huge, "at most"),
    ];
    for (path, kind) in kinds {
        ends(&["train", "--config", path], 2, kind);
        ends(&["run", "--keys", path, "--out", &at("other")], 1, kind);
    }
    for (path, words) in
        [(&*pipe, "not a regular file"), ("/dev/zero", "not a regular file"), (&huge, "complete HDF5 file")]
    {
        ends(&["inspect", path], if path == huge { 1 } else { 2 }, words);
    }

    // Pipes in place of the files of a run, of results, of a data set, and of images.
    let runs: Vec<_> =
        std::fs::read_dir(base.path().join("out/runs")).unwrap().map(|run| run.unwrap().path()).collect();
    let key = runs[0].file_name().unwrap().to_str().unwrap().to_owned();
    let other = runs[1].file_name().unwrap().to_str().unwrap().to_owned();
    let link = at("link.safetensors");
    std::os::unix::fs::symlink("target.safetensors", &link).unwrap();
    ends(&["export", &other, &link, "--out", &out], 0, "tensors");
    assert!(
        base.path().join("link.safetensors").is_symlink() && base.path().join("target.safetensors").is_file()
    );
    ends(&["export", &other, "/dev/null", "--out", &out], 0, "tensors");
    let page = at("page.html");
    std::os::unix::fs::symlink("inner.html", &page).unwrap();
    ends(&["report", "--profile", "smoke", "--out", &out, "-o", &page], 0, "page.html");
    assert!(base.path().join("page.html").is_symlink() && base.path().join("inner.html").is_file());
    // The program writes only regular files to its own folder.
    let verdicts = at("out/smoke/verdicts.csv");
    std::fs::remove_file(&verdicts).unwrap();
    mkfifo(&verdicts);
    ends(&["report", "--profile", "smoke", "--out", &out], 1, "expected a regular file, got a pipe");
    std::fs::remove_file(&verdicts).unwrap();
    let parameters = runs[0].join("final.safetensors");
    std::fs::remove_file(&parameters).unwrap();
    mkfifo(parameters.to_str().unwrap());
    ends(&["export", &key, &at("w"), "--out", &out], 1, "a pipe");
    let journal = runs[0].join("journal.jsonl");
    std::fs::remove_file(&journal).unwrap();
    mkfifo(journal.to_str().unwrap());
    ends(&["runs", "--out", &out], 0, "a pipe");
    let results = at("out/smoke/fc-lambda-sweep/fc-lambda-sweep.h5");
    let one_absent = ["report", "--profile", "smoke", "--only", "fc-lambda-sweep,alignment", "--out", &out];
    ends(&one_absent, 0, "no stored results, so not in the report: alignment");
    std::fs::create_dir(at("out/smoke/alignment")).unwrap();
    std::fs::rename(&results, at("out/smoke/alignment/alignment.h5")).unwrap();
    ends(&one_absent, 1, "alignment.h5 holds the results of another experiment");
    ends(&one_absent, 1, "expected `alignment`, got `fc-lambda-sweep`");
    std::fs::remove_file(at("out/smoke/alignment/alignment.h5")).unwrap();
    ends(&one_absent, 1, "holds no results of these experiments");
    mkfifo(&results);
    ends(&["report", "--profile", "smoke", "--out", &out], 1, "expected a regular file, got a pipe");
    std::fs::remove_file(&results).unwrap();
    std::fs::create_dir(&results).unwrap();
    ends(&["report", "--profile", "smoke", "--out", &out], 1, "expected a regular file, got a folder");

    let set = at("mnist");
    std::fs::create_dir(&set).unwrap();
    for name in [
        "train-images-idx3-ubyte",
        "t10k-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-labels-idx1-ubyte",
    ] {
        mkfifo(&format!("{set}/{name}"));
    }
    ends(&["data", "verify", "mnist", "--data", &set], 1, "a pipe");
    images(&base.path().join("images"));
    mkfifo(&at("images/dog/z.png"));
    ends(
        &[
            "train",
            "--images",
            &at("images"),
            "--side",
            "8",
            "--model",
            "fc-s",
            "--epochs",
            "0",
            "batch=4",
            "--out",
            &out,
        ],
        0,
        "a pipe",
    );
}
