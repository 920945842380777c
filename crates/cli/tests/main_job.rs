//! Tests of the main job from a user's view: committed results at once, a short summary, a page from the start, and how
//! to continue.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SMALL: &str =
    r#"families.*.data=[{name = "fashion-mnist-embedded", train = 100, validation = 20, test = 40}]"#;

fn agon(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agon"));
    command.args(arguments).current_dir(folder).env_remove("AGON_DATA").env_remove("XDG_CACHE_HOME");
    command.env("HOME", "/dev/null/nonexistent").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    output
}

/// The paths of all files below a folder with their sizes.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push((entry.path().display().to_string(), entry.metadata().unwrap().len())),
        }
    }
    found.sort();
    found
}

#[test]
fn report_without_arguments_shows_the_committed_results_and_changes_none_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in ["verdicts.csv", "verdicts.h5", "linear-cre/linear-cre.h5"] {
        let to = folder.path().join("results/standard").join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(repository.join("results/standard").join(file), to).unwrap();
    }
    let before = files(&folder.path().join("results"));
    succeeded(&mut agon(folder.path(), &["report", "--profile", "standard"]));
    let output = succeeded(&mut agon(folder.path(), &["report"]));
    assert_eq!(files(&folder.path().join("results")), before);
    let page = fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("linear CRE"));
    let summary = text(&output.stdout);
    let (lines, last) = summary.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(last, "the page: out/report.html");
    assert!(lines.lines().count() < 25 && lines.lines().all(|line| line.chars().count() <= 60), "{summary}");
    let table = text(&succeeded(&mut agon(folder.path(), &["report", "--table", "--open"])).stdout);
    assert!(table.ends_with("the page: out/report.html\n") && table.contains("T13"), "{table}");
    let json = succeeded(&mut agon(folder.path(), &["report", "--json"])).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["page"], &json["failed_runs"]), (&"out/report.html".into(), &serde_json::json!([])));
    assert_eq!(json["verdicts"], "results/standard/verdicts.csv");
    assert!(json["claims"].as_object().unwrap().values().all(|n| n.as_u64() > Some(0)), "{json}");
    // The page names the program, as this folder is no clone of the repository.
    assert!(
        !page.contains("cargo xtask") && page.contains("agon reproduce --profile standard --only linear-cre")
    );
    // With a named results folder, only results in it are read.
    let own = agon(folder.path(), &["report", "--profile", "standard", "--out", "out"]).output().unwrap();
    assert!(!own.status.success() && text(&own.stderr).contains("out/standard holds no results"));
}

#[test]
fn a_page_exists_before_the_first_result_and_an_interrupted_job_prints_how_to_continue() {
    let folder = tempfile::tempdir().unwrap();
    // Enough epochs that the job is interrupted in any case.
    let endless = ["reproduce", "--profile", "smoke", "--only", "fc-lambda-sweep", "-s", SMALL, "-s"];
    let endless = [&endless[..], &["families.*.epochs=100000"]].concat();
    let mut child =
        agon(folder.path(), &endless).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (page, begin) = (folder.path().join("out/smoke/index.html"), Instant::now());
    while !page.is_file() {
        assert!(begin.elapsed() < Duration::from_secs(300) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(fs::read_to_string(&page).unwrap().contains("0 of 1 experiments"));
    let interrupt = ["-INT".to_owned(), child.id().to_string()];
    assert!(Command::new("kill").args(interrupt).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("run the same command again"), "{}", text(&output.stderr));
}

#[test]
fn verdicts_are_printed_after_each_experiment_and_standard_plans_more_runs_than_quick() {
    let folder = tempfile::tempdir().unwrap();
    let job =
        ["reproduce", "--profile", "smoke", "--only", "fc-lambda-sweep,linear-codes", "-s", SMALL, "--json"];
    let output = succeeded(&mut agon(folder.path(), &job));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["page"], &json["missed"]), (&"out/smoke/index.html".into(), &serde_json::json!([])));
    assert!(json["exact_facts"]["exact"].as_u64() > Some(0) && json["images_trained"].as_f64() > Some(0.0));
    assert!(folder.path().join(json["verdicts"].as_str().unwrap()).is_file());
    let log = text(&output.stderr);
    for part in
        ["(1 of 2, out/smoke/index.html)", "(2 of 2, out/smoke/index.html)", "= exact", "fc-lambda-sweep 1/"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!fs::read_to_string(folder.path().join("out/smoke/index.html")).unwrap().contains("in progress"));
    let plan = |profile| {
        let plan = ["plan", "--profile", profile, "--only", "guidance", "--json", "-s", "seeds=[0]"];
        let plan: serde_json::Value =
            serde_json::from_slice(&succeeded(&mut agon(folder.path(), &plan)).stdout).unwrap();
        plan["experiments"][0].clone()
    };
    let [quick, standard] = ["quick", "standard"].map(plan);
    assert!(quick["runs"].as_u64().unwrap() < standard["runs"].as_u64().unwrap());
    // CIFAR-10 is missing; the plan still estimates the time of its runs.
    assert!(
        standard["without_data"].as_u64() == Some(2) && standard["seconds_without_data"].as_f64() > Some(0.0)
    );
}
