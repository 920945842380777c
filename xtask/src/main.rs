//! `cargo xtask`: what people and CI call to set up, reproduce, test, check and compare this project.

#![forbid(unsafe_code)]

mod args;
mod repo;

mod setup;

mod reproduce;
mod test;

mod ci;
mod tidy;
mod mutants;
mod prove;
mod gpu;
mod kernels;

mod book;
mod peers;

use std::ffi::OsString;
use std::process::ExitCode;

use system::terminal::{notes, tell};

use args::Usage;
use repo::Repo;

/// One thing that `cargo xtask` can do.
struct Command {
    name: &'static str,
    arguments: &'static str,
    what: &'static str,
    run: fn(&Repo, &[OsString]) -> anyhow::Result<ExitCode>,
}

const COMMANDS: [Command; 12] = [
    Command {
        name: "setup",
        arguments: "",
        what: "check the compilers and put cmake into .tools (the others call it when needed)",
        run: setup::run,
    },
    Command {
        name: "reproduce",
        arguments: "[ARGUMENT...]",
        what: "build the program `agon` and run `agon reproduce ARGUMENT...`",
        run: reproduce::run,
    },
    Command {
        name: "test",
        arguments: "[ARGUMENT...]",
        what: "run all tests: `cargo test --release --workspace ARGUMENT...`",
        run: test::run,
    },
    Command {
        name: "ci",
        arguments: "",
        what: "run everything that must pass, cheapest first; stops at the first failure",
        run: ci::run,
    },
    Command {
        name: "tidy",
        arguments: "",
        what: "check the house rules that the compiler does not know",
        run: tidy::run,
    },
    Command {
        name: "kernels",
        arguments: "[--install]",
        what: "compile the CUDA kernels into target/kernels, without a GPU; fails if a hot one spills",
        run: kernels::run,
    },
    Command {
        name: "gpu",
        arguments: "[OPTION...]",
        what: "ask a GPU everything: tests, checkers, side by side with PyTorch; `gpu --help` lists the options",
        run: gpu::run,
    },
    Command {
        name: "mutants",
        arguments: "[--only TEXT]",
        what: "plant gradient bugs in a copy, one at a time; fails if the tests miss one",
        run: mutants::run,
    },
    Command {
        name: "prove",
        arguments: "[OPTION...]",
        what: "run the reliability programme R1 to R22 and write its card; `prove --help` lists the options",
        run: prove::run,
    },
    Command {
        name: "address-sanitizer",
        arguments: "",
        what: "run the tests of the crate with unsafe code under AddressSanitizer",
        run: prove::address_sanitizer,
    },
    Command {
        name: "book",
        arguments: "",
        what: "redraw a figure from HDF5 in Python, without our code (`book/`); needs a network once",
        run: book::run,
    },
    Command {
        name: "peers",
        arguments: "[OPTION...]",
        what: "time our training step beside PyTorch's; `peers --help` lists the options",
        run: peers::run,
    },
];

/// Exit codes: 0 good, 1 a failure, 2 a call that makes no sense; `reproduce` passes on the code of `agon`.
fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) if error.is::<Usage>() => {
            notes(&format!("error: {error}"));
            ExitCode::from(2)
        }
        Err(error) => {
            notes(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Usage(format!("no command\n\n{}", usage())).into());
    };
    let name = name.to_string_lossy();
    if matches!(&*name, "help" | "--help" | "-h") {
        tell(&usage());
        return Ok(ExitCode::SUCCESS);
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(&Repo::of_this_program(), rest),
        None => Err(unknown(&name).into()),
    }
}

fn unknown(name: &str) -> Usage {
    match args::nearest(name, COMMANDS.iter().map(|command| command.name)) {
        Some(near) => Usage(format!("no command `{name}`; did you mean `cargo xtask {near}`?")),
        None => Usage(format!("no command `{name}`\n\n{}", usage())),
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n\n");
    for Command { name, arguments, what, .. } in &COMMANDS {
        text += &format!("  {:24} {what}\n", format!("{name} {arguments}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[&str]) -> anyhow::Result<ExitCode> {
        dispatch(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_names_the_nearest_one() {
        let error = call(&["reproduse"]).unwrap_err();
        assert!(error.is::<Usage>());
        assert_eq!(error.to_string(), "no command `reproduse`; did you mean `cargo xtask reproduce`?");
    }

    #[test]
    fn a_far_off_or_missing_command_is_answered_with_the_usage() {
        for arguments in [&["frobnicate"][..], &[]] {
            let error = call(arguments).unwrap_err();
            assert!(error.is::<Usage>());
            assert!(error.to_string().contains(&usage()), "{error}");
        }
    }

    #[test]
    fn commands_without_arguments_refuse_them() {
        for name in ["setup", "ci", "tidy"] {
            let error = call(&[name, "--fast"]).unwrap_err();
            assert!(error.is::<Usage>(), "{error}");
        }
    }

    #[test]
    fn the_usage_names_every_command() {
        assert!(COMMANDS.iter().all(|command| usage().contains(&format!("\n  {}", command.name))));
    }
}
