//! Tests of invalid commands: each message is a sentence, and each exit code is in the table.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use system::exit::ExitStatus;

/// The exit code and the message of a command in this folder.
fn ended(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_agon"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AGON_DATA")
        .env_remove("XDG_CACHE_HOME")
        .env("HOME", "/dev/null/nonexistent")
        .output()
        .unwrap();
    let text =
        String::from_utf8(if output.stderr.is_empty() { output.stdout } else { output.stderr }).unwrap();
    (output.status.code().unwrap(), text)
}

fn refused(folder: &Path, arguments: &[&str], message: &str) {
    let (code, text) = ended(folder, arguments);
    assert_eq!(code, i32::from(ExitStatus::Usage.code()), "{arguments:?}: {text}");
    assert!(text.contains(message), "{arguments:?}: {text}");
}

#[test]
fn a_value_of_another_type_is_refused_with_its_key_and_its_range() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (setting, message) in [
        ("lambda=abc", "`learner.lambda` is \"abc\": expected a number from 0 to 1"),
        ("lambda=[0.5]", "`learner.lambda` is a list: expected a number from 0 to 1"),
        ("latent=1.5", "`learner.model.latent` is 1.5: expected an integer from 1 to 65536"),
        ("epochs=-1", "`epochs` is -1: expected an integer from 0 to"),
        ("batch=many", "`batch` is \"many\": expected an integer from 1"),
        ("learner.labelled=many", "`learner.labelled` is \"many\": expected a non-negative integer"),
        ("learner.mixing=3", "`learner.mixing` is 3: expected a table, as in `learner.mixing.KEY=VALUE`"),
        ("data.changes=1", "`data.changes` is 1: expected a list"),
        ("optimiser=3", "`optimiser` is 3: expected a table"),
        ("learner=null", "`learner` is \"null\": expected a table"),
        ("lambda=0,1", "`lambda=0,1` has 2 values: expected one; `"),
        ("seed=3", "give it as `--seed 3`"),
    ] {
        refused(folder, &["train", "--model", "fc-s", setting], message);
    }
    refused(folder, &["train", "--model", "cnn-s", "latent=8"], "did you mean `latent_channels`?");
    for (value, message) in [
        ("seeds=3", "`seeds` is 3: expected a list, as in `[3]`"),
        ("seeds=[0, 1.5]", "`seeds` has the value 1.5: expected a non-negative integer"),
        ("lambdas=[a]", "is not a value for lambdas"),
        ("families.*.epochs=many", "`families.*.epochs` is \"many\": expected an integer"),
    ] {
        refused(folder, &["plan", "--profile", "smoke", "--only", "fc-lambda-sweep", "-s", value], message);
    }
    std::fs::write(folder.join("run.toml"), "[learner]\nkind = \"cre\"\nlambda = \"x\"\n").unwrap();
    refused(folder, &["train", "--config", "run.toml"], "`learner.lambda` is \"x\": expected a number");
    std::fs::write(folder.join("run.toml"), "batch = \"x\"\n").unwrap();
    let message = "`batch` is \"x\": expected a non-negative integer";
    refused(folder, &["train", "--model", "fc-s", "--config", "run.toml"], message);
    assert!(!folder.join("out").exists());
}

#[test]
fn sides_of_images_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for side in ["0", "1025", "x"] {
        for command in
            [&["train", "--images", "."][..], &["advise", "--data", "."], &["eval", "a", "--images", "."]]
        {
            refused(folder, &[command, &["--side", side]].concat(), "expected an integer from 1 to 1024");
        }
    }
    refused(folder, &["train", "--threads", "0"], "expected an integer of at least 1");
}

/// The program, its help and the book have one table.
#[test]
fn the_documented_exit_codes_are_those_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (_, help) = ended(folder.path(), &["--help"]);
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/commands.md");
    let book = std::fs::read_to_string(book).unwrap();
    for status in ExitStatus::ALL {
        let (code, meaning) = (status.code(), status.meaning());
        assert!(help.contains(&format!("  {code}  {meaning}\n")), "{help}");
        assert!(book.contains(&format!("| {code} | {meaning} |\n")), "{code}");
    }
    // The messages of this program name it as it was called.
    let (code, text) = ended(folder.path(), &["runs"]);
    assert!(code == 0 && text.contains(&format!("`{} reproduce`", env!("CARGO_BIN_EXE_agon"))), "{text}");
}
