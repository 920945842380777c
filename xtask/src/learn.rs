//! `cargo xtask learn`: the exercises of the book. The learner's own files are in `exercises/`, which git ignores.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::learn::{ALL, Exercise};
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use system::status;
use xshell::cmd;

use crate::repo::Repo;

/// The learner's files, and the names of solved exercises, one per line.
const FOLDER: &str = "exercises";
const SOLVED: &str = "exercises/solved.txt";

/// The time after which a check is stopped; one takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// The exit code of a program that panicked.
const PANICKED: i32 = 101;

/// What to do; without it, `list`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the exercises and which are solved
    List,
    /// Copy an exercise into exercises/
    Start(Which),
    /// Compile your file and check it
    Check {
        #[command(flatten)]
        which: Which,
        /// The seed of the inputs; another one each time by default
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Print a hint
    Hint {
        #[command(flatten)]
        which: Which,
        /// How many hints, from vague to concrete
        #[arg(default_value_t = 1)]
        count: usize,
    },
    /// Check each file in exercises/ whenever it is saved, until interrupted
    Watch,
}

#[derive(Debug, Args)]
struct Which {
    /// The number or the name of an exercise
    exercise: String,
}

impl Which {
    fn find(&self) -> anyhow::Result<&'static Exercise> {
        let number = self.exercise.parse::<usize>().ok();
        let is_it =
            |(place, one): &(usize, &Exercise)| number == Some(place + 1) || one.name == self.exercise;
        let found = ALL.iter().enumerate().find(is_it).map(|(_, one)| one);
        found.with_context(|| {
            format!(
                "expected 1 to {} or a name, got `{}`; `cargo xtask learn list`",
                ALL.len(),
                self.exercise
            )
        })
    }
}

/// The exit code of `check` is 1 if the exercise is not solved.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<ExitCode> {
    match options.action.as_ref().unwrap_or(&Action::List) {
        Action::List => list(repo),
        Action::Start(which) => start(repo, which.find()?)?,
        Action::Hint { which, count } => {
            let Exercise { name, hints, .. } = which.find()?;
            for (place, hint) in hints.iter().enumerate().take(*count) {
                status!("hint {} of {}: {hint}", place + 1, hints.len());
            }
            if *count < hints.len() {
                status!("`cargo xtask learn hint {name} {}` shows one more", count + 1);
            }
        }
        Action::Check { which, seed } => {
            let solved = check(repo, which.find()?, seed.unwrap_or_else(any_seed))?;
            return Ok(if solved { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Action::Watch => watch(repo)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Another seed each time, so that no solution fits one set of inputs only.
fn any_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64 % 1_000_000)
}

/// The learner's file.
fn file(repo: &Repo, exercise: &Exercise) -> PathBuf {
    repo.join(FOLDER).join(format!("{}.rs", exercise.name))
}

fn solved(repo: &Repo) -> Vec<String> {
    let text = repo.sh.read_file(SOLVED).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn list(repo: &Repo) {
    let solved = solved(repo);
    for (place, exercise) in ALL.iter().enumerate() {
        let state = match () {
            () if solved.iter().any(|name| name == exercise.name) => "solved",
            () if file(repo, exercise).is_file() => "started",
            () => "",
        };
        let Exercise { name, task, page, .. } = exercise;
        status!("{:2}  {name:17} {state:8} {task} (book/{page})", place + 1);
    }
}

fn start(repo: &Repo, exercise: &Exercise) -> anyhow::Result<()> {
    let file = file(repo, exercise);
    ensure!(!file.exists(), "{} exists; remove it to start again", file.display());
    repo.sh.write_file(&file, exercise.stub)?;
    let Exercise { name, task, page, .. } = exercise;
    status!("{}: {task}; read book/{page}, then `cargo xtask learn check {name}`", file.display());
    Ok(())
}

/// Compiles the learner's file together with the crate `learn`, in a package of its own, and runs its check. The program prints
/// the outcome; the result is whether the exercise is solved.
fn check(repo: &Repo, exercise: &Exercise, seed: u64) -> anyhow::Result<bool> {
    let file = file(repo, exercise);
    let name = exercise.name;
    ensure!(file.is_file(), "{} does not exist; `cargo xtask learn start {name}` writes it", file.display());
    // Not in the target folder that an environment variable may name: another checkout may use it too.
    let package = repo.join("target/learn").join(name);
    let manifest = package.join("Cargo.toml");
    repo.sh.write_file(&manifest, manifest_of(repo, name))?;
    let is_unchanged = repo.sh.read_file(&file)? == exercise.stub;
    let main = program(exercise, &file, seed, is_unchanged && name.starts_with("bug_"));
    repo.sh.write_file(package.join("main.rs"), main)?;
    let target = repo.join("target/learn/target");
    // The debug profile, since compiling takes most of the time.
    let build =
        cmd!(repo.sh, "cargo build --quiet --offline --manifest-path {manifest} --target-dir {target}");
    if build.quiet().run().is_err() {
        bail!("{} does not compile; the compiler's messages are above", file.display());
    }
    let program = target.join("debug").join(format!("exercise-{name}"));
    let again = format!("`cargo xtask learn check {name} --seed {seed}` repeats it");
    let Some((status, said)) = run_for(&program, PATIENCE)? else {
        bail!("{name}: no result after {} s; does a loop end? {again}", PATIENCE.as_secs());
    };
    match status.code() {
        Some(PANICKED) => {
            status!("{name}, seed {seed}: not yet: it panicked, with the message above; {again}")
        }
        _ => status!("{name}, seed {seed}: {}", said.trim()),
    }
    let mut names = solved(repo);
    names.retain(|known| known != name);
    if status.success() {
        names.push(name.to_owned());
    }
    repo.sh.write_file(SOLVED, names.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    Ok(status.success())
}

/// Runs a program, whose messages on standard error are shown, and returns its output; `None` if it was stopped after this time.
fn run_for(program: &Path, time: Duration) -> anyhow::Result<Option<(ExitStatus, String)>> {
    let mut child = Command::new(program).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("standard output is a pipe")?;
    // Read meanwhile: a pipe that is full would stop the program.
    let reader = spawn(move || {
        let mut said = Vec::new();
        output.read_to_end(&mut said).map(|_| String::from_utf8_lossy(&said).into_owned())
    });
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let said = reader.join().map_err(|_| anyhow::anyhow!("reading the output panicked"))??;
            return Ok(Some((status, said)));
        }
        if start.elapsed() > time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        sleep(Duration::from_millis(5));
    }
}

fn manifest_of(repo: &Repo, name: &str) -> String {
    let learn = repo.join("book/learn");
    format!(
        "[package]\nname = \"exercise-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [[bin]]\nname = \"exercise-{name}\"\npath = \"main.rs\"\n\n\
         [dependencies]\nlearn = {{ path = {:?} }}\n\n[workspace]\n",
        learn.display().to_string()
    )
}

/// The program that checks the learner's file.
fn program(exercise: &Exercise, file: &Path, seed: u64, is_unchanged: bool) -> String {
    let Exercise { module, function, .. } = exercise;
    format!(
        "#[path = {:?}]\nmod yours;\n\nfn main() -> std::process::ExitCode {{\n    \
         learn::judge(learn::{module}::check(yours::{function}, {seed}), {is_unchanged})\n}}\n",
        file.display().to_string()
    )
}

fn watch(repo: &Repo) -> anyhow::Result<()> {
    let saved = |exercise| fs::metadata(file(repo, exercise)).and_then(|data| data.modified()).ok();
    // Solved ones are checked when they are saved again.
    let mut seen: BTreeMap<&str, SystemTime> = BTreeMap::new();
    for exercise in ALL.iter().filter(|one| solved(repo).iter().any(|name| name == one.name)) {
        seen.extend(saved(exercise).map(|saved| (exercise.name, saved)));
    }
    status!("checks files in {FOLDER}/ when they are saved; Ctrl-C ends it");
    loop {
        for exercise in &ALL {
            let Some(saved) = saved(exercise) else { continue };
            if seen.insert(exercise.name, saved) != Some(saved)
                && let Err(error) = check(repo, exercise, any_seed())
            {
                status!("{error:#}");
            }
        }
        sleep(Duration::from_millis(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with nothing but the crate of the exercises and its workspace.
    fn checkout() -> (tempfile::TempDir, Repo) {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(folder.path()).unwrap();
        let ours = Repo::of_this_program().unwrap();
        let manifest = ours.sh.read_file("book/learn/Cargo.toml").unwrap();
        let own = manifest.lines().filter(|line| !line.contains("workspace"));
        let own: String = own.filter(|line| *line != "[lints]").map(|line| format!("{line}\n")).collect();
        repo.sh
            .write_file(
                "book/learn/Cargo.toml",
                own.replace("[package]\n", "[package]\nedition = \"2024\"\n"),
            )
            .unwrap();
        for part in ["src", "stubs", "solutions"] {
            for source in ours.sh.read_dir(format!("book/learn/{part}")).unwrap() {
                let name = source.file_name().unwrap().to_owned();
                let text = ours.sh.read_file(&source).unwrap();
                repo.sh.write_file(repo.join("book/learn").join(part).join(name), text).unwrap();
            }
        }
        (folder, repo)
    }

    #[test]
    fn a_started_exercise_fails_until_it_is_solved_and_progress_is_kept() {
        let (_folder, repo) = checkout();
        let exercise = Which { exercise: "2".into() }.find().unwrap();
        assert!(check(&repo, exercise, 1).unwrap_err().to_string().contains("learn start walk"));
        start(&repo, exercise).unwrap();
        assert!(start(&repo, exercise).unwrap_err().to_string().contains("remove it to start again"));
        assert!(!check(&repo, exercise, 1).unwrap() && solved(&repo).is_empty());
        let solution = repo.sh.read_file("book/learn/solutions/walk.rs").unwrap();
        repo.sh.write_file(file(&repo, exercise), &solution).unwrap();
        assert!(check(&repo, exercise, 1).unwrap() && check(&repo, exercise, 2).unwrap());
        assert_eq!(solved(&repo), ["walk"]);
        repo.sh.write_file(file(&repo, exercise), solution.replace("fn backward", "fn forward")).unwrap();
        assert!(check(&repo, exercise, 1).unwrap_err().to_string().contains("does not compile"));
    }

    #[test]
    fn an_endless_program_is_stopped_and_output_and_status_are_returned() {
        let script = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("program");
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
            (folder, path)
        };
        let (_folder, endless) = script("while true; do sleep 1; done");
        assert!(run_for(&endless, Duration::from_millis(200)).unwrap().is_none());
        let (_folder, failing) = script("echo not yet; exit 1");
        let (status, said) = run_for(&failing, PATIENCE).unwrap().unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(1), "not yet\n"));
    }

    #[test]
    fn a_panic_and_a_broken_solution_are_not_solved() {
        let (_folder, repo) = checkout();
        let exercise = Which { exercise: "walk".into() }.find().unwrap();
        let solution = repo.sh.read_file("book/learn/solutions/walk.rs").unwrap();
        repo.sh.write_file(file(&repo, exercise), &solution).unwrap();
        assert!(check(&repo, exercise, 1).unwrap());
        assert_eq!(solved(&repo), ["walk"]);
        let panics = solution.replace("gradients[loss] = 1.0;", "gradients[nodes.len()] = 1.0;");
        assert_ne!(panics, solution);
        repo.sh.write_file(file(&repo, exercise), panics).unwrap();
        assert!(!check(&repo, exercise, 1).unwrap() && solved(&repo).is_empty());
    }

    #[test]
    fn exercises_are_found_by_number_and_name() {
        let find = |exercise: &str| Which { exercise: exercise.into() }.find();
        assert_eq!(find("1").unwrap().name, find("tanh").unwrap().name);
        assert!(find("0").is_err() && find("99").is_err());
        assert!(find("tan").unwrap_err().to_string().contains("expected 1 to 26 or a name, got `tan`"));
    }
}
